//! Every series of a run with what it should reach.

use std::collections::BTreeMap;

use super::declared::{declared, last_level};
use super::{ExpectedValue, Figure, FigureKind, Origin, measured};
use crate::args::ArgValue;
use crate::environment::Environment;
use crate::measurement::Measurement;
use crate::metric::Goal;
use crate::plan::{Profile, Work};
use crate::run::{RunRecord, StepRecord};
use crate::series::SeriesId;

/// How far beyond a ceiling a measurement may lie before it is said to be wrong: clocks are stated to two digits.
const TOLERANCE: f64 = 0.02;

/// The default `size` of the probes of the memory bus, in bytes. It stands for "as large as the caches ask for": the probe
/// takes four times the last-level caches where that is more.
const GROWING: f64 = 268_435_456.0;

/// What the series of a run should reach.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected {
    /// Every series for which there is a figure.
    pub values: BTreeMap<SeriesId, ExpectedValue>,
    /// Series that lie beyond a ceiling: they are wrong, or the machine is another one.
    pub above: Vec<Above>,
    /// Why the others have none.
    pub absence: String,
}

/// A series beyond a ceiling.
#[derive(Debug, Clone, PartialEq)]
pub struct Above {
    /// The series.
    pub series: SeriesId,
    /// What was measured: the near end of its interval.
    pub measured: f64,
    /// What cannot be exceeded.
    pub ceiling: ExpectedValue,
}

/// What each series of `run` should reach: by its machine profile, else by what the machine declares, else by what the
/// run measured elsewhere. A typical figure goes before a ceiling, one that names more options before one that names
/// fewer.
#[must_use]
pub fn of_run(run: &RunRecord) -> Expected {
    let environment = &run.header.environment;
    let (profile, absence) = match &run.header.machine_profile {
        Some(chosen) => {
            let text =
                format!("the machine profile `{}` has no figure for it, and nothing else gives one", chosen.name);
            (chosen.figures.iter().map(|figure| (figure, Origin::Profile(chosen.name.clone()))).collect(), text)
        }
        None => {
            let text = "no machine profile fits this machine, and nothing else gives a figure for it; choose a profile \
                        with `--machine NAME` (`engine list machines` shows them)";
            (Vec::new(), text.to_owned())
        }
    };
    let own = declared(environment);
    let own = own.iter().map(|figure| (figure, Origin::Declared)).collect::<Vec<_>>();
    let mut expected = Expected { absence, ..Expected::default() };
    for step in &run.steps {
        for measurement in step.measurements.iter().filter(|m| m.counted().next().is_some()) {
            let labels = step.plan.labels.joined(&measurement.labels);
            if labels.get("software") == Some("true") || !crosses_the_bus(step, environment) {
                continue; // Not the device, or not the memory, that the figures are about.
            }
            let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
            let fits = |(figure, _): &&(&Figure, Origin)| {
                figure.subject.fits(&step.plan, measurement)
                    && figure.value.dimension == measurement.metric.unit.dimension()
            };
            let rank =
                |(figure, _): &&(&Figure, Origin)| (figure.kind == FigureKind::Typical, figure.subject.labels.0.len());
            let best = |figures: &[(&Figure, Origin)]| figures.iter().filter(fits).max_by_key(rank).map(value);
            let found = best(&profile).or_else(|| best(&own));
            if run.header.plan.profile != Profile::Tiny {
                let all = profile.iter().chain(&own).filter(fits).map(value);
                expected.above.extend(all.filter_map(|ceiling| above(&id, measurement, ceiling)).take(1));
            }
            if let Some(found) = found.or_else(|| measured::of_series(run, step, measurement)) {
                expected.values.insert(id, found);
            }
        }
    }
    expected
}

fn value((figure, origin): &(&Figure, Origin)) -> ExpectedValue {
    ExpectedValue {
        value: figure.value.value,
        kind: figure.kind,
        origin: origin.clone(),
        source: figure.source.clone(),
    }
}

/// The measurement, if it lies beyond the ceiling with its whole interval.
fn above(series: &SeriesId, measurement: &Measurement, ceiling: ExpectedValue) -> Option<Above> {
    if ceiling.kind != FigureKind::Ceiling {
        return None;
    }
    let estimate = measurement.estimate()?;
    let (measured, beyond) = match measurement.metric.goal {
        Goal::Higher => {
            let low = estimate.interval.map_or(estimate.value, |interval| interval.low);
            (low, low > ceiling.value * (1.0 + TOLERANCE))
        }
        Goal::Lower => {
            let high = estimate.interval.map_or(estimate.value, |interval| interval.high);
            (high, high < ceiling.value * (1.0 - TOLERANCE))
        }
        Goal::Neutral => return None,
    };
    beyond.then(|| Above { series: series.clone(), measured, ceiling })
}

/// Whether what a step of the area `memory` moves is too large for the caches: twice the last-level ones at least. A
/// step without a size, or of another area, is what it says it is.
fn crosses_the_bus(step: &StepRecord, environment: &Environment) -> bool {
    let Work::Probe { id, args } = &step.plan.work else { return true };
    let Some(ArgValue::Number(size)) = args.0.get("size").filter(|_| id.starts_with("memory.")) else { return true };
    size.value.to_bits() == GROWING.to_bits() || size.value >= 2.0 * last_level(environment)
}
