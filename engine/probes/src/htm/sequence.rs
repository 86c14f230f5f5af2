//! `htm.sequence`: how often a temporal memory has to see sequences until it predicts them, and how many it keeps.
//!
//! Method: sequences of `length` patterns share all but their first and last: what comes last depends on what came first,
//! `length - 1` steps before (a high-order sequence). They are taught in turn, with a reset between them; after each
//! repetition the share of elements that are predicted (four fifths of their columns, and no other element with half of
//! its) is measured without learning. Capacity is the largest number of such sequences, doubled from 2, that are still
//! predicted to 95 % after 60 repetitions. 512 columns, 20 active, 16 cells. (The test is that of Hawkins and Ahmad, 2016.)
//!
//! What would make the number wrong: elements that can be predicted without the context (a memory of one cell a column
//! must fail); an untaught memory that predicts (it must not); a memory that never learns (refused).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use engine_htm::Sdr;
use engine_htm::memory::{MemoryParams, TemporalMemory};
use engine_htm::random::Random;

use super::failed;
use crate::{Context, Probe, ProbeError};

const SEQUENCES: ParamDef = ParamDef {
    name: "sequences",
    kind: ParamKind::Count { min: 2, max: 64 },
    default: Some("4"),
    tiny: Some("2"),
    doc: "sequences that are taught together",
};
const LENGTH: ParamDef = ParamDef {
    name: "length",
    kind: ParamKind::Count { min: 3, max: 50 },
    default: Some("8"),
    tiny: Some("4"),
    doc: "elements of a sequence; all but the first and the last are shared",
};
const MOST: ParamDef = ParamDef {
    name: "most",
    kind: ParamKind::Count { min: 1, max: 512 },
    default: Some("16"),
    tiny: Some("2"),
    doc: "the most sequences that capacity is looked for",
};

const REPETITIONS: MetricDef =
    MetricDef::cost("repetitions", Unit::Count, "repetitions until every element is predicted");
const ACCURACY: MetricDef =
    MetricDef::fact("accuracy", Unit::Ratio, "share of elements that are predicted, by repetitions");
const CAPACITY: MetricDef =
    MetricDef::fact("capacity", Unit::Count, "sequences predicted to 95 % after 60 repetitions, up to `most`");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.sequence",
        summary: "Repetitions until a temporal memory predicts high-order sequences, and how many of them it keeps.",
        method: 1,
        about: "Sequences that share all but their first and last elements are taught in turn; after each repetition the \
                share of elements is measured whose columns are predicted, and no others. The number is wrong when the \
                context is not needed (a memory with one cell a column must fail), or an untaught memory predicts \
                (checked). Repetitions that are not enough are a failure, not a large number.",
        params: &[SEQUENCES, LENGTH, MOST],
        metrics: &[REPETITIONS, ACCURACY, CAPACITY],
        round_seconds: 2.0,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

const COLUMNS: u32 = 512;
const ACTIVE: u32 = 20;
/// Repetitions after which a memory should have learned.
const ENOUGH: usize = 60;

/// Sequences of patterns; of sequence `s`, the first is `s` and the last `count + s`.
struct Lesson {
    patterns: Vec<Sdr>,
    sequences: Vec<Vec<usize>>,
}

impl Lesson {
    fn new(count: usize, length: usize, seed: u64) -> Result<Self, ProbeError> {
        let mut random = Random::new(seed);
        let shared = 2 * count..2 * count + length - 2;
        let pattern = |_| Sdr::new(COLUMNS, random.sample(COLUMNS, ACTIVE)).map_err(failed);
        let patterns = (0..shared.end).map(pattern).collect::<Result<_, _>>()?;
        let whole = |which: usize| std::iter::once(which).chain(shared.clone()).chain([count + which]).collect();
        Ok(Self { patterns, sequences: (0..count).map(whole).collect() })
    }

    fn teach(&self, memory: &mut TemporalMemory) -> Result<(), ProbeError> {
        for sequence in &self.sequences {
            memory.reset();
            for &element in sequence {
                memory.step(&self.patterns[element], true).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The share of elements that are predicted.
    fn examine(&self, memory: &mut TemporalMemory) -> Result<f64, ProbeError> {
        let (mut right, mut all) = (0, 0);
        for sequence in &self.sequences {
            memory.reset();
            for pair in sequence.windows(2) {
                memory.step(&self.patterns[pair[0]], false).map_err(failed)?;
                all += 1;
                right += usize::from(self.predicted(&memory.predicted_columns()) == Some(pair[1]));
            }
        }
        Ok(f64::from(right as u32) / f64::from(all))
    }

    /// The one element that is predicted.
    fn predicted(&self, columns: &Sdr) -> Option<usize> {
        let mut shares: Vec<(u32, usize)> =
            self.patterns.iter().map(|pattern| pattern.overlap(columns)).zip(0..).collect();
        shares.sort_unstable();
        let (first, second) = (shares[shares.len() - 1], shares[shares.len() - 2]);
        (first.0 >= ACTIVE * 4 / 5 && second.0 < ACTIVE / 2).then_some(first.1)
    }
}

fn memory(cells_per_column: u32) -> Result<TemporalMemory, ProbeError> {
    let params = MemoryParams {
        columns: COLUMNS,
        cells_per_column,
        activation_threshold: 12,
        min_threshold: 9,
        predicted_decrement: 0.05,
        ..MemoryParams::default()
    };
    TemporalMemory::new(params).map_err(failed)
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let whole = |name| usize::try_from(args.whole(name)).unwrap_or(usize::MAX);
    let (count, length, most) = (whole(SEQUENCES.name), whole(LENGTH.name), whole(MOST.name));
    let lesson = Lesson::new(count, length, cx.seed)?;
    let mut taught = memory(16)?;
    if lesson.examine(&mut taught)? > 0.0 {
        return Err(ProbeError::verification("a memory that was taught nothing predicts something"));
    }
    let mut needed = None;
    for repetition in 1..=ENOUGH {
        cx.check()?;
        lesson.teach(&mut taught)?;
        let accuracy = lesson.examine(&mut taught)?;
        if needed.is_none() && accuracy >= 1.0 {
            needed = Some(repetition);
        }
        if matches!(repetition, 1 | 2 | 5 | 10 | 20 | 40 | 60) || needed == Some(repetition) {
            cx.record_at(&ACCURACY, Labels::new().with("repetitions", repetition.to_string()), accuracy);
        }
        if needed.is_some() {
            break;
        }
    }
    let Some(needed) = needed else {
        return Err(ProbeError::verification(format!("{ENOUGH} repetitions are not enough for {count} sequences")));
    };
    without_context(cx, &lesson, needed)?;
    cx.record(&REPETITIONS, needed as f64);
    cx.record(&CAPACITY, capacity(cx, length, most)? as f64);
    Ok(())
}

/// That what comes last cannot be predicted by a memory without contexts.
fn without_context(cx: &Context<'_>, lesson: &Lesson, repetitions: usize) -> Result<(), ProbeError> {
    let mut plain = memory(1)?;
    for _ in 0..repetitions {
        cx.check()?;
        lesson.teach(&mut plain)?;
    }
    if lesson.examine(&mut plain)? < 1.0 {
        return Ok(());
    }
    Err(ProbeError::verification("the sequences can be predicted without their context"))
}

/// The most sequences, doubled from 2, of which 95 % of the elements are predicted; 0 if 2 are too many.
fn capacity(cx: &Context<'_>, length: usize, most: usize) -> Result<usize, ProbeError> {
    let (mut kept, mut count) = (0, 2);
    while count <= most {
        let lesson = Lesson::new(count, length, cx.seed.wrapping_add(count as u64))?;
        let mut memory = memory(16)?;
        for _ in 0..ENOUGH {
            cx.check()?;
            lesson.teach(&mut memory)?;
        }
        if lesson.examine(&mut memory)? < 0.95 {
            break;
        }
        kept = count;
        count *= 2;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn two_sequences_are_learned() {
        let (records, _) = round(&PROBE, &[]).unwrap();
        assert!((2.0..=60.0).contains(&values(&records, "repetitions")[0]));
        assert!((values(&records, "capacity")[0] - 2.0).abs() < f64::EPSILON);
        assert!(values(&records, "accuracy").iter().any(|accuracy| (*accuracy - 1.0).abs() < f64::EPSILON));
    }

    #[test]
    fn a_lesson_without_contexts_is_refused() {
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(600);
        let cx = Context::new(std::path::Path::new("/"), &cancel, end, 1, 3, true);
        let mut lesson = Lesson::new(2, 5, 3).unwrap();
        lesson.sequences.truncate(1);
        assert!(without_context(&cx, &lesson, 20).is_err());
    }
}
