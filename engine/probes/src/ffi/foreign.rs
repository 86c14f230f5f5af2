//! The functions of C: those linked into the engine, and the same in a shared library that is embedded in it and
//! loaded at run time.
#![expect(unsafe_code, reason = "foreign functions, and loading a library")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::OnceLock;

use engine_core::step::{Skip, SkipKind};

/// The shared library's bytes; empty when none could be built.
pub(crate) static SHARED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libladder.so"));

/// Two words by value.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) steps: i64,
    pub(crate) sum: i64,
}

/// Eight words by value.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Large {
    pub(crate) words: [i64; 8],
}

/// A function of Rust that C calls with a state and a value.
pub(crate) type Step = unsafe extern "C" fn(state: *const c_void, value: i64) -> i64;

unsafe extern "C" {
    pub(crate) safe fn ladder_add(a: i64, b: i64) -> i64;
    pub(crate) safe fn ladder_pair(pair: Pair) -> Pair;
    pub(crate) safe fn ladder_large(large: Large) -> Large;
    pub(crate) safe fn ladder_name(number: u64) -> *const c_char;
    pub(crate) fn ladder_apply(step: Step, state: *const c_void, value: i64) -> i64;
    pub(crate) fn ladder_text(text: *const c_char) -> u64;
    pub(crate) fn ladder_ends(bytes: *const u8, length: usize) -> u64;
    pub(crate) fn ladder_keep(bytes: *mut u8, length: usize) -> u64;
}

/// `ladder_add` and `ladder_add_often` of the shared library.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    /// One addition, by its address.
    pub(crate) add: unsafe extern "C" fn(i64, i64) -> i64,
    /// So many additions, each called through the library's procedure linkage table.
    pub(crate) add_often: unsafe extern "C" fn(i64) -> i64,
}

/// A loaded copy of the shared library; unloaded when dropped.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Its functions, which are there as long as it is loaded.
    pub(crate) shared: Shared,
    handle: *mut c_void,
    /// Stays open: the loader knows libraries by their paths, and this one has its number in it.
    _file: File,
}

// SAFETY: the handle is a name that the loader gives, good in any thread; the functions share no state.
unsafe impl Send for Loaded {}
// SAFETY: as above; nothing changes it before it is dropped.
unsafe impl Sync for Loaded {}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once; whoever has copied its functions does not outlive it.
        unsafe { libc::dlclose(self.handle) };
    }
}

/// The shared library's functions; it is loaded at the first call and stays.
///
/// # Errors
/// A skip when it was not built, or the system does not load it.
pub(crate) fn shared() -> Result<Shared, Skip> {
    static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| load(SHARED));
    loaded.as_ref().map(|loaded| loaded.shared).map_err(|reason| {
        let remedy = "build the engine with a C compiler that makes shared libraries, without a static C library";
        Skip::new(SkipKind::Platform, format!("there is no shared library to call: {reason}"), remedy)
    })
}

/// So many copies of the shared library, each at an address of its own; fewer where the system loads no more.
pub(crate) fn copies(count: usize) -> Vec<Loaded> {
    (0..count).map_while(|_| load(SHARED).ok()).collect()
}

fn load(bytes: &[u8]) -> Result<Loaded, String> {
    if bytes.is_empty() {
        return Err("none could be built".to_owned());
    }
    let file = memory_file(c"ladder", bytes).map_err(|error| error.to_string())?;
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(|error| error.to_string())?;
    // SAFETY: the library is our own, and what it runs when loaded is nothing.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(said());
    }
    let find = |name: &CStr| {
        // SAFETY: an open library and a text that ends with zero.
        let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
        if found.is_null() { Err(said()) } else { Ok(found) }
    };
    let (add, add_often) = (find(c"ladder_add")?, find(c"ladder_add_often")?);
    // SAFETY: these are functions of the given types (`c/ladder.h`), called only while the library is loaded.
    let shared = unsafe {
        Shared {
            add: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(i64, i64) -> i64>(add),
            add_often: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(i64) -> i64>(add_often),
        }
    };
    Ok(Loaded { shared, handle, _file: file })
}

/// What the loader says about its last error.
fn said() -> String {
    // SAFETY: gives null or a text that is valid until the next call of the loader in this thread.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            "no reason is given".to_owned()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}

/// A file in memory with the given content; it needs no folder and is gone when closed.
pub(crate) fn memory_file(name: &CStr, bytes: &[u8]) -> io::Result<File> {
    // SAFETY: a text that ends with zero; the result is checked before it is owned.
    let mut file = unsafe {
        match libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(io::Error::last_os_error()),
            fd => File::from_raw_fd(fd),
        }
    };
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_add_and_are_not_the_same() {
        let shared = shared().unwrap();
        // SAFETY: two numbers are all that it wants.
        assert_eq!(unsafe { (shared.add)(2, 3) }, ladder_add(2, 3));
        // SAFETY: a count is all that it wants.
        assert_eq!(unsafe { (shared.add_often)(1_000) }, 499_500);
        assert_ne!(shared.add as usize, ladder_add as *const () as usize);
    }

    #[test]
    fn copies_lie_at_addresses_of_their_own_and_all_add() {
        let copies = copies(3);
        let mut places: Vec<usize> = copies.iter().map(|copy| copy.shared.add_often as usize).collect();
        // SAFETY: a count is all that it wants.
        assert!(copies.iter().all(|copy| unsafe { (copy.shared.add_often)(1_001) } == 500_500));
        places.push(shared().unwrap().add_often as usize);
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 4);
    }

    /// Its calls go through the linkage table when the loader is told to fill in the address of the function.
    #[test]
    fn the_shared_library_calls_through_its_linkage_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ladder.so");
        std::fs::write(&path, SHARED).unwrap();
        // It comes with the linker that has built the engine; where it does not, there is nothing to ask.
        let Ok(done) = std::process::Command::new("readelf").arg("-rW").arg(&path).output() else { return };
        let table = String::from_utf8(done.stdout).unwrap();
        assert!(table.lines().any(|line| line.contains("JUMP_SLO") && line.contains("ladder_add")), "{table}");
    }

    #[test]
    fn what_is_no_library_is_refused_with_the_reason() {
        assert_eq!(load(&[]).unwrap_err(), "none could be built");
        let reason = load(b"not a library at all").unwrap_err();
        assert!(reason.contains("file too short") || reason.contains("ELF"), "{reason}");
    }
}
