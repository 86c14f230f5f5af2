//! The results: a table for the plain steps, then each sweep and each curve with its chart, its matrix and its rows.

use engine_core::measurement::Measurement;
use engine_core::metric::Goal;
use engine_core::run::StepRecord;
use engine_core::series::SeriesId;

use super::escape::{cell, sentence};
use super::page::Page;
use super::sections::{badge, interval};
use super::{chart, charts};
use crate::curve::Curve;
use crate::expectation::ratio;
use crate::input::Report;
use crate::number::{self, Scale};
use crate::view::{self, Group};

/// Appends the section.
pub(super) fn results(page: &mut Page, report: &Report<'_>) {
    let groups: Vec<_> = view::groups(report.record).into_iter().filter(|group| !group.is_apart()).collect();
    if groups.is_empty() {
        return;
    }
    page.section("results", "Results", "median over rounds, with the 95 % interval of that median");
    let (plain, others): (Vec<_>, Vec<_>) =
        groups.iter().partition(|group| group.steps.len() == 1 && group.axes.is_empty());
    if !plain.is_empty() {
        let rows: Vec<_> =
            plain.iter().flat_map(|group| &group.steps).map(|step| (step.plan.name.clone(), *step)).collect();
        table(page, "step", &rows);
    }
    for group in &others {
        if page.row() {
            put!(page.out, "<h3>{}</h3>", cell(group.name));
            matrices(page, group);
            let rows: Vec<_> = group.steps.iter().map(|step| (group.point(step), *step)).collect();
            table(page, "point", &rows);
            cases(page, group, report);
        }
    }
    page.out.push_str("<div class=\"charts\">");
    for group in &groups {
        if let Some(curve) = view::sweep(group) {
            page_chart(page, group, group.name, &[&curve]);
        }
        for step in &group.steps {
            for together in together(&view::curves(step)) {
                page_chart(page, group, &step.plan.path(), &together);
            }
            if let Some(chart) = charts::latency_over_rate(step) {
                page.chart(chart);
            }
        }
    }
    page.out.push_str("</div>");
    let rounds: Vec<_> = groups.iter().filter_map(charts::rounds).collect();
    if !rounds.is_empty() {
        page.out.push_str(
            "<details class=\"more\"><summary>Every round over the time of the run</summary><div class=\"charts small\">",
        );
        rounds.into_iter().for_each(|chart| page.chart(chart));
        page.out.push_str("</div></details>");
    }
    page.end();
}

/// Curves of one metric over one label share a chart, up to eight.
fn together<'c, 'a>(curves: &'c [Curve<'a>]) -> Vec<Vec<&'c Curve<'a>>> {
    let mut all: Vec<Vec<&Curve<'_>>> = Vec::new();
    for curve in curves {
        let fits = |some: &&mut Vec<&Curve<'_>>| {
            some.len() < 8 && some.iter().all(|one| one.metric == curve.metric && one.axis == curve.axis)
        };
        match all.iter_mut().find(fits) {
            Some(some) => some.push(curve),
            None => all.push(vec![curve]),
        }
    }
    all
}

fn page_chart(page: &mut Page, group: &Group<'_>, title: &str, curves: &[&Curve<'_>]) {
    let metric = curves.first().map_or("", |curve| curve.metric);
    let of = group.steps.iter().flat_map(|step| &step.measurements).find(|m| m.metric.id == metric);
    let goal = of.map_or(Goal::Neutral, |measurement| measurement.metric.goal);
    if let Some(chart) = charts::along(title, goal, curves) {
        page.chart(chart);
    }
}

/// A row for each metric of each step.
fn table(page: &mut Page, first: &str, steps: &[(String, &StepRecord)]) {
    put!(
        page.out,
        "<div class=\"scroll\" tabindex=\"0\"><table data-table=\"results\"><thead><tr><th scope=\"col\">{first}</th><th scope=\"col\">metric</th><th scope=\"col\" class=\"n\">median</th><th scope=\"col\" class=\"n\">95 % interval</th><th scope=\"col\" class=\"n\">±</th><th scope=\"col\" class=\"n\">min .. max</th><th scope=\"col\" class=\"n\">rounds</th><th scope=\"col\" class=\"n\">samples</th><th scope=\"col\">notes</th></tr></thead><tbody>"
    );
    for (title, step) in steps {
        let scalars = step.scalars();
        let ending = view::ending(step);
        let marks = view::labels(&view::marks(step));
        let title = if marks.is_empty() { title.clone() } else { format!("{title} ({marks})") };
        for (number, measurement) in scalars.iter().enumerate() {
            if page.row() {
                let (title, ending) = if number == 0 { (title.as_str(), ending.as_deref()) } else { ("", None) };
                // All metrics of a step share their rounds: what disturbed them is said once.
                let told = number > 0 && disturbed(measurement) == scalars.first().map_or(0, |first| disturbed(first));
                figures(&mut page.out, title, step, measurement, ending, told);
            }
        }
        if scalars.is_empty() && page.row() {
            let text = match (&ending, view::curves(step).is_empty()) {
                (Some(ending), _) => sentence(ending),
                (None, false) => "a curve: see its chart".to_owned(),
                (None, true) => "no samples".to_owned(),
            };
            put!(
                page.out,
                "<tr><th scope=\"row\">{}</th><td colspan=\"7\"></td><td class=\"why\">{text}</td></tr>",
                cell(&title)
            );
        }
    }
    page.out.push_str("</tbody></table></div>");
}

fn disturbed(measurement: &Measurement) -> usize {
    measurement.counted().filter(|round| !round.taints.is_empty()).count()
}

fn figures(
    out: &mut String,
    title: &str,
    step: &StepRecord,
    measurement: &Measurement,
    ending: Option<&str>,
    told: bool,
) {
    let labels = step.plan.labels.joined(&measurement.labels);
    let id = SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels };
    let first = if title.is_empty() { " class=\"next\"" } else { "" };
    put!(
        out,
        "<tr{first} data-series=\"{}\"><th scope=\"row\">{}</th><td>{}",
        cell(&id.to_string()),
        cell(title),
        cell(&measurement.metric.id)
    );
    let direction = chart::direction(measurement.metric.goal);
    if !direction.is_empty() {
        let arrow = if measurement.metric.goal == Goal::Lower { "↓" } else { "↑" };
        put!(out, " <abbr title=\"{direction}\">{arrow}</abbr>");
    }
    out.push_str("</td>");
    let note = ending.map(sentence).unwrap_or_default();
    let Some(figures) = view::figures(measurement) else {
        put!(out, "<td class=\"n\">no samples</td><td colspan=\"5\"></td><td class=\"why\">{note}</td></tr>");
        return;
    };
    let estimate = &figures.estimate;
    let scale = Scale::of(measurement.metric.unit, estimate.value);
    put!(out, "<td class=\"n\" data-v=\"{:?}\"><b>{}</b></td>", estimate.value, scale.value(estimate.value));
    interval(out, &scale, estimate.interval.map(|i| (i.low, i.high)));
    put!(
        out,
        "<td class=\"n quiet\">{}</td>",
        number::margin(estimate).map(|margin| margin.replace('<', "&lt;").replace('>', "&gt;")).unwrap_or_default()
    );
    put!(
        out,
        "<td class=\"n quiet\" data-low=\"{:?}\" data-high=\"{:?}\">{}</td>",
        figures.min,
        figures.max,
        scale.range(figures.min, figures.max)
    );
    put!(
        out,
        "<td class=\"n quiet\">{}</td><td class=\"n quiet\">{}</td><td class=\"why\">",
        estimate.rounds,
        estimate.samples
    );
    if figures.tainted > 0 && !told {
        put!(out, "{} ", badge("warn", "~", &format!("{} disturbed", number::count(figures.tainted, "round"))));
    }
    put!(out, "{note}</td></tr>");
}

/// Each metric of a sweep of two axes at a glance; the rows that follow have the details.
fn matrices(page: &mut Page, group: &Group<'_>) {
    let Some((rows, columns)) = group.matrix() else { return };
    for metric in group.metrics() {
        put!(
            page.out,
            "<div class=\"scroll\" tabindex=\"0\"><table class=\"matrix\"><caption>{} by {} and {}</caption><thead><tr><td></td>",
            cell(metric),
            cell(rows.name),
            cell(columns.name)
        );
        for column in &columns.values {
            put!(page.out, "<th scope=\"col\" class=\"n\">{}</th>", cell(&format!("{}={column}", columns.name)));
        }
        page.out.push_str("</tr></thead><tbody>");
        for row in &rows.values {
            if !page.row() {
                continue;
            }
            put!(page.out, "<tr><th scope=\"row\">{}</th>", cell(&format!("{}={row}", rows.name)));
            for column in &columns.values {
                matrix_cell(&mut page.out, group.at((rows.name, row), (columns.name, column)), metric);
            }
            page.out.push_str("</tr>");
        }
        page.out.push_str("</tbody></table></div>");
    }
}

fn matrix_cell(out: &mut String, step: Option<&StepRecord>, metric: &str) {
    let measurement = step.and_then(|step| step.scalars().into_iter().find(|m| m.metric.id == metric));
    match measurement.and_then(|measurement| Some((measurement, view::figures(measurement)?))) {
        Some((measurement, figures)) => {
            let mark = if figures.tainted > 0 { " ~" } else { "" };
            put!(
                out,
                "<td class=\"n\" data-v=\"{:?}\">{}{mark}</td>",
                figures.estimate.value,
                cell(&number::estimate(measurement.metric.unit, &figures.estimate))
            );
        }
        None => {
            let word = step.and_then(view::ending).and_then(|text| text.split(':').next().map(str::to_owned));
            put!(out, "<td class=\"n quiet\">{}</td>", cell(&word.unwrap_or_default()));
        }
    }
}

/// The cases of a declaration against their reference.
fn cases(page: &mut Page, group: &Group<'_>, report: &Report<'_>) {
    let cases = group.cases(report.cases);
    if cases.is_empty() {
        return;
    }
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">verdict</th><th scope=\"col\">case</th><th scope=\"col\">metric</th><th scope=\"col\" class=\"n\">ratio, 95 % interval</th><th scope=\"col\">why</th></tr></thead><tbody>");
    for case in cases {
        if !page.row() {
            continue;
        }
        let (class, mark) = super::comparison::verdict(case.verdict);
        put!(
            page.out,
            "<tr><td>{}</td><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"why\">{}</td></tr>",
            badge(class, mark, case.verdict.name()),
            cell(&case.case),
            cell(&case.metric.id),
            cell(&ratio(case)),
            sentence(&case.reason)
        );
    }
    page.out.push_str("</tbody></table></div>");
}
