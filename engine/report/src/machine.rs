//! What was measured against what the machine should reach: every format for people starts from here.

use engine_core::expected::{self, Above, Expected};
use engine_core::run::RunRecord;
use engine_core::series::SeriesId;
use engine_core::unit::Unit;

use crate::clean::clip;
use crate::number;

/// One series with its figure, laid out.
#[derive(Debug)]
pub(crate) struct Row {
    /// `step.metric{labels}`.
    pub(crate) series: String,
    /// Median over rounds.
    pub(crate) measured: String,
    /// What the machine should reach.
    pub(crate) expected: String,
    /// How much of it was reached.
    pub(crate) share: String,
    /// `ceiling` or `typical`, and where the figure comes from.
    pub(crate) by: String,
    /// Who says so, or the arithmetic that gives it.
    pub(crate) source: String,
    /// Whether it lies beyond a ceiling.
    pub(crate) beyond: bool,
}

/// Everything that is expected of the machine, in the order of the run's steps.
pub(crate) fn rows(record: &RunRecord, expected: &Expected) -> Vec<Row> {
    let mut rows = Vec::new();
    for step in &record.steps {
        for measurement in &step.measurements {
            let labels = step.plan.labels.joined(&measurement.labels);
            let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
            let Some((found, estimate)) = expected.values.get(&id).zip(measurement.estimate()) else { continue };
            let unit = measurement.metric.unit;
            let share = expected::share(measurement.metric.goal, estimate.value, found.value);
            rows.push(Row {
                series: clip(&id.to_string(), 120),
                measured: number::estimate(unit, &estimate),
                expected: number::value(unit, found.value),
                share: share.map_or_else(|| "n/a".to_owned(), number::share),
                by: clip(&format!("{}, {}", found.kind.name(), found.origin), 60),
                source: clip(&found.source, 300),
                beyond: expected.above.iter().any(|above| above.series == id),
            });
        }
    }
    rows
}

/// Which profile the run is held against, in a few words.
pub(crate) fn heading(record: &RunRecord) -> String {
    match &record.header.machine_profile {
        Some(profile) => {
            let how = if profile.named { "as named" } else { "recognised" };
            format!("profile {}, {how}", clip(&profile.name, 60))
        }
        None => "no profile fits: by what it declares and by this run".to_owned(),
    }
}

/// What is unlike the profile or could not be read.
pub(crate) fn remarks(record: &RunRecord) -> Vec<String> {
    let remarks = record.header.machine_profile.iter().flat_map(|profile| &profile.remarks);
    remarks.map(|remark| clip(remark, 300)).collect()
}

/// One sentence for each series beyond a ceiling.
pub(crate) fn warnings(record: &RunRecord, expected: &Expected) -> Vec<String> {
    let unit = |above: &Above| {
        let step = record.steps.iter().filter(|step| step.plan.name == above.series.step);
        let measurement = step.flat_map(|step| &step.measurements).find(|m| m.metric.id == above.series.metric);
        measurement.map_or(Unit::Count, |measurement| measurement.metric.unit)
    };
    let text = |above: &Above| {
        let unit = unit(above);
        format!(
            "{}: {} is beyond what the machine can reach, {} ({}): the number is wrong, or the machine is another one",
            clip(&above.series.to_string(), 120),
            number::value(unit, above.measured),
            number::value(unit, above.ceiling.value),
            clip(&above.ceiling.source, 200)
        )
    };
    expected.above.iter().map(text).collect()
}
