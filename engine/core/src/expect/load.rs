//! What only a load can tell: its planned rate, and what its number of requests proves.

use super::select::Series;
use super::weigh::{self, LARGE_SAMPLE, point};
use crate::measurement::{Estimate, MIN_ROUNDS, Measurement, Stat};
use crate::run::StepRecord;
use crate::series::Labels;
use crate::stats::Interval;

/// What the value `target` is for a series: the rate that the schedule asks for.
pub(super) fn target(left: &Series<'_>) -> Result<f64, String> {
    let step = left.load.ok_or("`target` needs a load")?;
    target_rate(step, &left.id.metric, &left.measurement.labels)
}

/// For `iterations` the mean rate of arrivals that the schedule has; for `rate` and `requests` that times the requests of an
/// iteration.
pub(super) fn target_rate(step: &StepRecord, metric: &str, labels: &Labels) -> Result<f64, String> {
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
    fn known_shares() {
        // Agresti and Coull (1998): 0 of 10 gives 0 .. 0.278; 5 of 10 gives 0.237 .. 0.763.
        let none = wilson(0.0, 10.0);
        assert!(none.low == 0.0 && (none.high - 0.2775).abs() < 1e-3, "{none:?}");
        let half = wilson(0.5, 10.0);
        assert!((half.low - 0.2366).abs() < 1e-3 && (half.high - 0.7634).abs() < 1e-3, "{half:?}");
    }
}
