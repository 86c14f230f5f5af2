//! Histories of stored runs: their change points, each with the commits between which it lies, what it means for the
//! metric, and what else changed at that place.
//!
//! A run is one point: the median over its rounds. What was measured in another way is a history of its own
//! ([`engine_core::history::History`]); it is said here in what it differs from the one before.

use engine_core::history::{DatedChange, Direction, History, Timeline};
use engine_core::run::Timestamp;
use rayon::prelude::*;

use crate::alike::unlike_work;
use crate::change::{self, ChangePoint};

/// Finds what changed in each history. `accepted` says of a history from which moments on its level is the new normal:
/// nothing before such a moment is held against what follows. Histories of one series stand beside each other, as
/// [`engine_core::history`] defines it.
#[must_use]
pub fn timelines(histories: Vec<History>, accepted: &(dyn Fn(&History) -> Vec<Timestamp> + Sync)) -> Vec<Timeline> {
    let apart: Vec<Vec<String>> = (0..histories.len()).map(|at| apart(&histories, at)).collect();
    histories
        .into_par_iter()
        .zip(apart)
        .map(|(history, apart)| {
            let moments = accepted(&history);
            let place = |moment: &Timestamp| history.points.iter().position(|point| point.started >= *moment);
            let mut accepted: Vec<usize> = moments.iter().filter_map(place).collect();
            accepted.sort_unstable();
            accepted.dedup();
            let changes = found(&history.values(), &accepted);
            let changes = changes.into_iter().map(|change| dated(&history, change)).collect();
            Timeline { history, changes, accepted, apart, forecast: None }
        })
        .collect()
}

/// The changes when levels have been accepted as the new normal.
fn found(values: &[f64], accepted: &[usize]) -> Vec<ChangePoint> {
    let mut history = change::History::new();
    for (at, value) in values.iter().enumerate() {
        if accepted.contains(&at) {
            history.accept(at);
        }
        history.push(*value);
    }
    history.changes()
}

/// A change with the runs beside it.
#[must_use]
pub fn dated(history: &History, change: ChangePoint) -> DatedChange {
    let end = history.points.len().saturating_sub(1);
    let first_new = change.index.min(end);
    let last_old = first_new.checked_sub(1);
    let widest = (change.low.saturating_sub(1).min(end), change.high.min(end));
    let mut remarks = Vec::new();
    if let Some(last_old) = last_old {
        let (before, after) = (&history.points[last_old], &history.points[first_new]);
        if before.commit.is_some() && before.commit == after.commit && after.dirty != Some(true) {
            let known = [before.dirty, after.dirty] == [Some(false); 2];
            let sure = if known { "" } else { ", as far as is known" };
            remarks.push(format!("the same commit on both sides: the code did not change{sure}"));
        }
        if after.dirty == Some(true) {
            remarks.push("files differed from the commit in the first run of the new level".to_owned());
        }
        let (low, high) = widest;
        if history.points[low..=high].windows(2).any(|pair| pair[0].class != pair[1].class) {
            remarks.push(
                "the environment changed here too, so this need not be the code: `engine compare` shows in what"
                    .to_owned(),
            );
        }
    }
    DatedChange {
        direction: Direction::of(&change, history.metric.goal),
        change,
        last_old,
        first_new,
        widest,
        remarks,
        id: None,
    }
}

/// In what a history differs from the earlier one of the same series, where there is one.
fn apart(histories: &[History], at: usize) -> Vec<String> {
    let own = &histories[at];
    let began = |history: &History| history.points.first().map(|point| point.started);
    let earlier = histories
        .iter()
        .enumerate()
        .filter(|(other, history)| *other != at && history.key == own.key && began(history) <= began(own))
        .filter(|(other, history)| began(history) < began(own) || *other < at)
        .max_by_key(|(_, history)| began(history));
    let Some((_, before)) = earlier else { return Vec::new() };
    let mut reasons = Vec::new();
    if before.metric.unit != own.metric.unit {
        reasons.push(format!("it was measured in {} before", before.metric.unit));
    }
    if before.metric.goal != own.metric.goal {
        let word = |goal| match goal {
            engine_core::metric::Goal::Lower => "less was better",
            engine_core::metric::Goal::Higher => "more was better",
            engine_core::metric::Goal::Neutral => "it had no direction",
        };
        reasons.push(format!("before, {}", word(before.metric.goal)));
    }
    if before.metric.nature != own.metric.nature {
        reasons.push("a round was summarised in another way before".to_owned());
    }
    if let Some((reason, _)) = unlike_work((&before.work, before.method), (&own.work, own.method)) {
        reasons.push(reason);
    }
    reasons
}

#[cfg(test)]
mod tests;
