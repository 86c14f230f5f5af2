//! Loads of one step, one after the other: what the search for a capacity and the sweep over levels have in common. The target
//! is started once, before the first; each trial is a load of its own, whose windows follow those of the one before.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine_core::arrivals::{Arrivals, Spacing};
use engine_core::event::{Event, NoteLevel, Sampled, StopReason};
use engine_core::load::{LoadWindow, metric_of};
use engine_core::measurement::Record;
use engine_core::plan::{PlannedStep, Work};
use engine_core::run::ValidityLevel;
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::{Failure, FailureKind, Outcome as StepOutcome};
use engine_core::stress::Measured;
use engine_load::model::{ArrivalPlan, UserPhase};
use engine_load::spec::{CatchUp, Iterations};
use engine_load::{Load, Runner as LoadRunner, Workload};
use engine_probes::ProbeError;
use engine_probes::harness::sentinel;
use engine_probes::host::watcher::Watch;
use engine_probes::host::witness::Witness;

use super::collector::{Collector, Due, Naming};
use super::drive::{Drive, Driven};
use super::reasons;
use super::records::Sums;
use super::watch::{Seen, Watching, wanted};
use crate::bus::Bus;
use crate::custom;
use crate::ending::next_attempt;
use crate::round::drift;
use crate::runner::{Runner, Settings};
use crate::target;

/// Key of the random streams of trials.
const TRIAL: u64 = 0x7472_6961_6c00_0001;

/// Users where nothing is said: so many seconds' worth of arrivals, within these bounds.
const WORTH: f64 = 5.0;
const USERS: (f64, f64) = (50.0, 10_000.0);

/// Iterations by which a target at rest is known, and how long they may take.
const LOOKS: u64 = 5;
const LOOK_SECONDS: f64 = 2.0;

/// How long a target may take to come to rest, beyond the grace of a trial.
const REST: Duration = Duration::from_secs(60);

/// What a whole step of trials gave.
#[derive(Debug, Default)]
pub(crate) struct Gave {
    pub(crate) records: Vec<Record>,
    pub(crate) notes: Vec<(NoteLevel, String)>,
    pub(crate) doubts: Vec<(ValidityLevel, String)>,
    pub(crate) failure: Option<Failure>,
}

/// The loads of a step.
pub(crate) struct Trials<'r, 's> {
    pub(crate) bus: &'r Bus,
    pub(crate) settings: &'r Settings<'s>,
    pub(crate) planned: &'r PlannedStep,
    pub(crate) round: u32,
    step: usize,
    load: Load,
    /// Ends with this value.
    target: Option<target::Started>,
    /// The processes and counters that are watched while a load runs that somebody looks at.
    watched: Vec<Watch>,
    seed: u64,
    started: Instant,
    deadline: Instant,
    made: u64,
    /// Longest response of the target when nothing else was going on, in seconds.
    rest: Option<f64>,
}

/// A load that runs, and what is needed to make records of it.
pub(crate) struct Running {
    pub(crate) drive: Drive,
    pub(crate) about: About,
}

/// See [`Running`].
pub(crate) struct About {
    /// When it began, in seconds since the step's start.
    shift: f64,
    plan: Option<ArrivalPlan>,
    naming: Naming,
    phases: Vec<(String, f64)>,
    host_before: usize,
    /// Users at the same time, at most.
    most: usize,
    watching: Watching,
}

/// A load that was run.
pub(crate) struct Ran {
    pub(crate) driven: Driven,
    /// The schedule of an open model.
    pub(crate) plan: Option<ArrivalPlan>,
    /// Users at the same time, at most.
    pub(crate) most: usize,
    /// Its own windows, from its own start.
    pub(crate) windows: Vec<LoadWindow>,
    pub(crate) records: Vec<Record>,
    /// What was seen of the watched processes, from its own start.
    pub(crate) seen: Seen,
}

impl<'r, 's> Runner<'r, 's, '_> {
    /// Takes a round of a step of trials, which `make` makes of the load number `index`.
    pub(crate) fn trials(
        &mut self,
        step: usize,
        round: u32,
        index: usize,
        make: &dyn Fn(&mut Trials<'r, 's>) -> Result<Gave, ProbeError>,
    ) {
        self.bus.send(Event::RoundStarted { step, round: Some(round) });
        let started = Instant::now();
        // The generator crowds the machine itself: pressure of its own making is no disturbance.
        let limits = self.settings.limits.for_own_io().for_own_crowd();
        let before = sentinel::beat();
        let mut witness = Witness::open();
        witness.start();
        let made = self.prepared(step, round, index).and_then(|(mut trials, records)| {
            let mut gave = make(&mut trials)?;
            gave.records.extend(records);
            Ok::<_, ProbeError>(gave)
        });
        let mut taints = witness.finish().taints(&limits);
        taints.extend(drift(&limits, &before, &sentinel::beat()));
        let gave = match made {
            // Interrupted before there was anything.
            Ok(gave) if gave.records.is_empty() && gave.failure.is_none() => {
                return self.fail(step, ProbeError::Cancelled);
            }
            Ok(gave) => gave,
            Err(error) => return self.fail(step, error),
        };
        let path = self.plan.steps[step].path();
        for (level, note) in gave.notes {
            self.bus.note(level, Some(path.clone()), note, None);
        }
        for (level, reason) in gave.doubts {
            self.validity.lower(level, format!("{path}: {reason}"));
        }
        self.bus.send(Event::Sampled(Sampled {
            step,
            round,
            attempt: self.bus.with(|record| next_attempt(record, step, round)),
            at: self.bus.at(started),
            seconds: started.elapsed().as_secs_f64(),
            taints,
            records: gave.records,
        }));
        self.progress.spent(step, started.elapsed(), false);
        self.progress.took(step, round);
        if let Some(failure) = gave.failure {
            return self.finish(step, StepOutcome::Failed(failure), None);
        }
        if self.settings.interrupt.load(Ordering::Relaxed) {
            return self.finish(step, StepOutcome::Measured, Some(StopReason::Interrupted));
        }
        self.decide(step);
    }

    /// The load as the scenario makes it, its target started; and what making it recorded.
    fn prepared(&mut self, step: usize, round: u32, index: usize) -> Result<(Trials<'r, 's>, Vec<Record>), ProbeError> {
        let (bus, settings, planned) = (self.bus, self.settings, &self.plan.steps[step]);
        let seed = self.seed(step, round);
        let mut made = None;
        let own = custom::take(bus, settings, planned, seed, |cx| {
            let script = self.script.as_deref_mut();
            let script = script.ok_or_else(|| ProbeError::failed("the scenario's script is not loaded"))?;
            made = Some(script.load(index, &planned.labels, cx)?);
            Ok(())
        })?;
        let request = made.ok_or_else(|| ProbeError::failed("the scenario gave no load"))?;
        let (load, target) = self.prepare(request.load.clone(), &request.at)?;
        let (watched, refused) = wanted(&request, &load, target.as_ref().map(|target| target.pid));
        if let Some(reason) = refused {
            bus.note(NoteLevel::Warning, Some(planned.path()), reason, None);
        }
        let started = Instant::now();
        let deadline = started + Duration::from_secs_f64(planned.timeout);
        let (made, rest) = (0, None);
        let trials =
            Trials { bus, settings, planned, round, step, load, target, watched, seed, started, deadline, made, rest };
        Ok((trials, own.records))
    }
}

impl Trials<'_, '_> {
    /// Arrivals at a rate; each trial has points of its own.
    pub(crate) fn arrivals(
        &self,
        rate: f64,
        seconds: f64,
        spacing: Spacing,
        max_users: Option<usize>,
    ) -> Result<Workload, Failure> {
        let model = match spacing {
            Spacing::Even => Arrivals::Constant { rate },
            Spacing::Poisson => Arrivals::Poisson { rate },
        };
        let seed = Stream::new(self.seed, &[TRIAL, self.made]).next_u64();
        let plan = ArrivalPlan::new("", &model, seconds, seed).map_err(|error| failed(error.to_string()))?;
        let usual = (rate * WORTH).clamp(USERS.0, USERS.1).ceil() as usize;
        Ok(Workload::Arrivals { plan, max_users: max_users.unwrap_or(usual), catch_up: CatchUp::Burst })
    }

    /// The load as it is written.
    pub(crate) fn workload(&self) -> Workload {
        self.load.workload.clone()
    }

    /// Why no more loads are begun: interrupted, out of time, or nobody is there any more.
    pub(crate) fn over(&self) -> Option<String> {
        if self.settings.interrupt.load(Ordering::Relaxed) {
            return Some("interrupted".to_owned());
        }
        if Instant::now() >= self.deadline {
            return Some(format!("the {:.0} s of the step are over", self.planned.timeout));
        }
        self.target.as_ref().and_then(target::Started::ended).map(|how| format!("the demo target died: {how}"))
    }

    /// Starts a load, and watches its processes where somebody looks at it.
    pub(crate) fn start(&mut self, workload: Workload, looked_at: bool) -> Result<Running, Failure> {
        let seed = Stream::new(self.seed, &[TRIAL, self.made, 1]).next_u64();
        let load = Load { workload, seed, ..self.load.clone() };
        self.made += 1;
        let phases: Vec<(String, f64)> = load.phase_ends().iter().map(|(name, end)| (name.to_string(), *end)).collect();
        let naming = Naming { journeys: load.journeys.len() > 1 };
        let plan = match &load.workload {
            Workload::Arrivals { plan, .. } => Some(plan.clone()),
            Workload::Users { .. } => None,
        };
        let most = load.most_users();
        let (sources, grace) = (load.threads.min(most), Duration::from_secs_f64(load.grace));
        let collector = Collector::new(self.step, self.round, sources, naming, phases.clone());
        let runner = LoadRunner::new(load).map_err(|error| failed(error.to_string()))?;
        let host_before = self.bus.with(|record| record.host.len());
        let shift = self.started.elapsed().as_secs_f64();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let (watching, unwatched) = Watching::start(if looked_at { self.watched.clone() } else { Vec::new() });
        if let Some(reason) = unwatched {
            self.bus.note(NoteLevel::Warning, Some(self.planned.path()), reason, None);
        }
        let drive = Drive::start(runner, collector, |_, _| None, left, grace)?;
        Ok(Running { drive, about: About { shift, plan, naming, phases, host_before, most, watching } })
    }

    /// Shows a window to whoever looks on, as one of the phase `name`.
    pub(crate) fn show(&self, window: &LoadWindow, about: &About, name: &str) {
        let mut shown = window.clone();
        shown.at += about.shift;
        name.clone_into(&mut shown.phase);
        self.bus.send(Event::Window(Box::new(shown)));
    }

    /// Runs a load to its end. Without a name nobody sees its windows.
    pub(crate) fn run(&mut self, workload: Workload, name: Option<&str>) -> Result<Ran, Failure> {
        let Running { drive, about } = self.start(workload, name.is_some())?;
        let mut windows = Vec::new();
        let driven = drive.finish(
            &mut |found, _| {
                if let Some(name) = name {
                    self.show(&found, &about, name);
                }
                windows.push(found);
                None
            },
            &|| self.settings.interrupt.load(Ordering::Relaxed),
        )?;
        Ok(self.ran(driven, about, windows))
    }

    /// A load that has ended, with its records.
    pub(crate) fn ran(&self, driven: Driven, about: About, windows: Vec<LoadWindow>) -> Ran {
        let About { shift: _, plan, naming, phases, host_before, most, watching } = about;
        let seen = watching.stop().until(driven.outcome.seconds);
        let outcome = &driven.outcome;
        let conservation = &outcome.conservation;
        let mark = Labels::new().with("driver", outcome.driver.name());
        let mut records = self.bus.with(|record| {
            let sums = Sums {
                rows: &outcome.totals.rows,
                naming,
                phases: &phases,
                warmup: 0.0,
                seconds: outcome.seconds,
                plan: plan.as_ref(),
                due: Due { scheduled: conservation.scheduled, dropped: conservation.dropped },
                under_way: false,
                windows: &windows,
                host: record.host.get(host_before..).unwrap_or_default(),
            };
            sums.records(mark.clone())
        });
        let health = &outcome.health;
        let busiest = health.cpu.iter().copied().fold(0.0, f64::max) / health.seconds.max(1e-9);
        for (id, value) in [
            ("generator.cpu", busiest),
            ("generator.memory", health.resident as f64),
            ("generator.connections", health.connections as f64),
        ] {
            records.extend(metric_of(id).map(|def| Record::value(def.metric(), mark.clone(), value)));
        }
        Ran { driven, plan, most, windows, records, seen }
    }

    /// Looks at the target before the first load: how long its answers take when nothing else goes on. Warms it up, too.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        let seen = self.alone(2 * LOOKS)?;
        self.rest = seen.iter().copied().reduce(f64::max);
        Ok(())
    }

    /// Waits until the target is at rest: what one user sees is what was seen before the first load.
    pub(crate) fn drain(&mut self) -> Result<(), String> {
        let Some(rest) = self.rest else { return Ok(()) };
        let since = Instant::now();
        loop {
            if let Some(reason) = self.over() {
                return Err(reason);
            }
            let seen = self.alone(LOOKS).map_err(|failure| failure.to_string())?;
            // The median: one answer of a target at rest may be slow by chance.
            let middle = (!seen.is_empty()).then(|| engine_core::stats::quantile::median(&seen));
            match middle {
                Some(middle) if middle > rest.mul_add(1.5, 1e-3) => {}
                _ => return Ok(()),
            }
            if since.elapsed() > REST {
                let (middle, rest) = (middle.unwrap_or(f64::NAN) * 1e3, rest * 1e3);
                return Err(format!(
                    "the target did not come to rest: alone its answers take {middle:.1} ms, {rest:.1} ms before"
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What one user sees who makes so many iterations alone, in seconds. Those of users who think first are none.
    fn alone(&mut self, iterations: u64) -> Result<Vec<f64>, Failure> {
        let workload = users(1.0, LOOK_SECONDS, Iterations::PerUser(iterations));
        let ran = self.run(workload, None)?;
        let requests = ran.driven.outcome.requests();
        let mut seen = Vec::new();
        for bucket in requests.response.buckets() {
            let seconds = bucket.high as f64 / 1e9;
            seen.extend(std::iter::repeat_n(seconds, usize::try_from(bucket.count).unwrap_or(0)));
        }
        Ok(seen)
    }

    /// The failure that a load shows: nobody was there, or the journey's own code is wrong.
    pub(crate) fn failure(&self, ran: &Ran) -> Option<Failure> {
        let target = match &self.planned.work {
            Work::Capacity { shape, .. } | Work::Scale { shape, .. } => &shape.target,
            Work::Stress { shape } => match &shape.measured {
                Measured::Load { shape, .. } => &shape.target,
                _ => "",
            },
            _ => "",
        };
        reasons::failure(&ran.driven.outcome, target, ran.driven.script_row)
    }

    /// The notes of a load: how it was made and what failed.
    pub(crate) fn notes(ran: &Ran, name: &str) -> Vec<(NoteLevel, String)> {
        let notes = reasons::notes(&ran.driven.outcome).into_iter();
        notes.map(|note| (NoteLevel::Info, format!("{name}: {note}"))).collect()
    }
}

/// So many users all the time.
pub(crate) fn users(users: f64, seconds: f64, iterations: Iterations) -> Workload {
    let phase = UserPhase { name: String::new(), from: users, to: users, duration: seconds };
    Workload::Users { phases: vec![phase], iterations, spread: 0.0 }
}

pub(crate) fn failed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Probe, message)
}
