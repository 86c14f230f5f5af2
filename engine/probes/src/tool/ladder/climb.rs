//! Measuring one layer: warm-up, batches that last long enough for the clock, samples, and what they used.

use std::hint::black_box;
use std::time::Duration;

use engine_core::metric::MetricDef;
use engine_core::series::Labels;

use super::super::rpc::work;
use super::super::spent::Spent;
use super::{BATCH, CALLS, CONNECT, CPU, EFFICIENCY, ERRORS, FLOOR, LATENCY, MINOR_FAULTS, RATE, SWITCHES};
use crate::harness::clock::{Moment, Stopwatch};
use crate::{Context, ProbeError};

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// This one failed; the next may not. It is counted.
    Failed(String),
    /// The layer cannot go on, or answered wrongly.
    Broken(ProbeError),
}

impl From<ProbeError> for CallError {
    fn from(error: ProbeError) -> Self {
        Self::Broken(error)
    }
}

/// A way to call the tool.
pub(crate) trait Rung {
    /// Makes `count` calls, numbered from `first`, and checks each answer.
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError>;

    /// The process group of the server, where it is not this process.
    fn group(&self) -> Option<i32> {
        None
    }

    /// Time that its side took, since this was last asked, to make connections and to end them; none where they are kept.
    fn connecting(&mut self) -> Option<Duration> {
        None
    }

    /// Whether a call does the work that was asked for.
    fn works(&self) -> bool {
        true
    }
}

/// How to measure a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    samples: usize,
    duration: Duration,
    /// Turns of work in each call.
    pub(crate) turns: u64,
    /// What so many turns take when called directly, in seconds.
    useful: f64,
    /// What two readings of the clock cost, in seconds.
    floor: f64,
    tiny: bool,
}

/// A sample lasts so many times the floor.
const FLOORS: f64 = 100.0;
/// Samples that are taken whatever they last.
const FEWEST: usize = 5;
/// Failed calls in a row after which a layer counts as broken.
const PATIENCE: u64 = 100;

impl Plan {
    pub(crate) fn new(samples: usize, duration: Duration, work_seconds: f64, cx: &Context<'_>) -> Self {
        let (turns, useful) = if work_seconds > 0.0 { sized(work_seconds) } else { (0, 0.0) };
        Self { samples, duration, turns, useful, floor: floor(), tiny: cx.tiny }
    }
}

/// The median of what an empty measurement says, in seconds.
fn floor() -> f64 {
    let mut empty: Vec<f64> = (0..1_001).map(|_| black_box(Stopwatch::start()).stop().as_secs_f64()).collect();
    empty.sort_by(f64::total_cmp);
    empty[empty.len() / 2]
}

/// How many turns take so long, and what they really take: the median of several passes.
fn sized(seconds: f64) -> (u64, f64) {
    let time = |turns: u64| {
        let clock = Stopwatch::start();
        black_box(work(black_box(turns)));
        clock.stop().as_secs_f64()
    };
    let best = |turns: u64| (0..9).map(|_| time(turns)).fold(f64::INFINITY, f64::min);
    // A turn takes a multiplication and an addition, each waiting for the one before: about a nanosecond.
    const TRIAL: u64 = 10_000;
    let turns = ((seconds / best(TRIAL) * TRIAL as f64) as u64).max(1);
    let mut times: Vec<f64> = (0..9).map(|_| time(turns)).collect();
    times.sort_by(f64::total_cmp);
    (turns, times[times.len() / 2])
}

/// Measures a layer and records it under its name.
pub(crate) fn climb(
    layer: &'static str,
    rung: &mut dyn Rung,
    plan: &Plan,
    cx: &mut Context<'_>,
) -> Result<(), ProbeError> {
    let mut tally = Tally { number: 1, errors: 0, row: 0, last: String::new() };
    let batch = size(layer, rung, plan, &mut tally, cx)?;
    let mut values = Vec::with_capacity(plan.samples.min(1 << 20));
    // What the warm-up took is no part of a sample.
    let connects = rung.connecting().is_some();
    let mut connecting = Vec::with_capacity(if connects { values.capacity() } else { 0 });
    tally.errors = 0;

    // Looking at a group reads many files: that lies outside of what is counted here.
    let group = rung.group();
    let there = || group.map_or_else(Spent::default, Spent::of_group);
    let there_before = there();
    let here_before = Spent::here();
    let start = Moment::now();
    while values.len() < plan.samples && (values.len() < FEWEST || Moment::now().since(start) < plan.duration) {
        cx.check()?;
        let (took, own) = (tally.pass(layer, rung, batch)?, rung.connecting());
        if let Some(took) = took {
            values.push((took.as_secs_f64() - plan.floor).max(0.0) / batch as f64);
            connecting.extend(own.map(|own| own.as_secs_f64() / batch as f64));
        }
    }
    let spent = Spent::here().since(here_before).plus(there().since(there_before));

    let calls = values.len() as f64 * batch as f64;
    let made = calls + tally.errors as f64;
    let total: f64 = values.iter().sum::<f64>() * batch as f64;
    let labels = || Labels::new().with("layer", layer);
    let mut put = |metric: &MetricDef, values: &[f64]| cx.record_with(metric.metric(), labels(), values);
    put(&LATENCY, &values);
    if connects {
        put(&CONNECT, &connecting);
    }
    put(&RATE, &[calls / total.max(1e-12)]);
    put(&CPU, &[spent.cpu / made]);
    put(&SWITCHES, &[spent.switches / made]);
    put(&MINOR_FAULTS, &[spent.minor_faults / made]);
    if plan.turns > 0 && rung.works() && spent.cpu > 0.0 {
        put(&EFFICIENCY, &[(plan.useful / (spent.cpu / made)).min(1.0)]);
    }
    put(&CALLS, &[calls]);
    put(&ERRORS, &[tally.errors as f64]);
    put(&BATCH, &[batch as f64]);
    put(&FLOOR, &[plan.floor]);
    if tally.errors > 0 {
        cx.note(format!("`{layer}`: {} of {made} calls failed, at last: {}", tally.errors, tally.last));
    }
    Ok(())
}

/// Warms up, then finds how many calls last long enough together.
fn size(
    layer: &'static str,
    rung: &mut dyn Rung,
    plan: &Plan,
    tally: &mut Tally,
    cx: &Context<'_>,
) -> Result<u64, ProbeError> {
    let warm = if plan.tiny { Duration::from_micros(200) } else { Duration::from_millis(5) };
    let start = Moment::now();
    for made in 0u32.. {
        cx.check()?;
        if made >= 3 && Moment::now().since(start) >= warm {
            break;
        }
        tally.pass(layer, rung, 1)?;
    }
    let mut batch = 1;
    loop {
        cx.check()?;
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let took = tally.pass(layer, rung, batch)?;
            best = took.map_or(best, |took| best.min(took.as_secs_f64()));
            // A call that lasts long needs no second look.
            if best.is_finite() && best >= 10.0 * FLOORS * plan.floor {
                break;
            }
        }
        // Nothing when all five failed: the samples will tell.
        if best >= FLOORS * plan.floor || batch >= 1 << 20 {
            return Ok(batch);
        }
        batch *= 2;
    }
}

/// Counts calls and failures.
struct Tally {
    number: u64,
    errors: u64,
    row: u64,
    last: String,
}

impl Tally {
    /// One timed pass; nothing when it failed.
    fn pass(&mut self, layer: &str, rung: &mut dyn Rung, batch: u64) -> Result<Option<Duration>, ProbeError> {
        let first = self.number;
        self.number += batch;
        let clock = Stopwatch::start();
        let outcome = rung.pass(first, batch);
        let took = clock.stop();
        match outcome {
            Ok(()) => {
                self.row = 0;
                Ok(Some(took))
            }
            Err(CallError::Broken(error)) => Err(error),
            Err(CallError::Failed(why)) => {
                self.errors += 1;
                self.row += 1;
                if self.row >= PATIENCE {
                    let message = format!("{PATIENCE} calls of `{layer}` failed in a row, at last: {why}");
                    return Err(ProbeError::failed(message));
                }
                self.last = why;
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    struct Fake {
        fails: fn(u64) -> bool,
    }

    impl Rung for Fake {
        fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
            if (self.fails)(first) {
                return Err(CallError::Failed("no luck".to_owned()));
            }
            for _ in 0..count {
                black_box(work(20_000));
            }
            Ok(())
        }
    }

    fn climbed(fails: fn(u64) -> bool) -> Result<(Vec<engine_core::measurement::Record>, Vec<String>), ProbeError> {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 1, 0, true);
        let plan = Plan::new(20, Duration::from_secs(30), 0.0, &cx);
        climb("fake", &mut Fake { fails }, &plan, &mut cx)?;
        Ok(cx.finish())
    }

    #[test]
    fn a_failed_call_is_counted_and_no_sample() {
        let (records, notes) = climbed(|number| number.is_multiple_of(3)).unwrap();
        let value = |id: &str| records.iter().find(|record| record.metric.id == id).unwrap().values.clone();
        assert_eq!(value("latency").len(), 20);
        assert!(value("errors")[0] >= 5.0 && value("calls")[0] >= 20.0, "{records:?}");
        assert!(value("latency").iter().all(|time| *time > 0.0) && value("floor")[0] > 0.0);
        assert!(notes[0].contains("no luck"), "{notes:?}");
    }

    #[test]
    fn a_layer_without_any_success_fails_loudly() {
        let error = climbed(|_| true).unwrap_err().to_string();
        assert_eq!(error, "100 calls of `fake` failed in a row, at last: no luck");
    }

    #[test]
    fn work_is_as_long_as_asked() {
        let (turns, seconds) = sized(50e-6);
        // On a machine that is busy with other things only the lower bound holds.
        assert!(turns > 1_000 && seconds > 20e-6, "{turns} {seconds}");
    }
}
