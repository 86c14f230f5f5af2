//! Stress: a row for each background and intensity, how much slower what was measured was beside it, and what the
//! stressors did.

use engine_core::measurement::Estimate;
use engine_core::unit::Unit;

use super::escape::{cell, sentence};
use super::page::Page;
use super::sections::badge;
use crate::input::Report;
use crate::interference::{self, Interference, Own, Row, Says, bounds, factor};
use crate::number;

/// A section for each stress step.
pub(super) fn stress(page: &mut Page, report: &Report<'_>) {
    for step in &report.record.steps {
        if let Some(view) = interference::view(report.record, step).filter(|_| page.row()) {
            one(page, &view);
        }
    }
}

const fn mark(says: Says) -> (&'static str, &'static str) {
    match says {
        Says::Slower => ("bad", "✗"),
        Says::Faster => ("good", "✓"),
        Says::NoDifference => ("none", "="),
        Says::TooFew => ("warn", "?"),
    }
}

/// ` (size=4 MiB)`, or nothing.
fn of_series(series: &str) -> String {
    if series.is_empty() { String::new() } else { format!(" ({})", cell(series)) }
}

fn one(page: &mut Page, view: &Interference<'_>) {
    let compared = view.shape.measured.of().is_some();
    let note = if compared { "slowdown: lower is better, 1.00x is no difference" } else { "" };
    page.section("interference", &format!("Interference: {}", view.step.plan.path()), note);
    put!(page.out, "<p class=\"lead\">{}</p>", sentence(&view.shape.measured.describe()));
    if let Some(ending) = crate::view::ending(view.step) {
        put!(page.out, "<p>{}</p>", sentence(&ending));
        page.end();
        return;
    }
    let unit = view.unit.unwrap_or(Unit::Count);
    for (series, quiet) in &view.quiet {
        if page.row() {
            put!(
                page.out,
                "<p>Quiet{}: <span data-quiet=\"{}\"{}>{}</span></p>",
                of_series(series),
                cell(series),
                exact(quiet),
                cell(&number::with_interval(unit, quiet))
            );
        }
    }
    if compared {
        page.out.push_str("<p class=\"quiet\">Slowdown: stressed against the quiet measurements around it, median over rounds with the 95 % interval of that median.</p>");
    }
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table data-table=\"interference\"><thead><tr><th scope=\"col\">background</th><th scope=\"col\" class=\"n\">intensity</th>");
    if compared {
        page.out.push_str("<th scope=\"col\" class=\"n\">slowdown</th><th scope=\"col\" class=\"n\">95 % interval</th><th scope=\"col\" class=\"n\">measured</th><th scope=\"col\">says</th>");
    }
    page.out.push_str("<th scope=\"col\">stressor</th><th scope=\"col\" class=\"n\">its work</th><th scope=\"col\" class=\"n\">its CPU</th><th scope=\"col\" class=\"n\">verified</th></tr></thead><tbody>");
    for row in &view.rows {
        if page.row() {
            line(&mut page.out, row, compared.then_some(unit));
        }
    }
    for (series, control) in &view.control {
        if page.row() {
            put!(
                page.out,
                "<tr data-control=\"{}\"><th scope=\"row\">quiet again{}</th><td></td>{}<td></td><td>{}</td><td colspan=\"4\"></td></tr>",
                cell(series),
                of_series(series),
                slowdown(Some(control)),
                badge("none", "·", "noise")
            );
        }
    }
    page.out.push_str("</tbody></table></div>");
    page.end();
}

/// The exact value with its ends, as attributes.
fn exact(estimate: &Estimate) -> String {
    let ends = estimate.interval.map(|i| format!(" data-low=\"{:?}\" data-high=\"{:?}\"", i.low, i.high));
    format!(" data-v=\"{:?}\"{}", estimate.value, ends.unwrap_or_default())
}

/// Two cells: the factor, and its interval.
fn slowdown(estimate: Option<&Estimate>) -> String {
    match estimate {
        Some(estimate) => format!(
            "<td class=\"n\"{}><b>{}</b></td><td class=\"n quiet\">{}</td>",
            exact(estimate),
            factor(estimate.value),
            cell(&bounds(estimate))
        ),
        None => "<td class=\"n\">–</td><td></td>".to_owned(),
    }
}

fn line(out: &mut String, row: &Row, compared: Option<Unit>) {
    put!(
        out,
        "<tr data-background=\"{}\" data-intensity=\"{}\"><th scope=\"row\">{}</th><td class=\"n\">{}\u{a0}%</td>",
        cell(&row.title()),
        cell(&row.intensity),
        cell(&row.title()),
        cell(&row.intensity)
    );
    if let Some(unit) = compared {
        out.push_str(&slowdown(row.slowdown.as_ref()));
        match &row.measured {
            Some(measured) => {
                put!(out, "<td class=\"n\"{}>{}</td>", exact(measured), cell(&number::value(unit, measured.value)))
            }
            None => out.push_str("<td class=\"n\">–</td>"),
        }
        let said = row.says().map(|says| {
            let (class, mark) = mark(says);
            badge(class, mark, says.name())
        });
        let missing = row.missing.as_deref().map(|text| format!(" {}", sentence(text)));
        let none = if said.is_none() && missing.is_none() { "not measured" } else { "" };
        put!(out, "<td class=\"why\">{}{}{none}</td>", said.unwrap_or_default(), missing.unwrap_or_default());
    }
    let all = |of: &dyn Fn(&Own) -> String| row.stressors.iter().map(of).collect::<Vec<_>>().join("<br>");
    let number = |estimate: &Option<Estimate>, unit: Unit| match estimate {
        Some(found) => format!("<span{}>{}</span>", exact(found), cell(&unit.format(found.value))),
        None => "–".to_owned(),
    };
    let names = all(&|own| cell(&own.name));
    let names = match (&row.missing, compared) {
        (Some(missing), None) if names.is_empty() => sentence(missing),
        _ => names,
    };
    put!(
        out,
        "<td>{names}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        all(&|own| number(&own.rate, Unit::PerSecond)),
        all(&|own| number(&own.cpu, Unit::Ratio)),
        all(&|own| format!("<span data-v=\"{:?}\">{:.0}</span>", own.checked, own.checked))
    );
}
