//! `engine runs`: what is stored.

use engine_core::run::Timestamp;
use engine_report::{TimeZone, text};
use engine_store::{Filter, PrunePolicy};

use crate::app::{self, App};
use crate::args::{ReportArgs, RunsCommand};
use crate::exit::{Exit, Fatal};

/// Lists, shows, annotates, exports, imports or prunes.
pub(crate) fn run(app: &App, command: RunsCommand) -> Result<Exit, Fatal> {
    match command {
        RunsCommand::List { scenario, tag, branch, since, limit, all } => {
            let filter = Filter {
                suite: scenario,
                branch,
                tag: tag.as_deref().map(|tag| app::pair("--tag", tag)).transpose()?,
                since: since.as_deref().map(|text| before(app::time("--since", text)?)).transpose()?,
                limit: Some(limit),
                include_tiny: all,
                ..Filter::default()
            };
            list(app, &filter)
        }
        RunsCommand::Show { run } => super::report::run(app, &ReportArgs { run, ..ReportArgs::default() }),
        RunsCommand::Annotate { run, text } => {
            let mut store = app.store()?;
            let run = app.resolve(&store, &run)?;
            store.annotate(&run, &text)?;
            app.note(&format!("run {} has the remark", run.short()));
            Ok(Exit::Pass)
        }
        RunsCommand::Export { run: None, out, .. } => {
            let carried = app.reader()?.export_all(&out)?;
            super::foreign::carried(app, &format!("wrote {}", out.display()), &carried);
            Ok(Exit::Pass)
        }
        RunsCommand::Export { run: Some(run), out, .. } => {
            let store = app.reader()?;
            let run = app.resolve(&store, &run)?;
            store.export(&run, &out)?;
            app.note(&format!("wrote run {} to {}", run.short(), out.display()));
            Ok(Exit::Pass)
        }
        RunsCommand::Import(args) => super::foreign::run(app, &args),
        RunsCommand::Prune { keep, older_than, max_size, dry_run } => {
            prune(app, keep, older_than.as_deref(), max_size.as_deref(), dry_run)
        }
    }
}

fn list(app: &App, filter: &Filter) -> Result<Exit, Fatal> {
    let rows = app.reader()?.list(filter)?;
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "runs": rows }).to_string());
        return Ok(Exit::Pass);
    }
    let judged = |row: &engine_store::RunRow, name: &str| {
        usize::try_from(row.expectations.get(name).copied().unwrap_or(0)).unwrap_or(0)
    };
    let shown: Vec<engine_report::RunRow> = rows
        .iter()
        .map(|row| engine_report::RunRow {
            id: row.id.short().to_owned(),
            scenario: row.suite.clone(),
            started: row.started,
            duration: row.duration,
            state: row.state,
            validity: row.validity.level,
            profile: row.profile,
            expectations: [judged(row, "pass"), judged(row, "fail"), judged(row, "unsure")],
            code: row.commit.as_ref().map(|commit| commit.chars().take(10).collect()),
            branch: row.branch.clone(),
            tags: row.tags.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        })
        .collect();
    app.out(&text::runs(&shown, &TimeZone::system(), app.style()));
    Ok(Exit::Pass)
}

/// What is not said comes from the settings: the newest `store.keep_runs`, and nothing younger than `store.keep_days`.
fn prune(
    app: &App,
    keep: Option<u32>,
    older_than: Option<&str>,
    max_size: Option<&str>,
    dry_run: bool,
) -> Result<Exit, Fatal> {
    let set = &app.config().store;
    let age = match older_than {
        Some(text) => app::time("--older-than", text)?,
        None => f64::from(set.keep_days) * 86_400.0,
    };
    let max_bytes = max_size.map(size).transpose()?;
    let keep = Some(keep.unwrap_or(set.keep_runs));
    let policy = PrunePolicy { keep, older_than: Some(before(age)?), max_bytes, dry_run };
    let gone = app.store()?.prune(policy)?;
    let word = if dry_run { "would be removed" } else { "removed" };
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "dry_run": dry_run, "removed": gone }).to_string());
    } else {
        for run in &gone {
            app.out(run.short());
        }
        app.note(&format!("{} runs {word}; baselines and annotated runs stay", gone.len()));
    }
    Ok(Exit::Pass)
}

/// A size on the command line, in bytes.
fn size(text: &str) -> Result<u64, Fatal> {
    let quantity: engine_core::quantity::Quantity =
        text.parse().map_err(|error| Fatal::usage(format!("`--max-size`: {error}")))?;
    if quantity.dimension != engine_core::unit::Dimension::DATA || !(0.0..=1e18).contains(&quantity.value) {
        return Err(Fatal::usage(format!("`--max-size` must be a size such as `1 GB`, got `{text}`")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    Ok(quantity.value as u64)
}

/// The moment so many seconds ago.
pub(super) fn before(seconds: f64) -> Result<Timestamp, Fatal> {
    let micros = seconds * 1e6;
    if !(0.0..=9e18).contains(&micros) {
        return Err(Fatal::usage("the time is longer than any history"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in the range of a timestamp")]
    Ok(Timestamp(app::now().0.saturating_sub(micros as i64)))
}
