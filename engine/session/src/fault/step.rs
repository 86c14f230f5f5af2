//! One repetition of a fault, from the scenario's request to the stored records.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine_core::event::{Event, NoteLevel, Sampled, StopReason};
use engine_core::fault::{DataCheck, FaultRecord, FaultShape, Mark, Recovery};
use engine_core::load::metric_of;
use engine_core::measurement::Record;
use engine_core::plan::{PlannedStep, Work};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use engine_core::taint::Taint;
use engine_faults::service::{Happened, Service, What};
use engine_load::http::Url;
use engine_load::{Load, Runner as LoadRunner, Workload};
use engine_probes::ProbeError;
use engine_probes::harness::sentinel;
use engine_probes::host::witness::Witness;

use super::act::{Acted, act};
use super::figures;
use super::scene::{Scene, Who, of_fault};
use crate::custom;
use crate::ending::next_attempt;
use crate::load::LoadRequest;
use crate::load::parts::{Collector, Drive, Driven, Due, Naming, Sums, Watching, doubts, notes, wanted};
use crate::round::drift;
use crate::runner::Runner;

/// What came of a repetition.
struct Taken {
    record: FaultRecord,
    records: Vec<Record>,
    taints: Vec<Taint>,
    took: Duration,
    driven: Driven,
    /// See [`Acted`].
    hits: Option<(u64, u64)>,
    notes: Vec<(NoteLevel, String)>,
}

impl Runner<'_, '_, '_> {
    /// Takes one repetition of a fault. It is not taken again when it was disturbed: it is marked.
    pub(crate) fn fault(&mut self, step: usize, round: u32) {
        self.bus.send(Event::RoundStarted { step, round: Some(round) });
        let started = Instant::now();
        let taken = match self.take_fault(step, round) {
            Ok(taken) => taken,
            Err(error) => return self.fail(step, error),
        };
        let path = self.plan.steps[step].path();
        let said = notes(&taken.driven.outcome).into_iter().map(|note| (NoteLevel::Info, note));
        for (level, note) in taken.notes.into_iter().chain(said) {
            self.bus.note(level, Some(path.clone()), note, None);
        }
        for (level, reason) in doubts(&taken.driven.outcome) {
            self.validity.lower(level, format!("{path}: {reason}"));
        }
        self.bus.send(Event::Fault(Box::new(taken.record)));
        self.bus.send(Event::Sampled(Sampled {
            step,
            round,
            attempt: self.bus.with(|record| next_attempt(record, step, round)),
            at: self.bus.at(started),
            seconds: taken.took.as_secs_f64(),
            taints: taken.taints,
            records: taken.records,
        }));
        self.progress.spent(step, taken.took, false);
        self.progress.took(step, round);
        if taken.driven.interrupted {
            return self.finish(step, Outcome::Measured, Some(StopReason::Interrupted));
        }
        self.decide(step);
    }

    fn take_fault(&mut self, step: usize, round: u32) -> Result<Taken, ProbeError> {
        let (bus, settings, planned) = (self.bus, self.settings, &self.plan.steps[step]);
        let Work::Fault { index, fault, .. } = &planned.work else {
            return Err(ProbeError::failed("the step is no fault"));
        };
        let setup = settings.faults.as_ref();
        let setup = setup.ok_or_else(|| ProbeError::failed("there is no place for an undo journal"))?;
        let seed = self.seed(step, round);
        let mut made = None;
        let own = custom::take(bus, settings, planned, seed, |cx| {
            let script = self.script.as_deref_mut();
            let script = script.ok_or_else(|| ProbeError::failed("the scenario's script is not loaded"))?;
            made = Some(script.load(*index, &planned.labels, cx)?);
            Ok(())
        })?;
        let request = made.ok_or_else(|| ProbeError::failed("the scenario gave no load"))?;
        // Ends with this function, however that ends: victim, proxy and fault.
        let scene = Scene::start(setup, fault, &settings.scratch, seed)?;
        let load = self.aimed(&request, &scene, fault)?;
        let target = load.target.clone();
        let mut taken = self.attack(step, round, planned, fault, &request, load, &scene)?;
        if fault.verify && !taken.driven.interrupted {
            let data = self.verified(planned, *index, fault, &scene, target.map(|origin| origin.to_string()), seed)?;
            taken.record.data = Some(data);
        }
        let restarts = match &scene.who {
            Who::Ours(service) => started(service).saturating_sub(1),
            Who::Foreign(_) => 0,
        };
        let mark = Labels::new().with("driver", taken.driven.outcome.driver.name());
        let figures = figures::records(&taken.record, restarts, taken.hits, &mark);
        taken.records.splice(0..0, figures);
        taken.records.extend(own.records);
        Ok(taken)
    }

    /// The load with its target, cut into windows.
    fn aimed(&self, request: &LoadRequest, scene: &Scene, fault: &FaultShape) -> Result<Load, ProbeError> {
        let mut load = match scene.address() {
            None => self.prepare(request.load.clone(), &request.at)?.0,
            Some(address) => {
                let url = Url::parse(&format!("http://{address}"));
                let url = url.map_err(|error| ProbeError::failed(format!("the victim's address: {error}")))?;
                Load { target: Some(url.origin), ..request.load.clone() }
            }
        };
        match &mut load.workload {
            Workload::Arrivals { plan, .. } => plan.cut(fault.window),
            Workload::Users { .. } => return Err(ProbeError::failed("a fault needs arrivals, in an open loop")),
        }
        Ok(load)
    }

    /// Load and fault side by side.
    #[expect(clippy::too_many_arguments, reason = "what a round is made of")]
    fn attack(
        &self,
        step: usize,
        round: u32,
        planned: &PlannedStep,
        fault: &FaultShape,
        request: &LoadRequest,
        load: Load,
        scene: &Scene,
    ) -> Result<Taken, ProbeError> {
        let naming = Naming { journeys: load.journeys.len() > 1 };
        let plan = match &load.workload {
            Workload::Arrivals { plan, .. } => Some(plan.clone()),
            Workload::Users { .. } => None,
        };
        let phases = figures::phases(fault);
        let grace = Duration::from_secs_f64(load.grace);
        let sources = load.threads.min(load.most_users());
        let (watched, refused) = wanted(request, &load, None);
        let collector = Collector::new(step, round, sources, naming, phases.clone()).without(fault.warmup);
        let runner = LoadRunner::new(load).map_err(|error| ProbeError::failed(error.to_string()))?;
        let stopper = runner.stopper();
        // The generator crowds the machine itself, and so may the fault: pressure of its own making is no disturbance.
        let limits = self.settings.limits.for_own_io().for_own_crowd();
        let before = sentinel::beat();
        let host_before = self.bus.with(|record| record.host.len());
        let mut witness = Witness::open();
        witness.start();
        let (watching, unwatched) = Watching::start(watched);
        let started = Instant::now();
        let over = AtomicBool::new(false);
        let (driven, acted) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| act(scene, fault, &stopper, &over));
            let timeout = Duration::from_secs_f64(planned.timeout);
            let drive = Drive::start(runner, collector, |_, _| None, timeout, grace);
            let driven = drive.and_then(|drive| {
                drive.finish(
                    &mut |found, _| {
                        self.bus.send(Event::Window(Box::new(found)));
                        None
                    },
                    &|| self.settings.interrupt.load(Ordering::Relaxed),
                )
            });
            over.store(true, Ordering::Relaxed);
            (driven, beside.join().unwrap_or_default())
        });
        let driven = driven?;
        let took = started.elapsed();
        let mut taints = witness.finish().taints(&limits);
        taints.extend(drift(&limits, &before, &sentinel::beat()));
        let mut said: Vec<(NoteLevel, String)> = Vec::new();
        let Acted { injected, removed, mechanism, passed_over, hits, error } = acted;
        match error {
            // What could not be put right is told; the janitor goes on trying.
            Some(error) if injected.is_some() => said.push((NoteLevel::Warning, format!("the fault stays: {error}"))),
            Some(error) => return Err(of_fault(error)),
            None => {}
        }
        let offset = stopper.elapsed().map(|now| (Instant::now(), now));
        let outcome = &driven.outcome;
        let windows = figures::windows(&outcome.totals.rows, fault);
        let recovery = match (injected, removed) {
            (Some(injected), Some(removed)) if !driven.interrupted => {
                (self.settings.recovery)(&windows, injected, removed, &fault.criteria)
            }
            _ => Recovery::Inconclusive { reason: "the run was interrupted".to_owned() },
        };
        let mark = Labels::new().with("driver", outcome.driver.name());
        self.bus.gather();
        let mut records = self.bus.with(|record| {
            let conservation = &outcome.conservation;
            let sums = Sums {
                rows: &figures::banded(&outcome.totals.rows, fault),
                naming,
                phases: &phases,
                warmup: fault.warmup,
                seconds: outcome.seconds,
                plan: plan.as_ref(),
                due: Due {
                    scheduled: conservation.scheduled.saturating_sub(driven.before.scheduled),
                    dropped: conservation.dropped.saturating_sub(driven.before.dropped),
                },
                under_way: false,
                windows: record.steps[step].windows_of(round),
                host: record.host.get(host_before..).unwrap_or_default(),
            };
            sums.records(mark.clone())
        });
        let health = &outcome.health;
        let busiest = health.cpu.iter().copied().fold(0.0, f64::max) / health.seconds.max(1e-9);
        for (id, value) in [("generator.cpu", busiest), ("generator.memory", health.resident as f64)] {
            records.extend(metric_of(id).map(|def| Record::value(def.metric(), mark.clone(), value)));
        }
        let (own, unread) = watching.stop().records(fault.warmup, &mark, &[]);
        records.extend(own);
        said.extend(unwatched.into_iter().chain(unread).chain(refused).map(|note| (NoteLevel::Warning, note)));
        let mut marks = marks(injected, removed, &mechanism, hits, &recovery);
        if let (Who::Ours(service), Some((instant, now))) = (&scene.who, offset) {
            marks.extend(lives(service, instant, now));
        }
        marks.sort_by(|one, next| one.at.total_cmp(&next.at));
        let record = FaultRecord { step, round, mechanism, passed_over, marks, recovery, data: None };
        if record.verdict() != engine_core::fault::FaultVerdict::Recovered
            && let Who::Ours(service) = &scene.who
            && let Some(victim) = service.victim()
        {
            let text = victim.output().text();
            let last: Vec<&str> = text.lines().rev().take(3).collect();
            if !last.is_empty() {
                let last: Vec<&str> = last.into_iter().rev().collect();
                said.push((NoteLevel::Info, format!("the victim printed last: {}", last.join(" | "))));
            }
        }
        Ok(Taken { record, records, taints, took, driven, hits, notes: said })
    }

    /// Asks the victim for everything that it acknowledged.
    fn verified(
        &mut self,
        planned: &PlannedStep,
        index: usize,
        fault: &FaultShape,
        scene: &Scene,
        target: Option<String>,
        seed: u64,
    ) -> Result<DataCheck, ProbeError> {
        if let Who::Ours(service) = &scene.who {
            // It may still be on its way up.
            let deadline = Instant::now() + Duration::from_secs_f64(fault.within.max(fault.victim.within));
            while !is_ready(&service.happened()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let target = target.unwrap_or_default();
        let mut data = DataCheck::default();
        custom::take(self.bus, self.settings, planned, seed, |cx| {
            if let Some(script) = self.script.as_deref_mut() {
                data = script.verify(index, &planned.labels, &target, cx)?;
            }
            Ok(())
        })?;
        Ok(data)
    }
}

/// How often a service was started.
fn started(service: &Service) -> u64 {
    service.happened().iter().filter(|happened| happened.what == What::Started).count() as u64
}

/// Whether the last that is known of a service is that it is ready.
fn is_ready(happened: &[Happened]) -> bool {
    happened.last().is_some_and(|last| last.what == What::Ready)
}

/// What happened to the service itself, by the load's clock: at `instant` that said `now`.
fn lives(service: &Service, instant: Instant, now: f64) -> Vec<Mark> {
    let since = instant.duration_since(service.began()).as_secs_f64();
    let mark = |happened: &Happened| {
        let what = match &happened.what {
            What::Started => "started".to_owned(),
            What::Ready => "ready".to_owned(),
            What::Ended(how) => how.to_string(),
            What::Failed(why) => format!("not started: {why}"),
        };
        Mark { at: now - since + happened.at.as_secs_f64(), what: format!("victim: {what}") }
    };
    // Its first start is before the load.
    service.happened().iter().map(mark).filter(|mark| mark.at >= 0.0).collect()
}

/// The moments of the fault itself.
fn marks(
    injected: Option<f64>,
    removed: Option<f64>,
    mechanism: &str,
    hits: Option<(u64, u64)>,
    recovery: &Recovery,
) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut put = |at: Option<f64>, what: String| marks.extend(at.map(|at| Mark { at, what }));
    put(injected, format!("fault: {mechanism}"));
    let of = hits.map_or_else(String::new, |(met, hit)| format!("; of {met} messages or connections it hit {hit}"));
    put(removed.filter(|removed| Some(*removed) != injected), format!("fault removed{of}"));
    if let Recovery::Seen(seen) = recovery {
        put(injected.zip(seen.detect).map(|(at, after)| at + after), "first window that is not well".to_owned());
        put(removed.zip(seen.recover).map(|(at, after)| at + after), "well again".to_owned());
    }
    marks
}
