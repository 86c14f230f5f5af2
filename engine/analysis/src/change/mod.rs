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
//! a ramp (`ramp.rs`), of the residuals whether a few are spikes (`spike.rs`) or their spread changed (`spread.rs`), and
//! of the last few points whether they still belong to the present level (`suspect.rs`).
//!
//! What would make it wrong: noise that wanders like a random walk (its levels are real, and of no interest), changes
//! that come closer together than [`SHORTEST`] points, and a series that was smoothed before it came here.

mod history;
mod levels;
mod noise;
mod ramp;
mod segment;
mod spike;
mod spread;
mod suspect;
mod window;

pub use history::{History, detect};

/// Fewest points of a level that is confirmed.
pub const SHORTEST: usize = 5;

/// Fewest points from which anything is said.
pub const MIN_POINTS: usize = 2 * SHORTEST;

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// From one level to another at once.
    Step,
    /// From one level to another little by little.
    Trend,
    /// A few points apart, and back.
    Spike,
    /// The spread changed, the level did not.
    Variance,
    /// Back to the level before the last change.
    Return,
}

impl Kind {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Trend => "trend",
            Self::Spike => "spike",
            Self::Variance => "variance",
            Self::Return => "return",
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// A few points speak for it; it may pass.
    Suspect,
    /// It lasted, and stands out of the noise.
    Confirmed,
}

impl Tier {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Confirmed => "confirmed",
        }
    }
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// First point of the new regime, from 0; of a trend its first point, of a spike the point that stands out.
    pub index: usize,
    /// Lower end of the 95 % interval of `index`.
    pub low: usize,
    /// Upper end, included.
    pub high: usize,
    /// What kind of change it is.
    pub kind: Kind,
    /// How sure it is.
    pub tier: Tier,
    /// Relative change: 0.05 is 5 % more than before; of a trend from its beginning to its end, of a spike against the
    /// level around it, of a variance change that of the standard deviation. `NaN` where the level before is zero.
    pub size: f64,
    /// Lower end of the 95 % interval of `size`.
    pub size_low: f64,
    /// Upper end.
    pub size_high: f64,
}

#[cfg(test)]
mod tests;
