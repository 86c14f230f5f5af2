//! Ceilings that the run itself measured: single-thread work times the cores, and the best that the memory gave.

use super::declared::BUS_PROBES;
use super::{ExpectedValue, FigureKind, Origin};
use crate::args::ArgValue;
use crate::measurement::Measurement;
use crate::plan::Work;
use crate::quantity::Quantity;
use crate::run::{RunRecord, StepRecord};
use crate::series::SeriesId;
use crate::unit::Unit;

/// What the run measured elsewhere that a series could reach; none when the run has nothing of the kind.
pub(super) fn of_series(run: &RunRecord, step: &StepRecord, measurement: &Measurement) -> Option<ExpectedValue> {
    let Work::Probe { id, .. } = &step.plan.work else { return None };
    if measurement.metric.id != "rate" {
        return None;
    }
    match id.as_str() {
        "cpu.fma" => all_cores(run, step, measurement),
        id if BUS_PROBES.contains(&id) => best_of_memory(run, step),
        _ => None,
    }
}

/// Independent work of one thread, as often as there are cores: a second thread on a core adds nothing to it, a lower
/// clock under load takes from it.
fn all_cores(run: &RunRecord, step: &StepRecord, measurement: &Measurement) -> Option<ExpectedValue> {
    let cpu = &run.header.environment.cpu;
    let cores = cpu.physical_cores.copied().or(cpu.logical_cpus.copied())?;
    let cores = cpu.allowed_count.copied().map_or(cores, |allowed| allowed.min(cores));
    if threads(step)? == ArgValue::Number(Quantity::number(1.0)) {
        return None;
    }
    let single = run.steps.iter().find(|other| {
        matches!(&other.plan.work, Work::Probe { id, .. } if id == "cpu.fma")
            && threads(other) == Some(ArgValue::Number(Quantity::number(1.0)))
            && options_but_threads(other) == options_but_threads(step)
    })?;
    let found = single.measurements.iter().find(|one| one.metric == measurement.metric)?;
    let rate = found.estimate()?.value;
    let source = format!("{cores} cores x {} of one thread in this run", measurement.metric.unit.format(rate));
    Some(ExpectedValue { value: rate * f64::from(cores), kind: FigureKind::Typical, origin: Origin::Measured, source })
}

/// The best rate to or from memory in the run, among what ran on as many threads.
fn best_of_memory(run: &RunRecord, step: &StepRecord) -> Option<ExpectedValue> {
    let own = Some(threads(step)?);
    let rates = run.steps.iter().filter(|other| threads(other) == own).flat_map(|other| {
        let crosses = matches!(&other.plan.work, Work::Probe { id, .. } if BUS_PROBES.contains(&id.as_str()));
        let found = other
            .measurements
            .iter()
            .filter(move |one| crosses && one.metric.id == "rate" && one.metric.unit == Unit::BytesPerSecond);
        found.filter_map(|one| {
            let labels = other.plan.labels.joined(&one.labels);
            let id = SeriesId { step: other.plan.name.clone(), metric: one.metric.id.clone(), labels };
            Some((id, one.estimate()?.value))
        })
    });
    let rates: Vec<(SeriesId, f64)> = rates.collect();
    // One alone is its own best, which says nothing.
    let (id, value) = rates.iter().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| rates.len() > 1)?;
    let source = format!("the best of this run on as many threads: {id}");
    Some(ExpectedValue { value: *value, kind: FigureKind::Typical, origin: Origin::Measured, source })
}

fn threads(step: &StepRecord) -> Option<ArgValue> {
    let Work::Probe { args, .. } = &step.plan.work else { return None };
    args.0.get("threads").cloned()
}

fn options_but_threads(step: &StepRecord) -> Option<Vec<(&String, &ArgValue)>> {
    let Work::Probe { id: _, args } = &step.plan.work else { return None };
    Some(args.0.iter().filter(|(name, _)| *name != "threads").collect())
}
