//! Stress in Markdown: the interference table.

use engine_core::unit::Unit;

use super::escape::{cell, name, sentence};
use crate::input::Report;
use crate::interference::{self, Interference, Says, bounds, factor};
use crate::number;

/// Appends a section for each stress step.
pub(super) fn stress(out: &mut String, report: &Report<'_>) {
    for step in &report.record.steps {
        if let Some(view) = interference::view(report.record, step) {
            one(out, &view);
        }
    }
}

fn one(out: &mut String, view: &Interference<'_>) {
    let path = name(&view.step.plan.path());
    put!(out, "## Interference: {path}\n\n{}.\n\n", sentence(&view.shape.measured.describe()));
    if let Some(ending) = crate::view::ending(view.step) {
        put!(out, "{}\n\n", sentence(&ending));
        return;
    }
    let unit = view.unit.unwrap_or(Unit::Count);
    for (series, quiet) in &view.quiet {
        let series = if series.is_empty() { String::new() } else { format!(" ({})", sentence(series)) };
        put!(out, "Quiet{series}: {}.\n\n", cell(&number::with_interval(unit, quiet)));
    }
    let compared = view.shape.measured.of().is_some();
    if compared {
        out.push_str(
            "Slowdown: stressed against the quiet measurements around it, median over rounds with the 95 % interval of that median.\n\n",
        );
    }
    let (head, line) =
        if compared { ("slowdown | 95 % interval | measured | | ", "---:|---:|---:|---|") } else { ("", "") };
    put!(out, "| background | intensity | {head}stressor | its work | its CPU | verified |\n");
    put!(out, "|---|---:|{line}---|---:|---:|---:|\n");
    for row in &view.rows {
        put!(out, "| {} | {} % |", name(&row.title()), name(&row.intensity));
        if compared {
            let says = row.missing.as_deref().or(row.says().map(Says::name)).unwrap_or("not measured");
            let slowdown =
                row.slowdown.map_or_else(|| " | ".to_owned(), |it| format!("{} | {}", factor(it.value), bounds(&it)));
            let measured = row.measured.map_or_else(String::new, |it| number::value(unit, it.value));
            put!(out, " {slowdown} | {measured} | {} |", sentence(says));
        }
        let all =
            |text: &dyn Fn(&interference::Own) -> String| row.stressors.iter().map(text).collect::<Vec<_>>().join(", ");
        let names = all(&|own| name(&own.name));
        let names = if names.is_empty() { sentence(row.missing.as_deref().unwrap_or("")) } else { names };
        let rate = all(&|own| own.rate.map_or_else(String::new, |rate| Unit::PerSecond.format(rate.value)));
        let cpu = all(&|own| own.cpu.map_or_else(String::new, |cpu| Unit::Ratio.format(cpu.value)));
        let checked = all(&|own| format!("{:.0}", own.checked));
        put!(out, " {names} | {rate} | {cpu} | {checked} |\n");
    }
    for (series, control) in &view.control {
        let series = if series.is_empty() { String::new() } else { format!(" ({})", sentence(series)) };
        put!(out, "| quiet again{series} | | {} | {} | | noise | | | | |\n", factor(control.value), bounds(control));
    }
    out.push('\n');
}
