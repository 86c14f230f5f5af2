//! `cache.locality`: what good locality is worth on this machine, at data just within and well beyond each of its
//! *measured* caches.
//!
//! Method: the same work twice. `traversal`: the sum of a matrix by columns and by rows; `records`: one field of an array
//! of structs and of a struct of arrays; `product`: a matrix product by definition and in blocks; `join`: a hash join
//! through one table and in partitions. Data is half and twice as large as each level (measured or declared, whichever
//! is less). Each variant counts with its fastest of several runs; of the block sizes the best counts and is recorded.
//! `gain` is the time of the poor variant over that of the good one: 1 where locality brings nothing.
//!
//! What would make the number wrong: variants that do not do the same work (their results are compared, at every size
//! and block); a compiler that turns one order into the other (it does not, and the gain would be 1); vectors, which only
//! the good order allows: that is part of what locality brings, and it is seen within the first level already.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::found::{Found, SIZES, find};
use super::seats::{FIRST_GROUP, seats};
use crate::harness::{Stopwatch, Team, passes};
use crate::host::room::available_memory;
use crate::kernel::locality::{Join, Pair, Product, Records, Traversal};
use crate::{Context, Probe, ProbeError};

const PATTERN: ParamDef = ParamDef {
    name: "pattern",
    kind: ParamKind::Choice(&["traversal", "records", "product", "join"]),
    default: Some("traversal"),
    tiny: None,
    doc: "matrix by columns or rows, array of structs or struct of arrays, matrix product or hash join, plain or blocked",
};
const MOST: ParamDef = ParamDef {
    name: "most",
    kind: ParamKind::Size { min: 4096.0, max: 17_179_869_184.0 },
    default: Some("64 MiB"),
    tiny: Some("64 KiB"),
    doc: "largest data; sizes beyond it are left out",
};

const GAIN: MetricDef =
    MetricDef::rate("gain", Unit::Count, "time of the poor variant over the good one, at its largest");
const GAIN_AT: MetricDef = MetricDef::rate("gain_at", Unit::Count, "the same at each size of the data");
const BLOCK: MetricDef =
    MetricDef::fact("block", Unit::Bytes, "best block: of the matrix, or of the table of a partition");
const PLAIN: MetricDef = MetricDef::floor("plain_time", Unit::Seconds, "an element by the poor variant");
const BETTER: MetricDef = MetricDef::floor("better_time", Unit::Seconds, "an element by the good variant");
const DATA: MetricDef = MetricDef::fact("data", Unit::Bytes, "the data at each size");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.locality",
        summary: "What good locality is worth: order, layout, blocks and partitions round each measured cache.",
        method: 1,
        about: "Does the same work with poor and with good locality, on data half and twice as large as each level of \
                cache (the measured or the declared size, whichever is less): a matrix by columns and by rows, structs \
                and columns, a plain and a blocked matrix product, a plain and a partitioned hash join. The gain is the \
                time of the poor variant over that of the good one with its best block, which is recorded. The number \
                is wrong when both do not do the same work, so their results are compared at every size and block.",
        params: &[PATTERN, MOST, SIZES, FIRST_GROUP],
        metrics: &[GAIN, GAIN_AT, BLOCK, PLAIN, BETTER, DATA],
        round_seconds: 3.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let pattern = args.text(PATTERN.name);
    let blocked = matches!(pattern, "product" | "join");
    for seat in seats(cx, args.text(FIRST_GROUP.name)) {
        let found = find(cx, &seat, args.text(SIZES.name))?;
        let mut team = Team::on(&[seat.cpu], |_| Ok(()))?;
        passes::note_placement(cx, &team);
        let mut best: Option<(f64, usize)> = None;
        for (name, bytes) in sizes(&found, args.whole(MOST.name), available_memory()) {
            cx.check()?;
            let (seed, tiny) = (cx.seed, cx.tiny);
            let outcome = team.each(|_, ()| measure(make(pattern, bytes, seed).as_mut(), tiny))?;
            for outcome in outcome {
                let row = outcome.map_err(ProbeError::verification)?;
                let labels = seat.labels.clone().with("at", name.clone());
                record(cx, &row, &labels, blocked);
                if best.is_none_or(|(gain, _)| row.gain() > gain) {
                    best = Some((row.gain(), row.block));
                }
            }
        }
        let Some((gain, block)) = best else { return Err(ProbeError::failed("`most` leaves no size to measure")) };
        cx.record_at(&GAIN, seat.labels.clone(), gain);
        if blocked {
            cx.record_at(&BLOCK, seat.labels.clone(), block as f64);
        }
    }
    Ok(())
}

fn record(cx: &mut Context<'_>, row: &Row, labels: &Labels, blocked: bool) {
    cx.record_at(&GAIN_AT, labels.clone(), row.gain());
    cx.record_at(&PLAIN, labels.clone(), row.plain);
    cx.record_at(&BETTER, labels.clone(), row.better);
    cx.record_at(&DATA, labels.clone(), row.bytes as f64);
    if blocked {
        cx.record_at(&BLOCK, labels.clone(), row.block as f64);
    }
}

/// Half and twice of each level, with names that stay the same when the measured sizes move; at least one.
fn sizes(found: &Found, most: u64, available: Option<u64>) -> Vec<(String, usize)> {
    // Both layouts, or both relations and their partitions, are in memory at once.
    let most = most.min(available.map_or(u64::MAX, |bytes| bytes / 8));
    let mut sizes: Vec<(String, u64)> = Vec::new();
    for (level, bytes) in found.levels() {
        let name = level + 1;
        sizes.push((format!("half of L{name}"), bytes / 2));
        sizes.push((format!("twice L{name}"), 2 * bytes));
    }
    let least = sizes.first().cloned();
    sizes.retain(|(_, bytes)| *bytes <= most);
    if sizes.is_empty() {
        sizes.extend(least.map(|(name, bytes)| (name, bytes.min(most))));
    }
    sizes.into_iter().map(|(name, bytes)| (name, usize::try_from(bytes).unwrap_or(usize::MAX))).collect()
}

fn make(pattern: &str, bytes: usize, seed: u64) -> Box<dyn Pair> {
    match pattern {
        "records" => Box::new(Records::new(bytes, seed)),
        "product" => Box::new(Product::new(bytes, seed)),
        "join" => Box::new(Join::new(bytes, seed)),
        _ => Box::new(Traversal::new(bytes, seed)),
    }
}

/// Both variants at one size: seconds of an element.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    bytes: usize,
    plain: f64,
    better: f64,
    block: usize,
}

impl Row {
    fn gain(&self) -> f64 {
        self.plain / self.better
    }
}

/// Times the poor variant and every block of the good one, on the calling thread, and compares their results.
fn measure(pair: &mut dyn Pair, tiny: bool) -> Result<Row, String> {
    let expected = pair.plain();
    let elements = pair.elements() as f64;
    let plain = fastest(tiny, expected, || pair.plain())? / elements;
    let mut best: Option<(f64, usize)> = None;
    for block in pair.blocks() {
        let seconds = fastest(tiny, expected, || pair.better(block))? / elements;
        if best.is_none_or(|(least, _)| seconds < least) {
            best = Some((seconds, block));
        }
    }
    let Some((better, block)) = best else { return Err("there is no variant to compare with".to_owned()) };
    Ok(Row { bytes: pair.bytes(), plain, better, block })
}

/// Seconds of a run: the fastest of several batches that each last a while. Every run must give the same result.
fn fastest(tiny: bool, expected: u64, mut work: impl FnMut() -> u64) -> Result<f64, String> {
    let (batches, least) = if tiny { (1, 2e-5) } else { (4, 3e-3) };
    let check = |found: u64| {
        let same = found == expected;
        same.then_some(()).ok_or_else(|| format!("variants differ: {found:#x} and {expected:#x}, of the same data"))
    };
    let mut runs = 1u32;
    let mut best = f64::INFINITY;
    let mut counted = 0;
    while counted < batches {
        let watch = Stopwatch::start();
        let mut wrong = 0;
        for _ in 0..runs {
            wrong |= work() ^ expected;
        }
        let seconds = watch.stop().as_secs_f64();
        check(wrong ^ expected)?;
        if seconds < least && counted == 0 {
            runs = runs.saturating_mul(2);
            continue;
        }
        best = best.min(seconds / f64::from(runs));
        counted += 1;
    }
    Ok(best.max(1e-12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_pattern_has_a_possible_gain() {
        for pattern in ["traversal", "records", "product", "join"] {
            let (records, _) = round_within(&PROBE, &[("pattern", pattern)], &[("gain_at", 1e-3..1e4)]).unwrap();
            let gains = values(&records, "gain_at");
            assert!(!gains.is_empty() && gains.iter().all(|gain| (1e-3..1e4).contains(gain)), "{pattern}: {gains:?}");
            assert_eq!(values(&records, "block").is_empty(), !matches!(pattern, "product" | "join"));
        }
    }

    /// The fault: a variant that leaves work out.
    #[derive(Debug)]
    struct Lazy(Traversal);

    impl Pair for Lazy {
        fn blocks(&self) -> Vec<usize> {
            self.0.blocks()
        }
        fn bytes(&self) -> usize {
            self.0.bytes()
        }
        fn elements(&self) -> u64 {
            self.0.elements()
        }
        fn plain(&mut self) -> u64 {
            self.0.plain()
        }
        fn better(&mut self, block: usize) -> u64 {
            self.0.better(block) ^ 1
        }
    }

    #[test]
    fn a_variant_that_does_other_work_is_found() {
        assert!(measure(&mut Traversal::new(8 << 10, 1), true).is_ok());
        let error = measure(&mut Lazy(Traversal::new(8 << 10, 1)), true).unwrap_err();
        assert!(error.contains("variants differ"), "{error}");
    }

    #[test]
    fn sizes_lie_on_both_sides_of_each_level() {
        let found = Found { declared: vec![32 << 10, 1 << 20, 16 << 20], ..Found::default() };
        let all = sizes(&found, 64 << 20, None);
        let bytes: Vec<usize> = all.iter().map(|(_, bytes)| bytes >> 10).collect();
        assert_eq!(bytes, [16, 64, 512, 2048, 8192, 32_768]);
        assert_eq!((all[0].0.as_str(), all[5].0.as_str()), ("half of L1", "twice L3"));
        assert_eq!(sizes(&found, 1 << 20, None).len(), 3);
        assert_eq!(sizes(&found, 4 << 10, None), [("half of L1".to_owned(), 4 << 10)], "never none");
        assert_eq!(sizes(&found, 64 << 20, Some(8 << 20)).len(), 3, "little memory");
    }
}
