//! How far runs of the same code lie apart, from the stored ones.
//!
//! Two runs that are compared say nothing about it; the others do. A history is cut where its level changed, be it confirmed or
//! suspected, and only what lies within a level counts: else every change would make the next look usual.
//!
//! What would make it wrong: a history in which every run is of other code, whose changes are then taken for noise; changes
//! are missed, and none is invented.

use engine_core::comparison::RunsApart;
use engine_core::history::{History, Point};
use engine_core::measurement::MIN_ROUNDS;
use engine_core::run::RunId;

use crate::change::detect;
use crate::compare::Known;
use crate::residuals::level_bounds;

/// Runs that are looked at, the newest.
pub const MOST_RUNS: usize = 60;

/// What the histories say of each series that the runs `old` and `new` have, without these two themselves.
#[must_use]
pub fn known(histories: &[History], old: &RunId, new: Option<&RunId>) -> Known {
    let is = |run: &RunId| run == old || Some(run) == new;
    let of = |history: &History| {
        let class = &history.points.iter().rev().find(|point| is(&point.run))?.class;
        let others = history.points.iter().filter(|point| !is(&point.run) && point.class == *class);
        let values: Vec<f64> = others.map(Point::value).collect();
        Some((history.key.series.clone(), apart(&values)?))
    };
    histories.iter().filter_map(of).collect()
}

/// How far values lie apart within their levels, one a run, oldest first; none where fewer than five say so, or one is not
/// above zero.
fn apart(values: &[f64]) -> Option<RunsApart> {
    if values.len() < MIN_ROUNDS || !values.iter().all(|value| value.is_finite() && *value > 0.0) {
        return None;
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let mut bounds = level_bounds(&detect(values), logs.len());
    if bounds.len() == 2 {
        bounds.splice(1..1, plain_cut(&logs));
    }
    let levels: Vec<&[f64]> = bounds.windows(2).map(|pair| &logs[pair[0]..pair[1]]).collect();
    let freedom = logs.len() - levels.len();
    let deviation = (levels.iter().map(|level| squares(level)).sum::<f64>() / freedom as f64).sqrt();
    (freedom + 1 >= MIN_ROUNDS).then_some(RunsApart { runs: freedom + 1, deviation })
}

/// Of the squares about one level, so much must be left about two for a cut that is too young for [`detect`] to be plain: runs
/// of one level leave so little in one of a thousand histories of eight.
const LEFT: f64 = 0.05;

/// The place that cuts a short history into two levels, where that is plain to see.
fn plain_cut(logs: &[f64]) -> Option<usize> {
    let left = |at: usize| squares(&logs[..at]) + squares(&logs[at..]);
    let best = (1..logs.len()).min_by(|a, b| left(*a).total_cmp(&left(*b)))?;
    (left(best) < LEFT * squares(logs)).then_some(best)
}

/// The sum of squares about the mean.
fn squares(level: &[f64]) -> f64 {
    let mean = level.iter().sum::<f64>() / level.len() as f64;
    level.iter().map(|log| (log - mean).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::stats::Stream;

    fn runs(count: usize, level: f64, noise: f64, stream: &mut Stream) -> Vec<f64> {
        (0..count).map(|_| level * (noise * stream.normal()).exp()).collect()
    }

    #[test]
    fn runs_lie_as_far_apart_as_they_were_drawn() {
        let mut stream = Stream::new(3, &[1]);
        let mut found: Vec<f64> =
            (0..200).map(|_| apart(&runs(30, 5.0, 0.03, &mut stream)).unwrap().deviation).collect();
        found.sort_by(f64::total_cmp);
        assert!((found[100] - 0.03).abs() < 0.002, "{}", found[100]);
    }

    #[test]
    fn a_change_of_the_level_is_no_noise() {
        let mut stream = Stream::new(3, &[2]);
        let mut values = runs(20, 100.0, 0.01, &mut stream);
        values.extend(runs(15, 120.0, 0.01, &mut stream));
        for count in [23, 27, 35] {
            let found = apart(&values[..count]).unwrap();
            assert!(found.runs == count - 1 && found.deviation < 0.015, "{count}: {found:?}");
        }
        // A new level of three runs, and few before it.
        let mut values = runs(5, 100.0, 0.01, &mut stream);
        values.extend(runs(3, 300.0, 0.01, &mut stream));
        assert!(apart(&values).is_none_or(|found| found.deviation < 0.05), "{:?}", apart(&values));
    }

    #[test]
    fn runs_of_one_level_are_hardly_ever_cut() {
        let mut stream = Stream::new(3, &[4]);
        let mut cut = |count| {
            let cuts = (0..2000).filter(|_| {
                let logs: Vec<f64> = runs(count, 1.0, 0.02, &mut stream).iter().map(|value| value.ln()).collect();
                plain_cut(&logs).is_some()
            });
            cuts.count()
        };
        assert!(cut(8) <= 10 && cut(20) == 0);
    }

    #[test]
    fn nothing_is_said_on_few_runs_or_without_ratios() {
        assert_eq!(apart(&[1.0, 1.1, 0.9, 1.0]), None);
        assert_eq!(apart(&[1.0, 1.1, 0.9, 1.0, 0.0, 1.2]), None);
        assert_eq!(apart(&[2.0; 8]).map(|apart| apart.deviation), Some(0.0));
    }
}
