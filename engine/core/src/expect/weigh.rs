//! Holding an interval against a limit.

use super::claim::Op;
use crate::judgement::Judgement;
use crate::measurement::{Estimate, MIN_ROUNDS, Measurement, Stat};
use crate::stats::Interval;
use crate::unit::Unit;

/// With more samples than this, and too few rounds for an interval, a statistic is judged on its value: a load test is
/// one long round, and its percentiles stand on their own.
pub const LARGE_SAMPLE: usize = 10_000;

/// Two values closer than this, relative to their size, are equal: `7 %` is read as 7 times 0.01.
const ROUNDING: f64 = 1e-9;

#[expect(clippy::float_cmp, reason = "infinities are equal only to themselves")]
pub(super) fn equal(a: f64, b: f64) -> bool {
    // An end without bound is equal to no number, however large the rounding of infinity.
    a == b || (a.is_finite() && b.is_finite() && (a - b).abs() <= ROUNDING * a.abs().max(b.abs()))
}

pub(super) const fn point(value: f64) -> Interval {
    Interval { low: value, high: value }
}

/// Pass when every value of `observed` satisfies the comparison with every value of `limit`, fail when none does.
pub(super) fn weigh(op: Op, observed: Interval, limit: Interval) -> Judgement {
    let below = observed.high < limit.low;
    let above = observed.low > limit.high;
    let touches_low = equal(observed.high, limit.low);
    let touches_high = equal(observed.low, limit.high);
    let same = equal(observed.low, observed.high) && equal(limit.low, limit.high) && touches_low;
    let (inside, outside) = match op {
        Op::Less => (below && !touches_low, above || touches_high),
        Op::AtMost => (below || touches_low, above && !touches_high),
        Op::Greater => (above && !touches_high, below || touches_low),
        Op::AtLeast => (above || touches_high, below && !touches_low),
        Op::Equal => (same, (below || above) && !same),
        Op::Unequal => ((below || above) && !same, same),
    };
    match (inside, outside) {
        (true, _) => Judgement::Pass,
        (_, true) => Judgement::Fail,
        _ => Judgement::Unsure,
    }
}

/// How far `value` lies on the right side of `limit`, relative to the limit: the least of several is the worst.
pub(super) fn slack(op: Op, value: f64, limit: f64) -> f64 {
    let size = if limit == 0.0 { 1.0 } else { limit.abs() };
    match op {
        Op::Less | Op::AtMost => (limit - value) / size,
        Op::Greater | Op::AtLeast => (value - limit) / size,
        Op::Equal => -(value - limit).abs() / size,
        Op::Unequal => (value - limit).abs() / size,
    }
}

/// Rounds after which an interval that has this one's shape would no longer hold the limit: its width falls with the
/// square root of their number. None when the value lies so near the limit that no sensible number would do.
pub(super) fn rounds_to_decide(rounds: usize, value: f64, observed: Interval, limit: f64) -> Option<usize> {
    let gap = (value - limit).abs();
    let half = if value < limit { observed.high - value } else { value - observed.low };
    let needed = (rounds as f64 * (half / gap).powi(2)).ceil();
    (needed.is_finite() && needed <= 1000.0).then(|| (needed as usize).max(rounds + 1))
}

/// The interval that an estimate is judged on, or why it cannot be judged.
pub(super) fn certain(estimate: &Estimate, stat: Option<Stat>, measurement: &Measurement) -> Result<Interval, String> {
    if let Some(interval) = estimate.interval {
        return Ok(interval);
    }
    let enough = measurement.counted().count() >= MIN_ROUNDS;
    let on_value = estimate.samples > LARGE_SAMPLE || (stat == Some(Stat::Last) && enough) || is_exact(measurement);
    if on_value && estimate.value.is_finite() {
        return Ok(point(estimate.value));
    }
    if estimate.rounds >= MIN_ROUNDS {
        return Err("its rounds have no interval".to_owned());
    }
    let (rounds, more) = (estimate.rounds, MIN_ROUNDS - estimate.rounds);
    Err(format!("{rounds} {} is too few to judge: {more} more needed", if rounds == 1 { "round" } else { "rounds" }))
}

/// A count that has been seen more than once and never varied: an exit code, lost orders.
fn is_exact(measurement: &Measurement) -> bool {
    let values = measurement.pooled();
    let varies = values.windows(2).any(|pair| pair[0].to_bits() != pair[1].to_bits());
    measurement.metric.unit == Unit::Count && values.len() >= 2 && !varies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_without_bound_touches_no_limit() {
        let open = Interval { low: 2.0, high: f64::INFINITY };
        for (op, want) in [
            (Op::AtMost, Judgement::Unsure),
            (Op::Less, Judgement::Unsure),
            (Op::AtLeast, Judgement::Unsure),
            (Op::Greater, Judgement::Unsure),
        ] {
            assert_eq!(weigh(op, open, point(5.0)), want, "{op}");
        }
        assert_eq!(weigh(Op::AtMost, open, point(1.0)), Judgement::Fail);
        assert_eq!(weigh(Op::AtLeast, open, point(2.0)), Judgement::Pass);
        assert!(equal(f64::INFINITY, f64::INFINITY) && !equal(f64::INFINITY, f64::NEG_INFINITY));
    }
}
