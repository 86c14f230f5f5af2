//! Findings, bottlenecks and what is left open, for the terminal.

use engine_core::finding::{Advice, Bottleneck, Finding, Level};

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::advice::{self as words, short};
use crate::clean::clip;

/// Longest text of a field.
const LONGEST: usize = 900;

/// All of it: every finding with its evidence, the bottleneck view, what was not assessed.
#[must_use]
pub fn advice(advice: &Advice, style: Style) -> String {
    let mut out = String::new();
    out.push_str(&style.paint(Paint::Bold, "Findings"));
    put!(out, "  {}; objective: {}\n", words::tally(advice), clip(&advice.objective, 300));
    for (number, finding) in advice.findings.iter().enumerate() {
        out.push('\n');
        whole(&mut out, number + 1, advice, finding, style);
    }
    bottlenecks(&mut out, &advice.bottlenecks, style);
    open(&mut out, advice, style);
    put!(out, "\n");
    for line in hanging(0, "Total potential", 17, &clip(&words::potential(&advice.potential), LONGEST), style.width()) {
        put!(out, "{line}\n");
    }
    style.finish(out)
}

/// What a report of a run shows: findings above low in three lines each, the rest by number.
pub(super) fn section(out: &mut String, advice: Option<&Advice>, style: Style) {
    let Some(advice) = advice.filter(|advice| !advice.findings.is_empty()) else { return };
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Findings"));
    put!(
        out,
        "  {} (`engine advise {}` shows all)\n",
        words::tally(advice),
        advice.run.get(..14).unwrap_or(&advice.run)
    );
    for finding in advice.findings.iter().filter(|finding| finding.priority.level > Level::Low) {
        head(out, finding, style);
        field(out, "cause", &finding.cause, style);
        field(out, "do", &finding.action, style);
        field(out, "gain", &words::gain(finding), style);
    }
}

const fn paint(level: Level) -> Paint {
    match level {
        Level::Critical => Paint::Bad,
        Level::High | Level::Medium => Paint::Doubt,
        Level::Low => Paint::Dim,
    }
}

fn head(out: &mut String, finding: &Finding, style: Style) {
    let level = finding.priority.level;
    out.push_str(&style.paint(paint(level), level.name()));
    put!(out, "  {} ({})", clip(&finding.title, 100), clip(&finding.rule, 60));
    put!(out, " at {}\n", clip(&finding.subject, 60));
}

fn field(out: &mut String, name: &str, text: &str, style: Style) {
    if text.is_empty() {
        return;
    }
    for line in hanging(2, name, 12, &clip(text, LONGEST), style.width()) {
        put!(out, "{line}\n");
    }
}

fn whole(out: &mut String, number: usize, advice: &Advice, finding: &Finding, style: Style) {
    put!(out, "{number}. ");
    head(out, finding, style);
    field(out, "cause", &finding.cause, style);
    for (at, evidence) in finding.evidence.iter().enumerate() {
        field(out, if at == 0 { "evidence" } else { "" }, &evidence.to_string(), style);
    }
    if !finding.also.is_empty() {
        field(out, "also at", &finding.also.join(", "), style);
    }
    field(out, "do", &finding.action, style);
    field(out, "effort", finding.effort.name(), style);
    field(out, "gain", &words::gain(finding), style);
    field(out, "model", &words::formula(finding), style);
    field(out, "proved", &words::calibration(advice, &finding.rule), style);
    field(out, "wrong when", &finding.wrong_when, style);
    field(out, "confidence", &words::confidence(finding), style);
    field(out, "priority", &finding.priority.calculation, style);
    if let Some(experiment) = &finding.experiment {
        field(out, "experiment", &experiment.describe(), style);
    }
}

fn bottlenecks(out: &mut String, views: &[Bottleneck], style: Style) {
    for view in views {
        out.push('\n');
        out.push_str(&style.paint(Paint::Bold, "Bottleneck"));
        put!(out, "  {}\n", clip(words::step(view), 80));
        let mut table = Table::new(vec![
            Column::text("resource"),
            Column::number("utilisation"),
            Column::number("saturation"),
            Column::number("errors"),
            Column::text(""),
        ]);
        for row in &view.rows {
            let mark = if row.limits { "limits" } else { "" };
            table.row(vec![
                Cell::new(clip(&row.name, 40)),
                short(row.utilisation.as_ref()).into(),
                short(row.saturation.as_ref()).into(),
                row.errors.as_ref().map_or_else(|| "-".to_owned(), |errors| short(Some(errors))).into(),
                Cell::painted(mark, Paint::Doubt),
            ]);
        }
        table.draw(out, 2, style);
        field(out, "so", &view.verdict, style);
    }
}

fn open(out: &mut String, advice: &Advice, style: Style) {
    put!(out, "\n{} rules found nothing, {} were not assessed", advice.quiet.len(), advice.not_assessed.len());
    if advice.not_assessed.is_empty() {
        out.push('\n');
        return;
    }
    out.push_str(":\n");
    for one in &advice.not_assessed {
        let text = format!("{}; needs {}", one.missing, one.needs);
        for line in hanging(2, &format!("{} ", clip(&one.rule, 40)), 32, &clip(&text, 300), style.width()) {
            out.push_str(&style.paint(Paint::Dim, &line));
            out.push('\n');
        }
    }
}
