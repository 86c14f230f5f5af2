//! The parts of a report around its results.

use engine_core::expected;
use engine_core::judgement::{Judgement, Severity};

use super::escape::{cell, name, sentence};
use crate::diagnosis;
use crate::expectation::{explanation, tally};
use crate::input::Report;
use crate::machine;
use crate::moment;
use crate::number;
use crate::view;

/// Title, banners and what was run.
pub(super) fn header(out: &mut String, report: &Report<'_>) {
    let record = report.record;
    let header = &record.header;
    put!(out, "# {}: benchmark report\n\n", cell(&header.scenario.name));
    for banner in report.banners() {
        put!(out, "> **{}**\n\n", sentence(&banner));
    }
    if !header.plan.title.is_empty() {
        put!(out, "{}\n\n", sentence(&header.plan.title));
    }
    let tags: Vec<String> = header.tags.iter().map(|(key, value)| name(&format!("{key}={value}"))).collect();
    let params: Vec<String> = header.plan.params.0.iter().map(|(key, value)| name(&format!("{key}={value}"))).collect();
    let validity = diagnosis::level(record.validity.level);
    let verdict = match tally(&record.judged) {
        tally if tally.is_empty() => view::tally(record),
        tally => format!("{}; expectations: {tally}", view::tally(record)),
    };
    let rows = [
        ("Result", verdict),
        ("Run", format!("{} ({}, {validity})", name(&header.id.0), record.state.name())),
        ("Scenario", format!("{} from {}", name(&header.scenario.name), name(&header.scenario.source))),
        ("Code", cell(&view::code(&header.code))),
        ("Machine", format!("{} ({})", cell(&view::machine(&header.environment)), name(&header.machine))),
        ("Started", moment::for_people(header.started, &report.zone)),
        ("Duration", moment::duration(record.duration)),
        ("Profile", format!("{}, seed {}", header.plan.profile.name(), header.plan.seed)),
        ("Tags", tags.join(" ")),
        ("Parameters", params.join(" ")),
    ];
    out.push_str("| | |\n|---|---|\n");
    for (title, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        put!(out, "| {title} | {text} |\n");
    }
    out.push('\n');
}

/// The word of a judgement, with a mark that shows without colours.
const fn judgement(judgement: Judgement, severity: Severity) -> &'static str {
    match (judgement, severity) {
        (Judgement::Pass, _) => "✓ pass",
        (Judgement::Fail, Severity::Warn) => "! warn",
        (Judgement::Fail, _) => "✗ **fail**",
        (Judgement::Unsure, _) => "? unsure",
        (Judgement::Unjudged, _) => "· not judged",
    }
}

/// The expectations with what was observed.
pub(super) fn expectations(out: &mut String, report: &Report<'_>) {
    let judged = &report.record.judged;
    if judged.is_empty() {
        return;
    }
    put!(out, "## Expectations\n\n{}\n\n", tally(judged));
    out.push_str("| | step | expectation | observed, 95 % interval | why |\n|---|---|---|---:|---|\n");
    for one in judged {
        let observed = one.observed.as_ref().map(|observed| number::with_interval(one.unit, observed));
        put!(
            out,
            "| {} | {} | {} | {} | {} |\n",
            judgement(one.judgement, one.severity),
            name(&one.step),
            name(&one.text),
            observed.unwrap_or_else(|| "no sample".to_owned()),
            sentence(&explanation(one))
        );
    }
    out.push('\n');
}

/// What was measured against what the machine should reach; nothing when nothing is expected of it.
pub(super) fn machine(out: &mut String, report: &Report<'_>) {
    let rows = machine::rows(report.record, &expected::of_run(report.record));
    if rows.is_empty() {
        return;
    }
    put!(out, "## Machine: {}\n\n", sentence(&machine::heading(report.record)));
    out.push_str("| series | measured | expected | share | by | source |\n|---|---:|---:|---:|---|---|\n");
    for row in rows {
        let mark = if row.beyond { " ✗ beyond" } else { "" };
        put!(
            out,
            "| {} | {} | {} | {}{mark} | {} | {} |\n",
            name(&row.series),
            row.measured,
            row.expected,
            row.share,
            cell(&row.by),
            sentence(&row.source)
        );
    }
    out.push('\n');
    for remark in machine::remarks(report.record) {
        put!(out, "- {}\n", sentence(&remark));
    }
    if report.record.header.machine_profile.as_ref().is_some_and(|profile| !profile.remarks.is_empty()) {
        out.push('\n');
    }
}

/// The machine against the user's limits.
pub(super) fn health(out: &mut String, report: &Report<'_>) {
    let Some(health) = report.health else { return };
    put!(out, "## Health: {}\n\n", health.verdict.name());
    out.push_str("| limit on | observed | limit | | why |\n|---|---:|---:|---|---|\n");
    for row in &health.rows {
        let observed = row.observed.map_or_else(|| "unknown".to_owned(), |value| number::value(row.unit, value));
        put!(
            out,
            "| {} | {observed} | {} | {} | {} |\n",
            cell(&row.name),
            row.unit.format(row.limit),
            row.verdict.name(),
            sentence(&row.reason)
        );
    }
    out.push('\n');
}

/// Every field of the environment, folded away.
pub(super) fn environment(out: &mut String, report: &Report<'_>) {
    let environment = &report.record.header.environment;
    let fields = environment.fields();
    put!(
        out,
        "## Environment\n\nClass `{}`\n\n<details>\n<summary>{} fields</summary>\n\n| field | value |\n|---|---|\n",
        environment.class_id(),
        fields.len()
    );
    for (field, value) in &fields {
        put!(out, "| {} | {} |\n", name(field), sentence(value));
    }
    out.push_str("\n</details>\n\n");
}

/// What bears on trusting it.
pub(super) fn diagnostics(out: &mut String, report: &Report<'_>) {
    out.push_str("## Diagnostics\n\n");
    for section in diagnosis::sections(report) {
        match section.lines.as_slice() {
            [one] => put!(out, "- **{}**: {}\n", section.title, sentence(one)),
            many => {
                put!(out, "- **{}**\n", section.title);
                for line in many {
                    put!(out, "  - {}\n", sentence(line));
                }
            }
        }
    }
}
