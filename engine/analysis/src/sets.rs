//! Comparing two sets of runs, where the run is the sampling unit: each counts with the median of its rounds.
//!
//! With five runs or more on both sides, the verdict is that of two samples ([`crate::decide`]). One new run against a
//! window of old ones, which is what a gate does, is held against Student's prediction interval: from how far apart the
//! old runs lie it follows how far a further run of the same code may lie from them (Student, 1908; on the logarithm, so
//! that the answer is a ratio). Rounds within a run say nothing about that: a run as a whole, its address space, its
//! neighbours, its temperature, shifts all its rounds together, and comparing rounds takes that for a change.
//!
//! What would make it wrong: old runs that drift (their spread is then too wide, and changes are missed), and fewer than
//! five of them, on which nothing is said.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use engine_core::comparison::{Comparison, Refusal, SeriesVerdict, Side};
use engine_core::histogram::Packed;
use engine_core::judgement::{Change, Verdict};
use engine_core::measurement::{MIN_ROUNDS, Measurement, Round};
use engine_core::metric::{Goal, Metric};
use engine_core::run::RunRecord;
use engine_core::series::{Labels, SeriesId};
use engine_core::stats::{Interval, student_two_sided};

use crate::alike::{compared_series, step_refusals, whole_refusals, with_quantiles};
use crate::compare::{Options, control};
use crate::policy::{moments, student_quantile};
use crate::verdict::{Criteria, Decided, decide, percent, round};

/// Holds the runs `news` against the runs `olds`, both of one scenario and oldest first. Runs that are unlike the newest
/// new one are left out and told; when none is left on a side, the whole comparison is refused.
///
/// `None` when a side is empty.
#[must_use]
pub fn compare_sets(olds: &[RunRecord], news: &[RunRecord], options: &Options) -> Option<Comparison> {
    let (last_old, last_new) = (olds.last()?, news.last()?);
    let mut comparison = Comparison {
        old: side(olds)?,
        new: side(news)?,
        threshold: options.criteria.min_effect,
        differences: last_old.header.environment.differences(&last_new.header.environment),
        refusals: Vec::new(),
        series: Vec::new(),
        only_old: Vec::new(),
        only_new: Vec::new(),
    };
    let (mut alike, mut reasons) = (Vec::new(), BTreeSet::new());
    for (run, is_old) in olds.iter().map(|run| (run, true)).chain(news.iter().map(|run| (run, false))) {
        let differences = run.header.environment.differences(&last_new.header.environment);
        let refused = whole_refusals(run, last_new, &differences).into_iter().next();
        match refused {
            Some((refusal, _)) if !options.allow_unlike => {
                reasons.insert((refusal.reason.clone(), refusal.remedy.clone()));
                comparison
                    .refusals
                    .push(Refusal { subject: Some(format!("run {}", run.header.id.short())), ..refusal });
            }
            _ => alike.push((run, is_old)),
        }
    }
    let usable = |is_old| alike.iter().filter(move |(_, old)| *old == is_old).map(|(run, _)| *run);
    if usable(true).next().is_none() || usable(false).next().is_none() {
        let (reason, remedy) = reasons.into_iter().next().unwrap_or_default();
        comparison.refusals = vec![Refusal { subject: None, reason, remedy }];
        return Some(comparison);
    }
    let (before, refusals) = gathered(usable(true), last_new, options);
    comparison.refusals.extend(refusals);
    let (after, _) = gathered(usable(false), last_new, options);
    for (id, set) in &after {
        let Some(old) = before.get(id) else {
            comparison.only_new.push(id.clone());
            continue;
        };
        match verdict(id, old, set, &options.criteria) {
            Ok(verdict) => comparison.series.extend(verdict),
            Err(refusal) => comparison.refusals.push(refusal),
        }
    }
    control(&mut comparison.series);
    comparison.only_old = before.into_keys().filter(|id| !after.contains_key(id)).collect();
    Some(comparison)
}

/// A record in which each round is a run: what an expectation's `baseline` is when it is a window of runs, oldest first.
/// Steps that were not done alike, and runs that are unlike the newest, are left out.
#[must_use]
pub fn window_record(runs: &[RunRecord]) -> Option<RunRecord> {
    let newest = runs.last()?;
    if runs.len() == 1 {
        return Some(newest.clone());
    }
    let alike = runs.iter().filter(|run| {
        let differences = run.header.environment.differences(&newest.header.environment);
        whole_refusals(run, newest, &differences).is_empty()
    });
    let (sets, _) = gathered(alike, newest, &Options::default());
    let mut record = newest.clone();
    for step in &mut record.steps {
        for measurement in &mut step.measurements {
            let labels = step.plan.labels.joined(&measurement.labels);
            let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
            if let Some(set) = sets.get(&id) {
                measurement.rounds = set.as_rounds(true);
            }
        }
    }
    Some(record)
}

/// A series over the runs of a side.
struct Set<'a> {
    metric: Metric,
    /// One value a run, oldest first: the median of its rounds.
    values: Vec<f64>,
    /// The latencies of each run, where it has any.
    latencies: Vec<Option<Packed>>,
    /// What the newest run measured.
    newest: Cow<'a, Measurement>,
}

impl Set<'_> {
    /// One round a run. With their latencies, other statistics than the median can be asked for, too.
    fn as_rounds(&self, latencies: bool) -> Vec<Round> {
        let round = |(at, value): (usize, &f64)| Round {
            number: at as u32,
            attempt: 0,
            at: at as f64,
            seconds: 0.0,
            taints: Vec::new(),
            superseded: false,
            histogram: self.latencies.get(at).filter(|_| latencies).cloned().flatten(),
            values: vec![*value],
        };
        self.values.iter().enumerate().map(round).collect()
    }

    fn as_measurement(&self) -> Measurement {
        Measurement { metric: self.metric.clone(), labels: Labels::new(), rounds: self.as_rounds(false) }
    }
}

/// The series of several runs. A step that did other work than in `like` is left out; a series whose unit differs is that
/// of the newest run.
fn gathered<'a>(
    runs: impl Iterator<Item = &'a RunRecord>,
    like: &RunRecord,
    options: &Options,
) -> (BTreeMap<SeriesId, Set<'a>>, Vec<Refusal>) {
    let mut sets: BTreeMap<SeriesId, Set<'a>> = BTreeMap::new();
    let mut refusals: Vec<Refusal> = Vec::new();
    for run in runs {
        let steps = step_refusals(run, like);
        let left_out: BTreeSet<String> = steps.iter().filter_map(|refusal| refusal.subject.clone()).collect();
        refusals.extend(steps.into_iter().filter(|refusal| !refusals.contains(refusal)).collect::<Vec<_>>());
        let left_out = if options.allow_unlike { BTreeSet::new() } else { left_out };
        for (id, measurement) in with_quantiles(compared_series(run, &left_out)) {
            let Some(estimate) = measurement.estimate() else { continue };
            let new = || Set {
                metric: measurement.metric.clone(),
                values: Vec::new(),
                latencies: Vec::new(),
                newest: measurement.clone(),
            };
            let set = sets.entry(id).or_insert_with(new);
            if set.metric != measurement.metric {
                *set = new();
            }
            set.values.push(estimate.value);
            set.latencies.push(measurement.histogram());
            set.newest = measurement;
        }
    }
    (sets, refusals)
}

fn side(runs: &[RunRecord]) -> Option<Side> {
    let newest = runs.last()?;
    let others = runs.iter().rev().skip(1).map(|run| run.header.id.clone()).collect();
    Some(Side { others, ..Side::of(&newest.header) })
}

fn verdict(id: &SeriesId, old: &Set<'_>, new: &Set<'_>, criteria: &Criteria) -> Result<Option<SeriesVerdict>, Refusal> {
    if old.metric.unit != new.metric.unit {
        return Err(Refusal {
            subject: Some(id.to_string()),
            reason: format!("it was measured in {} and is now in {}", old.metric.unit, new.metric.unit),
            remedy: "record it under another name".to_owned(),
        });
    }
    let (before, after) = (old.as_measurement(), new.as_measurement());
    let after_estimate = if new.values.len() == 1 { new.newest.estimate() } else { after.estimate() };
    let (Some(before_estimate), Some(after_estimate)) = (before.estimate(), after_estimate) else { return Ok(None) };
    let both = old.values.len() >= MIN_ROUNDS && new.values.len() >= MIN_ROUNDS;
    let decided = if both {
        let decided = decide(&before, &after, false, criteria);
        Decided { reason: decided.reason.replace(" rounds a side", " runs a side"), ..decided }
    } else {
        predicted(&old.values, &new.values, new.metric.goal, criteria)
    };
    Ok(Some(SeriesVerdict {
        id: id.clone(),
        metric: new.metric.clone(),
        old: before_estimate,
        new: after_estimate,
        change: decided.change,
        verdict: decided.verdict,
        reason: decided.reason,
        rounds_needed: decided.rounds_needed,
        p: decided.p,
        adjusted_p: None,
        apart: None,
        shape: Vec::new(),
        explained_by: None,
    }))
}

/// The verdict on few new runs against a window of old ones, by Student's prediction interval on the logarithm.
pub(crate) fn predicted(old: &[f64], new: &[f64], goal: Goal, criteria: &Criteria) -> Decided {
    let open = |reason: String, rounds_needed| Decided {
        change: None,
        verdict: Verdict::Inconclusive,
        reason,
        rounds_needed,
        p: None,
    };
    if old.len() < MIN_ROUNDS {
        let reason =
            format!("{} runs to compare with are too few to judge: at least {MIN_ROUNDS} are needed", old.len());
        return open(reason, u32::try_from(MIN_ROUNDS).ok());
    }
    if !old.iter().chain(new).all(|value| value.is_finite() && *value > 0.0) {
        let same = old.iter().chain(new).all(|value| value.to_bits() == old[0].to_bits());
        if same {
            let change = Some(Change { ratio: 1.0, interval: Some(Interval { low: 1.0, high: 1.0 }) });
            let reason = "always the same, before and after".to_owned();
            return Decided { change, verdict: Verdict::Equivalent, ..open(reason, None) };
        }
        return open("some values are not above zero, so there is no ratio to judge".to_owned(), None);
    }
    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
    let (old, new) = (logs(old), logs(new));
    let (n, m) = (old.len() as f64, new.len() as f64);
    let (mean, deviation) = moments(&old);
    let error = deviation * (1.0 / n + 1.0 / m).sqrt();
    let difference = new.iter().sum::<f64>() / m - mean;
    let half = student_quantile(0.5 + 0.5 * criteria.confidence, n - 1.0) * error;
    let (low, high) = (difference - half, difference + half);
    let p = (error > 0.0).then(|| student_two_sided(difference / error, n - 1.0));
    let change = Some(Change { ratio: difference.exp(), interval: Some(Interval::new(low.exp(), high.exp())) });
    let least = criteria.min_effect.ln_1p();
    let shown = format!("{} ({} .. {})", percent(difference.exp()), percent(low.exp()), percent(high.exp()));
    let limit = format!("{} %", round(criteria.min_effect * 100.0));
    let against = format!("against {} runs that lie {} % apart", old.len(), round(deviation.exp_m1() * 100.0));
    let decided = |verdict, reason: String, rounds_needed| Decided { change, verdict, reason, rounds_needed, p };
    if low > least || high < -least {
        return match goal {
            Goal::Neutral => {
                let reason = format!("changed by {shown}, and the metric says not whether more is better");
                decided(Verdict::Inconclusive, reason, None)
            }
            goal => {
                let better = (low > 0.0) == (goal == Goal::Higher);
                let verdict = if better { Verdict::Better } else { Verdict::Worse };
                decided(verdict, format!("{shown} lies beyond {limit}, {against}"), None)
            }
        };
    }
    if low >= -least && high <= least {
        return decided(Verdict::Equivalent, format!("{shown} lies within {limit}, {against}"), None);
    }
    // More new runs narrow the interval down to what the old ones leave open.
    let gap = (difference.abs() - least).abs();
    let variance = (gap * error / half).powi(2) / deviation.powi(2) - 1.0 / n;
    let needed = (1.0 / variance).ceil();
    let needed = (variance > 0.0 && needed <= 1000.0).then_some((needed as u32).max(new.len() as u32 + 1));
    let what = needed.map_or_else(String::new, |runs| format!("; about {runs} new runs would decide it"));
    decided(Verdict::Inconclusive, format!("{shown} reaches across {limit}, {against}{what}"), needed)
}

#[cfg(test)]
mod tests;
