//! The executive summary of a run in parts: what each came to, and what needs attention first.

use super::escape::{cell, sentence};
use super::page::Page;
use super::sections::badge;
use crate::executive::{Finding, PartSummary, expectations_in_words, findings, parts, steps_in_words};
use crate::input::Report;
use crate::moment;

/// Findings that are seen at once.
const FIRST: usize = 10;

/// A row for each part, then what needs attention. Nothing for a run without parts.
pub(super) fn executive(page: &mut Page, report: &Report<'_>) {
    let parts = parts(report);
    if parts.is_empty() {
        return;
    }
    page.section("summary", "Summary", "the run in its parts");
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table data-table=\"parts\"><thead><tr><th scope=\"col\">part</th><th scope=\"col\">result</th><th scope=\"col\">steps</th><th scope=\"col\">expectations</th><th scope=\"col\" class=\"n\">time in rounds</th><th scope=\"col\">first figures</th></tr></thead><tbody>");
    for part in &parts {
        if page.row() {
            row(&mut page.out, part);
        }
    }
    page.out.push_str("</tbody></table></div>");
    let found = findings(report);
    if !found.is_empty() {
        put!(page.out, "<h3>What needs attention</h3><ul class=\"attention\">");
        let (first, rest) = found.split_at(if found.len() > FIRST + 2 { FIRST } else { found.len() });
        list(page, first);
        page.out.push_str("</ul>");
        if !rest.is_empty() {
            put!(page.out, "<details><summary>{} more</summary><ul class=\"attention\">", rest.len());
            list(page, rest);
            page.out.push_str("</ul></details>");
        }
    }
    page.end();
}

/// Counts stand in attributes too, in the order of the words: a program can read them back.
fn row(out: &mut String, part: &PartSummary) {
    let (class, mark) = match part.result {
        "ok" => ("good", "✓"),
        "failed" | "not met" => ("bad", "✗"),
        "skipped" => ("none", "·"),
        _ => ("warn", "?"),
    };
    let counts = |all: &[usize]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    put!(
        out,
        "<tr data-part=\"{}\"><th scope=\"row\">{}</th><td>{}</td><td data-counts=\"{}\">{}</td><td data-counts=\"{}\">{}</td><td class=\"n\" data-v=\"{:?}\">{}</td><td>",
        cell(&part.name),
        cell(&part.name),
        badge(class, mark, part.result),
        counts(&part.steps),
        steps_in_words(part),
        counts(&part.expectations),
        expectations_in_words(part),
        part.seconds,
        moment::duration(part.seconds)
    );
    out.push_str(&part.figures.iter().map(|figure| cell(figure)).collect::<Vec<_>>().join("<br>"));
    out.push_str("</td></tr>");
}

fn list(page: &mut Page, findings: &[Finding]) {
    for finding in findings {
        if !page.row() {
            continue;
        }
        let (class, mark) = match finding.kind {
            "failure" | "expectation" | "validity" => ("bad", "✗"),
            "unsure" => ("warn", "?"),
            _ => ("warn", "!"),
        };
        let subject =
            if finding.subject.is_empty() { String::new() } else { format!("<b>{}</b> ", cell(&finding.subject)) };
        put!(page.out, "<li>{} {subject}{}</li>", badge(class, mark, finding.kind), sentence(&finding.text));
    }
}
