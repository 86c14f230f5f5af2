//! Patterns over histories: cycles of the day and the week, metrics that change together, and facts of the environment
//! that explain a metric. Each is tested against its own chance, and of many tested at once only what stands out counts.

mod cycles;
mod facts;
mod together;

pub use cycles::{Cycle, Period, cycles};
pub use facts::{Explains, Fact, RunFacts, explaining};
pub use together::{Correlated, SharedChange, clusters, correlated, shared_changes};

/// Share of false ones among all patterns of a kind that are told.
const FALSE_DISCOVERIES: f64 = 0.05;

#[cfg(test)]
mod tests;
