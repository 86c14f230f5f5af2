//! Parameters of scenarios: declared by `param(..)`, given on the command line, described by `engine doc`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use engine_core::nearest::hint;
use engine_core::plan::Profile;
use engine_core::quantity::Quantity;
use engine_core::series::Labels;
use engine_core::step::Place;
use engine_core::unit::Dimension;
use rhai::{Array, Dynamic, Map};

use crate::diagnostic::{Diagnostic, ErrorClass};
use crate::fault::Fault;
use crate::quantity::Qty;
use crate::verb_options::shown;

/// A parameter as `engine doc` and `engine list params` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamDoc {
    /// Name on the command line; `suite/name` for one of an included scenario.
    pub name: String,
    /// What values it takes: `whole number`, `time`, `text`, ...
    pub kind: String,
    /// The value without `-p`, under the present profile.
    pub default: String,
    /// The value that it has.
    pub value: String,
    /// All values that it may have; any when empty.
    pub one_of: Vec<String>,
    /// One line.
    pub help: String,
    /// Where it stands.
    pub place: Place,
}

#[derive(Debug, Default)]
pub(crate) struct Params {
    values: RefCell<BTreeMap<String, Dynamic>>,
    docs: RefCell<Vec<ParamDoc>>,
    used: RefCell<BTreeSet<String>>,
}

/// What `param(..)` was given.
pub(crate) struct Asked<'a> {
    /// Full name: with the prefix of an included scenario.
    pub(crate) key: String,
    pub(crate) default: Dynamic,
    pub(crate) options: &'a Map,
    /// The value that `include(.., #{ params })` gives.
    pub(crate) included: Option<Dynamic>,
    pub(crate) place: Place,
}

impl Params {
    /// The value of a declared parameter.
    pub(crate) fn get(&self, key: &str) -> Option<Dynamic> {
        self.values.borrow().get(key).cloned()
    }

    /// `, did you mean ..?`
    pub(crate) fn near(&self, key: &str) -> String {
        hint(key, self.values.borrow().keys().map(String::as_str))
    }

    /// Declares one and gives its value.
    pub(crate) fn declare(
        &self,
        asked: &Asked<'_>,
        given: &BTreeMap<String, String>,
        profile: Profile,
    ) -> Result<Dynamic, Fault> {
        let own = match profile {
            Profile::Tiny => asked.options.get("tiny"),
            Profile::Short => asked.options.get("short"),
            Profile::Long => asked.options.get("thorough"),
            Profile::Default => None,
        };
        let usual = own.cloned().unwrap_or_else(|| asked.default.clone());
        let value = match (given.get(&asked.key), &asked.included) {
            (Some(text), _) => {
                self.used.borrow_mut().insert(asked.key.clone());
                read_as(&asked.default, text).map_err(|wanted| usage(&asked.key, &wanted, &format!("`{text}`")))?
            }
            (None, Some(value)) => match read_as(&asked.default, &value.to_string()) {
                Ok(value) => value,
                Err(wanted) => return Err(usage(&asked.key, &wanted, &shown(value))),
            },
            (None, None) => usual.clone(),
        };
        let one_of: Vec<String> = asked
            .options
            .get("one_of")
            .and_then(|list| list.read_lock::<Array>().map(|list| list.iter().map(ToString::to_string).collect()))
            .unwrap_or_default();
        if !one_of.is_empty() && !one_of.contains(&value.to_string()) {
            let near = hint(&value.to_string(), one_of.iter().map(String::as_str));
            return Err(usage(&asked.key, &format!("one of `{}`", one_of.join("`, `")), &format!("`{value}`{near}")));
        }
        let known = self.values.borrow().get(&asked.key).map(ToString::to_string);
        if known.is_some_and(|known| known != value.to_string()) {
            let message = format!("parameter `{}` is declared twice with different defaults", asked.key);
            return Err(
                Fault::invalid("duplicate", message).help(format!("read it again with `param(\"{}\")`", asked.key))
            );
        }
        let first = self.values.borrow_mut().insert(asked.key.clone(), value.clone()).is_none();
        if first {
            self.docs.borrow_mut().push(ParamDoc {
                name: asked.key.clone(),
                kind: kind_of(&asked.default),
                default: usual.to_string(),
                value: value.to_string(),
                one_of,
                help: asked.options.get("help").map_or_else(String::new, ToString::to_string),
                place: asked.place.clone(),
            });
        }
        Ok(value)
    }

    pub(crate) fn docs(&self) -> Vec<ParamDoc> {
        self.docs.borrow().clone()
    }

    /// All values as text, for the plan.
    pub(crate) fn labels(&self) -> Labels {
        self.values.borrow().iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    /// Parameters that were given and do not exist.
    pub(crate) fn unknown(&self, given: &BTreeMap<String, String>, file: &str) -> Vec<Diagnostic> {
        let used = self.used.borrow();
        let unknown = given.keys().filter(|name| !used.contains(*name));
        unknown
            .map(|name| {
                let values = self.values.borrow();
                let names: Vec<&str> = values.keys().map(String::as_str).collect();
                let near = hint(name, names.iter().copied());
                let place = Place { file: file.to_owned(), line: 0, column: 0 };
                let message = format!("the scenario has no parameter `{name}`{near}");
                let mut out = Diagnostic::error(ErrorClass::Usage, "unknown-param", message, place);
                out.help = Some(match names.as_slice() {
                    [] => "it has no parameters".to_owned(),
                    names => format!("its parameters are `{}`", names.join("`, `")),
                });
                out
            })
            .collect()
    }
}

fn usage(name: &str, wanted: &str, got: &str) -> Fault {
    Fault::new(ErrorClass::Usage, "bad-param", format!("parameter `{name}` must be {wanted}, got {got}"))
}

/// The dimension of a default that is a quantity, as a text or as a value.
fn dimension(value: &Dynamic) -> Option<Dimension> {
    if let Some(q) = value.clone().try_cast::<Qty>() {
        return Some(q.0.dimension);
    }
    let text = value.clone().into_immutable_string().ok()?;
    let quantity: Quantity = text.parse().ok()?;
    (quantity.dimension != Dimension::NONE).then_some(quantity.dimension)
}

fn kind_of(value: &Dynamic) -> String {
    match dimension(value) {
        Some(dimension) => dimension.kind().trim_start_matches("a ").to_owned(),
        None if value.is_int() => "whole number".to_owned(),
        None if value.is_float() => "number".to_owned(),
        None if value.is_bool() => "true or false".to_owned(),
        None if value.is_array() => "list".to_owned(),
        None => "text".to_owned(),
    }
}

/// Reads a text as the kind of value that the default is; on failure, what would have been right.
fn read_as(default: &Dynamic, text: &str) -> Result<Dynamic, String> {
    let digits = || text.trim().replace('_', "");
    if let Some(dimension) = dimension(default) {
        let quantity: Quantity = text.parse().map_err(|error| format!("{} ({error})", dimension.kind()))?;
        if quantity.dimension != dimension {
            return Err(dimension.kind());
        }
        let typed = default.clone().try_cast::<Qty>().is_some();
        return Ok(if typed { Dynamic::from(Qty(quantity)) } else { text.to_owned().into() });
    }
    if default.is_int() {
        return digits().parse::<i64>().map(Into::into).map_err(|_| "a whole number".to_owned());
    }
    if default.is_float() {
        let number = digits().parse::<f64>().ok().filter(|n| n.is_finite());
        return number.map(Into::into).ok_or_else(|| "a number".to_owned());
    }
    if default.is_bool() {
        return text.parse::<bool>().map(Into::into).map_err(|_| "`true` or `false`".to_owned());
    }
    if let Some(items) = default.read_lock::<Array>() {
        let model = items.first().cloned().unwrap_or_else(|| "".into());
        let parts = text.trim_start_matches('[').trim_end_matches(']').split(',');
        let parts: Result<Array, String> = parts.map(|part| read_as(&model, part.trim().trim_matches('"'))).collect();
        return parts.map(Dynamic::from_array).map_err(|wanted| format!("a list, with commas, of items each {wanted}"));
    }
    Ok(text.to_owned().into())
}
