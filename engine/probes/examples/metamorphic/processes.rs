//! Starts of processes.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_probes::{Context, registry};

use crate::{Any, DOUBLE, SLOWED, say};

/// `tool.spawn` as it is, with its own times. What a start costs differs from process to process, so both sides are
/// rounds in this one, which take turns; the median of the ratios within pairs counts, as the median of its samples does.
pub(crate) fn processes(samples: usize) -> Any<()> {
    const STARTS: u64 = 24;
    for (name, more, bounds) in [("twice the work", 2 * STARTS, DOUBLE), ("slowed by half", STARTS * 3 / 2, SLOWED)] {
        let mut ratios = Vec::new();
        for pair in 0..samples.max(1) {
            // Whichever side comes second has the warmer caches.
            let (one, two) = if pair % 2 == 0 {
                let one = starts(STARTS)?;
                (one, starts(more)?)
            } else {
                let two = starts(more)?;
                (starts(STARTS)?, two)
            };
            ratios.push(two / one);
        }
        ratios.sort_by(f64::total_cmp);
        say(&format!("tool.spawn: {name}"), ratios[ratios.len() / 2], bounds);
    }
    Ok(())
}

/// Seconds of so many starts together, without the slowest fifth: those met something else.
fn starts(count: u64) -> Any<f64> {
    let probe = registry::find("tool.spawn").ok_or("no tool.spawn")?;
    let given = BTreeMap::from([("samples".to_owned(), ArgValue::Text(count.to_string()))]);
    let args = probe.info.args(&given, false)?;
    let scratch = std::env::temp_dir().join(format!("engine-metamorphic-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(&scratch, &cancel, Instant::now() + Duration::from_secs(60), 1, 1, false);
    let outcome = (probe.run)(&args, &mut cx);
    // Whatever happened, the folder goes.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome?;
    let (records, _) = cx.finish();
    let times = records.into_iter().find(|record| record.metric.id == "latency").map(|record| record.values);
    let mut times = times.ok_or("tool.spawn recorded no latency")?;
    times.sort_by(f64::total_cmp);
    Ok(times[..times.len() - times.len() / 5].iter().sum())
}
