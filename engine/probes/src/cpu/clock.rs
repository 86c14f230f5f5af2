//! `cpu.clock`: the clock at which a core really runs, beside the counter (TSC) and what the system declares.
//!
//! Method: a chain of dependent additions, one cycle each on every core we know (as lmbench's `mhz`); its best slice of a
//! tenth of a millisecond is the clock. The core first idles for 20 ms, so that the slices after it show the ramp of the first
//! 50 ms: `start`, the best of each span, and `settling`, the time until the clock is within 2 % of the best. In the same
//! time the counter is read at both ends.
//!
//! What would make the number wrong: additions that are folded or executed several in a cycle (they are of two registers,
//! and their sum is checked by a test); interruptions, which only slow slices; a hypervisor that runs others, which `start`
//! and the ramp show as a slow clock. The session's witness is the same chain: a clock that is throttled during a round
//! taints it.

use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use crate::harness::sentinel::{Slice, slices};
use crate::harness::{Moment, Placement, Team};
use crate::host::nominal::declared_clocks;
use crate::{Context, Probe, ProbeError};

const IDLE: ParamDef = ParamDef {
    name: "idle",
    kind: ParamKind::Time { min: 0.0, max: 10.0 },
    default: Some("20 ms"),
    tiny: Some("1 ms"),
    doc: "how long the core idles before the ramp",
};

const CLOCK: MetricDef = MetricDef::rate("clock", Unit::Hertz, "the measured clock, best slice");
const COUNTER: MetricDef = MetricDef::fact("counter", Unit::Hertz, "the rate of the time stamp counter");
const RATIO: MetricDef = MetricDef::rate("ratio", Unit::Ratio, "measured clock over the counter's rate");
const START: MetricDef = MetricDef::fact("start", Unit::Hertz, "the clock of the first slice after idling");
const RAMP: MetricDef = MetricDef::fact("ramp", Unit::Hertz, "the best clock up to a time after idling");
const SETTLING: MetricDef = MetricDef::floor("settling", Unit::Seconds, "until the clock is within 2 % of its best");
const DECLARED: MetricDef = MetricDef::fact("declared", Unit::Hertz, "what the system says, by source");

/// Ends of the spans of the ramp, in milliseconds.
const SPANS: [u32; 6] = [1, 2, 5, 10, 20, 50];
/// A slice lasts about a tenth of a millisecond at 3 GHz, and less on faster clocks.
const SLICES: usize = 1_000;
/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.clock",
        summary: "The clock that a core really has, its ramp after idling, the counter's rate and what is declared.",
        method: 1,
        about: "Times a chain of dependent additions, one cycle each, in slices of a tenth of a millisecond over the first \
                50 ms after the core has idled; the best slice is `clock`. The time stamp counter is read beside it, and \
                declared clocks are read from cpufreq and `/proc/cpuinfo` where they exist. The number is wrong when \
                additions are folded, which the chain of two registers prevents, or when something else ran in every slice.",
        params: &[IDLE],
        metrics: &[CLOCK, COUNTER, RATIO, START, RAMP, SETTLING, DECLARED],
        round_seconds: 0.08,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// What the worker saw.
struct Seen {
    start: Moment,
    slices: Vec<Slice>,
    counter: Option<f64>,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let mut team = Team::new(1, |_| Ok(()))?;
    let idle = Duration::from_secs_f64(args.number(IDLE.name));
    let count = if cx.tiny { 50 } else { SLICES };
    let span = Duration::from_millis(if cx.tiny { 5 } else { u64::from(SPANS[SPANS.len() - 1]) });
    cx.check()?;
    let seen = team.each(|_, ()| {
        let mut buffer = vec![Slice::default(); count];
        std::thread::sleep(idle);
        let (start, before) = (Moment::now(), counter());
        let taken = slices(&mut buffer, span);
        let (end, after) = (Moment::now(), counter());
        buffer.truncate(taken);
        let seconds = end.since(start).as_secs_f64().max(1e-9);
        let counter = before.zip(after).map(|(before, after)| after.wrapping_sub(before) as f64 / seconds);
        Seen { start, slices: buffer, counter }
    })?;
    let Some(seen) = seen.into_iter().next() else { return Err(ProbeError::failed("the worker left no result")) };
    record(cx, &seen)?;
    let cpu = match team.placement() {
        [Placement::Pinned(cpu)] => *cpu,
        _ => 0,
    };
    let declared = declared_clocks(cpu);
    if declared.is_empty() {
        cx.note("the system declares no clock");
    }
    for (source, hertz) in declared {
        cx.record_at(&DECLARED, Labels::new().with("source", source), hertz);
    }
    Ok(())
}

fn record(cx: &mut Context<'_>, seen: &Seen) -> Result<(), ProbeError> {
    let best = seen.slices.iter().map(|slice| slice.hertz).fold(0.0, f64::max);
    let (Some(first), true) = (seen.slices.first(), best > 0.0) else {
        return Err(ProbeError::verification("no slice of additions was timed"));
    };
    cx.record(&CLOCK, best);
    match seen.counter {
        Some(counter) if counter > 0.0 => {
            cx.record(&COUNTER, counter);
            cx.record(&RATIO, best / counter);
        }
        _ => cx.note("this processor has no time stamp counter that can be read"),
    }
    cx.record(&START, first.hertz);
    for until in SPANS {
        let limit = Duration::from_millis(u64::from(until));
        let within = seen.slices.iter().filter(|slice| slice.end.since(seen.start) <= limit).map(|slice| slice.hertz);
        let best = within.fold(0.0, f64::max);
        // Slow slices, or a short profile, may leave a span empty.
        if best > 0.0 {
            cx.record_at(&RAMP, Labels::new().with("until", format!("{until} ms")), best);
        }
    }
    if let Some(settled) = seen.slices.iter().find(|slice| slice.hertz >= 0.98 * best) {
        cx.record(&SETTLING, settled.end.since(seen.start).as_secs_f64());
    }
    Ok(())
}

/// The time stamp counter.
#[cfg(target_arch = "x86_64")]
fn counter() -> Option<u64> {
    #[expect(unsafe_code, reason = "reading the counter is an instruction")]
    // SAFETY: every x86-64 processor has the instruction.
    Some(unsafe { std::arch::x86_64::_rdtsc() })
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn clock_counter_and_ratio_belong_together() {
        let (records, _) = round_within(&PROBE, &[], &[("clock", 1e8..1e10)]).unwrap();
        let (clock, start) = (values(&records, "clock")[0], values(&records, "start")[0]);
        assert!((1e8..1e10).contains(&clock) && start <= clock);
        if let [counter] = values(&records, "counter")[..] {
            // The raw clock is made from the counter where that is stable; else it is some counter still.
            assert!((1e6..1e11).contains(&counter), "{counter}");
            assert!((values(&records, "ratio")[0] - clock / counter).abs() < 1e-9);
        }
        assert!(values(&records, "settling")[0] > 0.0);
        assert!(values(&records, "ramp").iter().all(|ramp| *ramp <= clock));
    }

    #[test]
    fn a_ramp_is_seen_as_it_was() {
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let mut cx = Context::new(std::path::Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
        let start = Moment::now();
        // 1 GHz for 4 ms, then 3 GHz.
        let slices = (1..=100)
            .map(|i| Slice { end: start.after(Duration::from_micros(400 * i)), hertz: if i <= 10 { 1e9 } else { 3e9 } })
            .collect();
        record(&mut cx, &Seen { start, slices, counter: Some(2e9) }).unwrap();
        let (records, _) = cx.finish();
        assert_eq!(values(&records, "ramp"), [1e9, 1e9, 3e9, 3e9, 3e9, 3e9]);
        assert_eq!((values(&records, "clock")[0], values(&records, "start")[0]), (3e9, 1e9));
        assert!((values(&records, "settling")[0] - 4.4e-3).abs() < 1e-9);
        assert!((values(&records, "ratio")[0] - 1.5).abs() < 1e-12);
    }

    #[test]
    fn no_slice_is_a_failure() {
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let mut cx = Context::new(std::path::Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
        assert!(record(&mut cx, &Seen { start: Moment::now(), slices: Vec::new(), counter: None }).is_err());
    }
}
