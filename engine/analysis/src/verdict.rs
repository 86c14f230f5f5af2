//! The verdict on a change: the interval of the ratio over rounds, against the smallest effect that counts. Two runs are
//! compared by the ratios of all their rounds (`shift.rs`) and, where that is known, against how far other runs lie apart;
//! cases of one run by the ratios within each round.
//!
//! Better or worse needs the whole interval beyond the smallest effect, equivalent needs it wholly within, and all else
//! is inconclusive, with the number of rounds that would decide it. So a verdict is wrong far less often than the 5 % of
//! the interval, at the price of more rounds for small effects. The limits are mirror images (1.01 and 1 / 1.01), so
//! exchanging the two sides exchanges better and worse and nothing else.

use engine_core::comparison::RunsApart;
use engine_core::expect::{Paired, ratio};
use engine_core::judgement::{Change, Verdict};
use engine_core::measurement::{MIN_ROUNDS, Measurement};
use engine_core::metric::Goal;
use engine_core::stats::bootstrap::Ratio;
use engine_core::stats::{Interval, normal_cdf, normal_quantile, student_two_sided};

use crate::change::noise::{correlation, inflation};
use crate::policy::student_quantile;
use crate::shift::{Shift, shift};
use crate::significance::{p_value, p_value_paired, scaled};

/// What a verdict is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criteria {
    /// Smallest relative change that counts: 0.01 is 1 %.
    pub min_effect: f64,
    /// Level of the interval, between 0 and 1. Between two runs it is exact; for paired rounds, other levels than 0.95
    /// stretch the 95 % interval of the logarithm as a normal distribution's would.
    pub confidence: f64,
}

impl Default for Criteria {
    fn default() -> Self {
        Self { min_effect: 0.01, confidence: 0.95 }
    }
}

/// A verdict with what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// New over old; none where the ratio does not exist.
    pub change: Option<Change>,
    /// The verdict. A metric that is neither good nor bad is never better or worse: when it changed for certain, it is
    /// inconclusive and the reason says so.
    pub verdict: Verdict,
    /// One sentence: why.
    pub reason: String,
    /// Rounds a side that would decide it, when inconclusive and it can be told.
    pub rounds_needed: Option<u32>,
    /// Two-sided p-value of "nothing changed", by permutation of the rounds; none where there is no test.
    pub p: Option<f64>,
}

/// Decides whether `new` is better or worse than `old`. With `interleaved`, rounds of one number were taken side by
/// side in one run and are paired.
#[must_use]
pub fn decide(old: &Measurement, new: &Measurement, interleaved: bool, criteria: &Criteria) -> Decided {
    by_rounds(old, new, interleaved, None, criteria)
}

/// Decides whether the run `new` is better or worse than the run `old`, where other runs lie `apart`: the interval is at
/// least as wide as Student's prediction interval for two further runs, and p at least as large.
#[must_use]
pub(crate) fn decide_among(
    old: &Measurement,
    new: &Measurement,
    apart: Option<RunsApart>,
    criteria: &Criteria,
) -> Decided {
    by_rounds(old, new, false, apart, criteria)
}

fn by_rounds(
    old: &Measurement,
    new: &Measurement,
    interleaved: bool,
    apart: Option<RunsApart>,
    criteria: &Criteria,
) -> Decided {
    let (olds, news) = (old.round_values(), new.round_values());
    let rounds = olds.len().min(news.len());
    let paired = if interleaved { ratio(new, old, [None, None], true) } else { None };
    let found = match paired {
        Some((ratio, Paired::ByRound)) => Some((at_level(&ratio, criteria.confidence), Paired::ByRound)),
        _ if rounds < MIN_ROUNDS => None,
        _ => shift(&olds, &news, criteria.confidence).map(|shift| (shift, Paired::Apart)),
    };
    let dependence = dependence(&olds, &news);
    let found = found.map(|(shift, paired)| match paired {
        Paired::ByRound => (shift, paired),
        Paired::Apart => (widened(shift, dependence), paired),
    });
    let p = match found {
        Some((_, Paired::ByRound)) => p_value_paired(&logs_by_round(old, new)),
        _ => p_value(&olds, &news).map(|p| tempered(p, dependence)),
    };
    let (found, p, apart) = match (found, apart) {
        (Some((shift, paired)), Some(apart)) => match predicted(shift, apart, criteria.confidence) {
            Some((wider, least)) => (Some((wider, paired)), p.map(|p| p.max(least)), Some(apart)),
            None => (Some((shift, paired)), p, None),
        },
        (found, _) => (found, p, None),
    };
    let decided = match found {
        Some((shift, paired)) if shift.interval.low >= 0.0 && shift.ratio > 0.0 => {
            from_ratio(&shift, paired, new.metric.goal, rounds, apart, criteria)
        }
        _ => without_ratio(old, new),
    };
    Decided { p, ..decided }
}

/// Fewest rounds a side from which it is told how much each resembles the one before.
const MIN_DEPENDENT: usize = 20;

/// By how much the variance of a level exceeds that of independent rounds: rounds of one process, or of one hour, may
/// each resemble the one before. Only what is beyond chance counts.
fn dependence(olds: &[f64], news: &[f64]) -> f64 {
    if olds.len().min(news.len()) < MIN_DEPENDENT {
        return 1.0;
    }
    let (olds, news) = scaled(olds, news);
    let centred = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect::<Vec<f64>>()
    };
    let (mut all, news) = (centred(&olds), centred(&news));
    let bounds = [0, all.len(), all.len() + news.len()];
    all.extend(news);
    let found = correlation(&all, &bounds);
    if found > 1.645 / (all.len() as f64).sqrt() { inflation(found) } else { 1.0 }
}

/// The interval for rounds that depend on each other.
fn widened(shift: Shift, dependence: f64) -> Shift {
    let end = |end: f64| shift.ratio * (end / shift.ratio).powf(dependence.sqrt());
    let usable = dependence > 1.0 && shift.interval.low > 0.0 && shift.ratio > 0.0;
    if usable {
        Shift { interval: Interval::new(end(shift.interval.low), end(shift.interval.high)), ..shift }
    } else {
        shift
    }
}

/// The p-value for rounds that depend on each other: as many standard errors, each wider.
fn tempered(p: f64, dependence: f64) -> f64 {
    if dependence > 1.0 { 2.0 * normal_cdf(normal_quantile((0.5 * p).max(1e-300)) / dependence.sqrt()) } else { p }
}

/// The interval where runs lie apart, with the least p: none where the rounds lie further apart than the runs.
fn predicted(shift: Shift, apart: RunsApart, confidence: f64) -> Option<(Shift, f64)> {
    let freedom = apart.runs as f64 - 1.0;
    let usable = apart.deviation > 0.0 && freedom >= 1.0 && shift.ratio > 0.0 && shift.interval.low > 0.0;
    // Two runs differ by the root of two times as much as one lies from their mean.
    let error = usable.then_some(apart.deviation * std::f64::consts::SQRT_2)?;
    let half = student_quantile(0.5 + 0.5 * confidence, freedom) * error;
    let (low, high) = (shift.ratio * (-half).exp(), shift.ratio * half.exp());
    let interval = Interval::new(shift.interval.low.min(low), shift.interval.high.max(high));
    let p = student_two_sided(shift.ratio.ln() / error, freedom);
    (interval != shift.interval).then_some((Shift { interval, ..shift }, p))
}

/// Logarithms of the ratios of rounds of one number.
fn logs_by_round(old: &Measurement, new: &Measurement) -> Vec<f64> {
    let value = |m: &Measurement, number: u32| {
        m.counted().find(|round| round.number == number).and_then(|round| m.round_value(round))
    };
    let numbers = new.counted().map(|round| round.number);
    numbers.filter_map(|number| Some((value(new, number)? / value(old, number)?).ln())).collect()
}

/// `apart` where other runs and not the rounds made the interval what it is.
fn from_ratio(
    shift: &Shift,
    paired: Paired,
    goal: Goal,
    rounds: usize,
    apart: Option<RunsApart>,
    criteria: &Criteria,
) -> Decided {
    let Shift { ratio, interval } = *shift;
    let (low, high, value) = (interval.low.ln(), interval.high.ln(), ratio.ln());
    let least = criteria.min_effect.ln_1p();
    let shown = format!("{} ({} .. {})", percent(ratio), percent(interval.low), percent(interval.high));
    let limit = format!("{} %", round(criteria.min_effect * 100.0));
    let (up, down) = (low > least, high < -least);
    let (verdict, reason, rounds_needed) = if up || down {
        match goal {
            Goal::Neutral => {
                let reason = format!("changed by {shown}, and the metric says not whether more is better");
                (Verdict::Inconclusive, reason, None)
            }
            goal => {
                let better = up == (goal == Goal::Higher);
                let verdict = if better { Verdict::Better } else { Verdict::Worse };
                (verdict, format!("{shown} lies beyond {limit}"), None)
            }
        }
    } else if low >= -least && high <= least {
        (Verdict::Equivalent, format!("{shown} lies within {limit}"), None)
    } else {
        let needed = rounds_needed(rounds, value, low, high, least).filter(|_| apart.is_none());
        let reason = match needed {
            None if apart.is_some() => {
                format!("{shown} reaches across {limit}; not more rounds but more runs on both sides would decide it")
            }
            Some(needed) => format!("{shown} reaches across {limit}; about {needed} rounds a side would decide it"),
            None => {
                format!("{shown} reaches across {limit}, and the change is too near it to be decided by more rounds")
            }
        };
        (Verdict::Inconclusive, reason, needed)
    };
    let how = match apart {
        Some(apart) => format!("; {}", apart.describe()),
        None if paired == Paired::ByRound => ", paired by round".to_owned(),
        None => String::new(),
    };
    let change = Some(Change { ratio, interval: Some(interval) });
    Decided { change, verdict, reason: format!("{reason}{how}"), rounds_needed, p: None }
}

/// Fewer rounds than an interval needs, or values that have no ratio.
fn without_ratio(old: &Measurement, new: &Measurement) -> Decided {
    let inconclusive = |change, reason, rounds_needed| Decided {
        change,
        verdict: Verdict::Inconclusive,
        reason,
        rounds_needed,
        p: None,
    };
    let (olds, news) = (old.round_values(), new.round_values());
    let value = |m: &Measurement| m.estimate().map_or(f64::NAN, |estimate| estimate.value);
    let (before, after) = (value(old), value(new));
    let rounds = olds.len().min(news.len());
    if rounds < MIN_ROUNDS {
        let ratio = after / before;
        let change = (before > 0.0 && ratio.is_finite()).then_some(Change { ratio, interval: None });
        let few =
            if rounds == 1 { "1 round on a side is".to_owned() } else { format!("{rounds} rounds on a side are") };
        let reason = format!("{few} too few to judge: at least {MIN_ROUNDS} are needed");
        return inconclusive(change, reason, u32::try_from(MIN_ROUNDS).ok());
    }
    let constant = |values: &[f64]| values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
    let unit = new.metric.unit;
    if constant(&olds) && constant(&news) && before.is_finite() && after.is_finite() {
        let (from, to) = (unit.format(before), unit.format(after));
        if before.total_cmp(&after).is_eq() {
            let interval = Some(Interval { low: 1.0, high: 1.0 });
            let change = Some(Change { ratio: 1.0, interval });
            let reason = format!("always {from}, before and after");
            return Decided { change, verdict: Verdict::Equivalent, reason, rounds_needed: None, p: None };
        }
        let reason = format!("went from always {from} to always {to}");
        let verdict = match new.metric.goal {
            Goal::Neutral => {
                let reason = format!("{reason}, and the metric says not whether more is better");
                return inconclusive(None, reason, None);
            }
            Goal::Lower if after < before => Verdict::Better,
            Goal::Higher if after > before => Verdict::Better,
            _ => Verdict::Worse,
        };
        return Decided { change: None, verdict, reason, rounds_needed: None, p: None };
    }
    let positive = olds.iter().all(|value| *value > 0.0) && news.iter().all(|value| *value >= 0.0);
    let reason = if positive {
        format!("{rounds} rounds on a side are too few for this level of confidence")
    } else {
        "some values are not above zero, so there is no ratio to judge".to_owned()
    };
    inconclusive(None, reason, None)
}

/// A paired ratio with its interval at another level, on the scale of logarithms.
fn at_level(ratio: &Ratio, level: f64) -> Shift {
    let stretch = normal_quantile(0.5 + 0.5 * level) / normal_quantile(0.975);
    let interval = if !stretch.is_finite() || ratio.ci95.low <= 0.0 || (stretch - 1.0).abs() < 1e-12 {
        ratio.ci95
    } else {
        let end = |end: f64| ratio.estimate * (end / ratio.estimate).powf(stretch);
        Interval::new(end(ratio.ci95.low), end(ratio.ci95.high))
    };
    Shift { ratio: ratio.estimate, interval }
}

/// The width of an interval falls with the square root of the rounds: so many make it small enough to leave the limit
/// that it now reaches across, if the change is what it now seems to be. Twice as far as that is no promise.
fn rounds_needed(rounds: usize, value: f64, low: f64, high: f64, least: f64) -> Option<u32> {
    let gap = (value.abs() - least).abs();
    let half = 0.5 * (high - low);
    let needed = (rounds as f64 * (half / gap).powi(2)).ceil();
    if !needed.is_finite() || needed > 10_000.0 {
        return None;
    }
    Some((needed as u32).max(u32::try_from(rounds).ok()? + 1))
}

/// A ratio as a signed percentage.
pub(crate) fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    let sign = if change >= 0.0 { "+" } else { "" };
    format!("{sign}{} %", round(change))
}

/// Two decimals, fewer where they are zero.
pub(crate) fn round(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests;
