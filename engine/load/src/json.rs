//! One value out of a JSON text, found by scanning: nothing is built for what is passed over, and depth costs no stack.
//!
//! A path is names and indices: `user.items[2].sku`, `[0].id`, `"a.b".c` for names with dots. What is scanned over is
//! checked as far as finding the way takes: brackets must match and strings must end; numbers and words that are passed
//! over are not looked into.

use std::borrow::Cow;

use thiserror::Error;

/// A value found.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A string, its escapes resolved.
    Text(Cow<'a, str>),
    /// An object, as its text.
    Object(&'a [u8]),
    /// An array, as its text.
    Array(&'a [u8]),
}

/// Why no value was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The text has no such value.
    #[error("there is no `{0}`")]
    Missing(String),
    /// The text is not JSON, as far as it was read.
    #[error("not JSON at byte {0}")]
    Malformed(usize),
    /// The path is none.
    #[error("`{0}` is no path: names and indices, as in `items[0].sku`")]
    Path(String),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// A path, read once and used often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

impl Path {
    /// Reads a path. The empty one is the whole text.
    ///
    /// # Errors
    /// [`JsonError::Path`] if it is none.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let bad = || JsonError::Path(text.to_owned());
        let mut steps = Vec::new();
        let mut rest = text;
        let mut first = true;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or_else(bad)?;
                steps.push(Step::Index(index.trim().parse().map_err(|_| bad())?));
                rest = after;
            } else {
                if !first {
                    rest = rest.strip_prefix('.').ok_or_else(bad)?;
                }
                let (name, after) = match rest.strip_prefix('"') {
                    Some(quoted) => quoted.split_once('"').ok_or_else(bad)?,
                    None => rest.split_at(rest.find(['.', '[', ']']).unwrap_or(rest.len())),
                };
                if name.is_empty() && !rest.starts_with('"') {
                    return Err(bad());
                }
                steps.push(Step::Name(name.to_owned()));
                rest = after;
            }
            first = false;
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The value at this path. Of a name that occurs twice in one object the first counts.
    ///
    /// # Errors
    /// If there is none, or the text is not JSON on the way there.
    pub fn find<'a>(&self, text: &'a [u8]) -> Result<Value<'a>, JsonError> {
        let mut scan = Scan { text, at: 0 };
        let missing = || JsonError::Missing(self.text.clone());
        scan.space();
        for step in &self.steps {
            let found = match step {
                Step::Name(name) => scan.enter_member(name)?,
                Step::Index(index) => scan.enter_element(*index)?,
            };
            if !found {
                return Err(missing());
            }
        }
        scan.value()
    }
}

/// The value at `path`; see [`Path`] for paths that are used often.
///
/// # Errors
/// If the path is none, there is no such value, or the text is not JSON on the way there.
pub fn find<'a>(text: &'a [u8], path: &str) -> Result<Value<'a>, JsonError> {
    Path::parse(path)?.find(text)
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn bad<T>(&self) -> Result<T, JsonError> {
        Err(JsonError::Malformed(self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` and the space around it.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let here = self.peek() == Some(byte);
        if here {
            self.at += 1;
            self.space();
        }
        here
    }

    /// Goes to the value of a member; `false` if this is no object or has none of this name.
    fn enter_member(&mut self, name: &str) -> Result<bool, JsonError> {
        if !self.take(b'{') || self.peek() == Some(b'}') {
            return Ok(false);
        }
        loop {
            let key = self.string()?;
            if !self.take(b':') {
                return self.bad();
            }
            if unescape(key).is_some_and(|key| key == name) {
                return Ok(true);
            }
            self.skip()?;
            if !self.take(b',') {
                return if self.peek() == Some(b'}') { Ok(false) } else { self.bad() };
            }
        }
    }

    /// Goes to an element; `false` if this is no array or too short.
    fn enter_element(&mut self, index: usize) -> Result<bool, JsonError> {
        if !self.take(b'[') || self.peek() == Some(b']') {
            return Ok(false);
        }
        for _ in 0..index {
            self.skip()?;
            if !self.take(b',') {
                return if self.peek() == Some(b']') { Ok(false) } else { self.bad() };
            }
        }
        Ok(true)
    }

    /// The raw bytes of a string, without its quotes; steps over it.
    fn string(&mut self) -> Result<&'a [u8], JsonError> {
        if self.peek() != Some(b'"') {
            return self.bad();
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(0x20..) => at += 1,
                _ => {
                    self.at = at.min(self.text.len());
                    return self.bad();
                }
            }
        }
        self.at = at + 1;
        Ok(&self.text[start..at])
    }

    /// Steps over a value, however deeply nested, with one bit of memory for each level: which bracket must come.
    fn skip(&mut self) -> Result<(), JsonError> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(bracket @ (b'{' | b'[')) => {
                    open.push(if bracket == b'{' { b'}' } else { b']' });
                    self.at += 1;
                }
                Some(bracket @ (b'}' | b']')) => {
                    if open.pop() != Some(bracket) {
                        return self.bad();
                    }
                    self.at += 1;
                }
                Some(b',' | b':') if !open.is_empty() => self.at += 1,
                Some(byte) if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    self.word();
                }
                _ => return self.bad(),
            }
            if open.is_empty() {
                return Ok(());
            }
            self.space();
        }
    }

    /// A number or a word.
    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn value(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                let raw = self.string()?;
                unescape(raw).map(Value::Text).ok_or(JsonError::Malformed(start))
            }
            Some(b'{') => self.skip().map(|()| Value::Object(&self.text[start..self.at])),
            Some(b'[') => self.skip().map(|()| Value::Array(&self.text[start..self.at])),
            _ => match self.word() {
                b"null" => Ok(Value::Null),
                b"true" => Ok(Value::Bool(true)),
                b"false" => Ok(Value::Bool(false)),
                word => number(word).ok_or(JsonError::Malformed(start)),
            },
        }
    }
}

/// A number by JSON's own grammar, which is narrower than Rust's.
fn number(word: &[u8]) -> Option<Value<'static>> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return None;
    }
    rest = &rest[whole..];
    let integer = rest.is_empty();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return None;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return None;
        }
        rest = &exponent[count..];
    }
    if !rest.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(word).ok()?;
    if integer && let Ok(number) = text.parse() {
        return Some(Value::Integer(number));
    }
    text.parse().ok().map(Value::Number)
}

/// A string's text; `None` if an escape is none or the bytes are no UTF-8.
fn unescape(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let hex = |chars: &mut std::str::Chars<'_>| {
        let digits = chars.as_str().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        chars.nth(3);
        u32::from_str_radix(digits, 16).ok()
    };
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        out.push(match chars.next()? {
            '"' => '"',
            '\\' => '\\',
            '/' => '/',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let mut code = hex(&mut chars)?;
                if (0xd800..0xdc00).contains(&code) {
                    // The first half of a pair.
                    if chars.next()? != '\\' || chars.next()? != 'u' {
                        return None;
                    }
                    let low = hex(&mut chars)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    code = 0x10000 + ((code - 0xd800) << 10) + low;
                }
                char::from_u32(code)?
            }
            _ => return None,
        });
    }
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = br#" { "a" : [ 1, {"b": "x\u00e9\n\ud83d\ude00", "b": 2}, [] ], "c.d": -1.5e2, "e": null, "f": true, "g": {} } "#;

    #[test]
    fn values_are_found() {
        assert_eq!(find(TEXT, "a[0]"), Ok(Value::Integer(1)));
        assert_eq!(find(TEXT, "a[1].b"), Ok(Value::Text("xé\n😀".into())));
        assert_eq!(find(TEXT, "\"c.d\""), Ok(Value::Number(-150.0)));
        assert_eq!((find(TEXT, "e"), find(TEXT, "f")), (Ok(Value::Null), Ok(Value::Bool(true))));
        assert_eq!((find(TEXT, "g"), find(TEXT, "a[2]")), (Ok(Value::Object(b"{}")), Ok(Value::Array(b"[]"))));
        for missing in ["a[3]", "a.b", "h", "e.f", "a[2][0]", "g.x"] {
            assert_eq!(find(TEXT, missing), Err(JsonError::Missing(missing.into())));
        }
        for bad in ["a..b", "a[x]", "a[1", ".a", "a]", "[0]b"] {
            assert_eq!(find(TEXT, bad), Err(JsonError::Path(bad.into())));
        }
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "[1}",
            "{\"b\":[1,2},\"a\":1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":\"\\x\"}",
        ] {
            assert!(find(text.as_bytes(), "a").is_err(), "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"a\":{}{},\"b\":7}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(find(deep.as_bytes(), "b"), Ok(Value::Integer(7)));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9..1e9_f64).prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec(("[a-c\\\\\"é]{1,3}", inner), 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Compares every value below, by its path.
    fn same(text: &[u8], path: &mut Vec<Step>, value: &serde_json::Value) {
        let here = Path { text: String::new(), steps: path.clone() };
        let found = here.find(text).unwrap();
        match value {
            serde_json::Value::Null => assert_eq!(found, Value::Null),
            serde_json::Value::Bool(want) => assert_eq!(found, Value::Bool(*want)),
            serde_json::Value::Number(want) => match found {
                Value::Integer(got) => assert_eq!(Some(got), want.as_i64()),
                Value::Number(got) => assert_eq!(Some(got), want.as_f64()),
                other => panic!("{other:?}"),
            },
            serde_json::Value::String(want) => assert_eq!(found, Value::Text(want.as_str().into())),
            serde_json::Value::Array(elements) => {
                assert!(matches!(found, Value::Array(_)));
                for (index, element) in elements.iter().enumerate() {
                    path.push(Step::Index(index));
                    same(text, path, element);
                    path.pop();
                }
            }
            serde_json::Value::Object(members) => {
                assert!(matches!(found, Value::Object(_)));
                for (name, member) in members {
                    path.push(Step::Name(name.clone()));
                    same(text, path, member);
                    path.pop();
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_parser_that_builds_a_tree(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            same(&text, &mut Vec::new(), &value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), path in "[a-c\\[\\]0-9.]{0,8}") {
            let _ = find(&bytes, &path);
        }
    }
}
