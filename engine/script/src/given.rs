//! The options that a verb was given: checked against its table, each complaint at the key that it is about.

use engine_core::nearest::hint;
use rhai::{Array, Dynamic, Map, NativeCallContext, Position};

use crate::fault::{At, Fault, Raised};
use crate::host::Host;
use crate::sites::Shape;
use crate::verb_options::{self, OptionDef};

/// Checked options with their places.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) map: Map,
    shape: Option<Shape>,
    call: At,
}

impl Given {
    /// Checks argument number `index` of the call against a table.
    pub(crate) fn new(
        host: &Host,
        ctx: &NativeCallContext<'_>,
        index: usize,
        map: Map,
        table: &[OptionDef],
    ) -> Raised<Self> {
        Self { map, shape: host.argument(ctx, index), call: host.at(ctx) }.checked(host, ctx.fn_name(), table)
    }

    /// Options to which a function added more: each is checked, and its place is that of the options.
    pub(crate) fn joined(
        host: &Host,
        ctx: &NativeCallContext<'_>,
        first: &Self,
        map: Map,
        table: &[OptionDef],
    ) -> Raised<Self> {
        Self { map, ..first.clone() }.checked(host, ctx.fn_name(), table)
    }

    /// The options in the map behind a key, checked against a table of their own, each complaint at its own place.
    pub(crate) fn nested(
        &self,
        host: &Host,
        ctx: &NativeCallContext<'_>,
        key: &str,
        map: Map,
        table: &[OptionDef],
    ) -> Raised<Self> {
        let inner = Self { shape: self.value_shape(host, key), ..self.clone() };
        Self::joined(host, ctx, &inner, map, table)
    }

    /// The options in the map behind a key, checked against a table of their own.
    pub(crate) fn inner(&self, host: &Host, key: &str, table: &[OptionDef]) -> Raised<Self> {
        Self { map: self.inner_map(key), shape: self.value_shape(host, key), call: self.at(key) }
            .checked(host, key, table)
    }

    /// Itself, when each option is one of the table and fits it; `whose` options they are is told otherwise.
    fn checked(self, host: &Host, whose: &str, table: &[OptionDef]) -> Raised<Self> {
        for (key, value) in &self.map {
            let Some(option) = table.iter().find(|option| option.name == key.as_str()) else {
                return Err(self.raise(unknown(whose, key, table), key));
            };
            if let Err(unfit) = option.check(value) {
                let at = unfit.item.map(|item| self.at_item(host, key, item));
                return Err(self.raise(Fault::invalid("wrong-option", unfit.message).or_at(at), key));
            }
        }
        Ok(self)
    }

    /// No options.
    pub(crate) fn none(host: &Host, ctx: &NativeCallContext<'_>) -> Self {
        Self { map: Map::new(), shape: None, call: host.at(ctx) }
    }

    /// The place of a key, else of the call.
    pub(crate) fn at(&self, key: &str) -> At {
        let found = self.shape.as_ref().and_then(|shape| shape.key(key)).map(|(pos, _)| pos);
        match found.filter(|pos| !pos.is_none()) {
            Some(pos) => At { pos, length: key.chars().count(), ..self.call.clone() },
            None => self.call.clone(),
        }
    }

    /// The place of an item of the list behind a key.
    pub(crate) fn at_item(&self, host: &Host, key: &str, item: usize) -> At {
        let shape = self.value_shape(host, key);
        match shape.as_ref().and_then(|shape| shape.item(item)) {
            Some(shape) if !shape.position().is_none() => At { pos: shape.position(), length: 1, ..self.call.clone() },
            _ => self.at(key),
        }
    }

    /// The place of a character inside the text that is an item of the list behind a key, where it is a plain literal.
    pub(crate) fn at_text(&self, host: &Host, key: &str, item: usize, column: usize) -> At {
        let shape = self.value_shape(host, key);
        let text = shape.as_ref().and_then(|shape| shape.item(item));
        match text {
            Some(Shape::Text(pos)) => inside(host, &self.call.file, *pos, column)
                .map_or_else(|| self.at_item(host, key, item), |pos| At { pos, length: 1, ..self.call.clone() }),
            _ => self.at_item(host, key, item),
        }
    }

    fn value_shape(&self, host: &Host, key: &str) -> Option<Shape> {
        let (_, shape) = self.shape.as_ref()?.key(key)?;
        let sites = host.sources.sites(&self.call.file)?;
        Some(sites.seen_through(shape))
    }

    /// Raises a fault at a key, unless it already points at a nearer place.
    pub(crate) fn raise(&self, fault: Fault, key: &str) -> Box<rhai::EvalAltResult> {
        fault.or_at(Some(self.at(key))).boxed(self.call.pos)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Dynamic> {
        self.map.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(ToString::to_string)
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).iter().map(ToString::to_string).collect()
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(|value| value.as_bool().ok())
    }

    pub(crate) fn list(&self, key: &str) -> Array {
        self.get(key).and_then(|value| value.read_lock::<Array>().map(|items| items.clone())).unwrap_or_default()
    }

    pub(crate) fn inner_map(&self, key: &str) -> Map {
        self.get(key).and_then(|value| value.read_lock::<Map>().map(|map| map.clone())).unwrap_or_default()
    }
}

/// An option that is not in the table: the nearest one that is, all of them, or why it is not there.
pub(crate) fn unknown(verb: &str, key: &str, table: &[OptionDef]) -> Fault {
    let fault = |near: &str| Fault::invalid("unknown-option", format!("`{verb}` has no option `{key}`{near}"));
    if let Some(why) = verb_options::refused(verb, key) {
        return fault("").help(why);
    }
    let near = hint(key, table.iter().map(|option| option.name));
    if near.is_empty() {
        let names: Vec<&str> = table.iter().map(|option| option.name).collect();
        return fault("").help(format!("its options are `{}`", names.join("`, `")));
    }
    fault(&near)
}

/// The position of a character of a literal text in double quotes on one line, without escapes before it.
fn inside(host: &Host, file: &str, pos: Position, column: usize) -> Option<Position> {
    let (place, line) = host.sources.place(file, pos);
    let text: String = line?.chars().skip(place.column.checked_sub(1)?).take(column + 1).collect();
    let plain = text.starts_with('"') && !text.contains('\\');
    let at = place.column + column;
    plain.then(|| Position::new(u16::try_from(place.line).unwrap_or(u16::MAX), u16::try_from(at).unwrap_or(u16::MAX)))
}
