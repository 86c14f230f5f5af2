//! A load on the terminal.

use engine_core::run::{RunRecord, StepRecord};
use engine_core::unit::Unit;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::clip;
use crate::load::{self, Line, LoadView, PERCENTILES, latency};

/// Endpoints that are shown; the others are in the report file.
const MOST: usize = 20;

/// Appends a section for each load.
pub(super) fn loads(out: &mut String, record: &RunRecord, style: Style) {
    for step in &record.steps {
        if let Some(view) = load::view(record, step) {
            one(out, record, &view, style);
        }
    }
}

fn one(out: &mut String, record: &RunRecord, view: &LoadView<'_>, style: Style) {
    let heading = format!("Load {}", clip(&view.step.plan.path(), 80));
    put!(out, "\n{}\n", style.paint(Paint::Bold, &heading));
    lines(out, &clip(&view.shape.describe(), 300), Paint::Dim, style);
    if let Some(ending) = crate::view::ending(view.step) {
        lines(out, &ending, Paint::Bad, style);
    }
    if let Some(achieved) = view.total.as_ref().and_then(load::achieved) {
        lines(out, &achieved, Paint::Plain, style);
    }
    table(out, view, style);
    chart(out, view, style);
    own(out, view, style);
    for errors in view.errors.iter().take(MOST) {
        let example = errors.example.as_ref().map_or_else(String::new, |example| format!(", such as: {example}"));
        lines(out, &clip(&format!("{} x {}{example}", errors.count, errors.class), 300), Paint::Bad, style);
    }
    for text in &view.generator {
        lines(out, &clip(text, 400), Paint::Dim, style);
    }
    for text in load::advice(record, view) {
        lines(out, &clip(&text, 600), Paint::Plain, style);
    }
}

fn lines(out: &mut String, text: &str, paint: Paint, style: Style) {
    for line in hanging(2, "", 0, &crate::clean::line(text), style.width()) {
        out.push_str(&style.paint(paint, &line));
        out.push('\n');
    }
}

fn table(out: &mut String, view: &LoadView<'_>, style: Style) {
    let Some(total) = &view.total else { return };
    let mut columns = vec![Column::text("endpoint, phase"), Column::number("requests"), Column::number("rate")];
    for (nth, (name, _)) in PERCENTILES.iter().enumerate() {
        let column = Column::number(*name);
        columns.push(if matches!(nth, 1 | 2 | 4) { column.optional() } else { column });
    }
    columns.extend([Column::number("max"), Column::number("errors")]);
    let mut table = Table::new(columns);
    table.row(row("all", total));
    for phase in &view.phases {
        table.row(row(&format!("phase {}", clip(&phase.name, 60)), phase));
    }
    for endpoint in view.endpoints.iter().take(MOST) {
        table.row(row(&clip(&endpoint.name, 60), endpoint));
    }
    if view.endpoints.len() > MOST {
        table.across(0, format!("{} more endpoints: see the report", view.endpoints.len() - MOST), Paint::Dim);
    }
    table.draw(out, 2, style);
}

/// Timers of the journeys, watched processes, their counters.
fn own(out: &mut String, view: &LoadView<'_>, style: Style) {
    if view.own.is_empty() {
        return;
    }
    let mut table = Table::new(vec![
        Column::text("also measured"),
        Column::number("median"),
        Column::number("p99").optional(),
        Column::number("max"),
    ]);
    for measurement in view.own.iter().take(MOST) {
        if let Some([name, median, p99, max]) = load::own(measurement) {
            table.row(vec![Cell::new(clip(&name, 60)), median.into(), p99.into(), max.into()]);
        }
    }
    if view.own.len() > MOST {
        table.across(0, format!("{} more: see the report", view.own.len() - MOST), Paint::Dim);
    }
    table.draw(out, 2, style);
}

fn row(name: &str, line: &Line) -> Vec<Cell> {
    let mut cells = vec![
        Cell::new(name),
        Cell::new(line.requests.to_string()),
        Cell::new(line.rate.map_or_else(|| "-".to_owned(), |rate| Unit::PerSecond.format(rate))),
    ];
    cells.extend(
        line.response
            .iter()
            .map(|estimate| Cell::painted(latency(estimate), if estimate.above { Paint::Doubt } else { Paint::Plain })),
    );
    let errors = line.errors.unwrap_or(0.0);
    cells.push(Cell::painted(Unit::Ratio.format(errors), if errors > 0.0 { Paint::Bad } else { Paint::Plain }));
    cells
}

fn chart(out: &mut String, view: &LoadView<'_>, style: Style) {
    let Some(course) = &view.course else { return };
    let bars: &[char] = if style.is_unicode() {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['_', '.', '-', '=', '*', '#']
    };
    let (from, to) = course.span();
    let (rate, low, high) = course.bars(|moment| Some(moment.rate), bars);
    let unit = Unit::PerSecond;
    put!(out, "  rate  {rate}  {} .. {}, {from:.0} .. {to:.0} s\n", unit.format(low), unit.format(high));
    let (p99, low, high) = course.bars(|moment| moment.p99, bars);
    put!(out, "  p99   {p99}  {} .. {}\n", Unit::Seconds.format(low), Unit::Seconds.format(high));
}

/// What the line of a load that has just ended shows: rate beside what was asked for, latencies, errors.
pub(super) fn short(step: &StepRecord) -> Option<String> {
    if !step.plan.is_load() {
        return None;
    }
    let response = step.measurements.iter().find(|m| m.metric.id == "response")?;
    let of = |p: f64| response.statistic(engine_core::measurement::Stat::Percentile(p)).map(|found| latency(&found));
    let rate = load::number(step, "rate").map(|rate| Unit::PerSecond.format(rate))?;
    let errors = load::number(step, "errors").unwrap_or(0.0);
    Some(format!("{rate}, p50 {}, p99 {}, errors {}", of(50.0)?, of(99.0)?, Unit::Ratio.format(errors)))
}

/// One window of a load as it runs: rate, users, latencies, errors, lag.
#[must_use]
pub fn window(step: &StepRecord, window: &engine_core::load::LoadWindow) -> String {
    let empty = engine_core::load::WindowRow::default();
    let row = window.total().unwrap_or(&empty);
    let rate = row.ok as f64 / window.seconds.max(1e-9);
    let of = |histogram: &Option<engine_core::histogram::Packed>, q: f64| {
        let found = histogram.as_ref().and_then(|all| all.value_at_quantile(q));
        found.map_or_else(|| "-".to_owned(), |value| Unit::Seconds.format(value.floor() as f64 / 1e9))
    };
    let phase = if window.phase.is_empty() { String::new() } else { format!(" {}", window.phase) };
    format!(
        "{}{phase} {:.0} s: {}, {} users, p50 {}, p99 {}, {} errors, lag p99 {}",
        step.plan.name,
        window.end(),
        Unit::PerSecond.format(rate),
        window.users,
        of(&row.response, 0.5),
        of(&row.response, 0.99),
        row.ended() - row.ok,
        of(&row.lag, 0.99)
    )
}
