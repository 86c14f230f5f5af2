//! Schedules as plain data: what is to run when, and what came of each time. Who keeps them, who runs them and who shows
//! them know only this.

use serde::{Deserialize, Serialize};

use crate::run::{RunId, Timestamp};

/// What is run, when, and under which conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name: `[A-Za-z0-9_.-]+`.
    pub name: String,
    /// Pattern of cron: five fields, or six with seconds first, or `@daily`.
    pub cron: String,
    /// Name of the time zone in which the pattern is read, as in `Europe/Berlin`.
    pub zone: String,
    /// A scenario file by its absolute path, a built-in scenario, or [`REVIEW`].
    pub scenario: String,
    /// Further arguments of `engine run`.
    pub args: Vec<String>,
    /// Working folder.
    pub folder: String,
    /// Whether it runs at all.
    pub enabled: bool,
    /// Each start is put off by a time from zero to this, drawn from the name and the moment. Seconds.
    pub jitter: f64,
    /// Whether times that were missed are made up for by one run.
    pub catch_up: bool,
    /// A run is ended after this. Seconds.
    pub limit: f64,
    /// Skipped where other processes use more than this share of all processors.
    pub busy: Option<f64>,
    /// Skipped on battery.
    pub battery: bool,
    /// An alert is raised when a run has not come so long after its time. Seconds.
    pub missing_after: f64,
    /// A run that raises an alert is repeated at once, and the alert is told when the second run says the same.
    pub confirm: bool,
    /// When it was added, or last switched on.
    pub created: Timestamp,
}

/// The scenario that is none: a look at baselines and accepted levels.
pub const REVIEW: &str = "baseline-review";

impl Schedule {
    /// Whether a name can be one.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        (1..=64).contains(&name.len()) && name.chars().all(fits) && !name.starts_with(['.', '-'])
    }
}

/// How far a schedule has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The last time of its pattern that was dealt with.
    pub due: Timestamp,
    /// When it was looked at last.
    pub checked: Timestamp,
}

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its time had come.
    Scheduled,
    /// Times were missed.
    CatchUp,
    /// Somebody asked for it.
    Manual,
    /// The run before raised an alert.
    Confirm,
}

impl Cause {
    /// The word in lists and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::CatchUp => "catch-up",
            Self::Manual => "manual",
            Self::Confirm => "confirm",
        }
    }
}

/// What came of one time of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It is going.
    Running,
    /// There is a run, whatever its verdict.
    Ran,
    /// It gave no run.
    Failed,
    /// It took too long and was ended.
    TimedOut,
    /// It was left out on purpose: the reason says why.
    Skipped,
    /// Nothing looked at the schedule when its time came.
    Missed,
    /// Whoever started it is gone, and nobody knows how it ended.
    Lost,
}

impl Ending {
    /// The word in lists and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Lost => "lost",
        }
    }
}

/// One time of a schedule and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Its number in the store; 0 before it is kept.
    pub id: i64,
    /// Name of the schedule.
    pub schedule: String,
    /// The time of the pattern; of a catch-up run the newest one missed, of a manual one when it was asked for.
    pub due: Timestamp,
    /// Why.
    pub cause: Cause,
    /// When it was started, or decided that it is not.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What came of it.
    pub ending: Ending,
    /// How many times of the pattern this stands for: more than one where several were missed.
    pub times: u32,
    /// Why it was skipped, failed or lost.
    pub reason: String,
    /// Exit code of the run.
    pub exit: Option<i32>,
    /// The run.
    pub run: Option<RunId>,
}

impl Occurrence {
    /// One that is decided at `now`.
    #[must_use]
    pub fn new(schedule: &str, due: Timestamp, cause: Cause, ending: Ending, now: Timestamp) -> Self {
        Self {
            id: 0,
            schedule: schedule.to_owned(),
            due,
            cause,
            started: now,
            ended: (ending != Ending::Running).then_some(now),
            ending,
            times: 1,
            reason: String::new(),
            exit: None,
            run: None,
        }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["quick", "nightly-full", "a.b_c", "7"] {
            assert!(Schedule::is_name(good), "{good}");
        }
        for bad in ["", "-x", ".x", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert!(!Schedule::is_name(bad), "{bad:?}");
        }
    }
}
