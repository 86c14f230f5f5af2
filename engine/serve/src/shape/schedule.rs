//! Schedules, and what came of their times.

use engine_core::schedule::{Occurrence, Schedule};
use engine_report::clean;
use serde::Serialize;
use utoipa::ToSchema;

use super::finite;
use crate::backend::Coming;
use crate::time;

/// Longest reason that is told.
const LONGEST: usize = 400;

/// What is run when nobody watches.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ScheduleRow {
    /// Its name.
    pub(crate) name: String,
    /// Pattern of cron.
    pub(crate) cron: String,
    /// The time zone in which the pattern is read, such as `Europe/Berlin`.
    pub(crate) zone: String,
    /// A scenario file, a built-in scenario, or `baseline-review`.
    pub(crate) scenario: String,
    /// Further arguments of `engine run`.
    pub(crate) args: Vec<String>,
    /// Whether it runs at all.
    pub(crate) enabled: bool,
    /// Its next starts; empty where it is switched off or cannot be followed.
    pub(crate) next: Vec<ComingRow>,
    /// Why it cannot be followed; null where it can.
    pub(crate) error: Option<String>,
    /// What came of it last; null where nothing has.
    pub(crate) last: Option<OccurrenceRow>,
    /// Each start is put off by up to this.
    pub(crate) jitter_seconds: Option<f64>,
    /// Whether one run makes up for times that were missed.
    pub(crate) catch_up: bool,
    /// A run is ended after this.
    pub(crate) limit_seconds: Option<f64>,
    /// Skipped where other processes use more than this share of all processors; null where it is not looked at.
    pub(crate) busy_ratio: Option<f64>,
    /// Whether it is skipped on battery.
    pub(crate) battery: bool,
    /// An alert is raised when a run has not come so long after its time.
    pub(crate) missing_after_seconds: Option<f64>,
    /// Whether a run that raises an alert is repeated at once.
    pub(crate) confirm: bool,
    /// When it was added, or last switched on.
    pub(crate) created: String,
}

/// A start that is to come.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ComingRow {
    /// When, RFC 3339 in UTC.
    pub(crate) at: String,
    /// The same as people of its time zone write it.
    pub(crate) local: String,
}

/// What came of one time of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct OccurrenceRow {
    /// Its number.
    pub(crate) id: i64,
    /// Name of the schedule, which may be gone by now.
    pub(crate) schedule: String,
    /// The time of the pattern; of a run that somebody asked for, when that was.
    pub(crate) due: String,
    /// `scheduled`, `catch-up`, `manual` or `confirm`.
    pub(crate) cause: &'static str,
    /// When it was started or noted.
    pub(crate) started: String,
    /// When it ended; null while it goes on.
    pub(crate) ended: Option<String>,
    /// `running`, `ran`, `failed`, `timed-out`, `skipped`, `missed` or `lost`.
    pub(crate) ending: &'static str,
    /// How many times of the pattern it stands for.
    pub(crate) times: u32,
    /// Why; empty where there is nothing to say.
    pub(crate) reason: String,
    /// Exit code of its run.
    pub(crate) exit: Option<i32>,
    /// Its run.
    pub(crate) run: Option<String>,
}

impl ScheduleRow {
    /// With what is to come, and what came last.
    pub(crate) fn of(schedule: &Schedule, coming: Result<Vec<Coming>, String>, last: Option<&Occurrence>) -> Self {
        let (next, error) = match coming {
            Ok(next) => (next, None),
            Err(reason) => (Vec::new(), Some(clean::clip(&reason, LONGEST))),
        };
        Self {
            name: clean::line(&schedule.name),
            cron: clean::line(&schedule.cron),
            zone: clean::line(&schedule.zone),
            scenario: clean::line(&schedule.scenario),
            args: schedule.args.iter().map(|arg| clean::line(arg)).collect(),
            enabled: schedule.enabled,
            next: next.into_iter().map(|one| ComingRow { at: time::text(one.at), local: one.local }).collect(),
            error,
            last: last.map(OccurrenceRow::of),
            jitter_seconds: finite(schedule.jitter),
            catch_up: schedule.catch_up,
            limit_seconds: finite(schedule.limit),
            busy_ratio: schedule.busy.and_then(finite),
            battery: schedule.battery,
            missing_after_seconds: finite(schedule.missing_after),
            confirm: schedule.confirm,
            created: time::text(schedule.created),
        }
    }
}

impl OccurrenceRow {
    pub(crate) fn of(note: &Occurrence) -> Self {
        Self {
            id: note.id,
            schedule: clean::line(&note.schedule),
            due: time::text(note.due),
            cause: note.cause.name(),
            started: time::text(note.started),
            ended: note.ended.map(time::text),
            ending: note.ending.name(),
            times: note.times,
            reason: clean::clip(&note.reason, LONGEST),
            exit: note.exit,
            run: note.run.as_ref().map(|run| clean::line(&run.0)),
        }
    }
}
