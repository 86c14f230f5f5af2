//! A load: its charts, and the tables of requests, phases and errors.

use engine_core::unit::Unit;

use super::charts;
use super::escape::{cell, sentence};
use super::page::Page;
use crate::input::Report;
use crate::load::{self, Line, LoadView, PERCENTILES, latency};

/// A section for each load.
pub(super) fn loads(page: &mut Page, report: &Report<'_>) {
    let record = report.record;
    for step in &record.steps {
        if let Some(view) = load::view(record, step).filter(|_| page.row()) {
            one(page, &view);
        }
    }
}

fn one(page: &mut Page, view: &LoadView<'_>) {
    page.section("load", &format!("Load: {}", view.step.plan.path()), "");
    put!(page.out, "<p class=\"lead\">{}</p>", sentence(&view.shape.describe()));
    if let Some(achieved) = view.total.as_ref().and_then(load::achieved) {
        put!(page.out, "<p>Achieved: {}.</p>", sentence(&achieved));
    }
    if let Some(total) = &view.total {
        table(page, "Requests", "endpoint", std::iter::once(("all", total)).chain(named(&view.endpoints)));
    }
    if !view.phases.is_empty() {
        table(page, "Phases", "phase", named(&view.phases));
    }
    page.out.push_str("<div class=\"charts\">");
    for chart in charts::load(view, page.detail) {
        page.chart(chart);
    }
    if let Some(chart) = charts::latency_over_rate(view.step) {
        page.chart(chart);
    }
    page.out.push_str("</div>");
    errors(page, view);
    own(page, view);
    if !view.generator.is_empty() {
        page.out.push_str("<details><summary>Generator</summary>");
        for text in &view.generator {
            if page.row() {
                put!(page.out, "<p>{}</p>", sentence(text));
            }
        }
        page.out.push_str("</details>");
    }
    page.end();
}

fn named(lines: &[Line]) -> impl Iterator<Item = (&str, &Line)> {
    lines.iter().map(|line| (line.name.as_str(), line))
}

fn table<'a>(page: &mut Page, title: &str, first: &str, lines: impl Iterator<Item = (&'a str, &'a Line)>) {
    put!(
        page.out,
        "<h3>{title}</h3><div class=\"scroll\" tabindex=\"0\"><table data-table=\"{first}\"><thead><tr><th scope=\"col\">{first}</th><th scope=\"col\" class=\"n\">requests</th><th scope=\"col\" class=\"n\">rate</th>"
    );
    for (percentile, _) in PERCENTILES {
        put!(page.out, "<th scope=\"col\" class=\"n\">{percentile}</th>");
    }
    page.out.push_str("<th scope=\"col\" class=\"n\">max</th><th scope=\"col\" class=\"n\">errors</th><th scope=\"col\" class=\"n\">iterations</th></tr></thead><tbody>");
    for (name, line) in lines {
        if !page.row() {
            continue;
        }
        put!(
            page.out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\" data-v=\"{}\">{}</td>",
            cell(name),
            line.requests,
            line.requests
        );
        cell_of(&mut page.out, Unit::PerSecond, line.rate);
        for estimate in &line.response {
            put!(page.out, "<td class=\"n\" data-v=\"{:?}\">{}</td>", estimate.value, cell(&latency(estimate)));
        }
        for _ in line.response.len()..=PERCENTILES.len() {
            page.out.push_str("<td class=\"n\">–</td>");
        }
        cell_of(&mut page.out, Unit::Ratio, line.errors.or(Some(0.0)));
        match line.arrivals {
            Some((intended, came)) => put!(
                page.out,
                "<td class=\"n\">{} of {}</td></tr>",
                Unit::PerSecond.format(came),
                Unit::PerSecond.format(intended)
            ),
            None => page.out.push_str("<td></td></tr>"),
        }
    }
    page.out.push_str("</tbody></table></div>");
}

fn cell_of(out: &mut String, unit: Unit, value: Option<f64>) {
    match value {
        Some(value) => put!(out, "<td class=\"n\" data-v=\"{value:?}\">{}</td>", unit.format(value)),
        None => out.push_str("<td class=\"n\">–</td>"),
    }
}

fn errors(page: &mut Page, view: &LoadView<'_>) {
    if view.errors.is_empty() {
        return;
    }
    page.out.push_str("<h3>Errors</h3><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">class</th><th scope=\"col\" class=\"n\">times</th><th scope=\"col\">example</th></tr></thead><tbody>");
    for errors in &view.errors {
        if page.row() {
            put!(
                page.out,
                "<tr><th scope=\"row\">{}</th><td class=\"n\" data-v=\"{}\">{}</td><td class=\"why\">{}</td></tr>",
                cell(&errors.class),
                errors.count,
                errors.count,
                sentence(errors.example.as_deref().unwrap_or_default())
            );
        }
    }
    page.out.push_str("</tbody></table></div>");
}

fn own(page: &mut Page, view: &LoadView<'_>) {
    if view.own.is_empty() {
        return;
    }
    page.out.push_str("<h3>Also measured</h3><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">metric</th><th scope=\"col\" class=\"n\">median</th><th scope=\"col\" class=\"n\">p99</th><th scope=\"col\" class=\"n\">max</th></tr></thead><tbody>");
    for [title, median, p99, max] in view.own.iter().filter_map(|measurement| load::own(measurement)) {
        if page.row() {
            put!(
                page.out,
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                cell(&title),
                cell(&median),
                cell(&p99),
                cell(&max)
            );
        }
    }
    page.out.push_str("</tbody></table></div>");
}
