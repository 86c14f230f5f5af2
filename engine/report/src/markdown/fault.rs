//! A fault in Markdown.

use super::escape::{name, sentence};
use crate::fault::{self, FaultView};
use crate::input::Report;

/// Appends a section for each fault.
pub(super) fn faults(out: &mut String, report: &Report<'_>) {
    for number in 0..report.record.steps.len() {
        if let Some(view) = fault::view(report.record, number) {
            one(out, &view);
        }
    }
}

fn one(out: &mut String, view: &FaultView<'_>) {
    put!(out, "## Fault: {}\n\n{}.\n\n", name(&view.step.plan.path()), sentence(&view.shape.describe()));
    if view.repetitions.is_empty() {
        return;
    }
    put!(out, "**{}**\n\n", sentence(&view.verdict()));
    for text in view.mechanisms() {
        put!(out, "- {}\n", sentence(&text));
    }
    out.push_str("\n| figure | median | range | |\n|---|---:|---:|---|\n");
    for figure in &view.figures {
        let [median, range] = figure.cells();
        put!(out, "| `{}` | {median} | {range} | {} |\n", figure.id, sentence(figure.title));
    }
    out.push_str("\n### Course\n\n");
    for record in &view.repetitions {
        let (about, marks) = fault::repetition(record);
        put!(out, "- {}\n  - {}\n", sentence(&about), sentence(&marks));
    }
    put!(out, "\n{}\n\n", sentence(&view.definition()));
}
