//! The course of a load.

use std::collections::BTreeMap;

use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, WindowRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::Join;

/// Buckets of the heat map: ten a decade, 1 us to 100 s.
pub(crate) const HEAT_BUCKETS: usize = 80;

/// Endpoints that a window tells of.
const ENDPOINTS: usize = 12;

/// What ended in one window of a load. Latencies are in seconds, from the intended start.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Window {
    /// Start, in seconds since the load's start.
    pub(crate) at: f64,
    /// Length in seconds.
    pub(crate) seconds: f64,
    /// Number of the round, from 0.
    pub(crate) round: u32,
    /// The phase of its middle; `(warm-up)` before anything counts.
    pub(crate) phase: String,
    /// Users within an iteration at its end.
    pub(crate) users: u64,
    /// Requests started.
    pub(crate) started: u64,
    /// Ended well.
    pub(crate) ok: u64,
    /// Ended with an error.
    pub(crate) failed: u64,
    /// Ran out of time.
    pub(crate) timed_out: u64,
    /// Cut off by the load's end.
    pub(crate) cut_off: u64,
    /// Ended well, a second.
    pub(crate) rate: Option<f64>,
    /// Median of the response time; null where nothing ended.
    pub(crate) p50: Option<f64>,
    /// 90th percentile.
    pub(crate) p90: Option<f64>,
    /// 95th percentile.
    pub(crate) p95: Option<f64>,
    /// 99th percentile.
    pub(crate) p99: Option<f64>,
    /// 99.9th percentile.
    pub(crate) p99_9: Option<f64>,
    /// Largest.
    pub(crate) max: Option<f64>,
    /// 99th percentile from the actual start.
    pub(crate) service_p99: Option<f64>,
    /// 99th percentile of how late requests were started.
    pub(crate) lag_p99: Option<f64>,
    /// Bytes received.
    pub(crate) bytes_in: u64,
    /// Bytes sent.
    pub(crate) bytes_out: u64,
    /// Errors by class.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Responses by bucket of the heat map, as pairs of bucket and count; empty buckets are left out.
    pub(crate) heat: Vec<(usize, u64)>,
    /// The endpoints with most requests.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// One endpoint within a window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Endpoint {
    /// Its labels, as text.
    pub(crate) name: String,
    /// Ended well.
    pub(crate) ok: u64,
    /// Did not.
    pub(crate) failed: u64,
    /// Median of the response time.
    pub(crate) p50: Option<f64>,
    /// 99th percentile.
    pub(crate) p99: Option<f64>,
}

impl Window {
    pub(crate) fn of(window: &LoadWindow) -> Self {
        let empty = WindowRow::default();
        let row = window.total().unwrap_or(&empty);
        let mut endpoints: Vec<&WindowRow> = window.rows.iter().filter(|row| !row.labels.is_empty()).collect();
        endpoints.sort_by_key(|row| std::cmp::Reverse(row.ended()));
        endpoints.truncate(ENDPOINTS);
        Self {
            at: window.at,
            seconds: window.seconds,
            round: window.round,
            phase: engine_report::clean::line(&window.phase),
            users: window.users,
            started: row.started,
            ok: row.ok,
            failed: row.failed,
            timed_out: row.timed_out,
            cut_off: row.cut_off,
            rate: (window.seconds > 0.0).then(|| row.ok as f64 / window.seconds),
            p50: quantile(row.response.as_ref(), 0.5),
            p90: quantile(row.response.as_ref(), 0.9),
            p95: quantile(row.response.as_ref(), 0.95),
            p99: quantile(row.response.as_ref(), 0.99),
            p99_9: quantile(row.response.as_ref(), 0.999),
            max: row.response.as_ref().and_then(Packed::max).map(seconds),
            service_p99: quantile(row.service.as_ref(), 0.99),
            lag_p99: quantile(row.lag.as_ref(), 0.99),
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            errors: row.errors.iter().map(|(class, count)| (engine_report::clean::clip(class, 80), *count)).collect(),
            heat: row.response.as_ref().map(heat).unwrap_or_default(),
            endpoints: endpoints.into_iter().map(endpoint).collect(),
        }
    }
}

fn endpoint(row: &WindowRow) -> Endpoint {
    let name: Vec<&str> = row.labels.0.values().map(String::as_str).collect();
    Endpoint {
        name: engine_report::clean::clip(&name.join(" "), 80),
        ok: row.ok,
        failed: row.failed + row.timed_out,
        p50: quantile(row.response.as_ref(), 0.5),
        p99: quantile(row.response.as_ref(), 0.99),
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn quantile(histogram: Option<&Packed>, q: f64) -> Option<f64> {
    histogram?.value_at_quantile(q).map(|found| seconds(found.floor()))
}

/// The bounds of the heat map's buckets, in seconds: one more than there are buckets.
pub(crate) fn heat_bounds() -> Vec<f64> {
    (0..=HEAT_BUCKETS).map(|bucket| 1e-6 * 10_f64.powf(bucket as f64 / 10.0)).collect()
}

fn heat(histogram: &Packed) -> Vec<(usize, u64)> {
    let mut counts = [0_u64; HEAT_BUCKETS];
    for bucket in histogram.buckets() {
        let middle = seconds(bucket.low.midpoint(bucket.high)).max(1e-9);
        let place = ((middle / 1e-6).log10() * 10.0).floor().clamp(0.0, (HEAT_BUCKETS - 1) as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the buckets")]
        let place = place as usize;
        counts[place] += bucket.count;
    }
    counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect()
}

impl Join for LoadWindow {
    fn join(&mut self, next: &Self) {
        Self::join(self, next);
    }

    fn seconds(&self) -> f64 {
        self.seconds
    }

    fn fits(&self, next: &Self) -> bool {
        self.round == next.round && self.phase == next.phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::histogram::Histogram;
    use engine_core::series::Labels;

    fn window(at: f64, nanos: &[u64]) -> LoadWindow {
        let mut histogram = Histogram::new();
        nanos.iter().for_each(|one| histogram.record(*one));
        let row = WindowRow {
            labels: Labels::new(),
            started: nanos.len() as u64,
            ok: nanos.len() as u64,
            response: Some(Packed::from(&histogram)),
            ..WindowRow::default()
        };
        LoadWindow { step: 0, round: 0, at, seconds: 1.0, rows: vec![row], users: 1, phase: "a".into() }
    }

    #[test]
    fn a_window_tells_rate_percentiles_and_heat() {
        let shown = Window::of(&window(3.0, &[1_000_000, 2_000_000, 3_000_000, 900_000_000]));
        assert_eq!((shown.at, shown.ok, shown.rate), (3.0, 4, Some(4.0)));
        assert!((shown.p50.unwrap() - 0.002).abs() < 2e-5, "{shown:?}");
        assert!((shown.max.unwrap() - 0.9).abs() < 2e-3);
        assert_eq!(shown.heat.iter().map(|(_, count)| count).sum::<u64>(), 4);
        let bounds = heat_bounds();
        assert_eq!(bounds.len(), HEAT_BUCKETS + 1);
        for (bucket, _) in &shown.heat {
            let inside = [0.001, 0.002, 0.003, 0.9]
                .iter()
                .any(|t| (bounds[*bucket] * 0.99..bounds[bucket + 1] * 1.01).contains(t));
            assert!(inside, "bucket {bucket}");
        }
    }

    #[test]
    fn thinning_keeps_every_request() {
        let all: Vec<LoadWindow> =
            (0..1000).map(|at| window(f64::from(at), &[1_000_000, u64::from(at as u32) * 1000 + 1])).collect();
        let thin = super::super::thinned(all, 60);
        assert!(thin.len() <= 60, "{}", thin.len());
        assert_eq!(thin.iter().map(|w| w.total().unwrap().ok).sum::<u64>(), 2000);
        assert_eq!(thin.iter().map(|w| w.seconds).sum::<f64>(), 1000.0);
        assert_eq!(Window::of(&thin[0]).heat.iter().map(|(_, n)| n).sum::<u64>(), Window::of(&thin[0]).ok);
    }
}
