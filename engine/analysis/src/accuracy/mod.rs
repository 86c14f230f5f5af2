//! How right the alerts were: precision, recall and delay, from what people said of them.
//!
//! What truly changed is known from alerts labelled true and from what was reported missed; what did not, from alerts
//! labelled false. For each rule of ours it is counted what it told. Rules of other tools, and our change points run by
//! run, are replayed over the same histories: what would they have said, and when. An event within a few runs of another
//! is the same one, since a place is known no better.
//!
//! What would make it wrong: labels given only to some alerts. Precision counts labelled alerts alone, and recall knows
//! of no regression that nobody saw; both numbers are told beside the shares.

use engine_core::alert::{Alert, Label, Rule};
use engine_core::history::{History, SeriesKey};
use engine_core::run::RunId;
use engine_core::stats::quantile::median;

use crate::change;
use crate::policy::Policy;

/// A regression that nothing told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The series.
    pub key: SeriesKey,
    /// The run with which it began.
    pub began: RunId,
}

/// How one rule did.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The rule.
    pub name: String,
    /// Whether it was replayed, rather than counted from alerts.
    pub replayed: bool,
    /// What it told that was there: alerts, or changes where it was replayed.
    pub right: usize,
    /// What it told that was not.
    pub wrong: usize,
    /// How many of `events` it told.
    pub hits: usize,
    /// What was there in the series that it watches.
    pub events: usize,
    /// Alerts that nobody labelled, or that are to be ignored.
    pub unlabelled: usize,
    /// Runs from the first bad one until it told, for each hit; 0 is at once.
    pub delays: Vec<f64>,
}

impl Score {
    /// Share of what it told that was there; none when it told nothing that is labelled.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let told = self.right + self.wrong;
        (told > 0).then(|| self.right as f64 / told as f64)
    }

    /// Share of what was there that it told; none when nothing was.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.events > 0).then(|| self.hits as f64 / self.events as f64)
    }

    /// The harmonic mean of both.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let (precision, recall) = (self.precision()?, self.recall()?);
        (precision + recall > 0.0).then(|| 2.0 * precision * recall / (precision + recall))
    }

    /// The median delay in runs.
    #[must_use]
    pub fn delay(&self) -> Option<f64> {
        (!self.delays.is_empty()).then(|| median(&self.delays))
    }
}

/// Two places that are no farther apart are the same event.
const SAME: usize = 3;

/// How long after a change a replayed rule may tell of it.
const PATIENCE: usize = 30;

/// A place in a history of which somebody said what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Event {
    history: usize,
    place: usize,
    was_there: bool,
}

/// Scores our rules from labelled alerts, and rules of other tools by replay over the histories of labelled series.
#[must_use]
pub fn accuracy(
    alerts: &[Alert],
    missed: &[Missed],
    histories: &[History],
    policies: &[(String, Policy)],
) -> Vec<Score> {
    let events = events(alerts, missed, histories);
    let mut scores: Vec<Score> = Rule::ALL.iter().map(|rule| counted(*rule, alerts, &events, histories)).collect();
    scores.retain(|score| score.right + score.wrong + score.unlabelled > 0);
    let mut watched: Vec<usize> = events.iter().map(|event| event.history).collect();
    watched.sort_unstable();
    watched.dedup();
    if !watched.is_empty() {
        scores.push(replayed("change points", &events, &watched, histories, &|values| {
            change::detect(values).iter().map(|point| point.index).collect()
        }));
        for (name, policy) in policies {
            scores.push(replayed(name, &events, &watched, histories, &|values| policy.alerts(values)));
        }
    }
    scores
}

/// Where a run stands in the history of a series.
fn place(histories: &[History], key: &SeriesKey, run: &RunId) -> Option<(usize, usize)> {
    let of = |(at, history): (usize, &History)| {
        let place = history.points.iter().position(|point| point.run == *run)?;
        (history.key == *key).then_some((at, place))
    };
    histories.iter().enumerate().find_map(of)
}

/// Where an alert began: with the run that it names, else with the first that raised it.
fn began(alert: &Alert, histories: &[History]) -> Option<(usize, usize)> {
    place(histories, &alert.series()?, alert.began.as_ref().unwrap_or(&alert.first_run))
}

fn events(alerts: &[Alert], missed: &[Missed], histories: &[History]) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    let mut add = |history: usize, place: usize, was_there: bool| {
        let same = |event: &&mut Event| {
            event.history == history && event.place.abs_diff(place) <= SAME && event.was_there == was_there
        };
        match all.iter_mut().find(same) {
            // Of several alerts about one change the earliest names its place.
            Some(event) => event.place = event.place.min(place),
            None => all.push(Event { history, place, was_there }),
        }
    };
    for alert in alerts {
        let was_there = match alert.label {
            Some(Label::True) => true,
            Some(Label::False) => false,
            Some(Label::Ignored) | None => continue,
        };
        if let Some((history, place)) = began(alert, histories) {
            add(history, place, was_there);
        }
    }
    for miss in missed {
        if let Some((history, place)) = place(histories, &miss.key, &miss.began) {
            add(history, place, true);
        }
    }
    all
}

/// A rule of ours, from its alerts.
fn counted(rule: Rule, alerts: &[Alert], events: &[Event], histories: &[History]) -> Score {
    let own: Vec<&Alert> = alerts.iter().filter(|alert| alert.rule == rule).collect();
    let labelled = |label| own.iter().filter(move |alert| alert.label == Some(label));
    let about_series = matches!(rule, Rule::Verdict | Rule::ChangePoint);
    let mut delays = Vec::new();
    let mut told = std::collections::BTreeSet::new();
    for alert in labelled(Label::True) {
        if let Some((history, at)) = began(alert, histories) {
            let is = |event: &&Event| event.was_there && event.history == history && event.place.abs_diff(at) <= SAME;
            let Some(event) = events.iter().find(is) else { continue };
            let raised = histories[history].points.iter().position(|point| point.run == alert.first_run);
            if told.insert((history, event.place))
                && let Some(raised) = raised
            {
                delays.push(raised.saturating_sub(event.place) as f64);
            }
        }
    }
    let truly = labelled(Label::True).count();
    Score {
        name: rule.name().to_owned(),
        replayed: false,
        right: truly,
        wrong: labelled(Label::False).count(),
        hits: told.len(),
        // Rules that are not about a series have no record of what they should have told.
        events: if about_series { events.iter().filter(|event| event.was_there).count() } else { 0 },
        unlabelled: own.len() - truly - labelled(Label::False).count(),
        delays,
    }
}

/// A rule run by run over the watched histories. What it tells where nobody said anything is not counted against it.
fn replayed(
    name: &str,
    events: &[Event],
    watched: &[usize],
    histories: &[History],
    alerts: &dyn Fn(&[f64]) -> Vec<usize>,
) -> Score {
    let mut score = Score {
        name: name.to_owned(),
        replayed: true,
        right: 0,
        wrong: 0,
        hits: 0,
        events: events.iter().filter(|event| event.was_there).count(),
        unlabelled: 0,
        delays: Vec::new(),
    };
    for at in watched {
        // Missing values would move the places.
        let values: Vec<f64> = histories[*at].values();
        if values.iter().any(|value| !value.is_finite()) {
            continue;
        }
        let own: Vec<&Event> = events.iter().filter(|event| event.history == *at).collect();
        for event in &own {
            let near = |told: &usize| {
                // A rule that judges single points tells of it again and again: any of them is a hit.
                *told + SAME >= event.place && *told <= event.place + PATIENCE
            };
            let first = (event.place + 1..=values.len().min(event.place + PATIENCE + 1)).find(|known| {
                let told = alerts(&values[..*known]);
                if event.was_there {
                    told.iter().any(near)
                } else {
                    told.iter().any(|told| told.abs_diff(event.place) <= SAME)
                }
            });
            match (first, event.was_there) {
                (Some(known), true) => {
                    score.right += 1;
                    score.hits += 1;
                    score.delays.push((known - 1 - event.place) as f64);
                }
                (Some(_), false) => score.wrong += 1,
                (None, _) => {}
            }
        }
        let labelled = |told: &usize| own.iter().any(|event| event.place.abs_diff(*told) <= PATIENCE);
        score.unlabelled += alerts(&values).iter().filter(|told| !labelled(told)).count();
    }
    score
}

#[cfg(test)]
mod tests;
