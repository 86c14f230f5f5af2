//! The end of every report: what bears on trusting it.

use super::style::{Paint, Style};
use super::wrap::hanging;
use crate::diagnosis::sections;
use crate::input::Report;

/// Columns of the headings.
const TITLES: usize = 10;

/// Appends the section.
pub(super) fn diagnostics(out: &mut String, report: &Report<'_>, style: Style) {
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Diagnostics"));
    out.push('\n');
    for section in sections(report) {
        let paint = if section.loud { Paint::Doubt } else { Paint::Plain };
        for (number, text) in section.lines.iter().enumerate() {
            let title = if number == 0 { section.title } else { "" };
            for line in hanging(2, title, TITLES, text, style.width()) {
                out.push_str(&style.paint(paint, &line));
                out.push('\n');
            }
        }
    }
}
