//! What only a load can tell: its course over time, its planned rate, and what its number of requests proves.

use super::claim::{Claim, Op, Value};
use super::judge::{Finding, range};
use super::select::Series;
use super::weigh::{self, LARGE_SAMPLE, point, slack, weigh};
use crate::histogram::Packed;
use crate::judgement::Judgement;
use crate::load::{Course, Stretch, metric_of};
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
    if !own.0.iter().all(|(label, value)| claim.left.labels.get(label).is_none_or(|wanted| wanted == value)) {
        return Vec::new();
    }
    let missing = |judgement, reason: String| {
        let unit = metric.as_ref().map_or(crate::unit::Unit::Count, |metric| claim.left.unit(metric.unit));
        vec![Finding::without_data(judgement, id.to_string(), unit, reason)]
    };
    let Some(of) = &metric else {
        return missing(Judgement::Fail, format!("`{name}` does not exist or saw no sample"));
    };
    let mut labels = claim.left.labels.clone();
    labels.0.retain(|label, _| own.get(label).is_none());
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
        let finding =
            if claim.left.slope { slope(claim, of, &points, limit) } else { in_windows(claim, of, &points, limit) };
        findings.push(Finding { series: id.to_string(), ..finding });
    }
    findings
}

/// The metric as the step has it, or as every load has it.
fn metric_in(step: &StepRecord, name: &str) -> Option<Metric> {
    let own = step.measurements.iter().map(|measurement| &measurement.metric).find(|metric| metric.id == name);
    own.cloned().or_else(|| metric_of(name).map(crate::metric::MetricDef::metric))
}

/// The right side as one number, in the unit of the left side.
fn limit(claim: &Claim, metric: &Metric, step: &StepRecord, labels: &Labels) -> Result<f64, String> {
    let mut limit = 1.0;
    for value in &claim.right {
        limit *= match value {
            Value::Amount(amount) => amount.quantity.value,
            _ => target_rate(step, &metric.id, labels)?,
        };
    }
    Ok(limit)
}

/// A statistic in one stretch of the load.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: f64,
    seconds: f64,
    /// None where nothing ended.
    value: Option<f64>,
    samples: u64,
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
            let (start, end) =
                (windows().map(|w| w.at).next(), windows().map(crate::load::LoadWindow::end).next_back());
            start.zip(end).map_or(1.0, |(start, end)| ((end - start) / STRETCHES).max(1.0))
        },
        |window| window.quantity.value,
    );
    let in_windows = |stretch: &Stretch| {
        let histogram = stretch.histogram(&metric.id);
        let value = match histogram {
            Some(histogram) => statistic(histogram, claim.left.stat, metric),
            None => stretch.value(&metric.id),
        };
        // While users wait, a stretch in which nothing ended is as bad as can be.
        let waiting = stretch.users > 0;
        (value.is_some() || waiting).then_some(Point {
            at: stretch.at,
            seconds: stretch.seconds,
            value,
            samples: histogram.map_or(stretch.row.ended(), Packed::count),
        })
    };
    let kept =
        ["response", "service", "lag", "rate", "requests", "received", "sent", "errors", "availability", "users"];
    if kept.contains(&metric.id.as_str()) {
        let whole = ["service", "lag"].contains(&metric.id.as_str());
        if whole && ["name", "group", "journey"].iter().any(|label| labels.get(label).is_some()) {
            return Err(format!("`{}` is kept by window for everything together, not for single endpoints", metric.id));
        }
        let course = Course::of(&step.windows, round, labels, length);
        let mut stretches =
            course.ok_or_else(|| format!("no window has the series `{}{labels}`", metric.id))?.stretches;
        if step.outcome.is_none() {
            stretches.retain(|stretch| stretch.seconds > length - 0.5);
        }
        return Ok(stretches.iter().filter_map(in_windows).collect());
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

/// What the value `target` is for a series: the rate that the schedule asks for.
pub(super) fn target(left: &Series<'_>) -> Result<f64, String> {
    let step = left.load.ok_or("`target` needs a load")?;
    target_rate(step, &left.id.metric, &left.measurement.labels)
}

/// For `iterations` the mean rate of arrivals that the schedule has; for `rate` and `requests` that times the requests of an
/// iteration.
fn target_rate(step: &StepRecord, metric: &str, labels: &Labels) -> Result<f64, String> {
    if ["name", "group", "journey"].iter().any(|label| labels.get(label).is_some()) {
        return Err("`target` is known for the whole load and its phases, not for single endpoints".to_owned());
    }
    let phase = labels.get("phase");
    let of = |id: &str| {
        let fits =
            |m: &&Measurement| m.metric.id == id && m.labels.get("phase") == phase && m.labels.get("name").is_none();
        step.measurements.iter().find(fits).and_then(Measurement::estimate).map(|estimate| estimate.value)
    };
    let planned = || match &step.plan.work {
        // Before the first sums are there: what the phases say.
        crate::plan::Work::Load { shape, .. } => {
            let of_phase = shape.phases.iter().filter(|known| phase.is_none_or(|phase| known.name == phase));
            let (count, seconds) = of_phase.fold((Some(0.0), 0.0), |(count, seconds), known| {
                let length = known.end - known.start;
                (count.zip(known.rate).map(|(count, rate)| count + rate * length), seconds + length)
            });
            count.filter(|_| seconds > 0.0).map(|count| count / seconds)
        }
        _ => None,
    };
    let intended = of("intended").or_else(planned);
    let intended = intended.ok_or("a closed model has no planned rate for `target` to mean")?;
    match metric {
        "iterations" | "intended" => Ok(intended),
        "rate" | "requests" => {
            let each = match (of("requests"), of("iterations")) {
                (Some(requests), Some(iterations)) if iterations > 0.0 => requests / iterations,
                _ => 1.0,
            };
            Ok(intended * each)
        }
        other => {
            Err(format!("`target` is a rate: it goes with `rate`, `requests` and `iterations`, not with `{other}`"))
        }
    }
}

/// The interval that an estimate is judged on, or why it cannot be judged. The statistics of a load that took fewer than five
/// rounds stand on their number of requests: beyond [`LARGE_SAMPLE`] on the value, else on what so many prove.
pub(super) fn certain(estimate: &Estimate, stat: Option<Stat>, series: &Series<'_>) -> Result<Interval, String> {
    let measurement = &*series.measurement;
    let Some(step) = series.load.filter(|_| estimate.rounds < MIN_ROUNDS) else {
        return weigh::certain(estimate, stat, measurement);
    };
    let value = estimate.value;
    let at_least = |high: f64| Interval { low: value, high };
    let stat = stat.unwrap_or(Stat::Median);
    if measurement.histogram().is_some() {
        if matches!(stat, Stat::Count | Stat::Min) {
            return Ok(point(value));
        }
        if estimate.samples > LARGE_SAMPLE || stat == Stat::Max {
            return Ok(if estimate.above { at_least(f64::INFINITY) } else { point(value) });
        }
        let bounds = measurement.bounds(stat);
        let (low, high) =
            bounds.ok_or_else(|| format!("{} samples are too few to judge `{stat}`", estimate.samples))?;
        return Ok(Interval { low: low.min(value), high: high.unwrap_or(f64::INFINITY) });
    }
    if measurement.metric.id == "errors" {
        let count = answered(step, measurement);
        if count <= LARGE_SAMPLE as u64 && count > 0 {
            return Ok(wilson(value, count as f64));
        }
    }
    if let Some(interval) = bracket(step, measurement) {
        return Ok(interval);
    }
    // Everything else was counted, not sampled.
    Ok(point(value))
}

/// Requests that a share of errors was seen in.
fn answered(step: &StepRecord, measurement: &Measurement) -> u64 {
    let same = |m: &&Measurement| m.metric.id == "response" && m.labels == measurement.labels;
    step.measurements.iter().find(same).and_then(Measurement::histogram).map_or(0, |all| all.count())
}

/// What a search or a fit found lies between the ends that it recorded; one that it did not find is open.
fn bracket(step: &StepRecord, measurement: &Measurement) -> Option<Interval> {
    let end = |suffix: &str| {
        let id = format!("{}{suffix}", measurement.metric.id);
        let found = step.measurements.iter().find(|m| m.metric.id == id && m.labels == measurement.labels);
        found.and_then(Measurement::estimate).map(|estimate| estimate.value)
    };
    match (end("_low"), end("_high")) {
        (None, None) => None,
        (low, high) => Some(Interval { low: low.unwrap_or(f64::NEG_INFINITY), high: high.unwrap_or(f64::INFINITY) }),
    }
}

/// Why a load's statistic is unsure.
pub(super) fn more(observed: &Estimate, interval: Interval, series: &Series<'_>) -> String {
    if series.load.is_some_and(|step| bracket(step, &series.measurement).is_some()) {
        return "; a narrower bracket would decide it: a finer `precision`, or longer trials".to_owned();
    }
    if observed.above {
        return "; requests that were cut off or timed out hide the rest".to_owned();
    }
    let what = if interval.high == f64::INFINITY { " for an upper bound" } else { "" };
    let counted = series.load.filter(|_| series.id.metric == "errors").map(|step| answered(step, &series.measurement));
    let requests = counted.unwrap_or(observed.samples as u64);
    format!("; {requests} requests are too few{what}: a longer load would decide it")
}

/// The 95 % interval of a share seen in `n` trials (Wilson 1927). Exact at the ends, where the share is 0 or 1.
fn wilson(share: f64, n: f64) -> Interval {
    const Z: f64 = 1.959_963_984_540_054;
    let (middle, spread) = (share + Z * Z / (2.0 * n), Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt());
    let scale = 1.0 + Z * Z / n;
    let low = if share <= 0.0 { 0.0 } else { ((middle - spread) / scale).max(0.0) };
    let high = if share >= 1.0 { 1.0 } else { ((middle + spread) / scale).min(1.0) };
    Interval { low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // R: qt(0.975, c(3, 10, 100)).
        for (freedom, want) in [(3.0, 3.182_446), (10.0, 2.228_139), (100.0, 1.983_972)] {
            assert!((student_95(freedom) - want).abs() < 1e-4, "{}", student_95(freedom));
        }
        // Agresti and Coull (1998): 0 of 10 gives 0 .. 0.278; 5 of 10 gives 0.237 .. 0.763.
        let none = wilson(0.0, 10.0);
        assert!(none.low == 0.0 && (none.high - 0.2775).abs() < 1e-3, "{none:?}");
        let half = wilson(0.5, 10.0);
        assert!((half.low - 0.2366).abs() < 1e-3 && (half.high - 0.7634).abs() < 1e-3, "{half:?}");
    }
}
