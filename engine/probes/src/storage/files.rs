//! `storage.files`: what a file system's own work costs: names made, looked up, changed, listed and removed.
//!
//! Method: in a fresh folder, one after the other: create so many files (with some bytes in each, if asked), `stat` each
//! in random order, rename each, list the folder several times, unlink each. Every call is a sample; `readdir` is one
//! sample for each whole listing, divided by its entries. Same ground as lmbench's `lat_fs` and fio's file operations.
//!
//! What would make the number wrong: a file system in memory, or none of its own (noted); names that the kernel still
//! knows, which is what programs meet too, so that `stat` is a cached look-up and no walk on the device; nothing here is
//! synced, so that a device may not have seen any of it (see `storage.fsync` for that); a folder that others use (it is
//! private). Counts, names and sizes are compared after each kind of call.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::beneath::Beneath;
use super::leftover;
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const COUNT: ParamDef = ParamDef {
    name: "files",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("2000"),
    tiny: Some("50"),
    doc: "files in the folder",
};
const BYTES: ParamDef = ParamDef {
    name: "bytes",
    kind: ParamKind::Size { min: 0.0, max: 1_048_576.0 },
    default: Some("0 B"),
    tiny: Some("1 KiB"),
    doc: "written to each file when it is created",
};
const FILE: ParamDef = ParamDef {
    name: "file",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "a folder on the device in question; by default the test folder",
};

const RATE: MetricDef = MetricDef {
    id: "rate",
    title: "calls of one kind, a second, one after the other",
    unit: Unit::PerSecond,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one call; of a listing, each entry's share");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "storage.files",
        summary: "What it costs to create, stat, rename, list and unlink files.",
        method: 1,
        about: "Calls one after the other in a fresh folder, labelled `op=create|stat|rename|readdir|unlink`; each call \
                is a sample, each listing one for all its entries. Nothing is synced, and names are looked up that the \
                kernel still knows, as programs do. The number is wrong for a device when the folder lies in memory \
                (noted). Counts, names and sizes are compared after each kind.",
        params: &[COUNT, BYTES, FILE],
        metrics: &[RATE, LATENCY],
        round_seconds: 0.15,
        process: RoundProcess::Engine,
        noise: OwnNoise::Io,
    },
    run,
};

/// Listings of the folder.
const LISTINGS: usize = 20;
/// Samples of each kind that are kept: the percentiles up to p99.9 are then those of all.
const KEPT: usize = 1001;

/// Why the folder could not be used.
#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error("cannot {what} `{}`: {source}", path.display())]
    Failed { what: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` has {found} entries after `{op}`, and should have {wanted}", path.display())]
    Count { op: &'static str, path: PathBuf, found: usize, wanted: usize },
    #[error("`{}` has {found} bytes, and {wanted} were written", path.display())]
    Size { path: PathBuf, found: u64, wanted: u64 },
}

impl FilesError {
    fn of(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Failed { what, path, source }
    }
}

impl From<FilesError> for ProbeError {
    fn from(error: FilesError) -> Self {
        use io::ErrorKind as Kind;
        let message = error.to_string();
        match &error {
            FilesError::Failed { source, .. } => match source.kind() {
                Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
                    Skip::new(SkipKind::Permission, message, "choose another folder with `file`").into()
                }
                Kind::StorageFull | Kind::QuotaExceeded => {
                    Skip::new(SkipKind::Resource, message, "free space, or use fewer `files`").into()
                }
                _ => Self::failed(message),
            },
            FilesError::Count { .. } | FilesError::Size { .. } => Self::verification(message),
        }
    }
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let named = args.text(FILE.name);
    let base = if named.is_empty() { cx.scratch } else { Path::new(named) };
    let count = usize::try_from(args.whole(COUNT.name)).unwrap_or(usize::MAX);
    let bytes = random_bytes(cx.seed, args.whole(BYTES.name));
    let folder = Folder::create(base)?;
    note_place(cx, &folder);

    let path = |stem: &str, at: usize| folder.path.join(format!("{stem}{at:06}"));
    let names: Vec<PathBuf> = (0..count).map(|at| path("a", at)).collect();
    let renamed: Vec<PathBuf> = (0..count).map(|at| path("b", at)).collect();
    let order = shuffled(count, cx.seed);

    let create = |at: usize| {
        let mut file = File::create_new(&names[at])?;
        if bytes.is_empty() { Ok(()) } else { file.write_all(&bytes) }
    };
    let times = each(cx, &(0..count).collect::<Vec<_>>(), create, FilesError::of("create a file in", &folder.path))?;
    folder.count("create", count)?;
    record(cx, "create", &times);

    let mut sizes = vec![0; count];
    let stat = |at: usize| {
        sizes[at] = fs::metadata(&names[at])?.len();
        Ok(())
    };
    let times = each(cx, &order, stat, FilesError::of("stat a file in", &folder.path))?;
    if let Some(at) = sizes.iter().position(|size| *size != bytes.len() as u64) {
        let (found, wanted) = (sizes[at], bytes.len() as u64);
        return Err(FilesError::Size { path: names[at].clone(), found, wanted }.into());
    }
    record(cx, "stat", &times);

    let rename = |at: usize| fs::rename(&names[at], &renamed[at]);
    let times = each(cx, &order, rename, FilesError::of("rename a file in", &folder.path))?;
    folder.count("rename", count)?;
    if let Some(old) = names.iter().find(|name| name.exists()) {
        let message = format!("`{}` is still there after it was renamed", old.display());
        return Err(ProbeError::verification(message));
    }
    record(cx, "rename", &times);

    let mut found = 0;
    let list = |_| {
        found += fs::read_dir(&folder.path)?.filter(Result::is_ok).count();
        Ok(())
    };
    let listings = if cx.tiny { 2 } else { LISTINGS };
    let mut times = each(cx, &vec![0; listings], list, FilesError::of("list", &folder.path))?;
    if found != listings * count {
        let (op, path) = ("readdir", folder.path.clone());
        return Err(FilesError::Count { op, path, found: found / listings, wanted: count }.into());
    }
    times.iter_mut().for_each(|time| *time /= count as f64);
    record(cx, "readdir", &times);

    let unlink = |at: usize| fs::remove_file(&renamed[at]);
    let times = each(cx, &order, unlink, FilesError::of("unlink a file in", &folder.path))?;
    folder.count("unlink", 0)?;
    record(cx, "unlink", &times);
    Ok(())
}

/// Times each call.
fn each(
    cx: &Context<'_>,
    order: &[usize],
    mut call: impl FnMut(usize) -> io::Result<()>,
    failed: impl FnOnce(io::Error) -> FilesError,
) -> Result<Vec<f64>, ProbeError> {
    let mut times = Vec::with_capacity(order.len());
    for (done, at) in order.iter().enumerate() {
        if done % 256 == 0 {
            cx.check()?;
        }
        let start = Moment::now();
        let outcome = call(*at);
        let end = Moment::now();
        if let Err(error) = outcome {
            return Err(failed(error).into());
        }
        times.push(end.since(start).as_secs_f64());
    }
    Ok(times)
}

fn record(cx: &mut Context<'_>, op: &str, times: &[f64]) {
    let labels = || Labels::new().with("op", op);
    cx.record_at(&RATE, labels(), times.len() as f64 / times.iter().sum::<f64>().max(1e-9));
    let mut kept = times.to_vec();
    if kept.len() > KEPT {
        kept.sort_by(f64::total_cmp);
        let last = (times.len() - 1) as f64;
        kept = (0..KEPT).map(|at| kept[(last * at as f64 / (KEPT - 1) as f64).round() as usize]).collect();
    }
    cx.record_with(LATENCY.metric(), labels(), &kept);
}

fn note_place(cx: &mut Context<'_>, folder: &Folder) {
    let Ok(beneath) = Beneath::of(&folder.handle) else { return };
    match beneath.special {
        Some(name) if beneath.in_memory => {
            cx.note(format!("the folder lies in memory ({name}): name one on a device with `file`"));
        }
        Some(name) => cx.note(format!("the folder lies on {name}, not directly on a device")),
        None => {}
    }
}

fn random_bytes(seed: u64, count: u64) -> Vec<u8> {
    let mut stream = Stream::new(seed, &[count]);
    (0..count.div_ceil(8)).flat_map(|_| stream.next_u64().to_le_bytes()).take(count as usize).collect()
}

fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut stream = Stream::new(seed, &[]);
    for at in (1..count).rev() {
        order.swap(at, stream.below(at as u64 + 1) as usize);
    }
    order
}

/// A folder of our own; removed with all that is in it when dropped. What a killed process left is removed by the next.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    handle: File,
}

impl Folder {
    fn create(base: &Path) -> Result<Self, FilesError> {
        leftover::sweep(base);
        let path = leftover::fresh(base, "files");
        DirBuilder::new().mode(0o700).create(&path).map_err(FilesError::of("create", &path))?;
        let handle = File::open(&path).map_err(FilesError::of("open", &path))?;
        leftover::claim(&handle);
        Ok(Self { path, handle })
    }

    fn count(&self, op: &'static str, wanted: usize) -> Result<(), FilesError> {
        let entries = fs::read_dir(&self.path).map_err(FilesError::of("list", &self.path))?;
        match entries.filter(Result::is_ok).count() {
            found if found == wanted => Ok(()),
            found => Err(FilesError::Count { op, path: self.path.clone(), found, wanted }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The test folder is removed by its owner; elsewhere the next start sweeps.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests;
