//! What a target's processes and its own counters did while a load ran, as metrics named after them: `NAME.cpu`, `NAME.rss`, ..

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_core::load::LoadWindow;
use engine_core::measurement::Record;
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::process_sample::{PROCESS_METRICS, ProcessSample, Watched};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use engine_core::usage;
use engine_load::Load;
use engine_load::http::Url;
use engine_probes::host::watcher::{Watch, Watcher};

use super::LoadRequest;

/// Series of counters that are kept at most: a target may have thousands.
const MOST_COUNTERS: usize = 200;

/// Once a second.
const PERIOD: Duration = Duration::from_secs(1);

/// What the target of a load itself is called.
const TARGET: &str = "target";

/// What is to be watched: what the scenario names, and the target's own process and counters. A reason for what may not be.
pub(crate) fn wanted(request: &LoadRequest, load: &Load, own: Option<u32>) -> (Vec<Watch>, Option<String>) {
    let named = |(name, process): &(String, Watched)| Watch {
        name: name.clone(),
        process: Some(process.clone()),
        counters: None,
    };
    let mut all: Vec<Watch> = request.watch.iter().map(named).collect();
    let permitted = |address: &String| Url::parse(address).is_ok_and(|url| load.permit.allows(&url.origin));
    let counters = request.counters.clone().filter(permitted);
    let refused = request.counters.as_ref().filter(|_| counters.is_none());
    let refused = refused.map(|address| {
        format!("the counters at `{address}` are not read: that host is not permitted, see `--allow-net`")
    });
    if own.is_some() || counters.is_some() {
        all.push(Watch { name: TARGET.to_owned(), process: own.map(Watched::Pid), counters });
    }
    (all, refused)
}

/// What each process needs for what it does: requests for a second of its CPU time, memory for a user.
fn needs(samples: &[ProcessSample], warmup: f64, mark: &Labels, windows: &[LoadWindow]) -> Vec<Record> {
    if windows.is_empty() {
        return Vec::new();
    }
    let counted = || windows.iter().filter(|window| window.counts());
    let ok: u64 = counted().filter_map(LoadWindow::total).map(|row| row.ok).sum();
    let mut names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut records = Vec::new();
    for name in names {
        let own = || samples.iter().filter(|sample| sample.name == name && sample.at > warmup && sample.processes > 0);
        let cpu: f64 = own().filter_map(ProcessSample::cpu_seconds).sum();
        let users_at = |at: f64| windows.iter().rev().find(|window| window.at <= at).map(|window| window.users as f64);
        let memory: Vec<(f64, f64)> =
            own().filter_map(|sample| Some((users_at(sample.at)?, sample.rss? as f64))).collect();
        let found = [
            ("requests_per_cpu_second", Unit::PerSecond, usage::requests_per_cpu_second(ok, cpu)),
            // Freed memory often stays with a process, so less than nothing means that nothing was seen.
            ("memory_per_user", Unit::Bytes, usage::bytes_per_user(&memory).filter(|bytes| *bytes >= 0.0)),
        ];
        for (id, unit, value) in found {
            if let Some(value) = value {
                let metric = Metric { id: format!("{name}.{id}"), unit, goal: Goal::Neutral, nature: Nature::Cost };
                records.push(Record::value(metric, mark.clone(), value));
            }
        }
    }
    records
}

/// The processes of a load, watched.
#[derive(Debug)]
pub(crate) struct Watching {
    watcher: Option<Watcher>,
    samples: Arc<Mutex<Vec<ProcessSample>>>,
}

impl Watching {
    /// Starts to watch; nothing where there is nothing to watch. Gives the reason where no thread can be had.
    pub(crate) fn start(what: Vec<Watch>) -> (Self, Option<String>) {
        let samples = Arc::<Mutex<Vec<ProcessSample>>>::default();
        if what.is_empty() {
            return (Self { watcher: None, samples }, None);
        }
        let keep = Arc::clone(&samples);
        let send = move |sample| keep.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        match Watcher::start(what, PERIOD, Box::new(send)) {
            Ok(watcher) => (Self { watcher: Some(watcher), samples }, None),
            Err(error) => (Self { watcher: None, samples }, Some(format!("nothing is watched: {error}"))),
        }
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Seen {
        if let Some(watcher) = self.watcher {
            watcher.stop();
        }
        Seen(std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What was seen of the processes of a load; times are from when the watching began.
#[derive(Debug)]
pub(crate) struct Seen(Vec<ProcessSample>);

impl Seen {
    /// Without what comes after `end` seconds.
    pub(crate) fn until(mut self, end: f64) -> Self {
        self.0.retain(|sample| sample.at <= end);
        self
    }

    /// A record for each metric, with one value a sample, without those of the first `warmup` seconds, and what could not be
    /// read. What each process needed for the requests of `windows` is among them.
    pub(crate) fn records(&self, warmup: f64, mark: &Labels, windows: &[LoadWindow]) -> (Vec<Record>, Vec<String>) {
        let Self(samples) = self;
        let mut series: BTreeMap<(String, Labels), (Unit, Vec<f64>)> = BTreeMap::new();
        let mut order = Vec::new();
        let mut put = |id: String, labels: Labels, unit: Unit, value: f64| {
            let key = (id, labels);
            series
                .entry(key.clone())
                .or_insert_with(|| {
                    order.push(key);
                    (unit, Vec::new())
                })
                .1
                .push(value);
        };
        let mut notes = Vec::new();
        for sample in samples.iter().filter(|sample| sample.at > warmup) {
            if sample.processes > 0 {
                for ((id, unit, _), value) in PROCESS_METRICS.iter().zip(sample.values()) {
                    if let Some(value) = value {
                        put(format!("{}.{id}", sample.name), Labels::new(), *unit, value);
                    }
                }
            }
            for counter in sample.counters.iter().filter(|counter| counter.value.is_finite()).take(MOST_COUNTERS) {
                put(format!("{}.{}", sample.name, counter.name), counter.labels.clone(), Unit::Count, counter.value);
            }
            if let Some(error) = &sample.counters_error {
                let note = format!("the counters of `{}` could not be read: {error}", sample.name);
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        let mut records = Vec::new();
        for key in order {
            let Some((unit, values)) = series.remove(&key) else { continue };
            let (id, labels) = key;
            let metric = Metric { id, unit, goal: Goal::Neutral, nature: Nature::Cost };
            records.push(Record { metric, labels: labels.joined(mark), values, histogram: None });
        }
        records.extend(needs(samples, warmup, mark, windows));
        (records, notes)
    }
}
