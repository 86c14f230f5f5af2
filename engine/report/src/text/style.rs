//! How text is drawn: width, colours, characters.

use std::borrow::Cow;

use engine_core::judgement::{Judgement, Verdict};

/// Narrowest text that is ever made.
const NARROWEST: usize = 80;
/// Widest text that is ever made: longer lines are hard to read.
const WIDEST: usize = 140;

/// How text is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    width: usize,
    colour: bool,
    unicode: bool,
}

impl Style {
    /// Text for a terminal of so many columns (taken as 80 to 140), with colours or without (`NO_COLOR`), with
    /// characters beyond ASCII or without.
    #[must_use]
    pub fn new(columns: usize, colour: bool, unicode: bool) -> Self {
        Self { width: columns.clamp(NARROWEST, WIDEST), colour, unicode }
    }

    /// Text for a file or a pipe: 100 columns, no colours.
    #[must_use]
    pub const fn plain() -> Self {
        Self { width: 100, colour: false, unicode: true }
    }

    /// Columns of the widest line.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width
    }

    pub(super) fn paint(self, paint: Paint, text: &str) -> Cow<'_, str> {
        let code = match paint {
            _ if !self.colour || text.is_empty() => return Cow::Borrowed(text),
            Paint::Plain => return Cow::Borrowed(text),
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::Bad => "31",
            Paint::Doubt => "33",
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }

    /// The mark of a judgement.
    pub(super) const fn judgement(self, judgement: Judgement) -> (&'static str, Paint) {
        match judgement {
            Judgement::Pass => (self.either("✓", "+"), Paint::Good),
            Judgement::Fail => (self.either("✗", "x"), Paint::Bad),
            Judgement::Unsure => ("?", Paint::Doubt),
            Judgement::Unjudged => (self.either("·", "."), Paint::Dim),
        }
    }

    /// The mark of a verdict.
    pub(super) const fn verdict(self, verdict: Verdict) -> (&'static str, Paint) {
        match verdict {
            Verdict::Better => (self.either("▲", "+"), Paint::Good),
            Verdict::Worse => (self.either("▼", "x"), Paint::Bad),
            Verdict::Equivalent => ("=", Paint::Plain),
            Verdict::Inconclusive => ("?", Paint::Doubt),
        }
    }

    pub(super) const fn is_unicode(self) -> bool {
        self.unicode
    }

    pub(super) const fn either(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// The finished text: our own signs beyond ASCII are replaced where the terminal has none.
    pub(super) fn finish(self, text: String) -> String {
        if self.unicode {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '±' => out.push('~'),
                '…' => out.push('~'),
                '·' => out.push('-'),
                '×' => out.push('x'),
                other if other.is_ascii() => out.push(other),
                // As wide as the original at most, so that columns stay.
                _ => out.push('?'),
            }
        }
        out
    }
}

/// What a piece of text means for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Paint {
    /// The terminal's own colour.
    #[default]
    Plain,
    /// A heading.
    Bold,
    /// Of less interest.
    Dim,
    /// Passed, better.
    Good,
    /// Failed, worse.
    Bad,
    /// Unsure, disturbed.
    Doubt,
}
