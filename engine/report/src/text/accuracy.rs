//! How right the alerts were, a line for each rule.

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::clip;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyRow {
    /// Its name.
    pub name: String,
    /// Whether it was replayed over the histories.
    pub replayed: bool,
    /// True alerts, false ones, and those without a label.
    pub counts: [usize; 3],
    /// Share of the alerts that were right.
    pub precision: Option<f64>,
    /// Share of what happened that was told.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
    /// Median delay in runs.
    pub delay: Option<f64>,
}

/// The scores for the terminal. The totals are alerts, labelled alerts, and regressions that nothing told of.
#[must_use]
pub fn accuracy(rows: &[AccuracyRow], [alerts, labelled, missed]: [usize; 3], style: Style) -> String {
    let mut out = String::new();
    let mut say = |text: &str, paint| {
        for text in hanging(0, "", 0, text, style.width()) {
            put!(out, "{}\n", style.paint(paint, &text));
        }
    };
    say(
        &format!("{alerts} alerts, {labelled} of them labelled; {missed} regressions that nothing told of."),
        Paint::Bold,
    );
    if labelled + missed == 0 {
        say("Label alerts with `engine alerts label ID --as true|false|ignored`, then ask again.", Paint::Plain);
        return style.finish(out);
    }
    say(
        "Precision: how many labelled alerts were right. Recall: how many of all known regressions were told. Delay: runs from \
         the first bad one until it was told. Replayed rules were run over the same histories.",
        Paint::Dim,
    );
    out.push('\n');
    let mut table = Table::new(vec![
        Column::text("rule"),
        Column::number("precision"),
        Column::number("recall"),
        Column::number("F1"),
        Column::number("delay"),
        Column::number("right"),
        Column::number("wrong"),
        Column::number("no label").optional(),
    ]);
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    for row in rows {
        let name = if row.replayed { format!("{} (replayed)", row.name) } else { row.name.clone() };
        table.row(vec![
            Cell::new(clip(&name, 40)),
            Cell::new(share(row.precision)),
            Cell::new(share(row.recall)),
            Cell::new(share(row.f1)),
            Cell::new(row.delay.map_or_else(|| "-".to_owned(), |runs| format!("{runs:.0} runs"))),
            Cell::new(row.counts[0].to_string()),
            Cell::new(row.counts[1].to_string()),
            Cell::painted(row.counts[2].to_string(), Paint::Dim),
        ]);
    }
    table.draw(&mut out, 0, style);
    style.finish(out)
}
