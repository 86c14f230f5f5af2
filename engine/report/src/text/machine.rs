//! What was measured against what the machine should reach.

use engine_core::expected;
use engine_core::run::RunRecord;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::machine::{heading, remarks, rows};

/// Appends the section; nothing when nothing is expected of what was measured.
pub(super) fn machine(out: &mut String, record: &RunRecord, style: Style) {
    let rows = rows(record, &expected::of_run(record));
    if rows.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Machine"));
    out.push_str("  ");
    out.push_str(&heading(record));
    out.push('\n');
    let mut table = Table::new(vec![
        Column::text("series"),
        Column::number("measured"),
        Column::number("expected"),
        Column::number("share"),
        Column::text("by").optional(),
    ]);
    for row in rows {
        let paint = if row.beyond { Paint::Bad } else { Paint::Plain };
        table.row(vec![
            row.series.into(),
            row.measured.into(),
            row.expected.into(),
            Cell::painted(row.share, paint),
            Cell::painted(row.by, Paint::Dim),
        ]);
    }
    table.draw(out, 2, style);
    for remark in remarks(record) {
        for line in hanging(2, "", 0, &remark, style.width()) {
            out.push_str(&style.paint(Paint::Dim, &line));
            out.push('\n');
        }
    }
}
