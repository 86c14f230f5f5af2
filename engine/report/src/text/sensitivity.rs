//! What a simulation found, a line for each series.

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::{clip, line};
use crate::number;

/// One series of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitivityRow {
    /// Name of the series.
    pub name: String,
    /// Runs in its history.
    pub runs: usize,
    /// What was found; none where it could not be simulated.
    pub found: Option<SensitivityCells>,
    /// Why it could not.
    pub reason: String,
}

/// Numbers of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitivityCells {
    /// Relative standard deviation of a run.
    pub noise: f64,
    /// Share in which the injected change was suspected in time, and the median number of runs.
    pub suspected: (f64, Option<f64>),
    /// The same, confirmed.
    pub confirmed: (f64, Option<f64>),
    /// The smallest change that is confirmed often enough.
    pub smallest: Option<f64>,
    /// After how many runs that one is.
    pub smallest_after: Option<f64>,
    /// Suspicions and confirmed changes in a hundred runs without any.
    pub false_alarms: [f64; 2],
}

/// The simulation for the terminal.
#[must_use]
pub fn sensitivity(rows: &[SensitivityRow], size: f64, within: usize, style: Style) -> String {
    let mut out = String::new();
    let title = format!(
        "If the next runs were {} worse: how often that is found within {within} runs, and after how many (median); the \
         smallest change that is confirmed in 9 of 10; alarms in 100 runs in which nothing changed.",
        number::share(size)
    );
    for text in hanging(0, "", 0, &title, style.width()) {
        put!(out, "{}\n", style.paint(Paint::Dim, &text));
    }
    out.push('\n');
    let mut table = Table::new(vec![
        Column::text("series"),
        Column::number("runs").optional(),
        Column::number("noise"),
        Column::number("suspected"),
        Column::number("confirmed"),
        Column::number("smallest"),
        Column::number("false: suspected").optional(),
        Column::number("confirmed").optional(),
    ]);
    for row in rows {
        let Some(found) = &row.found else {
            table.row(vec![Cell::new(clip(&row.name, 100)), Cell::new(row.runs.to_string())]);
            table.across(2, line(&row.reason), Paint::Dim);
            continue;
        };
        let tier = |(share, runs): (f64, Option<f64>)| {
            let runs = runs.map_or_else(String::new, |runs| format!(" after {runs:.0}"));
            let paint = if share >= 0.9 { Paint::Good } else { Paint::Doubt };
            Cell::painted(format!("{:.0} %{runs}", share * 100.0), paint)
        };
        let smallest = found.smallest.map_or_else(
            || "> 100 %".to_owned(),
            |size| {
                let after = found.smallest_after.map_or_else(String::new, |runs| format!(" after {runs:.0}"));
                format!("{}{after}", number::share(size))
            },
        );
        table.row(vec![
            Cell::new(clip(&row.name, 100)),
            Cell::new(row.runs.to_string()),
            Cell::new(number::share(found.noise)),
            tier(found.suspected),
            tier(found.confirmed),
            Cell::new(smallest),
            Cell::painted(format!("{:.2}", found.false_alarms[0]), Paint::Dim),
            Cell::painted(format!("{:.2}", found.false_alarms[1]), Paint::Dim),
        ]);
    }
    table.draw(&mut out, 0, style);
    style.finish(out)
}
