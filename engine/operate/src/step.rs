//! What is to be done for one schedule at one moment: pure, so that a year of it is a test.
//!
//! The rules. A time is taken when its jitter has passed. One that is at most a minute late is on time. Several at once
//! become one run. Those that passed while the schedule's own run was going are skipped: two runs never overlap, and none
//! is put off into the next. What passed while another run held the machine is run when it is free. What passed while
//! nothing looked is made up for by one run, where the schedule wants that. A clock that was set back by more than a few
//! minutes is believed: the schedule is followed from where the clock is now.

use engine_core::run::Timestamp;
use engine_core::schedule::{Cause, Ending, Mark, Occurrence, Schedule};
use engine_core::stats::Stream;

use crate::cron::Cron;

/// So late is still on time. Microseconds.
const ON_TIME: i64 = 60_000_000;

/// A clock that is corrected by less has not been set back. Microseconds.
const SET_BACK: i64 = 300_000_000;

/// More missed times than this are not counted one by one.
const MOST: u32 = 10_000;

/// What the scheduler knows beside the schedule.
#[derive(Debug, Clone, Copy, Default)]
pub struct Past {
    /// From when to when the last run of this schedule went.
    pub own: Option<(Timestamp, Timestamp)>,
    /// Since when another run has held the machine, up to now.
    pub held: Option<Timestamp>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How far the schedule has been followed with it.
    pub next: Mark,
    /// What is noted without a run.
    pub notes: Vec<Occurrence>,
    /// What is to be started.
    pub start: Option<Occurrence>,
}

/// By how much the start of a time is put off: the same for the same name and time. Microseconds.
#[must_use]
pub fn jitter(schedule: &Schedule, due: Timestamp) -> i64 {
    if schedule.jitter <= 0.0 {
        return 0;
    }
    let mut random = Stream::new(Stream::key_of(&schedule.name), &[u64::from_ne_bytes(due.0.to_ne_bytes())]);
    #[expect(clippy::cast_possible_truncation, reason = "a share of a jitter, which is far below 2^63 microseconds")]
    let put_off = (random.unit_f64() * schedule.jitter * 1e6) as i64;
    put_off
}

/// When a schedule starts next.
#[must_use]
pub fn next_start(schedule: &Schedule, cron: &Cron, mark: Mark) -> Option<Timestamp> {
    let due = cron.after(mark.due)?;
    Some(Timestamp(due.0.saturating_add(jitter(schedule, due))))
}

/// What is to be done at `now`; nothing when no time has come.
#[must_use]
pub fn step(schedule: &Schedule, cron: &Cron, mark: Mark, now: Timestamp, past: Past) -> Option<Step> {
    let name = &schedule.name;
    if mark.checked.0.saturating_sub(now.0) > SET_BACK {
        let seconds = (mark.checked.0 - now.0) / 1_000_000;
        let reason = format!("the clock was set back by {}; followed from now on", span(seconds));
        let note = Occurrence::new(name, now, Cause::Scheduled, Ending::Missed, now).because(reason);
        return Some(Step { next: Mark { due: now, checked: now }, notes: vec![note], start: None });
    }
    let (mut own, mut late, mut due) = (Vec::new(), Vec::new(), mark.due);
    let mut count = 0;
    let mut fresh = None;
    while let Some(next) = cron.after(due) {
        let start = Timestamp(next.0.saturating_add(jitter(schedule, next)));
        if start > now {
            break;
        }
        due = next;
        count += 1;
        if count > MOST {
            // Whatever else was missed is not worth the time of counting it.
            due = now;
            break;
        }
        if past.own.is_some_and(|(from, to)| from < start && start <= to) {
            own.push(next);
        } else if now.0 - start.0 <= ON_TIME {
            late.extend(fresh.replace(next));
        } else {
            late.push(next);
        }
    }
    if count == 0 {
        return None;
    }
    let next = Mark { due, checked: now };
    let noted = |dues: &[Timestamp], ending, reason: &str| {
        let last = *dues.last()?;
        let note = Occurrence::new(name, last, Cause::Scheduled, ending, now).because(reason);
        Some(Occurrence { times: u32::try_from(dues.len()).unwrap_or(u32::MAX), ..note })
    };
    let mut notes: Vec<Occurrence> =
        noted(&own, Ending::Skipped, "the run before was still going").into_iter().collect();
    let started = |due, cause| Occurrence::new(name, due, cause, Ending::Running, now);
    let held = |at: Timestamp| past.held.is_some_and(|since| since.0 <= at.0.saturating_add(jitter(schedule, at)));
    let start = match (fresh, late.last().copied()) {
        (Some(due), _) => Some(started(due, Cause::Scheduled)),
        (None, Some(due)) if held(due) => {
            late.pop();
            Some(started(due, Cause::Scheduled).because("it waited for another run"))
        }
        (None, Some(due)) if schedule.catch_up => {
            let times = u32::try_from(late.len()).unwrap_or(u32::MAX);
            late.clear();
            let more = if count > MOST { " or more" } else { "" };
            let reason = format!("{times}{more} of its times passed while nothing looked at it");
            Some(Occurrence { times, ..started(due, Cause::CatchUp) }.because(reason))
        }
        (None, _) => None,
    };
    notes.extend(noted(&late, Ending::Missed, "nothing looked at the schedule when its time came"));
    Some(Step { next, notes, start })
}

/// A span for people.
pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
pub(crate) mod tests;
