//! Claims about the course of a load over time: about every window, or about the slope.

use super::claim::{Claim, Op, Value};
use super::judge::{Finding, range};
use super::load::target_rate;
use super::weigh::{point, slack, weigh};
use crate::histogram::Packed;
use crate::judgement::Judgement;
use crate::load::{Course, LoadWindow, Stretch, metric_of};
use crate::measurement::{Estimate, MIN_ROUNDS, Measurement, Stat, histogram_scale};
use crate::metric::Metric;
use crate::run::StepRecord;
use crate::series::{Labels, SeriesId};
use crate::stats::{Interval, student_two_sided};

/// Whether a claim speaks of the course over time.
pub(super) fn is_over_time(claim: &Claim) -> bool {
    (claim.left.window.is_some() || claim.left.slope)
        && claim.within.is_none()
        && claim.right.iter().all(|value| matches!(value, Value::Amount(_) | Value::Target))
}

/// Without a window of its own, a slope is taken over this many stretches of equal length.
const STRETCHES: f64 = 60.0;

/// A claim about the course of a load, judged in every round.
pub(super) fn over_time(claim: &Claim, step: &StepRecord) -> Vec<Finding> {
    let primary = metric_of("response").map(crate::metric::MetricDef::metric);
    let metric = match &claim.left.metric {
        Some(name) => metric_in(step, name),
        None => step.primary().map(|m| m.metric.clone()).or(primary),
    };
    let (name, own) = (claim.left.metric.clone().unwrap_or_else(|| "response".to_owned()), &step.plan.labels);
    let id = SeriesId { step: step.plan.name.clone(), metric: name.clone(), labels: own.joined(&claim.left.labels) };
    let Some(labels) = labels_within(claim, step) else { return Vec::new() };
    let missing = |judgement, reason: String| {
        let unit = metric.as_ref().map_or(crate::unit::Unit::Count, |metric| claim.left.unit(metric.unit));
        vec![Finding::without_data(judgement, id.to_string(), unit, reason)]
    };
    let Some(of) = &metric else {
        return missing(Judgement::Fail, format!("`{name}` does not exist or saw no sample"));
    };
    let mut rounds: Vec<u32> = step.windows.iter().map(|window| window.round).collect();
    rounds.dedup();
    if rounds.is_empty() {
        let reason = "the load ended before its first window was over".to_owned();
        return missing(if step.outcome.is_some() { Judgement::Fail } else { Judgement::Unjudged }, reason);
    }
    let limit = match limit(claim, of, step, &labels) {
        Ok(limit) => limit,
        Err(reason) => return missing(Judgement::Unsure, reason),
    };
    let mut findings = Vec::new();
    for round in rounds {
        let points = match points(claim, of, step, round, &labels) {
            Ok(points) => points,
            Err(reason) => {
                findings.extend(missing(Judgement::Fail, reason));
                continue;
            }
        };
        let finding = weigh_points(claim, of, &points, limit);
        findings.push(Finding { series: id.to_string(), ..finding });
    }
    findings
}

/// The labels of a claim that are not those of the step as a whole; none where it speaks of another step.
pub(super) fn labels_within(claim: &Claim, step: &StepRecord) -> Option<Labels> {
    let own = &step.plan.labels;
    let fits = own.0.iter().all(|(label, value)| claim.left.labels.get(label).is_none_or(|wanted| wanted == value));
    let mut labels = claim.left.labels.clone();
    labels.0.retain(|label, _| own.get(label).is_none());
    fits.then_some(labels)
}

/// The metric as the step has it, or as every load has it.
fn metric_in(step: &StepRecord, name: &str) -> Option<Metric> {
    let own = step.measurements.iter().map(|measurement| &measurement.metric).find(|metric| metric.id == name);
    own.cloned().or_else(|| metric_of(name).map(crate::metric::MetricDef::metric))
}

/// The right side as one number, in the unit of the left side.
pub(super) fn limit(claim: &Claim, metric: &Metric, step: &StepRecord, labels: &Labels) -> Result<f64, String> {
    let mut limit = 1.0;
    for value in &claim.right {
        limit *= match value {
            Value::Amount(amount) => amount.quantity.value,
            _ => target_rate(step, &metric.id, labels)?,
        };
    }
    Ok(limit)
}

/// What is kept of a load over time, in its windows.
pub(super) const KEPT: [&str; 10] =
    ["response", "service", "lag", "rate", "requests", "received", "sent", "errors", "availability", "users"];

/// Why a metric of the windows cannot be had for these labels.
pub(super) fn check_labels(metric: &Metric, labels: &Labels) -> Result<(), String> {
    let whole = ["service", "lag"].contains(&metric.id.as_str());
    if whole && ["name", "group", "journey"].iter().any(|label| labels.get(label).is_some()) {
        return Err(format!("`{}` is kept by window for everything together, not for single endpoints", metric.id));
    }
    Ok(())
}

fn no_series(metric: &Metric, labels: &Labels) -> String {
    format!("no window has the series `{}{labels}`", metric.id)
}

/// Whether a stretch of a load that still runs is over.
pub(super) fn is_whole(stretch: &Stretch, length: f64) -> bool {
    stretch.seconds > length - 0.5
}

/// A statistic in one stretch of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    at: f64,
    seconds: f64,
    /// None where nothing ended.
    value: Option<f64>,
    samples: u64,
}

impl Point {
    /// None where nothing ended and nobody waited.
    pub(super) fn of(claim: &Claim, metric: &Metric, stretch: &Stretch) -> Option<Self> {
        let histogram = stretch.histogram(&metric.id);
        let value = match histogram {
            Some(histogram) => statistic(histogram, claim.left.stat, metric),
            None => stretch.value(&metric.id),
        };
        // While users wait, a stretch in which nothing ended is as bad as can be.
        let waiting = stretch.users > 0;
        (value.is_some() || waiting).then_some(Self {
            at: stretch.at,
            seconds: stretch.seconds,
            value,
            samples: histogram.map_or(stretch.row.ended(), Packed::count),
        })
    }
}

/// The finding that follows from the points.
pub(super) fn weigh_points(claim: &Claim, metric: &Metric, points: &[Point], limit: f64) -> Finding {
    if claim.left.slope { slope(claim, metric, points, limit) } else { in_windows(claim, metric, points, limit) }
}

/// The statistic in each stretch. Of a load that still runs only whole stretches are given.
fn points(
    claim: &Claim,
    metric: &Metric,
    step: &StepRecord,
    round: u32,
    labels: &Labels,
) -> Result<Vec<Point>, String> {
    let windows = || step.windows.iter().filter(|window| window.round == round && window.counts());
    let length = claim.left.window.as_ref().map_or_else(
        || {
            let (start, end) = (windows().map(|w| w.at).next(), windows().map(LoadWindow::end).next_back());
            start.zip(end).map_or(1.0, |(start, end)| ((end - start) / STRETCHES).max(1.0))
        },
        |window| window.quantity.value,
    );
    if KEPT.contains(&metric.id.as_str()) {
        check_labels(metric, labels)?;
        let course = Course::of(&step.windows, round, labels, length);
        let mut stretches = course.ok_or_else(|| no_series(metric, labels))?.stretches;
        if step.outcome.is_none() {
            stretches.retain(|stretch| is_whole(stretch, length));
        }
        return Ok(stretches.iter().filter_map(|stretch| Point::of(claim, metric, stretch)).collect());
    }
    // What is sampled once a second, such as the memory of a process: its samples are spread over the round.
    let series = step.measurements.iter().find(|m| m.metric.id == metric.id && m.labels.matches(labels));
    let samples =
        series.and_then(|series| series.rounds.iter().find(|taken| taken.number == round && !taken.superseded));
    let Some(samples) = samples.filter(|samples| samples.values.len() > 1) else {
        return Err(format!("`{}` is not kept over time", metric.id));
    };
    let each = samples.seconds / samples.values.len() as f64;
    let per = ((length / each.max(1e-9)).round() as usize).max(1);
    let part = |(nth, values): (usize, &[f64])| {
        let one = crate::measurement::Round { values: values.to_vec(), ..crate::measurement::Round::default() };
        let one = Measurement { metric: metric.clone(), labels: Labels::new(), rounds: vec![one] };
        let (at, seconds) = ((nth * per) as f64 * each, values.len() as f64 * each);
        let value = one.statistic(claim.left.stat.unwrap_or(Stat::Median)).map(|estimate| estimate.value);
        Point { at, seconds, value, samples: values.len() as u64 }
    };
    Ok(samples.values.chunks(per).enumerate().map(part).collect())
}

fn statistic(histogram: &Packed, stat: Option<Stat>, metric: &Metric) -> Option<f64> {
    let round = crate::measurement::Round {
        values: vec![0.0],
        histogram: Some(histogram.clone()),
        ..crate::measurement::Round::default()
    };
    let one = Measurement { metric: metric.clone(), labels: Labels::new(), rounds: vec![round] };
    debug_assert!(histogram_scale(metric.unit) > 0.0);
    one.statistic(stat.unwrap_or(Stat::Median)).map(|estimate| estimate.value)
}

fn holds(op: Op, value: f64, limit: f64) -> bool {
    weigh(op, point(value), point(limit)) == Judgement::Pass
}

/// A claim about every window: it fails when it is broken in so many in a row as it says, one where it says nothing.
fn in_windows(claim: &Claim, metric: &Metric, points: &[Point], limit: f64) -> Finding {
    let unit = claim.left.unit(metric.unit);
    let needed = claim.windows.unwrap_or(1);
    let value = |point: &Point| point.value.unwrap_or(f64::NAN);
    let (mut row, mut broken, mut failed) = (0_u32, 0_usize, None);
    for point in points {
        if point.value.is_some_and(|value| holds(claim.op, value, limit)) {
            row = 0;
            continue;
        }
        row += 1;
        broken += 1;
        if row == needed && failed.is_none() {
            failed = Some(point.at + point.seconds);
        }
    }
    let worst = points.iter().min_by(|a, b| {
        slack(claim.op, a.value.unwrap_or(f64::INFINITY), limit).total_cmp(&slack(
            claim.op,
            b.value.unwrap_or(f64::INFINITY),
            limit,
        ))
    });
    let Some(worst) = worst else {
        let reason = "no window has a value".to_owned();
        return Finding::without_data(Judgement::Unjudged, String::new(), unit, reason);
    };
    let shown = |point: &Point| match point.value {
        Some(value) => format!("{} at {:.0} s", unit.format(value), point.at),
        None => format!("nothing ended at {:.0} s", point.at),
    };
    let wanted = format!("{} {}", claim.op, unit.format(limit));
    let count = points.len();
    let windows = if count == 1 { "window" } else { "windows" };
    let (judgement, reason) = match failed {
        Some(end) => {
            let many = if needed > 1 { format!(" {needed} windows in a row") } else { " a window".to_owned() };
            let so_far = format!("{broken} of {count} {windows} broke it");
            (
                Judgement::Fail,
                format!(
                    "broken in{many}, known {end:.0} s after the start; worst {}, wanted {wanted}; {so_far}",
                    shown(worst)
                ),
            )
        }
        None if broken > 0 => (
            Judgement::Pass,
            format!(
                "{broken} of {count} {windows} broke it, never {needed} in a row; worst {}, wanted {wanted}",
                shown(worst)
            ),
        ),
        None => (Judgement::Pass, format!("all {count} {windows} {wanted}; worst {}", shown(worst))),
    };
    let samples = usize::try_from(points.iter().map(|point| point.samples).sum::<u64>()).unwrap_or(usize::MAX);
    let observed = worst.value.map(|value| Estimate { value, interval: None, rounds: 1, samples, above: false });
    Finding {
        judgement,
        series: String::new(),
        observed,
        limit: Some(limit),
        unit,
        reason,
        slack: if worst.value.is_some() { slack(claim.op, value(worst), limit) } else { f64::NEG_INFINITY },
    }
}

/// The change per second over the windows: least squares with the 95 % interval of Student's t, widened where neighbouring
/// windows are alike (autocorrelation r of the residuals: by the root of (1 + r) / (1 - r)).
fn slope(claim: &Claim, metric: &Metric, points: &[Point], limit: f64) -> Finding {
    let unit = claim.left.unit(metric.unit);
    let values: Vec<(f64, f64)> =
        points.iter().filter_map(|point| Some((point.at + 0.5 * point.seconds, point.value?))).collect();
    if values.len() < MIN_ROUNDS {
        let reason = format!("{} windows are too few for a slope: {MIN_ROUNDS} are needed", values.len());
        return Finding::without_data(Judgement::Unsure, String::new(), unit, reason);
    }
    let n = values.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| values.iter().map(of).sum::<f64>() / n;
    let (mx, my) = (mean(&|v| v.0), mean(&|v| v.1));
    let sxx: f64 = values.iter().map(|(x, _)| (x - mx).powi(2)).sum();
    let value = values.iter().map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / sxx;
    let rest: Vec<f64> = values.iter().map(|(x, y)| y - my - value * (x - mx)).collect();
    let squares: f64 = rest.iter().map(|r| r * r).sum();
    let alike = if squares > 0.0 { rest.windows(2).map(|two| two[0] * two[1]).sum::<f64>() / squares } else { 0.0 };
    let alike = alike.clamp(0.0, 0.99);
    let error = (squares / (n - 2.0) / sxx).sqrt() * ((1.0 + alike) / (1.0 - alike)).sqrt();
    let half = student_95(n - 2.0) * error;
    let interval = Interval { low: value - half, high: value + half };
    let judgement = weigh(claim.op, interval, point(limit));
    // Per hour is what people can picture.
    let hourly = |per_second: f64| format!("{} in an hour", metric.unit.format(per_second * 3600.0));
    let verb = match judgement {
        Judgement::Pass => format!("{} {}", claim.op, hourly(limit)),
        Judgement::Fail => format!("wanted {} {}", claim.op, hourly(limit)),
        _ => format!("lies on both sides of {}: a longer load would decide it", hourly(limit)),
    };
    let samples = usize::try_from(points.iter().map(|point| point.samples).sum::<u64>()).unwrap_or(usize::MAX);
    Finding {
        judgement,
        series: String::new(),
        observed: Some(Estimate { value, interval: Some(interval), rounds: 1, samples, above: false }),
        limit: Some(limit),
        unit,
        reason: format!("{} over {} windows, {verb}", range(interval, hourly), values.len()),
        slack: slack(claim.op, value, limit),
    }
}

/// The two-sided 95 % quantile of Student's t, by halving.
fn student_95(freedom: f64) -> f64 {
    let (mut low, mut high) = (1.0, 1000.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if student_two_sided(middle, freedom) > 0.05 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_students_t() {
        // R: qt(0.975, c(3, 10, 100)).
        for (freedom, want) in [(3.0, 3.182_446), (10.0, 2.228_139), (100.0, 1.983_972)] {
            assert!((student_95(freedom) - want).abs() < 1e-4, "{}", student_95(freedom));
        }
    }
}
