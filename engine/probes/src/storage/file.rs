//! The file that storage probes read and write: written in full with bytes that do not compress, synced, dropped from
//! the page cache, opened for direct I/O, and checked for holes before every round.
//!
//! It has no name: it is made with `O_TMPFILE`, or unlinked as soon as it is open. So nothing is left whatever becomes
//! of the process, and no later start has anything to sweep. Rounds of one run share it, since writing it anew each
//! time would cost more than the measurement: a round takes it and gives it back, and it goes with the process or with
//! the next file that takes its place.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use engine_core::step::{Skip, SkipKind};

use super::beneath::{Beneath, forget};
use super::extents::{self, Layout, Unwritten};
use super::stamp::{self, Compressible, UNIT, WORDS};
use super::{direct, leftover};
use crate::harness::{Buffer, Pages};
use crate::{Context, ProbeError};

/// Smaller than this a file says nothing; a device with less room is a skip.
const SMALLEST: u64 = 1 << 20;
/// Units read back and compared before each round.
const SAMPLE: u64 = 16;

/// Why there is no file to measure with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("`{}` exists, and this pattern would write to it: name a folder, or a file that does not exist yet", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is neither a file nor a block device", .0.display())]
    Kind(PathBuf),
    #[error("no room for a test file in `{}`: {free} bytes are free, and half of that is the most that is taken", folder.display())]
    Full { folder: PathBuf, free: u64 },
    #[error("`{}` may not be used: {source}; choose another place with `file`", path.display())]
    Refused { path: PathBuf, source: io::Error },
    #[error("cannot {what} the test file in `{}`: {source}", path.display())]
    Failed { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the test file `{}` is no measure of its device: {source}", path.display())]
    Unwritten { path: PathBuf, source: Unwritten },
    #[error("the test file `{}` could be compressed by its device: {source}", path.display())]
    Compressible { path: PathBuf, source: Compressible },
    #[error("unit {unit} of the test file in `{}` holds other bytes than were written", path.display())]
    Corrupt { path: PathBuf, unit: u64 },
}

impl From<FileError> for ProbeError {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::Full { .. } => Skip::new(SkipKind::Resource, message, "free space on the device").into(),
            FileError::Refused { .. } => Skip::new(SkipKind::Permission, message, "choose another `file`").into(),
            FileError::Exists(_) | FileError::Kind(_) | FileError::Failed { .. } => Self::failed(message),
            FileError::Unwritten { .. } | FileError::Compressible { .. } | FileError::Corrupt { .. } => {
                Self::verification(message)
            }
        }
    }
}

/// A file on the device in question.
#[derive(Debug)]
pub(crate) struct TestFile {
    /// Folder of the file, or the file that was named.
    place: PathBuf,
    /// Through the page cache.
    plain: File,
    /// Past it, or why not.
    direct: Result<File, String>,
    /// Bytes that may be used.
    pub(crate) len: u64,
    /// Bytes that it has.
    whole: u64,
    /// Key of its stamps; none when it is not one of ours.
    pub(crate) key: Option<u64>,
    /// Whether it is made by us and may be written.
    pub(crate) own: bool,
    /// Whether it is a whole block device.
    block_device: bool,
    /// Multiple of which offsets and lengths of direct I/O must be.
    pub(crate) align: u64,
}

/// The file of the last round.
static KEPT: Mutex<Option<TestFile>> = Mutex::new(None);

impl TestFile {
    /// The file for a round: the one of the round before when it fits, else a new one of `size` bytes, less where there
    /// is no room. `named` is empty for the test folder, or a folder, a file to be created there, or for reading only
    /// (`reads`) a file or block device that exists.
    pub(crate) fn take(named: &str, size: u64, reads: bool, cx: &Context<'_>) -> Result<Self, ProbeError> {
        let place = if named.is_empty() { cx.scratch } else { Path::new(named) };
        let before = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
        let file = match before.filter(|file| file.place == place && file.whole >= size) {
            Some(mut file) => {
                file.len = size;
                file
            }
            None if place.is_dir() => Self::make(place, nameless(place), size, cx)?,
            None if !place.exists() => Self::make(place, unlinked(place), size, cx)?,
            None if reads => Self::existing(place, size)?,
            None => return Err(FileError::Exists(place.to_owned()).into()),
        };
        file.check()?;
        Ok(file)
    }

    /// Leaves the file for the next round.
    pub(crate) fn keep(self) {
        if self.own {
            *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
        }
    }

    fn make(place: &Path, file: io::Result<File>, size: u64, cx: &Context<'_>) -> Result<Self, ProbeError> {
        let failed = |what, error| error_of(what, place, error);
        let plain = file.map_err(|error| failed("create", error))?;
        let free = Beneath::of(&plain).map_err(|error| failed("look beneath", error))?.free;
        let size = size.min(free / 2) / (1 << 20) * (1 << 20);
        if size < SMALLEST {
            return Err(FileError::Full { folder: place.to_owned(), free }.into());
        }
        let key = cx.seed | 1;
        let mut words = vec![0_u64; (1 << 20) / 8];
        for at in (0..size).step_by(1 << 20) {
            cx.check()?;
            for (index, unit) in (at / UNIT as u64..).zip(words.chunks_exact_mut(WORDS)) {
                stamp::make(unit, key, index);
            }
            plain.write_all_at(bytes_of(&words), at).map_err(|error| failed("write", error))?;
        }
        plain.sync_all().map_err(|error| failed("sync", error))?;
        Ok(Self::opened(place, plain, size, true))
    }

    fn existing(place: &Path, size: u64) -> Result<Self, ProbeError> {
        let failed = |what, error| error_of(what, place, error);
        let plain = File::open(place).map_err(|error| failed("open", error))?;
        let kind = plain.metadata().map_err(|error| failed("look at", error))?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(FileError::Kind(place.to_owned()).into());
        }
        let whole = io::Seek::seek(&mut &plain, io::SeekFrom::End(0)).map_err(|error| failed("measure", error))?;
        let mut file = Self::opened(place, plain, whole.min(size) / UNIT as u64 * UNIT as u64, false);
        file.block_device = kind.is_block_device();
        Ok(file)
    }

    fn opened(place: &Path, plain: File, len: u64, own: bool) -> Self {
        let direct = direct::open(&plain, own);
        let align = direct.as_ref().map_or(1, direct::alignment);
        let mut file = Self {
            place: place.to_owned(),
            plain,
            direct,
            len,
            whole: len,
            key: None,
            own,
            block_device: false,
            align,
        };
        file.key = file.read(0, 1).ok().and_then(|unit| stamp::key_of(unit.slice(0, WORDS)));
        file
    }

    /// What the device really holds, before anything is measured: written everywhere, not compressible, as stamped.
    /// Leaves nothing of it in the page cache, where the kernel obeys.
    fn check(&self) -> Result<(), FileError> {
        self.layout()?;
        forget(&self.plain);
        if let (true, Err(source)) = (self.own, self.sample()?) {
            return Err(FileError::Compressible { path: self.place.clone(), source });
        }
        Ok(())
    }

    /// How the file lies on its device; nothing for a block device.
    pub(crate) fn layout(&self) -> Result<Option<Layout>, FileError> {
        if self.block_device {
            return Ok(None);
        }
        match extents::check(&self.plain, self.len) {
            Ok(Ok(layout)) => Ok(Some(layout)),
            Ok(Err(source)) => Err(FileError::Unwritten { path: self.place.clone(), source }),
            // Neither extents nor holes are told: nothing is known, and the sample still is compared.
            Err(_) => Ok(None),
        }
    }

    /// Reads some units, spread over the file, compares those that carry a stamp of ours, and looks whether their
    /// bytes could be compressed. Of units that one buffer wrote one counts: but for their stamps they are alike, as
    /// they are with fio.
    pub(crate) fn sample(&self) -> Result<Result<(), Compressible>, FileError> {
        let units = self.len / UNIT as u64;
        let mut words = Vec::with_capacity(SAMPLE as usize * WORDS);
        let mut writers = HashSet::new();
        for unit in (0..SAMPLE.min(units)).map(|at| at * units / SAMPLE.min(units)) {
            let read = self.intact(unit)?;
            let read = read.slice::<u64>(0, WORDS);
            if self.key.is_none() || writers.insert(stamp::writer(read)) {
                words.extend_from_slice(read);
            }
        }
        Ok(stamp::check_random(&words))
    }

    /// Reads a unit, and compares it when it carries a stamp.
    pub(crate) fn intact(&self, unit: u64) -> Result<Buffer, FileError> {
        let read = self.read(unit, 1).map_err(|error| error_of("read", &self.place, error))?;
        match self.key {
            Some(key) if !stamp::is_intact(read.slice(0, WORDS), key, unit) => {
                Err(FileError::Corrupt { path: self.place.clone(), unit })
            }
            _ => Ok(read),
        }
    }

    fn read(&self, unit: u64, units: usize) -> io::Result<Buffer> {
        let mut buffer = Buffer::map(units * UNIT, Pages::System, u64::MAX).map_err(io::Error::other)?;
        let file = self.direct.as_ref().unwrap_or(&self.plain);
        file.read_exact_at(buffer.slice_mut(0, units * UNIT), unit * UNIT as u64)?;
        Ok(buffer)
    }

    /// The file through the page cache.
    pub(crate) fn plain(&self) -> &File {
        &self.plain
    }

    /// The file past the page cache, or why there is no way past it.
    pub(crate) fn direct(&self) -> Result<&File, &str> {
        self.direct.as_ref().map_err(String::as_str)
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }
}

fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: every byte of a word is a byte; the length is that of the words.
    #[expect(unsafe_code, reason = "words are written as bytes")]
    unsafe {
        std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words))
    }
}

/// A file in the folder that has no name.
fn nameless(folder: &Path) -> io::Result<File> {
    leftover::sweep(folder);
    let open = OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(folder);
    match open.as_ref().err().and_then(io::Error::raw_os_error) {
        Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT | libc::EINVAL) => unlinked(&leftover::fresh(folder, "io")),
        _ => open,
    }
}

/// A new file of this name, which is taken from it at once.
fn unlinked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

fn error_of(what: &'static str, path: &Path, source: io::Error) -> FileError {
    use io::ErrorKind as Kind;
    let path = path.to_owned();
    match source.kind() {
        Kind::AlreadyExists => FileError::Exists(path),
        Kind::StorageFull | Kind::QuotaExceeded => FileError::Full { folder: path, free: 0 },
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied => FileError::Refused { path, source },
        _ => FileError::Failed { what, path, source },
    }
}

/// The number of the file's descriptor in `/proc`.
pub(crate) fn own_link(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests;
