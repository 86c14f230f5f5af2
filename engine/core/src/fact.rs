//! A fact that may honestly be unknown, with the reason. Nothing about a machine is ever guessed: what cannot be
//! read is carried as [`Fact::Unknown`], shown as such and compared as such.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The key that marks an unknown fact in JSON.
pub const UNKNOWN_KEY: &str = "unknown";

/// A value that was read, or the reason why it was not.
///
/// In JSON a known fact is its plain value and an unknown one is `{"unknown": "the reason"}`; it never vanishes.
/// `T` must not itself be an object with the one key `unknown`.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact<T> {
    /// The value as read.
    Known(T),
    /// Why there is no value: a lower-case fragment such as "no `/sys/class/dmi`".
    Unknown(String),
}

impl<T> Fact<T> {
    /// An unknown fact with its reason.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }

    /// A known fact when there is a value, else an unknown one with `reason`.
    pub fn or_unknown(value: Option<T>, reason: impl Into<String>) -> Self {
        value.map_or_else(|| Self::Unknown(reason.into()), Self::Known)
    }

    /// The value, when known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// The reason, when unknown.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(reason) => Some(reason),
        }
    }

    /// The value by copy, when known.
    pub fn copied(&self) -> Option<T>
    where
        T: Copy,
    {
        self.known().copied()
    }

    /// Whether the value is known.
    pub fn is_known(&self) -> bool {
        self.known().is_some()
    }

    /// The fact after a conversion of its value; the reason stays.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(convert(value)),
            Self::Unknown(reason) => Fact::Unknown(reason),
        }
    }

    /// The fact after a conversion that may itself leave it unknown.
    pub fn and_then<U>(self, convert: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value) => convert(value),
            Self::Unknown(reason) => Fact::Unknown(reason),
        }
    }
}

impl Fact<String> {
    /// The text, when known.
    pub fn as_deref(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }
}

/// Nobody has read it yet: the state of every field of a new record.
impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self::unknown("not read")
    }
}

impl<T: fmt::Display> fmt::Display for Fact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(reason) => write!(f, "unknown ({reason})"),
        }
    }
}

impl<T: Serialize> Serialize for Fact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(reason) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(UNKNOWN_KEY, reason)?;
                map.end()
            }
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Fact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if let Some(reason) = unknown_reason(&value) {
            return Ok(Self::Unknown(reason.to_owned()));
        }
        serde_json::from_value(value).map(Self::Known).map_err(D::Error::custom)
    }
}

/// The reason, if this JSON value is an unknown fact.
pub(crate) fn unknown_reason(value: &serde_json::Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(UNKNOWN_KEY)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_fact_is_its_plain_value_in_json() {
        assert_eq!(serde_json::to_string(&Fact::Known(7_u32)).unwrap(), "7");
        assert_eq!(serde_json::from_str::<Fact<u32>>("7").unwrap(), Fact::Known(7));
        assert_eq!(serde_json::from_str::<Fact<Option<u32>>>("null").unwrap(), Fact::Known(None));
    }

    #[test]
    fn an_unknown_fact_keeps_its_reason_in_json() {
        let fact = Fact::<u32>::unknown("no `/sys`");
        let json = serde_json::to_string(&fact).unwrap();
        assert_eq!(json, r#"{"unknown":"no `/sys`"}"#);
        assert_eq!(serde_json::from_str::<Fact<u32>>(&json).unwrap(), fact);
    }

    #[test]
    fn a_value_of_another_type_is_an_error_and_not_an_unknown() {
        assert!(serde_json::from_str::<Fact<u32>>(r#""seven""#).is_err());
        assert!(serde_json::from_str::<Fact<u32>>(r#"{"unknown":"a","b":1}"#).is_err());
    }
}
