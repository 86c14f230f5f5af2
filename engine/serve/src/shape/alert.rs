//! Alerts.

use engine_core::alert::{Alert, AlertState};
use engine_report::clean;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// An alert with its life.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct AlertRow {
    /// Short id.
    pub(crate) id: String,
    /// What raised it: `expectation`, `verdict`, `change-point`, `health` or `failure`.
    pub(crate) rule: &'static str,
    /// What it is about.
    pub(crate) subject: String,
    /// Name of the suite.
    pub(crate) scenario: String,
    /// Stable id of the machine.
    pub(crate) machine: String,
    /// Branch of the code under test.
    pub(crate) branch: Option<String>,
    /// `pending`, `firing`, `acknowledged`, `silenced` or `resolved`.
    pub(crate) state: &'static str,
    /// One sentence, as the last run said it.
    pub(crate) summary: String,
    /// Id of the verdict behind it, for `engine explain`.
    pub(crate) verdict: Option<String>,
    /// The run that raised it.
    pub(crate) first_run: String,
    /// The last run that spoke for it.
    pub(crate) last_run: String,
    /// The run with which it began, where that is known.
    pub(crate) began: Option<String>,
    /// When it was raised, RFC 3339 in UTC.
    pub(crate) raised: String,
    /// When it last changed.
    pub(crate) updated: String,
    /// Runs that spoke for it.
    pub(crate) times: u32,
    /// End of its silence.
    pub(crate) until: Option<String>,
    /// What somebody says it was: `true`, `false` or `ignored`.
    pub(crate) label: Option<&'static str>,
    /// Its life so far.
    pub(crate) steps: Vec<AlertStepRow>,
}

/// A step in the life of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct AlertStepRow {
    /// When.
    pub(crate) at: String,
    /// What it became, or `labelled`.
    pub(crate) state: String,
    /// Who did it; null for the engine.
    pub(crate) who: Option<String>,
    /// Why.
    pub(crate) why: Option<String>,
    /// The run that made it so.
    pub(crate) run: Option<String>,
}

/// Alerts by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AlertCounts {
    /// Something speaks for them, and it may pass.
    pub(crate) pending: usize,
    /// They hold.
    pub(crate) firing: usize,
    /// They hold, and somebody knows.
    pub(crate) acknowledged: usize,
    /// Not to be told until a moment.
    pub(crate) silenced: usize,
    /// Over.
    pub(crate) resolved: usize,
}

/// An open alert in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NewAlert {
    /// Short id.
    pub(crate) id: String,
    /// Where it stands.
    pub(crate) state: &'static str,
    /// What it is about.
    pub(crate) subject: String,
    /// One sentence.
    pub(crate) summary: String,
    /// When it was raised.
    pub(crate) raised: String,
}

impl AlertRow {
    pub(crate) fn of(alert: &Alert) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| clean::line(text));
        Self {
            id: alert.id.clone(),
            rule: alert.rule.name(),
            subject: clean::line(&alert.subject),
            scenario: clean::line(&alert.suite),
            machine: clean::line(&alert.machine),
            branch: alert.branch.as_deref().map(clean::line),
            state: alert.state.name(),
            summary: clean::line(&alert.summary),
            verdict: alert.verdict.clone(),
            first_run: alert.first_run.0.clone(),
            last_run: alert.last_run.0.clone(),
            began: alert.began.as_ref().map(|run| run.0.clone()),
            raised: time::text(alert.raised),
            updated: time::text(alert.updated),
            times: alert.times,
            until: alert.until.map(time::text),
            label: alert.label.map(engine_core::alert::Label::name),
            steps: alert
                .steps
                .iter()
                .map(|step| AlertStepRow {
                    at: time::text(step.at),
                    state: clean::line(&step.state),
                    who: some(&step.who),
                    why: some(&step.why),
                    run: step.run.as_ref().map(|run| run.0.clone()),
                })
                .collect(),
        }
    }
}

impl AlertCounts {
    pub(crate) fn of(alerts: &[Alert]) -> Self {
        let mut counts = Self::default();
        for alert in alerts {
            *match alert.state {
                AlertState::Pending => &mut counts.pending,
                AlertState::Firing => &mut counts.firing,
                AlertState::Acknowledged => &mut counts.acknowledged,
                AlertState::Silenced => &mut counts.silenced,
                AlertState::Resolved => &mut counts.resolved,
            } += 1;
        }
        counts
    }
}

impl NewAlert {
    pub(crate) fn of(alert: &Alert) -> Self {
        Self {
            id: alert.id.clone(),
            state: alert.state.name(),
            subject: clean::clip(&alert.subject, 120),
            summary: clean::clip(&alert.summary, 200),
            raised: time::text(alert.raised),
        }
    }
}
