//! What is shown when a run has ended.

use engine_core::health::{Health, HealthVerdict};
use engine_core::run::ValidityLevel;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use super::{advice, diagnostics, executive, expectations, fault, interference, load, machine, results};
use crate::clean::clip;
use crate::diagnosis::level;
use crate::expectation::tally;
use crate::input::Report;
use crate::moment;
use crate::number;
use crate::view;

/// The whole report for the terminal: what was run, the expectations, the results, what is expected of the
/// machine, its health, diagnostics.
#[must_use]
pub fn summary(report: &Report<'_>, style: Style) -> String {
    let mut out = String::new();
    header(&mut out, report, style);
    executive::executive(&mut out, report, style);
    expectations::expectations(&mut out, &report.record.judged, style);
    let groups: Vec<_> = view::groups(report.record).into_iter().filter(|group| !group.is_apart()).collect();
    results::results(&mut out, &groups, report.cases, style);
    fault::faults(&mut out, report.record, style);
    load::loads(&mut out, report.record, style);
    interference::stress(&mut out, report.record, style);
    machine::machine(&mut out, report.record, style);
    if let Some(found) = report.health {
        out.push('\n');
        out.push_str(&health(found, style));
    }
    advice::section(&mut out, report.advice, style);
    diagnostics::diagnostics(&mut out, report, style);
    verdict(&mut out, report, style);
    style.finish(out)
}

fn header(out: &mut String, report: &Report<'_>, style: Style) {
    let record = report.record;
    let header = &record.header;
    for banner in report.banners() {
        for line in hanging(0, "! ", 2, &clip(&banner, 500), style.width()) {
            out.push_str(&style.paint(Paint::Doubt, &line));
            out.push('\n');
        }
    }
    let title = clip(&header.plan.title, 200);
    let title = if title.is_empty() { title } else { format!(": {title}") };
    let title = format!("{}{title}", clip(&header.scenario.name, 80));
    for line in hanging(0, "", 0, &title, style.width()) {
        out.push_str(&style.paint(Paint::Bold, &line));
        out.push('\n');
    }
    let run = format!(
        "run {} · {} · {} · {}",
        clip(header.id.short(), 20),
        moment::for_people(header.started, &report.zone),
        moment::duration(record.duration),
        level(record.validity.level),
    );
    for text in [run, view::code(&header.code), view::machine(&header.environment)] {
        for line in hanging(0, "", 0, &text, style.width()) {
            out.push_str(&style.paint(Paint::Dim, &line));
            out.push('\n');
        }
    }
}

/// The health of a machine: the verdict, then a row for each limit.
#[must_use]
pub fn health(health: &Health, style: Style) -> String {
    let mut out = String::new();
    let paint = |verdict| match verdict {
        HealthVerdict::Healthy => Paint::Good,
        HealthVerdict::Unknown => Paint::Dim,
        HealthVerdict::Warning => Paint::Doubt,
    };
    out.push_str(&style.paint(Paint::Bold, "Health"));
    out.push_str("  ");
    out.push_str(&style.paint(paint(health.verdict), health.verdict.name()));
    out.push('\n');
    let mut table = Table::new(vec![
        Column::text("limit on"),
        Column::number("observed"),
        Column::number("limit"),
        Column::text(""),
    ]);
    for row in &health.rows {
        let observed = row.observed.map_or_else(|| "unknown".to_owned(), |value| number::value(row.unit, value));
        table.row(vec![
            Cell::new(clip(&row.name, 40)),
            Cell::painted(observed, paint(row.verdict)),
            Cell::new(row.unit.format(row.limit)),
            Cell::painted(row.verdict.name(), paint(row.verdict)),
        ]);
        if row.verdict != HealthVerdict::Healthy && !row.reason.is_empty() {
            table.across(2, clip(&row.reason, 300), Paint::Dim);
        }
    }
    table.draw(&mut out, 2, style);
    style.finish(out)
}

/// The last line: the one that stays in view.
fn verdict(out: &mut String, report: &Report<'_>, style: Style) {
    use engine_core::judgement::Judgement;
    let record = report.record;
    let has = |judgement| record.judged.iter().any(|one| one.judgement == judgement);
    let paint = match record.validity.level {
        ValidityLevel::Invalid => Paint::Bad,
        _ if has(Judgement::Fail) => Paint::Bad,
        _ if has(Judgement::Unsure) || record.validity.level == ValidityLevel::Degraded => Paint::Doubt,
        _ => Paint::Good,
    };
    let steps = view::tally(record);
    let expectations = tally(&record.judged);
    let expectations = if expectations.is_empty() { expectations } else { format!("; expectations: {expectations}") };
    let line = format!("{steps}{expectations}; {}", level(record.validity.level));
    out.push('\n');
    for line in hanging(0, "", 0, &line, style.width()) {
        out.push_str(&style.paint(paint, &line));
        out.push('\n');
    }
}
