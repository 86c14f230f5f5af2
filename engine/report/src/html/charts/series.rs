//! Curves, sweeps, and the rounds of a declaration over time.

use engine_core::metric::Goal;
use engine_core::quantity::Quantity;
use engine_core::run::StepRecord;

use super::is_wide;
use crate::curve::Curve;
use crate::html::chart::{Axis, Chart, Series, Style};
use crate::html::escape::label;
use crate::view::{self, Group};

/// Series of a chart of rounds; beyond these they cannot be told apart.
const MOST: usize = 6;

/// Curves of one metric over one label, together in one chart; none where no curve is given.
pub(in crate::html) fn along(title: &str, goal: Goal, curves: &[&Curve<'_>]) -> Option<Chart> {
    let first = curves.first()?;
    let quantity = |text: &str| text.parse::<Quantity>().ok().map(|quantity| quantity.value);
    let numeric = curves.iter().flat_map(|curve| &curve.points).all(|point| quantity(point.at).is_some());
    // Names are places 0, 1, 2 .. in the order in which they first come.
    let mut names: Vec<&str> = Vec::new();
    for point in curves.iter().flat_map(|curve| &curve.points) {
        if !names.contains(&point.at) {
            names.push(point.at);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of points")]
    let place = |text: &str| match quantity(text) {
        Some(value) if numeric => value,
        _ => names.iter().position(|name| *name == text).unwrap_or_default() as f64,
    };
    let log = numeric && is_wide(names.iter().map(|name| place(name)));
    let mut ticks: Vec<(f64, String)> = names.iter().map(|name| (place(name), label(name))).collect();
    ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let series = curves.iter().map(|curve| {
        let ends = |of: fn(&engine_core::stats::Interval) -> f64| -> Vec<Option<f64>> {
            curve.points.iter().map(|point| point.figures.estimate.interval.as_ref().map(of)).collect()
        };
        let fixed = view::labels(&curve.fixed);
        Series {
            name: if fixed.is_empty() { label(curve.metric) } else { label(&fixed) },
            style: Style::Both,
            x: curve.points.iter().map(|point| place(point.at)).collect(),
            y: curve.points.iter().map(|point| Some(point.figures.estimate.value)).collect(),
            low: ends(|interval| interval.low),
            high: ends(|interval| interval.high),
            ..Series::default()
        }
    });
    let series: Vec<Series> = series.collect();
    let values = || series.iter().flat_map(|series| &series.y).flatten().copied();
    let wide = is_wide(values());
    Some(Chart {
        title: format!("{}: {} over {}", label(title), label(first.metric), label(first.axis)),
        note: "Median over rounds with its 95 % interval.".to_owned(),
        x: Axis { title: label(first.axis), factor: 1.0, log, ticks, ..Axis::default() },
        y: Axis::of(&label(first.metric), first.unit, goal, values(), wide),
        from_zero: !wide,
        series,
        ..Chart::default()
    })
}

/// Every round of a declaration's first metric over the time of the run: whether the machine drifted.
pub(in crate::html) fn rounds(group: &Group<'_>) -> Option<Chart> {
    let all: Vec<(&StepRecord, _)> =
        group.steps.iter().filter_map(|step| Some((*step, view::primary(step)?))).collect();
    let metric = &all.first()?.1.metric;
    let shown: Vec<_> = all.iter().filter(|(_, measurement)| measurement.metric == *metric).take(MOST).collect();
    let cloud = |name: String| Series { name, style: Style::Points, ..Series::default() };
    let mut series: Vec<Series> = Vec::new();
    let (mut disturbed, mut replaced) = (cloud("disturbed".to_owned()), cloud("taken again".to_owned()));
    for (step, measurement) in &shown {
        let point = view::point(&step.plan);
        let mut clean = cloud(if point.is_empty() { label(&metric.id) } else { label(&point) });
        for round in &measurement.rounds {
            let Some(value) = measurement.round_value(round).filter(|value| value.is_finite()) else { continue };
            let to = match (round.superseded, round.taints.is_empty()) {
                (true, _) => &mut replaced,
                (false, true) => &mut clean,
                (false, false) => &mut disturbed,
            };
            to.x.push(round.at);
            to.y.push(Some(value));
        }
        series.push(clean);
    }
    series.extend([disturbed, replaced]);
    series.retain(|series| !series.x.is_empty());
    if series.iter().map(|series| series.x.len()).sum::<usize>() < 2 {
        return None;
    }
    let values = || series.iter().flat_map(|series| &series.y).flatten().copied();
    let wide = is_wide(values());
    let left = all.len() - shown.len();
    let rest =
        if left > 0 { format!(" The first {MOST} points; {left} more are in the table above.") } else { String::new() };
    Some(Chart {
        title: format!("{}: {} of each round", label(group.name), label(&metric.id)),
        note: format!("One mark a round, by the time of the run: a slope is a drift of the machine.{rest}"),
        x: Axis::time("since the start"),
        y: Axis::of(&label(&metric.id), metric.unit, metric.goal, values(), wide),
        series,
        ..Chart::default()
    })
}
