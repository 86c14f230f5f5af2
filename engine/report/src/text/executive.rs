//! The executive summary at the head of a run in parts.

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::executive::{expectations_in_words, findings, parts, steps_in_words};
use crate::input::Report;
use crate::moment;

/// Most findings that are named; the report has them all.
const FINDINGS: usize = 3;

/// A row for each part with its first figures, then what needs attention. Nothing for a run without parts.
pub(super) fn executive(out: &mut String, report: &Report<'_>, style: Style) {
    let parts = parts(report);
    if parts.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Summary"));
    out.push('\n');
    let mut table = Table::new(vec![
        Column::text("part"),
        Column::text(""),
        Column::text("steps"),
        Column::text("expectations"),
        Column::number("time"),
    ]);
    for part in &parts {
        let paint = match part.result {
            "ok" => Paint::Good,
            "failed" | "not met" => Paint::Bad,
            _ => Paint::Doubt,
        };
        table.row(vec![
            Cell::new(part.name.clone()),
            Cell::painted(part.result, paint),
            Cell::new(steps_in_words(part)),
            Cell::new(expectations_in_words(part)),
            Cell::new(moment::duration(part.seconds)),
        ]);
        if !part.figures.is_empty() {
            table.across(2, part.figures.join(" · "), Paint::Dim);
        }
    }
    table.draw(out, 2, style);
    let found = findings(report);
    for finding in found.iter().take(FINDINGS) {
        let subject = if finding.subject.is_empty() { String::new() } else { format!("{}: ", finding.subject) };
        for line in hanging(2, "! ", 2, &format!("{subject}{}", finding.text), style.width()) {
            out.push_str(&style.paint(Paint::Doubt, &line));
            out.push('\n');
        }
    }
    if found.len() > FINDINGS {
        out.push_str(&style.paint(Paint::Dim, &format!("  and {} more, below", found.len() - FINDINGS)));
        out.push('\n');
    }
}
