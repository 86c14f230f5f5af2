//! A probe as code, and what it is given while it measures.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use engine_core::args::Args;
use engine_core::measurement::Record;
use engine_core::metric::{Metric, MetricDef};
use engine_core::probe::ProbeInfo;
use engine_core::series::Labels;
use engine_core::step::{Failure, FailureKind, Skip};

/// A probe: its declaration, and the function that takes one round.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Name, options, metrics, method.
    pub info: &'static ProbeInfo,
    /// Takes one round: measures, and records at least one sample of the primary metric.
    pub run: fn(&Args, &mut Context<'_>) -> Result<(), ProbeError>,
}

/// Why a round has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The machine lacks something.
    #[error("{0}")]
    Skip(#[from] Skip),
    /// Something went wrong.
    #[error("{0}")]
    Failed(#[from] Failure),
    /// The run was interrupted, or the round's time is over.
    #[error("interrupted")]
    Cancelled,
}

impl ProbeError {
    /// A failure of the probe with its cause.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(FailureKind::Probe, message))
    }

    /// The probe's check of its own work failed.
    #[must_use]
    pub fn verification(message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(FailureKind::Verification, message))
    }
}

/// What a probe is given for one round.
#[derive(Debug)]
pub struct Context<'a> {
    /// Whether the tiny profile asks for the shortest pass that still does everything.
    pub tiny: bool,
    /// Seed of this round: (run, step, round) keyed.
    pub seed: u64,
    /// Number of threads this process may use at once.
    pub cores: usize,
    /// A folder for test files; the caller removes it.
    pub scratch: &'a Path,
    cancel: &'a AtomicBool,
    deadline: Instant,
    records: Vec<Record>,
    index: BTreeMap<(String, Labels), usize>,
    notes: Vec<String>,
    marks: Labels,
}

impl<'a> Context<'a> {
    /// A context for one round that has to end by `deadline`.
    #[must_use]
    pub fn new(
        scratch: &'a Path,
        cancel: &'a AtomicBool,
        deadline: Instant,
        cores: usize,
        seed: u64,
        tiny: bool,
    ) -> Self {
        Self {
            tiny,
            seed,
            cores,
            scratch,
            cancel,
            deadline,
            records: Vec::new(),
            index: BTreeMap::new(),
            notes: Vec::new(),
            marks: Labels::new(),
        }
    }

    /// Records one sample, in the metric's unit.
    pub fn record(&mut self, metric: &MetricDef, value: f64) {
        self.record_with(metric.metric(), Labels::new(), &[value]);
    }

    /// Records several samples, in order.
    pub fn record_all(&mut self, metric: &MetricDef, values: &[f64]) {
        self.record_with(metric.metric(), Labels::new(), values);
    }

    /// Records one sample under labels of its own, such as the size on a curve.
    pub fn record_at(&mut self, metric: &MetricDef, labels: Labels, value: f64) {
        self.record_with(metric.metric(), labels, &[value]);
    }

    /// Records samples of any metric; the others end here.
    pub fn record_with(&mut self, metric: Metric, labels: Labels, values: &[f64]) {
        let key = (metric.id.clone(), labels);
        match self.index.get(&key) {
            Some(&at) => self.records[at].values.extend_from_slice(values),
            None => {
                let labels = key.1.clone();
                self.index.insert(key, self.records.len());
                self.records.push(Record { metric, labels, values: values.to_vec(), histogram: None });
            }
        }
    }

    /// Puts a label on everything that the round records, before and after: by which path a result came, where there
    /// are several (`engine=io_uring`, `software=true`). Results of unlike paths are series of their own.
    pub fn mark(&mut self, name: &str, value: impl Into<String>) {
        self.marks.0.insert(name.to_owned(), value.into());
    }

    /// Leaves a remark that the report shows with the step: what was really obtained, what fell short.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// To be asked between passes, outside any timed region.
    ///
    /// # Errors
    /// [`ProbeError::Cancelled`] when the run is interrupted or the round's time is over.
    pub fn check(&self) -> Result<(), ProbeError> {
        if self.cancel.load(Ordering::Relaxed) || Instant::now() >= self.deadline {
            Err(ProbeError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// The moment by which the round has to end.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What was recorded, and the remarks.
    #[must_use]
    pub fn finish(self) -> (Vec<Record>, Vec<String>) {
        let Self { mut records, notes, marks, .. } = self;
        for record in &mut records {
            record.labels = record.labels.joined(&marks);
        }
        (records, notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::unit::Unit;
    use std::time::Duration;

    const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "");

    #[test]
    fn samples_of_one_metric_come_together_and_labels_keep_them_apart() {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 1, 0, true);
        cx.record(&TIME, 1.0);
        cx.record_at(&TIME, Labels::new().with("size", "4 KiB"), 7.0);
        cx.record_all(&TIME, &[2.0, 3.0]);
        assert!(cx.check().is_ok());
        cancel.store(true, Ordering::Relaxed);
        assert_eq!(cx.check(), Err(ProbeError::Cancelled));
        cx.mark("engine", "pread");
        let (records, _) = cx.finish();
        assert!(records.iter().all(|record| record.labels.get("engine") == Some("pread")));
        assert_eq!(records[1].labels.get("size"), Some("4 KiB"));
        let values: Vec<_> = records.iter().map(|r| r.values.clone()).collect();
        assert_eq!(values, [vec![1.0, 2.0, 3.0], vec![7.0]]);
    }
}
