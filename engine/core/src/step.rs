//! Steps: how each ended. `Skipped` is not `Failed`: what the machine lacks is named with its remedy and is no error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a scenario file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1; 0 when unknown.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// Why a step could not be measured here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{reason}")]
pub struct Skip {
    /// The class, for machines to test.
    pub kind: SkipKind,
    /// What is missing, one sentence.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Skip {
    /// A skip with its reason and remedy.
    #[must_use]
    pub fn new(kind: SkipKind, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), remedy: remedy.into() }
    }
}

/// The classes of skips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipKind {
    /// The machine does not have the part.
    Hardware,
    /// The operating system refuses.
    Permission,
    /// A program is not installed.
    Tool,
    /// The kernel or the platform lacks the feature.
    Platform,
    /// Not enough memory, disk or other resource right now.
    Resource,
    /// The budget or the time of the run was used up before.
    Budget,
    /// The run was interrupted before.
    Interrupted,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// The class, for machines to test and for the exit code.
    pub kind: FailureKind,
    /// What went wrong, and where it helps, the remedy.
    pub message: String,
    /// Where in the scenario.
    pub place: Option<Place>,
}

impl Failure {
    /// A failure without a place.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None }
    }
}

/// The classes of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The probe reported an error.
    Probe,
    /// The probe's own check of its work failed: the number would be wrong.
    Verification,
    /// The probe panicked.
    Panic,
    /// The step took longer than its time-out.
    Timeout,
    /// The script raised an error.
    Script,
    /// The script needed a permission that was not granted.
    Permission,
    /// The script broke a limit (operations, depth, memory).
    Limit,
    /// A child process died.
    Crash,
    /// The target of a load was never reached.
    Unreachable,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has results.
    Measured,
    /// It could not be measured here.
    Skipped(Skip),
    /// It went wrong.
    Failed(Failure),
}
