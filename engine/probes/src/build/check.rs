//! `build.check`: what it costs to check a crate's types and borrows, without making code.
//!
//! Method: `cargo check --offline` into an empty target folder, started without a shell and timed as `tool.command` does
//! it: the clock runs from just before cargo's start to the end of waiting for it; CPU time and the largest process are
//! what `wait4` tells of cargo and of all that it waited for, as `/usr/bin/time -v` shows them. The memory of all
//! processes at once is sampled every 25 ms.
//!
//! What would make the number wrong: a cache of compiled crates in between (a wrapper of the compiler that a configuration names is switched off);
//! settings of an outer build (`CARGO_*`, `RUSTFLAGS` and a job server are not passed on, and a note says so); a
//! compiler whose files are not in memory yet, in the first round; a network, which no build gets; a version manager in
//! front of cargo, whose start is in the time, as it is for its user.

use engine_core::args::Args;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};

use super::metrics;
use super::options::{Kind, params};
use crate::{Context, Probe, ProbeError};

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.check",
        summary: "What it costs to check a crate, from nothing.",
        method: 1,
        about: "`cargo check --offline` into an empty target folder of the engine's own: time from cargo's start to its \
                end, CPU time and largest process by `wait4`, memory of all processes sampled every 25 ms. The \
                numbers are wrong when the compiler's files are not in memory yet, or when an outer build's settings \
                reach this one (they are taken away, and a note says which).",
        params: params![],
        metrics: &metrics::ALL,
        round_seconds: 0.6,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    super::from_nothing(Kind::Check, args, cx)
}
