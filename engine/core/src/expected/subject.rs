//! Which series a figure is about: a probe, one of its metrics, and options or labels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::fit::glob;
use crate::args::ArgValue;
use crate::measurement::Measurement;
use crate::plan::{PlannedStep, Work};
use crate::quantity::Quantity;
use crate::series::Labels;

/// The series of a probe's metric, written `memory.stream.rate{kernel=triad,threads=all}`: whatever the step is called,
/// what counts is what the probe was asked to do. Each name in braces is an option of the probe or a label; `*` in a value
/// stands for anything, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject {
    /// Id of the probe.
    pub probe: String,
    /// Name of the metric.
    pub metric: String,
    /// Options and labels with the values that they must have.
    pub labels: Labels,
}

/// Why a text names no series of a probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no series of a probe: write `AREA.PROBE.METRIC{{option=value}}`, such as `memory.stream.rate{{kernel=triad}}`"
)]
pub struct SubjectError(String);

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let wrong = || SubjectError(text.to_owned());
        let (name, labels) = match text.trim().split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').ok_or_else(wrong)?),
            None => (text.trim(), ""),
        };
        let mut parts = name.trim().splitn(3, '.');
        let (Some(area), Some(probe), Some(metric)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if ![area, probe, metric].into_iter().all(plain) {
            return Err(wrong());
        }
        let mut found = Labels::new();
        for pair in labels.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (label, value) = pair.split_once('=').ok_or_else(wrong)?;
            let (label, value) = (label.trim(), value.trim());
            if !plain(label) || value.is_empty() || found.get(label).is_some() {
                return Err(wrong());
            }
            found = found.with(label, value);
        }
        Ok(Self { probe: format!("{area}.{probe}"), metric: metric.to_owned(), labels: found })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}{}", self.probe, self.metric, self.labels)
    }
}

impl TryFrom<String> for Subject {
    type Error = SubjectError;

    fn try_from(text: String) -> Result<Self, SubjectError> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl Subject {
    /// The first part of the probe's id: `memory`.
    #[must_use]
    pub fn area(&self) -> &str {
        self.probe.split('.').next().unwrap_or(&self.probe)
    }

    /// Whether it is about this measurement of this step.
    #[must_use]
    pub fn fits(&self, step: &PlannedStep, measurement: &Measurement) -> bool {
        let Work::Probe { id, args } = &step.work else { return false };
        id == &self.probe
            && measurement.metric.id == self.metric
            && self.labels.0.iter().all(|(name, wanted)| {
                let label = measurement.labels.get(name).or_else(|| step.labels.get(name));
                args.0.get(name).is_some_and(|value| same(&value.to_string(), wanted) || is(value, wanted))
                    || label.is_some_and(|value| same(value, wanted))
            })
    }
}

/// Whether a text is the wanted word, fits the wanted glob, or is the same quantity: `1 GiB` and `1024 MiB`.
fn same(a: &str, b: &str) -> bool {
    a == b
        || b.contains('*') && glob(b, a)
        || match (a.parse::<Quantity>(), b.parse::<Quantity>()) {
            #[expect(clippy::float_cmp, reason = "both are read from texts")]
            (Ok(a), Ok(b)) => a.dimension == b.dimension && a.value == b.value,
            _ => false,
        }
}

/// Whether an option has this value where its text is rounded.
fn is(value: &ArgValue, wanted: &str) -> bool {
    match (value, wanted.parse::<Quantity>()) {
        #[expect(clippy::float_cmp, reason = "both are read from texts")]
        (ArgValue::Number(own), Ok(wanted)) => own.dimension == wanted.dimension && own.value == wanted.value,
        _ => false,
    }
}
