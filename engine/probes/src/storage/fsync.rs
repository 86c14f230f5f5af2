//! `storage.fsync`: how long one small write takes until it is safe from a power cut.
//!
//! Method: write a block of random bytes, no two alike, at the end of a fresh file (or over blocks that were written and
//! synced before), then call `fdatasync` or `fsync`, or write to a file opened with `O_DSYNC`; every write is one sample.
//! The same load as `fio --ioengine=sync --rw=write --bs=4k --fdatasync=1`.
//!
//! What would make the number wrong: a file system in memory, and a device that confirms what only its volatile cache
//! holds (both are noted); zeroes, which some devices do not store (the bytes are random); overwriting blocks that
//! were never written, which costs an allocation as appending does (they are written first); a file on another device
//! than the one in question (`file`). Afterwards the blocks are read back, with the page cache dropped where the
//! kernel does so.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::stats::Stream;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::beneath::{Beneath, forget};
use super::{leftover, used};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const METHOD: ParamDef = ParamDef {
    name: "method",
    kind: ParamKind::Choice(&["fdatasync", "fsync", "dsync"]),
    default: Some("fdatasync"),
    tiny: None,
    doc: "how a write is made safe: a call after it, or `O_DSYNC` on the file",
};
const PATTERN: ParamDef = ParamDef {
    name: "pattern",
    kind: ParamKind::Choice(&["append", "overwrite"]),
    default: Some("append"),
    tiny: None,
    doc: "writes that make the file longer, or that replace what is there",
};
const BLOCK: ParamDef = ParamDef {
    name: "block",
    kind: ParamKind::Size { min: 1.0, max: 67_108_864.0 },
    default: Some("4 KiB"),
    tiny: Some("4 KiB"),
    doc: "bytes of each write",
};
const WRITES: ParamDef = ParamDef {
    name: "writes",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("100"),
    tiny: Some("3"),
    doc: "writes in each round",
};
const FILE: ParamDef = ParamDef {
    name: "file",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "a folder on the device in question; of a file that does not exist yet, its folder counts; by default the test folder",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one write and its sync");
const SYNC: MetricDef = MetricDef::cost("sync", Unit::Seconds, "the sync alone");
const CPU: MetricDef = MetricDef::cost(
    "cpu",
    Unit::Seconds,
    "processor time of a write and its sync, in user and kernel, and of making its bytes different",
);
const RATE: MetricDef = MetricDef {
    id: "rate",
    title: "safe writes in a second, one after the other",
    unit: Unit::PerSecond,
    goal: Goal::Higher,
    nature: Nature::Cost,
};

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "storage.fsync",
        summary: "How long one small write takes until it is safe from a power cut.",
        method: 2,
        about: "Writes blocks of random bytes one by one, each made safe by `fdatasync`, `fsync` or `O_DSYNC`; every \
                write is a sample. `overwrite` replaces blocks that were written and synced before. Same load as \
                `fio --ioengine=sync --rw=write --bs=4k --fdatasync=1`. The number is wrong for the device when the \
                file lies in memory, or when the device confirms what only a volatile cache holds; both are noted. \
                The blocks are read back and compared.",
        params: &[METHOD, PATTERN, BLOCK, WRITES, FILE],
        metrics: &[LATENCY, SYNC, RATE, CPU],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Io,
    },
    run,
};

/// Below this median no flash and no disk has stored anything yet, in seconds.
const SUSPECT: f64 = 30e-6;

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
enum StorageError {
    #[error("`{}` exists: name a folder, or a file that does not exist yet", .0.display())]
    Exists(PathBuf),
    #[error("no space for {need} bytes in `{}`, {free} are free: free some, or use a smaller `block` or `writes`", path.display())]
    Full { path: PathBuf, need: u64, free: u64 },
    #[error("`{}` may not be written: {source}; choose another place with `file`", path.display())]
    Refused { path: PathBuf, source: io::Error },
    #[error("cannot {what} `{}`: {source}", path.display())]
    Failed { what: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` holds other bytes in block {block} than were written", path.display())]
    Corrupt { path: PathBuf, block: u64 },
}

impl StorageError {
    fn of(what: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.to_owned();
        match source.kind() {
            Kind::AlreadyExists => Self::Exists(path),
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full { path, need: 1, free: 0 },
            Kind::ReadOnlyFilesystem | Kind::PermissionDenied => Self::Refused { path, source },
            _ => Self::Failed { what, path, source },
        }
    }
}

impl From<StorageError> for ProbeError {
    fn from(error: StorageError) -> Self {
        let message = error.to_string();
        match error {
            StorageError::Full { .. } => Skip::new(SkipKind::Resource, message, "free space on the device").into(),
            StorageError::Refused { .. } => Skip::new(SkipKind::Permission, message, "choose another `file`").into(),
            StorageError::Corrupt { .. } => Self::verification(message),
            StorageError::Exists(_) | StorageError::Failed { .. } => Self::failed(message),
        }
    }
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let (block, writes) = (args.whole(BLOCK.name), args.whole(WRITES.name));
    let method = args.text(METHOD.name);
    let overwrite = args.text(PATTERN.name) == "overwrite";
    let target = Target::create(args.text(FILE.name), cx.scratch, method == "dsync")?;
    let failed = |what, error| StorageError::of(what, &target.path, error);
    let beneath = Beneath::of(&target.file).map_err(|error| failed("look beneath", error))?;
    let need = block.saturating_mul(writes);
    if need > beneath.free {
        return Err(StorageError::Full { path: target.path.clone(), need, free: beneath.free }.into());
    }

    let mut bytes = vec![0; usize::try_from(block).unwrap_or(usize::MAX)];
    if overwrite {
        random(&mut bytes, cx.seed, 0);
        for at in 0..writes {
            cx.check()?;
            stamp(&mut bytes, cx.seed, at, 0);
            target.file.write_all_at(&bytes, at * block).map_err(|error| failed("prepare", error))?;
        }
    }
    // The empty or prepared file and its name are safe before the first sample.
    target.file.sync_all().map_err(|error| failed("sync", error))?;

    random(&mut bytes, cx.seed, 1);
    let taken = measure(&target, &mut bytes, writes, method, cx)?;
    verify(&target, &mut bytes, writes, cx)?;

    cx.record_all(&LATENCY, &taken.latencies);
    if method != "dsync" {
        cx.record_all(&SYNC, &taken.syncs);
    }
    let writes = taken.latencies.len() as f64;
    cx.record(&CPU, taken.cpu / writes);
    // With the time between them, as fio counts.
    cx.record(&RATE, writes / taken.seconds.max(1e-9));
    remark(cx, &beneath, &taken.latencies);
    Ok(())
}

/// What the writes took, in seconds: each with its sync, its sync alone, and all of them by the clock and of processors.
struct Taken {
    latencies: Vec<f64>,
    syncs: Vec<f64>,
    seconds: f64,
    cpu: f64,
}

fn measure(
    target: &Target,
    bytes: &mut [u8],
    writes: u64,
    method: &str,
    cx: &Context<'_>,
) -> Result<Taken, ProbeError> {
    let failed = |what, error| StorageError::of(what, &target.path, error);
    let (mut latencies, mut syncs) = (Vec::new(), Vec::new());
    let (before, begin) = (used::by_thread(), Moment::now());
    for at in 0..writes {
        cx.check()?;
        stamp(bytes, cx.seed, at, 1);
        let start = Moment::now();
        let wrote = target.file.write_all_at(bytes, at * bytes.len() as u64);
        let between = Moment::now();
        let synced = match method {
            "fdatasync" => target.file.sync_data(),
            "fsync" => target.file.sync_all(),
            _ => Ok(()),
        };
        let end = Moment::now();
        wrote.map_err(|error| failed("write to", error))?;
        synced.map_err(|error| failed("sync", error))?;
        latencies.push(end.since(start).as_secs_f64());
        syncs.push(end.since(between).as_secs_f64());
    }
    let seconds = Moment::now().since(begin).as_secs_f64();
    Ok(Taken { latencies, syncs, seconds, cpu: used::by_thread() - before })
}

/// Says where the file lay, and whether that explains a fast or a suspicious result.
fn remark(cx: &mut Context<'_>, beneath: &Beneath, latencies: &[f64]) {
    if let Some(name) = beneath.special {
        cx.note(if beneath.in_memory {
            format!(
                "the file lies in memory ({name}): this is not the speed of a device; name a folder on one with `file`"
            )
        } else {
            format!("the file lies on {name}, not directly on a device")
        });
    }
    if let Some(device) = &beneath.device {
        let cache = beneath.write_cache.as_deref().unwrap_or("unknown");
        cx.note(format!("device {device}, write cache: {cache}"));
    }
    let mut sorted = latencies.to_vec();
    sorted.sort_by(f64::total_cmp);
    if !beneath.in_memory && sorted[sorted.len() / 2] < SUSPECT {
        cx.note("suspect_volatile_cache: half of the writes took less than 30 us, which no device without a protected cache does");
    }
}

/// Reads every block back and compares it.
fn verify(target: &Target, bytes: &mut [u8], writes: u64, cx: &Context<'_>) -> Result<(), ProbeError> {
    let failed = |error| StorageError::of("read back", &target.path, error);
    forget(&target.file);
    let mut wanted = vec![0; bytes.len()];
    random(&mut wanted, cx.seed, 1);
    for at in 0..writes {
        cx.check()?;
        stamp(&mut wanted, cx.seed, at, 1);
        target.file.read_exact_at(bytes, at * wanted.len() as u64).map_err(failed)?;
        if *bytes != *wanted {
            return Err(StorageError::Corrupt { path: target.path.clone(), block: at }.into());
        }
    }
    Ok(())
}

/// Random bytes, the same for all blocks; `pass` tells what is written from what was there before.
fn random(bytes: &mut [u8], seed: u64, pass: u64) {
    let mut stream = Stream::new(seed, &[pass]);
    for piece in bytes.chunks_mut(8) {
        piece.copy_from_slice(&stream.next_u64().to_le_bytes()[..piece.len()]);
    }
}

/// Makes each sector one that no other block has, at the cost of a few words: as fio scrambles its buffers.
fn stamp(bytes: &mut [u8], seed: u64, block: u64, pass: u64) {
    let mut stream = Stream::new(seed, &[block, pass]);
    for sector in bytes.chunks_mut(512) {
        let word = stream.next_u64().to_le_bytes();
        let length = sector.len().min(word.len());
        sector[..length].copy_from_slice(&word[..length]);
    }
}

/// The test file; removed when dropped.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    file: File,
}

impl Target {
    /// Creates the file: in `scratch` when nothing is named, in the folder that is named, or under that very name.
    /// A file that exists is never touched.
    fn create(named: &str, scratch: &Path, dsync: bool) -> Result<Self, StorageError> {
        let named = Path::new(named);
        // Always a name of our own: by it the next start finds what a killed process left.
        let path = match named.parent() {
            _ if named.as_os_str().is_empty() => own_name(scratch),
            _ if named.is_dir() => own_name(named),
            _ if named.exists() => return Err(StorageError::Exists(named.to_owned())),
            Some(folder) if !folder.as_os_str().is_empty() => own_name(folder),
            _ => own_name(Path::new(".")),
        };
        // The file keeps its name while it is measured: some file systems sync less of a file that has none.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        if dsync {
            options.custom_flags(libc::O_DSYNC);
        }
        match options.open(&path) {
            Ok(file) => {
                leftover::claim(&file);
                Ok(Self { path, file })
            }
            Err(error) => Err(StorageError::of("create", &path, error)),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The test folder is removed by its owner; elsewhere there is nothing better to do about a refusal.
        let _ = fs::remove_file(&self.path);
    }
}

/// A name in the folder that nobody has, once what a killed process left there is gone.
fn own_name(folder: &Path) -> PathBuf {
    leftover::sweep(folder);
    leftover::fresh(folder, "fsync")
}

#[cfg(test)]
mod tests;
