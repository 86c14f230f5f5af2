//! Stored runs: the list, one of them, remarks, files, removal, and results from elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use engine_core::run::RunState;
use engine_report::clean;
use engine_store::{Filter, Removal};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answers::Answer;
use crate::api::site::Plain;
use crate::api::{ChangeErrors, Errors, json, raw};
use crate::backend::{ImportAs, ImportedRun};
use crate::error::ApiError;
use crate::openapi::ReportDocument;
use crate::params::{Json, Name, Params, after, body, limit, page, reference};
use crate::shape::RunRow;
use crate::state::App;
use crate::time;

/// The largest results that are taken, in bytes.
const RESULTS: usize = 32 << 20;

/// Which runs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunsQuery {
    /// How many at once, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the answer before.
    cursor: Option<String>,
    /// Name of the suite.
    scenario: Option<String>,
    /// Branch of the code under test.
    branch: Option<String>,
    /// Id of the machine.
    machine: Option<String>,
    /// `running`, `complete`, `partial` or `crashed`.
    state: Option<String>,
    /// `valid`, `degraded` or `invalid`.
    validity: Option<String>,
    /// Started at this moment or later, RFC 3339.
    since: Option<String>,
    /// A tag, as `key=value`.
    tag: Option<String>,
    /// Text within id, scenario, branch, commit or tags.
    q: Option<String>,
    /// With runs of the tiny profile.
    tiny: Option<bool>,
}

/// Runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunPage {
    /// The runs.
    items: Vec<RunRow>,
    /// `cursor` of the next page; null on the last.
    next: Option<String>,
    /// How many there are in all.
    total: usize,
}

/// Stored runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunsQuery), responses((status = 200, body = RunPage), Errors))]
pub(crate) async fn list(State(app): State<Arc<App>>, Params(query): Params<RunsQuery>) -> Result<Response, ApiError> {
    let (limit, from) = (limit(query.limit)?, after(query.cursor.as_deref())?);
    let filter = filter(&query)?;
    let validity = query
        .validity
        .as_deref()
        .map(|text| one_of("validity", text, &["valid", "degraded", "invalid"]))
        .transpose()?;
    let sought = query.q.as_deref().map(str::to_lowercase).unwrap_or_default();
    let rows = app.work(move |app| app.database.read(|store| Ok::<_, ApiError>(store.list(&filter)?))).await?;
    let rows: Vec<RunRow> = rows
        .iter()
        .map(RunRow::of)
        .filter(|row| validity.is_none_or(|level| row.validity.level == level) && contains(row, &sought))
        .collect();
    let (items, next, total) = page(rows, from, limit);
    Ok(json(&RunPage { items, next, total }))
}

fn filter(query: &RunsQuery) -> Result<Filter, ApiError> {
    let state = match query.state.as_deref() {
        None => None,
        Some("running") => Some(RunState::Running),
        Some("complete") => Some(RunState::Complete),
        Some("partial") => Some(RunState::Partial),
        Some("crashed") => Some(RunState::Crashed),
        Some(other) => return Err(ApiError::bad(format!("`state` cannot be `{other}`"))),
    };
    let tag = query.tag.as_deref().map(pair).transpose()?;
    let since = query.since.as_deref().map(moment).transpose()?;
    Ok(Filter {
        suite: query.scenario.clone(),
        branch: query.branch.clone(),
        machine: query.machine.clone(),
        tag,
        since,
        state,
        limit: None,
        include_tiny: query.tiny.unwrap_or(false),
    })
}

/// `key=value`.
fn pair(text: &str) -> Result<(String, String), ApiError> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| ApiError::bad(format!("a tag is `key=value`, got `{text}`")))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A moment in a query.
pub(super) fn moment(text: &str) -> Result<engine_core::run::Timestamp, ApiError> {
    time::read(text)
        .ok_or_else(|| ApiError::bad(format!("`since` must be RFC 3339, such as 2026-11-26T20:00:00Z, got `{text}`")))
}

/// One of some words.
pub(super) fn one_of(what: &str, text: &str, words: &[&'static str]) -> Result<&'static str, ApiError> {
    words
        .iter()
        .find(|word| **word == text)
        .copied()
        .ok_or_else(|| ApiError::bad(format!("`{what}` must be {}, got `{text}`", words.join(", "))))
}

fn contains(row: &RunRow, sought: &str) -> bool {
    let within = |text: &str| text.to_lowercase().contains(sought);
    sought.is_empty()
        || [Some(&row.id), Some(&row.scenario), row.branch.as_ref(), row.commit.as_ref()]
            .into_iter()
            .flatten()
            .any(|text| within(text))
        || row.tags.iter().any(|(name, value)| within(&format!("{name}={value}")))
}

/// A remark on a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Remark {
    /// When it was made, RFC 3339 in UTC.
    at: String,
    /// The text.
    text: String,
}

impl Remark {
    fn of(annotation: &engine_store::Annotation) -> Self {
        Self { at: time::text(annotation.at), text: clean::line(&annotation.text) }
    }
}

/// Everything of one run; written as text, since a part of it is text already, and here for the description.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunDetail {
    /// As in the list.
    run: RunRow,
    /// The results file.
    report: ReportDocument,
    /// Remarks, oldest first.
    annotations: Vec<Remark>,
    /// Why it is no part of automatic baselines; null where it is.
    rejected: Option<String>,
}

/// Everything of one run: results with intervals, environment, expectations, health, loads.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}", tag = "runs",
    params(("id" = String, Path, description = "An id, the beginning of one, `@last` or `@-2`")),
    responses((status = 200, body = RunDetail), Errors)
)]
pub(crate) async fn get(State(app): State<Arc<App>>, Name(id): Name, _: Params<Plain>) -> Result<Response, ApiError> {
    reference(&id)?;
    let text = app
        .work(move |app| {
            let (id, report) = app.answer(&id, Answer::Report)?;
            let report = String::from_utf8_lossy(&report);
            let (row, remarks, rejected) = app
                .database
                .read(|store| Ok::<_, ApiError>((store.row(&id)?, store.annotations(&id)?, store.rejection(&id)?)))?;
            let row = row.ok_or_else(|| ApiError::unknown("unknown_run", format!("no run `{id}`")))?;
            let remarks: Vec<Remark> = remarks.iter().map(Remark::of).collect();
            let written = |error: serde_json::Error| ApiError::internal(error.to_string());
            Ok(format!(
                "{{\"run\":{},\"report\":{},\"annotations\":{},\"rejected\":{}}}",
                serde_json::to_string(&RunRow::of(&row)).map_err(written)?,
                report.trim_end(),
                serde_json::to_string(&remarks).map_err(written)?,
                serde_json::to_string(&rejected.as_deref().map(clean::line)).map_err(written)?,
            ))
        })
        .await?;
    Ok(raw(text))
}

/// Removes a run with all that it measured.
#[utoipa::path(
    delete, path = "/api/v1/runs/{id}", tag = "runs",
    params(("id" = String, Path, description = "A whole id")),
    responses((status = 204, description = "It is gone"), ChangeErrors)
)]
pub(crate) async fn remove(State(app): State<Arc<App>>, Name(id): Name) -> Result<Response, ApiError> {
    reference(&id)?;
    // Nobody removes a run by a slip of the finger.
    if id.len() != 26 {
        return Err(ApiError::bad("to be removed, a run is named by its whole id"));
    }
    let removal = app
        .work(move |app| {
            let run = app.database.read(|store| Ok::<_, ApiError>(store.resolve(&id)?))?;
            app.database.write(|store| Ok::<_, ApiError>(store.remove(&run)?))
        })
        .await?;
    match removal {
        Removal::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        Removal::Running => Err(ApiError::conflict("the run is still going")),
        Removal::Protected => Err(ApiError::conflict("a protected baseline needs the run")),
    }
}

/// Remarks on a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Remarks {
    /// Oldest first.
    items: Vec<Remark>,
}

/// Remarks on a run, oldest first.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}/annotations", tag = "runs",
    params(("id" = String, Path, description = "An id, the beginning of one, `@last` or `@-2`")),
    responses((status = 200, body = Remarks), Errors)
)]
pub(crate) async fn remarks(
    State(app): State<Arc<App>>,
    Name(id): Name,
    _: Params<Plain>,
) -> Result<Response, ApiError> {
    reference(&id)?;
    let all = app
        .work(move |app| app.database.read(|store| Ok::<_, ApiError>(store.annotations(&store.resolve(&id)?)?)))
        .await?;
    Ok(json(&Remarks { items: all.iter().map(Remark::of).collect() }))
}

/// A remark to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRemark {
    /// One line, 2000 characters at most.
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// Adds a remark. A run that has one is not pruned.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/annotations", tag = "runs",
    params(("id" = String, Path, description = "An id, the beginning of one, `@last` or `@-2`")),
    request_body = NewRemark,
    responses((status = 201, description = "It is stored", body = Remark), ChangeErrors)
)]
pub(crate) async fn annotate(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Json(remark): Json<NewRemark>,
) -> Result<Response, ApiError> {
    reference(&id)?;
    let text = sentence("text", &remark.text, 2000)?;
    let all = app
        .work(move |app| {
            let run = app.database.read(|store| Ok::<_, ApiError>(store.resolve(&id)?))?;
            app.database.write(|store| {
                store.annotate(&run, &text)?;
                Ok::<_, ApiError>(store.annotations(&run)?)
            })
        })
        .await?;
    let last = all.last().map(Remark::of).ok_or_else(|| ApiError::internal("the remark was not stored"))?;
    Ok((StatusCode::CREATED, json(&last)).into_response())
}

/// A text that somebody wrote: not empty, not too long.
pub(super) fn sentence(what: &str, text: &str, most: usize) -> Result<String, ApiError> {
    match text.trim() {
        "" => Err(ApiError::bad(format!("`{what}` is empty"))),
        long if long.chars().count() > most => Err(ApiError::bad(format!("`{what}` has more than {most} characters"))),
        text => Ok(text.to_owned()),
    }
}

/// In which format.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// `json`, `md`, `csv`, `xml`, `txt`, and what else `engine report` writes.
    format: String,
}

/// The report of a run as a file.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}/report", tag = "runs",
    params(("id" = String, Path, description = "An id, the beginning of one, `@last` or `@-2`"), FileQuery),
    responses((status = 200, description = "The file", body = String, content_type = "*/*"), Errors)
)]
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Params(query): Params<FileQuery>,
) -> Result<Response, ApiError> {
    reference(&id)?;
    let plain = (1..=8).contains(&query.format.len()) && query.format.bytes().all(|b| b.is_ascii_lowercase());
    if !plain {
        return Err(ApiError::bad("`format` must be json, md, csv, xml or txt"));
    }
    let format = query.format.clone();
    let (kind, text, name) = app
        .work(move |app| {
            let record = app.record(&id)?;
            let (kind, text) = app.backend.report(&record, &format)?;
            Ok((kind, text, record.header.id.short().to_owned()))
        })
        .await?;
    let place = format!("attachment; filename=\"engine-{name}.{}\"", query.format);
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, place)], text).into_response())
}

/// What is said of results from elsewhere.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// A format of `engine runs import FILE`; `auto` finds it out.
    format: Option<String>,
    /// What the results are called; shown as their source.
    name: Option<String>,
    /// Name of the scenario; that of the tool where it is not said.
    scenario: Option<String>,
    /// Commit of the code under test.
    commit: Option<String>,
    /// Its branch.
    branch: Option<String>,
    /// Tags, as `key=value` with commas between them.
    tags: Option<String>,
}

/// What was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Imported {
    /// The runs.
    imported: Vec<ImportedRun>,
}

/// Takes results in: an exported run, or what another tool wrote. The same results twice are one run.
#[utoipa::path(
    post, path = "/api/v1/runs", tag = "runs", params(ImportQuery),
    request_body(content = String, description = "The results, as text", content_type = "*/*"),
    responses(
        (status = 200, description = "All of it was there already", body = Imported),
        (status = 201, description = "It is stored", body = Imported),
        ChangeErrors,
    )
)]
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    for (what, text) in [
        ("name", &query.name),
        ("scenario", &query.scenario),
        ("commit", &query.commit),
        ("branch", &query.branch),
        ("tags", &query.tags),
    ] {
        let plain = |text: &String| text.len() <= 256 && !text.chars().any(char::is_control);
        if text.as_ref().is_some_and(|text| !plain(text)) {
            return Err(ApiError::bad(format!("`{what}` must be plain text of 256 bytes at most")));
        }
    }
    let tags = query.tags.iter().flat_map(|tags| tags.split(',')).filter(|tag| !tag.trim().is_empty()).map(pair);
    let import = ImportAs {
        format: query.format.unwrap_or_else(|| "auto".to_owned()),
        name: query.name.unwrap_or_else(|| "POST /api/v1/runs".to_owned()),
        scenario: query.scenario.filter(|name| !name.trim().is_empty()),
        commit: query.commit,
        branch: query.branch,
        tags: tags.collect::<Result<BTreeMap<_, _>, _>>()?,
    };
    let bytes = body(request, RESULTS).await?;
    let imported = app
        .work(move |app| {
            let text = std::str::from_utf8(&bytes)
                .map_err(|error| ApiError::bad(format!("the results are no text: {error}")))?;
            Ok(app.backend.import(text, &import)?)
        })
        .await?;
    let status = if imported.iter().any(|run| run.new) { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, json(&Imported { imported })).into_response())
}
