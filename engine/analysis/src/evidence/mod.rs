//! What verdicts rest on, gathered where they are made, and put into words where somebody asks.

mod checks;
mod words;

use engine_core::comparison::Comparison;
use engine_core::evidence::{Changed, Compared, Evidence, SideData, Unit};
use engine_core::history::{DatedChange, Timeline};
use engine_core::measurement::Measurement;
use engine_core::run::RunRecord;
use engine_core::series::SeriesId;

use crate::judge::series;
use crate::verdict::Criteria;

pub use words::explain;

/// Most values that are kept of a level beside a change.
const NEIGHBOURS: usize = 200;

/// What each verdict of a comparison rests on, in the order of its series. The runs are those that were compared, oldest
/// first; with one on each side and `by_rounds`, the rounds counted.
#[must_use]
pub fn of_comparison(
    comparison: &Comparison,
    olds: &[RunRecord],
    news: &[RunRecord],
    by_rounds: bool,
    criteria: &Criteria,
) -> Vec<Evidence> {
    let among = comparison.series.iter().filter(|one| one.p.is_some()).count();
    let (before, after) = (indexed(olds), indexed(news));
    comparison
        .series
        .iter()
        .map(|one| {
            let side = |runs: &[RunRecord], all: &[Indexed<'_>], rounds: usize| SideData {
                runs: runs.iter().map(|run| run.header.id.clone()).collect(),
                code: runs.last().and_then(|run| run.header.code.short()),
                values: values(all, &one.id, by_rounds, rounds),
            };
            Evidence::Compared(Box::new(Compared {
                suite: comparison.new.scenario.clone(),
                series: one.id.clone(),
                metric: one.metric.clone(),
                unit: if by_rounds { Unit::Round } else { Unit::Run },
                old: side(olds, &before, one.old.rounds),
                new: side(news, &after, usize::MAX),
                min_effect: criteria.min_effect,
                confidence: criteria.confidence,
                among,
                change: one.change,
                verdict: one.verdict,
                reason: one.reason.clone(),
                p: one.p,
                adjusted_p: one.adjusted_p,
                needed: one.rounds_needed,
                apart: one.apart,
                shape: one.shape.clone(),
            }))
        })
        .collect()
}

fn indexed(runs: &[RunRecord]) -> Vec<Indexed<'_>> {
    runs.iter().map(series).collect()
}

/// A run's measurements by series.
type Indexed<'a> = Vec<(SeriesId, &'a Measurement)>;

/// What each round or run counted with. Runs that were left out of the set are the oldest of them here too, since a set
/// that lost some says so beside the verdict; at most `most` of the newest are kept.
fn values(all: &[Indexed<'_>], id: &SeriesId, by_rounds: bool, most: usize) -> Vec<f64> {
    fn of<'a>(run: &Indexed<'a>, id: &SeriesId) -> Option<&'a Measurement> {
        run.iter().find(|(own, _)| own == id).map(|(_, found)| *found)
    }
    let mut values: Vec<f64> = if by_rounds {
        all.last().and_then(|run| of(run, id)).map(Measurement::round_values).unwrap_or_default()
    } else {
        all.iter()
            .filter_map(|run| of(run, id))
            .filter_map(|found| found.estimate())
            .map(|estimate| estimate.value)
            .collect()
    };
    values.retain(|value| value.is_finite());
    let surplus = if by_rounds { 0 } else { values.len().saturating_sub(most) };
    values.split_off(surplus)
}

/// What a change of a history rests on: the levels on both sides, up to the changes beside it.
#[must_use]
pub fn of_change(timeline: &Timeline, found: &DatedChange) -> Evidence {
    let history = &timeline.history;
    let values = history.values();
    let index = found.change.index.min(values.len());
    let others = || timeline.changes.iter().map(|other| other.change.index);
    let before = others().filter(|other| *other < index).max().unwrap_or(0);
    let start = timeline.accepted.iter().copied().filter(|at| *at <= index).fold(before, usize::max);
    let start = start.max(index.saturating_sub(NEIGHBOURS));
    let end = others().filter(|other| *other > index).min().unwrap_or(values.len()).min(index + NEIGHBOURS);
    let run = |at: usize| history.points.get(at).map(|point| (point.run.clone(), point.code()));
    let part: Vec<f64> = values[start..end].iter().copied().filter(|value| value.is_finite()).collect();
    Evidence::Changed(Box::new(Changed {
        key: history.key.clone(),
        metric: history.metric.clone(),
        change: found.change,
        direction: found.direction,
        remarks: found.remarks.clone(),
        between: [found.last_old.and_then(run), run(found.first_new)],
        values: part,
        offset: start,
        points: values.len(),
    }))
}

#[cfg(test)]
mod tests;
