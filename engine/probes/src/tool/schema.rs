//! A validator for the part of JSON Schema that tools describe their arguments with.
//!
//! A crate for all of JSON Schema brings some eighty others with it, for tools that say which properties of which types
//! there are. This one knows `type`, `properties`, `required`, `additionalProperties`, `items`, `enum`, and the bounds of
//! numbers, texts and lists. A keyword that it does not know is an error when the schema is compiled, never ignored; what
//! only describes (`title`, `description`, ..) is passed over. The tests of the binary, which have a full implementation at
//! hand, hold it against that.

use serde_json::{Map, Value};

/// A schema that is ready to check with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    never: bool,
    types: Vec<Type>,
    properties: Vec<(String, Schema)>,
    required: Vec<String>,
    others: Option<Box<Schema>>,
    items: Option<Box<Schema>>,
    allowed: Option<Vec<Value>>,
    number: [Option<f64>; 2],
    length: [Option<u64>; 2],
    count: [Option<u64>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A keyword that is not known here.
    #[error("the schema uses `{0}`, which is not known here")]
    Unknown(String),
    /// A keyword with a value that it cannot have.
    #[error("the schema's `{0}` has an impossible value")]
    Malformed(String),
}

/// Keywords that check nothing.
const REMARKS: [&str; 9] =
    ["title", "description", "default", "examples", "$schema", "$id", "$comment", "format", "deprecated"];

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// On a keyword that is not known or cannot have its value.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let map = match schema {
            Value::Bool(fits) => return Ok(Self { never: !fits, ..Self::default() }),
            Value::Object(map) => map,
            _ => return Err(SchemaError::Malformed("schema".to_owned())),
        };
        let mut compiled = Self::default();
        for (keyword, value) in map {
            let malformed = || SchemaError::Malformed(keyword.clone());
            let whole = || value.as_u64().ok_or_else(malformed);
            let number = || value.as_f64().ok_or_else(malformed);
            match keyword.as_str() {
                "type" => compiled.types = types(value).ok_or_else(malformed)?,
                "properties" => {
                    let map = value.as_object().ok_or_else(malformed)?;
                    let compile = |(name, schema): (&String, &Value)| Ok((name.clone(), Self::compile(schema)?));
                    compiled.properties = map.iter().map(compile).collect::<Result<_, _>>()?;
                }
                "required" => {
                    let names = value.as_array().ok_or_else(malformed)?.iter();
                    compiled.required = names
                        .map(|name| name.as_str().map(str::to_owned))
                        .collect::<Option<_>>()
                        .ok_or_else(malformed)?;
                }
                "additionalProperties" => compiled.others = Some(Box::new(Self::compile(value)?)),
                "items" => compiled.items = Some(Box::new(Self::compile(value)?)),
                "enum" => compiled.allowed = Some(value.as_array().ok_or_else(malformed)?.clone()),
                "minimum" => compiled.number[0] = Some(number()?),
                "maximum" => compiled.number[1] = Some(number()?),
                "minLength" => compiled.length[0] = Some(whole()?),
                "maxLength" => compiled.length[1] = Some(whole()?),
                "minItems" => compiled.count[0] = Some(whole()?),
                "maxItems" => compiled.count[1] = Some(whole()?),
                remark if REMARKS.contains(&remark) => {}
                unknown => return Err(SchemaError::Unknown(unknown.to_owned())),
            }
        }
        Ok(compiled)
    }

    /// Whether a value fits.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        !self.never
            && (self.types.is_empty() || self.types.iter().any(|wanted| wanted.is(value)))
            && self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|one| same(one, value)))
            && match value {
                Value::Number(number) => within(number.as_f64().unwrap_or(f64::NAN), self.number),
                Value::String(text) => bounded(self.length, || text.chars().count()),
                Value::Array(items) => {
                    bounded(self.count, || items.len())
                        && self.items.as_ref().is_none_or(|schema| items.iter().all(|item| schema.fits(item)))
                }
                Value::Object(map) => self.fits_object(map),
                Value::Null | Value::Bool(_) => true,
            }
    }

    fn fits_object(&self, map: &Map<String, Value>) -> bool {
        self.required.iter().all(|name| map.contains_key(name))
            && map.iter().all(|(name, value)| match self.properties.iter().find(|(known, _)| known == name) {
                Some((_, schema)) => schema.fits(value),
                None => self.others.as_ref().is_none_or(|schema| schema.fits(value)),
            })
    }
}

impl Type {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            // A number without a fraction is an integer, however it is written.
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }
}

fn types(value: &Value) -> Option<Vec<Type>> {
    match value {
        Value::String(name) => Type::named(name).map(|one| vec![one]),
        Value::Array(names) if !names.is_empty() => names.iter().map(|name| Type::named(name.as_str()?)).collect(),
        _ => None,
    }
}

fn within(number: f64, [least, most]: [Option<f64>; 2]) -> bool {
    least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
}

fn bounded([least, most]: [Option<u64>; 2], count: impl FnOnce() -> usize) -> bool {
    if least.is_none() && most.is_none() {
        return true;
    }
    let count = count() as u64;
    least.is_none_or(|least| count >= least) && most.is_none_or(|most| count <= most)
}

/// Equal as JSON Schema sees it: numbers by value, so that `1` is `1.0`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq() || a == b)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests;
