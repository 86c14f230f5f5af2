//! Diagnostics: what is wrong with a scenario, where, and what to do about it.

use std::fmt::Write as _;

use engine_core::step::Place;

/// Whether it stops the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
}

/// The class of an error; the command line turns it into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// A parameter that does not exist or does not fit (2).
    Usage,
    /// The scenario is wrong (3).
    Invalid,
    /// The scenario declares no step (4).
    NothingDeclared,
    /// The script raised an error (20).
    Runtime,
    /// A permission is missing (21).
    Permission,
    /// A limit was reached (21).
    Limit,
    /// The engine itself is at fault (1).
    Internal,
}

impl ErrorClass {
    /// The exit code of the class.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::NothingDeclared => 4,
            Self::Runtime => 20,
            Self::Permission | Self::Limit => 21,
        }
    }
}

/// A link of the chain that led to a place: `included from scenarios/full.rhai:4:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// How: ``in `sweep`, called from``, `included from`, `imported from`.
    pub how: String,
    /// Where.
    pub place: Place,
}

/// One thing that is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the scenario.
    pub severity: Severity,
    /// What kind of error it is, for the exit code.
    pub class: ErrorClass,
    /// A stable word for `engine explain`: `unknown-option`, `syntax`, ... See [`crate::codes`].
    pub code: &'static str,
    /// What is wrong, one sentence.
    pub message: String,
    /// Where; line 0 when it has no line.
    pub place: Place,
    /// How many characters the caret underlines.
    pub length: usize,
    /// What to do about it.
    pub help: Option<String>,
    /// How the place was reached, innermost first.
    pub chain: Vec<Link>,
    /// The text of the line, when the place has one.
    pub line: Option<String>,
}

impl Diagnostic {
    /// An error of a class at a place.
    #[must_use]
    pub fn error(class: ErrorClass, code: &'static str, message: impl Into<String>, place: Place) -> Self {
        Self {
            severity: Severity::Error,
            class,
            code,
            message: message.into(),
            place,
            length: 1,
            help: None,
            chain: Vec::new(),
            line: None,
        }
    }

    /// Writes it for people: code, message, place, the line with a caret, the chain, the help.
    ///
    /// ```text
    /// error[unknown-option]: `memory.stream` has no option `thraeds`, did you mean `threads`?
    ///   --> a.rhai:3:24
    ///    |
    ///  3 | bench(memory::stream(#{ thraeds: 4 }));
    ///    |                         ^^^^^^^
    /// ```
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let paint =
            |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let (word, tint) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let head = format!("{word}[{}]", self.code);
        let mut out = format!("{}: {}\n", paint(tint, &head), paint("1", &plain(&self.message)));
        let number = self.place.line.to_string();
        let margin = " ".repeat(number.len());
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "{margin}{} {}", paint("1;34", "-->"), self.place);
        if let Some(line) = self.line.as_deref().filter(|_| self.place.line > 0) {
            let bar = paint("1;34", "|");
            let _ = writeln!(out, "{margin} {bar}");
            let (text, before) = window(line, self.place.column);
            let _ = writeln!(out, "{} {bar} {text}", paint("1;34", &number));
            if self.place.column > 0 {
                let room = text.chars().count().saturating_sub(before).max(1);
                let carets = "^".repeat(self.length.clamp(1, room));
                let _ = writeln!(out, "{margin} {bar} {}{}", " ".repeat(before), paint(tint, &carets));
            }
        }
        for link in &self.chain {
            let _ = writeln!(out, "{margin} {} {} {}", paint("1;34", "="), link.how, link.place);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{margin} {} {}: {}", paint("1;34", "="), paint("1", "help"), plain(help));
        }
        out
    }
}

/// The part of a long line round the column, with tabs and control characters as spaces, and how many characters of
/// it stand before the column.
fn window(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 160;
    let at = column.saturating_sub(1);
    let from = if at > WIDTH * 3 / 4 { at - WIDTH / 2 } else { 0 };
    let text: String =
        line.chars().skip(from).take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    (text.trim_end().to_owned(), at - from)
}

/// A message without control characters: a script's text must not drive the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: usize, column: usize) -> Place {
        Place { file: "a.rhai".into(), line, column }
    }

    #[test]
    fn a_diagnostic_points_at_the_word() {
        let mut d = Diagnostic::error(ErrorClass::Invalid, "unknown-option", "no option `sise`", place(12, 7));
        d.length = 4;
        d.line = Some("bench({sise: 1})".into());
        d.help = Some("see `engine doc bench`".into());
        d.chain.push(Link { how: "included from".into(), place: place(1, 1) });
        let want = "error[unknown-option]: no option `sise`\n  --> a.rhai:12:7\n   |\n12 | bench({sise: 1})\n   |       ^^^^\n   = included from a.rhai:1:1\n   = help: see `engine doc bench`\n";
        assert_eq!(d.render(false), want);
        assert!(d.render(true).contains("\x1b[1;31m^^^^\x1b[0m"));
    }

    #[test]
    fn a_hostile_line_is_shown_in_part_and_without_escapes() {
        let mut d = Diagnostic::error(ErrorClass::Invalid, "syntax", "bad \x1b[2J", place(1, 5000));
        d.line = Some("\x1b[31m".repeat(4000));
        let text = d.render(false);
        assert!(!text.contains('\x1b') && text.len() < 1000, "{text}");
    }
}
