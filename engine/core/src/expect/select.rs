//! Which series of a step group a selector means.

use std::borrow::Cow;

use super::check::HOST_METRICS;
use super::claim::Selector;
use crate::host_sample::HostSample;
use crate::judgement::Judgement;
use crate::measurement::{Measurement, Round};
use crate::metric::{Goal, Metric, Nature};
use crate::nearest::hint;
use crate::run::StepRecord;
use crate::series::{Labels, SeriesId};
use crate::step::Outcome;
use crate::unit::Unit;

/// A series that fits.
#[derive(Debug, Clone)]
pub(super) struct Series<'a> {
    pub(super) id: SeriesId,
    pub(super) measurement: Cow<'a, Measurement>,
    /// The load that it is of; none for the series of other steps, of the monitor and of a baseline.
    pub(super) load: Option<&'a StepRecord>,
}

/// A place where a series should be and is not.
#[derive(Debug, Clone)]
pub(super) struct Missing {
    pub(super) series: String,
    pub(super) judgement: Judgement,
    pub(super) reason: String,
}

/// What a selector found.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection<'a> {
    pub(super) series: Vec<Series<'a>>,
    pub(super) missing: Vec<Missing>,
}

/// The series of `steps` that `selector` fits. Never empty in both parts: when nothing fits, that is what is missing.
pub(super) fn select<'a>(selector: &Selector, steps: &[&'a StepRecord], host: &[HostSample]) -> Selection<'a> {
    let mut found = Selection::default();
    // A load has the monitor's samples of its own time.
    let of_load = |name: &str| {
        steps.iter().any(|step| step.plan.is_load() && step.measurements.iter().any(|m| m.metric.id == name))
    };
    if let Some(name) = selector.metric.as_deref().filter(|name| HOST_METRICS.contains(name) && !of_load(name)) {
        match host_series(name, host) {
            Some(series) => found.series.push(series),
            None => found.missing.push(Missing {
                series: name.to_owned(),
                judgement: Judgement::Fail,
                reason: format!("`{name}` saw no sample: the system monitor took none during the run"),
            }),
        }
        return found;
    }
    for step in steps.iter().filter(|step| may_match(&step.plan.labels, &selector.labels)) {
        in_step(selector, step, &mut found);
    }
    if found.series.is_empty() && found.missing.is_empty() {
        found.missing.push(Missing {
            series: selector.to_string(),
            judgement: Judgement::Fail,
            reason: format!("no series fits `{selector}`{}", nearest_label(selector, steps)),
        });
    }
    found
}

fn in_step<'a>(selector: &Selector, step: &'a StepRecord, found: &mut Selection<'a>) {
    let mut missing = |judgement, reason| found.missing.push(Missing { series: step.plan.path(), judgement, reason });
    match &step.outcome {
        Some(Outcome::Skipped(skip)) => return missing(Judgement::Unjudged, format!("skipped: {skip}")),
        Some(Outcome::Failed(failure)) => return missing(Judgement::Fail, format!("the step failed: {failure}")),
        None if step.measurements.is_empty() => {
            return missing(Judgement::Unjudged, "the run ended before the step was measured".to_owned());
        }
        Some(Outcome::Measured) | None => {}
    }
    let primary = step.primary().map(|measurement| measurement.metric.id.as_str());
    let metric = selector.metric.as_deref().or(primary);
    let of_metric: Vec<&Measurement> = step
        .measurements
        .iter()
        .filter(|m| Some(m.metric.id.as_str()) == metric && m.counted().next().is_some())
        .collect();
    if of_metric.is_empty() {
        let name = metric.unwrap_or("the primary metric");
        let near = hint(name, step.measurements.iter().map(|m| m.metric.id.as_str()));
        return missing(Judgement::Fail, format!("`{name}` does not exist or saw no sample{near}"));
    }
    let load = Some(step).filter(|step| step.plan.is_load());
    let endpoints = of_metric.iter().any(|measurement| measurement.labels.get("name").is_some());
    for measurement in of_metric {
        let labels = step.plan.labels.joined(&measurement.labels);
        if labels.matches(&selector.labels)
            && (load.is_none() || is_meant(&measurement.labels, &selector.labels, endpoints))
        {
            let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
            found.series.push(Series { id, measurement: Cow::Borrowed(measurement), load });
        }
    }
}

/// Whether a series of a load is meant by `filter`, which its labels fit. The total is meant unless something is named: `phase`
/// for a part of the time, `name`, `group` or `journey` for a part of the requests. `endpoints` says whether the metric
/// has series of single endpoints at all.
fn is_meant(labels: &Labels, filter: &Labels, endpoints: bool) -> bool {
    let names_part = ["name", "group", "journey"].iter().any(|name| filter.get(name).is_some());
    let phase = labels.get("phase").is_some() == filter.get("phase").is_some();
    phase && (!endpoints || labels.get("name").is_some() == names_part)
}

/// Whether a step with these labels can have a series that `filter` fits: a label that the step does not have may be
/// one of its measurements'.
fn may_match(labels: &Labels, filter: &Labels) -> bool {
    filter.0.iter().all(|(name, value)| labels.get(name).is_none_or(|own| own == value))
}

/// The value of the first label that no series has, with the nearest that one does.
fn nearest_label(selector: &Selector, steps: &[&StepRecord]) -> String {
    let all: Vec<Labels> = steps
        .iter()
        .flat_map(|step| {
            let own = std::iter::once(step.plan.labels.clone());
            own.chain(step.measurements.iter().map(|m| step.plan.labels.joined(&m.labels)))
        })
        .collect();
    for (name, value) in &selector.labels.0 {
        let mut values: Vec<&str> = all.iter().filter_map(|labels| labels.get(name)).collect();
        values.sort_unstable();
        values.dedup();
        if values.is_empty() {
            return format!(": there is no label `{name}`");
        }
        if !values.contains(&value.as_str()) {
            return format!(": `{name}` is one of `{}`", values.join("`, `"));
        }
    }
    String::new()
}

/// The monitor's samples of the whole run as a measurement, one round a sample.
fn host_series<'a>(name: &str, host: &[HostSample]) -> Option<Series<'a>> {
    let value = |sample: &HostSample| if name == "host.cpu" { sample.cpu } else { sample.memory() };
    let rounds: Vec<Round> = host
        .iter()
        .zip(0..)
        .map(|(sample, number)| Round {
            number,
            attempt: 0,
            at: sample.at,
            seconds: 0.0,
            taints: Vec::new(),
            superseded: false,
            values: vec![value(sample)],
            histogram: None,
        })
        .collect();
    if rounds.is_empty() {
        return None;
    }
    let (step, metric) = name.split_once('.')?;
    let id = SeriesId { step: step.to_owned(), metric: metric.to_owned(), labels: Labels::new() };
    let metric = Metric { id: name.to_owned(), unit: Unit::Ratio, goal: Goal::Lower, nature: Nature::Cost };
    Some(Series { id, measurement: Cow::Owned(Measurement { metric, labels: Labels::new(), rounds }), load: None })
}
