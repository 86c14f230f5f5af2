//! The facts that only a system call of the running machine tells.
#![expect(unsafe_code, reason = "system calls and CPUID")]

use engine_core::fact::Fact;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Name and version of the C library of this process.
pub(crate) fn libc_version() -> Fact<String> {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: the function has no preconditions and returns a static, terminated string.
        let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        Fact::Known(format!("glibc {}", version.to_string_lossy()))
    }
    #[cfg(target_env = "musl")]
    {
        Fact::Known("musl".to_owned())
    }
    #[cfg(not(any(target_env = "gnu", target_env = "musl")))]
    {
        Fact::unknown("not a C library that tells its version")
    }
}

/// Bytes that this user may still write to the file system of a folder.
pub(crate) fn free_bytes(folder: &Path) -> Fact<u64> {
    let Ok(path) = CString::new(folder.as_os_str().as_bytes()) else {
        return Fact::unknown("the path holds a zero byte");
    };
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path is terminated and the buffer has the size of the structure.
    if unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Fact::Unknown(format!("the file system does not tell: {}", std::io::Error::last_os_error().kind()));
    }
    // SAFETY: the call succeeded, so it filled the structure.
    let stat = unsafe { stat.assume_init() };
    // The widths of these fields differ between platforms.
    #[expect(clippy::unnecessary_cast, reason = "narrower on 32-bit targets")]
    Fact::Known((stat.f_bavail as u64).saturating_mul(stat.f_frsize as u64))
}

/// Time of one of the system's clocks.
pub(crate) fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid; a clock that does not exist leaves the time at zero.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Resources used by this process (`RUSAGE_SELF`) or its reaped children (`RUSAGE_CHILDREN`).
pub(crate) fn usage(who: libc::c_int) -> libc::rusage {
    // SAFETY: all-zero bytes are a valid value of this structure of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the structure that the call fills.
    unsafe { libc::getrusage(who, &raw mut usage) };
    usage
}

/// Whether this process has a child that was not waited for yet.
pub(crate) fn has_children() -> bool {
    // SAFETY: all-zero bytes are a valid value of this structure of integers.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the pointer is valid; the flags leave every child as it is.
    unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, look) == 0 }
}

/// Clock ticks a second in `/proc/stat`.
pub(crate) fn ticks_per_second() -> u64 {
    // SAFETY: no preconditions.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// The hypervisor's signature by CPUID leaf 0x4000_0000, such as `KVMKVMKVM`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn hypervisor_signature() -> Option<String> {
    let leaf = cpuid(0x4000_0000);
    let bytes: Vec<u8> = [leaf.ebx, leaf.ecx, leaf.edx].into_iter().flat_map(u32::to_le_bytes).collect();
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')).then(|| text.to_owned())
}

/// Other architectures have no such instruction.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn hypervisor_signature() -> Option<String> {
    None
}

#[cfg(target_arch = "x86_64")]
fn cpuid(leaf: u32) -> std::arch::x86_64::CpuidResult {
    // Older compilers hold the function for unsafe and newer ones do not; as a pointer it is the same to both.
    let call: unsafe fn(u32) -> std::arch::x86_64::CpuidResult = std::arch::x86_64::__cpuid;
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { call(leaf) }
}

/// Whether this process runs as the superuser.
pub(crate) fn is_root() -> bool {
    // SAFETY: no preconditions; it cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Whether this user may write to a file or folder.
pub(crate) fn is_writable(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: the path is terminated.
    unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
}

/// Whether the kernel's clock follows a source of time.
pub(crate) fn clock_synchronised() -> Fact<bool> {
    // SAFETY: all-zero bytes are valid, and mean "change nothing".
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the structure that the kernel fills.
    match unsafe { libc::adjtimex(&raw mut state) } {
        -1 => Fact::Unknown(format!("the kernel does not tell: {}", std::io::Error::last_os_error().kind())),
        status => Fact::Known(status != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0),
    }
}
