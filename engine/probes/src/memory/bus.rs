//! What was measured beside what the memory's bus can carry, where the firmware tells (see [`smbios`]).

use engine_core::metric::MetricDef;
use engine_core::unit::Unit;
use std::path::Path;

use crate::host::smbios;
use crate::{Context, ProbeError};

/// What the bus carries at most.
pub(super) const LIMIT: MetricDef = MetricDef::fact(
    "bus_limit",
    Unit::BytesPerSecond,
    "what the memory's bus carries at most, where the firmware tells",
);
/// The share of it that was reached.
pub(super) const SHARE: MetricDef = MetricDef::rate("bus_share", Unit::Ratio, "share of the bus limit, as counted");

/// A share that no clock's error explains.
const IMPOSSIBLE: f64 = 1.02;

/// The limit of this machine's bus.
pub(super) fn limit() -> Option<f64> {
    smbios::modules(Path::new("/")).known().and_then(|modules| smbios::bus_limit(modules))
}

/// Records limit and share, where there is a limit. What is counted is what the program asks for, at most what
/// crosses the bus, so that a share above one is impossible unless caches take part.
///
/// # Errors
/// When more was measured than the bus can carry, of regions that are no cache's.
pub(super) fn record(
    cx: &mut Context<'_>,
    rates: &[f64],
    limit: Option<f64>,
    caches_take_part: bool,
) -> Result<(), ProbeError> {
    let Some(limit) = limit.filter(|limit| *limit > 0.0) else { return Ok(()) };
    let best = rates.iter().copied().fold(0.0, f64::max);
    if best > IMPOSSIBLE * limit && !caches_take_part {
        let show = |rate| Unit::BytesPerSecond.format(rate);
        return Err(ProbeError::verification(format!(
            "{} were measured, and the memory's bus carries {} at most: the regions were not read from memory, or the \
             clock is wrong",
            show(best),
            show(limit)
        )));
    }
    cx.record(&LIMIT, limit);
    cx.record_all(&SHARE, &rates.iter().map(|rate| rate / limit).collect::<Vec<_>>());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::values;
    use engine_core::step::FailureKind;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    /// Shares of rates in GB/s on a bus of 96.
    fn shares(rates: &[f64], limit: Option<f64>, caches_take_part: bool) -> Result<Vec<f64>, ProbeError> {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, Instant::now(), 1, 0, true);
        let rates: Vec<f64> = rates.iter().map(|rate| rate * 1e9).collect();
        record(&mut cx, &rates, limit, caches_take_part)?;
        let (records, _) = cx.finish();
        assert_eq!(values(&records, "bus_limit"), limit.into_iter().collect::<Vec<_>>());
        Ok(values(&records, "bus_share"))
    }

    #[test]
    fn the_share_of_the_bus_is_recorded() {
        assert_eq!(shares(&[48.0, 72.0], Some(96e9), false).unwrap(), [0.5, 0.75]);
        assert_eq!(shares(&[97.0], Some(96e9), false).unwrap().len(), 1, "the clock may be off by a little");
        assert_eq!(shares(&[48.0], None, false).unwrap(), [0.0; 0]);
    }

    #[test]
    fn more_than_the_bus_carries_is_refused() {
        let refused = shares(&[48.0, 99.0], Some(96e9), false).unwrap_err();
        assert!(matches!(&refused, ProbeError::Failed(failure) if failure.kind == FailureKind::Verification));
        assert!(
            shares(&[200.0], Some(96e9), true).is_ok(),
            "a cache may well be faster, and that is flagged by itself"
        );
    }
}
