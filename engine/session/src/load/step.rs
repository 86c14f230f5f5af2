//! One round of a load step, from the scenario's request to the stored records.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine_core::event::{Event, NoteLevel, Sampled, StopReason};
use engine_core::load::{LoadShape, WARM_UP};
use engine_core::measurement::Record;
use engine_core::plan::{PlannedStep, Work};
use engine_core::series::Labels;
use engine_core::step::{Failure, FailureKind, Outcome};
use engine_core::taint::Taint;
use engine_load::http::Url;
use engine_load::{Load, Runner as LoadRunner, Workload};
use engine_probes::ProbeError;
use engine_probes::harness::sentinel;
use engine_probes::host::watcher::Watch;
use engine_probes::host::witness::Witness;

use super::TargetAt;
use super::abort::Aborts;
use super::collector::{Collector, Due, Naming};
use super::drive::{Drive, Driven};
use super::reasons;
use super::records::Sums;
use super::watch::{self, Watching};
use crate::custom;
use crate::ending::next_attempt;
use crate::round::drift;
use crate::runner::Runner;
use crate::target;

/// What came of a round of a load.
struct Taken {
    records: Vec<Record>,
    taints: Vec<Taint>,
    took: Duration,
    driven: Driven,
    failure: Option<Failure>,
}

impl Runner<'_, '_, '_> {
    /// Takes one round of a load step. It is not taken again when it was disturbed: it is marked.
    pub(crate) fn load(&mut self, step: usize, round: u32) {
        self.bus.send(Event::RoundStarted { step, round: Some(round) });
        let started = Instant::now();
        let taken = match self.take_load(step, round) {
            Ok(taken) => taken,
            Err(error) => return self.fail(step, error),
        };
        let path = self.plan.steps[step].path();
        for note in reasons::notes(&taken.driven.outcome) {
            self.bus.note(NoteLevel::Info, Some(path.clone()), note, None);
        }
        for (level, reason) in reasons::doubts(&taken.driven.outcome) {
            self.validity.lower(level, format!("{path}: {reason}"));
        }
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
        if let Some(failure) = taken.failure {
            return self.finish(step, Outcome::Failed(failure), None);
        }
        if let Some(reason) = taken.driven.aborted {
            self.bus.note(NoteLevel::Warning, Some(path), format!("ended by @abort: {reason}"), None);
            self.aborted = true;
            return self.finish(step, Outcome::Measured, Some(StopReason::Aborted));
        }
        if taken.driven.interrupted {
            return self.finish(step, Outcome::Measured, Some(StopReason::Interrupted));
        }
        self.decide(step);
    }

    fn take_load(&mut self, step: usize, round: u32) -> Result<Taken, ProbeError> {
        let planned = &self.plan.steps[step];
        let Work::Load { index, shape } = &planned.work else { return Err(ProbeError::failed("the step is no load")) };
        let seed = self.seed(step, round);
        let mut made = None;
        let own = custom::take(self.bus, self.settings, planned, seed, |cx| {
            let script = self.script.as_deref_mut();
            let script = script.ok_or_else(|| ProbeError::failed("the scenario's script is not loaded"))?;
            made = Some(script.load(*index, &planned.labels, cx)?);
            Ok(())
        })?;
        let request = made.ok_or_else(|| ProbeError::failed("the scenario gave no load"))?;
        // Ended when this function ends, however it does.
        let (load, mut target) = self.prepare(request.load.clone(), &request.at)?;
        let (watched, refused) = watch::wanted(&request, &load, target.as_ref().map(|target| target.pid));
        if let Some(reason) = refused {
            self.bus.note(NoteLevel::Warning, Some(planned.path()), reason, None);
        }
        let round = Round { step, round, planned, shape, warmup: request.warmup, watched };
        let mut taken = self.drive(&round, load)?;
        if let Some(status) = target.as_mut().and_then(|target| target.ended()) {
            let message = format!("the demo target ended while the load ran ({status})");
            self.bus.note(NoteLevel::Warning, Some(planned.path()), message, None);
        }
        taken.records.extend(own.records);
        Ok(taken)
    }

    /// Gives the load its target; starts the demo target where it is one.
    pub(crate) fn prepare(&self, mut load: Load, at: &TargetAt) -> Result<(Load, Option<target::Started>), ProbeError> {
        let origin = |url: &str| -> Result<_, ProbeError> {
            let url = Url::parse(url).map_err(|error| ProbeError::failed(format!("the target: {error}")))?;
            if url.path == "/" {
                return Ok(url.origin);
            }
            let path = &url.path;
            Err(ProbeError::failed(format!("the target has the path `{path}`: paths belong to the journey's requests")))
        };
        match at {
            TargetAt::None => Ok((load, None)),
            TargetAt::Url(url) => {
                load.target = Some(origin(url)?);
                Ok((load, None))
            }
            TargetAt::Demo(settings) => {
                let program = self.settings.isolate.as_ref().and_then(|command| command.first());
                let program = program.ok_or_else(|| ProbeError::failed("there is no program for a demo target"))?;
                let started = target::start(&[program.clone(), "target".to_owned()], settings)
                    .map_err(|error| ProbeError::failed(format!("the demo target does not start: {error}")))?;
                load.target = Some(origin(&started.url)?);
                Ok((load, Some(started)))
            }
        }
    }

    /// Runs the load and makes records of what it gives.
    fn drive(&self, round: &Round<'_>, mut load: Load) -> Result<Taken, ProbeError> {
        let (step, planned) = (round.step, round.planned);
        let warmup = round.warmup.clamp(0.0, load.duration());
        load.workload.set_apart(warmup, WARM_UP);
        let phases: Vec<(String, f64)> = load.phase_ends().iter().map(|(name, end)| (name.to_string(), *end)).collect();
        let naming = Naming { journeys: load.journeys.len() > 1 };
        let plan = match &load.workload {
            Workload::Arrivals { plan, .. } => Some(plan.clone()),
            Workload::Users { .. } => None,
        };
        let grace = Duration::from_secs_f64(load.grace);
        let sources = load.threads.min(load.most_users());
        let mut aborts = self.bus.with(|record| Aborts::of(self.plan, &record.steps[step], round.round));
        let mut collector = Collector::new(step, round.round, sources, naming, phases.clone()).without(warmup);
        collector.totals = aborts.need_sums().then(Default::default);
        let runner = LoadRunner::new(load).map_err(|error| ProbeError::failed(error.to_string()))?;

        let so_far = {
            let (phases, plan) = (phases.clone(), plan.clone());
            move |collector: &Collector, seconds: f64| {
                let totals = collector.totals.as_ref()?;
                let sums = Sums {
                    rows: &totals.rows,
                    naming,
                    phases: &phases,
                    warmup,
                    seconds,
                    plan: plan.as_ref(),
                    due: Due::default(),
                    under_way: true,
                    windows: &[],
                    host: &[],
                };
                Some(sums.records(Labels::new()))
            }
        };
        // The generator crowds the machine itself: pressure of its own making is no disturbance.
        let limits = self.settings.limits.for_own_io().for_own_crowd();
        let before = sentinel::beat();
        let host_before = self.bus.with(|record| record.host.len());
        let mut witness = Witness::open();
        witness.start();
        let (watching, unwatched) = Watching::start(round.watched.clone());
        let started = Instant::now();
        let timeout = Duration::from_secs_f64(planned.timeout);
        let driven = Drive::start(runner, collector, so_far, timeout, grace)?.finish(
            &mut |found, sums| {
                aborts.take(&found);
                self.bus.send(Event::Window(Box::new(found)));
                if aborts.is_empty() {
                    return None;
                }
                self.bus.with(|record| aborts.broken(record, step, sums.unwrap_or_default()))
            },
            &|| self.settings.interrupt.load(Ordering::Relaxed),
        )?;
        let took = started.elapsed();
        let mut taints = witness.finish().taints(&limits);
        taints.extend(drift(&limits, &before, &sentinel::beat()));

        let outcome = &driven.outcome;
        let health = &outcome.health;
        let conservation = &outcome.conservation;
        let mark = Labels::new().with("driver", outcome.driver.name());
        let seen = watching.stop();
        self.bus.gather();
        let (mut records, own, unread) = self.bus.with(|record| {
            let windows = record.steps[step].windows_of(round.round);
            let sums = Sums {
                rows: &outcome.totals.rows,
                naming,
                phases: &phases,
                warmup,
                seconds: outcome.seconds,
                plan: plan.as_ref(),
                due: Due {
                    scheduled: conservation.scheduled.saturating_sub(driven.before.scheduled),
                    dropped: conservation.dropped.saturating_sub(driven.before.dropped),
                },
                under_way: false,
                windows,
                host: record.host.get(host_before..).unwrap_or_default(),
            };
            let (own, unread) = seen.records(warmup, &mark, windows);
            (sums.records(mark.clone()), own, unread)
        });
        records.extend(own);
        for reason in unwatched.into_iter().chain(unread) {
            self.bus.note(NoteLevel::Warning, Some(planned.path()), reason, None);
        }
        let busiest = health.cpu.iter().copied().fold(0.0, f64::max) / health.seconds.max(1e-9);
        let efficiency = engine_core::usage::requests_per_cpu_second(conservation.ok, health.cpu.iter().sum());
        if let (Some(value), Some(def)) =
            (efficiency, engine_core::load::metric_of("generator.requests_per_cpu_second"))
        {
            records.push(Record::value(def.metric(), mark.clone(), value));
        }
        for (id, value) in [
            ("generator.cpu", busiest),
            ("generator.memory", health.resident as f64),
            ("generator.connections", health.connections as f64),
        ] {
            if let Some(def) = engine_core::load::metric_of(id) {
                records.push(Record::value(def.metric(), mark.clone(), value));
            }
        }
        let failure = if driven.late {
            let message = format!(
                "the load did not end within its time-out of {:.0} s: raise `timeout` or lower `grace`",
                planned.timeout
            );
            Some(Failure::new(FailureKind::Timeout, message))
        } else {
            reasons::failure(outcome, &round.shape.target, driven.script_row)
        };
        Ok(Taken { records, taints, took, driven, failure })
    }
}

/// What a round needs to know.
struct Round<'a> {
    step: usize,
    round: u32,
    planned: &'a PlannedStep,
    shape: &'a LoadShape,
    warmup: f64,
    watched: Vec<Watch>,
}
