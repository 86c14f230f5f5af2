//! An explanation for the terminal.

use engine_core::evidence::Explanation;

use super::style::{Paint, Style};
use super::wrap::hanging;
use crate::clean::line;

/// Title, then each part with its lines.
#[must_use]
pub fn explanation(found: &Explanation, style: Style) -> String {
    let mut out = String::new();
    for text in hanging(0, "", 0, &line(&found.title), style.width()) {
        put!(out, "{}\n", style.paint(Paint::Bold, &text));
    }
    for part in &found.parts {
        put!(out, "\n{}\n", style.paint(Paint::Bold, &line(&part.title)));
        for sentence in &part.lines {
            for text in hanging(2, "- ", 2, &line(sentence), style.width()) {
                put!(out, "{text}\n");
            }
        }
    }
    style.finish(out)
}
