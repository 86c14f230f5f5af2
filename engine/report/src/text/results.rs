//! The table of results: a row per point, a matrix for a sweep of two axes, a line for a curve.

use engine_core::comparison::CaseRatio;
use engine_core::measurement::Measurement;
use engine_core::run::StepRecord;
use engine_core::step::Outcome;

use super::spark::spark;
use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::{clip, fit};
use crate::curve::Curve;
use crate::expectation::ratio;
use crate::number::{self, Scale};
use crate::view::{self, Group};

/// Points of a curve that are written out.
const POINTS: usize = 7;

/// Appends the section.
pub(super) fn results(out: &mut String, groups: &[Group<'_>], cases: &[CaseRatio], style: Style) {
    let mut table = Table::new(vec![
        Column::text("step, metric"),
        Column::number("median"),
        Column::number("95 % interval"),
        Column::number("min .. max").optional(),
        Column::number("rounds"),
    ]);
    let matrices: Vec<&Group<'_>> = groups.iter().filter(|group| fits(group, style)).collect();
    let is_matrix = |group: &Group<'_>| matrices.iter().any(|matrix| matrix.name == group.name);
    for group in groups.iter().filter(|group| !is_matrix(group)) {
        rows(&mut table, group, cases, style);
    }
    let mut text = String::new();
    if groups.iter().any(|group| !is_matrix(group)) {
        table.draw(&mut text, 2, style);
    }
    for group in matrices {
        text.push('\n');
        if let Some(table) = matrix(group) {
            let metric = group.metrics().first().copied().unwrap_or_default();
            let title = format!("{} {}, median with half its 95 % interval", clip(group.name, 60), clip(metric, 40));
            put!(text, "  {}\n", style.paint(Paint::Plain, &fit(&title, style.width() - 2)));
            table.draw(&mut text, 4, style);
            others(&mut text, group, style);
            endings(&mut text, group, style);
        }
    }
    if !text.is_empty() {
        out.push('\n');
        out.push_str(&style.paint(Paint::Bold, "Results"));
        out.push('\n');
        out.push_str(&text);
    }
}

fn fits(group: &Group<'_>, style: Style) -> bool {
    matrix(group).is_some_and(|table| table.natural_width() + 4 <= style.width())
}

/// The primary metric over two axes.
fn matrix(group: &Group<'_>) -> Option<Table> {
    let (rows, columns) = group.matrix()?;
    let mut head = vec![Column::text(format!("{} \\ {}", clip(rows.name, 20), clip(columns.name, 20)))];
    head.extend(columns.values.iter().map(|value| Column::number(clip(value, 24))));
    let mut table = Table::new(head);
    for row in &rows.values {
        let mut cells = vec![Cell::new(clip(row, 30))];
        for column in &columns.values {
            let step = group.at((rows.name, row), (columns.name, column));
            cells.push(step.map_or_else(Cell::default, cell));
        }
        table.row(cells);
    }
    Some(table)
}

fn cell(step: &StepRecord) -> Cell {
    let figures = view::primary(step).and_then(|primary| Some((primary, view::figures(primary)?)));
    match (figures, &step.outcome) {
        (Some((primary, figures)), _) => {
            let mark = if figures.tainted > 0 { " ~" } else { "" };
            let text = format!("{}{mark}", number::estimate(primary.metric.unit, &figures.estimate));
            Cell::painted(text, if figures.tainted > 0 { Paint::Doubt } else { Paint::Plain })
        }
        (None, Some(Outcome::Skipped(_))) => Cell::painted("skipped", Paint::Dim),
        (None, Some(Outcome::Failed(_))) => Cell::painted("failed", Paint::Bad),
        (None, _) => Cell::painted("-", Paint::Dim),
    }
}

/// The metrics of a matrix that it does not show.
fn others(out: &mut String, group: &Group<'_>, style: Style) {
    let names: Vec<String> = group.metrics().iter().skip(1).map(|name| clip(name, 40)).collect();
    if !names.is_empty() {
        push_lines(out, &format!("also measured, see the report: {}", names.join(", ")), style);
    }
}

/// Why points of a matrix have no number.
fn endings(out: &mut String, group: &Group<'_>, style: Style) {
    for step in &group.steps {
        if let Some(ending) = view::ending(step) {
            push_lines(out, &format!("{}: {ending}", view::point(&step.plan)), style);
        }
    }
}

fn push_lines(out: &mut String, text: &str, style: Style) {
    for line in hanging(4, "", 0, text, style.width()) {
        out.push_str(&style.paint(Paint::Dim, &line));
        out.push('\n');
    }
}

fn rows(table: &mut Table, group: &Group<'_>, cases: &[CaseRatio], style: Style) {
    let many = group.steps.len() > 1 || !group.axes.is_empty();
    if many {
        let metric = group.metrics().first().map(|metric| format!(" {}", clip(metric, 40))).unwrap_or_default();
        table.row(vec![Cell::new(format!("{}{metric}", clip(group.name, 80)))]);
    }
    for step in &group.steps {
        let name = if many { format!("  {}", group.point(step)) } else { clip(group.name, 80) };
        step_rows(table, &name, if many { 4 } else { 2 }, many, step, style);
    }
    if let Some(curve) = view::sweep(group) {
        curve_rows(table, &curve, 2, style);
    }
    for case in group.cases(cases) {
        let (mark, paint) = style.verdict(case.verdict);
        let text = format!("{mark} {} {} is {}: {}", case.case, case.metric.id, ratio(case), case.verdict.name());
        table.across(2, crate::clean::line(&clip(&text, 300)), paint);
    }
}

fn step_rows(table: &mut Table, name: &str, indent: usize, many: bool, step: &StepRecord, style: Style) {
    let scalars = step.scalars();
    let curves = view::curves(step);
    let ending = view::ending(step);
    let marks = view::marks(step);
    match (scalars.split_first(), curves.is_empty()) {
        (Some((primary, rest)), _) => {
            let shown = if many { name.to_owned() } else { format!("{name} {}", clip(&primary.metric.id, 40)) };
            figures_row(table, shown, primary);
            for other in rest {
                figures_row(table, format!("{:indent$}{}", "", clip(&other.metric.id, 40)), other);
            }
        }
        (None, false) => table.row(vec![Cell::new(name)]),
        (None, true) => {
            let text = ending.clone().unwrap_or_else(|| "no samples".to_owned());
            let failed = matches!(step.outcome, Some(Outcome::Failed(_)));
            let lead = name.len() - name.trim_start().len();
            table.across(lead, format!("{} {text}", name.trim_start()), if failed { Paint::Bad } else { Paint::Dim });
            return;
        }
    }
    if !marks.is_empty() {
        table.across(indent, view::labels(&marks), Paint::Dim);
    }
    for curve in &curves {
        curve_rows(table, curve, indent, style);
    }
    if let Some(ending) = ending {
        table.across(indent, ending, Paint::Doubt);
    }
}

fn figures_row(table: &mut Table, name: String, measurement: &Measurement) {
    let Some(figures) = view::figures(measurement) else {
        table.row(vec![name.into(), Cell::painted("no samples", Paint::Dim)]);
        return;
    };
    let unit = measurement.metric.unit;
    let estimate = &figures.estimate;
    let scale = Scale::of(unit, estimate.value);
    let tainted = figures.tainted > 0;
    let mark = if tainted { "~" } else { "" };
    table.row(vec![
        Cell::new(name),
        Cell::new(scale.value(estimate.value)),
        Cell::painted(
            number::interval(unit, estimate),
            if estimate.interval.is_some() { Paint::Plain } else { Paint::Dim },
        ),
        Cell::painted(scale.range(figures.min, figures.max), Paint::Dim),
        Cell::painted(format!("{mark}{}", estimate.rounds), if tainted { Paint::Doubt } else { Paint::Plain }),
    ]);
}

fn curve_rows(table: &mut Table, curve: &Curve<'_>, indent: usize, style: Style) {
    let (low, high) = curve.range();
    let fixed = view::labels(&curve.fixed);
    let fixed = if fixed.is_empty() { fixed } else { format!(" ({fixed})") };
    let scale = if curve.is_logarithmic() { ", logarithmic" } else { "" };
    let text = format!(
        "{} over {}{fixed}, {}{scale}",
        clip(curve.metric, 40),
        clip(curve.axis, 30),
        number::count(curve.points.len(), "point")
    );
    table.across(indent, text, Paint::Plain);
    let bars =
        format!("{} {} {}", number::value(curve.unit, low), spark(curve, style), number::value(curve.unit, high));
    table.across(indent + 2, bars, Paint::Plain);
    let chosen: Vec<String> = curve
        .chosen(POINTS)
        .into_iter()
        .map(|point| format!("{} {}", clip(point.at, 20), number::value(curve.unit, point.figures.estimate.value)))
        .map(|point| point.replace(' ', "\u{a0}"))
        .collect();
    table.across(indent + 2, chosen.join("\u{a0}· "), Paint::Dim);
}
