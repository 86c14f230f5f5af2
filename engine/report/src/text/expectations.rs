//! The expectations, before anything else: they are what a reader came for.

use engine_core::judgement::{Judged, Judgement, Severity};

use super::style::{Paint, Style};
use super::wrap::hanging;
use crate::clean::{clip, fit, width};
use crate::expectation::{explanation, tally};
use crate::number;

/// Appends the section; nothing when the scenario expects nothing.
pub(super) fn expectations(out: &mut String, judged: &[Judged], style: Style) {
    if judged.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Expectations"));
    out.push_str("  ");
    out.push_str(&tally(judged));
    out.push('\n');
    let steps: Vec<String> = judged.iter().map(|one| clip(&one.step, 28)).collect();
    let step_width = steps.iter().map(|step| width(step)).max().unwrap_or(0);
    for (one, step) in judged.iter().zip(&steps) {
        let (mark, paint) = match (one.judgement, one.severity) {
            (Judgement::Fail, Severity::Warn) => ("!", Paint::Doubt),
            (judgement, _) => style.judgement(judgement),
        };
        let pad = " ".repeat(step_width - width(step));
        let text = clip(&one.text, 200);
        let found = one.observed.as_ref().map(|observed| number::with_interval(one.unit, observed));
        let found = found.unwrap_or_else(|| "no sample".to_owned());
        let room = style.width() - 6 - step_width;
        let short = width(&text) + 3 + width(&found) <= room;
        let text = if short { text } else { fit(&text, room) };
        out.push_str(&format_line(style, mark, paint, step, &pad, &text));
        if short {
            out.push_str("   ");
            out.push_str(&style.paint(paint, &found));
        }
        out.push('\n');
        let column = step_width + 6;
        if !short {
            let found = fit(&found, style.width() - column);
            out.push_str(&" ".repeat(column));
            out.push_str(&style.paint(paint, &found));
            out.push('\n');
        }
        // What passed needs no words.
        if one.judgement != Judgement::Pass {
            for line in hanging(column, "", 0, &explanation(one), style.width()) {
                out.push_str(&style.paint(Paint::Dim, &line));
                out.push('\n');
            }
        }
    }
}

fn format_line(style: Style, mark: &str, paint: Paint, step: &str, pad: &str, text: &str) -> String {
    format!("  {} {step}{pad}  {text}", style.paint(paint, mark))
}
