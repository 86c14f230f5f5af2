//! `engine trend`: what changed; here in series from files (`--file`).

use std::io::Read;
use std::path::Path;

use engine_analysis::change::{ChangePoint, History, Kind, Tier, detect_all};
use engine_analysis::policy::Policy;
use engine_analysis::series_file::{self, Columns, Series};
use engine_core::change::Trend;

use crate::app::App;
use crate::args::{FailOn, TrendArgs};
use crate::exit::{Exit, Fatal};

/// Reads the files, analyses all series, shows them, and decides by `--fail-on`.
pub(crate) fn run(app: &App, args: &TrendArgs) -> Result<Exit, Fatal> {
    if args.file.is_empty() {
        return super::trend_stored::run(app, args);
    }
    let policy = args
        .policy
        .as_deref()
        .map(|text| text.parse::<Policy>().map_err(|message| Fatal::usage(format!("`--policy`: {message}"))))
        .transpose()?;
    let columns = Columns { time: args.time.as_deref(), value: args.value.as_deref(), group: None };
    let mut all: Vec<Series> = Vec::new();
    for path in &args.file {
        let (name, text) = content(path)?;
        let read = series_file::read(&name, &text, columns)
            .map_err(|error| Fatal::usage(format!("`{}`: {error}", path.display())))?;
        for series in read {
            for note in &series.notes {
                app.note(&format!("{}: {note}", engine_report::clean::line(&series.name)));
            }
            all.push(series);
        }
    }
    let values: Vec<Vec<f64>> = all.iter().map(|series| series.values.clone()).collect();
    let changes = match &policy {
        Some(policy) => values.iter().map(|values| by_policy(policy, values)).collect(),
        None if args.accept.is_empty() => detect_all(&values),
        None => values.iter().map(|values| accepted(values, &args.accept)).collect(),
    };
    let named = all.into_iter().zip(changes);
    let trends: Vec<Trend> =
        named.map(|(series, changes)| Trend { name: series.name, values: series.values, changes }).collect();
    if app.output.json {
        app.out(&engine_report::json::trends(&trends));
    } else {
        for trend in &trends {
            app.out(&engine_report::text::trend(trend, app.style()));
        }
    }
    let any = |tier: Tier| trends.iter().flat_map(|trend| &trend.changes).any(|change| change.tier == tier);
    let mut exits = Vec::new();
    if args.fail_on.contains(&FailOn::Regression) && any(Tier::Confirmed) {
        exits.push(Exit::Regression);
    }
    if args.fail_on.contains(&FailOn::Inconclusive) && any(Tier::Suspect) {
        exits.push(Exit::Inconclusive);
    }
    Ok(Exit::of(&exits))
}

/// A file's content and what its series are called; `-` is standard input.
pub(super) fn content(path: &Path) -> Result<(String, String), Fatal> {
    let fail = |error: std::io::Error| Fatal::usage(format!("cannot read `{}`: {error}", path.display()));
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map_err(fail)?;
        return Ok(("stdin".to_owned(), text));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    let name = path.file_stem().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Ok((name, text))
}

/// The changes when levels have been accepted as the new normal.
fn accepted(values: &[f64], from: &[usize]) -> Vec<ChangePoint> {
    let mut history = History::new();
    for (at, value) in values.iter().enumerate() {
        if from.contains(&at) {
            history.accept(at);
        }
        history.push(*value);
    }
    history.changes()
}

/// What the rule of another tool says, in our words: it knows neither kinds nor tiers.
pub(super) fn by_policy(policy: &Policy, values: &[f64]) -> Vec<ChangePoint> {
    let (places, known): (Vec<usize>, Vec<f64>) =
        values.iter().copied().enumerate().filter(|(_, value)| value.is_finite()).unzip();
    let alerts = policy.alerts(&known);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let ends = |at: usize| alerts.iter().copied().find(|next| *next > at).unwrap_or(known.len());
    let starts = |at: usize| alerts.iter().rev().copied().find(|before| *before < at).unwrap_or(0);
    alerts
        .iter()
        .map(|at| {
            let (before, after) = (mean(&known[starts(*at)..*at]), mean(&known[*at..ends(*at)]));
            let size = (after - before) / before.abs();
            ChangePoint {
                index: places[*at],
                low: places[*at],
                high: places[*at],
                kind: Kind::Step,
                tier: Tier::Confirmed,
                size,
                size_low: f64::NAN,
                size_high: f64::NAN,
            }
        })
        .collect()
}
