//! Scaling curves within a run: a rate over a sweep of threads, users or whatever else counts how many work together.

use std::collections::BTreeMap;

use engine_core::measurement::{Measurement, marks};
use engine_core::metric::{Goal, Metric};
use engine_core::plan::Work;
use engine_core::run::RunRecord;
use engine_core::series::Labels;

/// A rate by how many work together.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name of the declaration.
    pub step: String,
    /// The rate.
    pub metric: Metric,
    /// What was varied: `threads`, `users`, `clients`.
    pub axis: String,
    /// What else tells the curve from others of the step.
    pub labels: Labels,
    /// Level and rate, one pair a round, by level.
    pub points: Vec<(f64, f64)>,
}

/// What tells one curve from another: step, metric, axis, and the other labels.
type Key = (String, String, String, Labels);

/// The curves of a run over `axis`, or over every label whose values are whole numbers from 1 on, with at least three
/// levels. Only metrics of which more is better, and which are rates, scale.
#[must_use]
pub fn curves(run: &RunRecord, axis: Option<&str>) -> Vec<Curve> {
    let mut found: Vec<Curve> = Vec::new();
    let mut all: BTreeMap<Key, (Metric, Vec<(f64, f64)>)> = BTreeMap::new();
    for step in &run.steps {
        let marks = marks(&step.measurements);
        // A sweep of a load tells the parts of each steady level apart, each a repetition of its own.
        let levels = matches!(step.plan.work, Work::Scale { .. });
        let counts =
            |measurement: &Measurement| scales(measurement) && (!levels || measurement.metric.id == "throughput");
        for measurement in step.measurements.iter().filter(|measurement| counts(measurement)) {
            let values = if levels { measurement.pooled() } else { measurement.round_values() };
            let mut own = measurement.labels.clone();
            own.0.retain(|name, value| marks.get(name) != Some(value));
            let labels = step.plan.labels.joined(&own);
            for (name, value) in &labels.0 {
                let level = value.parse::<f64>().ok().filter(|level| *level >= 1.0 && level.fract() == 0.0);
                let Some(level) = level.filter(|_| axis.is_none_or(|axis| axis == name)) else { continue };
                let mut rest = labels.clone();
                rest.0.remove(name);
                let key = (step.plan.name.clone(), measurement.metric.id.clone(), name.clone(), rest);
                let (_, points) = all.entry(key).or_insert_with(|| (measurement.metric.clone(), Vec::new()));
                points.extend(values.iter().map(|rate| (level, *rate)));
            }
        }
    }
    for ((step, _, axis, labels), (metric, mut points)) in all {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let levels = points.chunk_by(|a, b| a.0 == b.0).count();
        if levels >= 3 {
            found.push(Curve { step, metric, axis, labels, points });
        }
    }
    found
}

fn scales(measurement: &Measurement) -> bool {
    measurement.metric.goal == Goal::Higher && measurement.metric.unit.dimension().time == -1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{Simulated, measured};
    use engine_core::unit::Unit;

    fn rated(values: &[f64]) -> Measurement {
        let mut rates = measured("rate", values);
        rates.metric = Metric { unit: Unit::PerSecond, goal: Goal::Higher, ..rates.metric };
        rates
    }

    #[test]
    fn a_sweep_is_a_curve_and_everything_else_is_none() {
        let mut run = Simulated::new();
        for (threads, rate) in [("1", 100.0), ("2", 190.0), ("4", 340.0), ("8", 560.0)] {
            let labels = [("threads", threads), ("kind", "spawn")];
            run = run.measured("calls", &labels, vec![rated(&[rate, rate * 1.01]), measured("latency", &[1.0, 1.0])]);
        }
        run = run.measured("calls", &[("threads", "1"), ("kind", "pipe")], vec![rated(&[7.0])]);
        run = run.step("other", "time", &[1.0]);
        let record = run.record();
        let found = curves(&record, None);
        let [curve] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!((curve.step.as_str(), curve.axis.as_str(), curve.points.len()), ("calls", "threads", 8));
        assert_eq!(curve.labels.get("kind"), Some("spawn"));
        assert_eq!(curve.points[0], (1.0, 100.0));
        assert_eq!((curves(&record, Some("threads")).len(), curves(&record, Some("kind")).len()), (1, 0));
        let fit = crate::usl::fit(&curve.points).expect("four levels twice");
        assert!((fit.gamma.value - 100.0).abs() < 3.0, "{fit:?}");
    }
}
