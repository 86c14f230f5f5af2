//! A load's course for charts: one window a second, in bounded memory.
//!
//! When there are too many windows, neighbours are joined and windows get twice as long; their histograms are kept in
//! short form, so a percentile of a joined window is a percentile of its requests and never an average of percentiles.

use std::collections::BTreeMap;

use engine_core::histogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Interval, Kind, Row};

/// Windows at most.
const MOST: usize = 1200;

/// A histogram by its filled buckets: `[lowest value, count]`.
type Short = BTreeMap<u64, u64>;

/// One window over all sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Start, in seconds since the load's start.
    pub at: f64,
    /// Length in seconds.
    pub seconds: f64,
    /// Users within an iteration at its end.
    pub active: u64,
    /// Open connections at its end.
    pub connections: u64,
    /// Arrivals due in it.
    pub scheduled: u64,
    /// Requests started, ended well, ended with an error or timed out.
    pub started: u64,
    /// Ended well.
    pub ok: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Timed out.
    pub timed_out: u64,
    /// CPU time of the generator's threads, in seconds.
    pub cpu: f64,
    response: Short,
    censored: Short,
    lag: Short,
}

impl Window {
    fn add(&mut self, row: &Row) {
        self.started += row.started;
        self.ok += row.ok;
        self.failed += row.failed;
        self.timed_out += row.timed_out;
        let into = |short: &mut Short, low: u64, count: u64| *short.entry(low).or_default() += count;
        row.response.buckets().for_each(|b| into(&mut self.response, b.low, b.count));
        row.response.censored_buckets().for_each(|b| into(&mut self.censored, b.low, b.count));
        row.lag.buckets().for_each(|b| into(&mut self.lag, b.low, b.count));
    }

    fn join(&mut self, next: Self) {
        self.seconds = next.at + next.seconds - self.at;
        (self.active, self.connections) = (next.active, next.connections);
        self.scheduled += next.scheduled;
        self.started += next.started;
        self.ok += next.ok;
        self.failed += next.failed;
        self.timed_out += next.timed_out;
        self.cpu += next.cpu;
        for (mine, theirs) in
            [(&mut self.response, next.response), (&mut self.censored, next.censored), (&mut self.lag, next.lag)]
        {
            for (low, count) in theirs {
                *mine.entry(low).or_default() += count;
            }
        }
    }

    /// Response times of the requests that ended in it, to the histogram's resolution.
    pub fn response(&self) -> Histogram {
        let mut all = Histogram::new();
        self.response.iter().for_each(|(low, count)| all.record_n(*low, *count));
        self.censored.iter().for_each(|(low, count)| all.record_censored_n(*low, *count));
        all
    }

    /// The generator's lag.
    pub fn lag(&self) -> Histogram {
        let mut all = Histogram::new();
        self.lag.iter().for_each(|(low, count)| all.record_n(*low, *count));
        all
    }
}

/// All windows of a load, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    windows: BTreeMap<u64, Window>,
    /// Length of a window in seconds.
    step: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { windows: BTreeMap::new(), step: 1 }
    }
}

impl Timeline {
    /// Adds what one source recorded.
    pub fn apply(&mut self, interval: &Interval) {
        let place = |step: u64| interval.at.round() as u64 / step;
        while self.windows.len() >= MOST && !self.windows.contains_key(&place(self.step)) {
            self.halve();
        }
        let window =
            self.windows.entry(place(self.step)).or_insert_with(|| Window { at: interval.at, ..Window::default() });
        let first = window.seconds == 0.0 || interval.at < window.at + window.seconds - 0.5;
        window.at = window.at.min(interval.at);
        window.seconds = window.seconds.max(interval.at + interval.seconds - window.at);
        if first {
            window.active += interval.active;
            window.connections += interval.connections;
        } else {
            (window.active, window.connections) = (interval.active, interval.connections);
        }
        window.scheduled += interval.scheduled;
        window.cpu += interval.cpu;
        for (label, row) in &interval.rows {
            if label.kind == Kind::Request {
                window.add(row);
            }
        }
    }

    fn halve(&mut self) {
        self.step *= 2;
        for (place, window) in std::mem::take(&mut self.windows) {
            match self.windows.get_mut(&(place / 2)) {
                Some(known) => known.join(window),
                None => {
                    self.windows.insert(place / 2, window);
                }
            }
        }
    }

    /// The windows in order of time.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.windows.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Label;

    fn interval(source: u32, at: u64) -> Interval {
        let mut row = Row { started: 1, ok: 1, ..Row::default() };
        row.response.record(1000 * (at + 1));
        row.lag.record(10);
        let label = Label {
            kind: Kind::Request,
            journey: "j".into(),
            endpoint: "e".into(),
            group: "".into(),
            phase: "p".into(),
        };
        Interval {
            source,
            sequence: at,
            at: at as f64,
            seconds: 1.0,
            active: 5,
            connections: 5,
            cpu: 0.5,
            scheduled: 1,
            dropped: 0,
            rows: vec![(label, row)],
        }
    }

    #[test]
    fn a_long_load_has_bounded_windows_and_loses_nothing() {
        let mut timeline = Timeline::default();
        for at in 0..5000 {
            timeline.apply(&interval(0, at));
            timeline.apply(&interval(1, at));
        }
        let count = timeline.windows().count();
        assert!((MOST / 2..=MOST).contains(&count), "{count}");
        assert_eq!(timeline.windows().map(|w| w.started).sum::<u64>(), 10_000);
        let all = timeline.windows().fold(Histogram::new(), |mut all, w| {
            all.merge(&w.response());
            all
        });
        assert_eq!(all.count(), 10_000);
        let first = timeline.windows().next().unwrap();
        assert_eq!((first.at, first.seconds, first.ok), (0.0, 8.0, 16));
    }

    #[test]
    fn sources_add_up_within_a_second() {
        let mut timeline = Timeline::default();
        timeline.apply(&interval(0, 3));
        timeline.apply(&interval(1, 3));
        let window = timeline.windows().next().unwrap();
        assert_eq!((window.active, window.scheduled, window.ok, window.response().count()), (10, 2, 2, 2));
    }
}
