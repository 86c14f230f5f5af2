//! What answers hold. These shapes are a promise to other programs and are kept apart from the types of the core, so that
//! a change there cannot break it unseen. Fields are added, never renamed, removed or given another meaning.

mod alert;
mod finding;
mod host;
mod run;
mod schedule;
mod step;
mod window;

pub(crate) use alert::{AlertCounts, AlertRow, NewAlert};
pub(crate) use finding::AdviceRow;
pub(crate) use host::HostPoint;
pub(crate) use run::{RunRow, ValidityText};
pub(crate) use schedule::{OccurrenceRow, ScheduleRow};
pub(crate) use step::{LiveStep, goal, what};
pub(crate) use window::{Window, heat_bounds};

use serde::Serialize;
use utoipa::ToSchema;

/// Something that grows with time and can be told in fewer words.
pub(crate) trait Join {
    /// Takes in what follows.
    fn join(&mut self, next: &Self);

    /// How long it is.
    fn seconds(&self) -> f64;

    /// Whether what follows may be taken in at all.
    fn fits(&self, next: &Self) -> bool;
}

/// Joins neighbours until there are `most` at most, or as few as may be: those that together are no longer than a length, which
/// doubles until that is enough. So all of a long time is told equally finely, however often this was done before; nothing
/// is left out: sums stay sums, and the largest of all stays.
pub(crate) fn thinned<T: Join>(mut all: Vec<T>, most: usize) -> Vec<T> {
    let shortest = all.iter().map(Join::seconds).filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    let mut length = if shortest.is_finite() { shortest } else { 1.0 };
    // Sixty doublings are longer than any time.
    for _ in 0..60 {
        if all.len() <= most {
            break;
        }
        length *= 2.0;
        let mut thin: Vec<T> = Vec::with_capacity(all.len());
        for one in all {
            // Lengths are sums of times that were measured: a hundredth more is the same.
            match thin.last_mut().filter(|last| last.seconds() + one.seconds() <= length * 1.01 && last.fits(&one)) {
                Some(last) => last.join(&one),
                None => thin.push(one),
            }
        }
        all = thin;
    }
    all
}

/// A number that JSON can hold.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Something on the time line of a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Mark {
    /// `step` (a load), `phase`, `fault` or `note`.
    pub(crate) kind: &'static str,
    /// When it began: seconds since the run's start; of a phase, since its load's start.
    pub(crate) at: f64,
    /// When it ended; null while it has not, and for what has no length. A mark with the same kind, step, text and
    /// beginning replaces an earlier one.
    pub(crate) end: Option<f64>,
    /// Path of the step that it belongs to.
    pub(crate) step: Option<String>,
    /// In words.
    pub(crate) text: String,
    /// `info` or `warning`.
    pub(crate) level: &'static str,
}
