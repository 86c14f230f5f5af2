//! The health of the machine over a run, against the user's limits.
//!
//! The engine's own probes load the machine on purpose, so its total load says nothing. What is held against the limits:
//!
//! - **CPU**: the share of all CPUs used by *other* processes, from the system monitor (total minus our own process and
//!   all that it started). Taken is the lower quartile over the samples, that is, a load that was there for three quarters
//!   of the time. Without samples, the load average before the run stands in; it may still hold what ran before, so it
//!   can only acquit.
//! - **memory**: the largest share in use in any sample, our own included.
//! - **latency**: the largest 99th percentile of any metric called `latency` or (of a load) `response` that is a time.
//! - **disturbed rounds** (only when the run is not fully valid): the share of rounds that were disturbed. It has no
//!   limit and decides nothing, but an invalid run leaves the health unknown.

use engine_core::health::{Health, HealthRow, HealthVerdict};
use engine_core::host_sample::HostSample;
use engine_core::measurement::Stat;
use engine_core::run::{RunRecord, ValidityLevel};
use engine_core::stats::quantile::{quantile, sorted};
use engine_core::unit::Unit;

use crate::judge::series;

/// The user's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Share of all CPUs used by others, 0 to 1.
    pub cpu_usage_warning: f64,
    /// Share of memory in use, 0 to 1.
    pub memory_usage_warning: f64,
    /// Latency in seconds.
    pub latency_warning: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { cpu_usage_warning: 0.80, memory_usage_warning: 0.75, latency_warning: 1.0 }
    }
}

/// Share of the samples above which a load counts as lasting: all but the lowest quarter.
const LASTING: f64 = 0.25;

/// Judges the health of the machine over `run`; see the module for what is taken.
#[must_use]
pub fn health(run: &RunRecord, thresholds: &Thresholds) -> Health {
    let mut rows = vec![
        cpu(run, thresholds.cpu_usage_warning),
        memory(&run.host, thresholds.memory_usage_warning),
        latency(run, thresholds.latency_warning),
    ];
    rows.extend(validity(run));
    Health::of(rows)
}

/// The share of all CPUs that processes other than our own used, 0 to 1.
pub(crate) fn used_by_others(sample: &HostSample) -> f64 {
    let cpus = sample.cores.len().max(1) as f64;
    (sample.cpu - sample.own_cpu / cpus).clamp(0.0, 1.0)
}

fn row(name: &str, observed: Option<f64>, limit: f64, unit: Unit, reason: String) -> HealthRow {
    let verdict = match observed {
        None => HealthVerdict::Unknown,
        // There is no more than all of it: a limit of 100 % is none.
        Some(observed) if observed < limit || (unit == Unit::Ratio && limit >= 1.0) => HealthVerdict::Healthy,
        Some(_) => HealthVerdict::Warning,
    };
    HealthRow { name: name.to_owned(), observed, limit, unit, verdict, reason }
}

fn cpu(run: &RunRecord, limit: f64) -> HealthRow {
    let environment = &run.header.environment;
    let cpus = environment.cpu.logical_cpus.copied().unwrap_or(1).max(1);
    let before = environment.load.before.average_1.copied().map(|load| load / f64::from(cpus));
    if run.host.is_empty() {
        let Some(load) = before else {
            return row("CPU", None, limit, Unit::Ratio, "the monitor took no sample".to_owned());
        };
        let reason = "only the load average before the run is known, per CPU; it may hold what ran before";
        let found = row("CPU", Some(load), limit, Unit::Ratio, reason.to_owned());
        let verdict = if load < limit { found.verdict } else { HealthVerdict::Unknown };
        return HealthRow { verdict, ..found };
    }
    let shares: Vec<f64> = run.host.iter().map(used_by_others).collect();
    let lasting = quantile(&sorted(&shares), LASTING);
    let earlier = before
        .map_or_else(String::new, |load| format!("; load average before the run {} per CPU", Unit::Ratio.format(load)));
    let reason = format!("used by other processes for most of the run ({} samples){earlier}", shares.len());
    row("CPU", Some(lasting), limit, Unit::Ratio, reason)
}

fn memory(host: &[HostSample], limit: f64) -> HealthRow {
    let largest = host.iter().filter(|sample| sample.memory_total > 0).map(HostSample::memory).max_by(f64::total_cmp);
    let reason = match largest {
        None => "the monitor took no sample".to_owned(),
        Some(_) => {
            let own = host.iter().map(|sample| sample.own_memory).max().unwrap_or(0);
            format!(
                "the most in use at any time, of which the engine itself held up to {}",
                Unit::Bytes.format(own as f64)
            )
        }
    };
    row("memory", largest, limit, Unit::Ratio, reason)
}

fn latency(run: &RunRecord, limit: f64) -> HealthRow {
    let worst = series(run)
        .into_iter()
        .filter(|(id, measurement)| {
            matches!(id.metric.as_str(), "latency" | "response") && measurement.metric.unit == Unit::Seconds
        })
        .filter_map(|(id, measurement)| Some((measurement.statistic(Stat::Percentile(99.0))?.value, id)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match worst {
        None => row("latency", None, limit, Unit::Seconds, "no latency was measured".to_owned()),
        Some((value, id)) => row("latency", Some(value), limit, Unit::Seconds, format!("the largest p99, of `{id}`")),
    }
}

fn validity(run: &RunRecord) -> Option<HealthRow> {
    let (verdict, word) = match run.validity.level {
        ValidityLevel::Valid => return None,
        ValidityLevel::Degraded => (HealthVerdict::Healthy, "degraded, shown and not judged"),
        ValidityLevel::Invalid => (HealthVerdict::Unknown, "invalid"),
    };
    let rounds = || run.steps.iter().flat_map(|step| &step.measurements).flat_map(|measurement| measurement.counted());
    let (all, disturbed) = (rounds().count(), rounds().filter(|round| !round.taints.is_empty()).count());
    let observed = (all > 0).then(|| disturbed as f64 / all as f64);
    let reason = format!("the run is {word}: {}", run.validity.reasons.join("; "));
    Some(HealthRow { verdict, ..row("disturbed rounds", observed, 1.0, Unit::Ratio, reason) })
}

#[cfg(test)]
mod tests;
