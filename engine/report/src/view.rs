//! A record as reports lay it out: declarations with their points, plain metrics and curves. Every format for people
//! starts from here, so that they agree.

use engine_core::code::CodeUnderTest;
use engine_core::comparison::CaseRatio;
use engine_core::environment::Environment;
use engine_core::measurement::{Estimate, Measurement, Stat};
use engine_core::metric::{Goal, Nature};
use engine_core::plan::{Declaration, PlannedStep};
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use engine_core::unit::Unit;

use crate::clean;
use crate::curve::{self, Curve};
use crate::number;

/// The label that tells cases apart.
pub(crate) const CASE: &str = "case";

/// One declaration with all its points.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// Name of the declaration.
    pub(crate) name: &'a str,
    /// As planned; none in a record whose plan lost it.
    pub(crate) declaration: Option<&'a Declaration>,
    /// Its points.
    pub(crate) steps: Vec<&'a StepRecord>,
    /// The labels in which they differ, in alphabetical order, with `case` last.
    pub(crate) axes: Vec<Axis<'a>>,
}

/// One axis of a sweep.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Axis<'a> {
    /// Name of the label.
    pub(crate) name: &'a str,
    /// Its values in order of declaration.
    pub(crate) values: Vec<&'a str>,
}

/// The declarations of a record, in order.
pub(crate) fn groups(record: &RunRecord) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for step in &record.steps {
        match groups.iter_mut().find(|group| group.name == step.plan.name) {
            Some(group) => group.steps.push(step),
            None => groups.push(Group {
                name: &step.plan.name,
                declaration: record.header.plan.declaration(&step.plan.name),
                steps: vec![step],
                axes: Vec::new(),
            }),
        }
    }
    for group in &mut groups {
        group.axes = axes(&group.steps);
    }
    groups
}

fn axes<'a>(steps: &[&'a StepRecord]) -> Vec<Axis<'a>> {
    let mut axes: Vec<Axis<'a>> = Vec::new();
    for step in steps {
        for (name, value) in &step.plan.labels.0 {
            match axes.iter_mut().find(|axis| axis.name == name) {
                Some(axis) if axis.values.contains(&value.as_str()) => {}
                Some(axis) => axis.values.push(value),
                None => axes.push(Axis { name, values: vec![value] }),
            }
        }
    }
    axes.sort_by_key(|axis| (axis.name == CASE, axis.name));
    axes
}

impl<'a> Group<'a> {
    /// The two axes of a sweep that reads best as a matrix: rows, then the shorter one for the columns.
    pub(crate) fn matrix(&self) -> Option<(&Axis<'a>, &Axis<'a>)> {
        let [a, b] = self.axes.as_slice() else { return None };
        let full = self.steps.len() > 2 && a.values.len() > 1 && b.values.len() > 1;
        let measured = self.steps.iter().any(|step| step.primary().is_some());
        let plain = self.steps.iter().all(|step| step.measurements.is_empty() || !step.scalars().is_empty());
        if !full || !measured || !plain {
            return None;
        }
        Some(if a.values.len() < b.values.len() && b.name != CASE { (b, a) } else { (a, b) })
    }

    /// Whether its points are loads or stress, which have sections of their own.
    pub(crate) fn is_apart(&self) -> bool {
        let stress = |step: &&StepRecord| matches!(step.plan.work, engine_core::plan::Work::Stress { .. });
        self.steps.iter().any(|step| step.plan.is_load() || stress(step))
    }

    /// The point at these two values.
    pub(crate) fn at(&self, row: (&str, &str), column: (&str, &str)) -> Option<&'a StepRecord> {
        let labels = Labels::new().with(row.0, row.1).with(column.0, column.1);
        self.steps.iter().find(|step| step.plan.labels == labels).copied()
    }

    /// Names of all metrics without labels of their own, in order of first appearance.
    pub(crate) fn metrics(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for measurement in self.steps.iter().flat_map(|step| step.scalars()) {
            if !names.contains(&measurement.metric.id.as_str()) {
                names.push(&measurement.metric.id);
            }
        }
        names
    }

    /// The labels of a point, and whether it is the reference.
    pub(crate) fn point(&self, step: &StepRecord) -> String {
        let labels = point(&step.plan);
        let reference = self.declaration.and_then(|declaration| declaration.reference.as_deref());
        let is_reference = reference.is_some() && step.plan.labels.get(CASE) == reference;
        if is_reference { format!("{labels} (reference)") } else { labels }
    }

    /// The cases of this declaration held against their reference.
    pub(crate) fn cases<'c>(&self, all: &'c [CaseRatio]) -> Vec<&'c CaseRatio> {
        all.iter().filter(|ratio| ratio.step == self.name).collect()
    }
}

/// The labels that everything of a step carries: the path by which its results came, such as `engine=io_uring`.
pub(crate) fn marks(step: &StepRecord) -> Labels {
    engine_core::measurement::marks(&step.measurements)
}

/// The metrics of a step that are a curve.
pub(crate) fn curves(step: &StepRecord) -> Vec<Curve<'_>> {
    curve::of(&step.measurements, &marks(step))
}

/// The primary metric of a sweep along one axis of quantities, such as the rate over the queue depth; none where a curve
/// would say no more than its few rows.
pub(crate) fn sweep<'a>(group: &Group<'a>) -> Option<Curve<'a>> {
    let [axis] = group.axes.as_slice() else { return None };
    curve::along(
        axis.name,
        group.steps.iter().filter_map(|step| Some((step.plan.labels.get(axis.name)?, primary(step)?))),
    )
}

/// The number that stands for a step: its first metric that is one.
pub(crate) fn primary(step: &StepRecord) -> Option<&Measurement> {
    step.scalars().first().copied()
}

/// The labels of a point as people read them: `threads=2, size=4 KiB`; empty when there are none.
pub(crate) fn point(plan: &PlannedStep) -> String {
    labels(&plan.labels)
}

/// Labels as people read them.
pub(crate) fn labels(labels: &Labels) -> String {
    let parts: Vec<String> =
        labels.0.iter().map(|(name, value)| format!("{}={}", clean::clip(name, 40), clean::clip(value, 60))).collect();
    parts.join(", ")
}

/// What a table shows of one metric.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Median over rounds with its interval.
    pub(crate) estimate: Estimate,
    /// Smallest sample.
    pub(crate) min: f64,
    /// Largest sample.
    pub(crate) max: f64,
    /// Rounds that count and were disturbed.
    pub(crate) tainted: usize,
}

/// The figures of a metric; none without samples.
pub(crate) fn figures(measurement: &Measurement) -> Option<Figures> {
    let estimate = measurement.estimate()?;
    let end = |stat| measurement.statistic(stat).map(|found| found.value);
    Some(Figures {
        estimate,
        min: end(Stat::Min)?,
        max: end(Stat::Max)?,
        tainted: measurement.counted().filter(|round| !round.taints.is_empty()).count(),
    })
}

/// The best sample of a capability; a cost has none.
pub(crate) fn best(measurement: &Measurement, figures: &Figures) -> Option<f64> {
    match (measurement.metric.nature, measurement.metric.goal) {
        (Nature::Capability, Goal::Higher) => Some(figures.max),
        (Nature::Capability, Goal::Lower) => Some(figures.min),
        _ => None,
    }
}

/// How a step ended, where it has no figures: one sentence without control characters.
pub(crate) fn ending(step: &StepRecord) -> Option<String> {
    match &step.outcome {
        Some(Outcome::Measured) if step.measurements.is_empty() => Some("measured, but recorded nothing".to_owned()),
        Some(Outcome::Measured) => None,
        Some(Outcome::Skipped(skip)) => Some(format!("skipped: {}", clean::clip(&skip.reason, 400))),
        Some(Outcome::Failed(failure)) => Some(format!("failed: {}", clean::clip(&failure.message, 400))),
        None => Some("not finished".to_owned()),
    }
}

/// `7 steps measured, 1 skipped, 1 failed`.
pub(crate) fn tally(record: &RunRecord) -> String {
    let number = |of: fn(&Option<Outcome>) -> bool| record.steps.iter().filter(|step| of(&step.outcome)).count();
    let measured = number(|outcome| matches!(outcome, Some(Outcome::Measured)));
    let rest = [
        (number(|outcome| matches!(outcome, Some(Outcome::Skipped(_)))), "skipped"),
        (number(|outcome| matches!(outcome, Some(Outcome::Failed(_)))), "failed"),
        (number(Option::is_none), "not finished"),
    ];
    let mut text = format!("{} measured", number::count(measured, "step"));
    for (number, word) in rest.into_iter().filter(|(number, _)| *number > 0) {
        put!(text, ", {number} {word}");
    }
    text
}

/// The machine in one line: processor, CPUs, memory, system, what it runs on.
pub(crate) fn machine(environment: &Environment) -> String {
    let unknown =
        |text: Option<&str>, what: &str| text.map_or_else(|| format!("unknown {what}"), |text| clean::clip(text, 80));
    let cpu = &environment.cpu;
    let mut parts = vec![unknown(cpu.model.as_deref(), "processor")];
    match (cpu.allowed_count.copied(), cpu.logical_cpus.copied()) {
        (Some(allowed), Some(all)) if allowed < all => parts.push(format!("{allowed} of {all} CPUs")),
        (_, Some(1)) => parts.push("1 CPU".to_owned()),
        (_, Some(all)) => parts.push(format!("{all} CPUs")),
        (_, None) => {}
    }
    if let Some(bytes) = environment.memory.total_bytes.copied() {
        #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
        parts.push(number::value(Unit::Bytes, bytes as f64));
    }
    let kernel = environment.os.kernel.as_deref().map(|kernel| format!("kernel {}", clean::clip(kernel, 40)));
    let system = environment.os.distribution.as_deref().map(|name| clean::clip(name, 40));
    parts.extend(system.into_iter().chain(kernel));
    if let Some(Some(hypervisor)) = environment.virtualization.hypervisor.known() {
        parts.push(format!("on {}", clean::clip(hypervisor, 30)));
    }
    if let Some(Some(container)) = environment.virtualization.container.known() {
        parts.push(format!("in {}", clean::clip(container, 30)));
    }
    parts.join(" · ")
}

/// The code under test in one line.
pub(crate) fn code(code: &CodeUnderTest) -> String {
    let Some(commit) = code.short() else { return format!("commit {}", clean::clip(&code.commit.to_string(), 100)) };
    let branch = code.branch.as_deref().map(|branch| format!(" on {}", clean::clip(branch, 60))).unwrap_or_default();
    let dirty = if code.dirty.copied() == Some(true) { " with uncommitted changes" } else { "" };
    format!("commit {}{branch}{dirty}", clean::clip(&commit, 20))
}
