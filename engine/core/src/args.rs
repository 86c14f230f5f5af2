//! The options of a probe with their values: checked against the declaration before anything runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::nearest::hint;
use crate::probe::{ParamDef, ParamKind, ProbeInfo};
use crate::quantity::{Quantity, QuantityError};
use crate::unit::{Dimension, Unit};

/// A value as a script or a command line gives it, and as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgValue {
    /// A number, with or without a dimension.
    Number(Quantity),
    /// A text; read as a quantity where the option wants one.
    Text(String),
    /// A truth value.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
    /// A map of JSON values.
    Object(serde_json::Map<String, serde_json::Value>),
}

impl std::fmt::Display for ArgValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(quantity) if quantity.dimension == Dimension::NONE => write!(f, "{}", quantity.value),
            Self::Number(quantity) => quantity.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => flag.fmt(f),
            Self::List(parts) => f.write_str(&parts.join(" ")),
            Self::Object(map) => match serde_json::to_string(map) {
                Ok(text) => f.write_str(&text),
                Err(_) => Err(std::fmt::Error),
            },
        }
    }
}

/// All options of one probe call, each with a checked value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Args(pub BTreeMap<String, ArgValue>);

/// Why a value does not fit an option.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArgError {
    /// No such option.
    #[error("`{probe}` has no option `{name}`{hint}")]
    Unknown {
        /// The probe.
        probe: &'static str,
        /// The option as typed.
        name: String,
        /// `, did you mean ..?` or empty.
        hint: String,
    },
    /// An option without default was left out.
    #[error("`{probe}` needs the option `{name}` ({doc})")]
    Missing {
        /// The probe.
        probe: &'static str,
        /// The option.
        name: &'static str,
        /// What it is.
        doc: &'static str,
    },
    /// The value is of another kind.
    #[error("`{name}` must be {wanted}, got `{got}`{remedy}")]
    Kind {
        /// The option.
        name: String,
        /// What it takes.
        wanted: String,
        /// What was given.
        got: String,
        /// `: write ..` or empty.
        remedy: String,
    },
    /// The value is outside the bounds.
    #[error("`{name}` must be {bound}, got `{got}`")]
    Range {
        /// The option.
        name: String,
        /// The bound that it breaks.
        bound: String,
        /// What was given.
        got: String,
    },
    /// The text is not a quantity.
    #[error("`{name}`: {source}")]
    Quantity {
        /// The option.
        name: String,
        /// Why.
        source: QuantityError,
    },
}

impl ArgError {
    /// The option at fault, so that an editor or a caret can point at it.
    #[must_use]
    pub fn option(&self) -> Option<&str> {
        match self {
            Self::Missing { .. } => None,
            Self::Unknown { name, .. }
            | Self::Kind { name, .. }
            | Self::Range { name, .. }
            | Self::Quantity { name, .. } => Some(name),
        }
    }
}

impl ProbeInfo {
    /// Checks the given options, fills in defaults and, under the tiny profile, caps what would take long.
    ///
    /// # Errors
    /// On an unknown or missing option and on a value of the wrong kind or out of bounds.
    pub fn args(&self, given: &BTreeMap<String, ArgValue>, tiny: bool) -> Result<Args, ArgError> {
        for name in given.keys() {
            if self.param(name).is_none() {
                let hint = hint(name, self.params.iter().map(|param| param.name));
                return Err(ArgError::Unknown { probe: self.id, name: name.clone(), hint });
            }
        }
        let mut args = BTreeMap::new();
        for param in self.params {
            let value = match given.get(param.name) {
                Some(value) => param.check(value)?,
                None => match param.default {
                    Some(text) => param.check(&ArgValue::Text(text.to_owned()))?,
                    None => return Err(ArgError::Missing { probe: self.id, name: param.name, doc: param.doc }),
                },
            };
            let value = if tiny { param.tiny(value)? } else { value };
            args.insert(param.name.to_owned(), value);
        }
        Ok(Args(args))
    }
}

impl ParamDef {
    /// The value in its checked form.
    ///
    /// # Errors
    /// When it is of the wrong kind or out of bounds.
    pub fn check(&self, value: &ArgValue) -> Result<ArgValue, ArgError> {
        match (self.kind, value) {
            (ParamKind::Size { min, max } | ParamKind::Time { min, max }, _) => self.within(value, min, max),
            (ParamKind::Count { min, max }, _) => {
                #[expect(clippy::cast_precision_loss, reason = "bounds of counts are far below 2^53")]
                let checked = self.within(value, min as f64, max as f64)?;
                self.whole(checked)
            }
            (ParamKind::Threads, ArgValue::Text(text)) if text == "all" => Ok(value.clone()),
            (ParamKind::Threads, _) => {
                let checked = self.within(value, 1.0, 65_536.0)?;
                self.whole(checked)
            }
            (ParamKind::Choice(words), ArgValue::Text(text)) if words.contains(&text.as_str()) => Ok(value.clone()),
            (ParamKind::Choice(words), ArgValue::Text(text)) => {
                Err(self.kind_error(value, &hint(text, words.iter().copied())))
            }
            // A word that looks like a number may be written as one: `opt_level: 3`.
            (ParamKind::Choice(words), ArgValue::Number(_)) if words.contains(&value.to_string().as_str()) => {
                Ok(ArgValue::Text(value.to_string()))
            }
            (ParamKind::Text | ParamKind::Manifest, ArgValue::Text(_)) | (ParamKind::Flag, ArgValue::Flag(_)) => {
                Ok(value.clone())
            }
            (ParamKind::Flag, ArgValue::Text(text)) if text == "true" || text == "false" => {
                Ok(ArgValue::Flag(text == "true"))
            }
            (ParamKind::Command, ArgValue::List(parts)) if parts.first().is_some_and(|p| !p.is_empty()) => {
                Ok(value.clone())
            }
            // Only as a default: the probe knows what it runs then.
            (ParamKind::Command, ArgValue::Text(text)) if text.is_empty() && self.default == Some("") => {
                Ok(ArgValue::List(Vec::new()))
            }
            (ParamKind::Object, ArgValue::Object(_)) => Ok(value.clone()),
            (ParamKind::Object, ArgValue::Text(text)) => match serde_json::from_str(text) {
                Ok(map) => Ok(ArgValue::Object(map)),
                Err(_) => Err(self.kind_error(value, ": write a map, or its JSON as text")),
            },
            _ => Err(self.kind_error(value, "")),
        }
    }

    fn within(&self, value: &ArgValue, min: f64, max: f64) -> Result<ArgValue, ArgError> {
        let dimension = self.kind.dimension().unwrap_or_default();
        let quantity = match value {
            ArgValue::Number(quantity) => *quantity,
            ArgValue::Text(text) => {
                text.parse().map_err(|source| ArgError::Quantity { name: self.name.to_owned(), source })?
            }
            ArgValue::Flag(_) | ArgValue::List(_) | ArgValue::Object(_) => return Err(self.kind_error(value, "")),
        };
        if quantity.dimension != dimension {
            let example = match self.kind {
                ParamKind::Size { .. } => "B",
                _ => "s",
            };
            let bare = quantity.dimension == Dimension::NONE;
            let remedy = if bare { format!(": write a unit, such as \"{value} {example}\"") } else { String::new() };
            return Err(self.kind_error(value, &remedy));
        }
        let unit = Unit::of(dimension);
        let got = || value.to_string();
        if !quantity.value.is_finite() {
            return Err(ArgError::Range {
                name: self.name.to_owned(),
                bound: "a finite number".to_owned(),
                got: got(),
            });
        }
        if quantity.value < min {
            let bound = format!("at least {}", unit.format(min));
            return Err(ArgError::Range { name: self.name.to_owned(), bound, got: got() });
        }
        if quantity.value > max {
            let bound = format!("at most {}", unit.format(max));
            return Err(ArgError::Range { name: self.name.to_owned(), bound, got: got() });
        }
        Ok(ArgValue::Number(quantity))
    }

    fn whole(&self, value: ArgValue) -> Result<ArgValue, ArgError> {
        match &value {
            ArgValue::Number(quantity) if quantity.value.fract() != 0.0 => Err(ArgError::Range {
                name: self.name.to_owned(),
                bound: "a whole number".to_owned(),
                got: value.to_string(),
            }),
            _ => Ok(value),
        }
    }

    fn kind_error(&self, value: &ArgValue, remedy: &str) -> ArgError {
        ArgError::Kind {
            name: self.name.to_owned(),
            wanted: self.kind.describe(),
            got: value.to_string(),
            remedy: remedy.to_owned(),
        }
    }

    /// The value under the tiny profile: never more than `tiny`; else sizes up to 16 MiB and times x 0.01 in 0.2..1 s.
    fn tiny(&self, value: ArgValue) -> Result<ArgValue, ArgError> {
        let ArgValue::Number(quantity) = value else { return Ok(value) };
        let capped = match (self.tiny, self.kind) {
            (Some(text), _) => match self.check(&ArgValue::Text(text.to_owned()))? {
                ArgValue::Number(limit) => quantity.value.min(limit.value),
                _ => quantity.value,
            },
            (None, ParamKind::Size { .. }) => quantity.value.min(16.0 * 1024.0 * 1024.0),
            (None, ParamKind::Time { .. }) => quantity.value.min((quantity.value * 0.01).clamp(0.2, 1.0)),
            (None, _) => quantity.value,
        };
        Ok(ArgValue::Number(Quantity { value: capped, ..quantity }))
    }
}

impl Args {
    /// A number in base units; 0 when there is none, which a checked call does not have.
    #[must_use]
    pub fn number(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(ArgValue::Number(quantity)) => quantity.value,
            _ => 0.0,
        }
    }

    /// A whole number: a count, or a size in bytes.
    #[must_use]
    pub fn whole(&self, name: &str) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked counts and sizes are >= 0"
        )]
        let whole = self.number(name) as u64;
        whole
    }

    /// A text; empty when there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(ArgValue::Text(text)) => text,
            _ => "",
        }
    }

    /// A truth value; false when there is none.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(ArgValue::Flag(true)))
    }

    /// A program and its arguments; empty when there are none.
    #[must_use]
    pub fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(ArgValue::List(parts)) => parts,
            _ => &[],
        }
    }

    /// A map; none when there is none.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&serde_json::Map<String, serde_json::Value>> {
        match self.0.get(name) {
            Some(ArgValue::Object(map)) => Some(map),
            _ => None,
        }
    }

    /// A number of threads: what was asked for, or `available` for `"all"`.
    #[must_use]
    pub fn threads(&self, name: &str, available: usize) -> usize {
        match self.0.get(name) {
            Some(ArgValue::Text(text)) if text == "all" => available.max(1),
            _ => usize::try_from(self.whole(name)).unwrap_or(1).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: ProbeInfo = ProbeInfo {
        id: "fake.stream",
        summary: "",
        method: 1,
        about: "",
        params: &[
            ParamDef {
                name: "size",
                kind: ParamKind::Size { min: 65_536.0, max: 1e12 },
                default: Some("256 MiB"),
                tiny: None,
                doc: "",
            },
            ParamDef {
                name: "time",
                kind: ParamKind::Time { min: 0.0, max: 1e6 },
                default: Some("30 s"),
                tiny: None,
                doc: "",
            },
            ParamDef { name: "threads", kind: ParamKind::Threads, default: Some("1"), tiny: None, doc: "" },
            ParamDef {
                name: "kernel",
                kind: ParamKind::Choice(&["copy", "triad"]),
                default: Some("triad"),
                tiny: None,
                doc: "",
            },
            ParamDef {
                name: "level",
                kind: ParamKind::Choice(&["0", "3", "s"]),
                default: Some("0"),
                tiny: None,
                doc: "",
            },
            ParamDef {
                name: "limit",
                kind: ParamKind::Count { min: 1, max: 1 << 40 },
                default: Some("1000000"),
                tiny: Some("1000"),
                doc: "",
            },
        ],
        metrics: &[],
        round_seconds: 1.0,
        process: crate::probe::RoundProcess::Engine,
        noise: crate::probe::OwnNoise::Quiet,
    };

    fn args(given: &[(&str, ArgValue)], tiny: bool) -> Result<Args, ArgError> {
        PROBE.args(&given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(), tiny)
    }

    fn text(text: &str) -> ArgValue {
        ArgValue::Text(text.to_owned())
    }

    fn message(name: &str, value: ArgValue) -> String {
        args(&[(name, value)], false).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_filled_in() {
        let args = args(&[("threads", text("all"))], false).unwrap();
        assert_eq!(args.whole("size"), 256 << 20);
        assert_eq!(args.threads("threads", 8), 8);
        assert_eq!(args.text("kernel"), "triad");
    }

    #[test]
    fn a_word_of_digits_may_be_a_number() {
        let level = |number| args(&[("level", ArgValue::Number(Quantity::number(number)))], false);
        assert_eq!(level(3.0).unwrap().text("level"), "3");
        assert!(level(2.0).is_err() && level(0.5).is_err());
    }

    #[test]
    fn bad_options_are_named_with_a_remedy() {
        assert_eq!(message("sise", text("1 MiB")), "`fake.stream` has no option `sise`, did you mean `size`?");
        assert_eq!(
            message("size", ArgValue::Number(Quantity::number(4096.0))),
            "`size` must be size, got `4096`: write a unit, such as \"4096 B\""
        );
        assert_eq!(message("size", text("1 KiB")), "`size` must be at least 64 KiB, got `1 KiB`");
        assert_eq!(message("threads", text("0")), "`threads` must be at least 1, got `0`");
        assert_eq!(message("limit", text("1.5")), "`limit` must be a whole number, got `1.5`");
        assert_eq!(
            message("kernel", text("triat")),
            "`kernel` must be `\"copy\"` or `\"triad\"`, got `triat`, did you mean `triad`?"
        );
        assert!(message("size", ArgValue::Number(Quantity::bytes(f64::NAN))).contains("finite"));
        assert!(message("size", text("-1 MiB")).contains("at least"));
        assert!(message("size", text("1 furlong")).contains("unknown unit `furlong`"));
    }

    #[test]
    fn the_tiny_profile_caps_what_takes_long() {
        let args = args(&[], true).unwrap();
        assert_eq!(args.whole("size"), 16 << 20);
        assert!((args.number("time") - 0.3).abs() < 1e-12);
        assert_eq!(args.whole("limit"), 1000);
    }
}
