//! Alerts: what raises them, and their life. Plain data and pure functions; who keeps and who shows them know only this.

use serde::{Deserialize, Serialize};

use crate::history::SeriesKey;
use crate::run::{RunId, Timestamp};
use crate::series::{Labels, SeriesId};

/// What raised an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// An expectation of the scenario failed, or may have.
    Expectation,
    /// A series was worse than the baseline.
    Verdict,
    /// The history of a series got worse.
    ChangePoint,
    /// The machine was not healthy during the run.
    Health,
    /// A step failed, or the run did.
    Failure,
    /// The machine or its software is not what it was in the run before.
    Environment,
    /// A scheduled run did not come.
    MissingRun,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Expectation,
        Self::Verdict,
        Self::ChangePoint,
        Self::Health,
        Self::Failure,
        Self::Environment,
        Self::MissingRun,
    ];

    /// The word in lists and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expectation => "expectation",
            Self::Verdict => "verdict",
            Self::ChangePoint => "change-point",
            Self::Health => "health",
            Self::Failure => "failure",
            Self::Environment => "environment",
            Self::MissingRun => "missing-run",
        }
    }

    /// The rule of a word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// Where an alert stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Something speaks for it, and it may pass.
    Pending,
    /// It holds.
    Firing,
    /// It holds, and somebody knows.
    Acknowledged,
    /// It is not to be told until a moment.
    Silenced,
    /// It holds no more, or somebody said so.
    Resolved,
}

impl AlertState {
    /// The word in lists and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Silenced => "silenced",
            Self::Resolved => "resolved",
        }
    }
}

/// How strongly a run speaks for an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Suspected, unsure.
    Weak,
    /// Certain.
    Strong,
}

/// What a run says of one rule and one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// The rule.
    pub rule: Rule,
    /// What it is about: a series, an expectation, a step, a part of the machine.
    pub subject: String,
    /// Whether it speaks for an alert; none: it was looked at, and all is well.
    pub strength: Option<Strength>,
    /// One sentence.
    pub summary: String,
    /// Id of the verdict behind it.
    pub verdict: Option<String>,
    /// The run with which it began, where that is known to be an earlier one; of what is well, the run with which it is
    /// sure to have become so.
    pub began: Option<RunId>,
    /// The runs with which it may have begun: a place moves by a few runs as more come. Of what is well, those from which
    /// on it was accepted.
    pub perhaps: Vec<RunId>,
}

impl Signal {
    /// All is well.
    #[must_use]
    pub fn well(rule: Rule, subject: impl Into<String>) -> Self {
        Self {
            rule,
            subject: subject.into(),
            strength: None,
            summary: String::new(),
            verdict: None,
            began: None,
            perhaps: Vec::new(),
        }
    }

    /// Something is wrong.
    #[must_use]
    pub fn raised(rule: Rule, subject: impl Into<String>, strength: Strength, summary: impl Into<String>) -> Self {
        Self { strength: Some(strength), summary: summary.into(), ..Self::well(rule, subject) }
    }
}

/// The state that follows when a run says `strength` of what an open alert is about. `until` is the end of a silence.
#[must_use]
pub fn next(state: AlertState, until: Option<Timestamp>, strength: Option<Strength>, now: Timestamp) -> AlertState {
    let fresh = |strength| if strength == Strength::Strong { AlertState::Firing } else { AlertState::Pending };
    match (state, strength) {
        (_, None) => AlertState::Resolved,
        (AlertState::Pending | AlertState::Resolved, Some(strength)) => fresh(strength),
        (AlertState::Firing, Some(_)) => AlertState::Firing,
        (AlertState::Acknowledged, Some(_)) => AlertState::Acknowledged,
        (AlertState::Silenced, Some(strength)) => {
            if until.is_some_and(|until| now < until) {
                AlertState::Silenced
            } else {
                fresh(strength)
            }
        }
    }
}

/// What the user says an alert was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// There was something.
    True,
    /// There was nothing.
    False,
    /// Neither counts.
    Ignored,
}

impl Label {
    /// The word in lists and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Ignored => "ignored",
        }
    }
}

/// A step in the life of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertStep {
    /// When.
    pub at: Timestamp,
    /// What it became, or `labelled`.
    pub state: String,
    /// Who did it; empty for the engine.
    pub who: String,
    /// Why.
    pub why: String,
    /// The run that made it so.
    pub run: Option<RunId>,
}

/// A stored alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Short id.
    pub id: String,
    /// What raised it.
    pub rule: Rule,
    /// What it is about.
    pub subject: String,
    /// Scenario.
    pub suite: String,
    /// Machine.
    pub machine: String,
    /// Branch.
    pub branch: Option<String>,
    /// Where it stands.
    pub state: AlertState,
    /// One sentence, as the last run said it.
    pub summary: String,
    /// Id of the verdict behind it.
    pub verdict: Option<String>,
    /// The run that raised it.
    pub first_run: RunId,
    /// The last run that spoke for it.
    pub last_run: RunId,
    /// The run with which it began, where that is known.
    pub began: Option<RunId>,
    /// When it was raised.
    pub raised: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Runs that spoke for it.
    pub times: u32,
    /// End of its silence.
    pub until: Option<Timestamp>,
    /// What the user says it was.
    pub label: Option<Label>,
    /// Its life so far.
    pub steps: Vec<AlertStep>,
}

impl Alert {
    /// The series that it is about, for the rules that are about one.
    #[must_use]
    pub fn series(&self) -> Option<SeriesKey> {
        if !matches!(self.rule, Rule::Verdict | Rule::ChangePoint) {
            return None;
        }
        Some(SeriesKey {
            suite: self.suite.clone(),
            series: series_of(&self.subject)?,
            machine: self.machine.clone(),
            branch: self.branch.clone(),
        })
    }
}

/// Reads `step.metric{name=value,..}` as [`SeriesId`] writes it.
#[must_use]
pub fn series_of(text: &str) -> Option<SeriesId> {
    let (name, labels) = match text.split_once('{') {
        None => (text, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}')?),
    };
    let (step, metric) = name.rsplit_once('.')?;
    let labels: Option<Labels> = labels
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('='))
        .collect::<Option<Vec<_>>>()
        .map(|pairs| pairs.into_iter().collect());
    Some(SeriesId { step: step.to_owned(), metric: metric.to_owned(), labels: labels? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlertState::{Acknowledged, Firing, Pending, Resolved, Silenced};

    #[test]
    fn a_life_goes_on_as_runs_say() {
        let (now, later) = (Timestamp(10), Timestamp(20));
        let say = |state, strength| next(state, Some(later), strength, now);
        let (weak, strong) = (Some(Strength::Weak), Some(Strength::Strong));
        assert_eq!([say(Pending, weak), say(Pending, strong), say(Pending, None)], [Pending, Firing, Resolved]);
        // What was certain once is not taken back by a run that is less so.
        assert_eq!([say(Firing, weak), say(Firing, strong), say(Firing, None)], [Firing, Firing, Resolved]);
        assert_eq!([say(Acknowledged, strong), say(Acknowledged, None)], [Acknowledged, Resolved]);
        assert_eq!([say(Silenced, strong), say(Silenced, None)], [Silenced, Resolved]);
        assert_eq!(next(Silenced, Some(now), strong, now), Firing, "the silence is over");
        assert_eq!(next(Silenced, None, weak, now), Pending);
    }

    #[test]
    fn a_series_is_read_as_it_is_written() {
        let labels = Labels::new().with("depth", "1").with("block", "4 KiB");
        for labels in [Labels::new(), labels] {
            let id = SeriesId { step: "hw/nvme.randread".to_owned(), metric: "latency".to_owned(), labels };
            assert_eq!(series_of(&id.to_string()), Some(id));
        }
        assert_eq!(series_of("time"), None);
        assert_eq!(series_of("a.b{c"), None);
    }
}
