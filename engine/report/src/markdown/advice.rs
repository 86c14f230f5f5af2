//! Findings, bottlenecks and what is left open, as Markdown.

use engine_core::finding::{Advice, Bottleneck, Finding, Level};

use super::escape::{cell, name, sentence};
use crate::advice as words;

/// The report of `engine advise`: everything.
#[must_use]
pub fn advice(advice: &Advice) -> String {
    let mut out =
        format!("# Optimisation report\n\nRun {}. {}.\n\n", name(&advice.run), sentence(&words::tally(advice)));
    put!(out, "Objective: {}\n\n", sentence(&advice.objective));
    for (number, finding) in advice.findings.iter().enumerate() {
        whole(&mut out, "##", &format!("{}. ", number + 1), advice, finding);
    }
    bottlenecks(&mut out, "##", &advice.bottlenecks);
    out.push_str("## Not assessed\n\n");
    for one in &advice.not_assessed {
        put!(out, "- {}: {}; needs {}\n", name(&one.rule), sentence(&one.missing), sentence(&one.needs));
    }
    put!(out, "\n{} rules found nothing.\n\n", advice.quiet.len());
    put!(out, "## Total potential\n\n{}\n", sentence(&words::potential(&advice.potential)));
    out
}

/// The section of a run's report: findings above low in full, the others in a table, and the bottlenecks.
pub(super) fn section(out: &mut String, advice: Option<&Advice>) {
    let Some(advice) = advice else { return };
    put!(out, "## Findings\n\n{}. Objective: {}\n\n", sentence(&words::tally(advice)), sentence(&advice.objective));
    for finding in advice.findings.iter().filter(|finding| finding.priority.level > Level::Low) {
        whole(out, "###", "", advice, finding);
    }
    let low: Vec<&Finding> = advice.findings.iter().filter(|finding| finding.priority.level == Level::Low).collect();
    if !low.is_empty() {
        out.push_str("| low | cause | gain |\n|---|---|---|\n");
        for finding in low {
            put!(
                out,
                "| {} | {} | {} |\n",
                name(&finding.rule),
                sentence(&finding.cause),
                sentence(&words::gain(finding))
            );
        }
        out.push('\n');
    }
    bottlenecks(out, "###", &advice.bottlenecks);
    put!(out, "Total potential: {}\n\n", sentence(&words::potential(&advice.potential)));
    let missing = advice.not_assessed.len();
    put!(
        out,
        "{} rules found nothing; {missing} were not assessed (`engine advise` says what each needs).\n\n",
        advice.quiet.len()
    );
}

fn whole(out: &mut String, level: &str, number: &str, advice: &Advice, finding: &Finding) {
    put!(out, "{level} {number}{} ({})\n\n", cell(&finding.title), finding.priority.level.name());
    let evidence: Vec<String> = finding.evidence.iter().map(|evidence| sentence(&evidence.to_string())).collect();
    let rows = [
        ("Rule", format!("{} at {}", name(&finding.rule), name(&finding.subject))),
        ("Also at", finding.also.iter().map(|also| name(also)).collect::<Vec<_>>().join(", ")),
        ("Cause", sentence(&finding.cause)),
        ("Do", sentence(&finding.action)),
        ("Effort", finding.effort.name().to_owned()),
        ("Evidence", evidence.join("<br>")),
        ("Gain", sentence(&words::gain(finding))),
        ("Model", sentence(&words::formula(finding))),
        ("Proved", sentence(&words::calibration(advice, &finding.rule))),
        ("Wrong when", sentence(&finding.wrong_when)),
        ("Confidence", sentence(&words::confidence(finding))),
        ("Priority", sentence(&finding.priority.calculation)),
        ("Experiment", finding.experiment.as_ref().map_or_else(String::new, |found| sentence(&found.describe()))),
    ];
    out.push_str("| | |\n|---|---|\n");
    for (title, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        put!(out, "| {title} | {text} |\n");
    }
    out.push('\n');
}

fn bottlenecks(out: &mut String, level: &str, views: &[Bottleneck]) {
    for view in views {
        put!(out, "{level} Bottleneck: {}\n\n", cell(words::step(view)));
        out.push_str("| resource | utilisation | saturation | errors | |\n|---|---:|---:|---:|---|\n");
        for row in &view.rows {
            put!(
                out,
                "| {} | {} | {} | {} | {} |\n",
                cell(&row.name),
                words::short(row.utilisation.as_ref()),
                words::short(row.saturation.as_ref()),
                row.errors.as_ref().map_or_else(|| "-".to_owned(), |errors| words::short(Some(errors))),
                if row.limits { "**limits**" } else { "" }
            );
        }
        put!(out, "\n{}\n\n", sentence(&view.verdict));
    }
}
