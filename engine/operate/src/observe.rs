//! What a stored run says of expectations, verdicts, histories, the machine, its software and failures becomes alerts.

use engine_analysis::news;
use engine_core::alert::{Alert, AlertState, Rule, Signal, Strength};
use engine_core::comparison::Comparison;
use engine_core::evidence::Evidence;
use engine_core::health::Health;
use engine_core::history::{History, Timeline};
use engine_core::run::RunRecord;
use engine_core::selector::Selector;
use engine_store::{AlertFilter, Error, Filter, HistoryFilter, Place, Store};

/// How many runs of each series are looked at: what is older was said long ago.
const RUNS: usize = 400;

/// Places of a change that are so many runs apart are the same.
const NEAR: usize = 2;

/// So many runs in a row must agree on the place of a change before people are told of it: its first guess is made with
/// three or four runs of the new level, and is at times a whole ramp away.
pub const STEADY: u32 = 2;

/// Raises and resolves alerts by what a stored run says. Gives those whose state changed.
///
/// # Errors
/// Those of the store.
pub fn observe(
    store: &mut Store,
    run: &RunRecord,
    comparison: Option<&Comparison>,
    health: &Health,
) -> Result<Vec<Alert>, Error> {
    let timelines = timelines(store, run)?;
    let mut signals = engine_analysis::signals(run, comparison, health, &timelines);
    signals.extend(environment(store, run)?);
    let header = &run.header;
    let mut changed = store.observe(place(run), &header.id, &signals)?;
    let needed = news::needed(&timelines);
    for alert in about_histories(store, run)? {
        let Some((evidence, strength)) = evidence(&alert, &timelines, needed) else { continue };
        // What was sure once is not said of another change that is not.
        if strength == Strength::Weak && alert.state != AlertState::Pending {
            continue;
        }
        let place = match &evidence {
            Evidence::Changed(found) => found.between[1].as_ref().map(|(run, _)| run.clone()),
            Evidence::Compared(_) => None,
        };
        let agreed = place.map(|place| store.note_place(&alert, &place, NEAR)).transpose()?;
        let own = changed.iter_mut().find(|changed| changed.id == alert.id);
        // Kept when the alert changes and while its place moves, not with every run that says the same again.
        if (own.is_some() || agreed.is_some_and(|agreed| agreed <= STEADY))
            && let Some(id) = store.keep_verdicts("alert", &[evidence])?.pop()
        {
            store.link(&alert.id, &id)?;
            if let Some(own) = own {
                own.verdict = Some(id);
            }
        }
    }
    Ok(changed)
}

/// What changed in histories, where levels that were accepted are the new normal.
///
/// # Errors
/// Those of reading.
pub fn analysed(store: &Store, histories: Vec<History>) -> Result<Vec<Timeline>, Error> {
    let acceptances = store.acceptances()?;
    let accepted = |history: &History| {
        let own = acceptances.iter().filter(|acceptance| acceptance.covers(&history.key));
        own.map(|acceptance| acceptance.started).collect()
    };
    Ok(engine_analysis::timelines(histories, &accepted))
}

/// The open alerts about histories that a run spoke for.
fn about_histories(store: &Store, run: &RunRecord) -> Result<Vec<Alert>, Error> {
    let filter = AlertFilter {
        suite: Some(run.header.scenario.name.clone()),
        rule: Some(Rule::ChangePoint),
        ..AlertFilter::default()
    };
    let mut alerts = store.alerts(&filter)?;
    alerts.retain(|alert| {
        alert.last_run == run.header.id && alert.machine == run.header.machine && alert.branch.as_deref() == branch(run)
    });
    Ok(alerts)
}

fn branch(run: &RunRecord) -> Option<&str> {
    run.header.code.branch.as_deref()
}

/// Where a run stands.
fn place(run: &RunRecord) -> Place<'_> {
    Place { suite: &run.header.scenario.name, machine: &run.header.machine, branch: branch(run) }
}

/// The runs of a scenario, machine and branch.
fn runs_of(place: Place<'_>, limit: usize) -> Filter {
    Filter {
        suite: Some(place.suite.to_owned()),
        machine: Some(place.machine.to_owned()),
        branch: place.branch.map(ToOwned::to_owned),
        limit: Some(limit),
        ..Filter::default()
    }
}

/// The histories of all series of a scenario, machine and branch, so many runs of each.
pub(crate) fn histories(store: &Store, place: Place<'_>, limit: usize) -> Result<Vec<History>, Error> {
    let selector: Selector = format!("{}/*", place.suite).parse().unwrap_or_default();
    let mut histories = store.history(&HistoryFilter { selector, runs: runs_of(place, limit) })?;
    histories.retain(|history| history.key.branch.as_deref() == place.branch);
    Ok(histories)
}

/// Whether the machine and its software are what they were in the run before.
fn environment(store: &Store, run: &RunRecord) -> Result<Option<Signal>, Error> {
    let rows = store.list(&runs_of(place(run), 2))?;
    let Some(before) = rows.into_iter().map(|row| row.id).find(|id| *id < run.header.id) else { return Ok(None) };
    let known = store.environments([&before])?;
    Ok(known.get(&before).map(|old| engine_analysis::environment_signal(old, &run.header.environment, &before)))
}

/// What an alert about a history rests on, and how strongly; none where the history is well.
fn evidence(alert: &Alert, timelines: &[Timeline], needed: f64) -> Option<(Evidence, Strength)> {
    let own = |timeline: &&Timeline| timeline.history.key.series.to_string() == alert.subject;
    let timeline = timelines.iter().find(own)?;
    let (found, strength) = news::worse(timeline, needed)?;
    Some((engine_analysis::evidence::of_change(timeline, found), strength))
}

/// The histories of a run's series up to it.
fn timelines(store: &Store, run: &RunRecord) -> Result<Vec<Timeline>, Error> {
    let mut histories = histories(store, place(run), RUNS)?;
    histories.retain(|history| history.points.last().is_some_and(|point| point.run == run.header.id));
    analysed(store, histories)
}
