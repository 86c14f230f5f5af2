//! Texts: what changes a text in place also returns it. In the plain language `let t = s.trim();` gives nothing.

use rhai::{Dynamic, Engine, ImmutableString, Map};

/// Changes the text in place and returns it.
fn set(text: &mut ImmutableString, new: String) -> ImmutableString {
    *text = new.into();
    text.clone()
}

fn index(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// Longest text that padding makes; the limit on texts itself is checked by the language.
const LONGEST: usize = 1 << 20;

fn padded(text: &ImmutableString, length: i64, with: &str) -> String {
    let length = index(length).min(LONGEST);
    let missing = length.saturating_sub(text.chars().count());
    text.chars().chain(with.chars().cycle().take(missing)).collect()
}

pub(crate) fn register(engine: &mut Engine) {
    type Text = ImmutableString;
    engine.register_fn("trim", |s: &mut Text| {
        let new = s.trim().to_owned();
        set(s, new)
    });
    engine.register_fn("make_upper", |s: &mut Text| {
        let new = s.to_uppercase();
        set(s, new)
    });
    engine.register_fn("make_lower", |s: &mut Text| {
        let new = s.to_lowercase();
        set(s, new)
    });
    engine.register_fn("replace", |s: &mut Text, from: &str, to: &str| {
        let new = s.replace(from, to);
        set(s, new)
    });
    engine.register_fn("replace", |s: &mut Text, from: char, to: &str| {
        let new = s.replace(from, to);
        set(s, new)
    });
    engine.register_fn("replace", |s: &mut Text, from: &str, to: char| {
        let new = s.replace(from, &to.to_string());
        set(s, new)
    });
    engine.register_fn("replace", |s: &mut Text, from: char, to: char| {
        let new = s.replace(from, &to.to_string());
        set(s, new)
    });
    engine.register_fn("remove", |s: &mut Text, part: &str| {
        let new = s.replace(part, "");
        set(s, new)
    });
    engine.register_fn("remove", |s: &mut Text, part: char| {
        let new = s.replace(part, "");
        set(s, new)
    });
    engine.register_fn("truncate", |s: &mut Text, length: i64| {
        let new = s.chars().take(index(length)).collect();
        set(s, new)
    });
    engine.register_fn("crop", |s: &mut Text, start: i64| {
        let new = cropped(s, start, i64::MAX);
        set(s, new)
    });
    engine.register_fn("crop", |s: &mut Text, start: i64, length: i64| {
        let new = cropped(s, start, length);
        set(s, new)
    });
    engine.register_fn("pad", |s: &mut Text, length: i64, with: &str| {
        let new = padded(s, length, with);
        set(s, new)
    });
    engine.register_fn("pad", |s: &mut Text, length: i64, with: char| {
        let new = padded(s, length, &with.to_string());
        set(s, new)
    });
    // A missing property raises, so there is a way to ask for one that may be missing.
    engine.register_fn("get", |map: &mut Map, key: &str, other: Dynamic| map.get(key).cloned().unwrap_or(other));
}

/// Characters from `start`, counted from the end when negative.
fn cropped(text: &str, start: i64, length: i64) -> String {
    let have = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let start = if start < 0 { (have + start).max(0) } else { start };
    text.chars().skip(index(start)).take(index(length)).collect()
}
