//! The scaling laws that a stored run has: of each `scale` step along its users, and of steps that were swept along an axis of
//! numbers (`cores`, `threads`, `workers`) and have a `capacity` or a `rate` at each.

use std::collections::BTreeMap;

use engine_core::load::Varied;
use engine_core::measurement::{Measurement, marks};
use engine_core::plan::Work;
use engine_core::run::{RunRecord, StepRecord};
use engine_core::unit::Unit;

use crate::usl::{self, Fit};

/// A law as fitted to what a run measured.
#[derive(Debug, Clone)]
pub struct StoredLaw {
    /// Name of the step.
    pub step: String,
    /// What N counts: `users`, or the axis.
    pub what: String,
    /// Unit of what N carries.
    pub unit: Unit,
    /// The law, or why there is none.
    pub fit: Result<Fit, String>,
}

/// All laws of a run, in the order of its steps.
#[must_use]
pub fn stored_laws(run: &RunRecord) -> Vec<StoredLaw> {
    let mut laws = Vec::new();
    let mut axes: BTreeMap<(&str, &str), Vec<&StepRecord>> = BTreeMap::new();
    for step in &run.steps {
        if let Work::Scale { sweep, .. } = &step.plan.work {
            let points = swept(step, sweep.of);
            laws.push(law(step.plan.path(), "users", Unit::PerSecond, &points));
        } else if let Some((axis, _)) = number_axis(step) {
            axes.entry((&step.plan.name, axis)).or_default().push(step);
        }
    }
    for ((name, axis), steps) in axes {
        let main = steps.iter().filter_map(|step| Some((number_axis(step)?.1, throughput(step)?)));
        let main: Vec<(f64, &Measurement)> = main.filter(|(at, _)| *at >= 1.0).collect();
        let Some((_, first)) = main.first() else { continue };
        let unit = first.metric.unit;
        let each =
            main.iter().flat_map(|(at, of)| of.counted().flat_map(|round| round.values.iter().map(|x| (*at, *x))));
        let points: Vec<(f64, f64)> = each.filter(|(_, x)| *x > 0.0).collect();
        laws.push(law(name.to_owned(), axis, unit, &points));
    }
    laws
}

fn law(step: String, what: &str, unit: Unit, points: &[(f64, f64)]) -> StoredLaw {
    let fit = usl::fit(points).map_err(|error| error.to_string());
    StoredLaw { step, what: what.to_owned(), unit, fit }
}

/// Points of a sweep over users; of one over rates, along the number inside.
fn swept(step: &StepRecord, of: Varied) -> Vec<(f64, f64)> {
    let series = |id: &'static str| step.measurements.iter().filter(move |m| m.metric.id == id);
    let mut points = Vec::new();
    for measurement in series("throughput") {
        let Some(label) = measurement.labels.get(of.name()) else { continue };
        let inside = || {
            let found = series("inside").find(|m| m.labels.get(of.name()) == Some(label));
            found.and_then(Measurement::estimate).map(|estimate| estimate.value)
        };
        let at = if of == Varied::Users { of.level(label) } else { inside() };
        let Some(at) = at.filter(|at| *at >= 1.0) else { continue };
        let values = measurement.counted().flat_map(|round| round.values.iter());
        points.extend(values.filter(|rate| **rate > 0.0).map(|rate| (at, *rate)));
    }
    points
}

/// The one axis of a step whose value is a number, and the number.
fn number_axis(step: &StepRecord) -> Option<(&str, f64)> {
    let mut numbers =
        step.plan.labels.0.iter().filter_map(|(axis, value)| Some((axis.as_str(), value.parse::<f64>().ok()?)));
    let first = numbers.next()?;
    (numbers.next().is_none() && step.plan.labels.0.len() == 1).then_some(first)
}

/// What a step carries in all: its capacity, else its rate.
fn throughput(step: &StepRecord) -> Option<&Measurement> {
    let marks = marks(&step.measurements);
    let total = |id: &str| {
        let mut found = step.measurements.iter().filter(|m| m.metric.id == id);
        found.find(|m| m.labels.0.keys().all(|label| marks.get(label).is_some()))
    };
    total("capacity").or_else(|| total("rate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::Simulated;
    use engine_core::load::{LoadShape, ScaleShape};
    use engine_core::series::Labels;

    fn law_of(n: f64) -> f64 {
        1000.0 * n / (1.0 + 0.02 * (n - 1.0) + 0.0005 * n * (n - 1.0))
    }

    #[test]
    fn sweeps_over_users_and_over_cores_have_laws() {
        let mut record = Simulated::new().step("users", "rate", &[1.0]).record();
        let sweep = ScaleShape {
            of: Varied::Users,
            levels: vec![],
            hold: 1.0,
            most: 1.0,
            spacing: Default::default(),
            max_users: None,
        };
        record.steps[0].plan.work = Work::Scale { index: 0, shape: LoadShape::default(), sweep };
        let mut one = record.steps[0].measurements.remove(0);
        one.metric.id = "throughput".into();
        for n in [1.0, 2.0, 4.0, 8.0, 16.0] {
            let mut level = one.clone();
            level.labels = Labels::new().with("driver", "epoll").with("users", n.to_string());
            level.rounds[0].values = [0.999, 1.0, 1.001].iter().map(|noise| noise * law_of(n)).collect();
            record.steps[0].measurements.push(level);
        }
        for n in [1, 2, 4, 8, 16] {
            let values = [0.999, 1.001].map(|noise| noise * law_of(f64::from(n)));
            let mut step = Simulated::new().step("cores", "rate", &values).record().steps.remove(0);
            step.plan.labels = Labels::new().with("cores", n.to_string());
            record.steps.push(step);
        }
        let laws = stored_laws(&record);
        let named: Vec<(&str, &str)> = laws.iter().map(|law| (law.step.as_str(), law.what.as_str())).collect();
        assert_eq!(named, [("users", "users"), ("cores", "cores")]);
        for law in laws {
            let fit = law.fit.unwrap();
            assert!((fit.alpha.value - 0.02).abs() < 0.005 && (fit.beta.value - 0.0005).abs() < 0.0002, "{fit:?}");
            let needed = fit.needed(law_of(12.0)).unwrap();
            assert!((needed.value - 12.0).abs() < 0.3 && needed.interval.low <= 12.0, "{needed:?}");
            assert!(fit.predict(33.0).is_err(), "more than twice what was measured");
        }
        assert!(stored_laws(&Simulated::new().step("one", "rate", &[1.0]).record()).is_empty());
    }
}
