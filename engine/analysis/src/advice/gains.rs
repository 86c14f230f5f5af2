//! Gains by model. Each says its formula with the numbers, and keeps its inputs.

use engine_core::finding::{Gain, Input, Model, Modelled, Range, Share};
use engine_core::metric::Goal;
use engine_core::unit::Unit;

use super::Seen;
use crate::queueing::Queue;

/// A gain of this many times or more is not told apart from one without bound.
const MOST: f64 = 1e6;

fn modelled(model: Model, of: impl Into<String>, formula: String, inputs: Vec<Input>, speedup: Range) -> Gain {
    if !speedup.is_finite() {
        return unknown("the model gives no finite number for these inputs");
    }
    let speedup = speedup.within(1.0, MOST);
    let of = of.into();
    Gain::Modelled(Box::new(Modelled { model, formula, inputs, of, speedup, share: Share::Unknown }))
}

/// No gain can be told.
#[must_use]
pub fn unknown(reason: impl Into<String>) -> Gain {
    Gain::Unknown { reason: reason.into() }
}

/// The gain is in a part of the objective's time only.
#[must_use]
pub fn part_of(gain: Gain, part: f64, from: &str) -> Gain {
    match gain {
        Gain::Modelled(mut modelled) if part < 1.0 => {
            modelled.share =
                Share::Part { range: Range::exact(part.clamp(0.0, 1.0)), from: from.to_owned(), given: false };
            Gain::Modelled(modelled)
        }
        other => other,
    }
}

/// How much of a share `f` of the time can go is not known: only the bound is, `S <= 1 / (1 - f)`.
#[must_use]
pub fn bound(of: &str, f: Range, from: &str) -> Gain {
    let f = f.within(0.0, 0.999).value;
    unknown(format!(
        "how much of it can go is not known; {of} at most {:.2} times as fast by Amdahl's law, if all of f = {f:.3} went ({from})",
        1.0 / (1.0 - f)
    ))
}

fn times(range: Range) -> String {
    format!("{:.3} [{:.3} .. {:.3}]", range.value, range.low, range.high)
}

/// The ratio of two variants that were both measured; `goal` says which direction is good.
#[must_use]
pub fn ratio(of: &str, slow: &Seen, fast: &Seen, goal: Goal) -> Gain {
    let (before, after) = (slow.range(), fast.range());
    let speedup = if goal == Goal::Higher { after.over(before) } else { before.over(after) };
    let formula =
        format!("S = {} = {}", if goal == Goal::Higher { "after / before" } else { "before / after" }, times(speedup));
    modelled(Model::Ratio, of, formula, vec![slow.input("before"), fast.input("after")], speedup)
}

/// Amdahl's law: a share `f` of the time made `k` times as fast.
#[must_use]
pub fn amdahl(of: &str, f: (Range, String), k: (Range, String), inputs: Vec<Input>) -> Gain {
    let share = f.0.within(0.0, 0.999);
    let law = |f: f64, k: f64| 1.0 / ((1.0 - f) + f / k.max(1.0));
    let speedup = Range::new(law(share.value, k.0.value), law(share.low, k.0.low), law(share.high, k.0.high));
    let formula = format!(
        "S = 1 / ((1 - f) + f / k) with f = {:.4}, k = {:.3}: {}; at most {:.3} for k without bound",
        share.value,
        k.0.value,
        times(speedup),
        1.0 / (1.0 - share.value)
    );
    let mut all = vec![
        Input { name: "f".into(), range: share, unit: Unit::Ratio, from: f.1 },
        Input { name: "k".into(), range: k.0, unit: Unit::Count, from: k.1 },
    ];
    all.extend(inputs);
    modelled(Model::Amdahl, of, formula, all, speedup)
}

/// How far a share of the time that was inferred, and not tried, may be off for the model's own sake: what takes its place takes
/// time too, and what stood beside it may go with it.
const MODEL_ERROR: f64 = 0.1;

/// A share `f` of the time is not the work itself, and goes: `S = 1 / (1 - f)`. The ends hold the model's own error, beside that
/// of the numbers: a tenth of the share, and at most half of the time that is left.
#[must_use]
pub fn overhead(of: &str, f: Range, from: &str, inputs: Vec<Input>) -> Gain {
    let share = f.within(0.0, 0.999);
    let most = ((1.0 + MODEL_ERROR) * share.high).min(0.5 * (1.0 + share.high));
    let share = Range::new(share.value, (1.0 - MODEL_ERROR) * share.low, most);
    let speedup = share.map(|f| 1.0 / (1.0 - f));
    let formula = format!("S = 1 / (1 - f) with f = {:.4}: {}", share.value, times(speedup));
    let mut all = vec![Input { name: "f".into(), range: share, unit: Unit::Ratio, from: from.to_owned() }];
    all.extend(inputs);
    modelled(Model::Overhead, of, formula, all, speedup)
}

/// More workers: the mean response of M/M/c with `now` workers over that with `then`, at the same arrivals and service time.
/// Where `now` cannot keep up, its response is taken as measured.
#[must_use]
pub fn queue(of: &str, (now, then): (u32, u32), arrivals: &Seen, service: &Seen, response: &Seen) -> Gain {
    let mean = |workers: u32, arrivals: f64, service: f64| {
        Queue::new(workers, arrivals, service).map(|queue| queue.mean_response())
    };
    let at = |arrivals: f64, service: f64, response: f64| {
        let after = mean(then, arrivals, service).unwrap_or(f64::INFINITY);
        if after.is_finite() { response / after } else { 1.0 }
    };
    let (l, s, r) = (arrivals.range(), service.range(), response.range());
    let speedup = Range::new(at(l.value, s.value, r.value), at(l.high, s.high, r.low), at(l.low, s.low, r.high));
    let predicted =
        mean(then, l.value, s.value).map_or_else(|| "no steady state".to_owned(), |t| Unit::Seconds.format(t));
    let check = mean(now, l.value, s.value).map_or_else(|| "no steady state".to_owned(), |t| Unit::Seconds.format(t));
    let formula = format!(
        "S = R / R(M/M/{then}) = {} / {predicted} = {}; the model's own R(M/M/{now}) = {check}",
        Unit::Seconds.format(r.value),
        times(speedup)
    );
    let inputs = vec![arrivals.input("lambda"), service.input("service"), response.input("R")];
    modelled(Model::Queue, of, formula, inputs, speedup)
}

/// Work and arrivals that vary no more than at random: Kingman's formula, by which a wait is in proportion to the sum of the squared
/// variations of both (`variation` has it with its ends), with each that is above one brought down to one (`calm`). What is not
/// waiting stays. `check` is what the formula itself expects the wait to be.
#[must_use]
pub fn kingman(of: &str, (variation, calm): (Range, Range), service: &Seen, response: &Seen, check: &str) -> Gain {
    let at = |service: f64, response: f64, left: f64| {
        let wait = (response - service).max(0.0);
        response / (response - wait * (1.0 - left.clamp(0.0, 1.0)))
    };
    let (s, r, left) = (service.range(), response.range(), calm.over(variation));
    let speedup = Range::new(
        at(s.value, r.value, left.value),
        at(s.high, r.low.max(s.high), left.high),
        at(s.low, r.high, left.low),
    );
    let formula = format!(
        "S = R / (R - W (1 - v' / v)) with W = R - service = {}, v = {:.3}, v' = {:.3}: {}; {check}",
        Unit::Seconds.format((r.value - s.value).max(0.0)),
        variation.value,
        calm.value,
        times(speedup)
    );
    let varies = |name: &str, range: Range| Input {
        name: name.to_owned(),
        range,
        unit: Unit::Count,
        from: "squared variation of arrivals + of service".to_owned(),
    };
    let inputs = vec![service.input("service"), response.input("R"), varies("v", variation), varies("v'", calm)];
    modelled(Model::Kingman, of, formula, inputs, speedup)
}

/// The Universal Scalability Law at `n`, with `drop` of its two coefficients taken away.
#[must_use]
pub fn usl_without(of: &str, n: f64, alpha: &Input, beta: &Input, drop: &str) -> Gain {
    let law = |a: f64, b: f64| 1.0 + a * (n - 1.0) + b * n * (n - 1.0);
    let at = |a: f64, b: f64| if drop == "alpha" { law(a, b) / law(0.0, b) } else { law(a, b) / law(a, 0.0) };
    let (a, b) = (alpha.range, beta.range);
    let speedup = Range::new(at(a.value, b.value), at(a.low, b.low), at(a.high, b.high));
    let formula = format!(
        "X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)) at N = {n:.0} without {drop}: {}",
        times(speedup)
    );
    modelled(Model::Usl, of, formula, vec![alpha.clone(), beta.clone()], speedup)
}

/// What could be reached over what was: a ceiling of this machine, measured in the same run.
#[must_use]
pub fn roofline(of: &str, reached: &Seen, ceiling: &Seen) -> Gain {
    let speedup = ceiling.range().over(reached.range());
    let formula =
        format!("S = ceiling / reached = {} / {} = {}: an upper bound", ceiling.text(), reached.text(), times(speedup));
    modelled(Model::Roofline, of, formula, vec![reached.input("reached"), ceiling.input("ceiling")], speedup)
}

/// Of a horizon, the share that is lost after a line reaches its limit at `until` (both in seconds).
#[must_use]
pub fn trend(of: &str, until: Range, horizon: f64, inputs: Vec<Input>) -> Gain {
    let lost = until.map(|until| (1.0 - until / horizon).clamp(0.0, 0.999));
    let speedup = lost.map(|lost| 1.0 / (1.0 - lost));
    let formula = format!(
        "the limit is reached after {}; of {} that loses f = {:.3}, S = 1 / (1 - f) = {}",
        Unit::Seconds.format(until.value),
        Unit::Seconds.format(horizon),
        lost.value,
        times(speedup)
    );
    modelled(Model::Trend, of, formula, inputs, speedup)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(value: f64, unit: Unit) -> Seen {
        let mut seen = Seen::plain("x", "r", &[value; 5], value, unit);
        seen.interval = Some(engine_core::stats::Interval::new(value * 0.99, value * 1.01));
        seen
    }

    fn speedup(gain: &Gain) -> f64 {
        gain.modelled().map_or(f64::NAN, |modelled| modelled.speedup.value)
    }

    #[test]
    fn known_answers() {
        let (one, four) = (seen(1.0, Unit::Seconds), seen(4.0, Unit::Seconds));
        assert!((speedup(&ratio("x", &four, &one, Goal::Lower)) - 4.0).abs() < 1e-12);
        assert!((speedup(&ratio("x", &one, &four, Goal::Higher)) - 4.0).abs() < 1e-12);
        // 80 % of the time four times as fast: 1 / (0.2 + 0.2).
        let law = amdahl("x", (Range::exact(0.8), String::new()), (Range::exact(4.0), String::new()), vec![]);
        assert!((speedup(&law) - 2.5).abs() < 1e-12);
        assert!((speedup(&overhead("x", Range::exact(0.75), "", vec![])) - 4.0).abs() < 1e-12);
        // The model's own error: three quarters may be 67.5 % or 82.5 %, and of 95 % half of the rest may go too.
        let ends = |f| overhead("x", Range::exact(f), "", vec![]).modelled().map(|modelled| modelled.speedup);
        let Range { low, high, .. } = ends(0.75).expect("a gain");
        assert!((low - 1.0 / 0.325).abs() < 1e-9 && (high - 1.0 / 0.175).abs() < 1e-9);
        assert!((ends(0.95).expect("a gain").high - 40.0).abs() < 1e-9);
        // What would be slower is no gain.
        assert_eq!(speedup(&ratio("x", &one, &four, Goal::Lower)), 1.0);
    }

    #[test]
    fn a_second_worker_at_ninety_percent_is_worth_five_times() {
        // M/M/1 at 0.9: R = S / 0.1 = 10 S. M/M/2 at 0.45: R = S / (1 - 0.45^2) = 1.254 S.
        let gain =
            queue("x", (1, 2), &seen(90.0, Unit::PerSecond), &seen(0.01, Unit::Seconds), &seen(0.1, Unit::Seconds));
        assert!((speedup(&gain) - 10.0 * (1.0 - 0.45 * 0.45)).abs() < 1e-9, "{gain:?}");
    }

    #[test]
    fn contention_taken_away_leaves_coherency() {
        let input = |name: &str, value: f64| Input {
            name: name.into(),
            range: Range::exact(value),
            unit: Unit::Ratio,
            from: String::new(),
        };
        let gain = usl_without("x", 11.0, &input("alpha", 0.1), &input("beta", 0.0), "alpha");
        assert!((speedup(&gain) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_number_is_unknown() {
        let zero = seen(0.0, Unit::Seconds);
        assert!(ratio("x", &seen(1.0, Unit::Seconds), &zero, Goal::Lower).modelled().is_none());
    }
}
