//! Timed passes of a team over memory, with the page faults in them counted.

use std::sync::atomic::{AtomicU64, Ordering};

use engine_core::unit::Unit;

use crate::harness::{Team, faults, passes};
use crate::{Context, ProbeError};

/// What a page fault costs at least; on most machines it is several times as much.
const FAULT: f64 = 1e-7;
/// The share of the time that faults may take before the result is flagged.
const TOLERATED: f64 = 0.005;

/// Takes the passes of a round (see [`passes::take`]) of `job`, which runs so many iterations. Faults are counted
/// around each pass and outside its time.
///
/// # Errors
/// As [`passes::take`].
pub(super) fn take<S: 'static>(
    cx: &mut Context<'_>,
    team: &mut Team<S>,
    first: u64,
    job: impl Fn(u64, usize, &mut S) + Sync,
) -> Result<passes::Passes, ProbeError> {
    let (mut faulted, mut seconds) = (0, 0.0);
    let taken = passes::take(cx, first, |iterations| {
        let before = counted(team)?;
        let took = team.time(|worker, state| job(iterations, worker, state))?.wall();
        faulted += counted(team)?.saturating_sub(before);
        seconds += took.as_secs_f64();
        Ok(took)
    })?;
    flag(cx, faulted, seconds);
    Ok(taken)
}

/// Page faults of all workers so far.
fn counted<S: 'static>(team: &mut Team<S>) -> Result<u64, ProbeError> {
    let sum = AtomicU64::new(0);
    team.time(|_, _| {
        sum.fetch_add(faults::of_thread(), Ordering::Relaxed);
    })?;
    Ok(sum.into_inner())
}

/// Flags a result whose time went into page faults to a degree that shows.
fn flag(cx: &mut Context<'_>, faulted: u64, seconds: f64) {
    let share = faulted as f64 * FAULT / seconds.max(1e-9);
    if share > TOLERATED {
        cx.note(format!(
            "{faulted} page faults lie within the timed passes and take at least {} of their time: memory was \
             first touched, moved or merged meanwhile",
            Unit::Ratio.format(share)
        ));
        cx.mark("page_faults", "true");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Buffer, Pages};
    use engine_core::metric::MetricDef;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "");
    const BYTES: usize = 4 << 20;

    /// Notes and marks of passes over memory that is touched before, or by each pass anew.
    fn touched(before: bool) -> (String, bool) {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 1, 0, true);
        let fresh = || Buffer::map(BYTES, Pages::Small, u64::MAX).unwrap();
        let mut team = Team::new(1, move |_| {
            let mut buffer = fresh();
            buffer.touch();
            Ok(buffer)
        })
        .unwrap();
        let taken = take(&mut cx, &mut team, 1, |iterations, _, buffer: &mut Buffer| {
            for _ in 0..iterations {
                if before { buffer.touch() } else { fresh().touch() }
            }
        })
        .unwrap();
        cx.record_all(&TIME, &taken.seconds);
        let (records, notes) = cx.finish();
        (notes.join("; "), records[0].labels.get("page_faults") == Some("true"))
    }

    #[test]
    fn first_touches_within_the_time_are_flagged_and_others_are_not() {
        let (note, marked) = touched(false);
        assert!(note.contains("page faults lie within the timed passes") && marked, "{note}");
        assert_eq!(touched(true), (String::new(), false));
    }
}
