//! Anomalies in a series as it comes: one point in, one score out, in constant memory.
//!
//! Every detector has the same interface, so that what watches a run does not know which one it uses.

mod learned;
mod robust;

pub use learned::Learned;
pub use robust::Robust;

/// What a detector says of one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// From 0, as usual, towards 1; comparable within one detector only.
    pub score: f64,
    /// Whether this is the first point of something unusual. What goes on is told once.
    pub flag: bool,
}

impl Reading {
    /// Nothing unusual, or nothing known yet.
    pub const USUAL: Self = Self { score: 0.0, flag: false };
}

/// What finds anomalies in a series as it comes.
pub trait Anomalies {
    /// Takes the value at a time (in seconds, or any unit that rises). A value that is not finite is missing: it is not
    /// unusual, and leaves no trace.
    fn update(&mut self, time: f64, value: f64) -> Reading;
}
