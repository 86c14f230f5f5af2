//! The numbers of a chart as a table. Each number stands in it twice: for people, and exact in `data-v`.

use super::chart::{Axis, Chart, Heat, Lane};
use super::escape::cell;

/// A cell with a number on an axis; a dash without one.
pub(super) fn number(out: &mut String, axis: &Axis, value: Option<f64>) {
    match value.filter(|value| value.is_finite()) {
        None => out.push_str("<td class=\"n\">–</td>"),
        Some(value) => {
            put!(out, "<td class=\"n\" data-v=\"{value:?}\">{}</td>", shown(axis, value));
        }
    }
}

/// A number in the unit of its axis, without the unit.
pub(super) fn shown(axis: &Axis, value: f64) -> String {
    if let Some((_, text)) = axis.ticks.iter().find(|(at, _)| at.total_cmp(&value).is_eq()) {
        return cell(text);
    }
    let scaled = value / axis.factor;
    let magnitude = scaled.abs();
    if magnitude >= 1e9 || (magnitude > 0.0 && magnitude < 1e-4) {
        return format!("{scaled:.3e}");
    }
    if scaled.fract() == 0.0 {
        return format!("{scaled:.0}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a number in 1e-4..1e9")]
    let digits = (3 - magnitude.log10().floor() as i32).clamp(0, 7);
    format!("{scaled:.*}", usize::try_from(digits).unwrap_or(0))
}

/// The heading of an axis with its unit.
fn head(out: &mut String, text: &str, axis: &Axis) {
    let unit = if axis.unit.is_empty() { String::new() } else { format!(" <small>{}</small>", cell(&axis.unit)) };
    put!(out, "<th scope=\"col\" class=\"n\">{}{unit}</th>", cell(text));
}

/// The whole table, as `<table>`.
pub(super) fn table(out: &mut String, chart: &Chart) {
    put!(
        out,
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"data\"><caption class=\"off\">{}</caption>",
        cell(&chart.title)
    );
    if let Some(counts) = &chart.heat {
        heat(out, chart, counts);
    } else if !chart.lanes.is_empty() {
        lanes(out, chart, &chart.lanes);
    } else {
        lines(out, chart);
    }
    out.push_str("</tbody></table></div>");
}

fn lines(out: &mut String, chart: &Chart) {
    // Series over the same places share a table; else each has its own rows.
    let first = chart.series.first().map(|series| series.x.as_slice()).unwrap_or_default();
    if chart.series.iter().all(|series| series.x == first) {
        out.push_str("<thead><tr>");
        head(out, &chart.x.title, &chart.x);
        for series in &chart.series {
            head(out, &series.name, &chart.y);
            if !series.low.is_empty() {
                head(out, "from", &chart.y);
                head(out, "to", &chart.y);
            }
        }
        out.push_str("</tr></thead><tbody>");
        for (row, at) in first.iter().enumerate() {
            out.push_str("<tr>");
            number(out, &chart.x, Some(*at));
            for series in &chart.series {
                number(out, &chart.y, series.y.get(row).copied().flatten());
                if !series.low.is_empty() {
                    number(out, &chart.y, series.low.get(row).copied().flatten());
                    number(out, &chart.y, series.high.get(row).copied().flatten());
                }
            }
            out.push_str("</tr>");
        }
        return;
    }
    out.push_str("<thead><tr><th scope=\"col\">series</th>");
    head(out, &chart.x.title, &chart.x);
    head(out, &chart.y.title, &chart.y);
    out.push_str("</tr></thead><tbody>");
    for series in &chart.series {
        for (at, value) in series.x.iter().zip(&series.y) {
            put!(out, "<tr><td>{}</td>", cell(&series.name));
            number(out, &chart.x, Some(*at));
            number(out, &chart.y, *value);
            out.push_str("</tr>");
        }
    }
}

/// Cells without a count are left out.
fn heat(out: &mut String, chart: &Chart, heat: &Heat) {
    out.push_str("<thead><tr>");
    head(out, &chart.x.title, &chart.x);
    head(out, &format!("{} from", chart.y.title), &chart.y);
    head(out, "to", &chart.y);
    put!(out, "<th scope=\"col\" class=\"n\">{}</th></tr></thead><tbody>", cell(heat.what));
    for (column, at) in heat.x.iter().enumerate() {
        for (row, ends) in heat.y.windows(2).enumerate() {
            let count = heat.z.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0);
            if let ([low, high], 1..) = (ends, count) {
                out.push_str("<tr>");
                number(out, &chart.x, Some(*at));
                number(out, &chart.y, Some(*low));
                number(out, &chart.y, Some(*high));
                put!(out, "<td class=\"n\" data-v=\"{count}\">{count}</td></tr>");
            }
        }
    }
}

fn lanes(out: &mut String, chart: &Chart, lanes: &[Lane]) {
    out.push_str("<thead><tr><th scope=\"col\">step</th>");
    head(out, "start", &chart.x);
    head(out, "length", &chart.x);
    out.push_str("<th scope=\"col\"></th></tr></thead><tbody>");
    for lane in lanes {
        for (at, length, disturbed) in &lane.spans {
            put!(out, "<tr><td>{}</td>", cell(&lane.name));
            number(out, &chart.x, Some(*at));
            number(out, &chart.x, Some(*length));
            put!(out, "<td>{}</td></tr>", if *disturbed { "disturbed" } else { "" });
        }
    }
}
