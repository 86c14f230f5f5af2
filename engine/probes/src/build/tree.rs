//! The processes below one: who they are, and how much memory they have together.
//!
//! `wait4` tells the largest resident set of any *one* process of a build; on a machine with many cores the sum of those
//! that run at once is what must fit. It is sampled from `/proc`: private pages of all, and the pages with a file behind
//! them (compiler and libraries, the same for every `rustc`) once, as many as the process with most of them has.
#![expect(unsafe_code, reason = "kill is a call into libc")]

use std::fs;

/// Pages of one process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Resident {
    private: u64,
    shared: u64,
}

/// Remembers the most that was seen.
#[derive(Debug)]
pub(crate) struct Sampler {
    root: i32,
    peak: u64,
    samples: u32,
}

impl Sampler {
    /// Looks at the processes below `root`, which is not counted itself.
    pub(crate) fn new(root: i32) -> Self {
        Self { root, peak: 0, samples: 0 }
    }

    /// Looks once.
    pub(crate) fn sample(&mut self) {
        let (mut private, mut shared) = (0, 0);
        let mut known: Vec<(i32, Option<Resident>)> = vec![(self.root, None)];
        let mut at = 0;
        while let Some(&(parent, own)) = known.get(at) {
            for child in children(parent) {
                let found = fs::read_to_string(format!("/proc/{child}/status")).ok().and_then(|text| resident(&text));
                // Between `vfork` and `exec` a child has its parent's memory, to the page.
                if let Some(found) = found.filter(|found| Some(*found) != own) {
                    private += found.private;
                    shared = shared.max(found.shared);
                }
                known.push((child, found));
            }
            at += 1;
        }
        if private + shared > 0 {
            self.samples += 1;
            self.peak = self.peak.max(private + shared);
        }
    }

    /// The most seen at once, in bytes; none when so few looks hit the build that a peak was easily missed.
    pub(crate) fn peak(&self) -> Option<u64> {
        (self.samples >= 5).then_some(self.peak)
    }
}

/// Every process below `root`.
pub(crate) fn below(root: i32) -> Vec<i32> {
    let mut all = children(root);
    let mut at = 0;
    while let Some(&process) = all.get(at) {
        all.extend(children(process));
        at += 1;
    }
    all
}

/// Ends the processes; to be called at once after [`below`], while their numbers are still their own.
pub(crate) fn end(processes: &[i32]) {
    for process in processes {
        // SAFETY: a signal to a process that was a moment ago below our own child; it may be gone: fine.
        unsafe { libc::kill(*process, libc::SIGKILL) };
    }
}

/// The children of all threads of a process; none where the kernel does not list them.
fn children(process: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

fn resident(status: &str) -> Option<Resident> {
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    };
    Some(Resident { private: field("RssAnon:")?, shared: field("RssFile:")? + field("RssShmem:")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    #[test]
    fn the_memory_of_all_processes_is_added_up() {
        // Two programs that each keep 24 MB until somebody reads them, which nobody does.
        let script = "head -c 24000000 /dev/zero | tail -c 24000000 | sleep 600 & \
                      head -c 24000000 /dev/zero | tail -c 24000000 | sleep 600";
        let mut shell = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).spawn().unwrap();
        let root = i32::try_from(shell.id()).unwrap();
        let mut sampler = Sampler::new(root);
        let late = Instant::now() + Duration::from_secs(600);
        while sampler.peak < 48_000_000 && Instant::now() < late {
            sampler.sample();
            std::thread::sleep(Duration::from_millis(5));
        }
        let found = below(root);
        end(&found);
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert!(sampler.peak >= 48_000_000, "{}", sampler.peak);
        assert!(found.len() >= 3, "{found:?}");
    }

    #[test]
    fn pages_are_read_by_their_kind() {
        let status =
            "Name:\trustc\nVmRSS:\t  9000 kB\nRssAnon:\t    5000 kB\nRssFile:\t    3000 kB\nRssShmem:\t    1000 kB\n";
        assert_eq!(resident(status), Some(Resident { private: 5_120_000, shared: 4_096_000 }));
        assert_eq!(resident("Name:\tkthreadd\n"), None);
    }
}
