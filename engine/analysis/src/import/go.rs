//! `go test -bench`: with `-count`, repetitions are of one process; each block of a package is a process of its own.

use engine_core::metric::{Goal, Metric};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use serde_json::Value;

use super::record::slug;
use super::{Format, ImportError, ImportedRun, metric};

/// Whether a line is a result: a name, how often, and pairs of value and unit.
pub(super) fn is_result(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|name| name.starts_with("Benchmark"))
        && words.next().is_some_and(|times| times.parse::<u64>().is_ok())
        && words.next().is_some_and(|value| value.parse::<f64>().is_ok())
        && words.next().is_some()
}

pub(super) fn read(text: &str) -> Result<ImportedRun, ImportError> {
    let plain = if text.trim_start().starts_with('{') { outputs(text)? } else { text.to_owned() };
    let mut run = ImportedRun::new(Format::Go);
    let mut package = None;
    // Blocks count; a series that was not in this one yet begins a round.
    let mut block = 0;
    let mut last: Vec<((String, Labels, Metric), usize)> = Vec::new();
    for (line, number) in plain.lines().zip(1..) {
        if let Some(name) = line.strip_prefix("pkg:") {
            package = Some(name.trim().to_owned());
        }
        if line.starts_with("goos:") || line.starts_with("PASS") || line.starts_with("ok ") {
            block += 1;
        }
        if !is_result(line) {
            continue;
        }
        let mut words = line.split_whitespace();
        let full = words.next().unwrap_or("");
        let (name, procs) = match full.rsplit_once('-') {
            Some((name, procs)) if procs.parse::<u32>().is_ok() => (name, Some(procs)),
            _ => (full, None),
        };
        let mut labels = Labels::new();
        if let Some(procs) = procs {
            labels = labels.with("procs", procs);
        }
        if let Some(package) = &package {
            labels = labels.with("pkg", package);
        }
        let name = name.strip_prefix("Benchmark").unwrap_or(name);
        let pairs: Vec<&str> = words.skip(1).collect();
        for pair in pairs.chunks(2) {
            let &[value, unit] = pair else {
                return Err(ImportError::Line { line: number, reason: format!("`{}` has no unit", pair[0]) });
            };
            let value: f64 = value.parse().map_err(|_| ImportError::Line {
                line: number,
                reason: format!("`{value}` before `{unit}` is no number"),
            })?;
            let (metric, factor) = measured(unit);
            let key = (name.to_owned(), labels.clone(), metric.clone());
            let series = run.bench(name, &labels).series(&metric, &Labels::new());
            match (last.iter_mut().find(|(known, _)| *known == key), series.rounds.last_mut()) {
                (Some((_, seen)), Some(round)) if *seen == block => round.push(factor * value),
                (known, _) => {
                    series.rounds.push(vec![factor * value]);
                    match known {
                        Some((_, seen)) => *seen = block,
                        None => last.push((key, block)),
                    }
                }
            }
        }
    }
    Ok(run)
}

/// The metric of a unit, and the unit in base units.
fn measured(unit: &str) -> (Metric, f64) {
    match unit {
        "ns/op" => (metric("time", Unit::Seconds, Goal::Lower), 1e-9),
        "MB/s" => (metric("rate", Unit::BytesPerSecond, Goal::Higher), 1e6),
        "B/op" => (metric("allocated", Unit::Bytes, Goal::Lower), 1.0),
        "allocs/op" => (metric("allocations", Unit::Count, Goal::Lower), 1.0),
        other if other.ends_with("/s") => {
            (metric(&slug(other.trim_end_matches("/s")), Unit::PerSecond, Goal::Higher), 1.0)
        }
        other if other.ends_with("/op") => {
            (metric(&slug(other.trim_end_matches("/op")), Unit::Count, Goal::Lower), 1.0)
        }
        other => (metric(&slug(other), Unit::Count, Goal::Neutral), 1.0),
    }
}

/// The text within the lines of `go test -json`.
fn outputs(text: &str) -> Result<String, ImportError> {
    let mut plain = String::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let event: Value = serde_json::from_str(line)
            .map_err(|error| ImportError::Line { line: number, reason: format!("it is not JSON: {error}") })?;
        plain.push_str(event.get("Output").and_then(Value::as_str).unwrap_or(""));
    }
    Ok(plain)
}
