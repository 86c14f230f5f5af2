//! The settings as people write them, and as words of the command line of a child.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{DemoTarget, ServiceTime, Stall, Store, Warmup};
use crate::quantity::Quantity;
use crate::unit::Dimension;

/// Why a text is no setting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}`: {why}; expected {want}")]
pub struct TextError {
    text: String,
    why: String,
    want: &'static str,
}

const SERVICE: &str =
    "`constant 2 ms`, `exponential 5 ms`, `log-normal 5 ms`, `log-normal 5 ms sigma 0.8` or `uniform 1 ms..9 ms`";
const STALL: &str = "`at 10 s for 2 s`, or `at 10 s for 2 s every 60 s`";
const WARMUP: &str = "`3x over 10 s`";

/// A time in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let quantity: Quantity = text.trim().parse().map_err(|error| format!("{error}"))?;
    if quantity.dimension != Dimension::TIME {
        return Err(format!("`{}` is not a time", text.trim()));
    }
    Ok(quantity.value)
}

impl fmt::Display for ServiceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Seconds in full precision: what is written reads back as the same number.
        match self {
            Self::Constant { mean } => write!(f, "constant {mean} s"),
            Self::Exponential { mean } => write!(f, "exponential {mean} s"),
            Self::LogNormal { mean, sigma } => write!(f, "log-normal {mean} s sigma {sigma}"),
            Self::Uniform { from, to } => write!(f, "uniform {from} s..{to} s"),
        }
    }
}

impl FromStr for ServiceTime {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let read = || -> Result<Self, String> {
            let (kind, rest) = text.trim().split_once(' ').ok_or("no distribution and time")?;
            match kind {
                "constant" => Ok(Self::Constant { mean: seconds(rest)? }),
                "exponential" => Ok(Self::Exponential { mean: seconds(rest)? }),
                "log-normal" => {
                    let (mean, sigma) = rest.split_once("sigma").unwrap_or((rest, "0.5"));
                    let sigma = sigma.trim().parse().map_err(|_| format!("`{}` is not a number", sigma.trim()))?;
                    Ok(Self::LogNormal { mean: seconds(mean)?, sigma })
                }
                "uniform" => {
                    let (from, to) = rest.split_once("..").ok_or("no range")?;
                    Ok(Self::Uniform { from: seconds(from)?, to: seconds(to)? })
                }
                other => Err(format!("no distribution `{other}`")),
            }
        };
        read().map_err(|why| TextError { text: text.to_owned(), why, want: SERVICE })
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} s for {} s", self.at, self.lasts)?;
        self.every.map_or(Ok(()), |every| write!(f, " every {every} s"))
    }
}

impl FromStr for Stall {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let read = || -> Result<Self, String> {
            let rest = text.trim().strip_prefix("at ").ok_or("it does not start with `at`")?;
            let (at, rest) = rest.split_once(" for ").ok_or("no `for`")?;
            let (lasts, every) = match rest.split_once(" every ") {
                Some((lasts, every)) => (lasts, Some(seconds(every)?)),
                None => (rest, None),
            };
            Ok(Self { at: seconds(at)?, lasts: seconds(lasts)?, every })
        };
        read().map_err(|why| TextError { text: text.to_owned(), why, want: STALL })
    }
}

impl fmt::Display for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x over {} s", self.factor, self.seconds)
    }
}

impl FromStr for Warmup {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let read = || -> Result<Self, String> {
            let (factor, time) = text.split_once(" over ").ok_or("no `over`")?;
            let factor = factor.trim().trim_end_matches('x').trim_end();
            let factor = factor.parse().map_err(|_| format!("`{factor}` is not a number"))?;
            Ok(Self { factor, seconds: seconds(time)? })
        };
        read().map_err(|why| TextError { text: text.to_owned(), why, want: WARMUP })
    }
}

impl FromStr for Store {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text.trim() {
            "right" => Ok(Self::Right),
            "wrong" => Ok(Self::Wrong),
            _ => Err(TextError { text: text.to_owned(), why: "no such way".to_owned(), want: "`right` or `wrong`" }),
        }
    }
}

impl DemoTarget {
    /// The options of `engine target` that give these settings; nothing for those at their defaults.
    pub fn arguments(&self) -> Vec<String> {
        let usual = Self::default();
        let mut words = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([format!("--{name}"), value]);
            }
        };
        let unless = |same: bool, text: &dyn fmt::Display| (!same).then(|| text.to_string());
        option("service", unless(self.service == usual.service, &self.service));
        option("workers", unless(self.workers == usual.workers, &self.workers));
        option("queue", self.queue.map(|queue| queue.to_string()));
        option("errors", unless(self.errors == usual.errors, &self.errors));
        option("body", unless(self.body == usual.body, &format!("{} B", self.body)));
        for stall in &self.stalls {
            option("stall", Some(stall.to_string()));
        }
        option("start-delay", unless(self.start_delay == usual.start_delay, &format!("{} s", self.start_delay)));
        option("warmup", self.warmup.map(|warmup| warmup.to_string()));
        option("leak", unless(self.leak == usual.leak, &format!("{} B", self.leak)));
        option("orders", self.orders.clone());
        option("store", self.store.map(|store| store.name().to_owned()));
        option("admin", self.admin.clone());
        option("seed", unless(self.seed == usual.seed, &self.seed));
        words.extend(self.cpu_bound.then(|| "--cpu-bound".to_owned()));
        words.extend(self.down.then(|| "--down".to_owned()));
        words
    }
}
