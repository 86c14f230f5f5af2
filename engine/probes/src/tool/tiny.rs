//! The smallest programs there are: static executables of a few hundred bytes, without libc and without a dynamic
//! linker, written by the engine itself. With them a start is a start, and not the loading of libraries.
//!
//! Their code is assembled into the engine's own read-only data and copied behind an ELF header. It is position
//! independent, keeps its state on the stack and makes system calls only.
#![expect(unsafe_code, reason = "the programs are assembly, found by its labels")]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{Ended, Order, above, exit_code};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Exits with code 0.
    Exit,
    /// Copies standard input to standard output, at most 4 KiB at a time, until its end.
    Echo,
    /// Runs another program and writes a [`Report`] to descriptor 3: argument 1 is the program's path, the rest its
    /// own arguments from its name on. Without arguments it exits with code 0.
    Launch,
}

/// Bytes that [`Kind::Launch`] writes: start and end (two `timespec` of `CLOCK_MONOTONIC_RAW`), wait status, error of
/// `exec` (0 when there was none), and a `rusage`; words in the machine's order.
pub(crate) const REPORT: usize = 192;

/// What [`Kind::Launch`] found.
#[derive(Clone, Copy)]
pub(crate) struct Report {
    /// From just before the start to the end of waiting, in seconds.
    pub(crate) wall: f64,
    /// Error of the start; 0 when there was none.
    pub(crate) error: i32,
    /// The program's end.
    pub(crate) ended: Ended,
}

/// Reads the bytes of a report; nothing when they are not one.
pub(crate) fn read_report(bytes: &[u8]) -> Option<Report> {
    let words: [i64; REPORT / 8] = {
        let mut words = [0; REPORT / 8];
        let (whole, rest) = bytes.as_chunks::<8>();
        if whole.len() != words.len() || !rest.is_empty() {
            return None;
        }
        words.iter_mut().zip(whole).for_each(|(word, bytes)| *word = i64::from_ne_bytes(*bytes));
        words
    };
    let [start_s, start_ns, end_s, end_ns, status, error, usage @ ..] = words;
    let wall = (end_s - start_s) as f64 + (end_ns - start_ns) as f64 * 1e-9;
    // SAFETY: a rusage is 18 words, each a plain number, on the 64-bit machines that have this program.
    let usage = unsafe { std::mem::transmute::<[i64; 18], libc::rusage>(usage) };
    Some(Report { wall, error: error as i32, ended: Ended { status: status as i32, usage } })
}

/// A tiny program on disk or in memory; gone when dropped.
#[derive(Debug)]
pub(crate) struct Tiny {
    path: PathBuf,
    memory: Option<File>,
}

impl Tiny {
    /// Writes the program into `folder` and runs it once. Where programs in `folder` may not be executed it is kept
    /// in memory (`memfd`) instead.
    ///
    /// # Errors
    /// When the processor is not known or neither place allows execution.
    pub(crate) fn new(kind: Kind, folder: &Path) -> io::Result<Self> {
        let code = code(kind).ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        let image = image(code);
        let on_disk = Self::on_disk(kind, folder, &image).and_then(Self::proved);
        on_disk.or_else(|_| Self::in_memory(&image).and_then(Self::proved))
    }

    fn on_disk(kind: Kind, folder: &Path, image: &[u8]) -> io::Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("tiny-{kind:?}-{}-{number}", std::process::id()).to_lowercase());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path)?;
        let tiny = Self { path, memory: None };
        file.write_all(image)?;
        Ok(tiny)
    }

    fn in_memory(image: &[u8]) -> io::Result<Self> {
        let mut file = memory_file()?;
        file.write_all(image)?;
        Ok(Self { path: format!("/proc/self/fd/{}", file.as_raw_fd()).into(), memory: Some(file) })
    }

    /// Runs it with nothing to do. Another thread that starts a process at the same moment may hold a copy of the
    /// just closed descriptor for an instant, and the kernel does not execute what is open for writing.
    fn proved(self) -> io::Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let files = [(null.as_raw_fd(), 0), (null.as_raw_fd(), 1)];
        let order = Order::new(&self.path, &[OsString::from("tiny")], &files)?;
        let mut tries = 0;
        let mut child = loop {
            match order.start() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 500 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(2));
                }
                other => break other?,
            }
        };
        match exit_code(child.wait()?.status) {
            0 => Ok(self),
            code => Err(io::Error::other(format!("the tiny program ends with exit code {code}"))),
        }
    }

    /// Where to execute it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        if self.memory.is_none() {
            // The folder is removed by its owner in any case.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An executable of one segment that is readable and executable: headers, then the code, where it starts.
fn image(code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 2 * 56;
    let machine: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    let size = HEADERS + code.len() as u64;
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let halves = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    let words = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    let longs = |out: &mut Vec<u8>, values: &[u64]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    halves(&mut out, &[2, machine]); // An executable for this machine,
    words(&mut out, &[1]);
    longs(&mut out, &[BASE + HEADERS, 64, 0]); // entered at the code, with its segments listed from byte 64.
    words(&mut out, &[0]);
    halves(&mut out, &[64, 56, 2, 64, 0, 0]);
    words(&mut out, &[1, 5]); // PT_LOAD, read and execute.
    longs(&mut out, &[0, BASE, BASE, size, size, 0x1_0000]);
    words(&mut out, &[0x6474_e551, 6]); // PT_GNU_STACK: a stack that is not executable.
    longs(&mut out, &[0, 0, 0, 0, 0, 16]);
    out.extend_from_slice(code);
    out
}

/// A file in memory that may be executed, under a number that no child's own descriptors use.
fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a text that ends with null; the result is checked before it is owned.
    let fd = unsafe {
        match libc::memfd_create(c"tiny".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(io::Error::last_os_error()),
            fd => OwnedFd::from_raw_fd(fd),
        }
    };
    above(fd).map(File::from)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
std::arch::global_asm!(include_str!("tiny/x86_64.s"));

#[cfg(all(target_arch = "aarch64", target_os = "linux", target_endian = "little"))]
std::arch::global_asm!(include_str!("tiny/aarch64.s"));

/// The code of a program.
#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
fn code(kind: Kind) -> Option<&'static [u8]> {
    unsafe extern "C" {
        #[link_name = "engine_tiny_exit"]
        static EXIT: u8;
        #[link_name = "engine_tiny_exit_end"]
        static EXIT_END: u8;
        #[link_name = "engine_tiny_echo"]
        static ECHO: u8;
        #[link_name = "engine_tiny_echo_end"]
        static ECHO_END: u8;
        #[link_name = "engine_tiny_launch"]
        static LAUNCH: u8;
        #[link_name = "engine_tiny_launch_end"]
        static LAUNCH_END: u8;
    }
    let (start, end) = match kind {
        Kind::Exit => (&raw const EXIT, &raw const EXIT_END),
        Kind::Echo => (&raw const ECHO, &raw const ECHO_END),
        Kind::Launch => (&raw const LAUNCH, &raw const LAUNCH_END),
    };
    // SAFETY: both labels lie in one piece of read-only data, the start before the end.
    Some(unsafe { std::slice::from_raw_parts(start, end as usize - start as usize) })
}

/// No code for this processor.
#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn code(_: Kind) -> Option<&'static [u8]> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_echo_returns_every_byte_and_ends_with_its_input() {
        let folder = tempfile::tempdir().unwrap();
        for echo in [
            Tiny::new(Kind::Echo, folder.path()).unwrap(),
            Tiny::in_memory(&image(code(Kind::Echo).unwrap())).and_then(Tiny::proved).unwrap(),
        ] {
            let sent: Vec<u8> = (0..20_000u32).map(|at| (at % 251) as u8).collect();
            let mut child = std::process::Command::new(echo.path())
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&sent).unwrap();
            let mut back = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
            assert!(child.wait().unwrap().success());
            assert_eq!(back, sent);
        }
    }

    #[test]
    fn it_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        drop(Tiny::new(Kind::Exit, folder.path()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
