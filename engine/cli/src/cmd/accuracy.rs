//! `engine accuracy`: how right the alerts were that somebody labelled, and how right other rules would have been.

use engine_analysis::accuracy::{Missed, Score, accuracy};
use engine_analysis::policy::Policy;
use engine_core::alert::series_of;
use engine_core::history::SeriesKey;
use engine_report::text::{self, AccuracyRow};
use engine_store::AlertFilter;

use crate::app::App;
use crate::args::AccuracyArgs;
use crate::exit::{Exit, Fatal};

/// The rules that are replayed unless others are named: one of each tool, with the tool's default.
const REPLAYED: [&str; 9] =
    ["otava:0.001", "asv", "perfherder", "rustc", "t:0.99", "z:0.99", "percent:0.1", "iqr:2", "log-normal:0.99"];

/// Counts and replays, and shows what came of it.
pub(crate) fn run(app: &App, args: &AccuracyArgs) -> Result<Exit, Fatal> {
    let names: Vec<String> =
        if args.policy.is_empty() { REPLAYED.iter().map(ToString::to_string).collect() } else { args.policy.clone() };
    let policies = names
        .into_iter()
        .map(|name| match name.parse::<Policy>() {
            Ok(policy) => Ok((name, policy)),
            Err(message) => Err(Fatal::usage(format!("`--policy`: {message}"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let store = app.reader()?;
    let alerts = store.alerts(&AlertFilter { resolved: true, ..AlertFilter::default() })?;
    let missed: Vec<Missed> = store
        .misses()?
        .into_iter()
        .filter_map(|miss| {
            let key = SeriesKey {
                series: series_of(&miss.subject)?,
                suite: miss.suite,
                machine: miss.machine,
                branch: miss.branch,
            };
            Some(Missed { key, began: miss.began })
        })
        .collect();
    let labelled = alerts.iter().filter(|alert| alert.label.is_some()).count();
    let histories = match super::trend_stored::histories(app, &store, &["*".to_owned()], &args.which) {
        Ok(histories) => histories,
        // Alerts outlive their runs.
        Err(error) if error.exit == Exit::NothingRan => Vec::new(),
        Err(error) => return Err(error),
    };
    let scores = accuracy(&alerts, &missed, &histories, &policies);
    if app.output.json {
        let document = serde_json::json!({
            "schema_version": 1, "alerts": alerts.len(), "labelled": labelled, "missed": missed.len(),
            "policies": scores.iter().map(json).collect::<Vec<_>>(),
        });
        app.out(&document.to_string());
    } else {
        let rows: Vec<AccuracyRow> = scores.iter().map(row).collect();
        app.out(&text::accuracy(&rows, [alerts.len(), labelled, missed.len()], app.style()));
    }
    Ok(if labelled + missed.len() == 0 { Exit::NothingRan } else { Exit::Pass })
}

fn json(score: &Score) -> serde_json::Value {
    serde_json::json!({
        "policy": score.name, "replayed": score.replayed, "right": score.right, "wrong": score.wrong, "hits": score.hits,
        "events": score.events, "unlabelled": score.unlabelled, "precision": score.precision(), "recall": score.recall(),
        "f1": score.f1(), "delay_runs_median": score.delay(),
    })
}

fn row(score: &Score) -> AccuracyRow {
    AccuracyRow {
        name: score.name.clone(),
        replayed: score.replayed,
        counts: [score.right, score.wrong, score.unlabelled],
        precision: score.precision(),
        recall: score.recall(),
        f1: score.f1(),
        delay: score.delay(),
    }
}
