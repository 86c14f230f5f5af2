//! A load as reports lay it out: what was asked for beside what came, endpoints, phases, errors, the course over time, the
//! generator itself, and what follows from it all in words. Text, Markdown and JSON start from here, so that they agree.

mod advice;
mod course;

use std::collections::BTreeMap;

use engine_core::event::Note;
use engine_core::fault::{FaultRecord, fault_metric};
use engine_core::load::{LoadShape, WARM_UP, metric_of};
use engine_core::measurement::{Estimate, Measurement, Stat};
use engine_core::plan::Work;
use engine_core::run::{RunRecord, StepRecord};

pub(crate) use advice::advice;
pub(crate) use course::{Course, course};

/// Front of the notes that hold one error of each class.
const ERRORS: &str = "errors: ";

/// Percentiles that tables show.
pub(crate) const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p99.9", 99.9)];

/// Requests of one endpoint, of one phase, or of all.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The endpoint or phase; empty for all.
    pub(crate) name: String,
    /// Requests that ended.
    pub(crate) requests: usize,
    /// Those that ended well, a second.
    pub(crate) rate: Option<f64>,
    /// Iterations that the schedule asked for, and that there were, a second; of phases and of the whole.
    pub(crate) arrivals: Option<(f64, f64)>,
    /// Response times: the percentiles of [`PERCENTILES`], then the largest. In seconds.
    pub(crate) response: Vec<Estimate>,
    /// Share that did not end well.
    pub(crate) errors: Option<f64>,
}

/// Errors of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errors {
    /// The class.
    pub(crate) class: String,
    /// How often, without the warm-up; 0 where only iterations had it.
    pub(crate) count: u64,
    /// One of them, in words.
    pub(crate) example: Option<String>,
}

/// A load step.
#[derive(Debug)]
pub(crate) struct LoadView<'a> {
    /// The step.
    pub(crate) step: &'a StepRecord,
    /// What was planned.
    pub(crate) shape: &'a LoadShape,
    /// Everything together; none where nothing was measured.
    pub(crate) total: Option<Line>,
    /// The phases, where there are several.
    pub(crate) phases: Vec<Line>,
    /// The endpoints, the most frequent first.
    pub(crate) endpoints: Vec<Line>,
    /// Errors by class, the most frequent first.
    pub(crate) errors: Vec<Errors>,
    /// How it was made and where everything went: sentences.
    pub(crate) generator: Vec<&'a str>,
    /// What the journeys time and record themselves, watched processes and their counters.
    pub(crate) own: Vec<&'a Measurement>,
    /// Rate and latencies over time.
    pub(crate) course: Option<Course>,
    /// Whether the sums come from the windows alone, as the run was ended before it had summed up.
    pub(crate) unsummed: bool,
    /// What came of each repetition, where it is the load of a fault.
    pub(crate) faults: Vec<&'a FaultRecord>,
}

/// A step as a load; none for other steps.
pub(crate) fn view<'a>(record: &'a RunRecord, step: &'a StepRecord) -> Option<LoadView<'a>> {
    let (Work::Load { shape, .. } | Work::Fault { shape, .. }) = &step.plan.work else { return None };
    let path = step.plan.path();
    let notes: Vec<&Note> = record.notes.iter().filter(|note| note.step.as_deref() == Some(path.as_str())).collect();
    let errors = errors(step, &notes);
    let generator = notes.iter().map(|note| note.message.as_str());
    let generator = generator.filter(|text| !text.starts_with(ERRORS)).collect();
    let lines = |label: &str| -> Vec<Line> {
        let mut names: Vec<&str> = Vec::new();
        for measurement in responses(step) {
            let labels = &measurement.labels;
            let other = if label == "phase" { "name" } else { "phase" };
            if let Some(name) = labels.get(label).filter(|_| labels.get(other).is_none())
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        names.iter().flat_map(|name| of_part(step, label, name)).collect()
    };
    let whole = responses(step).any(|m| m.labels.get("name").is_none() && m.labels.get("phase").is_none());
    let mut endpoints = if whole { lines("name") } else { course::lines(step) };
    let unsummed = if whole { None } else { course::total(step) };
    endpoints.sort_by_key(|line| std::cmp::Reverse(line.requests));
    Some(LoadView {
        step,
        shape,
        total: responses(step)
            .find(|m| m.labels.get("name").is_none() && m.labels.get("phase").is_none())
            .map(|measurement| line(step, String::new(), measurement))
            .or(unsummed),
        phases: lines("phase"),
        endpoints,
        errors,
        generator,
        own: step
            .measurements
            .iter()
            .filter(|m| metric_of(&m.metric.id).is_none() && fault_metric(&m.metric.id).is_none())
            .collect(),
        course: course(step),
        unsummed: !whole && !step.windows.is_empty(),
        faults: record
            .steps
            .iter()
            .position(|one| std::ptr::eq(one, step))
            .into_iter()
            .flat_map(|number| record.faults_of(number))
            .collect(),
    })
}

fn responses(step: &StepRecord) -> impl Iterator<Item = &Measurement> {
    step.measurements.iter().filter(|measurement| measurement.metric.id == "response")
}

/// The lines of one endpoint or phase: several where journeys or groups tell it apart.
fn of_part(step: &StepRecord, label: &str, name: &str) -> Vec<Line> {
    let other = if label == "phase" { "name" } else { "phase" };
    responses(step)
        .filter(|m| m.labels.get(label) == Some(name) && m.labels.get(other).is_none())
        .map(|measurement| {
            let mut shown = name.to_owned();
            for part in ["group", "journey"] {
                if let Some(value) = measurement.labels.get(part) {
                    put!(shown, " ({value})");
                }
            }
            line(step, shown, measurement)
        })
        .collect()
}

fn line(step: &StepRecord, name: String, response: &Measurement) -> Line {
    let number = |id: &str| number_with(step, id, response);
    let quantiles = PERCENTILES.iter().map(|(_, p)| Stat::Percentile(*p)).chain([Stat::Max]);
    Line {
        name,
        requests: response.statistic(Stat::Count).map_or(0, |count| count.samples),
        rate: number("rate"),
        arrivals: number("intended").zip(number("iterations")),
        response: quantiles.filter_map(|stat| response.statistic(stat)).collect(),
        errors: number("errors"),
    }
}

/// A metric's number with the same labels as another's.
fn number_with(step: &StepRecord, id: &str, like: &Measurement) -> Option<f64> {
    let found = step.measurements.iter().find(|m| m.metric.id == id && m.labels == like.labels);
    found.and_then(Measurement::estimate).map(|estimate| estimate.value)
}

/// A number of the whole load.
pub(crate) fn number(step: &StepRecord, id: &str) -> Option<f64> {
    let whole =
        |m: &&Measurement| m.metric.id == id && m.labels.get("name").is_none() && m.labels.get("phase").is_none();
    step.measurements.iter().find(whole).and_then(Measurement::estimate).map(|estimate| estimate.value)
}

/// Counts from the windows, examples from the notes.
fn errors(step: &StepRecord, notes: &[&Note]) -> Vec<Errors> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for window in step.windows.iter().filter(|window| window.phase != WARM_UP) {
        for (class, count) in window.total().into_iter().flat_map(|row| &row.errors) {
            *counts.entry(class).or_default() += count;
        }
    }
    let mut all: Vec<Errors> =
        counts.into_iter().map(|(class, count)| Errors { class: class.to_owned(), count, example: None }).collect();
    for text in notes.iter().filter_map(|note| note.message.strip_prefix(ERRORS)) {
        let (front, example) = text.split_once(", such as: ").unwrap_or((text, ""));
        // `status 500, 12 times`: no class has a comma.
        let class = front.split(',').next().unwrap_or(front);
        match all.iter_mut().find(|known| known.class == class) {
            Some(known) => known.example = Some(example.to_owned()),
            None => all.push(Errors { class: class.to_owned(), count: 0, example: Some(example.to_owned()) }),
        }
    }
    all.sort_by_key(|errors| std::cmp::Reverse(errors.count));
    all
}

/// A metric of its own: name with labels, median, 99th percentile where there are latencies, largest.
pub(crate) fn own(measurement: &Measurement) -> Option<[String; 4]> {
    let unit = measurement.metric.unit;
    let of = |stat| measurement.statistic(stat).map(|found| unit.format(found.value));
    let mut labels = measurement.labels.clone();
    labels.0.remove("driver");
    let p99 = if measurement.histogram().is_some() { of(Stat::Percentile(99.0))? } else { String::new() };
    // Samples of one round are one a second; their median is that of the round.
    Some([format!("{}{labels}", measurement.metric.id), of(Stat::Median)?, p99, of(Stat::Max)?])
}

/// `5.12 ms`, `> 2.00 s`.
pub(crate) fn latency(estimate: &Estimate) -> String {
    let shown = engine_core::unit::Unit::Seconds.format(estimate.value);
    if estimate.above { format!("> {shown}") } else { shown }
}

/// `99.8/s of the 100/s iterations intended (99.8 %)` for the achieved rate beside the intended one.
pub(crate) fn achieved(line: &Line) -> Option<String> {
    let unit = engine_core::unit::Unit::PerSecond;
    let (intended, came) = line.arrivals?;
    let share = if intended > 0.0 { format!(" ({:.1} %)", came / intended * 100.0) } else { String::new() };
    Some(format!("{} of the {} iterations intended{share}", unit.format(came), unit.format(intended)))
}
