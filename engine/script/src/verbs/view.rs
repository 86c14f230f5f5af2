//! Results as scripts see them: `measure(spec).rate`, and `run["step"].rate` in `finish`.

use std::rc::Rc;

use engine_core::measurement::{Measurement, Record, Round, marks};
use engine_core::metric::Goal;
use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::run::{RunRecord, StepRecord};
use engine_core::step::Outcome;
use rhai::{Dynamic, Engine, Position};

use crate::fault::{Fault, Raised};
use crate::quantity::Qty;

/// What a probe recorded in one call of `measure`.
#[derive(Debug, Clone)]
pub(crate) struct MeasureView {
    probe: &'static str,
    measurements: Rc<Vec<Measurement>>,
}

impl MeasureView {
    pub(crate) fn new(probe: &'static str, records: Vec<Record>) -> Self {
        let measurement = |record: Record| Measurement {
            metric: record.metric,
            labels: record.labels,
            rounds: vec![Round {
                number: 0,
                attempt: 0,
                at: 0.0,
                seconds: 0.0,
                taints: Vec::new(),
                superseded: false,
                values: record.values,
                histogram: record.histogram,
            }],
        };
        Self { probe, measurements: Rc::new(records.into_iter().map(measurement).collect()) }
    }
}

/// One step of a run: all points of its sweep.
#[derive(Debug, Clone)]
pub(crate) struct StepView {
    name: String,
    steps: Rc<Vec<StepRecord>>,
}

/// A run in `finish`.
#[derive(Debug, Clone)]
pub(crate) struct RunView(pub(crate) Rc<RunRecord>);

fn missing(what: String) -> Box<rhai::EvalAltResult> {
    Fault::runtime("no-result", what).boxed(Position::NONE)
}

/// The value of a metric: over several points the best one, where the metric knows a better direction, else the last.
/// Labels that all its measurements bear say by which path the whole result came, and do not make it a curve.
fn value(owner: &str, metric: &str, found: &[&Measurement]) -> Raised<Qty> {
    let same: Vec<&Measurement> = found.iter().copied().filter(|m| m.metric.id == metric).collect();
    let marks = marks(same.iter().copied());
    let plain: Vec<&&Measurement> = same.iter().filter(|m| m.labels == marks).collect();
    let values: Vec<(f64, Goal, Quantity)> = plain
        .iter()
        .filter_map(|m| m.estimate().map(|e| (e.value, m.metric.goal, Quantity::of(e.value, m.metric.unit))))
        .collect();
    let best = match values.last().map(|(_, goal, _)| *goal) {
        Some(Goal::Higher) => values.iter().max_by(|a, b| a.0.total_cmp(&b.0)),
        Some(Goal::Lower) => values.iter().min_by(|a, b| a.0.total_cmp(&b.0)),
        Some(Goal::Neutral) | None => values.last(),
    };
    if let Some((.., quantity)) = best {
        return Ok(Qty(*quantity));
    }
    let mut names: Vec<&str> = found.iter().map(|m| m.metric.id.as_str()).collect();
    names.dedup();
    let labelled = names.contains(&metric);
    let message = if labelled {
        format!("`{metric}` of `{owner}` is a curve: it has no single value")
    } else {
        format!("`{owner}` has no metric `{metric}`{}", hint(metric, names.iter().copied()))
    };
    let fault = Fault::runtime("no-result", message);
    let fault = if names.is_empty() { fault } else { fault.help(format!("there are `{}`", names.join("`, `"))) };
    Err(fault.boxed(Position::NONE))
}

impl MeasureView {
    fn value(&self, metric: &str) -> Raised<Qty> {
        value(self.probe, metric, &self.measurements.iter().collect::<Vec<_>>())
    }
}

impl StepView {
    fn value(&self, metric: &str) -> Raised<Qty> {
        let all: Vec<&Measurement> = self.steps.iter().flat_map(|step| &step.measurements).collect();
        if all.is_empty() {
            let why = self.steps.iter().find_map(|step| match &step.outcome {
                Some(Outcome::Skipped(skip)) => Some(format!(": skipped, {}", skip.reason)),
                Some(Outcome::Failed(failure)) => Some(format!(": failed, {}", failure.message)),
                _ => None,
            });
            return Err(missing(format!("`{}` has no result{}", self.name, why.unwrap_or_default())));
        }
        value(&self.name, metric, &all)
    }
}

impl RunView {
    fn step(&self, path: &str) -> Raised<StepView> {
        let steps: Vec<StepRecord> =
            self.0.steps.iter().filter(|step| step.plan.path() == path || step.plan.name == path).cloned().collect();
        if steps.is_empty() {
            let names = self.0.steps.iter().map(|step| step.plan.name.as_str());
            return Err(missing(format!("the run has no step `{path}`{}", hint(path, names))));
        }
        Ok(StepView { name: path.to_owned(), steps: Rc::new(steps) })
    }
}

pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<MeasureView>("Measurement");
    engine.register_type_with_name::<StepView>("Step");
    engine.register_type_with_name::<RunView>("Run");
    engine.register_indexer_get(|m: &mut MeasureView, metric: &str| m.value(metric));
    engine.register_indexer_get(|step: &mut StepView, metric: &str| step.value(metric));
    engine.register_indexer_get(|run: &mut RunView, step: &str| run.step(step));
    let or = |found: Raised<Qty>, other: Dynamic| found.map_or(other, Dynamic::from);
    engine.register_fn("get", move |m: &mut MeasureView, metric: &str, other: Dynamic| or(m.value(metric), other));
    engine.register_fn("get", move |s: &mut StepView, metric: &str, other: Dynamic| or(s.value(metric), other));
    engine.register_fn("has", |run: &mut RunView, step: &str| {
        run.step(step).is_ok_and(|view| view.steps.iter().any(|step| !step.measurements.is_empty()))
    });
    engine.register_fn("has", |m: &mut MeasureView, metric: &str| m.value(metric).is_ok());
    engine.register_fn("has", |s: &mut StepView, metric: &str| s.value(metric).is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::metric::Metric;
    use engine_core::series::Labels;
    use engine_core::unit::Unit;

    fn of(labels: &[&[(&str, &str)]]) -> Result<f64, String> {
        let measurements: Vec<Measurement> = labels
            .iter()
            .zip([7.0, 8.0])
            .map(|(labels, value)| Measurement {
                metric: Metric::scripted("rate", Unit::BytesPerSecond),
                labels: labels.iter().copied().collect::<Labels>(),
                rounds: vec![Round {
                    number: 0,
                    attempt: 0,
                    at: 0.0,
                    seconds: 1.0,
                    taints: Vec::new(),
                    superseded: false,
                    values: vec![value],
                    histogram: None,
                }],
            })
            .collect();
        value("it", "rate", &measurements.iter().collect::<Vec<_>>()).map(|found| found.0.value).map_err(|error| {
            match *error {
                rhai::EvalAltResult::ErrorRuntime(fault, _) => fault.cast::<Fault>().to_string(),
                other => other.to_string(),
            }
        })
    }

    #[test]
    fn the_path_of_a_result_does_not_make_it_a_curve() {
        let marked = &[("engine", "pread")][..];
        assert_eq!(of(&[&[]]).unwrap(), 7.0);
        assert_eq!(of(&[marked]).unwrap(), 7.0);
        assert_eq!(of(&[marked, &[("engine", "pread"), ("size", "4 KiB")]]).unwrap(), 7.0);
        assert!(of(&[&[("size", "4 KiB")], &[("size", "8 KiB")]]).unwrap_err().contains("curve"));
        assert!(of(&[]).unwrap_err().contains("no metric"));
    }
}
