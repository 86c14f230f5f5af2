//! What limits, in a word and in a sentence.

use std::fmt::Write as _;

use engine_core::unit::Unit;
use serde::Serialize;

use super::{Estimated, Fit, Law};
use crate::usl::fit::Plane;

/// A loss smaller than this at the largest level is none.
const LINEAR: f64 = 1.1;

/// Which coefficient keeps throughput from growing with N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Work that is done one at a time.
    Contention,
    /// Waiting for each other, which grows with the number of pairs.
    Coherency,
    /// Nothing, as far as was measured.
    Neither,
    /// The points do not tell.
    Unclear,
}

/// The time of one at the largest level, as a multiple of that of one alone.
fn stretch(fit: &Fit) -> Estimated {
    let n = fit.largest();
    let (pairs, others) = (n * (n - 1.0), n - 1.0);
    let value = 1.0 + fit.alpha.value * others + fit.beta.value * pairs;
    fit.state.estimate(value, (1.0, 1e12), |k| Plane { normal: [1.0 - k, others, pairs], offset: 0.0 })
}

/// Judges a fit. A coefficient counts when its interval excludes zero. Of two that count it is coherency where throughput
/// falls within what was measured, else the one that costs more at the largest level.
pub(super) fn of(fit: &Fit) -> Limit {
    let n = fit.largest();
    let counts = |coefficient: &Estimated| coefficient.interval.low > 0.0;
    let stretch = stretch(fit);
    if stretch.interval.high <= LINEAR {
        return Limit::Neither;
    }
    match (counts(&fit.alpha), counts(&fit.beta)) {
        (true, true) if fit.beta.value * n > fit.alpha.value || fit.peak.is_some_and(|peak| peak.at.value <= n) => {
            Limit::Coherency
        }
        (true, _) => Limit::Contention,
        (false, true) => Limit::Coherency,
        (false, false) => Limit::Unclear,
    }
}

impl Fit {
    /// What the law says, in words: what limits, where the peak lies, and what would have to be measured where it is not
    /// clear. `what` names what was varied (`users`, `threads`), `unit` is that of the throughput.
    #[must_use]
    pub fn in_words(&self, what: &str, unit: Unit) -> String {
        let largest = self.largest();
        let share = |value: f64| Unit::Ratio.format(value);
        let mut text = match self.limit {
            Limit::Contention => {
                let ceiling = if self.ceiling.is_finite() && self.beta.interval.low <= 0.0 {
                    format!("; it can never exceed {}, whatever the number of {what}", unit.format(self.ceiling))
                } else {
                    String::new()
                };
                format!(
                    "contention limits: {} of the work is done one at a time ({} to {}){ceiling}",
                    share(self.alpha.value),
                    share(self.alpha.interval.low),
                    share(self.alpha.interval.high)
                )
            }
            Limit::Coherency => {
                let contention = if self.alpha.interval.low > 0.0 {
                    format!("; {} of the work is done one at a time besides", share(self.alpha.value))
                } else {
                    String::new()
                };
                format!(
                    "coherency limits: each of the {what} waits for every other (beta {:.3e}, {:.3e} to {:.3e}), so that \
                     beyond a peak more {what} give less throughput{contention}",
                    self.beta.value, self.beta.interval.low, self.beta.interval.high
                )
            }
            Limit::Neither => {
                format!("neither contention nor coherency limits up to {largest:.0} {what}: throughput grows with them")
            }
            Limit::Unclear => format!(
                "what limits cannot be told: {} points at {} levels leave both contention and coherency possible; \
                 measure more levels, or each longer",
                self.points,
                self.levels.len()
            ),
        };
        if let Some(peak) = self.peak.filter(|_| self.beta.interval.low > 0.0) {
            let (low, high) = (peak.at.interval.low, peak.at.interval.high);
            let reach = if peak.at.value > super::REACH * largest { ", far beyond what was measured" } else { "" };
            let _ = write!(
                text,
                "; the peak is {} at {:.1} {what} ({low:.1} to {high:.1}){reach}",
                unit.format(peak.throughput.value),
                peak.at.value
            );
        }
        if self.misfits {
            text += "; the law misses the measured levels by more than repetitions at one level differ, so its form is not quite right here";
        }
        if self.law == Law::Amdahl {
            text += " (Amdahl's law: coherency taken as zero)";
        }
        text
    }
}
