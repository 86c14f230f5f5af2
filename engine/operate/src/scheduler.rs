//! Follows the stored schedules: starts what is due, one run at a time, notes what came of each time, and raises an alert
//! when a run does not come.
//!
//! Several schedulers may follow the same store (a service, a dashboard, lines of cron): a step along a schedule is taken
//! by the one that moves its mark, and runs keep each other away by a lock. No notice is sent while a run is going: what
//! is measured must not be disturbed by what is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_core::alert::{AlertState, Rule, Signal, Strength};
use engine_core::clock::Clock;
use engine_core::run::{RunId, Timestamp};
use engine_core::schedule::{Cause, Ending, Occurrence, Schedule};
use engine_store::{AlertFilter, Claim, Filter, Followed, Place, Store};

use crate::conditions::Conditions;
use crate::cron::Cron;
use crate::lock::{Lock, LockError};
use crate::step::{self, Past};

/// The tag by which a run is found again.
pub const TAG: &str = "occurrence";

/// The tag that names the schedule of a run.
pub const SCHEDULE: &str = "schedule";

/// After so many skips in a row a run counts as missing.
const SKIPS: usize = 3;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What came of it.
    pub ending: Ending,
    /// Its exit code.
    pub exit: Option<i32>,
    /// Why it gave no run.
    pub reason: String,
}

/// Starts a run and waits for its end.
pub trait Starter {
    /// Runs. The lock is to be held until the run has ended, also when this process is killed.
    fn run(&mut self, schedule: &Schedule, occurrence: &Occurrence, lock: &Lock) -> Finished;
}

/// What a look at the schedules did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tick {
    /// Everything that was noted, in order, with how it ended.
    pub noted: Vec<Occurrence>,
    /// When the next one starts.
    pub next: Option<Timestamp>,
}

/// Follows schedules.
#[derive(Debug)]
pub struct Scheduler<'a> {
    clock: &'a dyn Clock,
    conditions: &'a dyn Conditions,
    lock: PathBuf,
    machine: String,
    held: Option<Timestamp>,
}

impl<'a> Scheduler<'a> {
    /// One that takes `lock` for each run; `machine` is this machine's stable id.
    #[must_use]
    pub fn new(clock: &'a dyn Clock, conditions: &'a dyn Conditions, lock: &Path, machine: &str) -> Self {
        Self { clock, conditions, lock: lock.to_owned(), machine: machine.to_owned(), held: None }
    }

    /// Looks at all schedules once: starts what is due and waits for it, one after the other.
    ///
    /// # Errors
    /// Those of the store. What was started before is noted.
    pub fn tick(&mut self, store: &mut Store, starter: &mut dyn Starter) -> Result<Tick, engine_store::Error> {
        let mut tick = Tick { noted: store.settle_occurrences(self.clock.wall())?, next: None };
        let busy_from = self.held.take();
        let began = self.clock.wall();
        for followed in store.schedules()?.into_iter().filter(|followed| followed.schedule.enabled) {
            let name = &followed.schedule.name;
            let cron = match Cron::new(&followed.schedule.cron, &followed.schedule.zone) {
                Ok(cron) => cron,
                Err(error) => {
                    tracing::warn!(schedule = name.as_str(), %error, "the schedule cannot be followed");
                    continue;
                }
            };
            let ran = !tick.noted.is_empty();
            let held = busy_from.or(ran.then_some(began));
            self.follow(store, starter, &followed, &cron, held, &mut tick.noted)?;
        }
        for followed in store.schedules()?.into_iter().filter(|followed| followed.schedule.enabled) {
            let Ok(cron) = Cron::new(&followed.schedule.cron, &followed.schedule.zone) else { continue };
            let next = step::next_start(&followed.schedule, &cron, followed.mark);
            tick.next = [tick.next, next].into_iter().flatten().min();
        }
        self.watch(store)?;
        Ok(tick)
    }

    /// One schedule at this moment.
    fn follow(
        &mut self,
        store: &mut Store,
        starter: &mut dyn Starter,
        followed: &Followed,
        cron: &Cron,
        held: Option<Timestamp>,
        noted: &mut Vec<Occurrence>,
    ) -> Result<(), engine_store::Error> {
        let schedule = &followed.schedule;
        let now = self.clock.wall();
        let last = store.occurrences(Some(&schedule.name), 20)?;
        let went = last.iter().find(|one| one.ended.is_some_and(|ended| ended > one.started));
        let own = went.and_then(|one| Some((one.started, one.ended?)));
        let Some(mut step) = step::step(schedule, cron, followed.mark, now, Past { own, held }) else { return Ok(()) };
        let mut lock = None;
        if let Some(start) = step.start.take() {
            if let Some(reason) = self.obstacle(schedule) {
                step.notes.push(skipped(start, now, reason));
            } else {
                match Lock::take(&self.lock, &schedule.name) {
                    Ok(taken) => {
                        lock = Some(taken);
                        step.notes.push(start);
                    }
                    // The mark stays where it is: the run starts when the machine is free.
                    Err(LockError::Held { .. }) => {
                        self.held = Some(held.map_or(start.due, |since| since.min(start.due)));
                        return Ok(());
                    }
                    Err(error) => step.notes.push(Occurrence {
                        ending: Ending::Failed,
                        ended: Some(now),
                        ..start.because(error.to_string())
                    }),
                }
            }
        }
        let Claim::Taken(ids) = store.claim_due(&schedule.name, followed.mark, step.next, &step.notes)? else {
            return Ok(());
        };
        for (note, id) in step.notes.into_iter().zip(ids) {
            let note = Occurrence { id, ..note };
            match &lock {
                Some(lock) if note.ending == Ending::Running => {
                    self.start(store, starter, schedule, note, lock, noted)?;
                }
                _ => noted.push(note),
            }
        }
        Ok(())
    }

    /// Runs what is due of one schedule, as a timer of another program asks: whoever comes first takes it, so that nothing
    /// runs twice where several look. The timer has put its start off, so there is no jitter here. Waits at most `wait` for
    /// another run to end.
    ///
    /// # Errors
    /// [`engine_store::Error::BadSchedule`] when there is none; those of the store.
    pub fn run_due(
        &mut self,
        store: &mut Store,
        starter: &mut dyn Starter,
        name: &str,
        wait: Duration,
    ) -> Result<Vec<Occurrence>, engine_store::Error> {
        let began = self.clock.now();
        let mut noted = store.settle_occurrences(self.clock.wall())?;
        loop {
            let held = self.held.take();
            let Followed { schedule, mark } = store.schedule(name)?;
            let followed = Followed { schedule: Schedule { jitter: 0.0, ..schedule }, mark };
            let Ok(cron) = Cron::new(&followed.schedule.cron, &followed.schedule.zone) else { return Ok(noted) };
            if followed.schedule.enabled {
                self.follow(store, starter, &followed, &cron, held, &mut noted)?;
            }
            if self.held.is_none() || self.clock.now().saturating_sub(began) >= wait {
                return Ok(noted);
            }
            self.clock.sleep(Duration::from_secs(5));
        }
    }

    /// Runs a schedule now, whatever its pattern and its conditions say, as somebody asked.
    ///
    /// # Errors
    /// [`engine_store::Error::BadSchedule`] when there is none; those of the store.
    pub fn run_now(
        &mut self,
        store: &mut Store,
        starter: &mut dyn Starter,
        name: &str,
    ) -> Result<Vec<Occurrence>, engine_store::Error> {
        let schedule = store.schedule(name)?.schedule;
        let mut noted = Vec::new();
        let now = self.clock.wall();
        let start = Occurrence::new(name, now, Cause::Manual, Ending::Running, now);
        match Lock::take(&self.lock, name) {
            Ok(lock) => {
                let id = store.note_occurrence(&start)?;
                self.start(store, starter, &schedule, Occurrence { id, ..start }, &lock, &mut noted)?;
            }
            Err(error) => {
                let note = skipped(start, now, error.to_string());
                let id = store.note_occurrence(&note)?;
                noted.push(Occurrence { id, ..note });
            }
        }
        Ok(noted)
    }

    /// Runs, notes how it ended, and runs once more where an alert is to be confirmed.
    fn start(
        &self,
        store: &mut Store,
        starter: &mut dyn Starter,
        schedule: &Schedule,
        note: Occurrence,
        lock: &Lock,
        noted: &mut Vec<Occurrence>,
    ) -> Result<(), engine_store::Error> {
        let confirms = schedule.confirm && note.cause != Cause::Confirm;
        let note = self.once(store, starter, schedule, note, lock)?;
        let again = confirms && self.raised(store, note.run.as_ref())?;
        noted.push(note);
        if again {
            let now = self.clock.wall();
            let note = Occurrence::new(&schedule.name, now, Cause::Confirm, Ending::Running, now)
                .because("the run before raised an alert");
            let id = store.note_occurrence(&note)?;
            noted.push(self.once(store, starter, schedule, Occurrence { id, ..note }, lock)?);
        }
        Ok(())
    }

    fn once(
        &self,
        store: &mut Store,
        starter: &mut dyn Starter,
        schedule: &Schedule,
        mut note: Occurrence,
        lock: &Lock,
    ) -> Result<Occurrence, engine_store::Error> {
        let finished = starter.run(schedule, &note, lock);
        let tag = Some((TAG.to_owned(), note.id.to_string()));
        let runs = store.list(&Filter { tag, limit: Some(1), include_tiny: true, ..Filter::default() })?;
        note.run = runs.into_iter().next().map(|row| row.id);
        note.ending = finished.ending;
        note.exit = finished.exit;
        note.ended = Some(self.clock.wall().max(note.started));
        if !finished.reason.is_empty() {
            note.reason = finished.reason;
        }
        store.finish_occurrence(&note)?;
        Ok(note)
    }

    /// Whether a run has just raised what another run can confirm.
    fn raised(&self, store: &Store, run: Option<&RunId>) -> Result<bool, engine_store::Error> {
        let Some(run) = run else { return Ok(false) };
        let fresh = |alert: &engine_core::alert::Alert| {
            alert.state == AlertState::Firing && alert.first_run == *run && alert.rule != Rule::Environment
        };
        Ok(store.alerts(&AlertFilter::default())?.iter().any(fresh))
    }

    /// Why the machine is not free for a run.
    fn obstacle(&self, schedule: &Schedule) -> Option<String> {
        if schedule.battery && self.conditions.on_battery() {
            return Some("the machine runs on battery".to_owned());
        }
        let limit = schedule.busy?;
        let busy = self.conditions.busy()?;
        (busy > limit).then(|| {
            format!("other work uses {:.0} % of the processors, the limit is {:.0} %", busy * 100.0, limit * 100.0)
        })
    }

    /// Raises an alert for each schedule whose run did not come, and resolves those whose runs come again.
    ///
    /// # Errors
    /// Those of the store.
    pub fn watch(&self, store: &mut Store) -> Result<(), engine_store::Error> {
        let now = self.clock.wall();
        for Followed { schedule, .. } in store.schedules()?.into_iter().filter(|followed| followed.schedule.enabled) {
            let last = store.occurrences(Some(&schedule.name), 50)?;
            let (run, signal) = self.missing(&schedule, &last, now);
            let Some(signal) = signal else { continue };
            let place = Place { suite: &schedule.name, machine: &self.machine, branch: None };
            store.observe(place, &run, &[signal])?;
        }
        Ok(())
    }

    /// What the past of a schedule says of its runs, and by which run.
    fn missing(&self, schedule: &Schedule, last: &[Occurrence], now: Timestamp) -> (RunId, Option<Signal>) {
        let subject = format!("schedule {}", schedule.name);
        let raised = |summary: String| Signal::raised(Rule::MissingRun, subject.clone(), Strength::Strong, summary);
        let cron = match Cron::new(&schedule.cron, &schedule.zone) {
            Ok(cron) => cron,
            Err(error) => return (moment(now), Some(raised(format!("it cannot be followed: {error}")))),
        };
        let counted: Vec<&Occurrence> =
            last.iter().filter(|one| !matches!(one.ending, Ending::Running | Ending::Missed)).collect();
        let skips = counted.iter().take_while(|one| one.ending == Ending::Skipped).count();
        if let Some(newest) = counted.first() {
            let when = cron.local(newest.due);
            match newest.ending {
                Ending::Failed | Ending::Lost | Ending::TimedOut => {
                    let code = newest.exit.map(|exit| format!(" with exit code {exit}")).unwrap_or_default();
                    let summary = format!("the run of {when} {}{code}: {}", newest.ending.name(), newest.reason);
                    return (moment(newest.started), Some(raised(summary)));
                }
                Ending::Skipped if skips >= SKIPS => {
                    let summary =
                        format!("the last {skips} runs were skipped, that of {when} because {}", newest.reason);
                    return (moment(newest.started), Some(raised(summary)));
                }
                _ => {}
            }
        }
        // What was skipped on purpose has come, in a way; what is going is coming.
        let came = last.iter().find(|one| one.ending != Ending::Missed);
        let from = came.map_or(schedule.created, |one| one.due.max(schedule.created));
        let late = |due: Timestamp| {
            #[expect(clippy::cast_possible_truncation, reason = "a time that people set")]
            let grace = ((schedule.missing_after + schedule.jitter) * 1e6) as i64;
            now.0 > due.0.saturating_add(grace)
        };
        match cron.after(from) {
            Some(due) if late(due) => {
                let since = came.map_or_else(
                    || "none has come since it was added".to_owned(),
                    |one| format!("the last was that of {}", cron.local(one.due)),
                );
                let summary = format!(
                    "the run of {} has not come ({} late); {since}",
                    cron.local(due),
                    step::span((now.0 - due.0) / 1_000_000)
                );
                (moment(due), Some(raised(summary)))
            }
            _ => {
                let ran = counted.first().filter(|one| one.ending == Ending::Ran);
                let run = ran.map(|one| one.run.clone().unwrap_or_else(|| moment(one.started)));
                let well = run.is_some().then(|| Signal::well(Rule::MissingRun, subject));
                (run.unwrap_or_else(|| moment(now)), well)
            }
        }
    }
}

/// What stands in the place of a run where there is none: the moment, in fourteen characters.
fn moment(at: Timestamp) -> RunId {
    let text = jiff::Timestamp::from_microsecond(at.0)
        .map_or_else(|_| "?".to_owned(), |at| at.strftime("%y%m%dT%H%M%SZ").to_string());
    RunId(text)
}

fn skipped(start: Occurrence, now: Timestamp, reason: String) -> Occurrence {
    Occurrence { ending: Ending::Skipped, ended: Some(now), ..start }.because(reason)
}
