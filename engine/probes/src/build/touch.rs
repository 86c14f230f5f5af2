//! `build.touch`: what it costs to build again after a source file got a new time.
//!
//! Method: everything is built once, outside the time; then the first file of one crate (`touched`; by default the one in
//! the middle of the engine's own workspace) gets a new time, and cargo is run, measured as `build.check` is. That crate
//! and all that use it must have been compiled, and the program must still be right. This is the floor of the edit and
//! build cycle: the compiler finds that nothing in the file changed, where the profile compiles incrementally.
//!
//! A workspace that is not the engine's own gets no new time. Cargo compares the times of sources with that of a file
//! which it leaves in the target folder when it begins to compile; that file, which is ours, is made old instead, and
//! cargo finds the same.
//!
//! What would make the number wrong: what makes `build.check` wrong; a cargo that compares contents and not times (then
//! nothing is compiled, and the round fails).

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use engine_core::args::Args;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};

use super::job::Job;
use super::messages::Target;
use super::metrics;
use super::options::{KIND, Kind, RUNS, params};
use super::project::Origin;
use crate::{Context, Probe, ProbeError};

const TOUCHED: ParamDef = ParamDef {
    name: "touched",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "the package whose first file gets a new time; the manifest's own when empty",
};

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.touch",
        summary: "What it costs to build again after one file got a new time.",
        method: 1,
        about: "Builds once outside the time; then the first file of one crate counts as changed, and cargo is run \
                again: that crate and all that use it must have been compiled. Measured as `build.check`. Only files of \
                the engine's own get new times. The numbers are wrong when cargo does not go by times; then the round \
                fails.",
        params: params![TOUCHED, KIND, RUNS],
        metrics: &metrics::AGAIN,
        round_seconds: 2.0,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let job = Job::new(args, Kind::of(args), cx)?;
    let target = job.project.target(args.text(TOUCHED.name), &job.asker(), cx)?;
    let primed = job.primed(cx)?;
    for _ in 0..args.whole(RUNS.name) {
        make_stale(&job, &target, primed.path())?;
        let built = job.build(primed.path(), cx)?;
        let mut of_file = built.messages.artifacts.iter().filter(|one| one.target.src_path == target.src_path);
        if !of_file.any(|artifact| !artifact.fresh) {
            return Err(ProbeError::verification(format!(
                "`{}` was not compiled after its file got a new time: is it part of what is built, and does this cargo \
                 go by times?",
                target.name
            )));
        }
        metrics::record(cx, &built);
    }
    Ok(())
}

/// Makes cargo find that a target's first file is newer than what was built of it.
fn make_stale(job: &Job, target: &Target, built: &Path) -> Result<(), ProbeError> {
    if !matches!(job.project.origin, Origin::Theirs) {
        return File::options()
            .append(true)
            .open(&target.src_path)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .map_err(|error| ProbeError::failed(format!("cannot touch `{}`: {error}", target.src_path.display())));
    }
    let kind = if target.kind.iter().any(|kind| kind == "bin") { "bin" } else { "lib" };
    let names = [format!("dep-{kind}-{}", target.name), format!("dep-{kind}-{}", target.name.replace('-', "_"))];
    match age(built, &names) {
        Ok(0) => Err(ProbeError::verification(format!(
            "cargo keeps no time of `{}` where it is looked for: this version keeps it in another way",
            target.name
        ))),
        Ok(_) => Ok(()),
        Err(error) => Err(ProbeError::failed(format!("cannot change a time below `{}`: {error}", built.display()))),
    }
}

/// Makes all files of these names below a folder old; how many there were.
fn age(folder: &Path, names: &[String]) -> io::Result<u32> {
    // Older than every source; not the epoch itself, which some tools take for no time at all.
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(10 * 365 * 86_400);
    let mut found = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found += age(&entry.path(), names)?;
        } else if entry.file_name().to_str().is_some_and(|name| names.iter().any(|wanted| wanted == name)) {
            File::options().append(true).open(entry.path())?.set_modified(old)?;
            found += 1;
        }
    }
    Ok(found)
}
