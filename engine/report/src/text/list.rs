//! Lists of runs and baselines.

use engine_core::plan::Profile;
use engine_core::run::{RunState, ValidityLevel};
use jiff::tz::TimeZone;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use crate::clean::clip;
use crate::diagnosis::level;
use crate::input::{BaselineRow, RunRow};
use crate::moment;

/// A list of runs, one a line.
#[must_use]
pub fn runs(rows: &[RunRow], zone: &TimeZone, style: Style) -> String {
    if rows.is_empty() {
        return "no runs\n".to_owned();
    }
    let mut table = Table::new(vec![
        Column::text("run"),
        Column::text("scenario"),
        Column::text("started"),
        Column::number("took"),
        Column::text("state"),
        Column::text("expectations"),
        Column::text("commit").optional(),
        Column::text("tags").optional(),
    ]);
    for row in rows {
        let (state, paint) = state(row);
        let code = row.code.as_deref().map_or_else(|| "-".to_owned(), |code| clip(code, 14));
        let branch = row.branch.as_deref().map(|branch| format!(" {}", clip(branch, 20))).unwrap_or_default();
        table.row(vec![
            Cell::new(clip(&row.id, 16)),
            Cell::new(clip(&row.scenario, 22)),
            Cell::painted(moment::short(row.started, zone), Paint::Dim),
            Cell::new(moment::duration(row.duration)),
            Cell::painted(state, paint),
            expectations(row.expectations, style),
            Cell::new(format!("{code}{branch}")),
            Cell::painted(clip(&row.tags.join(" "), 30), Paint::Dim),
        ]);
    }
    let mut out = String::new();
    table.draw(&mut out, 0, style);
    style.finish(out)
}

fn state(row: &RunRow) -> (&'static str, Paint) {
    match (row.state, row.validity) {
        (RunState::Complete, _) if row.profile == Profile::Tiny => ("tiny", Paint::Dim),
        (RunState::Complete, ValidityLevel::Valid) => ("complete", Paint::Good),
        (RunState::Complete, validity) => (level(validity), Paint::Doubt),
        (RunState::Crashed, _) => (row.state.name(), Paint::Bad),
        (state, _) => (state.name(), Paint::Doubt),
    }
}

fn expectations([passed, failed, unsure]: [usize; 3], style: Style) -> Cell {
    let parts: Vec<String> = [(passed, style.either("✓", "+")), (failed, style.either("✗", "x")), (unsure, "?")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, mark)| format!("{number}{mark}"))
        .collect();
    let paint = match (failed, unsure) {
        (1.., _) => Paint::Bad,
        (0, 1..) => Paint::Doubt,
        (0, 0) => Paint::Plain,
    };
    Cell::painted(if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }, paint)
}

/// A list of baselines, one a line.
#[must_use]
pub fn baselines(rows: &[BaselineRow], zone: &TimeZone, style: Style) -> String {
    if rows.is_empty() {
        return "no baselines\n".to_owned();
    }
    let mut table = Table::new(vec![
        Column::text("baseline"),
        Column::text("run"),
        Column::text("scenario"),
        Column::text("branch").optional(),
        Column::text("of"),
        Column::text("set").optional(),
        Column::text("until").optional(),
        Column::text("commit").optional(),
        Column::text("machine").optional(),
    ]);
    for row in rows {
        table.row(vec![
            Cell::new(clip(&row.name, 40)),
            Cell::new(match row.runs {
                0 | 1 => clip(&row.run, 16),
                n => format!("{} +{}", clip(&row.run, 16), n - 1),
            }),
            Cell::new(clip(&row.scenario, 22)),
            Cell::new(row.branch.as_deref().map_or_else(|| "-".to_owned(), |branch| clip(branch, 20))),
            Cell::new(moment::short(row.started, zone)),
            Cell::painted(moment::short(row.set, zone), Paint::Dim),
            match row.expires {
                None => Cell::painted("-", Paint::Dim),
                Some(end) => {
                    Cell::painted(moment::short(end, zone), if row.is_expired { Paint::Doubt } else { Paint::Dim })
                }
            },
            Cell::new(row.code.as_deref().map_or_else(|| "-".to_owned(), |code| clip(code, 14))),
            Cell::painted(clip(&row.machine, 14), Paint::Dim),
        ]);
    }
    let mut out = String::new();
    table.draw(&mut out, 0, style);
    style.finish(out)
}
