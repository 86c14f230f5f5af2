//! A load in Markdown.

use engine_core::run::RunRecord;
use engine_core::unit::Unit;

use super::escape::{cell, name, sentence};
use crate::input::Report;
use crate::load::{self, Line, LoadView, PERCENTILES, latency};

/// Appends a section for each load.
pub(super) fn loads(out: &mut String, report: &Report<'_>) {
    let record = report.record;
    for step in &record.steps {
        if let Some(view) = load::view(record, step) {
            one(out, record, &view);
        }
    }
}

fn one(out: &mut String, record: &RunRecord, view: &LoadView<'_>) {
    put!(out, "## Load: {}\n\n{}\n\n", name(&view.step.plan.path()), sentence(&view.shape.describe()));
    let advice = load::advice(record, view);
    if !advice.is_empty() {
        out.push_str("### Analysis\n\n");
        for text in advice {
            put!(out, "- {}\n", sentence(&text));
        }
        out.push('\n');
    }
    if let Some(achieved) = view.total.as_ref().and_then(load::achieved) {
        put!(out, "Achieved: {}.\n\n", sentence(&achieved));
    }
    chart(out, view);
    if let Some(total) = &view.total {
        out.push_str("### Requests\n\n");
        table(out, "endpoint", std::iter::once(("all", total)).chain(named(&view.endpoints)));
    }
    if !view.phases.is_empty() {
        out.push_str("### Phases\n\n");
        table(out, "phase", named(&view.phases));
    }
    if !view.own.is_empty() {
        out.push_str("### Also measured\n\n| metric | median | p99 | max |\n|---|---:|---:|---:|\n");
        for [title, median, p99, max] in view.own.iter().filter_map(|measurement| load::own(measurement)) {
            put!(out, "| {} | {median} | {p99} | {max} |\n", name(&title));
        }
        out.push('\n');
    }
    if !view.errors.is_empty() {
        out.push_str("### Errors\n\n| class | times | example |\n|---|---:|---|\n");
        for errors in &view.errors {
            let example = errors.example.as_deref().unwrap_or_default();
            put!(out, "| {} | {} | {} |\n", name(&errors.class), errors.count, sentence(example));
        }
        out.push('\n');
    }
    if !view.generator.is_empty() {
        out.push_str("### Generator\n\n");
        for text in &view.generator {
            put!(out, "- {}\n", sentence(text));
        }
        out.push('\n');
    }
}

fn named(lines: &[Line]) -> impl Iterator<Item = (&str, &Line)> {
    lines.iter().map(|line| (line.name.as_str(), line))
}

fn table<'a>(out: &mut String, first: &str, lines: impl Iterator<Item = (&'a str, &'a Line)>) {
    put!(out, "| {first} | requests | rate |");
    for (percentile, _) in PERCENTILES {
        put!(out, " {percentile} |");
    }
    out.push_str(" max | errors | iterations of intended |\n|---|---:|---:|");
    out.push_str(&"---:|".repeat(PERCENTILES.len() + 2));
    out.push_str("---|\n");
    for (title, line) in lines {
        let rate = line.rate.map_or_else(|| "-".to_owned(), |rate| Unit::PerSecond.format(rate));
        put!(out, "| {} | {} | {rate} |", name(title), line.requests);
        for estimate in &line.response {
            put!(out, " {} |", cell(&latency(estimate)));
        }
        let arrivals = line.arrivals.map_or_else(String::new, |(intended, came)| {
            format!("{} of {}", Unit::PerSecond.format(came), Unit::PerSecond.format(intended))
        });
        put!(out, " {} | {arrivals} |\n", Unit::Ratio.format(line.errors.unwrap_or(0.0)));
    }
    out.push('\n');
}

fn chart(out: &mut String, view: &LoadView<'_>) {
    let Some(course) = &view.course else { return };
    let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (from, to) = course.span();
    let (rate, low, high) = course.bars(|moment| Some(moment.rate), &bars);
    put!(out, "### Course\n\n```text\n");
    put!(out, "rate  {rate}  {} .. {}\n", Unit::PerSecond.format(low), Unit::PerSecond.format(high));
    let (p99, low, high) = course.bars(|moment| moment.p99, &bars);
    put!(out, "p99   {p99}  {} .. {}\n", Unit::Seconds.format(low), Unit::Seconds.format(high));
    put!(out, "      {from:.0} s .. {to:.0} s\n```\n\n");
}
