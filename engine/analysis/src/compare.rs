//! Comparing two runs.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::comparison::{Comparison, Refusal, SeriesVerdict, Side};
use engine_core::measurement::Measurement;
use engine_core::run::RunRecord;
use engine_core::series::SeriesId;

use crate::alike::{compared_series, step_refusals, whole_refusals};
use crate::verdict::{Criteria, decide};

/// How two runs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// What the verdicts are held against.
    pub criteria: Criteria,
    /// Whether to compare what should not be compared. It is still told.
    pub allow_unlike: bool,
}

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

#[cfg(test)]
mod tests;
