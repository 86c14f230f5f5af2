//! Names: steps, labels, and the identity of a series of numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Labels of a series: sweep axes, case, phase, endpoint, group, tags. Sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(pub BTreeMap<String, String>);

impl Labels {
    /// No labels.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// These labels and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Both sets together; `other` wins where both name a label.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(other.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self(all)
    }

    /// Whether every label of `filter` is here with the same value.
    #[must_use]
    pub fn matches(&self, filter: &Self) -> bool {
        filter.0.iter().all(|(name, value)| self.get(name) == Some(value))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        Self(labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Display for Labels {
    /// `{depth=1,block=4 KiB}`, or nothing when there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        let labels: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{{{}}}", labels.join(","))
    }
}

/// The identity of a series within one scenario: `step . metric {labels}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesId {
    /// The step's name, `included-suite/step` for included ones.
    pub step: String,
    /// The metric's name.
    pub metric: String,
    /// All labels: the step's own and the measurement's.
    pub labels: Labels,
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}{}", self.step, self.metric, self.labels)
    }
}

/// Whether a text may name a step: `[A-Za-z0-9_.-]+`, with `/` between a suite and its included step.
#[must_use]
pub fn is_step_name(name: &str) -> bool {
    name.split('/').all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_written_as_it_is_selected() {
        let labels = Labels::new().with("depth", "1").with("block", "4 KiB");
        let id = SeriesId { step: "nvme.randread".into(), metric: "latency".into(), labels };
        assert_eq!(id.to_string(), "nvme.randread.latency{block=4 KiB,depth=1}");
    }

    #[test]
    fn step_names_are_plain() {
        assert!(is_step_name("hardware/memory.stream-2"));
        for bad in ["", "a b", "a/", "é", "a{b}"] {
            assert!(!is_step_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_filter_matches_when_all_its_labels_do() {
        let labels = Labels::new().with("depth", "1").with("case", "old");
        assert!(labels.matches(&Labels::new()));
        assert!(labels.matches(&Labels::new().with("depth", "1")));
        assert!(!labels.matches(&Labels::new().with("depth", "8")));
        assert!(!labels.matches(&Labels::new().with("phase", "x")));
    }
}
