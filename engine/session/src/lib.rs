//! Runs a plan: order, rounds, warm-up, stopping, taint, time-outs, events, resume. Knows no scripts.
#![forbid(unsafe_code)]

pub mod scripted;

pub mod bus;
pub mod clock;
mod custom;
mod ending;
pub mod fault;
mod groups;
pub mod isolate;
pub mod load;
mod progress;
pub mod round;
pub mod runner;
pub mod stress;
pub mod target;

pub use bus::{Bus, Sink};
pub use clock::SystemClock;
pub use ending::is_resumable;
pub use engine_probes::{Probe, ProbeError};
pub use fault::Faults;
pub use load::{LoadRequest, TargetAt, Watched};
pub use runner::{Settings, Watcher, resume, run};
pub use scripted::{CustomContext, Scripted};

#[cfg(test)]
mod tests;
