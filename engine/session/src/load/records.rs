//! A load's sums as records: the total, each phase, each endpoint, each endpoint within each phase.

use std::collections::BTreeMap;

use engine_core::histogram::Packed;
use engine_core::host_sample::HostSample;
use engine_core::load::{LoadWindow, WARM_UP, metric_of};
use engine_core::measurement::Record;
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use engine_load::model::ArrivalPlan;
use engine_load::record::{Kind, Label, Row};

use super::collector::{Due, Naming};

/// What records are made from.
pub(crate) struct Sums<'a> {
    pub(crate) rows: &'a BTreeMap<Label, Row>,
    pub(crate) naming: Naming,
    /// Names and ends of the phases, the warm-up among them.
    pub(crate) phases: &'a [(String, f64)],
    /// Until when nothing counts, in seconds.
    pub(crate) warmup: f64,
    /// When new iterations ended to begin, in seconds.
    pub(crate) seconds: f64,
    /// The schedule of an open model.
    pub(crate) plan: Option<&'a ArrivalPlan>,
    /// Arrivals due after the warm-up.
    pub(crate) due: Due,
    /// Whether the load still runs: then what is under way counts as if it ended well, as it may.
    pub(crate) under_way: bool,
    pub(crate) windows: &'a [LoadWindow],
    pub(crate) host: &'a [HostSample],
}

/// Adds records, each with the labels that all of them have.
struct Out {
    records: Vec<Record>,
    mark: Labels,
}

impl Out {
    fn value(&mut self, id: &str, labels: &Labels, value: f64) {
        self.values(id, labels, vec![value]);
    }

    fn values(&mut self, id: &str, labels: &Labels, values: Vec<f64>) {
        if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
            return;
        }
        let labels = labels.joined(&self.mark);
        self.records.push(Record { metric: metric(id), labels, values, histogram: None });
    }

    fn latencies(&mut self, id: &str, labels: &Labels, histogram: Packed) {
        self.histogram(metric(id), labels, histogram);
    }

    fn histogram(&mut self, metric: Metric, labels: &Labels, histogram: Packed) {
        if !histogram.is_empty() {
            self.records.push(Record::latencies(metric, labels.joined(&self.mark), histogram));
        }
    }
}

/// A metric of a load, which the table has.
fn metric(id: &str) -> Metric {
    metric_of(id).map_or_else(|| Metric::scripted(id, Unit::Count), engine_core::metric::MetricDef::metric)
}

/// Seconds of one scope, and its labels.
struct Scope {
    labels: Labels,
    from: f64,
    to: f64,
}

impl Scope {
    fn seconds(&self) -> f64 {
        self.to - self.from
    }
}

impl Sums<'_> {
    /// All records, the primary metric first. `mark` is put on each.
    pub(crate) fn records(&self, mark: Labels) -> Vec<Record> {
        let mut out = Out { records: Vec::new(), mark };
        let scopes = self.scopes();
        for scope in &scopes {
            let phase = scope.labels.get("phase").map(str::to_owned);
            let within =
                |label: &Label| phase.as_deref().map_or(&*label.phase != WARM_UP, |phase| &*label.phase == phase);
            self.scope(&mut out, scope, &within);
        }
        self.checks(&mut out);
        self.timers(&mut out);
        self.host(&mut out);
        out.records
    }

    /// The total, and each phase that has a name of its own.
    fn scopes(&self) -> Vec<Scope> {
        let end = self.seconds.max(self.warmup);
        let mut scopes = vec![Scope { labels: Labels::new(), from: self.warmup, to: end }];
        let mut start = 0.0;
        for (name, phase_end) in self.phases {
            let (from, to) = (f64::max(start, self.warmup), phase_end.min(end));
            start = *phase_end;
            if name == WARM_UP || name.is_empty() || to <= from {
                continue;
            }
            scopes.push(Scope { labels: Labels::new().with("phase", name), from, to });
        }
        scopes
    }

    fn scope(&self, out: &mut Out, scope: &Scope, within: &dyn Fn(&Label) -> bool) {
        let mut total = Row::default();
        let mut iterations = Row::default();
        let mut requests = 0;
        let mut endpoints: BTreeMap<Labels, Row> = BTreeMap::new();
        for (label, row) in self.rows.iter().filter(|(label, _)| within(label)) {
            match label.kind {
                Kind::Request => {
                    total.merge(row);
                    requests += row.started;
                    endpoints.entry(self.naming.labels(label).joined(&scope.labels)).or_default().merge(row);
                }
                Kind::NotStarted => total.merge(row),
                Kind::Iteration => iterations.merge(row),
                _ => {}
            }
        }
        let whole = scope.labels.is_empty();
        out.latencies("response", &scope.labels, Packed::from(&total.response));
        out.latencies("service", &scope.labels, Packed::from(&total.service));
        out.latencies("lag", &scope.labels, Packed::from(&total.lag));
        self.rates(out, scope, &scope.labels, &total);
        let seconds = scope.seconds();
        if seconds > 0.0 {
            let count = iterations.ok + iterations.failed + self.open(&iterations);
            out.value("iterations", &scope.labels, count as f64 / seconds);
            out.value("requests", &scope.labels, requests as f64 / seconds);
            if let Some(plan) = self.plan {
                let due = plan.count_until(scope.to) - plan.count_until(scope.from);
                out.value("intended", &scope.labels, due as f64 / seconds);
            }
        }
        if whole && self.plan.is_some() && self.due.scheduled > 0 {
            out.value("dropped", &scope.labels, self.due.dropped as f64 / self.due.scheduled as f64);
        }
        let windows: Vec<&LoadWindow> = self
            .windows
            .iter()
            .filter(|window| window.counts() && scope.labels.get("phase").is_none_or(|phase| window.phase == phase))
            .collect();
        if let Some(most) = windows.iter().map(|window| window.users).max() {
            out.value("users", &scope.labels, most as f64);
        }
        // Only seconds in which requests were meant to come: not the time in which the last ones end.
        let seconds: Vec<bool> = windows
            .iter()
            .filter(|window| window.seconds >= 0.5 && window.at + 0.5 * window.seconds < self.seconds)
            .map(|window| window.total().is_some_and(engine_core::load::WindowRow::is_available))
            .collect();
        if !seconds.is_empty() {
            let there = seconds.iter().filter(|there| **there).count();
            out.value("availability", &scope.labels, there as f64 / seconds.len() as f64);
        }
        if whole {
            self.parts(out, &scope.labels, &total);
        }
        for (labels, row) in &endpoints {
            out.latencies("response", labels, Packed::from(&row.response));
            self.rates(out, scope, labels, row);
            if whole {
                out.latencies("service", labels, Packed::from(&row.service));
                self.parts(out, labels, row);
            }
        }
    }

    /// What has started and not ended, while that is no fault.
    fn open(&self, row: &Row) -> u64 {
        if self.under_way { row.started.saturating_sub(row.ended()) } else { 0 }
    }

    /// What is counted by the second, and the share of errors.
    fn rates(&self, out: &mut Out, scope: &Scope, labels: &Labels, row: &Row) {
        let seconds = scope.seconds();
        if row.ended() > 0 {
            out.value("errors", labels, row.error_share());
        }
        if seconds > 0.0 {
            out.value("rate", labels, (row.ok + self.open(row)) as f64 / seconds);
            out.value("received", labels, row.bytes_in as f64 / seconds);
            out.value("sent", labels, row.bytes_out as f64 / seconds);
        }
    }

    /// Where the time of answered requests went.
    fn parts(&self, out: &mut Out, labels: &Labels, row: &Row) {
        for (id, histogram) in
            [("first_byte", &row.first_byte), ("connect", &row.connect), ("tls", &row.tls), ("dns", &row.dns)]
        {
            if let Some(histogram) = histogram {
                out.latencies(id, labels, Packed::from(&**histogram));
            }
        }
    }

    /// Checks: of all together, and of each by its name.
    fn checks(&self, out: &mut Out) {
        let mut all = Row::default();
        let mut each: BTreeMap<Labels, Row> = BTreeMap::new();
        for (label, row) in self.rows {
            if label.kind == Kind::Check && &*label.phase != WARM_UP {
                all.merge(row);
                each.entry(self.naming.labels(label)).or_default().merge(row);
            }
        }
        for (labels, row) in std::iter::once((Labels::new(), all)).chain(each) {
            if row.ok + row.failed > 0 {
                out.value("checks", &labels, row.ok as f64 / (row.ok + row.failed) as f64);
            }
        }
    }

    /// What journeys time and record themselves: a metric for each name, of the whole load.
    fn timers(&self, out: &mut Out) {
        let mut own: BTreeMap<&str, Row> = BTreeMap::new();
        for (label, row) in self.rows {
            if matches!(label.kind, Kind::Timer | Kind::Value) && &*label.phase != WARM_UP {
                own.entry(&label.endpoint).or_default().merge(row);
            }
        }
        for (name, row) in own {
            let timed = Metric { id: name.to_owned(), unit: Unit::Seconds, goal: Goal::Lower, nature: Nature::Cost };
            let metric = row.unit.map_or(timed, |unit| Metric::scripted(name, unit));
            out.histogram(metric, &Labels::new(), Packed::from(&row.response));
        }
    }

    fn host(&self, out: &mut Out) {
        out.values("host.cpu", &Labels::new(), self.host.iter().map(|sample| sample.cpu).collect());
        out.values("host.memory", &Labels::new(), self.host.iter().map(HostSample::memory).collect());
    }
}
