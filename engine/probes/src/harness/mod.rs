//! What every probe measures with: a clock, a way to size a pass, memory that is first touched by its user, pinned
//! workers that start together, and a witness for the clock frequency.
//!
//! Nothing here prints, and nothing allocates, locks or logs between the start and the stop of a clock.

pub mod buffer;
pub mod calibrate;
pub mod clock;
pub mod faults;
pub mod opaque;
pub mod passes;
pub mod pin;
pub mod proportion;
pub(crate) mod repeated;
pub mod sentinel;
pub mod short;
pub mod team;
#[cfg(test)]
pub(crate) mod tests;
pub mod usage;

pub use buffer::{Buffer, BufferError, Pages};
pub use calibrate::{Calibration, Target, calibrate};
pub use clock::{ClockFacts, Moment, Stopwatch};
pub use sentinel::Beat;
pub use team::{Lap, Placement, Team, TeamError};
pub use usage::Usage;
