//! `engine trend METRIC`: what changed in a metric over the stored runs, since when, by how much, between which commits.

use engine_analysis::policy::Policy;
use engine_core::change::Tier;
use engine_core::forecast::Foretold;
use engine_core::history::{History, Timeline};
use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::selector::Selector;
use engine_report::TimeZone;
use engine_store::{Filter, HistoryFilter, Store};

use crate::app::{self, App};
use crate::args::{FailOn, TrendArgs, WhichRuns};
use crate::exit::{Exit, Fatal};

/// Reads the histories, analyses them, shows them, and decides by `--fail-on`.
pub(crate) fn run(app: &App, args: &TrendArgs) -> Result<Exit, Fatal> {
    let store = app.reader()?;
    let histories = histories(app, &store, &args.metric, &args.which)?;
    let mut timelines = match &args.policy {
        None => analysed(&store, histories)?,
        Some(text) => {
            let policy = text.parse().map_err(|message| Fatal::usage(format!("`--policy`: {message}")))?;
            by_policy(&policy, histories)
        }
    };
    crate::verdicts::name_changes(app, &mut timelines);
    if let Some(time) = &args.forecast {
        foretell(&mut timelines, app::time("--forecast", time)?, args.threshold.as_deref())?;
    }
    if app.output.json {
        app.out(&engine_report::json::timelines(&timelines));
    } else {
        let zone = TimeZone::system();
        let shown: Vec<String> =
            timelines.iter().map(|found| engine_report::text::timeline(found, &zone, app.style())).collect();
        app.out(&shown.join("\n"));
    }
    Ok(decided(&timelines, &args.fail_on))
}

/// The histories that selectors and filters mean.
///
/// # Errors
/// When a selector cannot be read, or means no stored series; then with the nearest ones.
pub(super) fn histories(
    app: &App,
    store: &Store,
    selectors: &[String],
    which: &WhichRuns,
) -> Result<Vec<History>, Fatal> {
    let machine = which.machine.as_deref().map(|name| machine(store, name)).transpose()?;
    let runs = Filter {
        branch: which.branch.clone(),
        machine,
        since: which.since.as_deref().map(|text| super::runs::before(app::time("--since", text)?)).transpose()?,
        limit: which.last.and_then(|last| usize::try_from(last).ok()),
        ..Filter::default()
    };
    let mut found: Vec<History> = Vec::new();
    for text in selectors {
        let selector: Selector = text.parse().map_err(|error| Fatal::usage(format!("{error}")))?;
        let histories = store.history(&HistoryFilter { selector, runs: runs.clone() })?;
        if histories.is_empty() {
            return Err(nothing(store, text, which)?);
        }
        found.extend(histories.into_iter().filter(|history| !found.contains(history)).collect::<Vec<_>>());
    }
    for history in found.iter().filter(|history| history.points.is_empty()) {
        let why = "all runs that recorded it are of the tiny profile, not complete, or invalid";
        app.note(&engine_report::clean::line(&format!("{}: {why}", history.key.selector())));
    }
    Ok(found)
}

/// What changed in histories, where levels that were accepted are the new normal.
pub(crate) fn analysed(store: &Store, histories: Vec<History>) -> Result<Vec<Timeline>, Fatal> {
    Ok(engine_operate::observe::analysed(store, histories)?)
}

/// The machine that a name means: `this`, a whole id, or the beginning of one that is stored.
fn machine(store: &Store, name: &str) -> Result<String, Fatal> {
    if name == "this" {
        return Ok(crate::machine::id());
    }
    let rows = store.list(&Filter { include_tiny: true, ..Filter::default() })?;
    let mut known: Vec<&str> = rows.iter().map(|row| row.machine.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let meant: Vec<&&str> = known.iter().filter(|machine| machine.starts_with(name)).collect();
    match meant.as_slice() {
        [one] => Ok((**one).to_owned()),
        _ if known.contains(&name) => Ok(name.to_owned()),
        [] => {
            let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Fatal::usage(format!("`--machine`: no stored run is of machine `{name}`; there are: {list}")))
        }
        several => Err(Fatal::usage(format!("`--machine`: `{name}` could be {several:?}; say more of it"))),
    }
}

/// Why a selector means nothing.
fn nothing(store: &Store, text: &str, which: &WhichRuns) -> Result<Fatal, Fatal> {
    let selector: Selector = text.parse().map_err(|error| Fatal::usage(format!("{error}")))?;
    let text = &engine_report::clean::clip(text, 80);
    if !store.series_names(&selector)?.is_empty() {
        if store.history(&HistoryFilter { selector, runs: Filter::default() })?.is_empty() {
            return Ok(Fatal::new(Exit::NothingRan, format!("`{text}` is stored, but no run has a value of it")));
        }
        let mut filters = Vec::new();
        for (flag, value) in [("--branch", &which.branch), ("--machine", &which.machine), ("--since", &which.since)] {
            filters.extend(value.as_ref().map(|value| format!("`{flag} {value}`")));
        }
        let message = format!("`{text}` is stored, but not with {}", filters.join(" and "));
        return Ok(Fatal::new(Exit::NothingRan, message));
    }
    let names = store.series_names(&Selector::all())?;
    if names.is_empty() {
        return Ok(Fatal::new(Exit::NothingRan, "nothing is stored yet: run a scenario".to_owned()));
    }
    let short = names.iter().filter_map(|name| name.split_once('/')?.1.split('{').next());
    let metrics = names.iter().filter_map(|name| Some(name.split('{').next()?.rsplit_once('.')?.1));
    let mut near = hint(text, names.iter().map(String::as_str).chain(short).chain(metrics));
    if near.is_empty() {
        let some: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        near = format!("; {} series are stored, such as {}", names.len(), some.join(", "));
    }
    Ok(Fatal::usage(format!("no stored series fits `{text}`{near}")))
}

/// Foretells each metric so many seconds ahead; a threshold must have the metrics' unit.
fn foretell(timelines: &mut [Timeline], seconds: f64, threshold: Option<&str>) -> Result<(), Fatal> {
    let threshold = threshold
        .map(|text| text.parse::<Quantity>().map_err(|error| Fatal::usage(format!("`--threshold`: {error}"))))
        .transpose()?;
    if seconds <= 0.0 {
        return Err(Fatal::usage("`--forecast` must be a time to come, such as `30 d`"));
    }
    for timeline in timelines {
        let unit = timeline.history.metric.unit;
        if threshold.is_some_and(|threshold| threshold.dimension != unit.dimension()) {
            return Err(Fatal::usage(format!(
                "`--threshold`: {} is measured in {unit}, which the threshold is not",
                timeline.history.key.selector()
            )));
        }
        let value = threshold.map(|threshold| threshold.value);
        timeline.forecast = Some(match engine_analysis::forecast::forecast(timeline, seconds / 86_400.0, value) {
            Ok(found) => Foretold::Told(Box::new(found)),
            Err(reason) => Foretold::Silent(reason),
        });
    }
    Ok(())
}

/// What the rule of another tool says.
fn by_policy(policy: &Policy, histories: Vec<History>) -> Vec<Timeline> {
    let mut timelines = engine_analysis::timelines(histories, &|_| Vec::new());
    for timeline in &mut timelines {
        let changes = super::trend::by_policy(policy, &timeline.history.values());
        timeline.changes =
            changes.into_iter().map(|change| engine_analysis::dated(&timeline.history, change)).collect();
    }
    timelines
}

/// Exit 11 when a metric is worse now and that is confirmed, 12 when it is suspected.
fn decided(timelines: &[Timeline], fail_on: &[FailOn]) -> Exit {
    let any = |tier: Tier| timelines.iter().any(|timeline| timeline.is_regressed(tier));
    let mut exits = Vec::new();
    if fail_on.contains(&FailOn::Regression) && any(Tier::Confirmed) {
        exits.push(Exit::Regression);
    }
    if fail_on.contains(&FailOn::Inconclusive) && any(Tier::Suspect) {
        exits.push(Exit::Inconclusive);
    }
    Exit::of(&exits)
}
