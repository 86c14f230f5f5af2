//! After each run: what it says of expectations, verdicts, histories, the machine and failures becomes alerts.

use engine_core::alert::{Alert, AlertState, Rule};
use engine_core::change::Tier;
use engine_core::comparison::Comparison;
use engine_core::evidence::Evidence;
use engine_core::health::Health;
use engine_core::history::Timeline;
use engine_core::plan::Profile;
use engine_core::run::RunRecord;
use engine_core::selector::Selector;
use engine_report::clean;
use engine_store::{Filter, HistoryFilter, Place, Store};

use crate::app::App;
use crate::exit::Fatal;

/// How many runs of each series are looked at: what is older was said long ago.
const RUNS: usize = 400;

/// Raises and resolves alerts by what a stored run says, and tells what changed. Does nothing for the tiny profile.
pub(crate) fn after_run(app: &App, run: &RunRecord, comparison: Option<&Comparison>, health: &Health) {
    if run.header.plan.profile == Profile::Tiny {
        return;
    }
    match observed(app, run, comparison, health) {
        Ok(changed) => {
            for alert in changed {
                tell(app, &alert);
            }
        }
        // What keeps the store from being written has been said where the run was stored.
        Err(error) => tracing::warn!(%error, "the run raised no alerts"),
    }
}

fn observed(app: &App, run: &RunRecord, comparison: Option<&Comparison>, health: &Health) -> Result<Vec<Alert>, Fatal> {
    let mut store = app.store()?;
    let timelines = timelines(&store, run)?;
    let signals = engine_analysis::signals(run, comparison, health, &timelines);
    let header = &run.header;
    let place = Place { suite: &header.scenario.name, machine: &header.machine, branch: header.code.branch.as_deref() };
    let mut changed = store.observe(place, &header.id, &signals)?;
    for alert in changed.iter_mut().filter(|alert| alert.rule == Rule::ChangePoint) {
        // Kept when the alert changes, not with every run that says the same again.
        let Some(evidence) = evidence(alert, &timelines) else { continue };
        if let Some(id) = store.keep_verdicts("alert", &[evidence])?.pop() {
            store.link(&alert.id, &id)?;
            alert.verdict = Some(id);
        }
    }
    Ok(changed)
}

/// What an alert about a history rests on; none where the history is well.
fn evidence(alert: &Alert, timelines: &[Timeline]) -> Option<Evidence> {
    let own = |timeline: &&Timeline| timeline.history.key.series.to_string() == alert.subject;
    let timeline = timelines.iter().find(own)?;
    let found = timeline.regression(Tier::Confirmed).or_else(|| timeline.regression(Tier::Suspect))?;
    Some(engine_analysis::evidence::of_change(timeline, found))
}

/// The histories of a run's series up to it.
fn timelines(store: &Store, run: &RunRecord) -> Result<Vec<Timeline>, Fatal> {
    let header = &run.header;
    let selector: Selector = format!("{}/*", header.scenario.name).parse().unwrap_or_default();
    let runs = Filter {
        suite: Some(header.scenario.name.clone()),
        machine: Some(header.machine.clone()),
        branch: header.code.branch.as_deref().map(ToOwned::to_owned),
        limit: Some(RUNS),
        ..Filter::default()
    };
    let mut histories = store.history(&HistoryFilter { selector, runs })?;
    histories.retain(|history| {
        history.key.branch.as_deref() == header.code.branch.as_deref()
            && history.points.last().is_some_and(|point| point.run == header.id)
    });
    crate::cmd::analysed(store, histories)
}

/// Says that an alert changed its state.
fn tell(app: &App, alert: &Alert) {
    let text = match alert.state {
        AlertState::Pending => format!("alert {} pending: {}: {}", alert.id, alert.subject, alert.summary),
        AlertState::Firing => format!("alert {} firing: {}: {}", alert.id, alert.subject, alert.summary),
        AlertState::Resolved => format!("alert {} resolved: {}: it is well again", alert.id, alert.subject),
        AlertState::Acknowledged | AlertState::Silenced => return,
    };
    app.note(&clean::clip(&text, 300));
}
