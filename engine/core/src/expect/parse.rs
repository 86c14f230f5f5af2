//! Reading an expectation: one pass over the text, by hand, so that every error knows its column.

use super::claim::{Amount, Claim, Expectation, Op, Selector, Value};
use super::error::{ExpectError, Problem};
use crate::judgement::Severity;
use crate::measurement::Stat;
use crate::nearest::hint;
use crate::quantity::{QuantityError, split_number};
use crate::series::Labels;
use crate::unit::Dimension;

/// Values on the right side that are words.
pub(super) const WORDS: [&str; 4] = ["baseline", "expected", "reference", "target"];
/// Statistics, for hints; any percentile may stand for the last three.
const STATS: [&str; 11] = ["median", "mean", "min", "max", "n", "spread", "last", "slope", "p50", "p95", "p99"];

pub(super) fn expectation(text: &str) -> Result<Expectation, ExpectError> {
    let mut cursor = Cursor { text, at: 0 };
    let left = cursor.selector("a metric or a statistic")?;
    let op = cursor.op()?;
    let (mut right, mut offsets) = (Vec::new(), Vec::new());
    loop {
        cursor.skip_space();
        offsets.push(cursor.at);
        right.push(cursor.value()?);
        cursor.skip_space();
        if !cursor.eat("*") {
            break;
        }
    }
    let mut claim = Claim { left, op, right, windows: None, within: None, severity: Severity::Fail };
    cursor.clauses(&mut claim)?;
    Ok(Expectation { text: text.to_owned(), claim, offsets })
}

/// Takes `.slope` and then the longest statistic off the end of a dotted name; what is left is the metric.
pub(super) fn split_name(name: &str) -> (Option<&str>, Option<Stat>, bool) {
    let (name, slope) = match name.strip_suffix("slope") {
        Some("") => return (None, None, true),
        Some(rest) if rest.ends_with('.') => (&rest[..rest.len() - 1], true),
        _ => (name, false),
    };
    // `p99.9` has a dot of its own, so the last two parts are tried before the last one.
    let starts = name.rmatch_indices('.').map(|(dot, _)| dot + 1).chain([0]);
    let candidates: Vec<usize> = starts.take(2).collect();
    for start in candidates.into_iter().rev() {
        if let Ok(stat) = name[start..].parse::<Stat>() {
            let metric = if start == 0 { None } else { Some(&name[..start - 1]) };
            return (metric, Some(stat), slope);
        }
    }
    (Some(name), None, slope)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// The longest run of characters that satisfy `of`.
    fn run(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !of(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn fail(&self, offset: usize, problem: Problem) -> ExpectError {
        ExpectError::new(self.text, offset, problem)
    }

    /// What stands at the cursor: a word, a run of signs, or the end.
    fn found(&self) -> String {
        let rest = self.rest().trim_start();
        let Some(first) = rest.chars().next() else { return "the end".to_owned() };
        let end = rest.find(|c: char| c.is_whitespace() || is_name(c) != is_name(first)).unwrap_or(rest.len());
        format!("`{}`", &rest[..end])
    }

    fn expected(&self, wanted: impl Into<String>, candidates: &[&str]) -> ExpectError {
        let found = self.found();
        let hint = hint(found.trim_matches('`'), candidates.iter().copied());
        let offset = self.text.len() - self.rest().trim_start().len();
        self.fail(offset, Problem::Expected { wanted: wanted.into(), found, hint })
    }

    fn selector(&mut self, wanted: &str) -> Result<Selector, ExpectError> {
        self.skip_space();
        let start = self.at;
        if !self.rest().starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(self.expected(wanted, &[]));
        }
        let name = self.run(is_name);
        if name.split('.').any(str::is_empty) {
            let wanted = "a name without an empty part between dots".to_owned();
            return Err(self.fail(start, Problem::Expected { wanted, found: format!("`{name}`"), hint: String::new() }));
        }
        let (metric, stat, slope) = split_name(name);
        let mut selector =
            Selector { metric: metric.map(str::to_owned), labels: Labels::new(), stat, slope, window: None };
        if self.rest().starts_with('{') {
            if stat.is_some() || slope {
                let metric = metric.unwrap_or("METRIC");
                let stat = name.strip_prefix(metric).unwrap_or(name).trim_start_matches('.');
                let wanted = format!("the labels before the statistic (`{metric}{{..}}.{stat}`)");
                return Err(self.expected(wanted, &[]));
            }
            selector.labels = self.labels()?;
            if self.eat(".") {
                let behind = self.at;
                let name = self.run(is_name);
                let (None, stat, slope) = split_name(name) else {
                    self.at = behind;
                    return Err(self.expected("a statistic (`median`, `p99`, `max`, `slope`, ..)", &STATS));
                };
                (selector.stat, selector.slope) = (stat, slope);
            }
        }
        let end = self.at;
        self.skip_space();
        if self.eat("[") {
            let inside = self.at;
            let Some(length) = self.rest().find(']') else {
                self.at = self.text.len();
                return Err(self.expected("`]` behind the window", &[]));
            };
            let text = self.rest()[..length].trim();
            selector.window = Some(self.time(inside, text, "a window")?);
            self.at = inside + length + 1;
        } else {
            self.at = end;
        }
        Ok(selector)
    }

    fn labels(&mut self) -> Result<Labels, ExpectError> {
        let mut labels = Labels::new();
        self.eat("{");
        loop {
            self.skip_space();
            let start = self.at;
            let name = self.run(is_name);
            self.skip_space();
            if name.is_empty() {
                return Err(self.expected("a label such as `phase=steady`", &[]));
            }
            if !self.eat("=") {
                return Err(self.expected(format!("`=` behind the label `{name}`"), &[]));
            }
            self.skip_space();
            let value =
                if self.eat("\"") { self.quoted()? } else { self.run(|c| c != ',' && c != '}').trim().to_owned() };
            if labels.get(name).is_some() {
                return Err(self.fail(start, Problem::LabelTwice(name.to_owned())));
            }
            labels = labels.with(name, value);
            self.skip_space();
            if self.eat("}") {
                return Ok(labels);
            }
            if !self.eat(",") {
                return Err(self.expected("`,` or `}` behind the label", &[]));
            }
        }
    }

    /// The rest of a quoted value, the closing quote included.
    fn quoted(&mut self) -> Result<String, ExpectError> {
        let mut value = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += at + 1;
                    return Ok(value);
                }
                '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        Err(self.expected("`\"` behind the label's value", &[]))
    }

    fn op(&mut self) -> Result<Op, ExpectError> {
        self.skip_space();
        let signs = self.rest().find(|c| !matches!(c, '<' | '>' | '=' | '!' | '~')).unwrap_or(self.rest().len());
        let token = &self.rest()[..signs];
        if let Some(op) = Op::ALL.into_iter().find(|op| op.symbol() == token) {
            self.at += token.len();
            return Ok(op);
        }
        let likely = match token {
            "=" | "===" => ", did you mean `==`?",
            "=<" => ", did you mean `<=`?",
            "=>" => ", did you mean `>=`?",
            "<>" | "!" | "~=" | "!==" => ", did you mean `!=`?",
            _ => "",
        };
        let wanted = "a comparison (`<`, `<=`, `>`, `>=`, `==`, `!=`)".to_owned();
        let found = self.found();
        Err(self.fail(self.at, Problem::Expected { wanted, found, hint: likely.to_owned() }))
    }

    fn value(&mut self) -> Result<Value, ExpectError> {
        self.skip_space();
        let rest = self.rest();
        if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
            return self.amount().map(Value::Amount);
        }
        let start = self.at;
        let selector = self.selector("a number, `baseline`, `reference`, `expected`, `target` or a metric")?;
        let plain = Selector { metric: selector.metric.clone(), ..Selector::default() } == selector;
        match selector.metric.as_deref() {
            Some("baseline") if plain => Ok(Value::Baseline),
            Some("reference") if plain => Ok(Value::Reference),
            Some("target") if plain => Ok(Value::Target),
            Some("expected") if plain => Ok(Value::Expected),
            Some(word) if WORDS.contains(&word) => {
                let wanted = format!("`{word}` alone (it has the labels and the statistic of the left side)");
                let found = format!("`{}`", self.text[start..self.at].trim());
                Err(self.fail(start, Problem::Expected { wanted, found, hint: String::new() }))
            }
            _ => Ok(Value::Selector(selector)),
        }
    }

    fn amount(&mut self) -> Result<Amount, ExpectError> {
        let start = self.at;
        let (number, _) = split_number(self.rest());
        self.at += number.len();
        let behind = self.at;
        self.skip_space();
        let unit = self.run(|c| !c.is_whitespace() && !matches!(c, '*' | '@'));
        let is_clause = self.at - unit.len() > behind && matches!(unit, "for" | "within");
        let unit = if is_clause || unit.is_empty() {
            self.at = behind;
            ""
        } else {
            unit
        };
        amount(number, unit).map_err(|problem| self.fail(start, problem))
    }

    /// A whole text that must be a time above zero.
    fn time(&self, offset: usize, text: &str, part: &'static str) -> Result<Amount, ExpectError> {
        let (number, unit) = split_number(text);
        let amount = amount(number, unit.trim()).map_err(|problem| self.fail(offset, problem))?;
        if amount.quantity.dimension == Dimension::TIME && amount.quantity.value > 0.0 {
            return Ok(amount);
        }
        Err(self.fail(offset, Problem::NotATime { part, got: text.to_owned() }))
    }

    fn clauses(&mut self, claim: &mut Claim) -> Result<(), ExpectError> {
        let mut severity = None;
        loop {
            self.skip_space();
            let start = self.at;
            if self.rest().is_empty() {
                claim.severity = severity.unwrap_or_default();
                return Ok(());
            }
            if self.eat("@") {
                let word = self.at;
                let found = match self.run(is_name) {
                    "abort" => Severity::Abort,
                    "warn" => Severity::Warn,
                    _ => {
                        self.at = word;
                        return Err(self.expected("`abort` or `warn` behind `@`", &["abort", "warn"]));
                    }
                };
                if severity.replace(found).is_some() {
                    return Err(self.fail(start, Problem::ClauseTwice("@")));
                }
                continue;
            }
            match self.run(is_name) {
                "for" => {
                    self.skip_space();
                    let digits = self.run(|c| c.is_ascii_digit());
                    let windows = digits.parse::<u32>().ok().filter(|windows| *windows > 0);
                    let Some(windows) = windows else {
                        self.at -= digits.len();
                        return Err(self.expected("a number of windows from 1", &[]));
                    };
                    self.skip_space();
                    let word = self.at;
                    if !matches!(self.run(is_name), "windows" | "window") {
                        self.at = word;
                        return Err(self.expected("`windows`", &["windows", "window"]));
                    }
                    if claim.left.window.is_none() {
                        return Err(self.fail(start, Problem::NoWindow { selector: claim.left.to_string() }));
                    }
                    if claim.windows.replace(windows).is_some() {
                        return Err(self.fail(start, Problem::ClauseTwice("for")));
                    }
                }
                "within" => {
                    self.skip_space();
                    let offset = self.at;
                    let amount = self.amount()?;
                    let time = self.time(offset, &amount.to_string(), "`within`")?;
                    if claim.within.replace(time).is_some() {
                        return Err(self.fail(start, Problem::ClauseTwice("within")));
                    }
                }
                _ => {
                    self.at = start;
                    let wanted = "`*`, `for N windows`, `within TIME`, `@warn`, `@abort` or the end";
                    return Err(self.expected(wanted, &["for", "within"]));
                }
            }
        }
    }
}

/// A number and its unit. It is read in its canonical form, so that what is written out reads back as the same bits.
fn amount(number: &str, unit: &str) -> Result<Amount, Problem> {
    let digits: String = number.chars().filter(|c| *c != '_').collect();
    let value: f64 = digits.parse().map_err(|_| QuantityError::NoNumber(format!("{number}{unit}")))?;
    Ok(Amount { number: value, unit: unit.to_owned(), quantity: format!("{value} {unit}").parse()? })
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}
