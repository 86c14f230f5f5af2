//! Two runs side by side.

use engine_core::comparison::{Comparison, Side};
use engine_core::environment::Class;
use jiff::tz::TimeZone;

use super::escape::{cell, name, sentence};
use crate::input::Report;
use crate::moment;
use crate::number;
use crate::verdict;

/// The comparison as Markdown: the verdict, what is refused, the changes, in what the machines differ.
#[must_use]
pub fn comparison(comparison: &Comparison, zone: &TimeZone) -> String {
    let mut out = format!("# Comparison: {}\n\n", verdict::tally(comparison));
    out.push_str("| | run | scenario | started | commit | machine |\n|---|---|---|---|---|---|\n");
    side(&mut out, "old", &comparison.old, zone);
    side(&mut out, "new", &comparison.new, zone);
    out.push('\n');
    refusals(&mut out, comparison);
    changes(&mut out, comparison);
    differences(&mut out, comparison);
    out
}

/// The verdict table of a run that was held against a baseline.
pub(super) fn against_baseline(out: &mut String, report: &Report<'_>) {
    if let Some(comparison) = report.comparison {
        put!(out, "## Against the baseline\n\n{}", verdicts(comparison, &report.zone));
    }
}

/// Rows of a short table.
const SHORT: usize = 30;

/// The verdict table alone, for a comment: changes first, then what is unsure; what is equivalent is only counted.
pub(super) fn verdicts(comparison: &Comparison, zone: &TimeZone) -> String {
    use engine_core::judgement::Verdict;
    let old = &comparison.old;
    let mut out =
        format!("**{}**, held against {}", verdict::tally(comparison), name(old.run.0.get(..14).unwrap_or(&old.run.0)));
    if !old.others.is_empty() {
        put!(out, " and {} before", number::count(old.others.len(), "run"));
    }
    put!(out, " of {}", moment::for_people(old.started, zone));
    if let Some(code) = &old.code {
        put!(out, " at {}", name(code));
    }
    out.push_str(".\n\n");
    for refusal in comparison.refusals.iter().take(3) {
        let subject = refusal.subject.as_deref().map_or_else(|| "Nothing is compared".to_owned(), name);
        put!(out, "- {subject}: {}\n", sentence(&refusal.reason));
    }
    if !comparison.refusals.is_empty() {
        out.push('\n');
    }
    let shown: Vec<_> =
        verdict::sorted(comparison).into_iter().filter(|one| one.verdict != Verdict::Equivalent).collect();
    if !shown.is_empty() {
        out.push_str("| verdict | series | old | new | change | 95 % interval |\n|---|---|---:|---:|---:|---:|\n");
        for one in shown.iter().take(SHORT) {
            put!(
                out,
                "| {} | {} | {} | {} | {} | {} |\n",
                one.verdict.name(),
                name(&one.id.to_string()),
                number::value(one.metric.unit, one.old.value),
                number::value(one.metric.unit, one.new.value),
                verdict::change(one),
                verdict::interval(one)
            );
        }
        out.push('\n');
    }
    if shown.len() > SHORT {
        put!(out, "{} more rows are in the report.\n\n", shown.len() - SHORT);
    }
    out
}

fn side(out: &mut String, word: &str, side: &Side, zone: &TimeZone) {
    let code = side.code.as_deref().unwrap_or("unknown");
    put!(
        out,
        "| {word} | {} | {} | {} | {} | {} |\n",
        match side.others.len() {
            0 => name(&side.run.0),
            n => format!("{} and {n} before", name(&side.run.0)),
        },
        name(&side.scenario),
        moment::for_people(side.started, zone),
        name(code),
        name(&side.machine)
    );
}

fn refusals(out: &mut String, comparison: &Comparison) {
    if comparison.refusals.is_empty() {
        return;
    }
    out.push_str("## Not compared\n\n| what | why | remedy |\n|---|---|---|\n");
    for refusal in &comparison.refusals {
        let subject = refusal.subject.as_deref().map_or_else(|| "all of it".to_owned(), name);
        put!(out, "| {subject} | {} | {} |\n", sentence(&refusal.reason), sentence(&refusal.remedy));
    }
    out.push('\n');
}

fn changes(out: &mut String, comparison: &Comparison) {
    if !comparison.series.is_empty() {
        put!(out, "## Changes\n\nMore than {} counts.\n\n", number::share(comparison.threshold));
        out.push_str(
            "| verdict | series | old | new | change | 95 % interval | why |\n|---|---|---:|---:|---:|---:|---|\n",
        );
        for one in verdict::sorted(comparison) {
            let needed = one.rounds_needed.map(|rounds| format!("; about {rounds} rounds a side would decide"));
            put!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} |\n",
                one.verdict.name(),
                name(&one.id.to_string()),
                number::with_interval(one.metric.unit, &one.old),
                number::with_interval(one.metric.unit, &one.new),
                verdict::change(one),
                verdict::interval(one),
                sentence(&format!("{}{}", one.reason, needed.unwrap_or_default()))
            );
        }
        out.push('\n');
    }
    for (word, ids) in [("old", &comparison.only_old), ("new", &comparison.only_new)] {
        if !ids.is_empty() {
            let names: Vec<String> = ids.iter().map(|id| name(&id.to_string())).collect();
            put!(out, "Only in the {word} run: {}\n\n", names.join(", "));
        }
    }
}

fn differences(out: &mut String, comparison: &Comparison) {
    if comparison.differences.is_empty() {
        return;
    }
    out.push_str("## Environments differ\n\n| field | old | new | |\n|---|---|---|---|\n");
    for difference in &comparison.differences {
        let word = if difference.severity == Class::Unlike { "**unlike**" } else { "" };
        put!(out, "| {} | {} | {} | {word} |\n", name(&difference.field), cell(&difference.a), cell(&difference.b));
    }
    out.push('\n');
}
