//! `engine advise --verify`: the experiments of findings as a run of their own, and what came of them.
//!
//! Experiments run the engine's own probes with other options. Their files are those of any run: in a scratch folder that
//! goes with it, or is removed by the next run after a kill. No setting of the machine is changed.

use engine_analysis::advice::{calibration as calibrated, measured, script};
use engine_core::finding::{Advice, Calibration, Finding, Range, Verified};
use engine_core::run::{RunId, RunRecord};
use engine_core::unit::Unit;
use engine_store::Filter;

use crate::app::{self, App};
use crate::args::Reading;
use crate::exit::{Exit, Fatal};
use crate::pipeline::{self, Request};
use crate::source;

/// The tag of the run of an experiment: its value is the run that the predictions are from.
const TAG: &str = "verifies";

/// Runs the experiments of all findings that have one, shows predicted beside measured, and keeps both.
pub(crate) fn run(app: &App, advice: &Advice, profile: Option<&str>) -> Result<Exit, Fatal> {
    let findings: Vec<&Finding> = advice.findings.iter().filter(|finding| finding.experiment.is_some()).collect();
    if let Some(change) = findings.iter().filter_map(|f| f.experiment.as_ref()?.changes.as_ref()).next() {
        return Err(Fatal::new(
            Exit::Denied,
            format!("an experiment would write {}: leave it out with `--only`", change.path),
        ));
    }
    let Some(text) = script(&findings) else {
        return Err(Fatal::new(Exit::NothingRan, "no finding of this run has an experiment"));
    };
    let reading = Reading { profile: profile.map(str::to_owned), ..Reading::default() };
    let mut quiet = app.clone();
    // What the command gives is below; the run has its report files as any other.
    quiet.output.json = false;
    quiet.output.quiet = true;
    let mut request = Request::new(app, source::given(&text), &reading)?;
    request.storing.tags.push(format!("{TAG}={}", advice.run));
    let exit = pipeline::run(&quiet, request)?;
    let record = newest(app, &advice.run)?;
    let mut store = app.store()?;
    let mut rows = Vec::new();
    for finding in findings {
        let Some(experiment) = &finding.experiment else { continue };
        let Some(found) = measured(&record, &finding.rule, experiment) else {
            rows.push((finding.rule.clone(), experiment.predicted, None));
            continue;
        };
        let verified = Verified {
            at: app::now(),
            rule: finding.rule.clone(),
            predicted_by: RunId(advice.run.clone()),
            measured_by: record.header.id.clone(),
            predicted: experiment.predicted,
            measured: found,
        };
        store.keep_experiment(&verified)?;
        rows.push((finding.rule.clone(), experiment.predicted, Some(verified)));
    }
    show(app, &record, &rows, &calibrated(&store.experiments()?));
    Ok(exit)
}

/// How earlier predictions held; nothing where the store cannot be read.
pub(crate) fn calibration(app: &App) -> Vec<Calibration> {
    let all = app.reader().and_then(|store| Ok(store.experiments()?));
    all.map(|all| calibrated(&all)).unwrap_or_default()
}

/// The run of the experiments that was just stored.
fn newest(app: &App, of: &str) -> Result<RunRecord, Fatal> {
    let store = app.reader()?;
    let filter =
        Filter { tag: Some((TAG.to_owned(), of.to_owned())), limit: Some(1), include_tiny: true, ..Filter::default() };
    let found = store.list(&filter)?.into_iter().next();
    let row = found.ok_or_else(|| Fatal::new(Exit::Store, "the run of the experiments was not stored"))?;
    Ok(store.load(&row.id.0)?)
}

fn show(app: &App, record: &RunRecord, rows: &[(String, Range, Option<Verified>)], calibration: &[Calibration]) {
    if app.output.json {
        let experiments: Vec<_> = rows
            .iter()
            .map(|(rule, predicted, found)| {
                serde_json::json!({
                    "rule": rule,
                    "predicted": predicted,
                    "measured": found.as_ref().map(|found| found.measured),
                    "holds": found.as_ref().map(Verified::holds),
                    "error_ratio": found.as_ref().map(Verified::error),
                })
            })
            .collect();
        let document = serde_json::json!({
            "schema_version": 1, "kind": "verification", "run": record.header.id.0,
            "experiments": experiments, "calibration": calibration,
        });
        app.out(&document.to_string());
        return;
    }
    let range = |range: Range| {
        let text = |value| Unit::Count.format(value);
        format!("{} [{} .. {}]", text(range.value), text(range.low), text(range.high))
    };
    app.out(&format!("experiments of run {}: times as good, predicted and measured", record.header.id.short()));
    for (rule, predicted, found) in rows {
        let after = match found {
            None => "not measured".to_owned(),
            Some(found) => format!(
                "{}  {}, off by {}",
                range(found.measured),
                if found.holds() { "within" } else { "outside" },
                Unit::Ratio.format(found.error())
            ),
        };
        app.out(&format!("  {rule:<28} {:<32} {after}", range(*predicted)));
    }
    for one in calibration {
        let name = if one.rule.is_empty() { "all rules" } else { &one.rule };
        app.out(&format!(
            "  so far, {name}: {} experiments, {} within, median error {}",
            one.trials,
            Unit::Ratio.format(one.coverage),
            Unit::Ratio.format(one.median_error)
        ));
    }
}
