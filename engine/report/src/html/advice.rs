//! What the rules found: findings by priority, what limits, and what all of it together should bring.

use engine_core::finding::{Advice, Bottleneck, Finding, Level};

use super::escape::{cell, sentence};
use super::page::Page;
use super::sections::badge;
use crate::advice as words;
use crate::input::Report;

/// The section; nothing where the rules were not asked.
pub(super) fn advice(page: &mut Page, report: &Report<'_>) {
    let Some(advice) = report.advice else { return };
    page.section("advice", "Advice", &words::tally(advice));
    put!(page.out, "<p class=\"quiet\">Objective: {}</p><ul class=\"findings\">", sentence(&advice.objective));
    for finding in &advice.findings {
        if page.row() {
            one(page, advice, finding);
        }
    }
    page.out.push_str("</ul>");
    bottlenecks(page, &advice.bottlenecks);
    put!(
        page.out,
        "<p>Total potential: {}</p><p class=\"quiet\">{} rules found nothing; {} were not assessed (<code>engine advise</code> says \
         what each needs).</p>",
        sentence(&words::potential(&advice.potential)),
        advice.quiet.len(),
        advice.not_assessed.len()
    );
    page.end();
}

fn one(page: &mut Page, advice: &Advice, finding: &Finding) {
    let (class, mark) = match finding.priority.level {
        Level::Critical | Level::High => ("bad", "!"),
        Level::Medium => ("warn", "!"),
        Level::Low => ("none", "·"),
    };
    let rows = [
        ("Cause", finding.cause.clone()),
        ("Do", finding.action.clone()),
        ("Gain", words::gain(finding)),
        ("Model", words::formula(finding)),
        ("Proved", words::calibration(advice, &finding.rule)),
        ("Wrong when", finding.wrong_when.clone()),
        ("Confidence", words::confidence(finding)),
        ("Priority", finding.priority.calculation.clone()),
    ];
    put!(
        page.out,
        "<li>{} <b>{}</b> <small><code>{}</code> at {}</small><dl class=\"facts one\">",
        badge(class, mark, finding.priority.level.name()),
        cell(&finding.title),
        cell(&finding.rule),
        cell(&finding.subject)
    );
    for (title, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        if page.row() {
            put!(page.out, "<div><dt>{title}</dt><dd>{}</dd></div>", sentence(text));
        }
    }
    page.out.push_str("</dl>");
    if !finding.evidence.is_empty() {
        put!(page.out, "<details><summary>Evidence: {}</summary>", finding.evidence.len());
        for evidence in &finding.evidence {
            if page.row() {
                put!(page.out, "<p>{}</p>", sentence(&evidence.to_string()));
            }
        }
        page.out.push_str("</details>");
    }
    page.out.push_str("</li>");
}

fn bottlenecks(page: &mut Page, views: &[Bottleneck]) {
    for view in views {
        if !page.row() {
            continue;
        }
        put!(
            page.out,
            "<h3>What limits: {}</h3><p>{}</p><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">resource</th><th \
             scope=\"col\" class=\"n\">utilisation</th><th scope=\"col\" class=\"n\">saturation</th><th scope=\"col\" \
             class=\"n\">errors</th><th scope=\"col\"></th></tr></thead><tbody>",
            cell(words::step(view)),
            sentence(&view.verdict)
        );
        for row in &view.rows {
            if page.row() {
                put!(
                    page.out,
                    "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                    cell(&row.name),
                    cell(&words::short(row.utilisation.as_ref())),
                    cell(&words::short(row.saturation.as_ref())),
                    row.errors.as_ref().map_or_else(|| "–".to_owned(), |errors| cell(&words::short(Some(errors)))),
                    if row.limits { badge("warn", "!", "limits") } else { String::new() }
                );
            }
        }
        page.out.push_str("</tbody></table></div>");
    }
}
