//! One round of script code: on the session's thread, watched like a probe's.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::event::NoteLevel;
use engine_core::measurement::Record;
use engine_core::plan::{PlannedStep, Profile};
use engine_core::step::Place;
use engine_probes::ProbeError;
use engine_probes::harness::sentinel;
use engine_probes::host::witness::Witness;

use crate::bus::Bus;
use crate::round::{RoundRequest, RoundResult, drift};
use crate::runner::Settings;
use crate::scripted::CustomContext;

/// Runs `code` with a context of its own and returns what it recorded.
pub(crate) fn take(
    bus: &Bus,
    settings: &Settings<'_>,
    step: &PlannedStep,
    seed: u64,
    code: impl FnOnce(&mut dyn CustomContext) -> Result<(), ProbeError>,
) -> Result<RoundResult, ProbeError> {
    let tiny = bus.with(|record| record.header.plan.profile == Profile::Tiny);
    let deadline = Instant::now() + Duration::from_secs_f64(step.timeout);
    let path = step.path();
    let mut context = Context { bus, settings, path, seed, tiny, deadline, records: Vec::new() };
    // Script code may start children and wait for them: pressure of its own making is no disturbance.
    let limits = settings.limits.for_own_io().for_own_crowd();
    let before = sentinel::beat();
    let mut witness = Witness::open();
    witness.start();
    let started = Instant::now();
    let outcome = code(&mut context);
    let took = started.elapsed();
    let mut taints = witness.finish().taints(&limits);
    taints.extend(drift(&limits, &before, &sentinel::beat()));
    outcome?;
    Ok(RoundResult { records: context.records, notes: Vec::new(), taints, took })
}

struct Context<'a, 's> {
    bus: &'a Bus,
    settings: &'a Settings<'s>,
    path: String,
    seed: u64,
    tiny: bool,
    deadline: Instant,
    records: Vec<Record>,
}

impl CustomContext for Context<'_, '_> {
    fn record(&mut self, record: Record) {
        let found = self.records.iter_mut().find(|r| r.metric == record.metric && r.labels == record.labels);
        match found {
            Some(known) => known.values.extend(record.values),
            None => self.records.push(record),
        }
    }

    fn measure(&mut self, probe: &str, args: &Args) -> Result<Vec<Record>, ProbeError> {
        let probe = self
            .settings
            .probe(probe)
            .ok_or_else(|| ProbeError::failed(format!("no probe `{probe}` in this version")))?;
        let request = RoundRequest {
            args: args.clone(),
            seed: self.seed,
            tiny: self.tiny,
            cores: self.settings.cores,
            scratch: self.settings.scratch.clone(),
            timeout: self.deadline.saturating_duration_since(Instant::now()),
        };
        let result = self.settings.take(probe, &request, false)?;
        for note in result.notes {
            self.note(NoteLevel::Info, &note, None);
        }
        Ok(result.records)
    }

    fn note(&mut self, level: NoteLevel, message: &str, place: Option<Place>) {
        self.bus.note(level, Some(self.path.clone()), message, place);
    }

    fn cancelled(&self) -> bool {
        self.settings.interrupt.load(Ordering::Relaxed)
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}
