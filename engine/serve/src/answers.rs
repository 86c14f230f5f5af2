//! Answers about one stored run: its results file, its time line, its curves, its findings.
//!
//! What is made of a run that has ended never changes, unless what else it is made of does: limits, rules, the engine. So it
//! is made once, and kept in memory and, of long runs, in the store: see [`ready`].

mod ready;

use std::io::Read as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use engine_core::run::{RunId, RunRecord, RunState};
use engine_report::Report;
use sha2::{Digest as _, Sha256};

use crate::api::{curves, metrics, timeline};
use crate::error::ApiError;
use crate::kept::Told;
use crate::shape::AdviceRow;
use crate::state::App;

pub(crate) use ready::keep_ready;
pub use ready::prepare;

/// Seconds from which on a run is long: its answers are kept in the store.
pub const LONG: f64 = 600.0;

/// Points of a time line that nobody gave a number for.
pub(crate) const POINTS: usize = 600;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The results file.
    Report,
    /// The time line, with so many points at most.
    Timeline(usize),
    /// Distributions and curves.
    Curves,
    /// Findings.
    Advice,
    /// The results as `/metrics` has them.
    Results,
}

impl Answer {
    fn name(self) -> String {
        match self {
            Self::Report => "report".to_owned(),
            Self::Timeline(points) => format!("timeline.{points}"),
            Self::Curves => "curves".to_owned(),
            Self::Advice => "advice".to_owned(),
            Self::Results => "results".to_owned(),
        }
    }

    fn make(self, app: &App, record: &RunRecord) -> Result<Vec<u8>, ApiError> {
        let written = |error: serde_json::Error| ApiError::internal(format!("an answer cannot be written: {error}"));
        match self {
            Self::Report => Ok(app.report(record).into_bytes()),
            Self::Timeline(points) => timeline::text(&timeline::of(record, points)).map_err(written),
            Self::Curves => serde_json::to_vec(&curves::of(record)).map_err(written),
            Self::Advice => {
                let advice = app.backend.advice(record)?;
                serde_json::to_vec(&AdviceRow::of(&record.header.id.0, &advice)).map_err(written)
            }
            Self::Results => Ok(metrics::results(record).into_bytes()),
        }
    }
}

impl App {
    /// An answer about the run that a reference means, with the run's id.
    pub(crate) fn answer(&self, reference: &str, answer: Answer) -> Result<(RunId, Bytes), ApiError> {
        let (run, sequence) = self.meant(reference)?;
        let (name, key) = (answer.name(), self.key(answer));
        if let Some(text) = self.kept.told(&run, sequence, &name, &key) {
            return Ok((run, text));
        }
        let stored = self.database.read(|store| Ok::<_, ApiError>(store.answer(&run, &name, &key)?))?;
        if let Some(text) = stored.as_deref().and_then(unpacked) {
            self.kept.tell(Told { run: run.clone(), sequence, name, key, text: text.clone() });
            return Ok((run, text));
        }
        let record = self.record_at(&run, sequence)?;
        let text = Bytes::from(answer.make(self, &record)?);
        if record.state != RunState::Running {
            let told = Told { run: run.clone(), sequence: record.sequence, name, key, text: text.clone() };
            self.kept.tell(told);
            if record.duration >= LONG {
                self.lacking.notify_one();
            }
        }
        Ok((run, text))
    }

    /// The record of the run that a reference means.
    pub(crate) fn record(&self, reference: &str) -> Result<Arc<RunRecord>, ApiError> {
        let (run, sequence) = self.meant(reference)?;
        self.record_at(&run, sequence)
    }

    /// The run that a reference means, and how far it has come.
    fn meant(&self, reference: &str) -> Result<(RunId, u64), ApiError> {
        self.database.read(|store| {
            let run = store.resolve(reference)?;
            let sequence = store.sequence(&run)?;
            Ok((run, sequence))
        })
    }

    /// The record of a run that has come so far. Those of runs that have ended are kept for a while: pages ask for several
    /// things of the same run.
    fn record_at(&self, run: &RunId, sequence: u64) -> Result<Arc<RunRecord>, ApiError> {
        let turn = self.kept.turn();
        if let Some(kept) = self.kept.record(run, sequence) {
            return Ok(kept);
        }
        let record = Arc::new(self.database.read(|store| Ok::<_, ApiError>(store.run(run)?))?);
        if record.state != RunState::Running {
            self.kept.keep(&record);
        }
        drop(turn);
        Ok(record)
    }

    /// The results file of a run, as `engine report` writes it: findings are in it where the rules can be asked.
    fn report(&self, record: &RunRecord) -> String {
        let cases = engine_analysis::case_ratios(record, &self.criteria);
        let health = engine_analysis::health(record, &self.thresholds);
        let advice = self.backend.advice(record).ok();
        let report = Report { cases: &cases, health: Some(&health), advice: advice.as_ref(), ..Report::of(record) };
        engine_report::json::report(&report)
    }

    /// What an answer is made of beside the run.
    fn key(&self, answer: Answer) -> String {
        let mut digest = Sha256::new();
        digest.update(build());
        if matches!(answer, Answer::Report | Answer::Advice) {
            digest.update(format!("{:?} {:?}", self.criteria, self.thresholds));
            digest.update(self.backend.advice_basis());
        }
        digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Which build this is. Two builds of one version may answer differently.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let about = std::env::current_exe().and_then(std::fs::metadata).ok();
        let size = about.as_ref().map(std::fs::Metadata::len);
        let changed = about.and_then(|about| about.modified().ok());
        format!("{} {size:?} {changed:?}", env!("CARGO_PKG_VERSION"))
    })
}

fn unpacked(body: &[u8]) -> Option<Bytes> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut text).ok()?;
    Some(text.into())
}
