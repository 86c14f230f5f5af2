//! A series as a chart with its change points, and each change point in words.

use engine_core::change::{ChangePoint, Kind, Tier, Trend};

use super::style::{Paint, Style};
use super::wrap::hanging;
use crate::clean::clip;

/// Rows of the chart.
const ROWS: usize = 12;

/// Columns of the numbers beside it.
const MARGIN: usize = 11;

/// The series for the terminal: chart, marks below, a line for each change.
#[must_use]
pub fn trend(trend: &Trend, style: Style) -> String {
    let mut out = String::new();
    let finite = trend.values.iter().filter(|value| value.is_finite()).count();
    let missing = trend.values.len() - finite;
    put!(out, "{}", style.paint(Paint::Bold, &clip(&trend.name, 80)));
    put!(out, "  {} points", trend.values.len());
    if missing > 0 {
        put!(out, ", {missing} missing");
    }
    out.push('\n');
    chart(&mut out, trend, style);
    if trend.changes.is_empty() {
        out.push_str(if finite < 10 {
            "  too few points to say anything: 10 are needed\n"
        } else {
            "  no change found\n"
        });
    }
    for change in &trend.changes {
        let paint = if change.tier == Tier::Confirmed { Paint::Bad } else { Paint::Doubt };
        for line in hanging(2, "", 0, &sentence(change), style.width()) {
            out.push_str(&style.paint(paint, &line));
            out.push('\n');
        }
    }
    style.finish(out)
}

/// One change in words.
fn sentence(change: &ChangePoint) -> String {
    let percent = |size: f64| if size.is_finite() { format!("{:+.1} %", size * 100.0) } else { "n/a".to_owned() };
    let size = if change.size.is_finite() {
        format!("{} ({} .. {})", percent(change.size), percent(change.size_low), percent(change.size_high))
    } else {
        "from zero".to_owned()
    };
    let place = if change.low == change.high {
        format!("at point {}", change.index)
    } else {
        format!("at point {} ({} .. {})", change.index, change.low, change.high)
    };
    let what = match change.kind {
        Kind::Step => "step",
        Kind::Trend => "trend, beginning",
        Kind::Spike => "spike",
        Kind::Variance => "change of the spread",
        Kind::Return => "return to the level before,",
    };
    let note = if change.tier == Tier::Suspect { "; suspected, a few points more will tell" } else { "" };
    format!("{what} {place}: {size}{note}")
}

pub(super) fn chart(out: &mut String, trend: &Trend, style: Style) {
    let width = style.width().saturating_sub(MARGIN + 3).min(trend.values.len()).max(1);
    let column = |at: usize| at * width / trend.values.len().max(1);
    // The lowest and highest value of each column, so that no spike is lost.
    let mut ends: Vec<Option<(f64, f64)>> = vec![None; width];
    for (at, value) in trend.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let (low, high) = ends[column(at)].unwrap_or((*value, *value));
        ends[column(at)] = Some((low.min(*value), high.max(*value)));
    }
    let all = ends.iter().flatten();
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (a, b)| (low.min(*a), high.max(*b)));
    if !low.is_finite() || !high.is_finite() {
        return;
    }
    let range = if high > low { high - low } else { 1.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1 times the number of rows")]
    let row = |value: f64| (((value - low) / range) * (ROWS - 1) as f64).round() as usize;
    let (dot, bar) = if style.is_unicode() { ('•', '│') } else { ('*', '|') };
    for level in (0..ROWS).rev() {
        let number = match level {
            l if l == ROWS - 1 => short(high),
            0 => short(low),
            _ => String::new(),
        };
        let mut line = format!("{number:>MARGIN$} {bar}");
        for end in &ends {
            let filled = end.is_some_and(|(low, high)| (row(low)..=row(high)).contains(&level));
            line.push(if filled { dot } else { ' ' });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if trend.changes.is_empty() {
        return;
    }
    let mut marks = vec![' '; width];
    for change in &trend.changes {
        marks[column(change.index.min(trend.values.len() - 1))] = match (change.tier, change.kind) {
            (Tier::Suspect, _) => '?',
            (_, Kind::Step) => 'S',
            (_, Kind::Trend) => 'T',
            (_, Kind::Spike) => '!',
            (_, Kind::Variance) => 'V',
            (_, Kind::Return) => 'R',
        };
    }
    let marks: String = marks.into_iter().collect();
    put!(out, "{:>MARGIN$}  {}\n", "", style.paint(Paint::Bad, marks.trim_end()));
}

fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) { format!("{value:.3e}") } else { format!("{value:.4}") }
}
