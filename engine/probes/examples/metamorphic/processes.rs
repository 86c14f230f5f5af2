//! Starts of processes.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_probes::Context;
use engine_probes::tool::spawn;

use crate::{Any, DOUBLE, SLOWED, say};

/// Starts of one side; whole fifths, so that the slowest fifth of two sides is the same share of each.
const STARTS: u64 = 25;

/// `tool.spawn` as it is, with its own times: twice as many starts, and as many with a delay planted in each. Both sides are
/// rounds in this process, which take turns; the median of the ratios within pairs counts, as the median of its samples does.
pub(crate) fn processes(samples: usize) -> Any<()> {
    let double = ratio(samples, || starts(STARTS, Duration::ZERO), || starts(2 * STARTS, Duration::ZERO))?;
    say("tool.spawn: twice the work", double, DOUBLE);
    let once = starts(STARTS, Duration::ZERO)? / (STARTS - STARTS / 5) as f64;
    let half = Duration::from_secs_f64(once / 2.0);
    let slowed = ratio(samples, || starts(STARTS, Duration::ZERO), || starts(STARTS, half))?;
    say("tool.spawn: slowed by half", slowed, SLOWED);
    Ok(())
}

/// The median ratio of two sides within pairs. Whichever comes second has the warmer caches, so they change places.
fn ratio(pairs: usize, one: impl Fn() -> Any<f64>, other: impl Fn() -> Any<f64>) -> Any<f64> {
    let mut ratios = Vec::new();
    for pair in 0..pairs.max(1) {
        ratios.push(if pair % 2 == 0 {
            let first = one()?;
            other()? / first
        } else {
            let first = other()?;
            first / one()?
        });
    }
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[ratios.len() / 2])
}

/// Seconds of so many starts together, without the slowest fifth: those met something else.
fn starts(count: u64, delay: Duration) -> Any<f64> {
    let given = BTreeMap::from([("samples".to_owned(), ArgValue::Text(count.to_string()))]);
    let args = spawn::PROBE.info.args(&given, false)?;
    let scratch = std::env::temp_dir().join(format!("engine-metamorphic-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(&scratch, &cancel, Instant::now() + Duration::from_secs(60), 1, 1, false);
    let outcome = spawn::slowed(&args, &mut cx, delay);
    // Whatever happened, the folder goes.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome?;
    let (records, _) = cx.finish();
    let times = records.into_iter().find(|record| record.metric.id == "latency").map(|record| record.values);
    let mut times = times.ok_or("tool.spawn recorded no latency")?;
    times.sort_by(f64::total_cmp);
    Ok(times[..times.len() - times.len() / 5].iter().sum())
}
