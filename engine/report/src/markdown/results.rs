//! The results as tables: one a declaration, a matrix for a sweep of two axes, a table for each curve.

use engine_core::measurement::Measurement;
use engine_core::run::StepRecord;

use super::escape::{cell, name, sentence};
use crate::curve::Curve;
use crate::expectation::ratio;
use crate::input::Report;
use crate::number::{self, Scale};
use crate::view::{self, Group};

/// Appends the section.
pub(super) fn results(out: &mut String, report: &Report<'_>) {
    let groups: Vec<_> = view::groups(report.record).into_iter().filter(|group| !group.is_apart()).collect();
    if groups.is_empty() && !report.record.steps.is_empty() {
        return;
    }
    out.push_str(
        "## Results\n\nMedian over rounds; the interval is the 95 % interval of that median. `~` marks values ",
    );
    out.push_str("with disturbed rounds.\n\n");
    let (plain, others): (Vec<_>, Vec<_>) =
        groups.iter().partition(|group| group.steps.len() == 1 && group.axes.is_empty());
    if !plain.is_empty() {
        let rows = plain.iter().flat_map(|group| &group.steps).map(|step| (name(&step.plan.name), *step));
        table(out, "step", &rows.collect::<Vec<_>>());
    }
    for group in &others {
        put!(out, "### {}\n\n", name(group.name));
        matrices(out, group);
        let rows = group.steps.iter().map(|step| (name(&group.point(step)), *step));
        table(out, "point", &rows.collect::<Vec<_>>());
    }
    for group in groups.iter() {
        cases(out, group, report);
        if let Some(curve) = view::sweep(group) {
            self::curve(out, group.name, &curve);
        }
        for step in &group.steps {
            for curve in view::curves(step) {
                self::curve(out, &step.plan.path(), &curve);
            }
        }
    }
}

/// A row for each metric of each step.
fn table(out: &mut String, first: &str, steps: &[(String, &StepRecord)]) {
    put!(out, "| {first} | metric | median | 95 % interval | min .. max | rounds | samples | |\n");
    out.push_str("|---|---|---:|---:|---:|---:|---:|---|\n");
    for (title, step) in steps {
        let scalars = step.scalars();
        let ending = view::ending(step);
        let marks = view::labels(&view::marks(step));
        let title = if marks.is_empty() { title.clone() } else { format!("{title} ({})", cell(&marks)) };
        for (number, measurement) in scalars.iter().enumerate() {
            let title = if number == 0 { title.as_str() } else { "" };
            figures(out, title, measurement, if number == 0 { ending.as_deref() } else { None });
        }
        if scalars.is_empty() {
            let curves = view::curves(step);
            let text = match (&ending, curves.is_empty()) {
                (Some(ending), _) => sentence(ending),
                (None, false) => "see the curve below".to_owned(),
                (None, true) => "no samples".to_owned(),
            };
            put!(out, "| {title} | | | | | | | {text} |\n");
        }
    }
    out.push('\n');
}

fn figures(out: &mut String, title: &str, measurement: &Measurement, ending: Option<&str>) {
    let metric = name(&measurement.metric.id);
    let note = ending.map(sentence).unwrap_or_default();
    let Some(figures) = view::figures(measurement) else {
        put!(out, "| {title} | {metric} | no samples | | | | | {note} |\n");
        return;
    };
    let unit = measurement.metric.unit;
    let scale = Scale::of(unit, figures.estimate.value);
    let tainted = match figures.tainted {
        0 => String::new(),
        n => format!("~ {} disturbed", number::count(n, "round")),
    };
    let gap = if tainted.is_empty() || note.is_empty() { "" } else { "; " };
    put!(
        out,
        "| {title} | {metric} | {} | {} | {} | {} | {} | {tainted}{gap}{note} |\n",
        scale.value(figures.estimate.value),
        number::interval(unit, &figures.estimate),
        scale.range(figures.min, figures.max),
        figures.estimate.rounds,
        figures.estimate.samples
    );
}

/// Each metric of a sweep of two axes at a glance; the rows that follow have the details.
fn matrices(out: &mut String, group: &Group<'_>) {
    let Some((rows, columns)) = group.matrix() else { return };
    for metric in group.metrics() {
        put!(out, "{} by {} and {}:\n\n| |", name(metric), name(rows.name), name(columns.name));
        for column in &columns.values {
            put!(out, " {} |", name(&format!("{}={column}", columns.name)));
        }
        out.push_str("\n|---|");
        out.push_str(&"---:|".repeat(columns.values.len()));
        out.push('\n');
        for row in &rows.values {
            put!(out, "| {} |", name(&format!("{}={row}", rows.name)));
            for column in &columns.values {
                let step = group.at((rows.name, row), (columns.name, column));
                put!(out, " {} |", matrix_cell(step, metric));
            }
            out.push('\n');
        }
        out.push('\n');
    }
}

fn matrix_cell(step: Option<&StepRecord>, metric: &str) -> String {
    let Some(step) = step else { return String::new() };
    let measurement = step.scalars().into_iter().find(|measurement| measurement.metric.id == metric);
    match measurement.and_then(|measurement| Some((measurement, view::figures(measurement)?))) {
        Some((measurement, figures)) => {
            let mark = if figures.tainted > 0 { " ~" } else { "" };
            format!("{}{mark}", number::estimate(measurement.metric.unit, &figures.estimate))
        }
        None => view::ending(step).and_then(|text| text.split(':').next().map(str::to_owned)).unwrap_or_default(),
    }
}

/// The cases of a declaration against their reference.
fn cases(out: &mut String, group: &Group<'_>, report: &Report<'_>) {
    let cases = group.cases(report.cases);
    if cases.is_empty() {
        return;
    }
    put!(out, "### {}: cases\n\n", name(group.name));
    out.push_str("| case | metric | ratio, 95 % interval | verdict | why |\n|---|---|---:|---|---|\n");
    for case in cases {
        put!(
            out,
            "| {} | {} | {} | {} | {} |\n",
            name(&case.case),
            name(&case.metric.id),
            cell(&ratio(case)),
            case.verdict.name(),
            sentence(&case.reason)
        );
    }
    out.push('\n');
}

fn curve(out: &mut String, title: &str, curve: &Curve<'_>) {
    let fixed = view::labels(&curve.fixed);
    let fixed = if fixed.is_empty() { fixed } else { format!(" ({})", cell(&fixed)) };
    put!(
        out,
        "### {}: {} over {}{fixed}\n\n| {} | median | 95 % interval | min .. max | |\n|---:|---:|---:|---:|---|\n",
        name(title),
        name(curve.metric),
        name(curve.axis),
        cell(curve.axis)
    );
    for (point, height) in curve.points.iter().zip(curve.heights()) {
        let estimate = &point.figures.estimate;
        let scale = Scale::of(curve.unit, estimate.value);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=1 times twenty")]
        let bar = "█".repeat((height * 20.0).round() as usize);
        put!(
            out,
            "| {} | {} | {} | {} | {bar} |\n",
            cell(point.at),
            scale.value(estimate.value),
            number::interval(curve.unit, estimate),
            scale.range(point.figures.min, point.figures.max)
        );
    }
    out.push('\n');
}
