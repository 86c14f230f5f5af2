//! `engine plan`: what the scaling law of a stored run says of other rates and other numbers of users or cores.

use engine_analysis::usl::{Estimated, Fit};
use engine_analysis::{StoredLaw, stored_laws};
use engine_core::unit::Unit;
use serde_json::{Value, json};

use crate::app::App;
use crate::args::PlanArgs;
use crate::exit::{Exit, Fatal};

/// Answers for each law of the run. What the law does not allow to say is told, and is no answer.
pub(crate) fn run(app: &App, args: &PlanArgs) -> Result<Exit, Fatal> {
    let record = app.lookup(&args.run)?;
    let all = stored_laws(&record);
    let wanted = |law: &&StoredLaw| args.step.as_ref().is_none_or(|step| law.step == *step);
    let laws: Vec<&StoredLaw> = all.iter().filter(wanted).collect();
    if laws.is_empty() {
        let names: Vec<&str> = all.iter().map(|law| law.step.as_str()).collect();
        let there = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        let message = format!(
            "the run has no law to plan with: {there}; `scale(..)` measures one, and so does a sweep over a number such as cores"
        );
        return Err(Fatal::new(Exit::NothingRan, message));
    }
    let answers: Vec<Answer> = laws.into_iter().map(|law| answer(law, args)).collect();
    if app.output.json {
        let laws: Vec<&Value> = answers.iter().map(|answer| &answer.json).collect();
        app.out(&json!({ "schema_version": 1, "run": record.header.id, "laws": laws }).to_string());
    } else {
        for line in answers.iter().flat_map(|answer| &answer.lines) {
            app.out(&engine_report::clean::line(line));
        }
    }
    // A question without an answer must not look like one that has.
    if answers.iter().all(|answer| answer.refused) { Ok(Exit::Inconclusive) } else { Ok(Exit::Pass) }
}

struct Answer {
    lines: Vec<String>,
    json: Value,
    refused: bool,
}

fn answer(law: &StoredLaw, args: &PlanArgs) -> Answer {
    let StoredLaw { step, what, unit, fit } = law;
    let fit = match fit {
        Ok(fit) => fit,
        Err(reason) => {
            let lines = vec![format!("{step}: no law: {reason}")];
            return Answer { lines, json: json!({ "step": step, "what": what, "error": reason }), refused: true };
        }
    };
    let mut lines = vec![
        format!("{step}: {}", fit.in_words(what, *unit)),
        format!(
            "  measured from {} to {} {what}; gamma {}",
            fit.levels[0],
            fit.largest(),
            estimated(&fit.gamma, *unit)
        ),
    ];
    let mut json = json!({ "step": step, "what": what, "law": fit, "words": fit.in_words(what, *unit) });
    let mut refused = false;
    let mut tell = |key: &str, told: Result<(String, Value), String>| {
        let (line, value) = told.unwrap_or_else(|reason| {
            refused = true;
            (format!("  no answer: {reason}"), json!({ "refused": reason }))
        });
        lines.push(line);
        json[key] = value;
    };
    if let Some(rate) = args.rate {
        tell("rate", needed(fit, rate, what, *unit));
    }
    if let Some(at) = args.at {
        tell("at", carried(fit, at, what, *unit));
    }
    Answer { lines, json, refused }
}

/// How many carry a rate.
fn needed(fit: &Fit, rate: f64, what: &str, unit: Unit) -> Result<(String, Value), String> {
    let needed = fit.needed(rate).map_err(|refused| refused.to_string())?;
    let high = if needed.interval.high.is_finite() {
        format!("{:.1}", needed.interval.high)
    } else {
        format!("more than the {:.0} of which anything may be said", 2.0 * fit.largest())
    };
    let line = format!(
        "  {} needs {:.1} {what} (95 % interval {:.1} to {high})",
        unit.format(rate),
        needed.value,
        needed.interval.low
    );
    Ok((line, json!({ "rate": rate, "needed": needed })))
}

/// What so many carry.
fn carried(fit: &Fit, at: f64, what: &str, unit: Unit) -> Result<(String, Value), String> {
    let law = fit.predict(at).map_err(|refused| refused.to_string())?;
    let measured = fit.predict_measurement(at).map_err(|refused| refused.to_string())?;
    let line = format!(
        "  {at} {what} carry {}; a measurement there would lie within {} to {}",
        estimated(&law, unit),
        unit.format(measured.interval.low),
        unit.format(measured.interval.high)
    );
    Ok((line, json!({ "n": at, "carried": law, "measurement": measured })))
}

fn estimated(found: &Estimated, unit: Unit) -> String {
    let (low, high) = (unit.format(found.interval.low), unit.format(found.interval.high));
    format!("{} ({low} to {high})", unit.format(found.value))
}
