//! One round of a stress step: quiet and stressed in turn.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine_core::event::{Event, NoteLevel, Sampled, StopReason};
use engine_core::measurement::Record;
use engine_core::plan::{PlannedStep, Profile, Work};
use engine_core::run::ValidityLevel;
use engine_core::stats::Stream;
use engine_core::step::{FailureKind, Outcome, Skip, SkipKind};
use engine_core::stress::{Background, Measured, StressShape, Turn};
use engine_core::taint::Taint;
use engine_probes::ProbeError;

use super::background::{Lost, Running};
use super::figures::Figures;
use crate::bus::Bus;
use crate::ending::next_attempt;
use crate::load::trials::{Gave, Trials};
use crate::round::RoundRequest;
use crate::runner::{Runner, Settings};

/// Key of the random streams of stressors.
const STRESSORS: u64 = 0x7374_7265_7373_0002;

/// Beyond the measurement's own time-out a stressor lives so long at most, in seconds.
const BEYOND: f64 = 30.0;

/// How often a pause looks whether the run was interrupted.
const LOOK: Duration = Duration::from_millis(20);

/// What a measurement gave.
struct Measure {
    records: Vec<Record>,
    taints: Vec<Taint>,
    notes: Vec<String>,
}

/// What a round gave.
struct Round {
    records: Vec<Record>,
    taints: Vec<Taint>,
    notes: Vec<(NoteLevel, String)>,
    doubts: Vec<String>,
}

/// A round as it goes.
struct Turns<'a> {
    bus: &'a Bus,
    settings: &'a Settings<'a>,
    planned: &'a PlannedStep,
    shape: &'a StressShape,
    seed: u64,
    scratch: PathBuf,
}

impl Runner<'_, '_, '_> {
    /// Takes one round of a stress step.
    pub(crate) fn stress(&mut self, step: usize, round: u32) {
        let plan = self.plan;
        let planned = &plan.steps[step];
        let Work::Stress { shape } = &planned.work else {
            return self.fail(step, ProbeError::failed("the step is no stress"));
        };
        let seed = self.seed(step, round);
        let (bus, settings) = (self.bus, self.settings);
        let turns = || Turns { bus, settings, planned, shape, seed, scratch: settings.scratch.clone() };
        if let Measured::Load { index, .. } = &shape.measured {
            return self.trials(step, round, *index, &|trials| loaded(&turns(), trials));
        }
        self.bus.send(Event::RoundStarted { step, round: Some(round) });
        let started = Instant::now();
        let first = !self.progress.has_any(step);
        let gave = match turns().all(first, &mut |_| self.measure(planned, shape, seed)) {
            Ok(gave) => gave,
            Err(error) => return self.fail(step, error),
        };
        let path = planned.path();
        for (level, note) in gave.notes {
            self.bus.note(level, Some(path.clone()), note, None);
        }
        for doubt in gave.doubts {
            self.validity.lower(ValidityLevel::Degraded, format!("{path}: {doubt}"));
        }
        let took = started.elapsed();
        self.bus.send(Event::Sampled(Sampled {
            step,
            round,
            attempt: self.bus.with(|record| next_attempt(record, step, round)),
            at: self.bus.at(started),
            seconds: took.as_secs_f64(),
            taints: gave.taints,
            records: gave.records,
        }));
        self.progress.spent(step, took, false);
        self.progress.took(step, round);
        if self.interrupted() {
            return self.finish(step, Outcome::Measured, Some(StopReason::Interrupted));
        }
        self.decide(step);
    }

    /// Measures once: a round of the probe, or nothing for a while.
    fn measure(&self, planned: &PlannedStep, shape: &StressShape, seed: u64) -> Result<Measure, ProbeError> {
        match &shape.measured {
            Measured::Nothing { hold } => {
                pause(self.settings, *hold)?;
                Ok(Measure { records: Vec::new(), taints: Vec::new(), notes: Vec::new() })
            }
            Measured::Probe { id, args, .. } => {
                let probe = self.settings.probe(id);
                let probe = probe
                    .ok_or_else(|| ProbeError::failed(format!("no probe `{id}` in this version of the engine")))?;
                let request = RoundRequest {
                    args: args.clone(),
                    // The same work quiet and stressed.
                    seed,
                    tiny: self.plan.profile == Profile::Tiny,
                    cores: self.settings.cores,
                    scratch: self.settings.scratch.clone(),
                    timeout: Duration::from_secs_f64(planned.timeout),
                };
                let result = self.settings.take(probe, &request, planned.isolate)?;
                Ok(Measure { records: result.records, taints: result.taints, notes: result.notes })
            }
            Measured::Load { .. } => Err(ProbeError::failed("a load is measured by its trials")),
        }
    }
}

/// A round whose measured thing is a load: each measurement is a trial with the same arrivals.
fn loaded(turns: &Turns<'_>, trials: &mut Trials<'_, '_>) -> Result<Gave, ProbeError> {
    trials.look()?;
    let mut notes = Vec::new();
    let mut failure = None;
    let round = turns.all(false, &mut |background| {
        if let Some(reason) = trials.over() {
            return Err(if turns.interrupted() { ProbeError::Cancelled } else { ProbeError::failed(reason) });
        }
        if background.is_none() {
            trials.drain().map_err(ProbeError::failed)?;
        }
        let name = background.map_or_else(|| engine_core::stress::QUIET.to_owned(), Background::describe);
        let ran = trials.run(trials.workload(), Some(&name))?;
        // That nobody answers under stress is a result; that nobody answers in the quiet is a failure.
        if let Some(found) = trials.failure(&ran).filter(|_| background.is_none()) {
            failure.get_or_insert(found);
        }
        notes.extend(Trials::notes(&ran, &name));
        Ok(Measure { records: ran.records, taints: Vec::new(), notes: Vec::new() })
    })?;
    notes.extend(round.notes);
    let doubts = round.doubts.into_iter().map(|doubt| (ValidityLevel::Degraded, doubt)).collect();
    Ok(Gave { records: round.records, notes, doubts, failure })
}

impl Turns<'_> {
    /// All turns of the round. `first` asks for a measurement at the front that is thrown away.
    fn all(
        &self,
        first: bool,
        measure: &mut dyn FnMut(Option<&Background>) -> Result<Measure, ProbeError>,
    ) -> Result<Round, ProbeError> {
        let mut figures = Figures::default();
        let mut round = Round { records: Vec::new(), taints: Vec::new(), notes: Vec::new(), doubts: Vec::new() };
        let mut lost: Vec<Lost> = Vec::new();
        if first && self.shape.measured.of().is_some() && self.bus.with(|run| run.header.plan.profile != Profile::Tiny)
        {
            measure(None)?;
        }
        let mut quiet_before = true;
        for turn in self.shape.turns(self.seed) {
            if self.interrupted() {
                return Err(ProbeError::Cancelled);
            }
            match turn {
                Turn::Quiet => {
                    if !quiet_before {
                        pause(self.settings, self.shape.settle)?;
                    }
                    quiet_before = true;
                    let took = measure(None)?;
                    self.kept(&mut round, &took, false);
                    figures.took(None, took.records);
                }
                Turn::Stressed(number) => {
                    quiet_before = false;
                    let Some(background) = self.shape.backgrounds.get(number) else { continue };
                    match self.stressed(background, number, measure)? {
                        Ok((took, did)) => {
                            self.kept(&mut round, &took, true);
                            if self.shape.measured.of().is_some() {
                                figures.took(Some(number), took.records);
                            }
                            figures.did(background, &did);
                        }
                        Err(why) => {
                            let text = format!("{}: not measured: {}", background.describe(), why.reason());
                            let level =
                                if matches!(why, Lost::Refused(..)) { NoteLevel::Info } else { NoteLevel::Warning };
                            if level == NoteLevel::Warning {
                                round.doubts.push(text.clone());
                            }
                            round.notes.push((level, text));
                            lost.push(why);
                        }
                    }
                }
            }
        }
        if !figures.any_stressed() {
            return Err(nothing(&lost));
        }
        round.records = figures.records(self.shape.measured.of(), &self.shape.backgrounds);
        Ok(round)
    }

    /// One measurement beside a background.
    fn stressed(
        &self,
        background: &Background,
        number: usize,
        measure: &mut dyn FnMut(Option<&Background>) -> Result<Measure, ProbeError>,
    ) -> Result<Result<(Measure, Vec<super::background::Did>), Lost>, ProbeError> {
        let ground = self.settings.stress.as_ref();
        let ground = ground.ok_or_else(|| {
            let reason = "stress needs a place to write down how it is undone, and there is none";
            ProbeError::Skip(Skip::new(SkipKind::Permission, reason, "set `HOME` or `XDG_STATE_HOME`"))
        })?;
        let seed = Stream::new(self.seed, &[STRESSORS, number as u64]).next_u64();
        let longest = self.planned.timeout + background.ramp() + self.shape.settle + BEYOND;
        let interrupted = || self.interrupted();
        let running = match Running::start(ground, background, longest, seed, &self.scratch, &interrupted)? {
            Ok(running) => running,
            Err(lost) => return Ok(Err(lost)),
        };
        pause(self.settings, self.shape.settle)?;
        let took = measure(Some(background));
        // A stressor's wrong result says more than that the measurement failed beside it.
        let did = running.stop()?;
        let took = match took {
            Ok(took) => took,
            Err(error) => return beside(error).map(Err),
        };
        Ok(did.map(|did| (took, did)))
    }

    /// Keeps taints and notes of a measurement. Beside a stressor only what no stressor does is a disturbance.
    fn kept(&self, round: &mut Round, took: &Measure, stressed: bool) {
        for taint in &took.taints {
            let foreign = matches!(taint, Taint::Steal { .. });
            if (foreign || !stressed)
                && !round.taints.iter().any(|known| std::mem::discriminant(known) == std::mem::discriminant(taint))
            {
                round.taints.push(*taint);
            }
        }
        round.notes.extend(took.notes.iter().map(|note| (NoteLevel::Info, note.clone())));
    }

    fn interrupted(&self) -> bool {
        self.settings.interrupt.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// What could not be measured beside a stressor, though it could in the quiet: there was no room left for it, or it took too
/// long. Anything else is an error of the step.
fn beside(error: ProbeError) -> Result<Lost, ProbeError> {
    match error {
        ProbeError::Skip(skip) => Ok(Lost::Refused(skip.kind, format!("beside it: {}", skip.reason))),
        ProbeError::Failed(failure) if matches!(failure.kind, FailureKind::Timeout | FailureKind::Crash) => {
            Ok(Lost::Ended(format!("beside it: {}", failure.message)))
        }
        other => Err(other),
    }
}

/// No background could be measured: a skip where all were refused.
fn nothing(lost: &[Lost]) -> ProbeError {
    let mut reasons: Vec<&str> = lost.iter().map(Lost::reason).collect();
    reasons.dedup();
    let text = format!("no background could be made: {}", reasons.join("; "));
    let kinds: Option<Vec<SkipKind>> =
        lost.iter().map(|lost| if let Lost::Refused(kind, _) = lost { Some(*kind) } else { None }).collect();
    match kinds.as_deref() {
        Some([kind, ..]) => ProbeError::Skip(Skip::new(*kind, text, "ask for less of it")),
        _ => ProbeError::failed(text),
    }
}

/// Waits in short naps, so that an interruption ends it.
fn pause(settings: &Settings<'_>, seconds: f64) -> Result<(), ProbeError> {
    let end = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0));
    while Instant::now() < end {
        if settings.interrupt.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(ProbeError::Cancelled);
        }
        std::thread::sleep(end.saturating_duration_since(Instant::now()).min(LOOK));
    }
    Ok(())
}
