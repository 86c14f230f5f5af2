//! What the target counts, as `/metrics` shows it.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Totals since the start, and how many requests are in it. Times in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests of any route.
    pub(crate) requests: AtomicU64,
    /// Requests of any route that are not answered yet.
    pub(crate) in_flight: AtomicU64,
    /// Requests of the shop that have been served.
    pub(crate) served: AtomicU64,
    /// Those of them that failed as the settings say.
    pub(crate) errors: AtomicU64,
    /// Requests of the shop that found the queue full.
    pub(crate) refused: AtomicU64,
    /// Orders taken.
    pub(crate) orders: AtomicU64,
    /// Time that workers were held.
    pub(crate) service: AtomicU64,
    /// Time that requests waited for a worker.
    pub(crate) wait: AtomicU64,
}

/// The state of the queue at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauges {
    pub(crate) waiting: u64,
    pub(crate) busy: u64,
    pub(crate) workers: u64,
}

/// One more as long as it lives.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a AtomicU64);

impl<'a> InFlight<'a> {
    pub(crate) fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Counters {
    /// In the text format of Prometheus.
    pub(crate) fn text(&self, now: Gauges) -> String {
        let count = |value: &AtomicU64| value.load(Relaxed) as f64;
        let seconds = |value: &AtomicU64| value.load(Relaxed) as f64 / 1e9;
        let rows: [(&str, &str, &str, f64); 11] = [
            ("requests_total", "counter", "Requests of any route.", count(&self.requests)),
            ("in_flight", "gauge", "Requests that are not answered yet.", count(&self.in_flight)),
            ("served_total", "counter", "Requests of the shop that a worker served.", count(&self.served)),
            ("errors_total", "counter", "Served requests that were answered with 500.", count(&self.errors)),
            ("refused_total", "counter", "Requests that found the queue full.", count(&self.refused)),
            ("orders_total", "counter", "Orders taken.", count(&self.orders)),
            ("queue_length", "gauge", "Requests that wait for a worker.", now.waiting as f64),
            ("workers_busy", "gauge", "Workers that are held.", now.busy as f64),
            ("workers", "gauge", "Workers.", now.workers as f64),
            ("service_seconds_total", "counter", "Time that workers were held.", seconds(&self.service)),
            ("wait_seconds_total", "counter", "Time that requests waited for a worker.", seconds(&self.wait)),
        ];
        rows.iter().fold(String::new(), |mut text, (name, kind, help, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
            text
        })
    }
}
