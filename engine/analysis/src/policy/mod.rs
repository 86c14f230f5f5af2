//! The rules by which other tools raise alerts, by name: for people who come from there, and to compare with.
//!
//! Each does what its tool does, flaws included where they are the tool's (`Otava`'s p-value), save one: the lower limit
//! of the log-normal rule is that of the distribution. Golden vectors in `tests.rs` hold them. The default everywhere is
//! [`crate::change`].

mod distribution;
mod fence;
mod limits;
mod otava;
mod perfherder;
mod steps;

pub(crate) use distribution::{moments, student_quantile};
pub use fence::{fence_threshold, fenced};
pub use limits::{Limits, TooFew, delta_iqr, iqr, log_normal, percentage, t_prediction, z};
pub use otava::{Otava, otava, otava_p};
pub use perfherder::{Perfherder, perfherder};
pub use steps::{Step, asv_steps, potts};

use std::str::FromStr;

/// A rule with its parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Policy {
    /// Alert beyond fixed values.
    Static(Limits),
    /// Alert beyond a share of the mean of the points before.
    Percent(f64),
    /// Alert beyond the normal quantile of this level about their mean.
    Z(f64),
    /// Alert beyond Student's prediction interval of this one-sided level.
    T(f64),
    /// Alert beyond the log-normal quantile of this level.
    LogNormal(f64),
    /// Alert beyond so many interquartile ranges from their median.
    Iqr(f64),
    /// Alert beyond so many interquartile ranges of their relative changes.
    DeltaIqr(f64),
    /// Alert on a change from the point before beyond the outer fence of changes so far.
    RustcFence,
    /// The steps of asv.
    Asv,
    /// The windowed t of Perfherder.
    Perfherder,
    /// The change points of Otava.
    Otava(Otava),
}

/// Points before that a limit is drawn from at most.
const HISTORY: usize = 64;

impl Policy {
    /// Names with their default parameter.
    pub const NAMES: [&'static str; 11] = [
        "static:LOW..HIGH",
        "percent:0.1",
        "z:0.99",
        "t:0.99",
        "log-normal:0.99",
        "iqr:2",
        "delta-iqr:2",
        "rustc",
        "asv",
        "perfherder",
        "otava:0.001",
    ];

    /// The points at which the rule raises an alert or sees a change begin, in rising order. Values are finite.
    #[must_use]
    pub fn alerts(&self, values: &[f64]) -> Vec<usize> {
        match self {
            Self::RustcFence => fenced(values),
            Self::Asv => asv_steps(values).iter().skip(1).map(|step| step.start).collect(),
            Self::Perfherder => perfherder(values, &Perfherder::default()),
            Self::Otava(options) => otava(values, options),
            _ => (1..values.len())
                .filter(|at| {
                    let before = &values[at.saturating_sub(HISTORY)..*at];
                    self.limits(before).is_ok_and(|limits| limits.broken_by(values[*at]))
                })
                .collect(),
        }
    }

    /// The limits for the next point after these.
    ///
    /// # Errors
    /// With too few points, or none that vary.
    pub fn limits(&self, before: &[f64]) -> Result<Limits, TooFew> {
        match self {
            Self::Static(limits) => Ok(*limits),
            Self::Percent(share) => percentage(before, *share),
            Self::Z(level) => z(before, *level),
            Self::T(level) => t_prediction(before, *level),
            Self::LogNormal(level) => log_normal(before, *level),
            Self::Iqr(times) => iqr(before, *times),
            Self::DeltaIqr(times) => delta_iqr(before, *times),
            Self::RustcFence | Self::Asv | Self::Perfherder | Self::Otava(_) => Err(TooFew),
        }
    }
}

impl FromStr for Policy {
    type Err = String;

    /// Reads `NAME` or `NAME:PARAMETER`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, parameter) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let known = || format!("`{text}` is no policy; there are: {}", Self::NAMES.join(", "));
        let number = |default: f64| match parameter {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("`{text}` is not a number, in the policy `{name}`")),
        };
        let level = |default: f64| {
            number(default).and_then(|level| {
                let inside = level > 0.5 && level < 1.0;
                if inside {
                    Ok(level)
                } else {
                    Err(format!("the level of `{name}` lies between 0.5 and 1, got {level}"))
                }
            })
        };
        Ok(match name {
            "static" => {
                let (low, high) = parameter.and_then(|text| text.split_once("..")).ok_or_else(known)?;
                let end = |text: &str| -> Result<Option<f64>, String> {
                    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| known()) }
                };
                Self::Static(Limits { lower: end(low)?, upper: end(high)? })
            }
            "percent" => Self::Percent(number(0.1)?),
            "z" => Self::Z(level(0.99)?),
            "t" => Self::T(level(0.99)?),
            "log-normal" => Self::LogNormal(level(0.99)?),
            "iqr" => Self::Iqr(number(2.0)?),
            "delta-iqr" => Self::DeltaIqr(number(2.0)?),
            "rustc" => Self::RustcFence,
            "asv" => Self::Asv,
            "perfherder" => Self::Perfherder,
            "otava" => Self::Otava(Otava { max_p: number(Otava::default().max_p)?, ..Otava::default() }),
            _ => return Err(known()),
        })
    }
}

#[cfg(test)]
mod tests;
