//! Judging an expectation on the rounds of a run.

use std::collections::BTreeMap;

use super::claim::{Claim, Expectation, Op, Value};
use super::join::resolve;
use super::load;
use super::over_time;
use super::pair::{Paired, ratio};
use super::select::{Missing, Selection, Series, select};
use super::weigh::{equal, point, rounds_to_decide, slack, weigh};
use crate::expected::Expected;
use crate::host_sample::HostSample;
use crate::judgement::{Judged, Judgement};
use crate::measurement::{Estimate, Measurement, Stat};
use crate::plan::{Declaration, Profile};
use crate::run::StepRecord;
use crate::series::SeriesId;
use crate::stats::Interval;
use crate::step::Place;
use crate::unit::{Dimension, Unit};

/// The run that the value `baseline` stands for.
#[derive(Debug, Clone, Default)]
pub struct Baseline<'a> {
    /// Its series that may be compared with.
    pub series: BTreeMap<SeriesId, &'a Measurement>,
    /// Why none may, such as another machine: what needs the baseline is then unsure, for this reason.
    pub refusal: Option<String>,
}

/// What a judgement needs to know beside the steps.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The declaration that the expectation belongs to: its name and its reference case.
    pub declaration: &'a Declaration,
    /// The profile of the run; under the tiny one everything is evaluated and nothing judged.
    pub profile: Profile,
    /// The baseline's run; none when there is no baseline.
    pub baseline: Option<&'a Baseline<'a>>,
    /// What the series of the run should reach; none where nobody looked.
    pub expected: Option<&'a Expected>,
    /// The system monitor's samples of the run, for `host.cpu` and `host.memory`.
    pub host: &'a [HostSample],
    /// Where the expectation is written.
    pub place: Option<&'a Place>,
}

/// What came of one series.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) judgement: Judgement,
    pub(super) series: String,
    pub(super) observed: Option<Estimate>,
    pub(super) limit: Option<f64>,
    pub(super) unit: Unit,
    pub(super) reason: String,
    /// Distance to the limit, negative beyond it: orders findings of one judgement.
    pub(super) slack: f64,
}

impl Finding {
    pub(super) fn without_data(judgement: Judgement, series: String, unit: Unit, reason: String) -> Self {
        Self { judgement, series, observed: None, limit: None, unit, reason, slack: f64::NEG_INFINITY }
    }

    fn missing(missing: Missing) -> Self {
        Self::without_data(missing.judgement, missing.series, Unit::Count, missing.reason)
    }
}

/// Judges `expectation` on the steps of one declaration: all points of its sweep, or all its cases.
///
/// A series passes when its whole 95 % interval lies inside and fails when it lies wholly outside; else, and below
/// five rounds, it is unsure. `==` and `!=` against a number are judged on every single sample, and counts
/// that never varied on their value. A metric that does not exist or saw no sample fails. A selector that fits several
/// series must hold for each: the result is the worst. What was skipped is not judged.
///
/// `reference` and other metrics of the run are judged on the ratio within each round (rounds are interleaved, so what
/// disturbs both cancels), `baseline` on the ratio of the medians over rounds.
#[must_use]
pub fn judge(expectation: &Expectation, steps: &[&StepRecord], context: &Context<'_>) -> Judged {
    let claim = expectation.claim();
    let mut findings = evaluate(claim, steps, context);
    let count = |judgement| findings.iter().filter(|finding| finding.judgement == judgement).count();
    let (total, unjudged) = (findings.len(), count(Judgement::Unjudged));
    findings.sort_by(|a, b| rank(a.judgement).cmp(&rank(b.judgement)).then(a.slack.total_cmp(&b.slack)));
    let worst = findings.into_iter().next().unwrap_or_else(|| {
        let reason = "only the reference case is there: nothing to compare with it".to_owned();
        Finding::without_data(Judgement::Fail, claim.left.to_string(), Unit::Count, reason)
    });
    let mut reason = worst.reason;
    if unjudged > 0 && worst.judgement != Judgement::Unjudged {
        reason = format!("{reason} ({unjudged} of {total} not judged)");
    }
    let mut judgement = worst.judgement;
    if context.profile == Profile::Tiny && judgement != Judgement::Unjudged {
        judgement = Judgement::Unjudged;
        reason = format!("tiny profile, not judged: {reason}");
    }
    Judged {
        step: context.declaration.name.clone(),
        text: expectation.text().to_owned(),
        severity: claim.severity,
        judgement,
        series: worst.series,
        observed: worst.observed,
        limit: worst.limit,
        unit: worst.unit,
        reason,
        place: context.place.cloned(),
    }
}

/// Worst first. What could not be judged decides only when nothing else is there.
const fn rank(judgement: Judgement) -> u8 {
    match judgement {
        Judgement::Fail => 0,
        Judgement::Unsure => 1,
        Judgement::Pass => 2,
        Judgement::Unjudged => 3,
    }
}

fn evaluate(claim: &Claim, steps: &[&StepRecord], context: &Context<'_>) -> Vec<Finding> {
    // What a load saw over time is in its windows, and not in its sums.
    let is_over_time = over_time::is_over_time(claim);
    let (loads, steps): (Vec<&StepRecord>, Vec<&StepRecord>) =
        steps.iter().partition(|step| is_over_time && step.plan.is_load());
    let mut findings: Vec<Finding> = loads.iter().flat_map(|step| over_time::over_time(claim, step)).collect();
    if steps.is_empty() && !findings.is_empty() {
        return findings;
    }
    let steps = steps.as_slice();
    let Selection { series, missing } = select(&claim.left, steps, context.host);
    findings.extend(missing.into_iter().map(Finding::missing));
    for left in &series {
        let unit = claim.left.unit(left.measurement.metric.unit);
        if let Some(reason) = beyond_rounds(claim, left.load.is_some()) {
            findings.push(Finding::without_data(Judgement::Unsure, left.id.to_string(), unit, reason));
            continue;
        }
        findings.extend(one_series(claim, left, steps, context));
    }
    findings
}

/// Why the rounds of a bench cannot tell, for forms that speak of time within one long measurement.
fn beyond_rounds(claim: &Claim, load: bool) -> Option<String> {
    let selectors = claim.right.iter().filter_map(|value| match value {
        Value::Selector(selector) => Some(selector),
        _ => None,
    });
    let form = if selectors.chain([&claim.left]).any(|selector| selector.window.is_some()) {
        "a window"
    } else if claim.left.slope || claim.right.iter().any(|v| matches!(v, Value::Selector(s) if s.slope)) {
        "a slope"
    } else if claim.within.is_some() {
        "`within`"
    } else if claim.right.contains(&Value::Target) && !load {
        "`target`"
    } else {
        return None;
    };
    if load {
        return Some(format!("{form} cannot be judged here on a load"));
    }
    Some(format!("{form} needs the course of a load over time, which the rounds of this step do not have"))
}

/// One series of the left side against the right side; none for the reference case itself.
fn one_series(claim: &Claim, left: &Series<'_>, steps: &[&StepRecord], context: &Context<'_>) -> Vec<Finding> {
    let unit = claim.left.unit(left.measurement.metric.unit);
    let is_series = |value: &&Value| !matches!(value, Value::Amount(_) | Value::Expected | Value::Target);
    let others: Vec<&Value> = claim.right.iter().filter(is_series).collect();
    let (mut factor, mut dimension) = (1.0, Dimension::NONE);
    for value in &claim.right {
        match value {
            Value::Amount(amount) => {
                factor *= amount.quantity.value;
                dimension = dimension.times(amount.quantity.dimension);
            }
            Value::Expected => match expected(claim, left, context) {
                Ok(value) => {
                    factor *= value;
                    dimension = dimension.times(unit.dimension());
                }
                // Nobody knows what the machine should reach: that is no failure of the machine.
                Err(reason) => {
                    let finding = Finding::without_data(Judgement::Unjudged, left.id.to_string(), unit, reason);
                    return vec![Finding { observed: estimate(left, claim.left.stat), ..finding }];
                }
            },
            Value::Target => match load::target(left) {
                Ok(value) => {
                    factor *= value;
                    dimension = dimension.times(unit.dimension());
                }
                Err(reason) => {
                    let finding = Finding::without_data(Judgement::Unsure, left.id.to_string(), unit, reason);
                    return vec![Finding { observed: estimate(left, claim.left.stat), ..finding }];
                }
            },
            _ => {}
        }
    }
    let Some(observed) = estimate(left, claim.left.stat) else {
        let reason = "the metric saw no sample".to_owned();
        return vec![Finding::without_data(Judgement::Fail, left.id.to_string(), unit, reason)];
    };
    let start = Finding {
        judgement: Judgement::Unsure,
        series: left.id.to_string(),
        observed: Some(observed),
        limit: None,
        unit,
        reason: String::new(),
        slack: 0.0,
    };
    if others.is_empty() {
        let mut finding = against_number(claim, left, factor, start);
        if let Some(found) = context.expected.filter(|_| claim.right.contains(&Value::Expected))
            && let Some(found) = found.values.get(&left.id)
        {
            let reason = std::mem::take(&mut finding.reason);
            let value = unit.format(found.value);
            finding.reason = format!("{reason}; expected {value} ({}: {})", found.origin, found.source);
        }
        return vec![finding];
    }
    let reference = context.declaration.reference.as_deref();
    if others.contains(&&Value::Reference) && left.id.labels.get("case") == reference && reference.is_some() {
        return Vec::new();
    }
    let mut sides = Vec::new();
    for value in others {
        let selection = resolve(value, claim, left, steps, context);
        if let Some(missing) = selection.missing.into_iter().next() {
            let reason = format!("`{value}`: {}", missing.reason);
            return vec![Finding { judgement: missing.judgement, reason, slack: f64::NEG_INFINITY, ..start }];
        }
        sides.push((value, selection.series));
    }
    match sides.as_slice() {
        [(value, series)] if dimension == Dimension::NONE => {
            series.iter().map(|right| against_series(claim, left, right, value, factor, start.clone())).collect()
        }
        several => vec![against_product(claim, left, several, factor, start)],
    }
}

fn against_number(claim: &Claim, left: &Series<'_>, limit: f64, finding: Finding) -> Finding {
    let unit = finding.unit;
    if matches!(claim.op, Op::Equal | Op::Unequal) && claim.left.stat.is_none() {
        let values = left.measurement.pooled();
        let odd = values.iter().find(|value| equal(**value, limit) != (claim.op == Op::Equal));
        let (judgement, reason) = match odd {
            None => (Judgement::Pass, format!("all {} samples {} {}", values.len(), claim.op, unit.format(limit))),
            Some(odd) => (
                Judgement::Fail,
                format!("a sample is {}, wanted {} {}", unit.format(*odd), claim.op, unit.format(limit)),
            ),
        };
        let slack = odd.map_or(0.0, |odd| slack(claim.op, *odd, limit));
        return Finding { judgement, limit: Some(limit), reason, slack, ..finding };
    }
    against_interval(claim.op, left, claim.left.stat, point(limit), finding)
}

/// The left side's interval against a limit that is itself known to an interval.
fn against_interval(op: Op, left: &Series<'_>, stat: Option<Stat>, limit: Interval, finding: Finding) -> Finding {
    let Some(observed) = finding.observed else { return finding };
    let unit = finding.unit;
    let middle = 0.5 * (limit.low + limit.high);
    let finding = Finding { limit: Some(middle), slack: slack(op, observed.value, middle), ..finding };
    let interval = match load::certain(&observed, stat, left) {
        Ok(interval) => interval,
        Err(reason) => return Finding { judgement: Judgement::Unsure, reason, ..finding },
    };
    let judgement = weigh(op, interval, limit);
    let shown = range(interval, |value| unit.format(value));
    let limit_shown = range(limit, |value| unit.format(value));
    let reason = match judgement {
        Judgement::Unsure => {
            let more = if left.load.is_some() && observed.rounds < crate::measurement::MIN_ROUNDS {
                load::more(&observed, interval, left)
            } else {
                let more = rounds_to_decide(observed.rounds, observed.value, interval, middle);
                more_rounds(more, observed.rounds)
            };
            format!("{shown} lies on both sides of {limit_shown}{more}")
        }
        Judgement::Pass => format!("{shown} {op} {limit_shown}"),
        _ => format!("{shown}, wanted {op} {limit_shown}"),
    };
    Finding { judgement, reason, ..finding }
}

fn against_series(
    claim: &Claim,
    left: &Series<'_>,
    right: &Series<'_>,
    value: &Value,
    factor: f64,
    finding: Finding,
) -> Finding {
    let right_stat = match value {
        Value::Selector(selector) => selector.stat,
        _ => claim.left.stat,
    };
    let Some(other) = estimate(right, right_stat) else {
        let reason = format!("`{value}` saw no sample");
        return Finding { judgement: Judgement::Fail, reason, slack: f64::NEG_INFINITY, ..finding };
    };
    let Some(observed) = finding.observed else { return finding };
    let limit = factor * other.value;
    let finding = Finding { limit: Some(limit), slack: slack(claim.op, observed.value, limit), ..finding };
    let stats = [claim.left.stat, right_stat];
    let found = match claim.op {
        Op::Equal | Op::Unequal => None,
        _ => ratio(&left.measurement, &right.measurement, stats, !matches!(value, Value::Baseline)),
    };
    let Some((ratio, paired)) = found else {
        return match load::certain(&other, right_stat, &of_same_kind(right, left)) {
            Err(reason) => {
                // The left side may be short of rounds as well; its reason is as good.
                Finding { judgement: Judgement::Unsure, reason: format!("`{value}`: {reason}"), ..finding }
            }
            Ok(interval) => {
                let limit = Interval::new(factor * interval.low, factor * interval.high);
                against_interval(claim.op, left, claim.left.stat, limit, finding)
            }
        };
    };
    let judgement = weigh(claim.op, ratio.ci95, point(factor));
    let shown = range(ratio.ci95, |value| format!("{value:.4}"));
    let how = match paired {
        Paired::ByRound => "paired by round",
        Paired::Apart => "not paired",
    };
    let reason = match judgement {
        Judgement::Unsure => {
            let more = rounds_to_decide(observed.rounds, ratio.estimate, ratio.ci95, factor);
            let more = more_rounds(more, observed.rounds);
            format!("ratio to `{value}` {shown} ({how}) lies on both sides of {factor}{more}")
        }
        Judgement::Pass => format!("ratio to `{value}` {shown} ({how}) {} {factor}", claim.op),
        _ => format!("ratio to `{value}` {shown} ({how}), wanted {} {factor}", claim.op),
    };
    Finding { judgement, reason, ..finding }
}

/// Several series on the right side, or one times a quantity: their intervals are multiplied end by end, which is
/// wider than need be and never too narrow.
fn against_product(
    claim: &Claim,
    left: &Series<'_>,
    sides: &[(&Value, Vec<Series<'_>>)],
    factor: f64,
    finding: Finding,
) -> Finding {
    let mut limit = point(factor);
    for (value, series) in sides {
        let unsure = |reason: String| Finding { judgement: Judgement::Unsure, reason, ..finding.clone() };
        let [right] = series.as_slice() else {
            return unsure(format!("`{value}` fits {} series in a product; name the labels of one", series.len()));
        };
        let stat = match value {
            Value::Selector(selector) => selector.stat,
            _ => claim.left.stat,
        };
        let interval = match estimate(right, stat).map(|other| load::certain(&other, stat, &of_same_kind(right, left)))
        {
            Some(Ok(interval)) => interval,
            Some(Err(reason)) => return unsure(format!("`{value}`: {reason}")),
            None => return unsure(format!("`{value}` saw no sample")),
        };
        let ends = [
            limit.low * interval.low,
            limit.low * interval.high,
            limit.high * interval.low,
            limit.high * interval.high,
        ];
        limit = Interval {
            low: ends.iter().copied().fold(f64::INFINITY, f64::min),
            high: ends.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
    }
    against_interval(claim.op, left, claim.left.stat, limit, finding)
}

/// What the series should reach, in its unit, or why that is not known.
fn expected(claim: &Claim, left: &Series<'_>, context: &Context<'_>) -> Result<f64, String> {
    if claim.left.unit(left.measurement.metric.unit) != left.measurement.metric.unit {
        return Err(format!("`expected` is about `{}` itself, not about that statistic of it", left.id));
    }
    let all = context.expected.ok_or("`expected`: nobody looked what the machine should reach")?;
    let found = all.values.get(&left.id).ok_or_else(|| format!("`expected`: {}", all.absence))?;
    Ok(found.value)
}

/// A baseline's series of a load is of a load as well.
fn of_same_kind<'a>(right: &Series<'a>, left: &Series<'a>) -> Series<'a> {
    Series { load: right.load.or(left.load), ..right.clone() }
}

fn estimate(series: &Series<'_>, stat: Option<Stat>) -> Option<Estimate> {
    series.measurement.statistic(stat.unwrap_or(Stat::Median))
}

pub(super) fn range(interval: Interval, format: impl Fn(f64) -> String) -> String {
    if interval.high == f64::INFINITY {
        return format!("> {}", format(interval.low));
    }
    let (low, high) = (format(interval.low), format(interval.high));
    if low == high { low } else { format!("{low} .. {high}") }
}

fn more_rounds(needed: Option<usize>, have: usize) -> String {
    needed.map_or_else(
        || "; more rounds would hardly decide it".to_owned(),
        |needed| format!("; about {needed} rounds would decide it, there are {have}"),
    )
}
