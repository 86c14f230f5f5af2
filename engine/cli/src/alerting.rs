//! After each run: what it says becomes alerts, which are shown when they change.

use engine_core::alert::{Alert, AlertState};
use engine_core::comparison::Comparison;
use engine_core::health::Health;
use engine_core::plan::Profile;
use engine_core::run::RunRecord;
use engine_report::clean;

use crate::app::App;
use crate::exit::Fatal;

/// Raises and resolves alerts by what a stored run says, and shows what changed. Does nothing for the tiny profile.
pub(crate) fn after_run(app: &App, run: &RunRecord, comparison: Option<&Comparison>, health: &Health) {
    if run.header.plan.profile == Profile::Tiny {
        return;
    }
    let changed = app
        .store()
        .and_then(|mut store| engine_operate::observe(&mut store, run, comparison, health).map_err(Fatal::from));
    match changed {
        Ok(changed) => {
            for alert in changed {
                show(app, &alert);
            }
        }
        // What keeps the store from being written has been said where the run was stored.
        Err(error) => tracing::warn!(%error, "the run raised no alerts"),
    }
}

/// Says that an alert changed its state.
fn show(app: &App, alert: &Alert) {
    let text = match alert.state {
        AlertState::Pending => format!("alert {} pending: {}: {}", alert.id, alert.subject, alert.summary),
        AlertState::Firing => format!("alert {} firing: {}: {}", alert.id, alert.subject, alert.summary),
        AlertState::Resolved => format!("alert {} resolved: {}: it is well again", alert.id, alert.subject),
        AlertState::Acknowledged | AlertState::Silenced => return,
    };
    app.note(&clean::clip(&text, 300));
}
