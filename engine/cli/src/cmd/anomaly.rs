//! `engine anomaly`: a score for each point of a series, as a detector would have given it when the point came.

use std::fmt::Write as _;

use engine_analysis::series_file::{self, Columns};
use engine_analysis::streaming::{Anomalies, Learned, Robust};

use crate::app::App;
use crate::args::{AnomalyArgs, DetectorName};
use crate::exit::{Exit, Fatal};

/// Reads the series and writes `time,value,score,flag`.
pub(crate) fn run(app: &App, args: &AnomalyArgs) -> Result<Exit, Fatal> {
    let (name, text) = super::trend::content(&args.file)?;
    let columns = Columns { time: args.time.as_deref(), value: args.value.as_deref(), group: None };
    let series = series_file::read(&name, &text, columns)
        .map_err(|error| Fatal::usage(format!("`{}`: {error}", args.file.display())))?;
    let Some(series) = series.into_iter().next() else {
        return Err(Fatal::usage(format!("`{}`: there is no value in it", args.file.display())));
    };
    for note in &series.notes {
        app.note(note);
    }
    let mut detector: Box<dyn Anomalies> = match args.detector {
        DetectorName::Robust => Box::new(Robust::new()),
        DetectorName::Htm => Box::new(Learned::new(Some(series.values.len()), series.times.is_some())),
    };
    let times = series.times.unwrap_or_else(|| (0..series.values.len()).map(|at| at.to_string()).collect());
    let mut points = Vec::new();
    let mut out = String::from("time,value,score,flag\n");
    for (at, (time, value)) in times.iter().zip(&series.values).enumerate() {
        let reading = detector.update(seconds(time).unwrap_or(at as f64), *value);
        if app.output.json {
            points.push(serde_json::json!({
                "time": time,
                "value": value.is_finite().then_some(value),
                "score": reading.score,
                "flag": reading.flag,
            }));
            continue;
        }
        let value = if value.is_finite() { value.to_string() } else { String::new() };
        let time = if time.contains([',', '"']) { format!("\"{}\"", time.replace('"', "\"\"")) } else { time.clone() };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{time},{value},{:.6},{}", reading.score, u8::from(reading.flag));
    }
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "points": points }).to_string());
    } else {
        app.out(&out);
    }
    Ok(Exit::Pass)
}

/// A time as written, in seconds.
fn seconds(time: &str) -> Option<f64> {
    let time = time.trim();
    if let Ok(number) = time.parse() {
        return Some(number);
    }
    if let Ok(moment) = time.parse::<jiff::Timestamp>() {
        return Some(moment.as_microsecond() as f64 * 1e-6);
    }
    let moment = time.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>().ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_microsecond() as f64 * 1e-6)
}
