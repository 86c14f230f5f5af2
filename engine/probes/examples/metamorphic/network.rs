//! Messages and connections on loopback.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::{ArgValue, Args};
use engine_probes::network::{connect, latency};
use engine_probes::{Context, ProbeError, registry};

use crate::{Any, DOUBLE, SLOWED, race, say};

/// Messages and connections: the samples of a round together, since its set-up is not what is measured. Both sides are
/// on one CPU, where no time depends on how deep another sleeps.
pub(crate) fn network(samples: usize) -> Any<()> {
    for transport in ["tcp", "udp", "unix", "unix_datagram", "pipe"] {
        let total = |messages: u64, delay: Duration| {
            let given = [("transport", transport.to_owned()), ("messages", messages.to_string())];
            samples_of("network.latency", "rtt", &given, |args, cx| latency::slowed(args, cx, delay))
                .map(|times| times.iter().sum::<f64>())
        };
        let [one, two] = race(samples, |side| total(500 << side, Duration::ZERO))?;
        say(&format!("network.latency {transport}: twice the work"), two / one, DOUBLE);
        let delay = Duration::from_secs_f64(one / 500.0 / 2.0);
        let [plain, slowed] = race(samples, |side| total(500, delay * side))?;
        say(&format!("network.latency {transport}: slowed by half"), slowed / plain, SLOWED);
    }
    for transport in ["tcp", "unix"] {
        let [one, two] = race(samples, |side| {
            let given = [("transport", transport.to_owned()), ("connections", (300 << side).to_string())];
            samples_of("network.connect", "cycle", &given, connect::PROBE.run).map(|times| times.iter().sum::<f64>())
        })?;
        say(&format!("network.connect {transport}: twice the work"), two / one, DOUBLE);
    }
    Ok(())
}

/// The samples of one metric from a round on one CPU.
fn samples_of(
    id: &str,
    metric: &str,
    given: &[(&str, String)],
    run: impl FnOnce(&Args, &mut Context<'_>) -> Result<(), ProbeError>,
) -> Any<Vec<f64>> {
    let probe = registry::find(id).ok_or("no such probe")?;
    let same = ("placement", "same".to_owned());
    let given = given.iter().chain([&same]).map(|(name, text)| ((*name).to_owned(), ArgValue::Text(text.clone())));
    let args = probe.info.args(&given.collect(), false)?;
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(60), 1, 1, false);
    run(&args, &mut cx)?;
    let records = cx.finish().0;
    Ok(records.into_iter().filter(|record| record.metric.id == metric).flat_map(|record| record.values).collect())
}
