//! Plain data: what crosses from one thread's script to another's.

use engine_core::quantity::Quantity;
use rhai::{Array, Dynamic, Map};

use crate::quantity::Qty;
use crate::verb_options::shown;

/// A value without functions, handles or secrets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Plain {
    #[default]
    Nothing,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Quantity(Quantity),
    List(Vec<Plain>),
    Map(Vec<(String, Plain)>),
}

/// How deeply plain data may be nested.
const DEEPEST: usize = 64;

impl Plain {
    /// The data of a value.
    ///
    /// # Errors
    /// What in it is no plain data, in words.
    pub(crate) fn of(value: &Dynamic) -> Result<Self, String> {
        Self::nested(value, DEEPEST)
    }

    fn nested(value: &Dynamic, room: usize) -> Result<Self, String> {
        let room = room.checked_sub(1).ok_or_else(|| format!("a value nested more than {DEEPEST} levels deep"))?;
        let value = value.flatten_clone();
        if value.is_unit() {
            return Ok(Self::Nothing);
        }
        if let Ok(flag) = value.as_bool() {
            return Ok(Self::Flag(flag));
        }
        if let Ok(n) = value.as_int() {
            return Ok(Self::Whole(n));
        }
        if let Ok(n) = value.as_float() {
            return Ok(Self::Number(n));
        }
        if value.is_string() || value.is_char() {
            return Ok(Self::Text(value.to_string()));
        }
        if let Some(items) = value.read_lock::<Array>() {
            return items.iter().map(|item| Self::nested(item, room)).collect::<Result<_, _>>().map(Self::List);
        }
        if let Some(map) = value.read_lock::<Map>() {
            let fields = map.iter().map(|(name, value)| Ok((name.to_string(), Self::nested(value, room)?)));
            return fields.collect::<Result<_, String>>().map(Self::Map);
        }
        match value.clone().try_cast::<Qty>() {
            Some(quantity) => Ok(Self::Quantity(quantity.0)),
            None => Err(shown(&value)),
        }
    }

    /// A value of this thread's own.
    pub(crate) fn value(&self) -> Dynamic {
        match self {
            Self::Nothing => Dynamic::UNIT,
            Self::Flag(flag) => (*flag).into(),
            Self::Whole(n) => (*n).into(),
            Self::Number(n) => (*n).into(),
            Self::Text(text) => text.clone().into(),
            Self::Quantity(quantity) => Dynamic::from(Qty(*quantity)),
            Self::List(items) => Dynamic::from_array(items.iter().map(Self::value).collect()),
            Self::Map(fields) => {
                Dynamic::from_map(fields.iter().map(|(name, value)| (name.into(), value.value())).collect())
            }
        }
    }
}

/// Plain data as JSON text.
pub(crate) fn json_of(plain: &Plain) -> String {
    let mut out = String::new();
    write(plain, &mut out);
    out
}

/// A value as JSON text.
///
/// # Errors
/// What in it is no data, in words.
pub(crate) fn json(value: &Dynamic) -> Result<String, String> {
    Plain::of(value).map(|plain| json_of(&plain))
}

fn write(value: &Plain, out: &mut String) {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Plain::Nothing => out.push_str("null"),
        Plain::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Plain::Whole(n) => out.push_str(&n.to_string()),
        Plain::Number(n) => out.push_str(&serde_json::Value::from(*n).to_string()),
        Plain::Quantity(quantity) => out.push_str(&serde_json::Value::from(quantity.value).to_string()),
        Plain::Text(word) => out.push_str(&text(word)),
        Plain::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Plain::Map(fields) => {
            out.push('{');
            for (at, (name, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&text(name));
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_across_comes_back() {
        let map = Map::from([
            ("a".into(), Dynamic::from_array(vec![1_i64.into(), 2.5.into(), "x\"y".into(), Dynamic::UNIT])),
            ("b".into(), true.into()),
        ]);
        let value = Dynamic::from_map(map);
        let plain = Plain::of(&value).unwrap();
        assert_eq!(Plain::of(&plain.value()).unwrap(), plain);
        assert_eq!(json(&value).unwrap(), r#"{"a":[1,2.5,"x\"y",null],"b":true}"#);
        assert!(Plain::of(&Dynamic::from(rhai::FnPtr::new("f").unwrap())).is_err());
    }
}
