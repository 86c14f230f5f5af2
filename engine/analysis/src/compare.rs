//! Comparing two runs.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::comparison::{Comparison, Refusal, SeriesVerdict, Side};
use engine_core::environment::{Class, Difference};
use engine_core::measurement::Measurement;
use engine_core::plan::{PlannedStep, Profile, Work};
use engine_core::run::{RunRecord, ValidityLevel};
use engine_core::series::SeriesId;

use crate::judge::series;
use crate::verdict::{Criteria, decide};

/// How two runs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// What the verdicts are held against.
    pub criteria: Criteria,
    /// Whether to compare what should not be compared. It is still told.
    pub allow_unlike: bool,
}

const INSIST: &str = "compare runs that are alike, or insist with `--allow-unlike`";

/// Holds `new` against `old`, series by series.
///
/// The whole comparison is refused (then it has no verdicts, see [`Comparison::is_refused`]) when a defining field of
/// the environments differs, or a run is invalid or of the tiny profile. A step is left out when its probe, the version
/// of its method or its options differ. With [`Options::allow_unlike`] everything is compared, and the same refusals
/// say, each under a subject, against what advice.
#[must_use]
pub fn compare(old: &RunRecord, new: &RunRecord, options: &Options) -> Comparison {
    let differences = old.header.environment.differences(&new.header.environment);
    let mut refusals = whole_refusals(old, new, &differences);
    if options.allow_unlike {
        for (refusal, subject) in refusals.iter_mut() {
            refusal.subject = Some((*subject).to_owned());
        }
    }
    let mut refusals: Vec<Refusal> = refusals.into_iter().map(|(refusal, _)| refusal).collect();
    let steps = step_refusals(old, new);
    let left_out: BTreeSet<String> =
        if options.allow_unlike { BTreeSet::new() } else { steps.iter().filter_map(|r| r.subject.clone()).collect() };
    refusals.extend(steps);
    let mut comparison = Comparison {
        old: Side::of(&old.header),
        new: Side::of(&new.header),
        threshold: options.criteria.min_effect,
        differences,
        refusals,
        series: Vec::new(),
        only_old: Vec::new(),
        only_new: Vec::new(),
    };
    if !comparison.is_refused() {
        verdicts(old, new, &left_out, &options.criteria, &mut comparison);
    }
    comparison
}

fn verdicts(
    old: &RunRecord,
    new: &RunRecord,
    left_out: &BTreeSet<String>,
    criteria: &Criteria,
    comparison: &mut Comparison,
) {
    let olds = compared_series(old, left_out);
    let news = compared_series(new, left_out);
    let known: BTreeMap<&SeriesId, &Measurement> = olds.iter().map(|(id, measurement)| (id, *measurement)).collect();
    for (id, measurement) in &news {
        let Some(before) = known.get(id) else {
            comparison.only_new.push(id.clone());
            continue;
        };
        if before.metric.unit != measurement.metric.unit {
            comparison.refusals.push(Refusal {
                subject: Some(id.to_string()),
                reason: format!("it was measured in {} and is now in {}", before.metric.unit, measurement.metric.unit),
                remedy: "record it under another name".to_owned(),
            });
            continue;
        }
        let (Some(old), Some(new)) = (before.estimate(), measurement.estimate()) else { continue };
        let decided = decide(before, measurement, false, criteria);
        comparison.series.push(SeriesVerdict {
            id: id.clone(),
            metric: measurement.metric.clone(),
            old,
            new,
            change: decided.change,
            verdict: decided.verdict,
            reason: decided.reason,
            rounds_needed: decided.rounds_needed,
        });
    }
    let present: BTreeSet<&SeriesId> = news.iter().map(|(id, _)| id).collect();
    comparison.only_old = olds.iter().map(|(id, _)| id).filter(|id| !present.contains(id)).cloned().collect();
}

/// The series of the steps that are compared.
fn compared_series<'a>(run: &'a RunRecord, left_out: &BTreeSet<String>) -> Vec<(SeriesId, &'a Measurement)> {
    let mut all = series(run);
    if !left_out.is_empty() {
        let own: Vec<&PlannedStep> =
            run.steps.iter().map(|step| &step.plan).filter(|plan| left_out.contains(&plan.path())).collect();
        all.retain(|(id, _)| !own.iter().any(|plan| plan.name == id.step && id.labels.matches(&plan.labels)));
    }
    all
}

/// Why the runs as wholes cannot be compared, each with the subject it concerns when the user insists.
fn whole_refusals(old: &RunRecord, new: &RunRecord, differences: &[Difference]) -> Vec<(Refusal, &'static str)> {
    let mut refusals = Vec::new();
    let mut refuse = |subject, reason: String, remedy: &str| {
        refusals.push((Refusal { subject: None, reason, remedy: remedy.to_owned() }, subject));
    };
    let unlike: Vec<String> = differences
        .iter()
        .filter(|difference| difference.severity == Class::Unlike)
        .map(|difference| format!("`{}` was {} and is {}", difference.field, difference.a, difference.b))
        .collect();
    if !unlike.is_empty() {
        refuse("environment", format!("the environments are unlike: {}", unlike.join(", ")), INSIST);
    }
    for (run, which) in [(old, "older"), (new, "newer")] {
        if run.header.plan.profile == Profile::Tiny {
            let reason = format!("the {which} run has the tiny profile, which measures nothing");
            refuse("profile", reason, "run again without `--profile tiny`");
        }
        if run.validity.level == ValidityLevel::Invalid {
            let reason = format!("the {which} run is invalid: {}", run.validity.reasons.join("; "));
            refuse("validity", reason, "remove the cause and run again");
        }
    }
    refusals
}

/// Why single steps cannot be compared: steps of one path that did not do the same.
fn step_refusals(old: &RunRecord, new: &RunRecord) -> Vec<Refusal> {
    let known: BTreeMap<String, &PlannedStep> = old.steps.iter().map(|step| (step.plan.path(), &step.plan)).collect();
    let mut refusals = Vec::new();
    for after in new.steps.iter().map(|step| &step.plan) {
        let path = after.path();
        let Some(before) = known.get(&path) else { continue };
        if let Some((reason, remedy)) = unlike_steps(before, after) {
            refusals.push(Refusal { subject: Some(path), reason, remedy: remedy.to_owned() });
        }
    }
    refusals
}

fn unlike_steps(before: &PlannedStep, after: &PlannedStep) -> Option<(String, &'static str)> {
    match (&before.work, &after.work) {
        (Work::Probe { id: old, .. }, Work::Probe { id: new, .. }) if old != new => {
            Some((format!("it ran `{old}` and now runs `{new}`"), "give the new step another name"))
        }
        (Work::Probe { .. }, Work::Probe { .. }) if before.method != after.method => {
            let reason = format!("the probe's method was version {} and is {}", before.method, after.method);
            Some((reason, "take a new baseline with this version of the engine"))
        }
        (Work::Probe { args: old, .. }, Work::Probe { args: new, .. }) if old != new => {
            let names: BTreeSet<&String> = old.0.keys().chain(new.0.keys()).collect();
            let shown = |value: Option<&engine_core::args::ArgValue>| {
                value.map_or_else(|| "not given".to_owned(), |value| format!("`{value}`"))
            };
            let changed: Vec<String> = names
                .into_iter()
                .filter(|name| old.0.get(*name) != new.0.get(*name))
                .map(|name| format!("`{name}` was {} and is {}", shown(old.0.get(name)), shown(new.0.get(name))))
                .collect();
            Some((format!("other options: {}", changed.join(", ")), INSIST))
        }
        (Work::Probe { .. }, Work::Probe { .. }) => None,
        (old, new) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
            Some(("a probe and script code do not measure the same".to_owned(), "give the new step another name"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
