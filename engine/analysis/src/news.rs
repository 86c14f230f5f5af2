//! Is a change of a history sure enough to tell people of it?
//!
//! A change is confirmed when it stands out of what one search of one history shows by chance. But alerts come of many
//! searches: every run asks again, of every history of its scenario. What is seen once in a hundred searches is seen in
//! every year of nights, and a change that barely stands out one night is gone the next and back the night after. So a
//! change is told when it stands out of the strangest of all these searches: the normal tail is divided by their number
//! (Bonferroni). Until then it is a suspicion; afterwards it is held, while it is still confirmed, by what a single search
//! asks for. A change that is large beside the noise pays nothing for this: five runs with 5 % of 1 % noise stand out by
//! ten standard errors. One of 2 % is told some four runs later.
//!
//! The searches of neighbouring runs are nearly the same one: a history is a new one when a shortest level of points
//! ([`SHORTEST`]) has come, so a history of `n` runs was searched `n / SHORTEST` times.
//!
//! What would make it wrong: noise that has another tail than the search was made for, which the detector's own rules
//! must keep out, and a few runs that are all disturbed in the same way, which no statistic tells from a change.

use engine_core::alert::Strength;
use engine_core::change::{ChangePoint, Kind, Tier};
use engine_core::history::{DatedChange, Direction, Timeline};
use engine_core::metric::Goal;

use crate::change::SHORTEST;
use crate::change::levels::{STAND_OUT, among};

/// Half the width of a 95 % interval, in standard errors.
const WIDE: f64 = 1.96;

/// So much of a change must be left for it to be told.
const HALF: f64 = 0.5;

/// How far a change in a history of so many points stands out, in standard errors, by its size and the interval of that.
/// Infinite where that is not known: from a level of zero every change is one.
///
/// The noise was estimated from these points, and few of them know it badly: the ratio is Student's, and is told as the
/// normal deviate with the same tail (Wallace, 1959).
#[must_use]
pub fn stands_out(change: &ChangePoint, points: usize) -> f64 {
    if !change.size.is_finite() {
        return f64::INFINITY;
    }
    let scale = |share: f64| (1.0 + share).max(f64::MIN_POSITIVE).ln();
    let (size, low, high) = (scale(change.size), scale(change.size_low), scale(change.size_high));
    let ratio = size.abs() * 2.0 * WIDE / (high - low);
    let freedom = points.saturating_sub(2).max(1) as f64;
    let found = (freedom * (ratio * ratio / freedom).ln_1p()).sqrt() * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0);
    if found.is_finite() { found } else { f64::INFINITY }
}

/// How far a change must stand out to be told, with all the histories that are looked at in the same run.
#[must_use]
pub fn needed(timelines: &[Timeline]) -> f64 {
    let told = timelines.iter().filter(|timeline| timeline.history.metric.goal != Goal::Neutral);
    let searches: f64 = told.map(|timeline| timeline.history.points.len() as f64 / SHORTEST as f64).sum();
    among(STAND_OUT, searches)
}

/// What a history has to tell that makes it worse now, and how strongly: the last change that stands out as far as is
/// needed and of which half is left, else the last one that is confirmed or suspected and not made good. Between the half
/// that it takes to say it and the quarter that it takes to be over nothing changes, so a level that hovers there is told
/// once.
#[must_use]
pub fn worse(timeline: &Timeline, needed: f64) -> Option<(&DatedChange, Strength)> {
    let points = timeline.history.points.len();
    let sure = |change: &ChangePoint| change.tier == Tier::Confirmed && stands_out(change, points) >= needed;
    if let Some(found) = timeline.regression_that(HALF, sure) {
        return Some((found, Strength::Strong));
    }
    let weak = timeline.regression(Tier::Confirmed).or_else(|| timeline.regression(Tier::Suspect))?;
    Some((weak, Strength::Weak))
}

/// The last change for the better that is sure enough to say that what was worse before is over.
#[must_use]
pub fn better(timeline: &Timeline, needed: f64) -> Option<&DatedChange> {
    let points = timeline.history.points.len();
    timeline.changes.iter().rev().find(|found| {
        let level = matches!(found.change.kind, Kind::Step | Kind::Trend | Kind::Return);
        let sure = found.change.tier == Tier::Confirmed && stands_out(&found.change, points) >= needed;
        level && sure && found.direction == Direction::Better
    })
}

#[cfg(test)]
mod tests;
