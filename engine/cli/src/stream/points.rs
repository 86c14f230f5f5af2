//! Events as points: a name, labels, a value, a time.

use std::collections::BTreeMap;

use engine_core::event::{Envelope, Event};
use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, WindowRow};
use engine_core::run::RunHeader;
use engine_core::series::Labels;
use engine_core::stats::quantile::median;
use engine_core::unit::Unit;

/// Quantiles of a window's histograms that are sent.
const QUANTILES: [(f64, &str); 5] = [(0.5, "0.5"), (0.9, "0.9"), (0.95, "0.95"), (0.99, "0.99"), (1.0, "1")];

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// Such as `response`, in the words of the metrics.
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) labels: Labels,
    pub(super) value: f64,
    /// Milliseconds since 1970.
    pub(super) at: i64,
    /// Whether it counts from the run's start and only grows.
    pub(super) grows: bool,
}

/// Makes points; counters are summed up from windows.
#[derive(Debug)]
pub(super) struct Points {
    started: i64,
    common: Labels,
    /// Name and labels of the steps, by index.
    steps: Vec<(String, Labels)>,
    sums: BTreeMap<(String, Labels), f64>,
}

impl Points {
    pub(super) fn new(header: &RunHeader) -> Self {
        let steps = header.plan.steps.iter().map(|step| (step.name.clone(), step.labels.clone()));
        Self {
            started: header.started.0 / 1000,
            common: Labels::new().with("scenario", &header.scenario.name).with("run", header.id.short()),
            steps: steps.collect(),
            sums: BTreeMap::new(),
        }
    }

    /// The points of an event.
    pub(super) fn of(&mut self, envelope: &Envelope, into: &mut Vec<Point>) {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a run fit")]
        let at = self.started + (envelope.at * 1000.0) as i64;
        match &envelope.event {
            Event::Window(window) => self.window(window, at, into),
            Event::Sampled(sampled) => {
                let labels = self.labels(sampled.step, &Labels::new());
                for record in &sampled.records {
                    // A round of many samples is one point: its median, or the middle of its histogram.
                    let value = match &record.histogram {
                        Some(histogram) => seconds(histogram, 0.5),
                        None if record.values.is_empty() => continue,
                        None => Some(median(&record.values)),
                    };
                    let labels = labels.joined(&record.labels);
                    let name = format!("round.{}", record.metric.id);
                    into.extend(value.map(|value| Point {
                        name,
                        unit: record.metric.unit,
                        labels,
                        value,
                        at,
                        grows: false,
                    }));
                }
            }
            Event::Host(sample) => {
                #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
                let memory = sample.memory_used as f64;
                for (name, unit, value) in
                    [("host.cpu", Unit::Ratio, sample.cpu), ("host.memory.used", Unit::Bytes, memory)]
                {
                    let labels = self.common.clone();
                    into.push(Point { name: name.to_owned(), unit, labels, value, at, grows: false });
                }
            }
            _ => {}
        }
    }

    fn labels(&self, step: usize, own: &Labels) -> Labels {
        let labels = match self.steps.get(step) {
            Some((name, labels)) => self.common.joined(labels).with("step", name),
            None => self.common.clone(),
        };
        labels.joined(own)
    }

    fn window(&mut self, window: &LoadWindow, at: i64, into: &mut Vec<Point>) {
        let mut base = self.labels(window.step, &Labels::new());
        if !window.phase.is_empty() {
            base = base.with("phase", &window.phase);
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of users are far below 2^53")]
        let users = window.users as f64;
        into.push(Point {
            name: "users".into(),
            unit: Unit::Count,
            labels: base.clone(),
            value: users,
            at,
            grows: false,
        });
        for row in &window.rows {
            self.row(row, &base.joined(&row.labels), window.seconds, at, into);
        }
    }

    fn row(&mut self, row: &WindowRow, labels: &Labels, length: f64, at: i64, into: &mut Vec<Point>) {
        #[expect(clippy::cast_precision_loss, reason = "counts of a second are far below 2^53")]
        let number = |count: u64| count as f64;
        let mut gauge = |name: &str, unit, labels: Labels, value| {
            into.push(Point { name: name.to_owned(), unit, labels, value, at, grows: false });
        };
        if length > 0.0 {
            gauge("rate", Unit::PerSecond, labels.clone(), number(row.ok) / length);
        }
        if row.ended() > 0 {
            let share = number(row.ended() - row.ok) / number(row.ended());
            gauge("errors", Unit::Ratio, labels.clone(), share);
        }
        for (name, histogram) in [("response", &row.response), ("service", &row.service), ("lag", &row.lag)] {
            let Some(histogram) = histogram else { continue };
            for (quantile, label) in QUANTILES {
                if let Some(value) = seconds(histogram, quantile) {
                    gauge(name, Unit::Seconds, labels.clone().with("quantile", label), value);
                }
            }
        }
        let outcomes = [("ok", row.ok), ("failed", row.failed), ("timed_out", row.timed_out), ("cut_off", row.cut_off)];
        for (outcome, count) in outcomes {
            // A series begins with its first count: most outcomes never come.
            if count > 0 || outcome == "ok" {
                self.sum("requests", Unit::Count, labels.clone().with("outcome", outcome), number(count), at, into);
            }
        }
        for (class, count) in &row.errors {
            self.sum("request.errors", Unit::Count, labels.clone().with("class", class), number(*count), at, into);
        }
        self.sum("received", Unit::Bytes, labels.clone(), number(row.bytes_in), at, into);
        self.sum("sent", Unit::Bytes, labels.clone(), number(row.bytes_out), at, into);
    }

    fn sum(&mut self, name: &str, unit: Unit, labels: Labels, more: f64, at: i64, into: &mut Vec<Point>) {
        // The phase is no part of a counter: it would begin anew with each.
        let mut labels = labels;
        labels.0.remove("phase");
        let sum = self.sums.entry((name.to_owned(), labels.clone())).or_insert(0.0);
        *sum += more;
        into.push(Point { name: name.to_owned(), unit, labels, value: *sum, at, grows: true });
    }
}

/// A quantile in seconds; a censored one is what it is at least.
fn seconds(histogram: &Packed, quantile: f64) -> Option<f64> {
    let found = histogram.value_at_quantile(quantile)?;
    #[expect(clippy::cast_precision_loss, reason = "an hour of nanoseconds is far below 2^53")]
    let nanos = found.floor() as f64;
    Some(nanos / 1e9)
}
