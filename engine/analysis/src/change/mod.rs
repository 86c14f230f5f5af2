//! Change points over a history: what changed, since when, by how much, and how sure that is.
//!
//! A [`History`] takes one point after the other and says at any time what it knows; [`detect`] gives it all points at
//! once, so that both are the same. Kinds are told apart: a step to a new level, a trend that leads to one, a spike that
//! leaves nothing behind, a change of the spread alone, and the return to the level before. What few points show is a
//! suspicion (`suspect`); it is `confirmed` when it lasts.
//!
//! The method in short (each file says its own): clip what no level explains, divide into levels by optimal
//! partitioning (`segment.rs`), take back every change that does not stand out of the noise beside it, with
//! autocorrelation estimated from the residuals and paid for (`levels.rs`), and ask of what remains whether it is rather
//! a ramp (`ramp.rs`) or a step near the end (`late.rs`), of the residuals whether a few are spikes (`spike.rs`) or their spread changed (`spread.rs`), and
//! of the last few points whether they still belong to the present level (`suspect.rs`).
//!
//! What would make it wrong: noise that wanders like a random walk (its levels are real, and of no interest), changes
//! that come closer together than [`SHORTEST`] points, and a series that was smoothed before it came here.

mod history;
mod late;
pub(crate) mod levels;
pub(crate) mod noise;
mod ramp;
mod segment;
mod spike;
mod spread;
mod suspect;
mod window;

pub use engine_core::change::{ChangePoint, Kind, Tier};
pub use history::{History, detect, detect_all};

/// Fewest points of a level that is confirmed.
pub const SHORTEST: usize = 5;

/// Fewest points from which anything is said.
pub const MIN_POINTS: usize = 2 * SHORTEST;

#[cfg(test)]
mod tests;
