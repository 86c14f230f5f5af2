//! What it costs to compile Rust: from nothing, again with nothing changed, after a change, one crate, the linker alone.
//!
//! Every probe builds the engine's own [`workspace`] or the crate that the option `manifest` names, always without a
//! network, always into a target folder of the engine's own; the user's `target` and sources stay as they are
//! ([`project`]). [`job`] is a build with its settings, [`cargo`] runs it, [`environment`] keeps the settings of an outer
//! build away from it, [`messages`] and [`timings`] read what cargo says, [`linker`] chooses the linker and [`wrapper`]
//! times it.

pub(crate) mod cargo;
pub mod check;
pub mod clean;
pub mod crates;
pub mod debug;
pub(crate) mod environment;
pub(crate) mod job;
pub mod link;
pub(crate) mod linker;
pub(crate) mod messages;
pub(crate) mod metrics;
pub mod noop;
pub(crate) mod options;
pub(crate) mod place;
pub(crate) mod project;
pub mod release;
pub(crate) mod timings;
pub(crate) mod toolchain;
pub mod touch;
pub(crate) mod tree;
pub(crate) mod workspace;
pub(crate) mod wrapper;

use engine_core::args::Args;

use crate::{Context, ProbeError};
use options::Kind;

/// Builds into an empty target folder, once.
fn from_nothing(kind: Kind, args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let job = job::Job::new(args, kind, cx)?;
    let place = job.place()?;
    let built = job.build(place.path(), cx)?;
    if built.messages.compiled() < built.messages.artifacts.len() {
        return Err(ProbeError::verification("something was there already in a new target folder"));
    }
    metrics::record(cx, &built);
    metrics::record_tree(cx, &built.cost);
    Ok(())
}

#[cfg(test)]
mod tests;
