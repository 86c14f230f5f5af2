//! What a victim finds when it starts: a folder, a file system of its own, a resolver configuration of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Disk, Spec};
use crate::journal::{Entry, Undo};
use crate::process::Ident;

/// The variable that tells the victim where its file system is.
const DISK: &str = "ENGINE_DISK";

/// Made before the victim starts; all of it is in the journal.
#[derive(Debug)]
pub(super) struct Setup {
    /// Where the victim works.
    pub(super) folder: PathBuf,
    /// Its file system, when the engine could mount it itself or the victim's namespace shall.
    pub(super) disk: Option<Disk>,
    /// A copy of the resolver configuration that its namespace shows in place of the machine's.
    pub(super) resolver: Option<PathBuf>,
    /// What its calendar clock is off by.
    pub(super) clock: Option<PathBuf>,
    faketime: Option<PathBuf>,
    inner: Option<(PathBuf, u64)>,
}

impl Setup {
    pub(super) fn prepare(spec: &Spec, entry: &Entry, scratch: &Path) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let will = |undo: Undo| entry.will(undo).map_err(|error| error.to_string());
        let folder = scratch.join(entry.name("victim"));
        will(Undo::RemoveFolder { path: folder.clone() })?;
        std::fs::create_dir(&folder).map_err(text)?;
        let mut setup = Self { folder, disk: None, resolver: None, clock: None, faketime: None, inner: None };
        if let Some(size) = spec.disk {
            let path = setup.folder.join("disk");
            std::fs::create_dir(&path).map_err(text)?;
            will(Undo::Unmount { path: path.clone() })?;
            if mount_memory(&path, size) {
                setup.disk = Some(Disk { path, size, mechanism: "a file system in memory" });
            } else {
                setup.inner = Some((path, size));
            }
        }
        if spec.dns {
            let path = setup.folder.join("resolv.conf");
            std::fs::write(&path, std::fs::read("/etc/resolv.conf").unwrap_or_default()).map_err(text)?;
            setup.resolver = Some(path);
        }
        setup.faketime = spec.clock.then(faketime).flatten();
        if setup.faketime.is_some() {
            let path = setup.folder.join("clock");
            std::fs::write(&path, "+0\n").map_err(text)?;
            setup.clock = Some(path);
        }
        Ok(setup)
    }

    /// The command, with the place of its data: on its own file system where it has one.
    pub(super) fn command(&self, spec: &Spec) -> Vec<String> {
        let own = spec.disk.map(|_| self.folder.join("disk"));
        let data = own.or_else(|| spec.data.clone()).unwrap_or_else(|| self.folder.clone());
        let data = data.to_string_lossy();
        let mut command: Vec<String> = spec.command.iter().map(|word| word.replace("{data}", &data)).collect();
        // A path is meant from here, and the victim starts elsewhere.
        if let Some(program) = command.first_mut().filter(|program| program.contains('/'))
            && let Ok(path) = std::path::absolute(&*program)
        {
            *program = path.to_string_lossy().into_owned();
        }
        command
    }

    /// What its namespace has to mount.
    pub(super) fn inner_disk(&self) -> Option<(PathBuf, u64)> {
        self.inner.clone()
    }

    /// The environment, with the place of the file system when there is one.
    pub(super) fn environment(&self, spec: &Spec) -> BTreeMap<String, String> {
        let mut all = spec.environment.clone();
        if spec.disk.is_some() {
            all.insert(DISK.to_owned(), self.folder.join("disk").to_string_lossy().into_owned());
        }
        if let (Some(library), Some(clock)) = (&self.faketime, &self.clock) {
            let words = [
                ("LD_PRELOAD", library.to_string_lossy().into_owned()),
                ("FAKETIME_TIMESTAMP_FILE", clock.to_string_lossy().into_owned()),
                ("FAKETIME_NO_CACHE", "1".to_owned()),
                // Time-outs and pauses go by the other clock, which no administrator sets.
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ];
            all.extend(words.map(|(name, value)| (name.to_owned(), value)));
        }
        all
    }

    /// After the start: what the namespace has mounted is reached through the process.
    pub(super) fn settle(&mut self, process: &Ident, namespace: bool) {
        if let Some((path, size)) = self.inner.take().filter(|_| namespace) {
            let seen = PathBuf::from(format!("/proc/{}/root{}", process.pid, path.display()));
            self.disk = Some(Disk { path: seen, size, mechanism: "a file system in memory in a namespace of its own" });
        }
    }
}

/// The library that shows a program another time, where it is installed.
fn faketime() -> Option<PathBuf> {
    const NAME: &str = "faketime/libfaketime.so.1";
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let places = [format!("/usr/lib/{triple}/{NAME}"), format!("/usr/lib/{NAME}"), format!("/usr/lib64/{NAME}")];
    places.into_iter().map(PathBuf::from).find(|path| path.is_file())
}

/// Mounts a file system in memory; false when the system refuses, as it does to users.
fn mount_memory(path: &Path, size: u64) -> bool {
    let Ok(point) = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()) else { return false };
    let Ok(options) = std::ffi::CString::new(format!("size={size},mode=0777")) else { return false };
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    // SAFETY: all pointers are to C strings that live through the call.
    unsafe { libc::mount(c"none".as_ptr(), point.as_ptr(), c"tmpfs".as_ptr(), flags, options.as_ptr().cast()) == 0 }
}
