//! `build.clean`: what it costs to remove what a build left.
//!
//! Method: everything is built once, outside the time; `cargo clean` is then run on a copy of the target folder, measured
//! as `build.check` is, and must leave nothing of it. How much there was is recorded beside it.
//!
//! What would make the number wrong: what makes `build.check` wrong; a file system that removes later what it says is
//! removed now.

use std::fs;
use std::io;
use std::path::Path;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::job::{Job, Primed};
use super::messages::first_error;
use super::metrics::{self, CPU, PEAK_MEMORY, SYSTEM, USER, WALL};
use super::options::{KIND, Kind, params};
use crate::{Context, Probe, ProbeError};

const FILES: MetricDef = MetricDef::fact("files", Unit::Count, "files that were removed");
const SIZE: MetricDef = MetricDef::fact("size", Unit::Bytes, "size of the files that were removed");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "build.clean",
        summary: "What it costs to remove what a build left.",
        method: 1,
        about: "Builds once outside the time, then runs `cargo clean` on a copy of the target folder, of which nothing \
                may be left. Measured as `build.check`. The numbers are wrong where a file system removes later what it \
                says is removed.",
        params: params![KIND],
        metrics: &[WALL, CPU, USER, SYSTEM, PEAK_MEMORY, FILES, SIZE],
        round_seconds: 1.0,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let job = Job::new(args, Kind::of(args), cx)?;
    let place = match job.primed(cx)? {
        Primed::New(place) => place,
        Primed::Kept(path) => {
            let place = job.place()?;
            copy(&path, place.path()).map_err(|error| {
                ProbeError::failed(format!("cannot copy what was built below `{}`: {error}", path.display()))
            })?;
            place
        }
    };
    let (files, size) = contents(place.path());
    cx.check()?;
    let done = job.runner.run(&job.call(&["clean"], place.path()), cx)?;
    if !done.success {
        return Err(ProbeError::failed(format!("`cargo clean` failed: {}", first_error(&done.errors))));
    }
    let (left, _) = contents(place.path());
    if left > 0 || files == 0 {
        return Err(ProbeError::verification(format!("`cargo clean` left {left} of {files} files")));
    }
    metrics::record_cost(cx, &done.cost);
    cx.record(&FILES, files as f64);
    cx.record(&SIZE, size as f64);
    Ok(())
}

/// Copies a folder with all that is in it; two names of one file become two files.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, aim) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&source, &aim)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, aim)?;
        } else {
            fs::copy(&source, &aim)?;
        }
    }
    Ok(())
}

/// How many files lie below a folder, and their size together.
fn contents(folder: &Path) -> (u64, u64) {
    let Ok(entries) = fs::read_dir(folder) else { return (0, 0) };
    entries.flatten().fold((0, 0), |(files, size), entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => {
            let (more, larger) = contents(&entry.path());
            (files + more, size + larger)
        }
        Ok(meta) => (files + 1, size + meta.len()),
        Err(_) => (files, size),
    })
}
