//! The sweep of a load over users or rates, as a step: each level is one load, held until it has been steady long enough.
//! The law is fitted by whoever knows how: [`crate::Settings::scaling`].
//!
//! What would make the numbers wrong: levels that never became steady (they are named, and not fitted); a generator that is
//! the bottleneck at the highest levels, which looks like contention of the target.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::event::NoteLevel;
use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, ScaleShape, Scaling, ScalingLevel, Varied, metric_of, trial_metric, trial_record};
use engine_core::measurement::Record;
use engine_core::plan::Work;
use engine_core::run::ValidityLevel;
use engine_core::series::Labels;
use engine_core::step::{Failure, FailureKind};
use engine_load::outcome::Weight;
use engine_load::record::Kind;
use engine_load::spec::Iterations;
use engine_load::sweep::{Level, Stage, Sweep, Swept, Window, sweep};

use super::drive::Driven;
use super::trials::{About, Gave, Ran, Running, Trials, failed, users};
use crate::runner::Runner;

/// How long a window may take to come beyond its own time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A level that is being held.
struct Held {
    level: f64,
    about: About,
    windows: Receiver<LoadWindow>,
    seen: Vec<LoadWindow>,
    end: Arc<AtomicBool>,
    thread: JoinHandle<Result<Driven, Failure>>,
    began: Instant,
    asked: f64,
}

struct Sweeping<'t, 'r, 's> {
    trials: &'t mut Trials<'r, 's>,
    shape: &'t ScaleShape,
    held: Option<Held>,
    /// The levels that ended.
    done: Vec<(f64, Ran)>,
    failure: Option<Failure>,
}

impl Runner<'_, '_, '_> {
    /// Takes one round of a sweep.
    pub(crate) fn scale(&mut self, step: usize, round: u32) {
        let plan = self.plan;
        let Work::Scale { index, sweep, .. } = &plan.steps[step].work else {
            return self.fail(step, engine_probes::ProbeError::failed("the step is no sweep"));
        };
        self.trials(step, round, *index, &|trials| Ok(swept(trials, sweep)?));
    }
}

fn swept(trials: &mut Trials<'_, '_>, shape: &ScaleShape) -> Result<Gave, Failure> {
    trials.look()?;
    let mut sweeping = Sweeping { trials, shape, held: None, done: Vec::new(), failure: None };
    let wanted = Sweep { levels: shape.levels.clone(), hold: shape.hold, most: shape.most };
    let mut found = sweep(&wanted, &mut sweeping);
    if let Err(failure) = sweeping.end() {
        found.ended.get_or_insert_with(|| failure.message.clone());
        sweeping.failure.get_or_insert(failure);
    }
    Ok(sweeping.gave(&found))
}

impl Stage for Sweeping<'_, '_, '_> {
    fn hold(&mut self, level: f64, seconds: f64) -> Result<Vec<Window>, String> {
        if let Some(reason) = self.trials.over() {
            return Err(reason);
        }
        if self.held.is_none() {
            self.begin(level).map_err(|failure| self.failed(failure))?;
        }
        let Some(held) = &mut self.held else { return Err("no load runs".to_owned()) };
        held.asked += seconds;
        let mut windows = Vec::new();
        // A window belongs to this stretch if more than half of it does.
        while held.seen.last().is_none_or(|last| last.end() + 0.5 * last.seconds < held.asked) {
            match held.windows.recv_timeout(Duration::from_millis(50)) {
                Ok(window) => {
                    self.trials.show(&window, &held.about, &self.shape.of.label(held.level));
                    // What ends after the last iteration has begun is no part of the level.
                    if window.at + 0.5 * window.seconds < self.shape.most {
                        windows.push(seen(&window));
                    }
                    held.seen.push(window);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(reason) = self.trials.over() {
                        return Err(reason);
                    }
                    if held.began.elapsed() > Duration::from_secs_f64(held.asked) + PATIENCE {
                        return Err("the generator gave no more windows".to_owned());
                    }
                }
            }
        }
        Ok(windows)
    }

    fn drain(&mut self) -> Result<(), String> {
        self.end().map_err(|failure| self.failed(failure))?;
        self.trials.drain()
    }
}

impl Sweeping<'_, '_, '_> {
    fn failed(&mut self, failure: Failure) -> String {
        let reason = failure.message.clone();
        self.failure.get_or_insert(failure);
        reason
    }

    /// Goes to a level: its load runs for as long as the level may last, on a thread of its own.
    fn begin(&mut self, level: f64) -> Result<(), Failure> {
        let workload = match self.shape.of {
            Varied::Users => users(level, self.shape.most, Iterations::Endless),
            Varied::Rate => self.trials.arrivals(level, self.shape.most, self.shape.spacing, self.shape.max_users)?,
        };
        let Running { drive, about } = self.trials.start(workload, true)?;
        let (send, windows) = channel();
        let end = Arc::new(AtomicBool::new(false));
        let (flag, interrupt) = (Arc::clone(&end), Arc::clone(&self.trials.settings.interrupt));
        let work = move || {
            drive.finish(
                &mut |window, _| {
                    // Nobody listens any more only when the level is over.
                    let _ = send.send(window);
                    None
                },
                &|| flag.load(Ordering::Relaxed) || interrupt.load(Ordering::Relaxed),
            )
        };
        let thread = std::thread::Builder::new().name("level".to_owned()).spawn(work);
        let thread = thread.map_err(|error| failed(format!("cannot start a thread for the load: {error}")))?;
        let (seen, began) = (Vec::new(), Instant::now());
        self.held = Some(Held { level, about, windows, seen, end, thread, began, asked: 0.0 });
        Ok(())
    }

    /// Ends the level that is held.
    fn end(&mut self) -> Result<(), Failure> {
        let Some(Held { level, about, windows, mut seen, end, thread, .. }) = self.held.take() else { return Ok(()) };
        end.store(true, Ordering::Relaxed);
        let ended = thread.join();
        seen.extend(windows.try_iter());
        let driven = ended.unwrap_or_else(|_| Err(Failure::new(FailureKind::Panic, "the load's thread panicked")))?;
        let ran = self.trials.ran(driven, about, seen);
        let failure = self.trials.failure(&ran);
        self.done.push((level, ran));
        failure.map_or(Ok(()), Err)
    }

    /// The records of all levels, and what a law makes of them.
    fn gave(self, found: &Swept) -> Gave {
        let mut gave = Gave::default();
        let of = self.shape.of;
        let mut scaling = Scaling { of, levels: Vec::new(), unsteady: Vec::new() };
        let mut mark = Labels::new();
        for (level, (_, ran)) in found.levels.iter().zip(&self.done) {
            let outcome = &ran.driven.outcome;
            mark = Labels::new().with("driver", outcome.driver.name());
            let name = of.label(level.level);
            let labels = mark.clone().with(of.name(), name.clone());
            gave.records.extend(records(level, ran, &labels));
            let (watched, unread) = ran.seen.records(level.warmup, &labels, &ran.windows);
            gave.records.extend(watched);
            for note in unread.into_iter().map(|note| (NoteLevel::Warning, note)) {
                if !gave.notes.contains(&note) {
                    gave.notes.push(note);
                }
            }
            let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
            let stay = iterations.service.mean().unwrap_or(f64::NAN) / 1e9;
            let per_second = (iterations.ok + iterations.failed) as f64 / (outcome.seconds + outcome.drained).max(1e-9);
            if level.steady {
                let (inside, rates) = (level.inside, level.parts.clone());
                scaling.levels.push(ScalingLevel { level: level.level, rates, inside, iterations: per_second, stay });
            } else {
                scaling.unsteady.push(level.level);
            }
            let steady = if level.steady { "steady" } else { "never steady, the second half counts" };
            gave.notes.push((
                NoteLevel::Info,
                format!(
                    "{} {name}: {:.1}/s, mean response {:.2} ms, {:.1} inside, {} windows, {:.1} s of warm-up, {steady}",
                    of.name(),
                    level.rate,
                    level.response * 1e3,
                    level.inside,
                    level.windows.len(),
                    level.warmup.abs()
                ),
            ));
            for doubt in &outcome.doubts {
                let weight = match doubt.weight {
                    Weight::Degraded => ValidityLevel::Degraded,
                    Weight::Invalid => ValidityLevel::Invalid,
                };
                gave.doubts.push((weight, format!("at {name}: {}", doubt.reason)));
            }
        }
        if let Some((_, ran)) = self.done.last() {
            gave.notes
                .extend(Trials::notes(ran, &format!("{} {}", of.name(), of.label(self.done[self.done.len() - 1].0))));
        }
        if let Some(reason) = &found.ended {
            gave.notes.push((NoteLevel::Warning, format!("the sweep ended early: {reason}")));
        }
        if !found.levels.is_empty() {
            let fitted = (self.trials.settings.scaling)(&scaling);
            gave.records.extend(fitted.records.into_iter().map(|mut record| {
                record.labels = record.labels.joined(&mark);
                record
            }));
            gave.notes.extend(fitted.notes.into_iter().map(|note| (NoteLevel::Info, note)));
        }
        gave.failure = self.failure;
        gave
    }
}

/// A window for the sweep.
fn seen(window: &LoadWindow) -> Window {
    let total = window.total();
    let (ok, users) = (total.map_or(0, |row| row.ok) as f64, window.users as f64);
    let response = total.and_then(|row| row.response.as_ref()).and_then(Packed::mean);
    Window {
        seconds: window.seconds,
        rate: ok / window.seconds.max(1e-9),
        response: response.map_or(f64::NAN, |mean| mean / 1e9),
        inside: users,
    }
}

/// The records of one level: rates of its steady parts, and all latencies of its steady time.
fn records(level: &Level, ran: &Ran, labels: &Labels) -> Vec<Record> {
    let mut records = Vec::new();
    let load = |id: &str, values: Vec<f64>| {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let def = metric_of(id).filter(|_| !values.is_empty())?;
        Some(Record { metric: def.metric(), labels: labels.clone(), values, histogram: None })
    };
    let until: f64 = level.windows.iter().map(|window| window.seconds).sum();
    let counts = |window: &&LoadWindow| {
        let middle = window.at + 0.5 * window.seconds;
        middle > level.warmup && middle < until
    };
    let steady: Vec<&LoadWindow> = ran.windows.iter().filter(counts).collect();
    let rows = || steady.iter().filter_map(|window| window.total());
    records.extend(load("rate", vec![level.rate]));
    // A law is fitted to steady levels only.
    records.extend(trial_metric("throughput").filter(|_| level.steady).map(|def| Record {
        metric: def.metric(),
        labels: labels.clone(),
        values: level.parts.clone(),
        histogram: None,
    }));
    let responses: Vec<&Packed> = rows().filter_map(|row| row.response.as_ref()).collect();
    if let Some(def) = metric_of("response").filter(|_| !responses.is_empty()) {
        records.push(Record::latencies(def.metric(), labels.clone(), Packed::merged(responses)));
    }
    let (ended, ok) = rows().fold((0, 0), |(ended, ok), row| (ended + row.ended(), ok + row.ok));
    if ended > 0 {
        records.extend(load("errors", vec![1.0 - ok as f64 / ended as f64]));
    }
    let checks = ran.records.iter().find(|record| record.metric.id == "checks" && record.labels.get("name").is_none());
    records.extend(checks.and_then(|checks| load("checks", checks.values.clone())));
    records.extend(trial_record("inside", labels.clone(), level.inside));
    records
}
