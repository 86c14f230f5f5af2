//! One line per step, as it finishes.

use engine_core::run::StepRecord;
use engine_core::step::Outcome;

use super::spark::spark;
use super::style::{Paint, Style};
use crate::clean::{clip, fit, front, line, width};
use crate::number::{self, count};
use crate::view;

/// The line of a step that has just ended, without line end: its name, primary metric with its interval, best value of
/// a capability, rounds, and whether any of them was disturbed.
#[must_use]
pub fn result_line(step: &StepRecord, style: Style) -> String {
    let name_width = style.width() * 2 / 5;
    let (mark, paint) = match &step.outcome {
        Some(Outcome::Measured) => (style.either("✓", "+"), Paint::Good),
        Some(Outcome::Failed(_)) => (style.either("✗", "x"), Paint::Bad),
        Some(Outcome::Skipped(_)) | None => ("-", Paint::Dim),
    };
    // A long name gets half as much again, out of line: its middle is often what tells it from the others.
    let name = fit(&line(&clip(&step.plan.path(), 200)), style.width() * 3 / 5);
    let room = style.width() - name_width.max(width(&name)) - 4;
    let pad = " ".repeat(name_width.saturating_sub(width(&name)));
    let text = result_text(step, room, style);
    let paint_text = match view::ending(step) {
        Some(_) if paint == Paint::Bad => Paint::Bad,
        Some(_) => Paint::Dim,
        None => Paint::Plain,
    };
    let tainted = view::primary(step).and_then(view::figures).map_or(0, |figures| figures.tainted);
    let paint_text = if tainted > 0 && paint_text == Paint::Plain { Paint::Doubt } else { paint_text };
    let drawn = format!("{} {name}{pad}  {}", style.paint(paint, mark), style.paint(paint_text, &text));
    style.finish(drawn.trim_end().to_owned())
}

/// What that line says of the step, without its name, in `room` columns at most.
#[must_use]
pub fn result_text(step: &StepRecord, room: usize, style: Style) -> String {
    let text = view::ending(step)
        .or_else(|| super::load::short(step))
        .or_else(|| crate::interference::short(step))
        .unwrap_or_else(|| result(step, room, style));
    front(&text, room)
}

/// The fullest of several ways to put it that fits.
fn result(step: &StepRecord, room: usize, style: Style) -> String {
    let curve = curve(step, style);
    let found = view::primary(step).and_then(|primary| Some((primary, view::figures(primary)?)));
    let Some((primary, figures)) = found else { return curve.unwrap_or_else(|| "no samples".to_owned()) };
    let unit = primary.metric.unit;
    let value = number::estimate(unit, &figures.estimate);
    let named = format!("{} {value}", clip(&primary.metric.id, 24));
    let best = view::best(primary, &figures).map(|best| format!(", best {}", number::value(unit, best)));
    let best = best.unwrap_or_default();
    let mut rounds = format!(", {}", count(figures.estimate.rounds, "round"));
    if figures.tainted > 0 {
        put!(rounds, ", {} tainted", figures.tainted);
    }
    let curve = curve.map(|curve| format!(", {curve}")).unwrap_or_default();
    let ways = [format!("{named}{best}{rounds}{curve}"), format!("{named}{best}{rounds}"), format!("{named}{rounds}")];
    ways.into_iter().find(|way| width(way) <= room).unwrap_or_else(|| format!("{value}{rounds}"))
}

fn curve(step: &StepRecord, style: Style) -> Option<String> {
    let curves = view::curves(step);
    let curve = curves.first()?;
    let (low, high) = curve.range();
    let (low, high) = (number::value(curve.unit, low), number::value(curve.unit, high));
    Some(format!("{} {low} {} {high}", clip(curve.metric, 24), spark(curve, style)))
}
