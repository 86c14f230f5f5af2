//! Histories of known truth for tests.

use engine_core::args::Args;
use engine_core::history::{History, LeftOut, Point, SeriesKey};
use engine_core::metric::MetricDef;
use engine_core::plan::Work;
use engine_core::run::{RunId, Timestamp, ValidityLevel};
use engine_core::series::{Labels, SeriesId};
use engine_core::unit::Unit;

/// One point a day, a commit each, three equal rounds.
pub(crate) fn history(values: &[f64]) -> History {
    at_hours(&values.iter().enumerate().map(|(day, value)| (24.0 * day as f64, *value)).collect::<Vec<_>>())
}

/// Points at so many hours after the first of January 1970, a Thursday.
pub(crate) fn at_hours(points: &[(f64, f64)]) -> History {
    let metric = MetricDef::cost("time", Unit::Seconds, "").metric();
    let series = SeriesId { step: "s".to_owned(), metric: "time".to_owned(), labels: Labels::new() };
    let points = points.iter().zip(0_i64..).map(|((hours, value), at)| Point {
        run: RunId(format!("run{at:05}")),
        started: Timestamp((hours * 3_600e6) as i64),
        commit: Some(format!("{at:040x}")),
        dirty: Some(false),
        class: "c1".to_owned(),
        validity: ValidityLevel::Valid,
        values: vec![*value; 3],
    });
    History {
        key: SeriesKey { suite: "q".to_owned(), series, machine: "m".to_owned(), branch: None },
        metric,
        work: Work::Probe { id: "cpu.primes".to_owned(), args: Args::default() },
        method: 1,
        points: points.collect(),
        left_out: LeftOut::default(),
    }
}
