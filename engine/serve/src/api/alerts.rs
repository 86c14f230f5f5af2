//! What is wrong now, since when, and who knows; and what people do about it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use engine_core::alert::{AlertState, Label, Rule};
use engine_core::run::Timestamp;
use engine_store::{AlertFilter, Deed};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::runs::{one_of, sentence};
use crate::api::site::Plain;
use crate::api::{ChangeErrors, Errors, json};
use crate::error::ApiError;
use crate::params::{Json, Name, Params, after, limit, page};
use crate::shape::{AlertCounts, AlertRow};
use crate::state::App;

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertsQuery {
    /// How many at once, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the answer before.
    cursor: Option<String>,
    /// `open` (the default), `all`, or one state.
    state: Option<String>,
    /// Name of the suite.
    scenario: Option<String>,
    /// Branch of the code under test.
    branch: Option<String>,
    /// What raised them.
    rule: Option<String>,
}

/// Alerts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertPage {
    /// The alerts.
    items: Vec<AlertRow>,
    /// `cursor` of the next page; null on the last.
    next: Option<String>,
    /// How many there are in all.
    total: usize,
    /// All alerts of the store by state, whatever was asked for.
    counts: AlertCounts,
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertsQuery), responses((status = 200, body = AlertPage), Errors))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<AlertsQuery>,
) -> Result<Response, ApiError> {
    let (limit, from) = (limit(query.limit)?, after(query.cursor.as_deref())?);
    let words = ["open", "all", "pending", "firing", "acknowledged", "silenced", "resolved"];
    let state = one_of("state", query.state.as_deref().unwrap_or("open"), &words)?;
    let rule = match query.rule.as_deref() {
        None => None,
        Some(text) => {
            let rule = Rule::named(text);
            Some(rule.ok_or_else(|| ApiError::bad(format!("`rule` must be {}", Rule::ALL.map(Rule::name).join(", "))))?)
        }
    };
    let all = app
        .work(|app| {
            let filter = AlertFilter { resolved: true, ..AlertFilter::default() };
            app.database.read(|store| Ok::<_, ApiError>(store.alerts(&filter)?))
        })
        .await?;
    let counts = AlertCounts::of(&all);
    let wanted = |alert: &engine_core::alert::Alert| {
        let fits = match state {
            "all" => true,
            "open" => alert.state != AlertState::Resolved,
            name => alert.state.name() == name,
        };
        fits && rule.is_none_or(|rule| alert.rule == rule)
            && query.scenario.as_ref().is_none_or(|scenario| *scenario == alert.suite)
            && (query.branch.is_none() || query.branch == alert.branch)
    };
    let rows: Vec<AlertRow> = all.iter().filter(|alert| wanted(alert)).map(AlertRow::of).collect();
    let (items, next, total) = page(rows, from, limit);
    Ok(json(&AlertPage { items, next, total, counts }))
}

/// One alert with its life.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its id, or the beginning of it")),
    responses((status = 200, body = AlertRow), Errors)
)]
pub(crate) async fn get(State(app): State<Arc<App>>, Name(id): Name, _: Params<Plain>) -> Result<Response, ApiError> {
    let id = known(&id)?;
    let alert = app.work(move |app| app.database.read(|store| Ok::<_, ApiError>(store.alert(&id)?))).await?;
    Ok(json(&AlertRow::of(&alert)))
}

/// Ids are short words.
fn known(id: &str) -> Result<String, ApiError> {
    let plain = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { Ok(id.to_owned()) } else { Err(ApiError::unknown("unknown_alert", format!("no alert `{id}`"))) }
}

/// Who does it, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByWhom {
    /// Who.
    #[schema(min_length = 1, max_length = 120)]
    who: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    why: String,
}

/// Who silences it, why, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Silence {
    /// Who.
    #[schema(min_length = 1, max_length = 120)]
    who: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    why: String,
    /// For how long: a minute to a year.
    #[schema(minimum = 60, maximum = 31_536_000)]
    seconds: u32,
}

/// What it was, and who says so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Labelled {
    /// Who.
    #[schema(min_length = 1, max_length = 120)]
    who: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    why: String,
    /// `true`: there was something; `false`: there was nothing; `ignored`: neither counts.
    label: String,
}

async fn act(app: Arc<App>, id: &str, deed: Deed, who: &str, why: &str) -> Result<Response, ApiError> {
    let id = known(id)?;
    let who = sentence("who", who, 120)?;
    if why.chars().count() > 1000 {
        return Err(ApiError::bad("`why` has more than 1000 characters"));
    }
    let why = why.trim().to_owned();
    let alert =
        app.work(move |app| app.database.write(|store| Ok::<_, ApiError>(store.act(&id, deed, &who, &why)?))).await?;
    Ok(json(&AlertRow::of(&alert)))
}

/// It is known.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", request_body = ByWhom,
    params(("id" = String, Path, description = "Its id, or the beginning of it")),
    responses((status = 200, body = AlertRow), ChangeErrors)
)]
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Json(by): Json<ByWhom>,
) -> Result<Response, ApiError> {
    act(app, &id, Deed::Acknowledge, &by.who, &by.why).await
}

/// It is not to be told for a while.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/silence", tag = "alerts", request_body = Silence,
    params(("id" = String, Path, description = "Its id, or the beginning of it")),
    responses((status = 200, body = AlertRow), ChangeErrors)
)]
pub(crate) async fn silence(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Json(silence): Json<Silence>,
) -> Result<Response, ApiError> {
    if !(60..=31_536_000).contains(&silence.seconds) {
        return Err(ApiError::bad("`seconds` must be 60 to 31536000: a minute to a year"));
    }
    let until = Timestamp(crate::time::now().0.saturating_add(i64::from(silence.seconds) * 1_000_000));
    act(app, &id, Deed::Silence(until), &silence.who, &silence.why).await
}

/// It is over.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts", request_body = ByWhom,
    params(("id" = String, Path, description = "Its id, or the beginning of it")),
    responses((status = 200, body = AlertRow), ChangeErrors)
)]
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Json(by): Json<ByWhom>,
) -> Result<Response, ApiError> {
    act(app, &id, Deed::Resolve, &by.who, &by.why).await
}

/// What it was: counts towards how right the alerts are.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/label", tag = "alerts", request_body = Labelled,
    params(("id" = String, Path, description = "Its id, or the beginning of it")),
    responses((status = 200, body = AlertRow), ChangeErrors)
)]
pub(crate) async fn label(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Json(labelled): Json<Labelled>,
) -> Result<Response, ApiError> {
    let label = match one_of("label", &labelled.label, &["true", "false", "ignored"])? {
        "true" => Label::True,
        "false" => Label::False,
        _ => Label::Ignored,
    };
    act(app, &id, Deed::Label(label), &labelled.who, &labelled.why).await
}
