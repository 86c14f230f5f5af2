//! The run itself: rounds are the outer loop, steps the inner one, in a random order of each round.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine_core::event::{Event, NoteLevel, Sampled, StopReason};
use engine_core::host_sample::HostSample;
use engine_core::judgement::Judged;
use engine_core::load::{Fitted, Scaling};
use engine_core::plan::{PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::probe::RoundProcess;
use engine_core::run::{RunHeader, RunRecord, RunState, Validity};
use engine_core::stats::rng::Stream;
use engine_core::step::{Failure, FailureKind, Outcome, Skip, SkipKind};
use engine_core::taint::Limits;
use engine_probes::host::monitor::Monitor;
use engine_probes::{Probe, ProbeError};

use crate::bus::{Bus, Sink};
use crate::custom;
use crate::ending::{aborted, finish_step, interrupted, narrow, next_attempt, reopen, verdict};
use crate::fault::{Analyse, Faults};
use crate::groups::{Window, own_steps};
use crate::isolate::take_in_child;
use crate::progress::{Progress, is_warm_up};
use crate::round::{RoundRequest, RoundResult, take};
use crate::scripted::Scripted;

/// Looks at a reading of the monitor and says what there is to say.
pub type Watcher = Box<dyn FnMut(&HostSample) -> Option<String> + Send>;

/// What a run needs beside its plan.
pub struct Settings<'a> {
    /// All probes.
    pub registry: &'static [&'static Probe],
    /// Folder for test files; each step gets it empty.
    pub scratch: PathBuf,
    /// Threads that may be used at once.
    pub cores: usize,
    /// Set from outside to end the run gracefully.
    pub interrupt: Arc<AtomicBool>,
    /// From where on a round counts as tainted.
    pub limits: Limits,
    /// How often a tainted round is taken again.
    pub retakes: u32,
    /// Program and arguments of the child for isolated rounds; without it they run in this process, and a note says so.
    pub isolate: Option<Vec<String>>,
    /// Period of the system monitor; none switches it off.
    pub monitor: Option<Duration>,
    /// What is said about a reading of the monitor, if anything.
    pub watch: Option<Watcher>,
    /// Takes the machine's state at the end of the run.
    pub after: &'a dyn Fn() -> Option<engine_core::environment::Environment>,
    /// Where stressors may be started; without it a step that wants one fails.
    pub stress: Option<crate::stress::Ground>,
    /// Fits a law to what a sweep over users or rates measured.
    pub scaling: &'a dyn Fn(&Scaling) -> Fitted,
    /// What faults need; without it they fail.
    pub faults: Option<Faults>,
    /// Analyses the windows around a fault.
    pub recovery: Analyse<'a>,
    /// Judges the expectations.
    pub judge: &'a dyn Fn(&RunRecord) -> Vec<Judged>,
}

impl std::fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("scratch", &self.scratch).field("cores", &self.cores).finish_non_exhaustive()
    }
}

impl Settings<'_> {
    /// A probe by id.
    #[must_use]
    pub fn probe(&self, id: &str) -> Option<&'static Probe> {
        self.registry.iter().copied().find(|probe| probe.info.id == id)
    }

    /// Takes one round of a probe: in a fresh child where the step or the probe asks for one and there is a program to
    /// start, else in this process.
    pub(crate) fn take(
        &self,
        probe: &'static Probe,
        request: &RoundRequest,
        isolate: bool,
    ) -> Result<RoundResult, ProbeError> {
        match &self.isolate {
            Some(command) if isolate || probe.info.process == RoundProcess::Child => {
                take_in_child(command, probe, request, &self.limits, &self.interrupt)
            }
            _ => take(probe, request, &self.limits, &self.interrupt),
        }
    }
}

/// Runs a plan to its end and returns the record, which the sinks have seen grow.
pub fn run(
    mut header: RunHeader,
    settings: Settings<'_>,
    script: Option<&mut dyn Scripted>,
    sinks: Vec<Box<dyn Sink>>,
) -> RunRecord {
    if header.plan.finish {
        header.plan.steps.push(finish_step());
    }
    resume(RunRecord::new(header), settings, script, sinks)
}

/// Goes on with a run from its stored record: rounds that are there are not taken again, steps that an interruption
/// ended go on.
pub fn resume(
    mut record: RunRecord,
    mut settings: Settings<'_>,
    script: Option<&mut dyn Scripted>,
    sinks: Vec<Box<dyn Sink>>,
) -> RunRecord {
    reopen(&mut record);
    record.state = RunState::Running;
    let header = record.header.clone();
    let again = (record.sequence > 0).then_some(record.duration);
    let bus = Bus::new(record, sinks, &settings.scratch);
    bus.send(Event::RunStarted(Box::new(header.clone())));
    if let Some(seconds) = again {
        bus.note(NoteLevel::Info, None, format!("interrupted after {seconds:.0} s, and resumed"), None);
    }
    let monitor = settings.monitor.and_then(|period| {
        let bus = bus.clone();
        let mut watch = settings.watch.take();
        let own = bus.clone();
        let send = move |sample| {
            let warning = watch.as_mut().and_then(|watch| watch(&sample));
            own.send(Event::Host(sample));
            if let Some(warning) = warning {
                own.note(NoteLevel::Warning, None, warning, None);
            }
        };
        let started = Monitor::start(period, Box::new(send));
        if let Err(error) = &started {
            bus.note(NoteLevel::Warning, None, format!("no system monitor: {error}"), None);
        }
        started.ok()
    });

    let mut runner = Runner::new(&bus, &settings, script, &header.plan);
    runner.everything();
    let doubts = runner.validity;

    if let Some(monitor) = monitor {
        let summary = monitor.stop();
        let share = summary.share * 100.0;
        bus.note(
            NoteLevel::Info,
            None,
            format!("the system monitor took {} samples and {share:.2} % of one CPU", summary.samples),
            None,
        );
    }
    bus.send(Event::Judged(bus.with(|record| (settings.judge)(record))));
    let (state, validity) = bus.with(|record| verdict(record, doubts, settings.interrupt.load(Ordering::Relaxed)));
    bus.send(Event::RunFinished { state, validity, after: (settings.after)().map(Box::new) });
    bus.with(Clone::clone)
}

pub(crate) struct Runner<'r, 's, 'x> {
    pub(crate) bus: &'r Bus,
    pub(crate) settings: &'r Settings<'s>,
    pub(crate) script: Option<&'r mut (dyn Scripted + 'x)>,
    pub(crate) plan: &'r engine_core::plan::Plan,
    pub(crate) progress: Progress,
    /// What speaks against the run's numbers so far.
    pub(crate) validity: Validity,
    /// Whether an expectation with `@abort` was broken; it ends its part, and a run without parts.
    pub(crate) aborted: bool,
    /// The part that runs, where it has a share of the time.
    pub(crate) part: Option<Window>,
}

impl<'r, 's, 'x> Runner<'r, 's, 'x> {
    fn new(
        bus: &'r Bus,
        settings: &'r Settings<'s>,
        script: Option<&'r mut (dyn Scripted + 'x)>,
        plan: &'r engine_core::plan::Plan,
    ) -> Self {
        let progress = Progress::of(bus);
        Self { bus, settings, script, plan, progress, validity: Validity::default(), aborted: false, part: None }
    }
}

impl Runner<'_, '_, '_> {
    fn everything(&mut self) {
        let groups = self.plan.groups();
        let all: Vec<usize> = (0..self.plan.steps.len()).collect();
        let own = if self.plan.parts.is_empty() { all.as_slice() } else { own_steps(&groups) };
        self.set_up("setup", own, |script, cx| script.setup(cx));
        self.rounds();
        if self.plan.teardown
            && let Err(error) = self.script_hook("teardown", |script, cx| script.teardown(cx))
        {
            self.bus.note(NoteLevel::Warning, None, format!("teardown failed: {error}"), None);
        }
        self.finale();
    }

    /// One round of one step, with its warm-up before the first and its retakes.
    pub(crate) fn one(&mut self, step: usize, round: u32) {
        if self.progress.start(step) {
            self.bus.send(Event::StepStarted { step });
            if let Warmup::Rounds(count) = self.plan.steps[step].warmup {
                for _ in 0..count {
                    self.bus.send(Event::RoundStarted { step, round: None });
                    if let Err(error) = self.take(step, round) {
                        self.fail(step, error);
                        return;
                    }
                }
            }
        }
        match self.plan.steps[step].work {
            Work::Load { .. } => return self.load(step, round),
            Work::Capacity { .. } => return self.capacity(step, round),
            Work::Scale { .. } => return self.scale(step, round),
            Work::Stress { .. } => return self.stress(step, round),
            Work::Fault { .. } => return self.fault(step, round),
            _ => {}
        }
        if !self.attempts(step, round) {
            return;
        }
        self.progress.took(step, round);
        self.decide(step);
    }

    /// Takes a round until it is clean or the retakes are used up. False when the step ended.
    fn attempts(&mut self, step: usize, round: u32) -> bool {
        for attempt in self.bus.with(|record| next_attempt(record, step, round)).. {
            self.bus.send(Event::RoundStarted { step, round: Some(round) });
            let started = Instant::now();
            let result = match self.take(step, round) {
                Ok(result) => result,
                Err(error) => {
                    self.fail(step, error);
                    return false;
                }
            };
            let clean = result.taints.is_empty();
            for note in result.notes {
                self.bus.note(NoteLevel::Info, Some(self.plan.steps[step].path()), note, None);
            }
            self.bus.send(Event::Sampled(Sampled {
                step,
                round,
                attempt,
                at: self.bus.at(started),
                seconds: result.took.as_secs_f64(),
                taints: result.taints,
                records: result.records,
            }));
            let again = !clean
                && self.plan.profile != Profile::Tiny
                && attempt < self.settings.retakes
                && self.progress.may_retake(step, self.plan.steps[step].rounds)
                && !self.interrupted()
                && !self.out_of_budget(step, true);
            self.progress.spent(step, result.took, attempt > 0);
            if !again {
                return true;
            }
        }
        true
    }

    /// Takes one round of whatever the step does.
    fn take(&mut self, step: usize, round: u32) -> Result<RoundResult, ProbeError> {
        let planned = &self.plan.steps[step];
        let seed = self.seed(step, round);
        match &planned.work {
            Work::Probe { id, args } => {
                let probe = self
                    .settings
                    .probe(id)
                    .ok_or_else(|| ProbeError::failed(format!("no probe `{id}` in this version of the engine")))?;
                let request = RoundRequest {
                    args: args.clone(),
                    seed,
                    tiny: self.plan.profile == Profile::Tiny,
                    cores: self.settings.cores,
                    scratch: self.settings.scratch.clone(),
                    timeout: Duration::from_secs_f64(planned.timeout),
                };
                self.settings.take(probe, &request, planned.isolate)
            }
            Work::Custom { index, .. } => {
                let (index, labels) = (*index, planned.labels.clone());
                custom::take(self.bus, self.settings, planned, seed, |cx| match self.script.as_deref_mut() {
                    Some(script) => script.custom(index, &labels, cx),
                    None => Err(ProbeError::failed("the scenario's script is not loaded")),
                })
            }
            Work::Load { .. }
            | Work::Capacity { .. }
            | Work::Scale { .. }
            | Work::Stress { .. }
            | Work::Fault { .. } => Err(ProbeError::failed("the step takes its rounds by itself")),
            Work::Finish => Err(ProbeError::failed("`finish` runs after all rounds")),
        }
    }

    /// The same for every attempt: a round that is taken again does the same work.
    pub(crate) fn seed(&self, step: usize, round: u32) -> u64 {
        Stream::new(self.plan.seed, &[0x726f_756e_6400, step as u64, u64::from(round)]).next_u64()
    }

    /// Whether the step is done after this round, and whether its first round was warm-up.
    pub(crate) fn decide(&mut self, step: usize) {
        let planned = &self.plan.steps[step];
        let taken = self.progress.taken(step);
        let enough = match planned.rounds {
            Rounds::Exact(rounds) => (taken >= rounds).then_some(StopReason::Done),
            Rounds::Adaptive { min, max, until } => {
                let narrow = taken >= min && self.bus.with(|record| narrow(record, step, until));
                if narrow { Some(StopReason::Narrow) } else { (taken >= max).then_some(StopReason::Done) }
            }
        };
        // Where rounds are taken until the time is used up, nobody knows which is the last.
        let look = enough.is_some() || (self.plan.spends && taken >= SETTLED);
        let detect = !planned.is_load() && planned.warmup == Warmup::Detect && self.plan.profile != Profile::Tiny;
        if look && detect && self.progress.warm_up_once(step) && self.bus.with(|record| is_warm_up(record, step)) {
            let message = "the first round was still warming up: it was taken again".to_owned();
            self.bus.note(NoteLevel::Info, Some(planned.path()), message, None);
            if !self.attempts(step, 0) {
                return;
            }
        }
        if let Some(stop) = enough {
            self.finish(step, Outcome::Measured, Some(stop));
        }
    }

    /// Runs `finish` with all results.
    fn finale(&mut self) {
        let Some(step) = self.plan.steps.iter().position(|step| step.work == Work::Finish) else { return };
        let measured = self.bus.with(|record| record.steps.iter().any(|step| !step.measurements.is_empty()));
        if !measured {
            self.finish(step, Outcome::Skipped(Skip::new(SkipKind::Interrupted, "no step has results", "")), None);
            return;
        }
        self.bus.send(Event::StepStarted { step });
        let record = self.bus.with(Clone::clone);
        let planned = &self.plan.steps[step];
        let result = custom::take(self.bus, self.settings, planned, 0, |cx| match self.script.as_deref_mut() {
            Some(script) => script.finish(&record, cx),
            None => Ok(()),
        });
        match result {
            Ok(result) => {
                // A run that was interrupted and resumed may have finished before.
                let attempt = self.bus.with(|record| next_attempt(record, step, 0));
                self.bus.send(Event::Sampled(Sampled {
                    step,
                    round: 0,
                    attempt,
                    at: self.bus.elapsed(),
                    seconds: result.took.as_secs_f64(),
                    taints: Vec::new(),
                    records: result.records,
                }));
                self.finish(step, Outcome::Measured, Some(StopReason::Done));
            }
            Err(error) => self.fail(step, error),
        }
    }

    pub(crate) fn script_hook(
        &mut self,
        name: &str,
        hook: impl FnOnce(&mut dyn Scripted, &mut dyn crate::scripted::CustomContext) -> Result<(), ProbeError>,
    ) -> Result<(), ProbeError> {
        let step = PlannedStep { name: name.to_owned(), timeout: 300.0, ..finish_step() };
        custom::take(self.bus, self.settings, &step, 0, |cx| match self.script.as_deref_mut() {
            Some(script) => hook(script, cx),
            None => Ok(()),
        })
        .map(|_| ())
    }

    pub(crate) fn fail(&mut self, step: usize, error: ProbeError) {
        match error {
            ProbeError::Skip(skip) => self.finish(step, Outcome::Skipped(skip), None),
            ProbeError::Failed(failure) => self.finish(step, Outcome::Failed(failure), None),
            ProbeError::Cancelled if self.interrupted() => self.close(step, StopReason::Interrupted),
            ProbeError::Cancelled => {
                let message =
                    "the round used up its time before it had a result: raise `timeout` or make the step smaller";
                self.finish(step, Outcome::Failed(Failure::new(FailureKind::Timeout, message)), None);
            }
        }
    }

    /// Ends a step: with what it has, or as skipped when it has nothing.
    pub(crate) fn close(&mut self, step: usize, stop: StopReason) {
        let outcome = match (self.progress.taken(step), stop) {
            (0, StopReason::Interrupted) => Outcome::Skipped(interrupted()),
            (0, StopReason::Aborted) => Outcome::Skipped(aborted()),
            (0, _) => Outcome::Skipped(Skip::new(
                SkipKind::Budget,
                "the time budget was used up before its first round",
                "raise `budget`, or lower `rounds`",
            )),
            _ => Outcome::Measured,
        };
        self.finish(step, outcome, Some(stop));
    }

    pub(crate) fn close_all(&mut self, stop: StopReason) {
        for step in self.progress.open() {
            if self.plan.steps[step].work != Work::Finish {
                self.close(step, stop);
            }
        }
    }

    pub(crate) fn finish(&mut self, step: usize, outcome: Outcome, stop: Option<StopReason>) {
        self.progress.close(step);
        self.bus.send(Event::StepFinished { step, outcome, stop });
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.settings.interrupt.load(Ordering::Relaxed)
    }
}

/// Rounds after which it is looked whether the first was warm-up, where there is no last one.
const SETTLED: u32 = 5;
