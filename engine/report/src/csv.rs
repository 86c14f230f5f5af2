//! CSV (RFC 4180): one row per series and round, for spreadsheets and data frames.

use engine_core::measurement::{Measurement, Round, Stat};
use engine_core::run::{RunHeader, StepRecord};

use crate::clean;
use crate::diagnosis::cause;
use crate::input::Report;
use crate::moment;

/// The columns. `value` is what the round counts with (its best sample for a capability, its median for a cost); it,
/// `min`, `max` and the percentiles (of a load's latencies; empty for other rounds) are in `unit`, times in seconds. `counted` is false for rounds that a later attempt replaced.
pub const COLUMNS: [&str; 24] = [
    "run",
    "scenario",
    "started",
    "commit",
    "machine",
    "step",
    "metric",
    "labels",
    "unit",
    "goal",
    "round",
    "attempt",
    "counted",
    "at_seconds",
    "seconds",
    "value",
    "min",
    "max",
    "samples",
    "taints",
    "p90",
    "p95",
    "p99",
    "p99_9",
];

/// All rounds of all series, with a header line.
#[must_use]
pub fn rounds(report: &Report<'_>) -> String {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    let mut rows: Vec<Vec<String>> = vec![COLUMNS.map(str::to_owned).to_vec()];
    let record = report.record;
    for step in &record.steps {
        for measurement in &step.measurements {
            for round in &measurement.rounds {
                rows.push(row(&record.header, step, measurement, round));
            }
        }
    }
    for row in rows {
        // Writing to memory fails only on rows of unequal length, and all have one field a column.
        if writer.write_record(&row).is_err() {
            break;
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn row(header: &RunHeader, step: &StepRecord, measurement: &Measurement, round: &Round) -> Vec<String> {
    let metric = &measurement.metric;
    let taints: Vec<&str> = round.taints.iter().map(cause).collect();
    let latencies = round
        .histogram
        .as_ref()
        .map(|_| Measurement { rounds: vec![Round { superseded: false, ..round.clone() }], ..measurement.clone() });
    let of = |stat| latencies.as_ref().and_then(|own| own.statistic(stat)).map(|found| found.value);
    let percentile = |p| of(Stat::Percentile(p)).map(number).unwrap_or_default();
    let (low, high) = round
        .values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    let goal = match metric.goal {
        engine_core::metric::Goal::Lower => "lower",
        engine_core::metric::Goal::Higher => "higher",
        engine_core::metric::Goal::Neutral => "neutral",
    };
    vec![
        text(&header.id.0),
        text(&header.scenario.name),
        moment::rfc3339(header.started),
        text(header.code.commit.as_deref().unwrap_or_default()),
        text(&header.machine),
        text(&step.plan.name),
        text(&metric.id),
        text(&step.plan.labels.joined(&measurement.labels).to_string()),
        metric.unit.to_string(),
        goal.to_owned(),
        round.number.to_string(),
        round.attempt.to_string(),
        (!round.superseded && !round.values.is_empty()).to_string(),
        number(round.at),
        number(round.seconds),
        measurement.round_value(round).map(number).unwrap_or_default(),
        number(of(Stat::Min).unwrap_or(low)),
        number(of(Stat::Max).unwrap_or(high)),
        round.histogram.as_ref().map_or(round.values.len() as u64, engine_core::histogram::Packed::count).to_string(),
        taints.join("; "),
        percentile(90.0),
        percentile(95.0),
        percentile(99.0),
        percentile(99.9),
    ]
}

/// A number as short as reads back exactly; nothing where there is none.
fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// A text that a spreadsheet takes for a text: one that could start a formula gets an apostrophe in front.
fn text(text: &str) -> String {
    let text = clean::line(text);
    if text.trim_start().starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_formula() {
        assert_eq!(text("=cmd()|x"), "'=cmd()|x");
        assert_eq!(text(" @SUM(A1)"), "' @SUM(A1)");
        assert_eq!(text("\t=1"), "\\t=1");
        assert_eq!(text("a=b"), "a=b");
    }
}
