//! `build.link`: how much of a build is the linker.
//!
//! Method: a build into an empty target folder in which every run of the linker goes through a wrapper that times it, from
//! just before its start to its end ([`super::wrapper`]); stable rustc tells these times in no other way. The time is that
//! of the driver (`cc`) and of the linker below it, as rustc waits for it. Programs, dynamic libraries, build scripts
//! and procedural macros are linked; libraries of Rust are not.
//!
//! What would make the number wrong: crates that are compiled while another is linked take CPU time from the linker
//! (`jobs: 1`); a linker of another name than the usual ones is not seen, and the round fails; a linker that answers
//! before it is done.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::job::Job;
use super::linker::made_by;
use super::metrics::WALL;
use super::options::{KIND, Kind, params};
use super::wrapper::Wrapper;
use crate::{Context, Probe, ProbeError};

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "the linker, all its runs together");
const CPU: MetricDef = MetricDef::cost("cpu", Unit::Seconds, "CPU time of the linker");
const PEAK_MEMORY: MetricDef = MetricDef::cost("peak_memory", Unit::Bytes, "largest resident memory of the linker");
const OUTPUT_TIME: MetricDef = MetricDef::cost("output_time", Unit::Seconds, "the linker, for one of its results");
const LINKS: MetricDef = MetricDef::fact("links", Unit::Count, "how often the linker was run");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.link",
        summary: "How much of a build is the linker.",
        method: 1,
        about: "Builds from nothing with a wrapper between rustc and the linker, which times each run of the linker \
                from just before its start to its end; neither wrapper is in that time. `wall` is the whole build. The \
                numbers are wrong when other crates are compiled while one is linked (`jobs: 1`), or when a linker \
                answers before it is done.",
        params: params![KIND],
        metrics: &[TIME, CPU, PEAK_MEMORY, OUTPUT_TIME, LINKS, WALL],
        round_seconds: 2.0,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let kind = Kind::of(args);
    let job = Job::new(args, kind, cx)?;
    let Some(starter) = job.runner.starter() else {
        let reason = "the program that times the linker cannot be written or run here";
        return Err(
            Skip::new(SkipKind::Platform, reason, "set `run.scratch` to a folder where programs may run").into()
        );
    };
    let place = job.place()?;
    // Beside the target folder, so that the paths in it do not depend on it; gone with it.
    let wrapper = Wrapper::new(&place.path().join("wrapper"), starter)
        .map_err(|error| ProbeError::failed(format!("cannot write the linker's wrapper: {error}")))?;
    let mut call = job.build_call(&place.path().join("target"));
    call.environment.set("RUSTC_WRAPPER", wrapper.compiler());
    let built = job.build_by(&call, cx)?;
    let links = wrapper.links()?;
    if links.is_empty() {
        let made = built.messages.programs().count();
        return Err(ProbeError::failed(if made > 0 {
            "programs were made and no linker was seen: is it one of an unusual name?".to_owned()
        } else {
            "nothing is linked in this build: it makes no program and no dynamic library".to_owned()
        }));
    }
    cx.record(&TIME, links.iter().map(|link| link.wall).sum());
    cx.record(&CPU, links.iter().map(|link| link.cpu).sum());
    cx.record(&PEAK_MEMORY, links.iter().map(|link| link.peak_memory).fold(0.0, f64::max));
    cx.record(&LINKS, links.len() as f64);
    cx.record(&WALL, built.cost.wall);
    for link in &links {
        cx.record_at(&OUTPUT_TIME, Labels::new().with("output", link.name.clone()), link.wall);
    }
    if let Some(bytes) = built.messages.programs().next().and_then(|program| std::fs::read(program).ok()) {
        cx.note(format!("linked by {}", made_by(&bytes)));
    }
    Ok(())
}
