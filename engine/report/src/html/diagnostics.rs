//! What bears on trusting the numbers.

use super::escape::{cell, sentence};
use super::page::Page;
use crate::diagnosis;
use crate::input::Report;

/// All sections of the diagnostics as a list of terms.
pub(super) fn diagnostics(page: &mut Page, report: &Report<'_>) {
    page.section("diagnostics", "Diagnostics", "");
    page.out.push_str("<dl class=\"diagnostics\">");
    for section in diagnosis::sections(report) {
        put!(page.out, "<div><dt>{}</dt>", cell(section.title));
        for line in &section.lines {
            if page.row() {
                put!(page.out, "<dd>{}</dd>", sentence(line));
            }
        }
        page.out.push_str("</div>");
    }
    page.out.push_str("</dl>");
    page.end();
}
