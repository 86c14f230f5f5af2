//! What can be found out about a scenario from its text, without running it: also in functions that nothing calls.

mod calls;
mod captures;
mod journeys;
mod metrics;
mod walk;

pub(crate) use journeys::journeys;
pub(crate) use metrics::recorded;
pub(crate) use walk::{Known, inspect};
