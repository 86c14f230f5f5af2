//! Two runs side by side.

use engine_core::comparison::{Comparison, SeriesVerdict, Side};
use engine_core::environment::Class;
use engine_core::judgement::Verdict;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::{clip, line};
use crate::moment;
use crate::number;
use crate::verdict;
use jiff::tz::TimeZone;

/// The comparison for the terminal: what is refused first, then the changes, then in what the machines differ.
#[must_use]
pub fn comparison(comparison: &Comparison, zone: &TimeZone, style: Style) -> String {
    let mut out = String::new();
    for (word, side) in [("old", &comparison.old), ("new", &comparison.new)] {
        let mut text = self::side(side, zone);
        if comparison.old.machine != comparison.new.machine {
            put!(text, " · machine {}", clip(&side.machine, 20));
        }
        for text in hanging(0, word, 5, &text, style.width()) {
            out.push_str(&style.paint(Paint::Dim, &text));
            out.push('\n');
        }
    }
    refusals(&mut out, comparison, style);
    series(&mut out, comparison, style);
    environment(&mut out, comparison, style);
    let paint = match verdict::worst(comparison) {
        Some(Verdict::Worse) => Paint::Bad,
        Some(Verdict::Inconclusive) | None => Paint::Doubt,
        Some(Verdict::Better | Verdict::Equivalent) => Paint::Good,
    };
    out.push('\n');
    for text in hanging(0, "", 0, &verdict::tally(comparison), style.width()) {
        out.push_str(&style.paint(paint, &text));
        out.push('\n');
    }
    style.finish(out)
}

fn side(side: &Side, zone: &TimeZone) -> String {
    let code = side.code.as_deref().unwrap_or("unknown commit");
    let others = match side.others.len() {
        0 => String::new(),
        1 => " and the run before".to_owned(),
        n => format!(" and {n} runs before"),
    };
    format!(
        "{} · {} · {} · {}{others}",
        clip(side.run.short(), 20),
        clip(&side.scenario, 40),
        moment::for_people(side.started, zone),
        clip(code, 20)
    )
}

fn refusals(out: &mut String, comparison: &Comparison, style: Style) {
    if comparison.refusals.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Not compared"));
    out.push('\n');
    for refusal in &comparison.refusals {
        let subject = refusal.subject.as_deref().map_or_else(|| "all of it".to_owned(), |subject| clip(subject, 80));
        let remedy = if refusal.remedy.is_empty() { String::new() } else { format!("; {}", refusal.remedy) };
        let text = line(&format!("{subject}: {}{remedy}", refusal.reason));
        for text in hanging(2, "", 0, &clip(&text, 500), style.width()) {
            out.push_str(&style.paint(Paint::Doubt, &text));
            out.push('\n');
        }
    }
}

fn series(out: &mut String, comparison: &Comparison, style: Style) {
    if comparison.series.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Changes"));
    put!(out, "  more than {} counts\n", number::share(comparison.threshold));
    let mut table = Table::new(vec![
        Column::text("series"),
        Column::number("old").optional(),
        Column::number("new"),
        Column::number("change"),
        Column::number("95 % interval"),
        Column::text("verdict"),
    ]);
    let ids = comparison.series.iter().any(|one| one.explained_by.is_some());
    for one in verdict::sorted(comparison) {
        let (mark, paint) = style.verdict(one.verdict);
        let unit = one.metric.unit;
        table.row(vec![
            Cell::new(clip(&one.id.to_string(), 100)),
            Cell::painted(number::value(unit, one.old.value), Paint::Dim),
            Cell::new(number::value(unit, one.new.value)),
            Cell::painted(verdict::change(one), paint),
            Cell::new(verdict::interval(one)),
            Cell::painted(format!("{mark} {}", one.verdict.name()), paint),
        ]);
        let id = one.explained_by.as_ref().map(|id| format!(" [{id}]")).unwrap_or_default();
        match one.verdict {
            Verdict::Inconclusive | Verdict::Worse => table.across(2, format!("{}{id}", explanation(one)), Paint::Dim),
            Verdict::Better if !id.is_empty() => table.across(2, id.trim_start(), Paint::Dim),
            _ => {}
        }
        for change in &one.shape {
            table.across(2, verdict::shape(change), Paint::Doubt);
        }
    }
    table.draw(out, 2, style);
    if ids {
        let text = "`engine explain ID` says what a verdict rests on";
        out.push_str(&style.paint(Paint::Dim, &format!("  {text}")));
        out.push('\n');
    }
    for (word, ids) in [("old", &comparison.only_old), ("new", &comparison.only_new)] {
        if !ids.is_empty() {
            let names: Vec<String> = ids.iter().map(|id| clip(&id.to_string(), 80)).collect();
            for text in hanging(2, "", 0, &format!("only in the {word} run: {}", names.join(", ")), style.width()) {
                out.push_str(&style.paint(Paint::Dim, &text));
                out.push('\n');
            }
        }
    }
}

fn explanation(one: &SeriesVerdict) -> String {
    let needed = one.rounds_needed.map(|rounds| format!("; about {rounds} rounds a side would decide"));
    format!("{}{}", clip(&one.reason, 300), needed.unwrap_or_default())
}

fn environment(out: &mut String, comparison: &Comparison, style: Style) {
    if comparison.differences.is_empty() {
        return;
    }
    out.push('\n');
    out.push_str(&style.paint(Paint::Bold, "Environments differ"));
    out.push('\n');
    let mut table = Table::new(vec![Column::text("field"), Column::text("old"), Column::text("new"), Column::text("")]);
    for difference in &comparison.differences {
        let (word, paint) = match difference.severity {
            Class::Unlike => ("unlike", Paint::Doubt),
            Class::Note => ("", Paint::Plain),
        };
        // Two values of 22 columns leave room for the field at 80 columns.
        table.row(vec![
            Cell::new(clip(&difference.field, 40)),
            Cell::new(clip(&difference.a, 22)),
            Cell::new(clip(&difference.b, 22)),
            Cell::painted(word, paint),
        ]);
    }
    table.draw(out, 2, style);
}
