//! Metrics over runs: which there are, their histories with what changed, and the baselines.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use engine_core::history::{History, Timeline};
use engine_core::run::RunId;
use engine_core::selector::Selector;
use engine_report::clean;
use engine_store::{Filter, HistoryFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::api::site::Plain;
use crate::api::{Errors, json as answer};
use crate::error::ApiError;
use crate::openapi::TrendDocument;
use crate::params::{Params, after, limit, page};
use crate::state::App;
use crate::time;

/// Histories that are answered at once.
const HISTORIES: usize = 60;

/// Which series.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesQuery {
    /// How many at once, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the answer before.
    cursor: Option<String>,
    /// Name of the suite.
    scenario: Option<String>,
    /// Text within the name.
    q: Option<String>,
}

/// Series, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesPage {
    /// The series.
    items: Vec<SeriesRow>,
    /// `cursor` of the next page; null on the last.
    next: Option<String>,
    /// How many there are in all.
    total: usize,
}

/// A series that is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesRow {
    /// As it is selected: `scenario/step.metric{labels}`.
    selector: String,
    /// Name of the suite.
    scenario: String,
}

/// The series that are stored.
#[utoipa::path(get, path = "/api/v1/series", tag = "histories", params(SeriesQuery), responses((status = 200, body = SeriesPage), Errors))]
pub(crate) async fn series(
    State(app): State<Arc<App>>,
    Params(query): Params<SeriesQuery>,
) -> Result<Response, ApiError> {
    let (limit, from) = (limit(query.limit)?, after(query.cursor.as_deref())?);
    let names =
        app.work(|app| app.database.read(|store| Ok::<_, ApiError>(store.series_names(&Selector::all())?))).await?;
    let sought = query.q.as_deref().map(str::to_lowercase).unwrap_or_default();
    let rows: Vec<SeriesRow> = names
        .into_iter()
        .map(|name| SeriesRow { scenario: name.split('/').next().unwrap_or_default().to_owned(), selector: name })
        .filter(|row| query.scenario.as_ref().is_none_or(|scenario| *scenario == row.scenario))
        .filter(|row| sought.is_empty() || row.selector.to_lowercase().contains(&sought))
        .collect();
    let (items, next, total) = page(rows, from, limit);
    Ok(answer(&SeriesPage { items, next, total }))
}

/// Which histories.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrendQuery {
    /// A selector: `scenario/step.metric{labels}`, parts of it, with `*`.
    series: String,
    /// Branch of the code under test.
    branch: Option<String>,
    /// Id of the machine.
    machine: Option<String>,
    /// Started at this moment or later, RFC 3339.
    since: Option<String>,
    /// The newest points of each, 2 to 5000.
    #[param(minimum = 2, maximum = 5000)]
    last: Option<u32>,
}

/// Histories with what changed in them, the accepted levels, baselines and remarks.
#[utoipa::path(get, path = "/api/v1/trend", tag = "histories", params(TrendQuery), responses((status = 200, body = TrendDocument), Errors))]
pub(crate) async fn get(State(app): State<Arc<App>>, Params(query): Params<TrendQuery>) -> Result<Response, ApiError> {
    let selector: Selector = query.series.parse().map_err(|error| ApiError::bad(format!("`series`: {error}")))?;
    let last = match query.last.unwrap_or(500) {
        last @ 2..=5000 => usize::try_from(last).ok(),
        other => return Err(ApiError::bad(format!("`last` must be 2 to 5000, got {other}"))),
    };
    let since = query.since.as_deref().map(super::runs::moment).transpose()?;
    let runs = Filter { branch: query.branch, machine: query.machine, since, limit: last, ..Filter::default() };
    let filter = HistoryFilter { selector, runs };
    let document = app.work(move |app| app.database.read(|store| trend(store, &filter))).await?;
    Ok(answer(&document))
}

fn trend(store: &engine_store::Store, filter: &HistoryFilter) -> Result<Value, ApiError> {
    let histories = store.history(filter)?;
    if histories.is_empty() {
        return Err(ApiError::unknown("unknown_series", "no stored series fits").hint("`/api/v1/series` lists them"));
    }
    if histories.len() > HISTORIES {
        let message = format!("{} histories fit; at most {HISTORIES} are answered at once", histories.len());
        return Err(ApiError::bad(message).hint("say more of the selector, or name branch and machine"));
    }
    let acceptances = store.acceptances()?;
    let accepted =
        |history: &History| acceptances.iter().filter(|one| one.covers(&history.key)).map(|one| one.started).collect();
    let timelines = engine_analysis::timelines(histories, &accepted);
    let mut document: Value = serde_json::from_str(&engine_report::json::timelines(&timelines))
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let extra = Extra::of(store, &timelines)?;
    if let Some(series) = document.get_mut("series").and_then(Value::as_array_mut) {
        for (text, timeline) in series.iter_mut().zip(&timelines) {
            text["baselines"] = extra.baselines(timeline);
            text["annotations"] = extra.remarks(timeline);
        }
    }
    Ok(document)
}

/// A baseline beside a history; only for the description.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrendBaseline {
    /// Its name.
    name: String,
    /// Its runs.
    runs: Vec<String>,
    /// The median of those of its runs that are points of this history; null where none is.
    value: Option<f64>,
}

/// A remark on a run of a history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrendRemark {
    /// The run.
    run: String,
    /// When it was made.
    at: String,
    /// The text.
    text: String,
}

/// What is known of runs beside their numbers.
struct Extra {
    baselines: Vec<engine_store::Baseline>,
    remarks: HashMap<RunId, Vec<engine_store::Annotation>>,
}

impl Extra {
    fn of(store: &engine_store::Store, timelines: &[Timeline]) -> Result<Self, ApiError> {
        let mut remarks = HashMap::new();
        let annotated = store.annotated()?;
        for point in timelines.iter().flat_map(|timeline| &timeline.history.points) {
            if annotated.contains(&point.run) && !remarks.contains_key(&point.run) {
                remarks.insert(point.run.clone(), store.annotations(&point.run)?);
            }
        }
        Ok(Self { baselines: store.baselines()?, remarks })
    }

    fn baselines(&self, timeline: &Timeline) -> Value {
        let key = &timeline.history.key;
        let own = self.baselines.iter().filter(|one| {
            one.suite == key.suite && one.machine == key.machine && (one.branch == key.branch || one.branch.is_none())
        });
        own.map(|one| {
            let values: Vec<f64> = timeline
                .history
                .points
                .iter()
                .filter(|point| one.runs.contains(&point.run))
                .map(engine_core::history::Point::value)
                .collect();
            let value = (!values.is_empty()).then(|| engine_core::stats::quantile::median(&values));
            let runs: Vec<&str> = one.runs.iter().map(|run| run.0.as_str()).collect();
            let runs = runs.into_iter().map(str::to_owned).collect();
            json!(TrendBaseline { name: clean::line(&one.name), runs, value: value.and_then(crate::shape::finite) })
        })
        .collect()
    }

    fn remarks(&self, timeline: &Timeline) -> Value {
        let points = timeline.history.points.iter();
        points
            .filter_map(|point| Some((&point.run, self.remarks.get(&point.run)?)))
            .flat_map(|(run, all)| all.iter().map(move |one| (run, one)))
            .map(|(run, one)| {
                json!(TrendRemark { run: run.0.clone(), at: time::text(one.at), text: clean::line(&one.text) })
            })
            .collect()
    }
}

/// Baselines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Baselines {
    /// By name.
    items: Vec<BaselineRow>,
}

/// A name for a run, or for a window of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BaselineRow {
    /// The name.
    name: String,
    /// Scenario of its runs.
    scenario: String,
    /// Machine of its runs.
    machine: String,
    /// Branch that it stands for.
    branch: Option<String>,
    /// Its newest run.
    run: String,
    /// Its runs, newest first.
    runs: Vec<String>,
    /// When it was set.
    set: String,
    /// When it ends.
    expires: Option<String>,
    /// Whether it has ended.
    expired: bool,
    /// Whether its runs are never pruned.
    protected: bool,
    /// Who set it.
    who: String,
    /// Why.
    why: String,
}

/// Named runs that others are compared with.
#[utoipa::path(get, path = "/api/v1/baselines", tag = "histories", responses((status = 200, body = Baselines), Errors))]
pub(crate) async fn baselines(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let all = app.work(|app| app.database.read(|store| Ok::<_, ApiError>(store.baselines()?))).await?;
    let now = time::now();
    let row = |one: &engine_store::Baseline| BaselineRow {
        name: clean::line(&one.name),
        scenario: clean::line(&one.suite),
        machine: clean::line(&one.machine),
        branch: one.branch.as_deref().map(clean::line),
        run: one.run().0.clone(),
        runs: one.runs.iter().map(|run| run.0.clone()).collect(),
        set: time::text(one.created),
        expires: one.expires.map(time::text),
        expired: one.is_expired(now),
        protected: one.protected,
        who: clean::line(&one.who),
        why: clean::line(&one.why),
    };
    Ok(answer(&Baselines { items: all.iter().map(row).collect() }))
}
