//! Two runs side by side.

use engine_core::comparison::{Comparison, SeriesVerdict, Side};
use engine_core::environment::Class;
use engine_core::judgement::Verdict;
use engine_core::run::RunRecord;
use jiff::tz::TimeZone;

use super::Kind;
use super::chart::Chart;
use super::charts::{self, Detail};
use super::escape::{cell, sentence};
use super::page::Page;
use super::report::DETAILS;
use super::sections::badge;
use crate::input::Report;
use crate::number::{self, Scale};
use crate::{json, load, moment, verdict as words, view};

/// Class and mark of a verdict.
pub(super) const fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Worse => ("bad", "✗"),
        Verdict::Better => ("good", "✓"),
        Verdict::Equivalent => ("none", "="),
        Verdict::Inconclusive => ("warn", "?"),
    }
}

/// The comparison of two runs as one HTML file. With the runs themselves their curves and the courses of their loads lie over
/// one another, from the start of each.
#[must_use]
pub fn comparison(
    comparison: &Comparison,
    runs: Option<(&RunRecord, &RunRecord)>,
    zone: &TimeZone,
    kind: Kind,
) -> String {
    let document = json::comparison(comparison);
    let mut file = String::new();
    for (level, detail) in DETAILS.into_iter().enumerate() {
        let document = (level < 3).then_some(document.as_str());
        file = page(comparison, runs, zone, kind, detail).file("Comparison of two runs", document, level > 0);
        if file.len() <= kind.most() {
            break;
        }
    }
    file
}

fn page(
    comparison: &Comparison,
    runs: Option<(&RunRecord, &RunRecord)>,
    zone: &TimeZone,
    kind: Kind,
    detail: Detail,
) -> Page {
    let mut page = Page::new(kind, detail);
    head(&mut page, comparison, zone);
    refusals(&mut page, comparison);
    changes(&mut page, comparison);
    if let Some((old, new)) = runs {
        overlays(&mut page, old, new);
    }
    differences(&mut page, comparison);
    page
}

fn head(page: &mut Page, comparison: &Comparison, zone: &TimeZone) {
    let scenario = &comparison.new.scenario;
    put!(page.out, "<header><p class=\"kind\">Comparison of two runs</p><h1>{}</h1></header>", cell(scenario));
    let (class, word) = match words::worst(comparison) {
        None if comparison.is_refused() => ("warn", "Refused"),
        None => ("none", "Nothing to compare"),
        Some(Verdict::Worse) => ("bad", "Worse"),
        Some(Verdict::Inconclusive) => ("warn", "Inconclusive"),
        Some(Verdict::Better) => ("good", "Better"),
        Some(Verdict::Equivalent) => ("good", "Equivalent"),
    };
    put!(
        page.out,
        "<div class=\"verdict {class}\"><p class=\"word\">{word}</p><div><p>{}</p><ul><li>A change of more than {} counts.</li></ul></div></div>",
        cell(&words::tally(comparison)),
        number::share(comparison.threshold)
    );
    page.out.push_str("<dl class=\"facts\">");
    for (word, side) in [("Old", &comparison.old), ("New", &comparison.new)] {
        put!(page.out, "<div><dt>{word}</dt><dd>{}</dd></div>", sentence(&of_side(side, zone)));
    }
    page.out.push_str("</dl>");
}

fn of_side(side: &Side, zone: &TimeZone) -> String {
    let code = side.code.as_deref().unwrap_or("unknown");
    let others = match side.others.len() {
        0 => String::new(),
        n => format!(" and {n} before"),
    };
    format!(
        "{}{others}, {}, commit {code}, machine {}",
        side.run.0,
        moment::for_people(side.started, zone),
        side.machine
    )
}

fn refusals(page: &mut Page, comparison: &Comparison) {
    if comparison.refusals.is_empty() {
        return;
    }
    page.section("refused", "Not compared", "");
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">what</th><th scope=\"col\">why</th><th scope=\"col\">remedy</th></tr></thead><tbody>");
    for refusal in &comparison.refusals {
        if page.row() {
            put!(
                page.out,
                "<tr><th scope=\"row\">{}</th><td class=\"why\">{}</td><td class=\"why\">{}</td></tr>",
                cell(refusal.subject.as_deref().unwrap_or("all of it")),
                sentence(&refusal.reason),
                sentence(&refusal.remedy)
            );
        }
    }
    page.out.push_str("</tbody></table></div>");
    page.end();
}

fn changes(page: &mut Page, comparison: &Comparison) {
    if !comparison.series.is_empty() {
        page.section("changes", "Changes", "the worst first");
        rows(page, comparison);
        page.end();
    }
    for (word, ids) in [("old", &comparison.only_old), ("new", &comparison.only_new)] {
        if !ids.is_empty() {
            let names: Vec<String> = ids.iter().filter(|_| page.row()).map(|id| cell(&id.to_string())).collect();
            put!(page.out, "<p>Only in the {word} run: {}</p>", names.join(", "));
        }
    }
}

/// The run against its baseline, where it was held against one: the same table as in a comparison.
pub(super) fn against_baseline(page: &mut Page, report: &Report<'_>) {
    let Some(comparison) = report.comparison else { return };
    page.section("baseline", "Against the baseline", &words::tally(comparison));
    put!(
        page.out,
        "<p class=\"quiet\">Held against {}. A change of more than {} counts.</p>",
        sentence(&of_side(&comparison.old, &report.zone)),
        number::share(comparison.threshold)
    );
    for refusal in &comparison.refusals {
        if page.row() {
            let subject = refusal.subject.as_deref().unwrap_or("Nothing is compared");
            put!(page.out, "<p>{}: {}</p>", cell(subject), sentence(&refusal.reason));
        }
    }
    if !comparison.series.is_empty() {
        rows(page, comparison);
    }
    page.end();
}

/// Series that are seen at once.
const FIRST: usize = 30;

/// All changes, the first of them at once.
fn rows(page: &mut Page, comparison: &Comparison) {
    let reach = reach(comparison);
    let all = words::sorted(comparison);
    let (first, rest) = all.split_at(if all.len() > FIRST + 5 { FIRST } else { all.len() });
    table(page, first, comparison.threshold, reach);
    if !rest.is_empty() {
        put!(page.out, "<details class=\"more\"><summary>{} more series</summary>", rest.len());
        table(page, rest, comparison.threshold, reach);
        page.out.push_str("</details>");
    }
}

fn table(page: &mut Page, series: &[&SeriesVerdict], threshold: f64, reach: f64) {
    put!(
        page.out,
        "<div class=\"scroll\" tabindex=\"0\"><table data-table=\"changes\"><thead><tr><th scope=\"col\">verdict</th><th \
         scope=\"col\">series</th><th scope=\"col\" class=\"n\">old</th><th scope=\"col\" class=\"n\">new</th><th \
         scope=\"col\" class=\"n\">change</th><th scope=\"col\" class=\"n\">95 % interval</th><th scope=\"col\">±{}</th><th \
         scope=\"col\">why</th></tr></thead><tbody>",
        number::share(reach)
    );
    for one in series {
        if page.row() {
            change(&mut page.out, one, threshold, reach);
        }
    }
    page.out.push_str("</tbody></table></div>");
}

/// How far the strips reach: what nine of ten intervals need, at least three times what counts.
fn reach(comparison: &Comparison) -> f64 {
    let mut ends: Vec<f64> = comparison
        .series
        .iter()
        .filter_map(|one| one.change)
        .flat_map(|change| change.interval.map_or([change.ratio; 2], |i| [i.low, i.high]))
        .map(|ratio| (ratio - 1.0).abs())
        .filter(|end| end.is_finite())
        .collect();
    ends.sort_by(f64::total_cmp);
    let most = ends.get(ends.len() * 9 / 10).copied().unwrap_or(0.1);
    most.clamp(3.0 * comparison.threshold, 2.0)
}

fn change(out: &mut String, one: &SeriesVerdict, threshold: f64, reach: f64) {
    let (class, mark) = verdict(one.verdict);
    let unit = one.metric.unit;
    let scale = Scale::of(unit, one.old.value);
    let direction = super::chart::direction(one.metric.goal);
    put!(
        out,
        "<tr data-series=\"{}\"><td>{}</td><th scope=\"row\">{}<br><small>{direction}</small></th>",
        cell(&one.id.to_string()),
        badge(class, mark, one.verdict.name()),
        cell(&one.id.to_string())
    );
    for side in [&one.old, &one.new] {
        put!(
            out,
            "<td class=\"n\" data-v=\"{:?}\">{}{}</td>",
            side.value,
            if side.above { "&gt; " } else { "" },
            scale.value(side.value)
        );
    }
    let ratio = one.change.map_or(f64::NAN, |change| change.ratio);
    put!(
        out,
        "<td class=\"n\" data-v=\"{ratio:?}\"><b>{}</b></td><td class=\"n quiet\">{}</td><td>",
        cell(&words::change(one)),
        cell(&words::interval(one))
    );
    strip(out, one, threshold, reach);
    let needed = one.rounds_needed.map(|rounds| format!("; about {rounds} rounds a side would decide"));
    put!(
        out,
        "</td><td class=\"why\">{}</td></tr>",
        sentence(&format!("{}{}", one.reason, needed.unwrap_or_default()))
    );
}

/// The interval of a change on a line with no change in its middle and what counts shaded.
fn strip(out: &mut String, one: &SeriesVerdict, threshold: f64, reach: f64) {
    let Some(change) = one.change.filter(|change| change.ratio.is_finite()) else { return };
    let place = |ratio: f64| 60.0 + 55.0 * ((ratio - 1.0) / reach).clamp(-1.0, 1.0);
    let (left, right) = (place(1.0 - threshold), place(1.0 + threshold));
    let (class, _) = verdict(one.verdict);
    put!(
        out,
        "<svg class=\"strip {class}\" viewBox=\"0 0 120 16\" aria-hidden=\"true\"><rect class=\"band\" x=\"{left:.1}\" y=\"0\" width=\"{:.1}\" height=\"16\"/><path class=\"grid\" d=\"M60 0V16\"/>",
        right - left
    );
    if let Some(i) = change.interval {
        put!(out, "<path class=\"i\" d=\"M{:.1} 8H{:.1}\"/>", place(i.low), place(i.high));
    }
    put!(out, "<circle cx=\"{:.1}\" cy=\"8\" r=\"3.5\"/></svg>", place(change.ratio));
}

/// Charts that both runs have, laid over one another.
fn overlays(page: &mut Page, old: &RunRecord, new: &RunRecord) {
    let detail = page.detail;
    let sides = (of_run(old, detail), of_run(new, detail));
    let mut charts = Vec::new();
    for chart in sides.1 {
        if let Some(before) = sides.0.iter().find(|other| other.title == chart.title) {
            charts.extend(laid_over(before, chart));
        }
    }
    if charts.is_empty() {
        return;
    }
    page.section("overlays", "Both runs", "each from its own start");
    page.out.push_str("<div class=\"charts\">");
    charts.into_iter().for_each(|chart| page.chart(chart));
    page.out.push_str("</div>");
    page.end();
}

/// The charts of a run that can be compared: curves, and the courses of loads.
fn of_run(record: &RunRecord, detail: Detail) -> Vec<Chart> {
    let mut all = Vec::new();
    for group in view::groups(record) {
        for step in &group.steps {
            for curve in view::curves(step) {
                let goal = step.measurements.iter().find(|m| m.metric.id == curve.metric).map(|m| m.metric.goal);
                all.extend(charts::along(
                    &step.plan.path(),
                    goal.unwrap_or(engine_core::metric::Goal::Neutral),
                    &[&curve],
                ));
            }
            if let Some(view) = load::view(record, step) {
                all.extend(charts::load(&view, detail));
            }
            all.extend(charts::latency_over_rate(step));
        }
    }
    all
}

/// One chart of two: each line that both have, old and new. At most four lines a side can be told apart.
fn laid_over(old: &Chart, mut new: Chart) -> Option<Chart> {
    const LINES: usize = 4;
    let wanted = ["p50", "p99", "ended well", "errors"];
    let chosen = |name: &str, all: usize| all <= LINES || wanted.contains(&name);
    // Places by names have no common order, and counts cannot lie over one another.
    if new.heat.is_some() || new.x.ticks != old.x.ticks && !new.x.log {
        return None;
    }
    let all = new.series.len();
    let mut series = Vec::new();
    let lines = std::mem::take(&mut new.series).into_iter().filter(|line| chosen(&line.name, all)).take(LINES);
    for (hue, line) in lines.enumerate() {
        let Some(before) = old.series.iter().find(|other| other.name == line.name) else { continue };
        series.push(super::chart::Series {
            name: format!("old: {}", line.name),
            hue: Some(hue),
            old: Some(true),
            ..before.clone()
        });
        series.push(super::chart::Series {
            name: format!("new: {}", line.name),
            hue: Some(hue),
            old: Some(false),
            ..line
        });
    }
    new.series = series;
    new.y.factor = new.y.factor.max(f64::MIN_POSITIVE);
    (!new.is_empty()).then_some(new)
}

fn differences(page: &mut Page, comparison: &Comparison) {
    if comparison.differences.is_empty() {
        return;
    }
    page.section("environments", "Environments differ", "");
    page.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">field</th><th scope=\"col\">old</th><th scope=\"col\">new</th><th scope=\"col\"></th></tr></thead><tbody>");
    for difference in &comparison.differences {
        if page.row() {
            let word = if difference.severity == Class::Unlike { badge("warn", "!", "unlike") } else { String::new() };
            put!(
                page.out,
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{word}</td></tr>",
                cell(&difference.field),
                sentence(&difference.a),
                sentence(&difference.b)
            );
        }
    }
    page.out.push_str("</tbody></table></div>");
    page.end();
}
