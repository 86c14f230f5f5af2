//! A fault: how its repetitions ended, its figures, each repetition beside its baseline, and what happened when.

use engine_core::fault::{FaultRecord, FaultVerdict, Recovery, Seen};
use engine_core::unit::Unit;

use super::escape::{cell, sentence};
use super::page::Page;
use super::sections::badge;
use crate::fault::{self, FaultView};
use crate::input::Report;

/// A section for each fault.
pub(super) fn faults(page: &mut Page, report: &Report<'_>) {
    for number in 0..report.record.steps.len() {
        if let Some(view) = fault::view(report.record, number).filter(|_| page.row()) {
            one(page, &view);
        }
    }
}

const fn mark(verdict: FaultVerdict) -> (&'static str, &'static str) {
    match verdict {
        FaultVerdict::Recovered => ("good", "✓"),
        FaultVerdict::NotRecovered => ("bad", "✗"),
        FaultVerdict::Inconclusive => ("warn", "?"),
    }
}

fn one(page: &mut Page, view: &FaultView<'_>) {
    page.section("fault", &format!("Fault: {}", view.step.plan.path()), "times: lower is better");
    put!(page.out, "<p class=\"lead\">{}</p>", sentence(&view.shape.describe()));
    let ending = crate::view::ending(view.step);
    if let Some(ending) = &ending {
        put!(page.out, "<p>{}</p>", sentence(ending));
    }
    if view.repetitions.is_empty() {
        page.end();
        return;
    }
    put!(page.out, "<p><b>{}</b></p>", sentence(&view.verdict()));
    for text in view.mechanisms() {
        if page.row() {
            put!(page.out, "<p class=\"quiet\">{}</p>", sentence(&text));
        }
    }
    figures(page, view);
    repetitions(page, view);
    put!(page.out, "<details><summary>What the words mean</summary><p>{}</p></details>", sentence(&view.definition()));
    page.end();
}

fn figures(page: &mut Page, view: &FaultView<'_>) {
    if view.figures.is_empty() {
        return;
    }
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table data-table=\"fault-figures\"><thead><tr><th scope=\"col\">figure</th><th scope=\"col\" class=\"n\">median</th><th scope=\"col\" class=\"n\">range</th><th scope=\"col\" class=\"n\">repetitions</th><th scope=\"col\">what it is</th></tr></thead><tbody>");
    for figure in &view.figures {
        if !page.row() {
            continue;
        }
        let [median, range] = figure.cells();
        put!(
            page.out,
            "<tr data-figure=\"{}\"><th scope=\"row\">{}</th><td class=\"n\" data-v=\"{:?}\"><b>{}</b></td><td class=\"n quiet\" data-low=\"{:?}\" data-high=\"{:?}\">{}</td><td class=\"n\" data-n=\"{}\">{} of {}</td><td class=\"why\">{}</td></tr>",
            figure.id,
            figure.id,
            figure.median,
            cell(&median),
            figure.least,
            figure.most,
            cell(&range),
            figure.count,
            figure.count,
            view.repetitions.len(),
            sentence(figure.title)
        );
    }
    page.out.push_str("</tbody></table></div>");
}

fn repetitions(page: &mut Page, view: &FaultView<'_>) {
    put!(
        page.out,
        "<h3>Each repetition</h3><div class=\"scroll\" tabindex=\"0\"><table data-table=\"repetitions\"><thead><tr><th scope=\"col\">repetition</th><th scope=\"col\">ended</th>"
    );
    for title in [
        "baseline p95",
        "baseline rate",
        "baseline failed",
        "detected after",
        "worst p95",
        "lowest rate",
        "recovered after",
        "failed",
        "answers missing",
        "lost of acknowledged",
    ] {
        put!(page.out, "<th scope=\"col\" class=\"n\">{title}</th>");
    }
    page.out.push_str("</tr></thead><tbody>");
    for record in &view.repetitions {
        if page.row() {
            repetition(&mut page.out, record);
        }
    }
    page.out.push_str("</tbody></table></div><h3>Course</h3><ul class=\"course\">");
    for record in &view.repetitions {
        if !page.row() {
            continue;
        }
        let (about, _) = fault::repetition(record);
        put!(page.out, "<li>{}<ul>", sentence(&about));
        for moment in &record.marks {
            put!(
                page.out,
                "<li><span data-v=\"{:?}\">{:.2}\u{a0}s</span> {}</li>",
                moment.at,
                moment.at,
                sentence(&moment.what)
            );
        }
        page.out.push_str("</ul></li>");
    }
    page.out.push_str("</ul>");
}

fn repetition(out: &mut String, record: &FaultRecord) {
    let (class, mark) = mark(record.verdict());
    put!(
        out,
        "<tr data-repetition=\"{}\"><th scope=\"row\">{}</th><td>{}</td>",
        record.round + 1,
        record.round + 1,
        badge(class, mark, record.verdict().name())
    );
    let seen: Option<&Seen> = match &record.recovery {
        Recovery::Seen(seen) => Some(seen),
        Recovery::Inconclusive { .. } => None,
    };
    let mut number = |unit: Unit, value: Option<f64>| match value {
        Some(value) => put!(out, "<td class=\"n\" data-v=\"{value:?}\">{}</td>", cell(&unit.format(value))),
        None => out.push_str("<td class=\"n\">–</td>"),
    };
    number(Unit::Seconds, seen.map(|seen| seen.baseline.p95));
    number(Unit::PerSecond, seen.map(|seen| seen.baseline.rate));
    number(Unit::Ratio, seen.map(|seen| seen.baseline.errors));
    number(Unit::Seconds, seen.and_then(|seen| seen.detect));
    number(Unit::Seconds, seen.map(|seen| seen.worst_p95));
    number(Unit::PerSecond, seen.map(|seen| seen.worst_rate));
    number(Unit::Seconds, seen.and_then(|seen| seen.recover));
    #[expect(clippy::cast_precision_loss, reason = "requests of one repetition are far below 2^53")]
    number(Unit::Count, seen.map(|seen| seen.failed as f64));
    number(Unit::Count, seen.map(|seen| seen.lost));
    match &record.data {
        Some(data) => {
            put!(out, "<td class=\"n\" data-v=\"{}\">{} of {}</td></tr>", data.lost, data.lost, data.acknowledged)
        }
        None => out.push_str("<td class=\"n\">–</td></tr>"),
    }
}
