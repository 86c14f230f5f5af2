//! Stress on the terminal: the interference table.

use engine_core::run::RunRecord;
use engine_core::unit::Unit;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::{clip, line};
use crate::interference::{self, Interference, Own, Row, Says, bounds, factor};
use crate::number;

/// Series of one background that are shown; of more only the slowest, and the others are in the report file.
const MOST: usize = 3;

/// Appends a section for each stress step.
pub(super) fn stress(out: &mut String, record: &RunRecord, style: Style) {
    for step in &record.steps {
        if let Some(view) = interference::view(record, step) {
            one(out, &view, style);
        }
    }
}

fn one(out: &mut String, view: &Interference<'_>, style: Style) {
    put!(out, "\n{}\n", style.paint(Paint::Bold, &format!("Interference {}", clip(&view.step.plan.path(), 80))));
    lines(out, &clip(&view.shape.measured.describe(), 300), Paint::Dim, style);
    if let Some(ending) = crate::view::ending(view.step) {
        return lines(out, &ending, Paint::Bad, style);
    }
    let few = view.quiet.len() <= MOST;
    for (series, quiet) in view.quiet.iter().filter(|_| few) {
        let unit = view.unit.unwrap_or(Unit::Count);
        let series = if series.is_empty() { String::new() } else { format!(" ({series})") };
        lines(out, &format!("quiet{series}: {}", number::with_interval(unit, quiet)), Paint::Plain, style);
    }
    let mut table = Table::new(columns(view));
    let rows: Vec<&Row> = if few { view.rows.iter().collect() } else { view.slowest() };
    for row in rows {
        table.row(cells(view, row));
        if let Some(missing) = &row.missing {
            table.across(2, clip(missing, 300), Paint::Doubt);
        }
    }
    for (series, control) in view.control.iter().filter(|_| few) {
        let title = if series.is_empty() { "quiet again".to_owned() } else { format!("quiet again ({series})") };
        table.row(vec![
            Cell::painted(title, Paint::Dim),
            Cell::default(),
            Cell::painted(factor(control.value), Paint::Dim),
            Cell::painted(bounds(control), Paint::Dim),
        ]);
    }
    table.draw(out, 2, style);
    if !few {
        let text = format!("the slowest of {} series each; all of them are in the report file", view.quiet.len());
        lines(out, &text, Paint::Dim, style);
    }
}

fn columns(view: &Interference<'_>) -> Vec<Column> {
    let mut columns = vec![Column::text("background"), Column::number("at")];
    if view.shape.measured.of().is_some() {
        columns.extend([
            Column::number("slowdown"),
            Column::number("95 % interval"),
            Column::number("measured").optional(),
            Column::text("").optional(),
        ]);
    }
    columns.extend([Column::number("its work").optional(), Column::number("its CPU").optional()]);
    columns
}

fn cells(view: &Interference<'_>, row: &Row) -> Vec<Cell> {
    let mut cells = vec![Cell::new(clip(&row.title(), 60)), Cell::new(format!("{} %", clip(&row.intensity, 20)))];
    if view.shape.measured.of().is_some() {
        let says = row.says();
        let paint = match says {
            Some(Says::Slower) => Paint::Doubt,
            Some(_) => Paint::Plain,
            None => Paint::Dim,
        };
        let none = || "-".to_owned();
        let unit = view.unit.unwrap_or(Unit::Count);
        cells.extend([
            Cell::painted(row.slowdown.map_or_else(none, |found| factor(found.value)), paint),
            Cell::painted(row.slowdown.map_or_else(none, |found| bounds(&found)), paint),
            Cell::new(row.measured.map_or_else(none, |found| number::value(unit, found.value))),
            Cell::painted(says.map_or("not measured", Says::name), paint),
        ]);
    }
    let all = |text: &dyn Fn(&Own) -> String| row.stressors.iter().map(text).collect::<Vec<_>>().join(", ");
    cells.push(Cell::painted(all(&|own| figure(Unit::PerSecond, own.rate.map(|rate| rate.value))), Paint::Dim));
    cells.push(Cell::painted(all(&|own| figure(Unit::Ratio, own.cpu.map(|cpu| cpu.value))), Paint::Dim));
    cells
}

fn figure(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| unit.format(value))
}

fn lines(out: &mut String, text: &str, paint: Paint, style: Style) {
    for text in hanging(2, "", 0, &line(text), style.width()) {
        out.push_str(&style.paint(paint, &text));
        out.push('\n');
    }
}
