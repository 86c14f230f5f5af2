//! `cpu.atomics`: what an atomic operation costs alone, and what is left of it when all CPUs want the same line.
//!
//! Method: alone, one pinned thread does the operation on a word that nobody else has; loads and stores without a lock
//! stand beside as the baseline. Together, 2, 4, .. and all threads start at once and work for the same time, on one
//! word (`shared`), on neighbouring words of one line (`packed`) and on lines of their own (`padded`); each looks at
//! the clock once in 1024 operations. Packed against padded is the price of false sharing. Every read-modify-write is a
//! full one whose result is used.
//!
//! What would make the number wrong: operations that the compiler drops or weakens, a missing lock (the words at the
//! end must fit what the threads did, so one lost operation is seen); threads that do not run at once, or share a CPU
//! (noted); one that finishes early and leaves the line to the others (all work for the same time, not the same work).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use crate::harness::{Moment, Team, passes, short};
use crate::kernel::atomic::{Line, Operation, Tally, WORDS};
use crate::{Context, Probe, ProbeError};

const OPERATION: ParamDef = ParamDef {
    name: "operation",
    kind: ParamKind::Choice(&["add", "swap", "compare_exchange"]),
    default: Some("add"),
    tiny: None,
    doc: "what the threads do together; alone, all are measured",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("all"),
    tiny: None,
    doc: "most threads that work together, each on a CPU of its own",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "one atomic addition, nobody else on the line");
const ALONE: [(MetricDef, Operation); 4] = [
    (MetricDef::floor("exchange", Unit::Seconds, "one atomic exchange, alone"), Operation::Swap),
    (
        MetricDef::floor("compare_exchange", Unit::Seconds, "one load and compare-and-exchange, alone"),
        Operation::CompareExchange,
    ),
    (MetricDef::floor("load", Unit::Seconds, "one plain load, for scale"), Operation::Load),
    (MetricDef::floor("store", Unit::Seconds, "one plain store, for scale"), Operation::Store),
];
const RATE: MetricDef =
    MetricDef::rate("contended_rate", Unit::PerSecond, "operations of all threads together, by threads and layout");
const FAIRNESS: MetricDef = MetricDef {
    id: "fairness",
    title: "operations of the slowest thread over those of the fastest, on one word",
    unit: Unit::Ratio,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const RETRIES: MetricDef = MetricDef::cost("retries", Unit::Count, "failed attempts for each compare-and-exchange");
const FALSE_SHARING: MetricDef =
    MetricDef::cost("false_sharing", Unit::Count, "times slower on words of one line than on lines of their own");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.atomics",
        summary: "Atomic operations: alone, on a word that all threads want, and on words that share a line.",
        method: 1,
        about: "Alone: one pinned thread, a word that nobody else has, with plain loads and stores for scale. Together: \
                2, 4, .. and all threads work for the same time on one word, on neighbouring words of a line, and on \
                lines of their own; their rates add up, fairness is the slowest thread over the fastest, and false \
                sharing is padded over packed. The number is wrong when an operation is weakened or lost, so the words \
                at the end must fit what the threads did; and when threads share a CPU, which is noted.",
        params: &[OPERATION, THREADS],
        metrics: &[LATENCY, ALONE[0].0, ALONE[1].0, ALONE[2].0, ALONE[3].0, RATE, FAIRNESS, RETRIES, FALSE_SHARING],
        round_seconds: 0.8,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Operations between two looks at the clock.
const BATCH: u64 = 1024;
/// Operations with which calibration begins.
const FIRST: u64 = 1024;
/// What a word holds before a thread works alone.
const BEFORE: u64 = 3;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    alone(cx)?;
    let (word, operation) = match args.text(OPERATION.name) {
        "swap" => ("swap", Operation::Swap),
        "compare_exchange" => ("compare_exchange", Operation::CompareExchange),
        _ => ("add", Operation::Add),
    };
    let most = args.threads(THREADS.name, cx.cores);
    if most < 2 {
        cx.note("one thread: nothing contends, so only what an operation costs alone is measured");
        return Ok(());
    }
    for threads in counts(most) {
        let mut crowd = Crowd::new(threads, operation)?;
        passes::note_placement(cx, &crowd.team);
        let labels = |layout: &str| {
            Labels::new().with("layout", layout).with("operation", word).with("threads", threads.to_string())
        };
        let shared = crowd.best(cx, Layout::Shared)?;
        cx.record_at(&RATE, labels("shared"), shared.rate);
        let labelled = Labels::new().with("operation", word).with("threads", threads.to_string());
        cx.record_at(&FAIRNESS, labelled.clone(), shared.fairness);
        if operation == Operation::CompareExchange {
            cx.record_at(&RETRIES, labelled, shared.retries);
        }
        if threads == most {
            let packed = crowd.best(cx, Layout::Packed)?.rate;
            let padded = crowd.best(cx, Layout::Padded)?.rate;
            cx.record_at(&RATE, labels("packed"), packed);
            cx.record_at(&RATE, labels("padded"), padded);
            cx.record(&FALSE_SHARING, padded / packed);
        }
    }
    Ok(())
}

/// Each operation by one thread.
fn alone(cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let mut team = Team::new(1, |_| Ok(Line::default()))?;
    passes::note_placement(cx, &team);
    for (metric, operation) in [(LATENCY, Operation::Add)].into_iter().chain(ALONE) {
        let taken = short::take(cx, FIRST, |count| {
            let results = team.each(|_, line| {
                let word = &line.0[0];
                word.store(BEFORE, Ordering::Relaxed);
                let mut tally = Tally::default();
                let start = Moment::now();
                operation.run(word, count, 0, &mut tally);
                let took = Moment::now().since(start);
                operation.check(BEFORE, word.load(Ordering::Relaxed), &[tally]).map(|()| took)
            })?;
            results[0].map_err(|lost| ProbeError::verification(lost.to_string()))
        })?;
        cx.record_all(&metric, &taken.each());
    }
    Ok(())
}

/// Where the threads' words lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// All on one word.
    Shared,
    /// On neighbouring words, eight to a line.
    Packed,
    /// Each on lines of its own.
    Padded,
}

impl Layout {
    /// The word of a thread.
    fn word(self, lines: &[Line], thread: usize) -> &AtomicU64 {
        match self {
            Self::Shared => &lines[0].0[0],
            Self::Packed => &lines[thread / WORDS].0[thread % WORDS],
            Self::Padded => &lines[thread].0[0],
        }
    }
}

/// What a thread did in a pass.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    tally: Tally,
    seconds: f64,
}

/// Threads that work at once, and their words.
struct Crowd {
    team: Team<Part>,
    lines: Arc<Vec<Line>>,
    operation: Operation,
}

/// A pass of all threads.
#[derive(Debug, Clone, Copy)]
struct Together {
    rate: f64,
    fairness: f64,
    retries: f64,
}

impl Crowd {
    fn new(threads: usize, operation: Operation) -> Result<Self, ProbeError> {
        let lines = Arc::new((0..threads).map(|_| Line::default()).collect());
        Ok(Self { team: Team::new(threads, |_| Ok(Part::default()))?, lines, operation })
    }

    /// The pass with the highest rate, of several.
    fn best(&mut self, cx: &Context<'_>, layout: Layout) -> Result<Together, ProbeError> {
        let (count, length) = if cx.tiny { (2, Duration::from_micros(200)) } else { (5, Duration::from_millis(20)) };
        // The first warms up.
        self.pass(layout, length / 4)?;
        let mut best = self.pass(layout, length)?;
        for _ in 1..count {
            cx.check()?;
            let pass = self.pass(layout, length)?;
            if pass.rate > best.rate {
                best = pass;
            }
        }
        Ok(best)
    }

    fn pass(&mut self, layout: Layout, length: Duration) -> Result<Together, ProbeError> {
        self.lines.iter().flat_map(|line| &line.0).for_each(|word| word.store(0, Ordering::Relaxed));
        let (lines, operation) = (Arc::clone(&self.lines), self.operation);
        self.team.time(|thread, part| {
            let word = layout.word(&lines, thread);
            let mut tally = Tally::default();
            let start = Moment::now();
            let took = loop {
                // Values of different threads and batches differ.
                operation.run(word, BATCH, (thread as u64) << 48 | tally.operations, &mut tally);
                let took = Moment::now().since(start);
                if took >= length {
                    break took;
                }
            };
            *part = Part { tally, seconds: took.as_secs_f64() };
        })?;
        let parts = self.team.each(|_, part| *part)?;
        check(operation, layout, &self.lines, &parts)?;
        let rates: Vec<f64> = parts.iter().map(|part| part.tally.operations as f64 / part.seconds).collect();
        let (least, most) = rates.iter().fold((f64::INFINITY, 0.0f64), |(low, high), &r| (low.min(r), high.max(r)));
        let sum = |field: fn(&Tally) -> u64| parts.iter().map(|part| field(&part.tally)).sum::<u64>() as f64;
        Ok(Together {
            rate: rates.iter().sum(),
            fairness: least / most,
            retries: sum(|tally| tally.retries) / sum(|tally| tally.operations).max(1.0),
        })
    }
}

/// Whether the words hold what the threads' operations leave.
fn check(operation: Operation, layout: Layout, lines: &[Line], parts: &[Part]) -> Result<(), ProbeError> {
    let tallies: Vec<Tally> = parts.iter().map(|part| part.tally).collect();
    let after = |thread| layout.word(lines, thread).load(Ordering::Relaxed);
    let outcome = match layout {
        Layout::Shared => operation.check(0, after(0), &tallies),
        Layout::Packed | Layout::Padded => {
            (0..tallies.len()).try_for_each(|at| operation.check(0, after(at), &tallies[at..=at]))
        }
    };
    outcome.map_err(|lost| ProbeError::verification(lost.to_string()))
}

/// Numbers of threads: powers of two, and all.
fn counts(most: usize) -> Vec<usize> {
    std::iter::successors(Some(2), |n| Some(n * 2)).take_while(|n| *n < most).chain([most]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_on, round_within, values};

    #[test]
    fn alone_and_together_have_possible_costs() {
        for operation in ["add", "swap", "compare_exchange"] {
            let metrics = ["latency", "exchange", "compare_exchange", "load", "store"];
            let possible = metrics.map(|metric| (metric, 5e-11..1e-4));
            let (records, _) = round_within(&PROBE, &[("operation", operation)], &possible).unwrap();
            for metric in metrics {
                // No operation takes less than a twentieth of a nanosecond, and none 0.1 ms, however busy.
                let costs = values(&records, metric);
                assert!(costs.iter().all(|cost| (5e-11..1e-4).contains(cost)), "{metric}: {costs:?}");
            }
            let layouts: Vec<_> = records
                .iter()
                .filter(|record| record.metric.id == "contended_rate")
                .map(|record| record.labels.get("layout").unwrap().to_owned())
                .collect();
            assert_eq!(layouts, ["shared", "packed", "padded"]);
            assert!(values(&records, "fairness").iter().all(|share| (0.0..=1.0).contains(share)));
            assert_eq!(values(&records, "retries").is_empty(), operation != "compare_exchange");
        }
    }

    #[test]
    fn one_cpu_measures_what_an_operation_costs_alone() {
        let (records, notes) = round_on(1, &PROBE, &[]).unwrap();
        assert!(values(&records, "contended_rate").is_empty() && !values(&records, "store").is_empty());
        assert!(notes.iter().any(|note| note.contains("nothing contends")), "{notes:?}");
    }

    #[test]
    fn words_lie_where_the_layout_says() {
        let lines: Vec<Line> = (0..10).map(|_| Line::default()).collect();
        let address = |layout: Layout, thread| std::ptr::from_ref(layout.word(&lines, thread)) as usize;
        assert_eq!(address(Layout::Shared, 9), address(Layout::Shared, 0));
        assert_eq!(address(Layout::Packed, 1) - address(Layout::Packed, 0), 8);
        assert_ne!(address(Layout::Packed, 8) / 64, address(Layout::Packed, 0) / 64);
        assert_eq!(address(Layout::Padded, 1) - address(Layout::Padded, 0), 128);
    }

    #[test]
    fn a_lost_update_fails_the_round() {
        let lines = [Line::default(), Line::default()];
        lines[0].0[0].store(1_000, Ordering::Relaxed);
        let part = |operations| Part { tally: Tally { operations, ..Tally::default() }, seconds: 1.0 };
        assert!(check(Operation::Add, Layout::Shared, &lines, &[part(400), part(600)]).is_ok());
        let error = check(Operation::Add, Layout::Shared, &lines, &[part(400), part(601)]).unwrap_err();
        assert!(error.to_string().contains("lost"), "{error}");
        assert!(check(Operation::Add, Layout::Padded, &lines, &[part(1_000), part(1)]).is_err());
    }

    #[test]
    fn the_numbers_of_threads_double_and_end_with_all() {
        assert_eq!(counts(2), [2]);
        assert_eq!(counts(6), [2, 4, 6]);
        assert_eq!(counts(16), [2, 4, 8, 16]);
    }
}
