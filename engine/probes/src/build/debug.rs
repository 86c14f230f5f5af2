//! `build.debug`: what it costs to build a crate by the `dev` profile.
//!
//! Method: `cargo build --offline` into an empty target folder, measured as `build.check` is. The program of the engine's
//! own workspace is run afterwards, and what it prints is compared with what plain loops compute.
//!
//! What would make the number wrong: what makes `build.check` wrong; and a slow disk under the target folder, which is
//! part of the cost (`target: "memory"` leaves it out).

use engine_core::args::Args;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};

use super::metrics;
use super::options::{Kind, params};
use crate::{Context, Probe, ProbeError};

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.debug",
        summary: "What it costs to build a crate without optimisation, from nothing.",
        method: 1,
        about: "`cargo build --offline` into an empty target folder of the engine's own: time from cargo's start to its \
                end, CPU time and largest process by `wait4`, memory of all processes sampled every 25 ms. The program of the own workspace is run and its result compared. The \
                numbers are wrong when the compiler's files are not in memory yet, or when an outer build's settings \
                reach this one (they are taken away, and a note says which).",
        params: params![],
        metrics: &metrics::ALL,
        round_seconds: 1.5,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    super::from_nothing(Kind::Debug, args, cx)
}
