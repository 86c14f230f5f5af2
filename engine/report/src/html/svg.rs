//! A chart drawn without a script: one inline SVG that takes its colours from the page.

use super::chart::{Axis, Chart, Series, Style};
use super::escape::cell;
use super::scale::Scale;
use super::table::shown;

const WIDTH: f64 = 520.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 36.0;

/// Number of colours and dashes that the style sheet has.
const COLOURS: usize = 8;

/// The drawing with its legend.
pub(super) fn svg(out: &mut String, chart: &Chart) {
    let height = if chart.lanes.is_empty() { 220.0 } else { TOP + BOTTOM + 18.0 * lanes(chart) };
    if chart.series.len() > 1 {
        out.push_str("<p class=\"legend\">");
        for (number, series) in chart.series.iter().enumerate() {
            let old = if series.old == Some(true) { " old" } else { "" };
            put!(
                out,
                "<span class=\"k{}{old}\">{}</span> ",
                series.hue.unwrap_or(number) % COLOURS,
                cell(&series.name)
            );
        }
        out.push_str("</p>");
    }
    put!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        cell(&format!("{}; {}", chart.title, chart.y.label()))
    );
    let right = WIDTH - RIGHT;
    let below = height - BOTTOM;
    let x = across(chart, (LEFT, right));
    let y = upwards(chart, (below, TOP));
    bands(out, chart, &x, below);
    if chart.lanes.is_empty() {
        for tick in y.ticks(chart.y.factor, 5) {
            let Some(at) = y.place(tick) else { continue };
            put!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" class=\"e\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                shown(&chart.y, tick)
            );
        }
    }
    for (tick, text) in marks(&chart.x, &x) {
        let Some(at) = x.place(tick) else { continue };
        put!(
            out,
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{below}\"/><text x=\"{at:.1}\" y=\"{}\" class=\"m\">{text}</text>",
            below + 15.0
        );
    }
    put!(out, "<text x=\"{right}\" y=\"{}\" class=\"e a\">{}</text>", height - 4.0, cell(&chart.x.label()));
    if let Some(heat) = &chart.heat {
        let most = heat.z.iter().flatten().copied().max().unwrap_or(1).max(1);
        for (row, ends) in heat.z.iter().zip(heat.y.windows(2)) {
            let [low, high] = ends else { continue };
            let (Some(lower), Some(upper)) = (y.place(*low), y.place(*high)) else { continue };
            for (count, ends) in row.iter().zip(heat.x.windows(2)).filter(|(count, _)| **count > 0) {
                let [from, to] = ends else { continue };
                let (Some(from), Some(to)) = (x.place(*from), x.place(*to)) else { continue };
                #[expect(clippy::cast_precision_loss, reason = "for a shade")]
                let shade = 0.12 + 0.88 * ((*count as f64).ln_1p() / (most as f64).ln_1p());
                put!(
                    out,
                    "<rect class=\"heat\" x=\"{from:.1}\" y=\"{upper:.1}\" width=\"{:.1}\" height=\"{:.1}\" opacity=\"{shade:.2}\"/>",
                    (to - from).max(0.5),
                    (lower - upper).max(0.5)
                );
            }
        }
    }
    for (number, lane) in (0_u32..).zip(&chart.lanes) {
        let top = TOP + 18.0 * f64::from(number);
        put!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" class=\"e\">{}</text>",
            LEFT - 6.0,
            top + 13.0,
            cell(&crate::clean::fit(&lane.name, 11))
        );
        for (at, length, disturbed) in &lane.spans {
            let (Some(from), Some(to)) = (x.place(*at), x.place(at + length)) else { continue };
            let class = if *disturbed { "span bad" } else { "span" };
            put!(
                out,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\"/>",
                top + 3.0,
                (to - from).max(1.0)
            );
        }
    }
    for moment in &chart.lines {
        if let Some(at) = x.place(moment.x).filter(|at| (LEFT..=right).contains(at)) {
            let class = if moment.bad { "moment bad" } else { "moment" };
            put!(
                out,
                "<path class=\"{class}\" d=\"M{at:.1} {TOP}V{below}\"><title>{}</title></path>",
                cell(&moment.name)
            );
        }
    }
    for (number, series) in chart.series.iter().enumerate() {
        line(out, series, series.hue.unwrap_or(number) % COLOURS, &x, &y);
    }
    out.push_str("</svg>");
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn lanes(chart: &Chart) -> f64 {
    chart.lanes.len() as f64
}

fn across(chart: &Chart, places: (f64, f64)) -> Scale {
    let spans = chart.lanes.iter().flat_map(|lane| &lane.spans).flat_map(|(at, length, _)| [*at, at + length]);
    let heat = chart.heat.iter().flat_map(|heat| &heat.x).copied();
    let scale = Scale::over(chart.places().chain(heat).chain(spans), chart.x.log, false, places);
    let joined = chart.series.iter().all(|series| matches!(series.style, Style::Line | Style::Steps));
    if joined { scale } else { scale.roomy(false) }
}

fn upwards(chart: &Chart, places: (f64, f64)) -> Scale {
    let heat = chart.heat.iter().flat_map(|heat| &heat.y).copied();
    let scale = Scale::over(chart.values().chain(heat), chart.y.log, chart.from_zero, places);
    if chart.heat.is_some() { scale } else { scale.roomy(chart.from_zero) }
}

/// The axis's own ticks, thinned to what fits, or round numbers.
fn marks(axis: &Axis, scale: &Scale) -> Vec<(f64, String)> {
    if axis.ticks.is_empty() {
        return scale.ticks(axis.factor, 7).into_iter().map(|tick| (tick, plain(axis, tick))).collect();
    }
    // Plain texts first, then what has room between them.
    let mut order: Vec<&(f64, String)> = axis.ticks.iter().collect();
    order.sort_by_key(|(_, text)| text.contains('.'));
    let mut kept: Vec<(f64, String)> = Vec::new();
    for (at, text) in order {
        let far = |other: &f64| match (scale.place(*other), scale.place(*at)) {
            (Some(a), Some(b)) => (a - b).abs() >= 52.0,
            _ => true,
        };
        if kept.iter().all(|(other, _)| far(other)) {
            kept.push((*at, cell(&crate::clean::fit(text, 10))));
        }
    }
    kept
}

/// A tick without the zeros that only fill up.
fn plain(axis: &Axis, tick: f64) -> String {
    let text = shown(axis, tick);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn bands(out: &mut String, chart: &Chart, x: &Scale, below: f64) {
    for (number, band) in chart.bands.iter().enumerate() {
        let (Some(from), Some(to)) = (x.place(band.from), x.place(band.to)) else { continue };
        let class = match (band.bad, number % 2) {
            (true, _) => "band bad",
            (_, 0) => "band",
            _ => "band odd",
        };
        put!(
            out,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (to - from).max(0.5),
            below - TOP
        );
        if to - from > 40.0 {
            put!(
                out,
                "<text x=\"{:.1}\" y=\"{}\" class=\"b\">{}</text>",
                from + 4.0,
                TOP + 11.0,
                cell(&crate::clean::fit(&band.name, 16))
            );
        }
    }
}

fn line(out: &mut String, series: &Series, colour: usize, x: &Scale, y: &Scale) {
    let mut path = String::new();
    let mut points = String::new();
    let mut before: Option<f64> = None;
    for (row, (at, value)) in series.x.iter().zip(&series.y).enumerate() {
        let place = value.and_then(|value| Some((x.place(*at)?, y.place(value)?)));
        let Some((px, py)) = place else {
            before = None;
            continue;
        };
        match (before, series.style) {
            (None, _) => put!(path, "M{px:.1} {py:.1}"),
            (Some(_), Style::Steps) => put!(path, "H{px:.1}V{py:.1}"),
            (Some(_), _) => put!(path, "L{px:.1} {py:.1}"),
        }
        before = Some(py);
        let end = |ends: &[Option<f64>]| ends.get(row).copied().flatten().and_then(|value| y.place(value));
        if let (Some(low), Some(high)) = (end(&series.low), end(&series.high)) {
            put!(points, "<path class=\"i\" d=\"M{px:.1} {low:.1}V{high:.1}\"/>");
        }
        if matches!(series.style, Style::Both | Style::Points) {
            put!(points, "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\"/>");
        }
    }
    let pair = match series.old {
        Some(true) => " old",
        Some(false) => " new",
        None => "",
    };
    put!(out, "<g class=\"s{colour}{pair}\">");
    if series.style != Style::Points {
        put!(out, "<path class=\"l\" d=\"{path}\"/>");
    }
    put!(out, "{points}</g>");
}
