//! Which runs, and which of their steps, are alike enough to be compared.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use engine_core::comparison::Refusal;
use engine_core::environment::{Class, Difference};
use engine_core::measurement::{Measurement, QUANTILES};
use engine_core::plan::{PlannedStep, Profile, Work};
use engine_core::run::{RunRecord, ValidityLevel};
use engine_core::series::SeriesId;

use crate::judge::series;

const INSIST: &str = "compare runs that are alike, or insist with `--allow-unlike`";

/// The series of the steps that are compared.
pub(crate) fn compared_series<'a>(run: &'a RunRecord, left_out: &BTreeSet<String>) -> Vec<(SeriesId, &'a Measurement)> {
    let mut all = series(run);
    if !left_out.is_empty() {
        let own: Vec<&PlannedStep> =
            run.steps.iter().map(|step| &step.plan).filter(|plan| left_out.contains(&plan.path())).collect();
        all.retain(|(id, _)| !own.iter().any(|plan| plan.name == id.step && id.labels.matches(&plan.labels)));
    }
    all
}

/// The series with the quantiles of their latencies beside them, which are series of their own.
pub(crate) fn with_quantiles<'a>(all: Vec<(SeriesId, &'a Measurement)>) -> Vec<(SeriesId, Cow<'a, Measurement>)> {
    let mut found = Vec::with_capacity(all.len());
    for (id, measurement) in all {
        let tails = QUANTILES.iter().filter_map(|percent| measurement.quantile(*percent)).map(|tail| {
            let id = SeriesId { metric: tail.metric.id.clone(), ..id.clone() };
            (id, Cow::Owned(tail))
        });
        let tails: Vec<_> = tails.collect();
        found.push((id, Cow::Borrowed(measurement)));
        found.extend(tails);
    }
    found
}

/// Why the runs as wholes cannot be compared, each with the subject it concerns when the user insists.
pub(crate) fn whole_refusals(
    old: &RunRecord,
    new: &RunRecord,
    differences: &[Difference],
) -> Vec<(Refusal, &'static str)> {
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
pub(crate) fn step_refusals(old: &RunRecord, new: &RunRecord) -> Vec<Refusal> {
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
    unlike_work((&before.work, before.method), (&after.work, after.method))
}

/// Why two steps, each given by its work and the version of its method, did not do the same; with what to do about it.
pub(crate) fn unlike_work(before: (&Work, u32), after: (&Work, u32)) -> Option<(String, &'static str)> {
    let (old_method, new_method) = (before.1, after.1);
    match (before.0, after.0) {
        (Work::Probe { id: old, .. }, Work::Probe { id: new, .. }) if old != new => {
            Some((format!("it ran `{old}` and now runs `{new}`"), "give the new step another name"))
        }
        (Work::Probe { .. }, Work::Probe { .. }) if old_method != new_method => {
            let reason = format!("the probe's method was version {old_method} and is {new_method}");
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
        (Work::Load { shape: old, .. }, Work::Load { shape: new, .. })
            if (&old.model, &old.phases, &old.journeys) != (&new.model, &new.phases, &new.journeys) =>
        {
            Some((format!("the load was `{}` and is `{}`", old.describe(), new.describe()), INSIST))
        }
        (Work::Capacity { shape: old, search: before, .. }, Work::Capacity { shape: new, search: after, .. })
            if (before, &old.journeys) != (after, &new.journeys) =>
        {
            Some((format!("the search was `{}` and is `{}`", before.describe(), after.describe()), INSIST))
        }
        (Work::Scale { shape: old, sweep: before, .. }, Work::Scale { shape: new, sweep: after, .. })
            if (before, &old.journeys) != (after, &new.journeys) =>
        {
            Some((format!("the sweep was `{}` and is `{}`", before.describe(), after.describe()), INSIST))
        }
        (Work::Stress { shape: old }, Work::Stress { shape: new }) if old.same() != new.same() => {
            Some((format!("the stress was `{}` and is `{}`", old.describe(), new.describe()), INSIST))
        }
        (Work::Fault { shape: old, fault: before, .. }, Work::Fault { shape: new, fault: after, .. })
            if (before, &old.model, &old.journeys) != (after, &new.model, &new.journeys) =>
        {
            Some((format!("the fault was `{}` and is `{}`", before.describe(), after.describe()), INSIST))
        }
        (old, new) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
            Some(("steps of unlike kinds do not measure the same".to_owned(), "give the new step another name"))
        }
        _ => None,
    }
}
