//! Intervals of the generator's threads become windows of the whole load.

use std::collections::BTreeMap;

use engine_core::histogram::{Histogram, Packed};
use engine_core::load::{LoadWindow, WindowRow};
use engine_core::series::Labels;
use engine_load::record::{Interval, Kind, Label, Row, Totals};

use super::reasons::is_script;

/// Which labels tell endpoints apart: journeys and groups only where there are several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Naming {
    pub(crate) journeys: bool,
}

impl Naming {
    /// Labels of an endpoint's row.
    pub(crate) fn labels(self, label: &Label) -> Labels {
        let mut labels = Labels::new().with("name", &*label.endpoint);
        if self.journeys {
            labels = labels.with("journey", &*label.journey);
        }
        if !label.group.is_empty() {
            labels = labels.with("group", &*label.group);
        }
        labels
    }
}

/// What has been due so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) scheduled: u64,
    pub(crate) dropped: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Collector {
    step: usize,
    round: u32,
    sources: usize,
    naming: Naming,
    phases: Vec<(String, f64)>,
    /// Windows that not all sources have reported yet.
    open: BTreeMap<u64, Open>,
    /// What was dropped by each source so far.
    dropped: BTreeMap<u32, u64>,
    scheduled: u64,
    /// Until when nothing counts.
    warmup: f64,
    /// What had been due when the warm-up was over.
    pub(crate) before: Due,
    /// Iterations since the last that did not end in an error of the journey's own code, and the most of them.
    script: (u64, u64),
    /// Sums of everything, where somebody asks for them while the load runs.
    pub(crate) totals: Option<Totals>,
    scratch: [Histogram; 3],
}

#[derive(Debug)]
struct Open {
    sources: usize,
    window: LoadWindow,
}

impl Collector {
    pub(crate) fn new(step: usize, round: u32, sources: usize, naming: Naming, phases: Vec<(String, f64)>) -> Self {
        Self {
            step,
            round,
            sources,
            naming,
            phases,
            open: BTreeMap::new(),
            dropped: BTreeMap::new(),
            scheduled: 0,
            warmup: 0.0,
            before: Due::default(),
            script: (0, 0),
            totals: None,
            scratch: [Histogram::new(), Histogram::new(), Histogram::new()],
        }
    }

    /// Counts nothing of the first `seconds` as due.
    pub(crate) fn without(mut self, seconds: f64) -> Self {
        self.warmup = seconds;
        self
    }

    /// Takes an interval; gives the windows that are complete now, in order.
    pub(crate) fn take(&mut self, interval: &Interval) -> Vec<LoadWindow> {
        if let Some(totals) = &mut self.totals {
            totals.apply(interval);
        }
        self.count_script(interval);
        self.scheduled += interval.scheduled;
        self.dropped.insert(interval.source, interval.dropped);
        if interval.at + 0.5 * interval.seconds < self.warmup {
            self.before = Due { scheduled: self.scheduled, dropped: self.dropped.values().sum() };
        }
        let part = self.window(interval);
        match self.open.get_mut(&interval.sequence) {
            Some(open) => {
                open.sources += 1;
                let users = open.window.users + part.users;
                // What sources share is the time, so they are laid side by side and not behind each other.
                let end = open.window.end().max(part.end());
                open.window.join(&part);
                open.window.seconds = end - open.window.at;
                open.window.users = users;
            }
            None => {
                self.open.insert(interval.sequence, Open { sources: 1, window: part });
            }
        }
        let mut done = Vec::new();
        while let Some(first) = self.open.first_entry() {
            // A source that ended early reports no more; the others are not kept waiting.
            let late = *first.key() + 2 <= interval.sequence;
            if first.get().sources < self.sources && !late {
                break;
            }
            done.push(first.remove().window);
        }
        done
    }

    /// Most iterations in a row that ended in an error of the journey's own code, to the resolution of an interval: those that
    /// had one other among them begin anew.
    pub(crate) const fn script_row(&self) -> u64 {
        self.script.1
    }

    fn count_script(&mut self, interval: &Interval) {
        let (mut ended, mut broken) = (0, 0);
        for (_, row) in interval.rows.iter().filter(|(label, _)| label.kind == Kind::Iteration) {
            ended += row.ok + row.failed;
            broken += row.errors.iter().filter(|error| is_script(error.class)).map(|error| error.count).sum::<u64>();
        }
        if ended > 0 {
            self.script.0 = if broken >= ended { self.script.0 + broken } else { 0 };
            self.script.1 = self.script.1.max(self.script.0);
        }
    }

    /// The windows that are left.
    pub(crate) fn rest(&mut self) -> Vec<LoadWindow> {
        std::mem::take(&mut self.open).into_values().map(|open| open.window).collect()
    }

    /// One source's part of a window.
    fn window(&mut self, interval: &Interval) -> LoadWindow {
        let middle = interval.at + 0.5 * interval.seconds;
        let phase = self.phases.iter().find(|(_, end)| middle < *end).or(self.phases.last());
        let mut total = WindowRow::default();
        let mut rows: Vec<(Labels, Vec<&Row>)> = Vec::new();
        for histogram in &mut self.scratch {
            histogram.clear();
        }
        for (label, row) in &interval.rows {
            if !matches!(label.kind, Kind::Request | Kind::NotStarted) {
                continue;
            }
            count(&mut total, row);
            for (sum, part) in self.scratch.iter_mut().zip([&row.response, &row.service, &row.lag]) {
                sum.merge(part);
            }
            if label.kind == Kind::NotStarted {
                continue;
            }
            let labels = self.naming.labels(label);
            match rows.iter_mut().find(|(known, _)| *known == labels) {
                Some((_, parts)) => parts.push(row),
                None => rows.push((labels, vec![row])),
            }
        }
        let packed = |histogram: &Histogram| (!histogram.is_empty()).then(|| Packed::from(histogram));
        [total.response, total.service, total.lag] = [0, 1, 2].map(|nth: usize| packed(&self.scratch[nth]));
        let endpoints = rows.into_iter().map(|(labels, parts)| {
            let mut row = WindowRow { labels, ..WindowRow::default() };
            parts.iter().for_each(|part| count(&mut row, part));
            let each: Vec<Packed> = parts.iter().map(|part| Packed::from(&part.response)).collect();
            row.response = Some(Packed::merged(&each)).filter(|packed| !packed.is_empty());
            row
        });
        LoadWindow {
            step: self.step,
            round: self.round,
            at: interval.at,
            seconds: interval.seconds,
            rows: std::iter::once(total).chain(endpoints.collect::<Vec<_>>()).collect(),
            users: interval.active,
            phase: phase.map(|(name, _)| name.clone()).unwrap_or_default(),
        }
    }
}

/// Adds the counters of a row.
fn count(into: &mut WindowRow, row: &Row) {
    let mut part = WindowRow {
        labels: Labels::new(),
        started: row.started,
        ok: row.ok,
        failed: row.failed,
        timed_out: row.timed_out,
        cut_off: row.cut_off,
        response: None,
        service: None,
        lag: None,
        bytes_in: row.bytes_in,
        bytes_out: row.bytes_out,
        errors: Vec::new(),
    };
    part.errors = row.errors.iter().map(|error| (error.class.to_string(), error.count)).collect();
    into.merge(&part);
}
