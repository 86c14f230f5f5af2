//! How much room this machine has right now: memory, disk, processors. Read from the system at each call.

use std::path::{Path, PathBuf};

/// Bytes that programs could still take without anything being pushed out: the least of what the machine has available and
/// what the memory cgroup of this process still allows. The machine's own figure knows nothing of the cgroup.
#[must_use]
pub fn memory_available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let machine = field(&text, "MemAvailable:").map_or(0, |kib| kib * 1024);
    cgroup_left().map_or(machine, |left| left.min(machine))
}

/// Bytes of memory that the machine has.
#[must_use]
pub fn memory_total() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    field(&text, "MemTotal:").map_or(0, |kib| kib * 1024)
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

/// What the memory cgroup of this process still allows; none where there is no limit.
fn cgroup_left() -> Option<u64> {
    let number = |path: PathBuf| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?.trim_start_matches('/'));
        let pairs = match controllers {
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
            _ => continue,
        };
        let folder = Path::new(pairs.0).join(path);
        // Version 1 says "no limit" with a number beyond any machine.
        if let (Some(limit), Some(used)) = (number(folder.join(pairs.1)), number(folder.join(pairs.2)))
            && limit < 1 << 60
        {
            return Some(limit.saturating_sub(used));
        }
    }
    None
}

/// Share of the last ten seconds in which nothing could go on for want of memory, in percent; 0 where the kernel does not
/// tell.
#[must_use]
pub fn memory_stalled() -> f64 {
    let text = std::fs::read_to_string("/proc/pressure/memory").unwrap_or_default();
    let full = text.lines().find_map(|line| line.strip_prefix("full avg10="));
    full.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// A file system's room, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What this user may still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// The room of the file system on which a path lies; none when it cannot be asked.
#[must_use]
pub fn disk(path: &Path) -> Option<Disk> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(Disk { free: stat.f_bavail.saturating_mul(stat.f_frsize), total: stat.f_blocks.saturating_mul(stat.f_frsize) })
}

/// The processors that this process may use, by number.
#[must_use]
pub fn processors() -> Vec<usize> {
    // SAFETY: all zeroes is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live set, and its size is given.
    let done = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if done != 0 {
        return (0..std::thread::available_parallelism().map_or(1, usize::from)).collect();
    }
    let bits = usize::try_from(libc::CPU_SETSIZE).unwrap_or(1024);
    // SAFETY: each number is below the size of the set.
    (0..bits).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}

/// Binds the calling thread to one processor. False when the system refuses.
#[must_use]
pub fn pin(cpu: usize) -> bool {
    if cpu >= usize::try_from(libc::CPU_SETSIZE).unwrap_or(0) {
        return false;
    }
    // SAFETY: all zeroes is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is below the size of the set, and the set lives through the call.
    unsafe {
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}

/// Seconds that a processor was busy since the machine started, with whatever and whoever; none where the system does not
/// tell. Some kernels count by sampling at their ticks: right on average, and coarse.
#[must_use]
pub fn processor_busy(number: usize) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    // SAFETY: a question about a constant of the system.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    #[expect(clippy::cast_precision_loss, reason = "a hundred or a thousand")]
    let seconds = busy(&text, number).filter(|_| ticks > 0).map(|busy| busy / ticks as f64);
    seconds
}

/// Ticks of a processor in which it was neither idle, nor waiting for I/O, nor taken away.
fn busy(stat: &str, number: usize) -> Option<f64> {
    let name = format!("cpu{number}");
    let line = stat.lines().find(|line| line.split_ascii_whitespace().next() == Some(name.as_str()))?;
    let fields: Vec<f64> = line.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _wait, irq, soft, ..] = fields.as_slice() else { return None };
    Some(user + nice + system + irq + soft)
}

/// CPU time of the calling thread so far, in seconds.
#[must_use]
pub fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which the call fills in.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    #[expect(clippy::cast_precision_loss, reason = "CPU seconds of a thread are far below 2^53")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_waiting_nor_stolen_is_busy() {
        let stat = "cpu  1 1 1 1 1 1 1 1 0 0\ncpu1 100 20 3 4000 500 6 7 800 0 0\ncpu10 9 9 9 9 9 9 9 9 0 0\nintr 5\n";
        assert_eq!((busy(stat, 1), busy(stat, 10), busy(stat, 2)), (Some(136.0), Some(45.0), None));
    }
}
