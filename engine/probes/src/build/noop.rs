//! `build.noop`: what it costs to ask for a build when there is nothing to do.
//!
//! Method: everything is built once, outside the time; then cargo is run again with nothing changed, measured as
//! `build.check` is, and must say of every crate that it was up to date. Within a run of the engine the built state is
//! kept from round to round.
//!
//! What would make the number wrong: what makes `build.check` wrong; a build script that asks to be run every time (then
//! something is compiled, and the round fails instead of showing another number under this name).

use engine_core::args::Args;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};

use super::job::Job;
use super::metrics;
use super::options::{KIND, Kind, RUNS, params};
use crate::{Context, Probe, ProbeError};

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.noop",
        summary: "What it costs to ask for a build when nothing has changed.",
        method: 1,
        about: "Builds once outside the time, then runs cargo again with nothing changed: every crate must have been up \
                to date. Measured as `build.check`. The numbers are wrong when the folders of the project are not in \
                memory yet.",
        params: params![KIND, RUNS],
        metrics: &metrics::AGAIN,
        round_seconds: 1.0,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let job = Job::new(args, Kind::of(args), cx)?;
    let primed = job.primed(cx)?;
    for _ in 0..args.whole(RUNS.name) {
        let built = job.build(primed.path(), cx)?;
        if let Some(stale) = built.messages.artifacts.iter().find(|artifact| !artifact.fresh) {
            return Err(ProbeError::verification(format!(
                "`{}` was compiled again with nothing changed: does a build script want to run every time?",
                stale.target.name
            )));
        }
        metrics::record(cx, &built);
    }
    Ok(())
}
