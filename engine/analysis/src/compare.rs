//! Comparing two runs.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::comparison::{Comparison, Refusal, RunsApart, SeriesVerdict, Side};
use engine_core::judgement::Verdict;
use engine_core::measurement::Measurement;
use engine_core::run::RunRecord;
use engine_core::series::SeriesId;
use engine_core::stats::normal_quantile;

use crate::alike::{compared_series, step_refusals, whole_refusals, with_quantiles};
use crate::significance::adjusted;
use crate::verdict::{Criteria, decide_among};

/// How two runs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// What the verdicts are held against.
    pub criteria: Criteria,
    /// Whether to compare what should not be compared. It is still told.
    pub allow_unlike: bool,
}

/// How far other runs of each series lie apart, as far as that is known.
pub type Known = BTreeMap<SeriesId, RunsApart>;

/// Holds `new` against `old`, series by series, by their rounds and nothing else: see [`compare_among`].
#[must_use]
pub fn compare(old: &RunRecord, new: &RunRecord, options: &Options) -> Comparison {
    compare_among(old, new, &Known::new(), options)
}

/// Holds `new` against `old`, series by series.
///
/// One run says nothing about how far another of the same code would lie from it: its address space, its neighbours and the
/// temperature shift all of its rounds together. Where `known` has what other runs say, a change must stand out of that
/// too; where it has nothing, the rounds are all there is.
///
/// The whole comparison is refused (then it has no verdicts, see [`Comparison::is_refused`]) when a defining field of
/// the environments differs, or a run is invalid or of the tiny profile. A step is left out when its probe, the version
/// of its method or its options differ. With [`Options::allow_unlike`] everything is compared, and the same refusals
/// say, each under a subject, against what advice.
#[must_use]
pub fn compare_among(old: &RunRecord, new: &RunRecord, known: &Known, options: &Options) -> Comparison {
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
        verdicts(old, new, &left_out, known, &options.criteria, &mut comparison);
    }
    comparison
}

fn verdicts(
    old: &RunRecord,
    new: &RunRecord,
    left_out: &BTreeSet<String>,
    apart: &Known,
    criteria: &Criteria,
    comparison: &mut Comparison,
) {
    let olds = with_quantiles(compared_series(old, left_out));
    let news = with_quantiles(compared_series(new, left_out));
    let known: BTreeMap<&SeriesId, &Measurement> = olds.iter().map(|(id, measurement)| (id, &**measurement)).collect();
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
        let apart = apart.get(id).copied();
        let decided = decide_among(before, measurement, apart, criteria);
        comparison.series.push(SeriesVerdict {
            id: id.clone(),
            metric: measurement.metric.clone(),
            old,
            new,
            change: decided.change,
            verdict: decided.verdict,
            reason: decided.reason,
            rounds_needed: decided.rounds_needed,
            p: decided.p,
            adjusted_p: None,
            apart,
            shape: crate::shape::changes(before, measurement),
            explained_by: None,
        });
    }
    control(&mut comparison.series);
    let present: BTreeSet<&SeriesId> = news.iter().map(|(id, _)| id).collect();
    comparison.only_old = olds.iter().map(|(id, _)| id).filter(|id| !present.contains(id)).cloned().collect();
}

/// Share of false ones among all that are called better or worse.
const FALSE_DISCOVERIES: f64 = 0.05;

/// Takes many series at once into account: of a hundred that did not change, some look as if. A change that does not
/// stand out of their number is inconclusive.
pub(crate) fn control(series: &mut [SeriesVerdict]) {
    let tested: Vec<usize> = (0..series.len()).filter(|at| series[*at].p.is_some()).collect();
    let p_values: Vec<f64> = tested.iter().filter_map(|at| series[*at].p).collect();
    for (at, adjusted) in tested.iter().zip(adjusted(&p_values)) {
        let one = &mut series[*at];
        one.adjusted_p = Some(adjusted);
        if matches!(one.verdict, Verdict::Better | Verdict::Worse) && adjusted > FALSE_DISCOVERIES {
            one.verdict = Verdict::Inconclusive;
            one.rounds_needed = rounds_to_stand_out(one, p_values.len());
            one.reason = format!(
                "{}, but among {} series at once that is not sure enough (p = {:.3}, adjusted {adjusted:.3})",
                one.reason,
                p_values.len(),
                one.p.unwrap_or(f64::NAN),
            );
        }
    }
}

/// Rounds a side with which a change that is what it now seems to be would stand out of so many series even alone: its
/// distance in standard errors grows with the square root of the rounds.
fn rounds_to_stand_out(one: &SeriesVerdict, among: usize) -> Option<u32> {
    let distance = normal_quantile(0.5 * one.p?.clamp(1e-12, 0.999));
    let wanted = normal_quantile(0.5 * FALSE_DISCOVERIES / among as f64);
    let rounds = one.old.rounds.min(one.new.rounds) as f64;
    let needed = (rounds * (wanted / distance).powi(2)).ceil();
    (needed.is_finite() && needed < 10_000.0).then_some((needed as u32).max(rounds as u32 + 1))
}

#[cfg(test)]
mod tests;
