//! Faults as reports show them: what became of the victim over all repetitions, and what the words mean.

use engine_core::fault::{FaultRecord, FaultShape, Recovery, fault_metric};
use engine_core::plan::Work;
use engine_core::run::{RunRecord, StepRecord};
use engine_core::stats::quantile::median;
use engine_core::unit::Unit;

/// A fault with all its repetitions.
#[derive(Debug)]
pub(crate) struct FaultView<'a> {
    pub(crate) step: &'a StepRecord,
    pub(crate) shape: &'a FaultShape,
    pub(crate) repetitions: Vec<&'a FaultRecord>,
    pub(crate) figures: Vec<Figure>,
}

/// One figure over all repetitions.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// How many repetitions have it.
    pub(crate) count: usize,
}

/// Figures in the order in which they are shown.
const ORDER: [&str; 10] =
    ["recover", "detect", "worst", "worst_rate", "failures", "area", "lost", "restarts", "reached", "hit"];

/// What is shown of a step; none where it is no fault.
pub(crate) fn view<'a>(record: &'a RunRecord, number: usize) -> Option<FaultView<'a>> {
    let step = record.steps.get(number)?;
    let Work::Fault { fault, .. } = &step.plan.work else { return None };
    let figure = |id: &&str| {
        let def = fault_metric(id)?;
        let measurement = step.measurements.iter().find(|measurement| measurement.metric.id == **id)?;
        let values: Vec<f64> = measurement.counted().flat_map(|round| round.values.iter().copied()).collect();
        let (least, most) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
        let (id, title, unit, count) = (def.id, def.title, def.unit, values.len());
        Some(Figure { id, title, unit, median: median(&values), least, most, count })
    };
    Some(FaultView {
        step,
        shape: fault,
        repetitions: record.faults_of(number).collect(),
        figures: ORDER.iter().filter_map(figure).collect(),
    })
}

impl Figure {
    /// The median, with the range where there is one.
    pub(crate) fn cells(&self) -> [String; 2] {
        let median = self.unit.format(self.median);
        let range = format!("{} .. {}", self.unit.format(self.least), self.unit.format(self.most));
        [median, if self.count > 1 { range } else { String::new() }]
    }
}

impl FaultView<'_> {
    /// How many repetitions ended how.
    pub(crate) fn verdict(&self) -> String {
        let mut words: Vec<(&str, usize)> = Vec::new();
        for fault in &self.repetitions {
            let word = fault.verdict().name();
            match words.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => words.push((word, 1)),
            }
        }
        let all = self.repetitions.len();
        let words: Vec<String> = words.iter().map(|(word, count)| format!("{word} in {count} of {all}")).collect();
        if words.is_empty() { "no repetition ended".to_owned() } else { words.join(", ") }
    }

    /// What the figures mean, in full.
    pub(crate) fn definition(&self) -> String {
        let FaultShape { criteria, window, within, .. } = self.shape;
        format!(
            "Baseline: windows of {window} s before the fault, by intended start; the median of their 95th percentiles, the share of \
             failures, the median rate. Well: 95th percentile at most {:.2} times the baseline's, failures at most {} above it, rate at \
             least {} of it. Time to recover: from the removal of the fault to the first of {} windows in a row that are well; later \
             than {within} s is not recovered. Area: good answers that did not come until then.",
            1.0 + criteria.latency,
            Unit::Ratio.format(criteria.errors),
            Unit::Ratio.format(1.0 - criteria.rate),
            criteria.consecutive,
        )
    }

    /// By which mechanisms, each once, with what was passed over.
    pub(crate) fn mechanisms(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for fault in &self.repetitions {
            let mut text = format!("mechanism: {}", fault.mechanism);
            if !fault.passed_over.is_empty() {
                text = format!("{text} (not {})", fault.passed_over.join("; "));
            }
            if !all.contains(&text) {
                all.push(text);
            }
        }
        all
    }
}

/// One repetition in words: verdict, baseline, and what happened when.
pub(crate) fn repetition(fault: &FaultRecord) -> (String, String) {
    let about = match &fault.recovery {
        Recovery::Inconclusive { reason } => format!("inconclusive: {reason}"),
        Recovery::Seen(seen) => format!(
            "{}; baseline p95 {}, {}, {} failed",
            fault.verdict().name(),
            Unit::Seconds.format(seen.baseline.p95),
            Unit::PerSecond.format(seen.baseline.rate),
            Unit::Ratio.format(seen.baseline.errors),
        ),
    };
    let data = fault.data.as_ref().map_or_else(String::new, |data| {
        let lost = match data.examples.as_slice() {
            [] => format!("{} lost", data.lost),
            some => format!("{} lost, such as {}", data.lost, some.join(", ")),
        };
        format!("; {} acknowledged, {} asked for, {lost}", data.acknowledged, data.checked)
    });
    let marks: Vec<String> = fault.marks.iter().map(|mark| format!("{:.2} s {}", mark.at, mark.what)).collect();
    (format!("repetition {}: {about}{data}", fault.round + 1), marks.join(" · "))
}
