//! `engine plan RUN`: what the scaling law that a run's sweep follows says of other sizes.

use engine_analysis::curves::{Curve, curves};
use engine_analysis::usl::{self, Estimated, Fit};
use engine_core::quantity::Quantity;
use engine_core::unit::Unit;
use serde_json::json;

use crate::app::App;
use crate::args::PlanArgs;
use crate::exit::{Exit, Fatal};

/// Fits each curve of the run and answers for `--rate` and `--of`.
pub(crate) fn run(app: &App, args: &PlanArgs) -> Result<Exit, Fatal> {
    let record = app.lookup(&args.run)?;
    let mut found = curves(&record, args.axis.as_deref());
    if let Some(step) = &args.step {
        found.retain(|curve| curve.step == *step);
    }
    if found.is_empty() {
        let message =
            "the run has no rate over a sweep of at least three sizes, such as `sweep: #{ threads: [1, 2, 4, 8] }`";
        return Err(Fatal::new(Exit::NothingRan, message));
    }
    let (mut told, mut fitted) = (Vec::new(), false);
    for curve in &found {
        let name = format!("{}.{}{} over {}", curve.step, curve.metric.id, curve.labels, curve.axis);
        match usl::fit(&curve.points) {
            Ok(fit) => {
                fitted = true;
                let answers = answers(args, curve, &fit)?;
                if !app.output.json {
                    app.out(&format!("{name}: {}", fit.in_words(&curve.axis, curve.metric.unit)));
                    for line in &answers.lines {
                        app.out(&format!("  {line}"));
                    }
                }
                let knee = engine_analysis::knee::knee(&curve.points);
                told.push(
                    json!({ "step": curve.step, "metric": curve.metric.id, "labels": curve.labels, "axis": curve.axis,
                    "fit": fit, "knee": knee, "answers": answers.json }),
                );
            }
            Err(error) => {
                if !app.output.json {
                    app.out(&format!("{name}: {error}"));
                }
                told.push(
                    json!({ "step": curve.step, "metric": curve.metric.id, "labels": curve.labels, "axis": curve.axis,
                    "error": error.to_string() }),
                );
            }
        }
    }
    if app.output.json {
        app.out(&json!({ "schema_version": 1, "curves": told }).to_string());
    }
    // What no law is fitted to answers nothing.
    Ok(if fitted { Exit::Pass } else { Exit::Inconclusive })
}

struct Answers {
    lines: Vec<String>,
    json: Vec<serde_json::Value>,
}

fn answers(args: &PlanArgs, curve: &Curve, fit: &Fit) -> Result<Answers, Fatal> {
    let mut answers = Answers { lines: Vec::new(), json: Vec::new() };
    let unit = curve.metric.unit;
    let between = |of: &Estimated, show: &dyn Fn(f64) -> String| {
        let high = if of.interval.high.is_finite() { show(of.interval.high) } else { "no end".to_owned() };
        format!("{} ({} to {high})", show(of.value), show(of.interval.low))
    };
    if let Some(rate) = &args.rate {
        let wanted: Quantity = rate.parse().map_err(|error| Fatal::usage(format!("`--rate`: {error}")))?;
        if wanted.dimension != unit.dimension() {
            return Err(Fatal::usage(format!("`--rate {rate}`: {} is measured in {unit}", curve.metric.id)));
        }
        match fit.needed(wanted.value) {
            Ok(needed) => {
                let whole = |n: f64| format!("{:.0}", n.ceil());
                answers.lines.push(format!("{rate} takes {} {}", between(&needed, &whole), curve.axis));
                answers.json.push(json!({ "rate": wanted.value, "needed": needed }));
            }
            Err(refused) => {
                answers.lines.push(format!("{rate}: {refused}"));
                answers.json.push(json!({ "rate": wanted.value, "refused": refused.to_string() }));
            }
        }
    }
    for n in &args.of {
        match fit.predict(*n) {
            Ok(carried) => {
                let text = between(&carried, &|rate: f64| unit.format(rate));
                answers.lines.push(format!("{n} {} carry {text}", curve.axis));
                answers.json.push(json!({ "of": n, "carried": carried }));
            }
            Err(refused) => {
                answers.lines.push(format!("{n} {}: {refused}", curve.axis));
                answers.json.push(json!({ "of": n, "refused": refused.to_string() }));
            }
        }
    }
    if args.rate.is_none() && args.of.is_empty() && unit == Unit::PerSecond {
        answers.lines.push("`--rate R` says how many it takes, `--of N` what so many carry".to_owned());
    }
    Ok(answers)
}
