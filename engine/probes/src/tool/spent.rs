//! What calls cost beside time: CPU, switches and page faults of this process, of the children that it has waited for,
//! and of a server that still runs.
#![expect(unsafe_code, reason = "getrusage and the clock of another process are calls into libc")]

use std::fs;
use std::path::Path;

/// Counts since a process began, or between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spent {
    /// CPU time in user mode and in the kernel, in seconds.
    pub(crate) cpu: f64,
    /// Times a thread left its CPU, to wait or because it had to.
    pub(crate) switches: f64,
    /// Page faults that needed no device.
    pub(crate) minor_faults: f64,
}

impl Spent {
    /// Of all threads of this process and of the children that it has waited for.
    pub(crate) fn here() -> Self {
        Self::of(libc::RUSAGE_SELF).plus(Self::of(libc::RUSAGE_CHILDREN))
    }

    /// Of a running child's group: itself, and what it started and did not leave to another group. What ended before is
    /// not in it, so a difference may lack what a helper of the server used in between.
    pub(crate) fn of_group(group: i32) -> Self {
        members(Path::new("/proc"), group).iter().fold(Self::default(), |sum, pid| sum.plus(Self::of_process(*pid)))
    }

    /// What came between `earlier` and `self`; never below zero.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            cpu: (self.cpu - earlier.cpu).max(0.0),
            switches: (self.switches - earlier.switches).max(0.0),
            minor_faults: (self.minor_faults - earlier.minor_faults).max(0.0),
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            switches: self.switches + other.switches,
            minor_faults: self.minor_faults + other.minor_faults,
        }
    }

    fn of(who: libc::c_int) -> Self {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: `usage` is writable and as large as the kernel expects; all zero is a value of it, should the call
        // fail, which it only does for an unknown `who`.
        let usage = unsafe {
            libc::getrusage(who, usage.as_mut_ptr());
            usage.assume_init()
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
        Self {
            cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            switches: (usage.ru_nvcsw + usage.ru_nivcsw) as f64,
            minor_faults: usage.ru_minflt as f64,
        }
    }

    fn of_process(pid: i32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let switches = tasks
            .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
            .flat_map(|status| {
                let counts = status.lines().filter(|line| line.contains("voluntary_ctxt_switches:"));
                counts.filter_map(|line| line.split_whitespace().last()?.parse::<f64>().ok()).collect::<Vec<_>>()
            })
            .sum();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let minor_faults = field(&stat, 10).unwrap_or(0.0);
        Self { cpu: cpu_of(pid), switches, minor_faults }
    }
}

/// Largest resident sets of a group's processes together, in bytes; none when none can be read.
pub(crate) fn peak_memory(group: i32) -> Option<f64> {
    let peaks: Vec<f64> = members(Path::new("/proc"), group)
        .iter()
        .filter_map(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
        })
        .collect();
    (!peaks.is_empty()).then(|| peaks.iter().sum())
}

/// Processes of a group.
fn members(proc: &Path, group: i32) -> Vec<i32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(proc.join(format!("{pid}/stat"))).unwrap_or_default();
        field(&stat, 5).is_some_and(|found| (found - f64::from(group)).abs() < 0.5)
    })
    .collect()
}

/// Field `number` of a process's `stat`, counted from 1 as `proc(5)` does; from the third on, which follow the name.
fn field(stat: &str, number: usize) -> Option<f64> {
    let behind = stat.rsplit_once(')')?.1;
    behind.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// CPU time of another process, in seconds; 0 when it is gone.
fn cpu_of(pid: i32) -> f64 {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: both pointers are writable; a process that is gone makes the first call fail, and then nothing is read.
    let found = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) == 0 && libc::clock_gettime(clock, &raw mut time) == 0
    };
    if found { time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn work_of_this_process_and_of_a_running_group_is_seen() {
        let before = Spent::here();
        let mut sum = 0u64;
        while Spent::here().since(before).cpu < 0.005 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; read -r line";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let group = i32::try_from(child.id()).unwrap();
        let mut byte = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
        let (spent, peak) = (Spent::of_group(group), peak_memory(group).unwrap());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(spent.cpu > 1e-4 && spent.minor_faults > 10.0, "{spent:?}");
        assert!(peak > 100_000.0 && peak < 1e9, "{peak}");
        assert_eq!(Spent::of_group(group), Spent::default(), "nobody is left");
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        assert_eq!(field("7 (a) b) S 1 42 9 0 -1 0 321 0", 5), Some(42.0));
        assert_eq!(field("7 (a) b) S 1 42 9 0 -1 0 321 0", 10), Some(321.0));
        assert_eq!(field("", 5), None);
    }
}
