//! The parts of a report around its results.

use engine_core::expected;
use engine_core::health::HealthVerdict;
use engine_core::judgement::{Judged, Judgement, Severity, Verdict};
use engine_core::run::{RunState, ValidityLevel};

use super::charts;
use super::escape::{cell, sentence};
use super::page::Page;
use crate::expectation::{explanation, ratio, tally};
use crate::input::Report;
use crate::number::{self, Scale};
use crate::{diagnosis, load, machine, moment, view};

/// A mark with a word: the class gives the colour, mark and word say the same without it.
pub(super) fn badge(class: &str, mark: &str, word: &str) -> String {
    format!("<span class=\"badge {class}\"><b aria-hidden=\"true\">{mark}</b> {}</span>", cell(word))
}

const fn judgement(judgement: Judgement, severity: Severity) -> (&'static str, &'static str, &'static str) {
    match (judgement, severity) {
        (Judgement::Pass, _) => ("good", "✓", "pass"),
        (Judgement::Fail, Severity::Warn) => ("warn", "!", "warn"),
        (Judgement::Fail, _) => ("bad", "✗", "fail"),
        (Judgement::Unsure, _) => ("warn", "?", "unsure"),
        (Judgement::Unjudged, _) => ("none", "·", "not judged"),
    }
}

/// What is worst comes first.
const fn rank(one: &Judged) -> u8 {
    match (one.judgement, one.severity) {
        (Judgement::Fail, Severity::Fail | Severity::Abort) => 0,
        (Judgement::Unsure, _) => 1,
        (Judgement::Fail, Severity::Warn) => 2,
        (Judgement::Pass, _) => 3,
        (Judgement::Unjudged, _) => 4,
    }
}

/// Title, verdict, banners and what was run.
pub(super) fn header(page: &mut Page, report: &Report<'_>) {
    let record = report.record;
    let header = &record.header;
    put!(page.out, "<header><p class=\"kind\">Benchmark report</p><h1>{}</h1>", cell(&header.scenario.name));
    if !header.plan.title.is_empty() {
        put!(page.out, "<p class=\"lead\">{}</p>", sentence(&header.plan.title));
    }
    page.out.push_str("</header>");
    verdict(page, report);
    let tags: Vec<String> = header.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let params: Vec<String> = header.plan.params.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let rows = [
        (
            "Started",
            format!("{}, took {}", moment::for_people(header.started, &report.zone), moment::duration(record.duration)),
        ),
        ("Machine", view::machine(&header.environment)),
        ("Code", view::code(&header.code)),
        ("Scenario", format!("{} from {}", header.scenario.name, header.scenario.source)),
        ("Profile", format!("{}, seed {}", header.plan.profile.name(), header.plan.seed)),
        ("Tags", tags.join("  ")),
        ("Parameters", params.join("  ")),
        ("Run", format!("{} on {}", header.id.0, header.machine)),
    ];
    page.out.push_str("<dl class=\"facts\">");
    for (title, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        put!(page.out, "<div><dt>{title}</dt><dd>{}</dd></div>", sentence(text));
    }
    page.out.push_str("</dl>");
}

/// One block that says how it ended: the words first, then why not to trust it, where that is so.
fn verdict(page: &mut Page, report: &Report<'_>) {
    let record = report.record;
    let worst = record.judged.iter().map(rank).min();
    let (class, word) = match (record.state, record.validity.level, worst) {
        (RunState::Crashed, ..) => ("bad", "Crashed"),
        (_, ValidityLevel::Invalid, _) => ("bad", "Invalid"),
        (.., Some(0)) => ("bad", "Failed"),
        (RunState::Partial, ..) => ("warn", "Partial"),
        (RunState::Running, ..) => ("none", "Running"),
        (.., Some(1)) => ("warn", "Unsure"),
        (.., Some(2 | 3)) => ("good", "Passed"),
        _ => ("none", "Measured"),
    };
    put!(page.out, "<div class=\"verdict {class}\"><p class=\"word\">{word}</p><div><p>{}", cell(&view::tally(record)));
    let tally = tally(&record.judged);
    if !tally.is_empty() {
        put!(page.out, " · expectations: {}", cell(&tally));
    }
    put!(page.out, " · {}</p>", diagnosis::level(record.validity.level));
    let banners = report.banners();
    let reasons =
        if record.validity.level == ValidityLevel::Degraded { record.validity.reasons.as_slice() } else { &[] };
    let causes =
        report.exit.iter().flat_map(|exit| &exit.causes).map(|cause| format!("exit {}: {}", cause.code, cause.reason));
    let lines: Vec<String> =
        banners.into_iter().chain(reasons.iter().map(|reason| format!("degraded: {reason}"))).chain(causes).collect();
    if !lines.is_empty() {
        page.out.push_str("<ul>");
        for line in lines.iter().take(12) {
            put!(page.out, "<li>{}</li>", sentence(line));
        }
        page.out.push_str("</ul>");
    }
    page.out.push_str("</div></div>");
}

/// The expectations with what was observed, the worst first.
pub(super) fn expectations(page: &mut Page, report: &Report<'_>) {
    let mut judged: Vec<&Judged> = report.record.judged.iter().collect();
    if judged.is_empty() {
        return;
    }
    judged.sort_by_key(|one| rank(one));
    page.section("expectations", "Expectations", &tally(&report.record.judged));
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Step</th><th scope=\"col\">Expected</th><th scope=\"col\" class=\"n\">Observed</th><th scope=\"col\" class=\"n\">95 % interval</th><th scope=\"col\">Why</th></tr></thead><tbody>");
    for one in judged {
        if !page.row() {
            continue;
        }
        let (class, mark, word) = judgement(one.judgement, one.severity);
        put!(
            page.out,
            "<tr data-step=\"{}\"><td>{}</td><th scope=\"row\">{}</th><td><code>{}</code></td>",
            cell(&one.step),
            badge(class, mark, word),
            cell(&one.step),
            cell(&one.text)
        );
        match &one.observed {
            Some(observed) => {
                let scale = Scale::of(one.unit, observed.value);
                put!(
                    page.out,
                    "<td class=\"n\" data-v=\"{:?}\">{}{}</td>",
                    observed.value,
                    if observed.above { "&gt; " } else { "" },
                    scale.value(observed.value)
                );
                interval(&mut page.out, &scale, observed.interval.map(|i| (i.low, i.high)));
            }
            None => page.out.push_str("<td class=\"n\">no sample</td><td></td>"),
        }
        put!(page.out, "<td class=\"why\">{}</td></tr>", sentence(&explanation(one)));
    }
    page.out.push_str("</tbody></table></div>");
    page.end();
}

/// A cell with two ends, exact ones in its attributes.
pub(super) fn interval(out: &mut String, scale: &Scale, ends: Option<(f64, f64)>) {
    match ends {
        Some((low, high)) => put!(
            out,
            "<td class=\"n quiet\" data-low=\"{low:?}\" data-high=\"{high:?}\">{}</td>",
            scale.range(low, high)
        ),
        None => out.push_str("<td class=\"n quiet\">too few</td>"),
    }
}

/// Lines of a finding that are seen at once.
const FIRST: usize = 8;

/// What a reader should look at, before any table of numbers.
pub(super) fn findings(page: &mut Page, report: &Report<'_>) {
    let record = report.record;
    let mut items: Vec<(String, String, Vec<String>)> = Vec::new();
    for view in record.steps.iter().filter_map(|step| load::view(record, step)) {
        let said = load::advice(record, &view);
        if !said.is_empty() {
            items.push((badge("none", "◆", "load"), view.step.plan.path(), said));
        }
    }
    for section in diagnosis::sections(report)
        .into_iter()
        .filter(|section| section.loud && !["Exit", "Validity"].contains(&section.title))
    {
        let (class, mark) = if section.title == "Failed" { ("bad", "✗") } else { ("warn", "!") };
        items.push((badge(class, mark, &section.title.to_lowercase()), String::new(), section.lines));
    }
    for case in report.cases.iter().filter(|case| !matches!(case.verdict, Verdict::Equivalent | Verdict::Inconclusive))
    {
        let (class, mark) = super::comparison::verdict(case.verdict);
        let text = format!("{} of {}: {}", case.metric.id, case.case, ratio(case));
        items.push((badge(class, mark, case.verdict.name()), case.step.clone(), vec![text]));
    }
    if items.is_empty() {
        return;
    }
    page.section("findings", "Findings", "");
    page.out.push_str("<ul class=\"findings\">");
    for (badge, subject, lines) in items {
        put!(page.out, "<li>{badge} <b>{}</b>", cell(&subject));
        for (number, line) in lines.iter().enumerate() {
            if number == FIRST && lines.len() > FIRST + 1 {
                put!(page.out, "<details><summary>{} more</summary>", lines.len() - FIRST);
            }
            if page.row() {
                put!(page.out, "<p>{}</p>", sentence(line));
            }
        }
        page.out.push_str(if lines.len() > FIRST + 1 { "</details></li>" } else { "</li>" });
    }
    page.out.push_str("</ul>");
    page.end();
}

/// What was measured against what the machine should reach.
pub(super) fn machine(page: &mut Page, report: &Report<'_>) {
    let rows = machine::rows(report.record, &expected::of_run(report.record));
    if rows.is_empty() {
        return;
    }
    page.section("machine", "Against the machine", &machine::heading(report.record));
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Series</th><th scope=\"col\" class=\"n\">Measured</th><th scope=\"col\" class=\"n\">Expected</th><th scope=\"col\" class=\"n\">Share</th><th scope=\"col\">By</th><th scope=\"col\">Source</th></tr></thead><tbody>");
    for row in rows {
        if !page.row() {
            continue;
        }
        let beyond = if row.beyond { format!(" {}", badge("bad", "✗", "beyond")) } else { String::new() };
        put!(
            page.out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}{beyond}</td><td>{}</td><td class=\"why\">{}</td></tr>",
            cell(&row.series),
            cell(&row.measured),
            cell(&row.expected),
            cell(&row.share),
            cell(&row.by),
            sentence(&row.source)
        );
    }
    page.out.push_str("</tbody></table></div>");
    for remark in machine::remarks(report.record) {
        if page.row() {
            put!(page.out, "<p class=\"quiet\">{}</p>", sentence(&remark));
        }
    }
    page.end();
}

/// The machine against the user's limits.
pub(super) fn health(page: &mut Page, report: &Report<'_>) {
    let Some(health) = report.health else { return };
    page.section("health", "Health", health.verdict.name());
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Limit on</th><th scope=\"col\" class=\"n\">Observed</th><th scope=\"col\" class=\"n\">Limit</th><th scope=\"col\">Why</th></tr></thead><tbody>");
    for row in &health.rows {
        if !page.row() {
            continue;
        }
        let (class, mark) = match row.verdict {
            HealthVerdict::Healthy => ("good", "✓"),
            HealthVerdict::Warning => ("warn", "!"),
            HealthVerdict::Unknown => ("none", "·"),
        };
        let observed = row.observed.map_or_else(
            || "<td class=\"n\">unknown</td>".to_owned(),
            |value| format!("<td class=\"n\" data-v=\"{value:?}\">{}</td>", number::value(row.unit, value)),
        );
        put!(
            page.out,
            "<tr><td>{}</td><th scope=\"row\">{}</th>{observed}<td class=\"n\">{}</td><td class=\"why\">{}</td></tr>",
            badge(class, mark, row.verdict.name()),
            cell(&row.name),
            row.unit.format(row.limit),
            sentence(&row.reason)
        );
    }
    page.out.push_str("</tbody></table></div>");
    page.end();
}

/// What ran when, and what the machine did meanwhile.
pub(super) fn timeline(page: &mut Page, report: &Report<'_>) {
    let charts = charts::timeline(report.record, page.detail);
    if charts.is_empty() {
        return;
    }
    page.section("timeline", "Timeline", "");
    page.out.push_str("<div class=\"charts small\">");
    for chart in charts {
        page.chart(chart);
    }
    page.out.push_str("</div>");
    page.end();
}

/// Every field of the environment, folded away.
pub(super) fn environment(page: &mut Page, report: &Report<'_>) {
    let environment = &report.record.header.environment;
    let fields = environment.fields();
    page.section("environment", "Environment", &format!("class {}", environment.class_id()));
    put!(
        page.out,
        "<details><summary>{}</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Value</th></tr></thead><tbody>",
        number::count(fields.len(), "field")
    );
    for (field, value) in &fields {
        if page.row() {
            put!(
                page.out,
                "<tr><th scope=\"row\"><code>{}</code></th><td class=\"why\">{}</td></tr>",
                cell(field),
                sentence(value)
            );
        }
    }
    page.out.push_str("</tbody></table></div></details>");
    page.end();
}
