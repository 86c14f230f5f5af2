//! A stored series over its runs: chart, table of changes with the commits between which each lies, and what a reader
//! must know of it.

use engine_core::change::{Kind, Tier, Trend};
use engine_core::forecast::Foretold;
use engine_core::history::{DatedChange, Direction, LeftOut, Point, Timeline};
use jiff::tz::TimeZone;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::trend::chart;
use super::wrap::hanging;
use crate::clean::{clip, line};
use crate::moment;
use crate::number;

/// Fewest points from which change points are looked for.
const LEAST: usize = 10;

/// The series for the terminal.
#[must_use]
pub fn timeline(timeline: &Timeline, zone: &TimeZone, style: Style) -> String {
    let history = &timeline.history;
    let mut out = String::new();
    put!(out, "{}\n", style.paint(Paint::Bold, &clip(&history.key.selector(), 90)));
    for text in hanging(2, "", 0, &about(timeline, zone), style.width()) {
        put!(out, "{}\n", style.paint(Paint::Dim, &text));
    }
    for reason in &timeline.apart {
        let text = format!("a series of its own: {}", line(reason));
        for text in hanging(2, "", 0, &text, style.width()) {
            put!(out, "{}\n", style.paint(Paint::Doubt, &text));
        }
    }
    let values = history.values();
    if !values.is_empty() {
        let changes = timeline.changes.iter().map(|found| found.change).collect();
        chart(&mut out, &Trend { name: String::new(), values, changes }, style);
    }
    if timeline.changes.is_empty() {
        let text = match history.points.len() {
            n if n < LEAST => format!("too few runs to say anything: {n} of {LEAST}"),
            _ => "no change found".to_owned(),
        };
        put!(out, "  {text}\n");
    } else {
        changes(&mut out, timeline, zone, style);
    }
    if let Some(found) = &timeline.forecast {
        for (text, paint) in forecast(timeline, found, zone) {
            for text in hanging(2, "", 0, &text, style.width()) {
                put!(out, "{}\n", style.paint(paint, &text));
            }
        }
    }
    style.finish(out)
}

/// Where it is going, in sentences.
fn forecast(timeline: &Timeline, found: &Foretold, zone: &TimeZone) -> Vec<(String, Paint)> {
    let unit = timeline.history.metric.unit;
    let found = match found {
        Foretold::Silent(reason) => return vec![(format!("no forecast: {}", line(reason)), Paint::Dim)],
        Foretold::Told(found) => found,
    };
    let number = |value: f64| number::value(unit, value);
    let day = |moment| moment::short(moment, zone);
    let mut lines = vec![(
        format!(
            "forecast for {}: {} ({} .. {} with 95 %), {} a day",
            day(found.at),
            number(found.value),
            number(found.interval.low),
            number(found.interval.high),
            number(found.slope)
        ),
        Paint::Bold,
    )];
    if let Some(reached) = &found.threshold {
        let text = match (reached.passed, reached.at) {
            (true, _) => "is passed already".to_owned(),
            (false, Some(at)) => {
                let earliest = reached.earliest.map_or_else(|| "now".to_owned(), day);
                let latest = reached.latest.map_or_else(|| "perhaps not by then".to_owned(), day);
                format!("is reached on {} ({earliest} .. {latest})", day(at))
            }
            (false, None) => match reached.earliest {
                Some(earliest) => {
                    format!("is not expected to be reached by then, on {} at the earliest", day(earliest))
                }
                None => "is not reached by then".to_owned(),
            },
        };
        lines.push((format!("{} {text}", number(reached.value)), Paint::Bold));
    }
    let tested = &found.backtest;
    lines.push((
        format!(
            "tried from {} places in the past: off by {} on average, \"no change\" by {} (p = {:.4})",
            tested.origins,
            number(tested.line),
            number(tested.no_change),
            tested.p
        ),
        Paint::Dim,
    ));
    lines
}

/// Which runs these are.
fn about(timeline: &Timeline, zone: &TimeZone) -> String {
    let history = &timeline.history;
    let branch = history.key.branch.as_deref().map_or_else(|| "no branch".to_owned(), |name| clip(name, 40));
    let machine = clip(&history.key.machine, 16);
    let mut text = format!("{branch} on machine {machine} · {} runs", history.points.len());
    if let (Some(first), Some(last)) = (history.points.first(), history.points.last()) {
        put!(text, ", {} to {}", moment::short(first.started, zone), moment::short(last.started, zone));
    }
    put!(text, " · in {}", history.metric.unit);
    if history.left_out.total() > 0 {
        put!(text, " · left out: {}", left_out(history.left_out));
    }
    if let Some(point) = timeline.accepted.last().and_then(|at| history.points.get(*at)) {
        put!(text, " · accepted from run {} on", clip(point.run.short(), 16));
    }
    text
}

/// The runs that do not count, in words.
fn left_out(runs: LeftOut) -> String {
    let parts: Vec<String> =
        [(runs.tiny, "of the tiny profile"), (runs.unfinished, "not complete"), (runs.invalid, "invalid")]
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
    parts.join(", ")
}

fn changes(out: &mut String, timeline: &Timeline, zone: &TimeZone, style: Style) {
    let mut table = Table::new(vec![
        Column::text("change"),
        Column::number("size"),
        Column::number("95 % interval"),
        Column::text("since"),
        Column::text("between commits"),
        Column::text("verdict").optional(),
    ]);
    for found in &timeline.changes {
        let change = &found.change;
        let paint = match (change.tier, found.direction) {
            (Tier::Suspect, _) => Paint::Doubt,
            (_, Direction::Better) => Paint::Good,
            (_, Direction::Worse) => Paint::Bad,
            (_, Direction::Neither) => Paint::Plain,
        };
        let point = timeline.history.points.get(found.first_new);
        let since = point.map_or_else(String::new, |point| moment::short(point.started, zone));
        let sides = commits(timeline, found.last_old, found.first_new);
        table.row(vec![
            Cell::painted(what(found), paint),
            Cell::painted(percent(change.size), paint),
            Cell::new(format!("{} .. {}", percent(change.size_low), percent(change.size_high))),
            Cell::new(since),
            Cell::new(sides),
            Cell::painted(found.id.clone().unwrap_or_default(), Paint::Dim),
        ]);
        if change.low != change.high {
            let (low, high) = found.widest;
            let (from, to) = (timeline.history.points.get(low), timeline.history.points.get(high));
            let run = |point: Option<&Point>| point.map_or_else(|| "?".to_owned(), |point| clip(point.run.short(), 16));
            let text = format!(
                "point {} ({} .. {}): between runs {} and {}, commits {}",
                change.index,
                change.low,
                change.high,
                run(from),
                run(to),
                commits(timeline, Some(low), high),
            );
            table.across(2, text, Paint::Dim);
        }
        for remark in &found.remarks {
            table.across(2, line(remark), Paint::Doubt);
        }
        if change.tier == Tier::Suspect {
            table.across(2, "suspected: a few runs more will tell", Paint::Dim);
        }
    }
    table.draw(out, 2, style);
}

/// The commits of two runs, `last old..first new`, as `git log` takes them.
fn commits(timeline: &Timeline, last_old: Option<usize>, first_new: usize) -> String {
    let code = |at: usize| timeline.history.points.get(at).and_then(Point::code);
    match (last_old.and_then(code), code(first_new)) {
        (Some(old), Some(new)) if old == new => old,
        (Some(old), Some(new)) => format!("{old}..{new}"),
        (None, Some(new)) => format!("..{new}"),
        (Some(old), None) => format!("{old}.."),
        (None, None) => "unknown".to_owned(),
    }
}

fn what(found: &DatedChange) -> String {
    let kind = match found.change.kind {
        Kind::Step => "step",
        Kind::Trend => "trend",
        Kind::Spike => "spike",
        Kind::Variance => "spread",
        Kind::Return => "return",
    };
    let direction = match found.direction {
        Direction::Neither => String::new(),
        direction => format!(", {}", direction.name()),
    };
    let tier = if found.change.tier == Tier::Suspect { "?" } else { "" };
    format!("{kind}{tier}{direction}")
}

fn percent(size: f64) -> String {
    if size.is_finite() { format!("{:+.1} %", size * 100.0) } else { "n/a".to_owned() }
}
