//! The limits of rules: each has a default, and a name under which the configuration changes it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine_core::finding::{Against, Side};
use engine_core::unit::Unit;

/// One limit of a rule.
#[derive(Debug, Clone)]
pub struct LimitDef {
    /// Name within the rule.
    pub name: Cow<'static, str>,
    /// The default, in `unit`.
    pub default: f64,
    /// Unit.
    pub unit: Unit,
    /// What it limits.
    pub doc: Cow<'static, str>,
}

impl LimitDef {
    /// A limit.
    #[must_use]
    pub const fn new(name: &'static str, default: f64, unit: Unit, doc: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), default, unit, doc: Cow::Borrowed(doc) }
    }
}

/// The limits of one rule as they are set.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    rule: &'a str,
    defs: &'a [LimitDef],
    set: &'a BTreeMap<String, f64>,
}

impl<'a> Limits<'a> {
    /// Those of a rule; `set` has what the configuration says, by full name.
    #[must_use]
    pub const fn new(rule: &'a str, defs: &'a [LimitDef], set: &'a BTreeMap<String, f64>) -> Self {
        Self { rule, defs, set }
    }

    /// The value of a limit. One that the rule does not have is not a number, so that nothing passes it.
    #[must_use]
    pub fn of(&self, name: &str) -> f64 {
        let default = self.defs.iter().find(|def| def.name == name).map_or(f64::NAN, |def| def.default);
        self.set.get(&self.full(name)).copied().unwrap_or(default)
    }

    /// What a value that must be at least this was held against.
    #[must_use]
    pub fn at_least(&self, name: &str) -> Against {
        Against { setting: self.full(name), side: Side::AtLeast, value: self.of(name) }
    }

    /// What a value that must be at most this was held against.
    #[must_use]
    pub fn at_most(&self, name: &str) -> Against {
        Against { setting: self.full(name), side: Side::AtMost, value: self.of(name) }
    }

    fn full(&self, name: &str) -> String {
        format!("{}.{name}", self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_its_default_until_it_is_set() {
        let defs = [LimitDef::new("ratio", 1.5, Unit::Count, "")];
        let set = BTreeMap::from([("a.b.ratio".to_owned(), 3.0)]);
        assert_eq!(Limits::new("a.b", &defs, &BTreeMap::new()).of("ratio"), 1.5);
        let limits = Limits::new("a.b", &defs, &set);
        assert_eq!((limits.of("ratio"), limits.at_least("ratio").setting.as_str()), (3.0, "a.b.ratio"));
        assert!(limits.of("other").is_nan());
    }
}
