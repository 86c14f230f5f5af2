//! `cpu.system_call`: what it costs to enter the kernel and come back, and what the clock costs without.
//!
//! Method: one pinned thread calls `getppid` straight (no cache of the C library in between), as lmbench's
//! `lat_syscall null`; beside it calls that do a little work (one byte from `/dev/zero`, one to `/dev/null`, `stat`,
//! `open` and `close`), and the clock, once as programs read it (vDSO: no call where the clock source allows it) and
//! once by a real call. Each pass counts; a round counts with its best, since nothing makes a call faster than it is.
//!
//! What would make the number wrong: a call that the C library answers itself; a seccomp filter or a tracer, which
//! looks at each call (a filter is noted); an emulated kernel (gVisor), whose cost it then is. Every answer is checked.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::{Stopwatch, Team, passes, short};
use crate::kernel::call::{Call, Caller};
use crate::{Context, Probe, ProbeError};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "null system call: `getppid`");
const CLOCK: MetricDef = MetricDef::floor("clock", Unit::Seconds, "reading the clock as programs do");
const CLOCK_CALL: MetricDef = MetricDef::floor("clock_call", Unit::Seconds, "reading the clock by a system call");
const READ: MetricDef = MetricDef::floor("read", Unit::Seconds, "one byte from `/dev/zero`");
const WRITE: MetricDef = MetricDef::floor("write", Unit::Seconds, "one byte to `/dev/null`");
const STAT: MetricDef = MetricDef::floor("stat", Unit::Seconds, "`stat` of a folder");
const OPEN: MetricDef = MetricDef::floor("open", Unit::Seconds, "`open` and `close` of a device");

/// Rows: the metric and its call.
const ROWS: [(MetricDef, Call); 7] = [
    (LATENCY, Call::Null),
    (CLOCK, Call::Clock),
    (CLOCK_CALL, Call::ClockCall),
    (READ, Call::Read),
    (WRITE, Call::Write),
    (STAT, Call::Stat),
    (OPEN, Call::Open),
];
/// Calls with which calibration begins.
const FIRST: u64 = 100;
/// A clock that costs more than this share of a real call is read by one.
const BY_CALL: f64 = 0.7;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.system_call",
        summary: "What it costs to call the kernel: the null call, small ones, and the clock with and without.",
        method: 1,
        about: "One pinned thread calls `getppid` straight, as lmbench's `lat_syscall null`; beside it one-byte reads \
                and writes, `stat`, `open` and `close`, and the clock as programs read it (no call where the vDSO can) \
                and by a real call. Every answer is checked. The number is wrong when the C library answers without a \
                call; a seccomp filter or a tracer makes every call slower, and a filter is noted.",
        params: &[],
        metrics: &[LATENCY, CLOCK, CLOCK_CALL, READ, WRITE, STAT, OPEN],
        round_seconds: 0.4,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(_: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let missing = |error: std::io::Error| {
        let reason = format!("`/dev/zero` or `/dev/null` cannot be opened: {error}");
        Skip::new(SkipKind::Platform, reason, "mount a `/dev` with its usual devices")
    };
    Caller::new().map_err(missing)?;
    let mut team = Team::new(1, |_| Ok(Caller::new()?))?;
    passes::note_placement(cx, &team);
    let mut best = [f64::INFINITY; ROWS.len()];
    for (row, (metric, call)) in ROWS.into_iter().enumerate() {
        let taken = short::take(cx, FIRST, |count| {
            let results = team.each(|_, caller| {
                let clock = Stopwatch::start();
                let outcome = caller.run(call, count);
                let took = clock.stop();
                outcome.map(|()| took)
            })?;
            results[0].map_err(|wrong| ProbeError::verification(wrong.to_string()))
        })?;
        let each = taken.each();
        best[row] = each.iter().copied().fold(f64::INFINITY, f64::min);
        cx.record_all(&metric, &each);
    }
    if let Some(note) = clock_remark(best[1], best[2]) {
        cx.note(note);
    }
    if let Some(note) = filter_remark(&std::fs::read_to_string("/proc/self/status").unwrap_or_default()) {
        cx.note(note);
    }
    Ok(())
}

/// Says so where programs read the clock by a system call.
fn clock_remark(clock: f64, call: f64) -> Option<String> {
    let slow = clock > BY_CALL * call;
    slow.then(|| "the clock is read by a system call: this clock source has no fast path for programs".to_owned())
}

/// Says so where a filter looks at each call.
fn filter_remark(status: &str) -> Option<String> {
    let value = |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    let filters = value("Seccomp_filters:").unwrap_or_else(|| "some".to_owned());
    (value("Seccomp:")? == "2").then(|| format!("a seccomp filter looks at every call ({filters}): calls cost more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_call_has_a_possible_cost() {
        let possible = ROWS.map(|(metric, _)| (metric.id, 1e-9..1e-2));
        let (records, _) = round_within(&PROBE, &[], &possible).unwrap();
        for (metric, _) in ROWS {
            let costs = values(&records, metric.id);
            // From a nanosecond (a clock is read without a call) to ten milliseconds on a machine with much to do.
            assert!(costs.iter().all(|cost| (1e-9..1e-2).contains(cost)), "{}: {costs:?}", metric.id);
        }
    }

    #[test]
    fn what_makes_calls_slow_is_noted() {
        assert!(clock_remark(90e-9, 100e-9).is_some() && clock_remark(20e-9, 100e-9).is_none());
        let filtered = "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t3\n";
        assert!(filter_remark(filtered).unwrap().contains("(3)"));
        assert_eq!(filter_remark("Seccomp:\t0\nSeccomp_filters:\t0\n"), None);
        assert_eq!(filter_remark(""), None);
    }
}
