//! Numbers for people: a value and everything shown beside it share one scale and one number of decimals, so that
//! columns line up and an interval can be compared with its value at a glance.

use engine_core::measurement::Estimate;
use engine_core::stats::Interval;
use engine_core::unit::Unit;

/// Most decimals that are ever shown.
const DECIMALS: i32 = 6;

/// How the numbers around one value are written.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    factor: f64,
    name: String,
    decimals: usize,
}

impl Scale {
    /// The scale at which `value` shows four significant digits.
    pub(crate) fn of(unit: Unit, value: f64) -> Self {
        let (factor, name) = if value.is_finite() { unit.scale(value) } else { (1.0, String::new()) };
        let magnitude = (value / factor).abs();
        #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a finite number fits")]
        let decimals = match magnitude {
            m if !m.is_finite() || m == 0.0 => 0,
            m if unit == Unit::Count && m.fract() == 0.0 => 0,
            m => (3 - m.log10().floor() as i32).clamp(0, DECIMALS),
        };
        Self { factor, name, decimals: usize::try_from(decimals).unwrap_or(0) }
    }

    /// A number without its unit.
    pub(crate) fn number(&self, value: f64) -> String {
        let scaled = value / self.factor;
        match scaled.abs() {
            m if !m.is_finite() => "n/a".to_owned(),
            m if m >= 1e9 || (m > 0.0 && m < 1e-5) => format!("{scaled:.3e}"),
            _ => format!("{scaled:.*}", self.decimals),
        }
    }

    /// A number with its unit.
    pub(crate) fn value(&self, value: f64) -> String {
        if !value.is_finite() {
            return "n/a".to_owned();
        }
        let number = self.number(value);
        match self.name.as_str() {
            "" => number,
            name if name.starts_with('/') => format!("{number}{name}"),
            name => format!("{number} {name}"),
        }
    }

    /// Two ends without unit: `12.10 .. 12.60`.
    pub(crate) fn range(&self, low: f64, high: f64) -> String {
        format!("{} .. {}", self.number(low), self.number(high))
    }
}

/// `12.30 ms`.
pub(crate) fn value(unit: Unit, value: f64) -> String {
    Scale::of(unit, value).value(value)
}

/// `12.10 .. 12.60` at the scale of the estimate, or why there is none.
pub(crate) fn interval(unit: Unit, estimate: &Estimate) -> String {
    match estimate.interval {
        Some(Interval { low, high }) => Scale::of(unit, estimate.value).range(low, high),
        None => "too few".to_owned(),
    }
}

/// How far the interval reaches from the value, relative to it: `±1.2 %`; nothing without an interval.
pub(crate) fn margin(estimate: &Estimate) -> Option<String> {
    let Interval { low, high } = estimate.interval?;
    let half = (high - estimate.value).max(estimate.value - low);
    let relative = half / estimate.value.abs() * 100.0;
    if !relative.is_finite() {
        return None;
    }
    Some(match relative {
        0.0 => "±0 %".to_owned(),
        r if r < 0.1 => "±<0.1 %".to_owned(),
        r if r < 10.0 => format!("±{r:.1} %"),
        r if r < 1000.0 => format!("±{r:.0} %"),
        _ => "±>1000 %".to_owned(),
    })
}

/// What stands before a value that is only a bound from below.
const fn bound(estimate: &Estimate) -> &'static str {
    if estimate.above { "> " } else { "" }
}

/// `12.30 ms ±1.2 %`.
pub(crate) fn estimate(unit: Unit, estimate: &Estimate) -> String {
    let shown = format!("{}{}", bound(estimate), value(unit, estimate.value));
    margin(estimate).map_or_else(|| shown.clone(), |margin| format!("{shown} {margin}"))
}

/// `12.30 ms [12.10, 12.60]`.
pub(crate) fn with_interval(unit: Unit, estimate: &Estimate) -> String {
    let scale = Scale::of(unit, estimate.value);
    let shown = format!("{}{}", bound(estimate), scale.value(estimate.value));
    estimate
        .interval
        .map_or_else(|| shown.clone(), |i| format!("{shown} [{}, {}]", scale.number(i.low), scale.number(i.high)))
}

/// A ratio as a change: `+3.4 %`.
pub(crate) fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match percent.abs() {
        p if !p.is_finite() => "n/a".to_owned(),
        p if p < 0.05 => "0.0 %".to_owned(),
        p if p < 100.0 => format!("{percent:+.1} %"),
        _ => format!("{percent:+.0} %"),
    }
}

/// A share of 0..1: `3.4 %`.
pub(crate) fn share(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "n/a".to_owned() }
}

/// `1 round`, `5 rounds`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimated(value: f64, low: f64, high: f64) -> Estimate {
        Estimate { value, interval: Some(Interval { low, high }), rounds: 5, samples: 5, above: false }
    }

    #[test]
    fn an_interval_is_written_at_the_scale_of_its_value() {
        let e = estimated(0.0123, 0.000_9, 0.0126);
        assert_eq!(with_interval(Unit::Seconds, &e), "12.30 ms [0.90, 12.60]");
        assert_eq!(interval(Unit::Seconds, &e), "0.90 .. 12.60");
        assert_eq!(estimate(Unit::Seconds, &estimated(2.0, 1.9, 2.2)), "2.000 s ±10 %");
        assert_eq!(estimate(Unit::Count, &estimated(3.0, 3.0, 3.0)), "3 ±0 %");
        assert_eq!(value(Unit::PerSecond, 412_345.0), "412345/s");
        assert_eq!(value(Unit::Seconds, f64::NAN), "n/a");
        assert_eq!(value(Unit::Seconds, 0.0), "0 s");
    }

    #[test]
    fn a_ratio_is_shown_as_a_change() {
        assert_eq!(
            [1.034, 0.5, 1.0001, 21.0, f64::INFINITY].map(change),
            ["+3.4 %", "-50.0 %", "0.0 %", "+2000 %", "n/a"]
        );
    }

    #[test]
    fn a_margin_around_zero_does_not_exist() {
        assert_eq!(margin(&estimated(0.0, -1.0, 1.0)), None);
        assert_eq!(margin(&estimated(100.0, 99.99, 100.0)).as_deref(), Some("±<0.1 %"));
    }
}
