//! The charts of a load: rates, users, response times, heat, errors, distribution, latency over rate.

use std::collections::BTreeMap;

use engine_core::fault::PHASES as FAULT_PHASES;
use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, WindowRow};
use engine_core::measurement::{Measurement, Stat};
use engine_core::metric::Goal;
use engine_core::plan::Work;
use engine_core::run::StepRecord;
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::{Detail, is_wide};
use crate::html::chart::{Axis, Band, Chart, Heat, Line, Series, Style};
use crate::html::escape::label;
use crate::load::{LoadView, PERCENTILES};

/// Classes of errors that are told apart in a chart.
const CLASSES: usize = 6;
/// Endpoints that are told apart in a chart.
const ENDPOINTS: usize = 5;

/// Windows that were joined to one point.
struct Stretch {
    at: f64,
    seconds: f64,
    users: u64,
    row: WindowRow,
}

impl Stretch {
    fn rate(&self, count: u64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "requests of a stretch")]
        (self.seconds > 0.0).then(|| count as f64 / self.seconds)
    }

    /// Its middle: the time that stands for it.
    fn middle(&self) -> f64 {
        self.at + self.seconds / 2.0
    }
}

/// The windows of the last round.
fn last_round(step: &StepRecord) -> impl Iterator<Item = &LoadWindow> {
    let round = step.windows.last().map(|window| window.round);
    step.windows.iter().filter(move |window| Some(window.round) == round)
}

/// The windows of the last round, joined to at most so many stretches.
fn stretches(step: &StepRecord, most: usize) -> Vec<Stretch> {
    let mut windows: Vec<&LoadWindow> = last_round(step).collect();
    let bundle = windows.len().div_ceil(most.max(1)).max(1);
    let join = |windows: &[&LoadWindow]| {
        let (first, last) = (windows.first()?, windows.last()?);
        let mut row = WindowRow::default();
        windows.iter().filter_map(|window| window.total()).for_each(|total| row.merge(total));
        Some(Stretch { at: first.at, seconds: last.end() - first.at, users: last.users, row })
    };
    // What is left over at the very end is no stretch of its own: a rate over a moment says nothing.
    let left_over = match windows.as_slice() {
        [.., before, last] if last.seconds < before.seconds / 2.0 => windows.pop(),
        _ => None,
    };
    let mut chunks: Vec<Vec<&LoadWindow>> = windows.chunks(bundle).map(<[_]>::to_vec).collect();
    if let Some(last) = chunks.last_mut() {
        last.extend(left_over);
    }
    chunks.iter().filter_map(|windows| join(windows)).collect()
}

/// Everything that the course of a load shows, and the distribution of its response times.
pub(in crate::html) fn load(view: &LoadView<'_>, detail: Detail) -> Vec<Chart> {
    let name = label(&view.step.plan.path());
    let stretches = stretches(view.step, detail.points);
    let phases = view.shape.phases.iter().filter(|phase| phase.end.is_finite());
    let bands: Vec<Band> = if view.shape.phases.len() > 1 {
        phases.map(|phase| Band { from: phase.start, to: phase.end, name: label(&phase.name), bad: false }).collect()
    } else {
        as_measured(view.step)
    };
    let lines = moments(view);
    let mut charts = vec![responses(&name, &stretches), rates(&name, &stretches)];
    charts.extend(heat(&name, &stretches, detail.rows));
    charts.push(users(&name, &stretches));
    charts.extend(errors(&name, &stretches));
    for chart in &mut charts {
        chart.bands.clone_from(&bands);
        chart.lines.clone_from(&lines);
        chart.x = Axis::time("since the load's start");
    }
    charts.extend(distribution(&name, view.step));
    charts.retain(|chart| !chart.is_empty());
    charts
}

/// The stretches of the last round that the load itself calls by names, where there are several: before a fault, while it
/// lasts, and after it.
fn as_measured(step: &StepRecord) -> Vec<Band> {
    let faulty = matches!(step.plan.work, Work::Fault { .. });
    let mut bands: Vec<Band> = Vec::new();
    for window in last_round(step) {
        let name = label(&window.phase);
        match bands.last_mut() {
            Some(last) if last.name == name => last.to = window.end(),
            _ => {
                let bad = faulty && window.phase == FAULT_PHASES[1];
                bands.push(Band { from: window.at, to: window.end(), name, bad });
            }
        }
    }
    if bands.len() > 1 { bands } else { Vec::new() }
}

/// What happened to the victim of a fault in the round that is drawn.
fn moments(view: &LoadView<'_>) -> Vec<Line> {
    let round = view.step.windows.last().map(|window| window.round);
    let fault = view.faults.iter().find(|fault| Some(fault.round) == round);
    let moment = |mark: &engine_core::fault::Mark| Line {
        x: mark.at,
        name: label(&mark.what),
        bad: mark.what.starts_with("fault"),
    };
    fault.into_iter().flat_map(|fault| &fault.marks).map(moment).collect()
}

fn over(stretches: &[Stretch], name: &str, of: impl Fn(&Stretch) -> Option<f64>) -> Series {
    Series {
        name: name.to_owned(),
        x: stretches.iter().map(Stretch::middle).collect(),
        y: stretches.iter().map(of).collect(),
        ..Series::default()
    }
}

/// A chart of these lines, with its vertical axis chosen by what they hold.
fn lines(title: String, note: &str, axis: &str, unit: Unit, goal: Goal, series: Vec<Series>) -> Chart {
    let values = || series.iter().flat_map(|series| &series.y).flatten().copied();
    let wide = is_wide(values());
    Chart {
        title,
        note: note.to_owned(),
        y: Axis::of(axis, unit, goal, values(), wide),
        from_zero: !wide,
        series,
        ..Chart::default()
    }
}

/// A quantile in seconds.
fn quantile(packed: &Packed, q: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds below 2^53")]
    packed.value_at_quantile(q).map(|found| found.floor() as f64 / 1e9)
}

fn responses(name: &str, stretches: &[Stretch]) -> Chart {
    let series = PERCENTILES
        .iter()
        .map(|(title, p)| over(stretches, title, |stretch| quantile(stretch.row.response.as_ref()?, p / 100.0)));
    let note = "From the intended start of a request to its end, so that waiting of late requests counts.";
    lines(format!("{name}: response time"), note, "response time", Unit::Seconds, Goal::Lower, series.collect())
}

fn rates(name: &str, stretches: &[Stretch]) -> Chart {
    let mut series = vec![
        over(stretches, "ended well", |stretch| stretch.rate(stretch.row.ok)),
        over(stretches, "started", |stretch| stretch.rate(stretch.row.started)),
    ];
    if stretches.iter().any(|stretch| stretch.row.ended() > stretch.row.ok) {
        series.push(over(stretches, "errors", |stretch| stretch.rate(stretch.row.ended() - stretch.row.ok)));
    }
    lines(format!("{name}: requests"), "", "requests", Unit::PerSecond, Goal::Neutral, series)
}

fn users(name: &str, stretches: &[Stretch]) -> Chart {
    #[expect(clippy::cast_precision_loss, reason = "a number of users")]
    let series = over(stretches, "users", |stretch| Some(stretch.users as f64));
    lines(
        format!("{name}: users at work"),
        "Users within an iteration; where they pile up, the target does not keep up.",
        "users",
        Unit::Count,
        Goal::Neutral,
        vec![series],
    )
}

fn errors(name: &str, stretches: &[Stretch]) -> Option<Chart> {
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for (class, count) in stretches.iter().flat_map(|stretch| &stretch.row.errors) {
        *classes.entry(class).or_default() += count;
    }
    let mut classes: Vec<(&str, u64)> = classes.into_iter().collect();
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let of = |stretch: &Stretch, wanted: &str| {
        stretch.rate(stretch.row.errors.iter().find(|(class, _)| class == wanted).map_or(0, |(_, count)| *count))
    };
    let series: Vec<Series> = classes
        .iter()
        .take(CLASSES)
        .map(|(class, _)| over(stretches, &label(class), |stretch| of(stretch, class)))
        .collect();
    let left = classes.len().saturating_sub(CLASSES);
    let note = if left > 0 {
        format!("The {CLASSES} most frequent classes; {left} more are in the table.")
    } else {
        String::new()
    };
    (!series.is_empty())
        .then(|| lines(format!("{name}: errors by class"), &note, "errors", Unit::PerSecond, Goal::Lower, series))
}

/// How many responses took how long, over time, on a logarithmic scale.
fn heat(name: &str, stretches: &[Stretch], rows: usize) -> Option<Chart> {
    let all = || stretches.iter().filter_map(|stretch| stretch.row.response.as_ref());
    let low = all().filter_map(Packed::min).min()?.max(1_000);
    let high = all().filter_map(Packed::max).max()?.max(low * 2);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds below 2^53, a number of rows")]
    let (low, high, steps) = (low as f64, high as f64, rows.max(2) as f64);
    let ratio = (high / low).powf(1.0 / steps);
    let edges: Vec<f64> = (0_i32..).take(rows.max(2) + 1).map(|k| low * ratio.powi(k) / 1e9).collect();
    let mut z = vec![vec![0_u64; stretches.len()]; edges.len() - 1];
    for (column, stretch) in stretches.iter().enumerate() {
        for bucket in stretch.row.response.iter().flat_map(Packed::buckets) {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds below 2^53")]
            let middle = (bucket.low as f64 + bucket.high as f64) / 2.0 / 1e9;
            let row = edges.partition_point(|edge| *edge <= middle).saturating_sub(1).min(z.len() - 1);
            z[row][column] += bucket.count;
        }
    }
    let mut x: Vec<f64> = stretches.iter().map(|stretch| stretch.at).collect();
    x.push(stretches.last().map_or(0.0, |last| last.at + last.seconds));
    Some(Chart {
        title: format!("{name}: responses by time taken"),
        note: "The darker a cell, the more responses took that long; what averages hide shows as a second stripe."
            .to_owned(),
        y: Axis::of("response time", Unit::Seconds, Goal::Lower, edges.iter().copied(), true),
        heat: Some(Heat { x, y: edges, z, what: "responses" }),
        ..Chart::default()
    })
}

/// Percentiles from the median to the far end, with the tail drawn out.
fn distribution(name: &str, step: &StepRecord) -> Option<Chart> {
    const PLACES: [(f64, &str); 13] = [
        (0.0, "min"),
        (0.1, "p10"),
        (0.25, "p25"),
        (0.5, "p50"),
        (0.75, "p75"),
        (0.9, "p90"),
        (0.95, "p95"),
        (0.975, "p97.5"),
        (0.99, "p99"),
        (0.995, "p99.5"),
        (0.999, "p99.9"),
        (0.9999, "p99.99"),
        (0.99999, "p99.999"),
    ];
    let all: Vec<&Measurement> = step.measurements.iter().filter(|m| m.metric.id == "response").collect();
    let parts = all.iter().filter(|m| m.labels.get("phase").is_none() && m.labels.get("name").is_some());
    let whole = all.iter().find(|m| m.labels.get("name").is_none() && m.labels.get("phase").is_none());
    let mut series = Vec::new();
    for measurement in whole.into_iter().chain(parts.take(ENDPOINTS)) {
        let Some(packed) = measurement.histogram() else { continue };
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let count = packed.count() as f64;
        // A percentile that less than ten requests lie beyond is the luck of a few.
        let told = PLACES.iter().filter(|(q, _)| *q == 0.0 || (1.0 - q) * count >= 10.0);
        let mut one = Series { style: Style::Both, ..Series::default() };
        one.name = measurement.labels.get("name").map_or_else(|| "all".to_owned(), label);
        for (q, _) in told {
            one.x.push(1.0 / (1.0 - q));
            one.y.push(quantile(&packed, *q));
        }
        series.push(one);
    }
    let mut chart = lines(
        format!("{name}: distribution of response times"),
        "Each step to the right leaves out another part of the slowest; a percentile is shown where ten requests or more lie beyond it.",
        "response time",
        Unit::Seconds,
        Goal::Lower,
        series,
    );
    let ticks = PLACES.iter().map(|(q, text)| (1.0 / (1.0 - q), (*text).to_owned())).collect();
    chart.x = Axis { title: "percentile".to_owned(), factor: 1.0, log: true, ticks, ..Axis::default() };
    (!chart.is_empty()).then_some(chart)
}

/// Response times over the rate that was reached, where a step has both at three levels or more: phases, trials, levels.
pub(in crate::html) fn latency_over_rate(step: &StepRecord) -> Option<Chart> {
    let rate = |labels: &Labels| {
        let found = step.measurements.iter().find(|m| m.metric.id == "rate" && m.labels == *labels)?;
        found.estimate().map(|estimate| estimate.value)
    };
    let is_level = |m: &&Measurement| {
        let level = ["phase", "rate", "users", "level"].iter().any(|name| m.labels.get(name).is_some());
        m.metric.id == "response" && level && m.labels.get("name").is_none()
    };
    let mut levels: Vec<(f64, &Measurement)> =
        step.measurements.iter().filter(is_level).filter_map(|m| Some((rate(&m.labels)?, m))).collect();
    levels.retain(|(rate, _)| *rate > 0.0);
    if levels.len() < 3 {
        return None;
    }
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let series = [("p50", Stat::Median), ("p95", Stat::Percentile(95.0)), ("p99", Stat::Percentile(99.0))];
    let series = series.into_iter().map(|(name, stat)| Series {
        name: name.to_owned(),
        style: Style::Both,
        x: levels.iter().map(|(rate, _)| *rate).collect(),
        y: levels.iter().map(|(_, m)| m.statistic(stat).map(|found| found.value)).collect(),
        ..Series::default()
    });
    let mut chart = lines(
        format!("{}: response time over rate", label(&step.plan.path())),
        "Where the line turns upwards, more load only makes it slower.",
        "response time",
        Unit::Seconds,
        Goal::Lower,
        series.collect(),
    );
    chart.x = Axis::of("rate", Unit::PerSecond, Goal::Neutral, levels.iter().map(|(rate, _)| *rate), false);
    Some(chart)
}
