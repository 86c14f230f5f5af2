//! Criterion.rs in its three forms: what it prints, the JSON lines of `cargo criterion`, and a `sample.json`.
//!
//! All samples of a file are of one process, so they are one round. What is printed holds no samples, only an estimate and
//! the ends of its interval.

use engine_core::metric::{Goal, Metric};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use serde_json::Value;

use super::node::{self, Node};
use super::{Format, ImportError, ImportedRun, metric, units};

/// Whether a line is a result.
pub(super) fn is_result(line: &str) -> bool {
    line.split_once("time:").is_some_and(|(_, rest)| rest.trim_start().starts_with('[') && !rest.contains('%'))
}

pub(super) fn read(text: &str, path: &str) -> Result<ImportedRun, ImportError> {
    let head = text.trim_start();
    if !head.starts_with('{') {
        return printed(text);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.get("reason").is_none() => sample(&node::parse(text)?, path),
        _ => lines(text),
    }
}

fn seconds() -> Metric {
    metric("time", Unit::Seconds, Goal::Lower)
}

/// `count    time:   [203.80 ns 219.10 ns 239.54 ns]`, with the name on a line of its own where it is long.
fn printed(text: &str) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Criterion);
    let mut before = "";
    let mut name = String::new();
    for (line, number) in text.lines().zip(1..) {
        // A terminal's line may hold what was overwritten.
        let line = line.rsplit('\r').next().unwrap_or(line);
        let fail = |reason: String| ImportError::Line { line: number, reason };
        for (word, is_time) in [("time:", true), ("thrpt:", false)] {
            let Some((front, values)) = line.split_once(word) else { continue };
            // Changes are shares; they are computed anew from what is stored.
            if !values.trim_start().starts_with('[') || values.contains('%') {
                continue;
            }
            if is_time {
                name = if front.trim().is_empty() { before.trim().to_owned() } else { front.trim().to_owned() };
            }
            if name.is_empty() || name == "change:" {
                return Err(fail("the result has no name".to_owned()));
            }
            let inside = values.trim().trim_start_matches('[').split(']').next().unwrap_or("");
            let parts: Vec<&str> = inside.split_whitespace().collect();
            let &[low, low_unit, middle, middle_unit, high, high_unit] = parts.as_slice() else {
                return Err(fail(format!("three values with units are expected, not `{inside}`")));
            };
            let value = |value: &str, unit: &str| {
                let (factor, unit) = if is_time {
                    (units::time(unit).ok_or_else(|| fail(format!("`{unit}` is no unit of time")))?, Unit::Seconds)
                } else {
                    units::throughput(unit).ok_or_else(|| fail(format!("`{unit}` is no unit of throughput")))?
                };
                let value: f64 = value.parse().map_err(|_| fail(format!("`{value}` is no number")))?;
                Ok((factor * value, unit))
            };
            let (middle, unit) = value(middle, middle_unit)?;
            let metric = if is_time { seconds() } else { metric("rate", unit, Goal::Higher) };
            let bench = run.bench(&name, &Labels::new());
            bench.round(&metric, vec![middle]);
            bench.statistic(&metric, "lower", value(low, low_unit)?.0);
            bench.statistic(&metric, "upper", value(high, high_unit)?.0);
        }
        before = line;
    }
    Ok(run)
}

/// JSON lines of `cargo criterion --message-format=json`.
fn lines(text: &str) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Criterion);
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let message = node::parse(line)
            .map_err(|error| ImportError::Line { line: number, reason: format!("it is not JSON: {error}") })?;
        let at = |error: ImportError| ImportError::Line { line: number, reason: error.to_string() };
        if message.field("reason").is_none_or(|reason| reason.label() != "benchmark-complete") {
            continue;
        }
        let name = message.need("id").map_err(at)?.label();
        let unit = message.need("unit").map_err(at)?.label();
        let factor = units::time(&unit).ok_or_else(|| at(message.wrong(format!("`{unit}` is no unit of time"))))?;
        let samples = each(&message, "iteration_count", "measured_values", factor).map_err(at)?;
        run.bench(&name, &Labels::new()).round(&seconds(), samples);
    }
    Ok(run)
}

/// A `sample.json`: the benchmark is named by the folders above it.
fn sample(file: &Node, path: &str) -> Result<ImportedRun, ImportError> {
    let mut run = ImportedRun::new(Format::Criterion);
    let folders: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    let from = folders.iter().rposition(|part| *part == "criterion").map_or(0, |at| at + 1);
    let to = folders.len().saturating_sub(1);
    let mut names = folders.get(from..to).unwrap_or_default();
    if let Some((&("new" | "base"), rest)) = names.split_last() {
        names = rest;
    }
    let name = if names.is_empty() { "sample".to_owned() } else { names.join("/") };
    let samples = each(file, "iters", "times", 1e-9)?;
    run.bench(&name, &Labels::new()).round(&seconds(), samples);
    Ok(run)
}

/// Times of one iteration, in seconds, from those of many.
fn each(file: &Node, counts: &str, times: &str, factor: f64) -> Result<Vec<f64>, ImportError> {
    let (counts, times) = (file.need(counts)?, file.need(times)?);
    let (number, total) = (counts.numbers()?, times.numbers()?);
    if number.len() != total.len() {
        return Err(times.wrong(format!("{} times for {} counts", total.len(), number.len())));
    }
    if number.iter().any(|count| *count < 1.0) {
        return Err(counts.wrong("a count is at least 1"));
    }
    Ok(total.iter().zip(&number).map(|(time, count)| factor * time / count).collect())
}
