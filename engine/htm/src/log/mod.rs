//! The file under a store: a log to which records are only ever appended, each with checksums of its own.
//!
//! * A put is one write at the end. A process that is killed in the middle of one leaves a beginning of that record, which
//!   the next opening cuts off: that put was never answered, and everything before it is whole.
//! * A place in the middle that is damaged is an error that names it. Nothing is changed; `salvage` reads what is sound.
//! * A last record that is complete and wrong may be either (a power cut may leave such a thing): the log goes on without
//!   it, and its bytes are kept in a file beside it.
//! * Compaction writes a new file beside the old one, syncs it and renames it over: at every moment one of both is whole.

mod header;
mod record;
mod scan;

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::store::StoreError;
pub(crate) use header::{HEADER, Header, Kind};
pub(crate) use record::FRAME;
pub use scan::Damage;
use scan::{Found, Scan};

/// When a put is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// From the death of the process as soon as it returns; from a power cut once `sync` was called.
    #[default]
    Process,
    /// From a power cut too: every put waits for the disk.
    Disk,
}

/// What opening a log cut off its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Where it began.
    pub at: u64,
    /// How many bytes it had.
    pub bytes: u64,
    /// What was wrong.
    pub what: &'static str,
    /// Where its bytes are kept, unless it was the beginning of a record whose write was interrupted.
    pub kept: Option<PathBuf>,
}

/// An open log, locked for this store alone.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    header: Header,
    end: u64,
    durability: Durability,
    /// The record that is being written.
    record: Vec<u8>,
    broken: bool,
    torn: Option<Torn>,
}

/// Names the file in an error of the system.
pub(crate) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { what, path: path.to_owned(), source }
}

/// A name beside the file.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A number that no other file has.
fn nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Locks the file until it is closed.
fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    match rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked(path.to_owned())),
        Err(error) => Err(io_error("lock", path)(error.into())),
    }
}

/// Makes a new or renamed name in its folder safe from a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl Log {
    /// Creates an empty log under a name that nobody has.
    pub(crate) fn create(path: &Path, kind: Kind, width: u32) -> Result<Self, StoreError> {
        let file = match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists(path.to_owned()));
            }
            other => other.map_err(io_error("create", path))?,
        };
        lock(&file, path)?;
        Self::begin(file, path, kind, width)
    }

    /// Writes the header into an empty, locked file.
    fn begin(file: File, path: &Path, kind: Kind, width: u32) -> Result<Self, StoreError> {
        let header = Header { kind, width, nonce: nonce() };
        file.write_all_at(&header.bytes(), 0).map_err(io_error("write", path))?;
        file.sync_all().and_then(|()| sync_folder(path)).map_err(io_error("sync", path))?;
        Ok(Self::over(file, path, header, HEADER))
    }

    fn over(file: File, path: &Path, header: Header, end: u64) -> Self {
        let (durability, record) = (Durability::default(), Vec::new());
        Self { file, path: path.to_owned(), header, end, durability, record, broken: false, torn: None }
    }

    /// Opens a log and hands every body to `apply`, in order; `apply` refuses what it cannot read.
    pub(crate) fn open(
        path: &Path,
        kind: Kind,
        mut apply: impl FnMut(&Header, &[u8]) -> Result<(), &'static str>,
    ) -> Result<Self, StoreError> {
        let (file, header) = Self::locked(path, kind)?;
        let failed = |error| io_error("read", path)(error);
        let mut log = Self::over(file, path, header, HEADER);
        let mut torn = None;
        let mut scan = Scan::new(&log.file, header.nonce).map_err(failed)?;
        let mut body = Vec::new();
        while let Some(found) = scan.next(&mut body).map_err(failed)? {
            match found {
                Found::Record { at } => {
                    let end = at + (FRAME + body.len()) as u64;
                    apply(&header, &body).map_err(|what| log.corrupt(at, end, what))?;
                    log.end = end;
                }
                Found::Damage(damage) if damage.last => torn = Some(damage),
                Found::Damage(damage) => return Err(log.corrupt(damage.from, damage.to, damage.what)),
            }
        }
        if let Some(damage) = torn {
            log.cut(damage)?;
        }
        log.mend()?;
        Ok(log)
    }

    /// Hands every sound body of a file that may be damaged to `apply`, and gives the damaged places. The file is not
    /// changed.
    pub(crate) fn salvage(
        path: &Path,
        kind: Kind,
        mut apply: impl FnMut(&Header, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(Header, Vec<Damage>), StoreError> {
        let (file, header) = Self::locked(path, kind)?;
        let failed = |error| io_error("read", path)(error);
        let mut scan = Scan::new(&file, header.nonce).map_err(failed)?;
        let (mut body, mut damaged) = (Vec::new(), Vec::new());
        while let Some(found) = scan.next(&mut body).map_err(failed)? {
            match found {
                Found::Record { .. } => apply(&header, &body)?,
                Found::Damage(damage) => damaged.push(damage),
            }
        }
        Ok((header, damaged))
    }

    /// Opens and locks a file, and reads its header.
    fn locked(path: &Path, kind: Kind) -> Result<(File, Header), StoreError> {
        let file = loop {
            let file = OpenOptions::new().read(true).write(true).open(path).map_err(io_error("open", path))?;
            lock(&file, path)?;
            // A compaction may have renamed another file over this one before it was locked.
            let here = file.metadata().map_err(io_error("look at", path))?;
            let named = fs::metadata(path).map_err(io_error("look at", path))?;
            if (here.dev(), here.ino()) == (named.dev(), named.ino()) {
                break file;
            }
        };
        let length = file.metadata().map_err(io_error("look at", path))?.len();
        let mut start = vec![0; length.min(HEADER) as usize];
        file.read_exact_at(&mut start, 0).map_err(io_error("read", path))?;
        let header = Header::read(&start, kind, path)?;
        Ok((file, header))
    }

    fn corrupt(&self, from: u64, to: u64, what: &'static str) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), from, to, what }
    }

    /// Cuts off an end that is no sound record; one that is more than an interrupted write is kept in a file beside.
    fn cut(&mut self, damage: Damage) -> Result<(), StoreError> {
        let bytes = damage.to - damage.from;
        let kept = if damage.unfinished {
            None
        } else {
            let kept = beside(&self.path, &format!(".torn-{}", damage.from));
            let mut tail = vec![0; bytes as usize];
            self.file.read_exact_at(&mut tail, damage.from).map_err(io_error("read", &self.path))?;
            let write = || -> io::Result<()> {
                let mut file = File::create(&kept)?;
                file.write_all(&tail)?;
                file.sync_all()
            };
            write().map_err(io_error("keep the damaged end in", &kept))?;
            Some(kept)
        };
        self.file.set_len(damage.from.max(HEADER)).map_err(io_error("cut", &self.path))?;
        self.torn = Some(Torn { at: damage.from, bytes, what: damage.what, kept });
        Ok(())
    }

    /// Writes a damaged or missing copy of the header again, and removes what an interrupted compaction left.
    fn mend(&self) -> Result<(), StoreError> {
        let (wanted, mut is) = (self.header.bytes(), [0; HEADER as usize]);
        if self.file.read_exact_at(&mut is, 0).is_err() || is != wanted {
            self.file.write_all_at(&wanted, 0).map_err(io_error("write", &self.path))?;
        }
        match fs::remove_file(beside(&self.path, ".new")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("tidy up beside", &self.path)(error)),
            _ => Ok(()),
        }
    }

    /// Appends a record whose body `write` appends to what it is given; its length in the file.
    ///
    /// # Errors
    /// The system's; the log is then as it was before.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<u64, StoreError> {
        if self.broken {
            return Err(StoreError::Broken(self.path.clone()));
        }
        self.record.clear();
        self.record.resize(FRAME, 0);
        write(&mut self.record);
        record::seal(&mut self.record, self.header.nonce, self.end);
        let mut written = self.file.write_all_at(&self.record, self.end);
        if written.is_ok() && self.durability == Durability::Disk {
            written = self.file.sync_data();
        }
        if let Err(error) = written {
            // What was written of it must not stand before the next record.
            self.broken = self.file.set_len(self.end).is_err();
            return Err(io_error("write", &self.path)(error));
        }
        self.end += self.record.len() as u64;
        Ok(self.record.len() as u64)
    }

    /// Replaces the log by one that holds only the bodies that `fill` writes: each call of its argument is a record.
    ///
    /// # Errors
    /// The system's; the old log is then still there, whole and open.
    pub(crate) fn rewrite(
        &mut self,
        fill: impl FnOnce(&mut dyn FnMut(&mut dyn FnMut(&mut Vec<u8>)) -> io::Result<()>) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = beside(&self.path, ".new");
        let header = Header { nonce: nonce(), ..self.header };
        let write = || -> io::Result<(File, u64)> {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
            let mut out = BufWriter::with_capacity(1 << 20, &file);
            out.write_all(&header.bytes())?;
            let (mut end, mut record) = (HEADER, Vec::new());
            fill(&mut |body| {
                record.clear();
                record.resize(FRAME, 0);
                body(&mut record);
                record::seal(&mut record, header.nonce, end);
                end += record.len() as u64;
                out.write_all(&record)
            })?;
            out.flush()?;
            drop(out);
            file.sync_all()?;
            Ok((file, end))
        };
        let replaced = write().and_then(|(file, end)| {
            // Locked before it has the name, so that nobody gets between.
            rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
            fs::rename(&path, &self.path)?;
            Ok((file, end))
        });
        let (file, end) = replaced.map_err(|error| {
            // The half-written file is of no use, and the next opening would remove it too.
            let _ = fs::remove_file(&path);
            io_error("compact", &self.path)(error)
        })?;
        (self.file, self.header, self.end, self.broken) = (file, header, end, false);
        sync_folder(&self.path).map_err(io_error("sync", &self.path))
    }

    /// Waits until everything is safe from a power cut.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(io_error("sync", &self.path))
    }

    pub(crate) fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn width(&self) -> u32 {
        self.header.width
    }

    /// Bytes of the file.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        let kept = self.torn.as_ref().and_then(|torn| torn.kept.as_ref()).map_or(0, PathBuf::capacity);
        self.path.capacity() + self.record.capacity() + kept
    }
}
