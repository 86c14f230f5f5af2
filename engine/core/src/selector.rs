//! The selector of stored series: `scenario/step.metric{label=value}`, with `*` and `?` in every part.
//!
//! The scenario may be left out, and the step too: `cpu.primes.time` is that metric in every scenario, `time` the metric
//! in every step. Labels that are not named are free, and `{}` means a series without any.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::series::{Labels, SeriesId};

/// Which series are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// Scenario, step and metric; empty for all.
    name: String,
    /// Labels that must be there, with patterns of their values; none when labels are free.
    labels: Option<Vec<(String, String)>>,
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// There is nothing in it.
    #[error("a selector names a metric, such as `cpu.primes.time`, `quick/*` or `*.rate{{threads=8}}`")]
    Empty,
    /// A brace is missing, or something follows it.
    #[error("`{0}`: labels stand in braces at the end, such as `rate{{threads=8,block=4*}}`")]
    Braces(String),
    /// A label without a value.
    #[error("`{0}` in the labels must be NAME=VALUE")]
    Label(String),
}

impl Selector {
    /// Every series.
    #[must_use]
    pub const fn all() -> Self {
        Self { name: String::new(), labels: None }
    }

    /// Whether a series of a scenario is meant.
    #[must_use]
    pub fn matches(&self, suite: &str, series: &SeriesId) -> bool {
        self.matches_name(suite, series) && self.matches_labels(&series.labels)
    }

    /// The quantile that the name ends with, in percent: 99 for `shop.response.p99`.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let (_, number) =
            self.name.rsplit_once(".p").filter(|(_, number)| number.starts_with(|c: char| c.is_ascii_digit()))?;
        number.parse().ok().filter(|percent| (0.0..100.0).contains(percent))
    }

    fn matches_name(&self, suite: &str, series: &SeriesId) -> bool {
        let short = format!("{}.{}", series.step, series.metric);
        self.name.is_empty()
            || glob(&self.name, &short)
            || glob(&self.name, &format!("{suite}/{short}"))
            || glob(&self.name, &series.metric)
    }

    fn matches_labels(&self, labels: &Labels) -> bool {
        match &self.labels {
            None => true,
            Some(wanted) if wanted.is_empty() => labels.is_empty(),
            Some(wanted) => wanted.iter().all(|(name, value)| labels.get(name).is_some_and(|found| glob(value, found))),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim();
        let (name, labels) = match text.split_once('{') {
            None if text.contains('}') => return Err(SelectorError::Braces(text.to_owned())),
            None => (text, None),
            Some((name, rest)) => {
                let inside = rest.strip_suffix('}').filter(|inside| !inside.contains(['{', '}']));
                let inside = inside.ok_or_else(|| SelectorError::Braces(text.to_owned()))?;
                (name.trim(), Some(labels(inside)?))
            }
        };
        if name.is_empty() && labels.as_ref().is_none_or(Vec::is_empty) {
            return Err(SelectorError::Empty);
        }
        Ok(Self { name: name.to_owned(), labels })
    }
}

fn labels(inside: &str) -> Result<Vec<(String, String)>, SelectorError> {
    inside
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| match part.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
            _ => Err(SelectorError::Label(part.trim().to_owned())),
        })
        .collect()
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.name.is_empty() && self.labels.is_none() { "*" } else { &self.name })?;
        if let Some(labels) = &self.labels {
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            write!(f, "{{{}}}", labels.join(","))?;
        }
        Ok(())
    }
}

/// Whether a pattern with `*` (anything) and `?` (one character) fits a whole text. Linear but for the last star: time
/// is at most the product of both lengths.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            // Let the last star take one character more.
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(step: &str, metric: &str, labels: Labels) -> SeriesId {
        SeriesId { step: step.to_owned(), metric: metric.to_owned(), labels }
    }

    fn fits(selector: &str, labels: Labels) -> bool {
        let selector: Selector = selector.parse().unwrap_or_else(|error| panic!("{selector}: {error}"));
        selector.matches("quick", &series("hardware/cpu.primes", "time", labels))
    }

    #[test]
    fn scenario_and_step_may_be_left_out() {
        let yes = ["time", "*", "*.time", "quick/*", "quick/hardware/cpu.primes.time", "hardware/cpu.primes.time"];
        for selector in yes.into_iter().chain(["*primes*", "quick/*.t?me", "q*k/h*/c*.*e"]) {
            assert!(fits(selector, Labels::new()), "{selector}");
        }
        for selector in ["rate", "full/*", "cpu.primes", "tim", "time?", "quick", "*.tim", "QUICK/*"] {
            assert!(!fits(selector, Labels::new()), "{selector}");
        }
    }

    #[test]
    fn labels_are_free_unless_named() {
        let labels = || Labels::new().with("threads", "8").with("block", "4 KiB");
        for selector in ["time", "time{threads=8}", "time{threads=*, block=4*}", "{threads=8}"] {
            assert!(fits(selector, labels()), "{selector}");
        }
        for selector in ["time{}", "time{threads=1}", "time{depth=*}", "rate{threads=8}"] {
            assert!(!fits(selector, labels()), "{selector}");
        }
        assert!(fits("time{}", Labels::new()));
    }

    #[test]
    fn a_quantile_may_end_the_name() {
        let percent = |text: &str| text.parse::<Selector>().expect(text).percent();
        assert_eq!(percent("shop.response.p99"), Some(99.0));
        assert_eq!(percent("response.p99.9{endpoint=cart}"), Some(99.9));
        for text in ["response", "response.p", "cpu.primes.time", "a.p100", "a.p9x", "*"] {
            assert_eq!(percent(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told() {
        let error = |text: &str| text.parse::<Selector>().expect_err(text);
        assert_eq!(error(" "), SelectorError::Empty);
        assert_eq!(error("{}"), SelectorError::Empty);
        for text in ["rate{threads=8", "rate}", "rate{a=b}c", "rate{a={b}}"] {
            assert!(matches!(error(text), SelectorError::Braces(_)), "{text}");
        }
        assert!(matches!(error("rate{threads}"), SelectorError::Label(_)));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let (pattern, text) = ("*a".repeat(200) + "b", "a".repeat(5000));
        assert!(!glob(&pattern, &text));
        assert!(glob("", "") && !glob("", "a") && glob("**", "") && glob("*é?", "éé!"));
    }
}
