//! A fault on the terminal.

use engine_core::fault::FaultVerdict;
use engine_core::run::RunRecord;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::clip;
use crate::fault::{self, FaultView};

/// Appends a section for each fault.
pub(super) fn faults(out: &mut String, record: &RunRecord, style: Style) {
    for number in 0..record.steps.len() {
        if let Some(view) = fault::view(record, number) {
            one(out, &view, style);
        }
    }
}

fn one(out: &mut String, view: &FaultView<'_>, style: Style) {
    let heading = format!("Fault {}", clip(&view.step.plan.path(), 80));
    put!(out, "\n{}\n", style.paint(Paint::Bold, &heading));
    lines(out, &clip(&view.shape.describe(), 300), Paint::Dim, style);
    if let Some(ending) = crate::view::ending(view.step) {
        lines(out, &ending, Paint::Bad, style);
    }
    if view.repetitions.is_empty() {
        return;
    }
    let all = |verdict| view.repetitions.iter().all(|fault| fault.verdict() == verdict);
    let any = |verdict| view.repetitions.iter().any(|fault| fault.verdict() == verdict);
    let paint = if all(FaultVerdict::Recovered) {
        Paint::Good
    } else if any(FaultVerdict::NotRecovered) {
        Paint::Bad
    } else {
        Paint::Doubt
    };
    lines(out, &view.verdict(), paint, style);
    for text in view.mechanisms() {
        lines(out, &clip(&text, 400), Paint::Plain, style);
    }
    let mut table = Table::new(vec![
        Column::text("figure"),
        Column::number("median"),
        Column::number("range").optional(),
        Column::text("").optional(),
    ]);
    for figure in &view.figures {
        let [median, range] = figure.cells();
        let bad = figure.id == "lost" && figure.most > 0.0;
        let median = Cell::painted(median, if bad { Paint::Bad } else { Paint::Plain });
        table.row(vec![Cell::new(figure.id), median, range.into(), Cell::painted(figure.title, Paint::Dim)]);
    }
    table.draw(out, 2, style);
    for record in &view.repetitions {
        let (about, marks) = fault::repetition(record);
        lines(out, &clip(&about, 400), Paint::Plain, style);
        for line in hanging(4, "", 0, &crate::clean::line(&clip(&marks, 600)), style.width()) {
            out.push_str(&style.paint(Paint::Dim, &line));
            out.push('\n');
        }
    }
    lines(out, &view.definition(), Paint::Dim, style);
}

fn lines(out: &mut String, text: &str, paint: Paint, style: Style) {
    for line in hanging(2, "", 0, &crate::clean::line(text), style.width()) {
        out.push_str(&style.paint(paint, &line));
        out.push('\n');
    }
}
