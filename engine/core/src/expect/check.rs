//! What can be known of an expectation before anything runs: whether its metrics exist and its units go together.

use super::claim::{Amount, Expectation, Selector, Value};
use super::error::{ExpectError, Problem};
use super::parse::{WORDS, split_name};
use crate::measurement::Stat;
use crate::nearest::nearest;
use crate::unit::{Dimension, Unit};

/// Metrics of the system monitor, which every step has. Both are shares.
pub const HOST_METRICS: [&str; 2] = ["host.cpu", "host.memory"];

/// Whether an expectation could not name this metric, because the name, or its last part, reads as a statistic:
/// `n`, `decode.p95`, `rss.slope`. Whoever lets users name metrics refuses these.
#[must_use]
pub fn is_reserved_metric(name: &str) -> bool {
    let (_, stat, slope) = split_name(name);
    stat.is_some() || slope || WORDS.contains(&name)
}

impl Expectation {
    /// All selectors, with their byte offsets in the text: the left side, then those on the right.
    fn selectors(&self) -> impl Iterator<Item = (usize, &Selector)> {
        let right = self.offsets.iter().zip(&self.claim.right).filter_map(|(offset, value)| match value {
            Value::Selector(selector) => Some((*offset, selector)),
            _ => None,
        });
        let start = self.text.len() - self.text.trim_start().len();
        std::iter::once((start, &self.claim.left)).chain(right)
    }

    /// The selectors it needs data for. One without a metric means the step's primary metric.
    pub fn metrics(&self) -> impl Iterator<Item = &Selector> {
        self.selectors().map(|(_, selector)| selector)
    }

    /// Whether the value `baseline` occurs.
    #[must_use]
    pub fn needs_baseline(&self) -> bool {
        self.claim.right.contains(&Value::Baseline)
    }

    /// Whether the value `reference` occurs.
    #[must_use]
    pub fn needs_reference(&self) -> bool {
        self.claim.right.contains(&Value::Reference)
    }

    /// Whether the value `expected` occurs.
    #[must_use]
    pub fn needs_expected(&self) -> bool {
        self.claim.right.contains(&Value::Expected)
    }

    /// Checks that every metric it names is one of `known`, or the monitor's.
    ///
    /// # Errors
    /// [`Problem::UnknownMetric`] for the first that is not, with the nearest name, or all names when none is near.
    pub fn check_metrics(&self, known: &[&str]) -> Result<(), ExpectError> {
        for (nth, (offset, selector)) in self.selectors().enumerate() {
            let Some(name) = selector.metric.as_deref() else { continue };
            if known.contains(&name) || HOST_METRICS.contains(&name) {
                continue;
            }
            let words: &[&str] = if nth > 0 { &WORDS } else { &[] };
            let candidates = known.iter().chain(&HOST_METRICS).chain(words).copied();
            let remedy = match nearest(name, candidates) {
                Some(near) => format!(", did you mean `{near}`?"),
                None if known.is_empty() => ": the step says it records none".to_owned(),
                None => format!(": the step records `{}`", known.join("`, `")),
            };
            return Err(self.error(offset, Problem::UnknownMetric { name: name.to_owned(), remedy }));
        }
        Ok(())
    }

    /// Checks that both sides measure the same. `unit_of` tells the unit of a metric, of the primary one for `None`;
    /// what it does not know is not checked.
    ///
    /// # Errors
    /// [`Problem::NoUnit`] when a bare number stands against a quantity, [`Problem::Unlike`] when both sides have units
    /// that cannot be compared.
    pub fn check_units(&self, unit_of: impl Fn(Option<&str>) -> Option<Unit>) -> Result<(), ExpectError> {
        let unit_of = |selector: &Selector| {
            let host = selector.metric.as_deref().is_some_and(|name| HOST_METRICS.contains(&name));
            let metric = if host { Some(Unit::Ratio) } else { unit_of(selector.metric.as_deref()) };
            metric.map(|metric| selector.unit(metric))
        };
        let claim = &self.claim;
        let Some(left) = unit_of(&claim.left) else { return Ok(()) };
        let mut dimension = Dimension::NONE;
        for value in &claim.right {
            let factor = match value {
                Value::Amount(amount) => amount.quantity.dimension,
                Value::Baseline | Value::Reference | Value::Target | Value::Expected => left.dimension(),
                Value::Selector(selector) => match unit_of(selector) {
                    Some(unit) => unit.dimension(),
                    None => return Ok(()),
                },
            };
            dimension = dimension.times(factor);
        }
        let offset = self.offsets.first().copied().unwrap_or(0);
        if let [Value::Amount(amount)] = claim.right.as_slice()
            && let Some(problem) = bare_number(&claim.left, left, amount)
        {
            return Err(self.error(offset, problem));
        }
        if dimension == left.dimension() {
            return Ok(());
        }
        let right: Vec<String> = claim.right.iter().map(ToString::to_string).collect();
        let problem = Problem::Unlike {
            left: claim.left.to_string(),
            left_kind: left.dimension().kind(),
            right: right.join(" * "),
            right_kind: dimension.kind(),
        };
        Err(self.error(offset, problem))
    }

    fn error(&self, offset: usize, problem: Problem) -> ExpectError {
        ExpectError::new(&self.text, offset, problem)
    }
}

impl Selector {
    /// The unit of what this selects from a metric measured in `metric`.
    #[must_use]
    pub fn unit(&self, metric: Unit) -> Unit {
        let unit = match self.stat {
            Some(Stat::Count) => Unit::Count,
            Some(Stat::Spread) => Unit::Ratio,
            _ => metric,
        };
        if self.slope { Unit::of(unit.dimension().per(Dimension::TIME)) } else { unit }
    }
}

/// What is wrong with a number's unit, or lack of one, against a metric in `unit`, when the dimension does not tell.
fn bare_number(left: &Selector, unit: Unit, amount: &Amount) -> Option<Problem> {
    let no_unit = |kind: String, remedy: String| {
        Some(Problem::NoUnit { left: left.to_string(), kind, number: amount.to_string(), remedy })
    };
    if !amount.unit.is_empty() {
        // A share of what? `exit < 5 %` has the right dimension and no meaning.
        let share_of_count = unit == Unit::Count && amount.unit == "%";
        return share_of_count.then(|| Problem::Unlike {
            left: left.to_string(),
            left_kind: Dimension::NONE.kind(),
            right: amount.to_string(),
            right_kind: "a share".to_owned(),
        });
    }
    if unit == Unit::Ratio {
        // Shares are 0 to 1, so a number above 1 was meant as a percentage.
        let number = amount.number;
        return if number.abs() > 1.0 { no_unit("a share".to_owned(), format!("`{number} %`")) } else { None };
    }
    if unit.dimension() == Dimension::NONE {
        return None;
    }
    let names: &[&str] = match unit {
        Unit::Seconds => &[" ms", " s"],
        Unit::Bytes => &[" MiB", " MB"],
        Unit::BytesPerSecond => &[" GB/s", " MiB/s"],
        Unit::PerSecond => &["/s"],
        Unit::FlopsPerSecond => &[" GFLOP/s"],
        Unit::Hertz => &[" GHz"],
        Unit::Celsius => &[" C"],
        Unit::Watts => &[" W"],
        Unit::Count | Unit::Ratio | Unit::Derived(_) => &[],
    };
    let examples: Vec<String> = names.iter().map(|name| format!("`{}{name}`", amount.number)).collect();
    let remedy = if examples.is_empty() { format!("it in {unit}") } else { examples.join(" or ") };
    no_unit(unit.dimension().kind(), remedy)
}
