//! An expectation as data, and its canonical text.

use std::fmt;

use super::error::ExpectError;
use super::parse;
use crate::judgement::Severity;
use crate::measurement::Stat;
use crate::quantity::Quantity;
use crate::series::Labels;

/// An expectation: its text and what the text says.
#[derive(Debug, Clone)]
pub struct Expectation {
    pub(super) text: String,
    pub(super) claim: Claim,
    /// Byte offset in the text of each value on the right side.
    pub(super) offsets: Vec<usize>,
}

impl Expectation {
    /// Reads an expectation.
    ///
    /// # Errors
    /// When the text does not follow the grammar; the error names the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ExpectError> {
        parse::expectation(text)
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    #[must_use]
    pub const fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.claim.fmt(f)
    }
}

/// What an expectation says. Its `Display` is the canonical text, which reads back as the same claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What is observed.
    pub left: Selector,
    /// How it must lie.
    pub op: Op,
    /// Against what: the product of these, at least one.
    pub right: Vec<Value>,
    /// In how many windows in a row it must be broken to count: `for N windows`.
    pub windows: Option<u32>,
    /// By when it must hold, in seconds: `within TIME`.
    pub within: Option<Amount>,
    /// How much it matters.
    pub severity: Severity,
}

/// Which series, and which of its statistics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selector {
    /// The metric's name; none for the step's primary metric.
    pub metric: Option<String>,
    /// Labels that a series must carry; series may have more.
    pub labels: Labels,
    /// The statistic; none for the metric's usual estimate, the median over rounds.
    pub stat: Option<Stat>,
    /// Whether the change per time of the statistic is meant.
    pub slope: bool,
    /// Length of the windows in which the statistic is taken.
    pub window: Option<Amount>,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// One factor of the right side.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number with or without a unit.
    Amount(Amount),
    /// The same series in the baseline's run.
    Baseline,
    /// The same series in the reference case of this run.
    Reference,
    /// The planned rate of the load.
    Target,
    /// What the machine should reach, by its profile or by what it declares.
    Expected,
    /// Another series of this run, joined over the labels that neither side names.
    Selector(Selector),
}

/// A number as written, with its unit as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Amount {
    /// The number before the unit.
    pub number: f64,
    /// The unit as written, or empty.
    pub unit: String,
    /// Both in base units.
    pub quantity: Quantity,
}

impl Op {
    /// All of them, longer ones first.
    pub(super) const ALL: [Self; 6] =
        [Self::AtMost, Self::AtLeast, Self::Equal, Self::Unequal, Self::Less, Self::Greater];

    /// As written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::Unequal => "!=",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.unit.is_empty() || self.unit.starts_with('/') { "" } else { " " };
        write!(f, "{}{gap}{}", self.number, self.unit)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if let Some(metric) = &self.metric {
            parts.push(format!("{metric}{}", LabelText(&self.labels)));
        }
        parts.extend(self.stat.map(|stat| stat.to_string()));
        if self.slope {
            parts.push("slope".to_owned());
        }
        // A claim built by hand may name neither metric nor statistic; the median is what that means.
        f.write_str(&if parts.is_empty() { "median".to_owned() } else { parts.join(".") })?;
        self.window.as_ref().map_or(Ok(()), |window| write!(f, "[{window}]"))
    }
}

/// Labels in braces, quoted where a plain value would not read back.
struct LabelText<'a>(&'a Labels);

impl fmt::Display for LabelText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let labels = self.0.0.iter().map(|(name, value)| {
            let plain = !value.is_empty() && value.trim() == value && !value.contains([',', '}', '"']);
            if plain {
                format!("{name}={value}")
            } else {
                format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            }
        });
        write!(f, "{{{}}}", labels.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => amount.fmt(f),
            Self::Baseline => f.write_str("baseline"),
            Self::Reference => f.write_str("reference"),
            Self::Target => f.write_str("target"),
            Self::Expected => f.write_str("expected"),
            Self::Selector(selector) => selector.fmt(f),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right: Vec<String> = self.right.iter().map(ToString::to_string).collect();
        write!(f, "{} {} {}", self.left, self.op, right.join(" * "))?;
        if let Some(windows) = self.windows {
            write!(f, " for {windows} {}", if windows == 1 { "window" } else { "windows" })?;
        }
        if let Some(within) = &self.within {
            write!(f, " within {within}")?;
        }
        match self.severity {
            Severity::Fail => Ok(()),
            Severity::Warn => f.write_str(" @warn"),
            Severity::Abort => f.write_str(" @abort"),
        }
    }
}
