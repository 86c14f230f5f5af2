//! The executive summary of a run in parts, and the comment at a pull request.

use engine_core::comparison::Comparison;
use jiff::tz::TimeZone;

use super::escape::{cell, name, sentence};
use crate::executive::{Finding, expectations_in_words, findings, parts, steps_in_words};
use crate::input::Report;
use crate::moment;
use crate::view;

/// Most findings of a comment.
const TOP: usize = 3;

/// A row for each part, then what needs attention. Nothing for a run without parts.
pub(super) fn executive(out: &mut String, report: &Report<'_>) {
    let parts = parts(report);
    if parts.is_empty() {
        return;
    }
    out.push_str(
        "## Summary\n\n| part | result | steps | expectations | time | first figures |\n|---|---|---|---|---:|---|\n",
    );
    for part in &parts {
        put!(
            out,
            "| {} | {} | {} | {} | {} | {} |\n",
            name(&part.name),
            result(part.result),
            steps_in_words(part),
            expectations_in_words(part),
            moment::duration(part.seconds),
            part.figures.iter().map(|figure| cell(figure)).collect::<Vec<_>>().join("<br>")
        );
    }
    out.push('\n');
    list(out, &findings(report));
}

/// The word of a part, with a mark that shows without colours.
fn result(word: &str) -> String {
    match word {
        "ok" => "✓ ok".to_owned(),
        "failed" | "not met" => format!("✗ **{word}**"),
        other => format!("? {other}"),
    }
}

fn list(out: &mut String, findings: &[Finding]) {
    for finding in findings {
        let subject = if finding.subject.is_empty() { String::new() } else { format!("{}: ", name(&finding.subject)) };
        put!(out, "- {} {subject}{}\n", mark(finding.kind), sentence(&finding.text));
    }
    if !findings.is_empty() {
        out.push('\n');
    }
}

fn mark(kind: &str) -> &'static str {
    match kind {
        "failure" | "expectation" | "validity" => "✗",
        "unsure" => "?",
        _ => "!",
    }
}

/// What a comment at a pull request says: how the run ended, the verdict table, the top three findings. Its first line is a
/// mark by which the next run finds the comment and puts another text in its place.
#[must_use]
pub fn comment(report: &Report<'_>, comparison: Option<&Comparison>, zone: &TimeZone) -> String {
    let record = report.record;
    let mut out = String::from("<!-- engine -->\n");
    let scenario = &record.header.scenario.name;
    put!(out, "### Engine: {}: {}\n\n", name(scenario), sentence(&view::tally(record)));
    match comparison {
        Some(comparison) => out.push_str(&super::comparison::verdicts(comparison, zone)),
        None => out.push_str(
            "There is nothing to compare with yet: no accepted run of this scenario, branch and machine.\n\n",
        ),
    }
    let found = findings(report);
    if !found.is_empty() {
        out.push_str("**Findings**\n\n");
        list(&mut out, &found[..found.len().min(TOP)]);
        if found.len() > TOP {
            put!(out, "and {} more in the report.\n\n", found.len() - TOP);
        }
    }
    put!(out, "Run {} on {}.\n", name(record.header.id.short()), cell(&view::machine(&record.header.environment)));
    out
}
