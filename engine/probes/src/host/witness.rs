//! What the system did while a sample was taken: steal, pressure, switches, migrations, throttling.
//!
//! All files are opened once and read with `pread` into a fixed buffer, so that a reading costs some tens of
//! microseconds and allocates nothing. What would make it wrong: `/proc/stat` counts in steps of 10 ms; migrations and
//! run delay are those of the thread that opened the witness; some providers hide steal, for which the sentinel is the
//! second witness ([`Limits::clock_drift`](engine_core::taint::Limits::clock_drift)).

use super::live;
use super::tree::Tree;
use super::{cgroup, cpu};
pub use engine_core::taint::{Allowance, Limits, Observed, Taint};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// More throttle counters than this are not watched: a reading must stay short on a machine of many cores.
const MOST_COUNTERS: usize = 64;

/// Watches the system's counters over samples. Open one on each thread that measures.
#[derive(Debug)]
pub struct Witness {
    stat: Option<File>,
    pressures: [Option<File>; 3],
    sched: Option<File>,
    schedstat: Option<File>,
    throttles: Vec<File>,
    quota: Option<File>,
    tick: Duration,
    at: Instant,
    before: Counters,
}

/// One reading of everything.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    steal: Option<Duration>,
    busy: Option<Duration>,
    own_cpu: Duration,
    pressures: [Option<Duration>; 3],
    involuntary: u64,
    voluntary: u64,
    major_faults: u64,
    migrations: Option<u64>,
    run_delay: Option<Duration>,
    throttles: Option<u64>,
    quota: Option<u64>,
}

impl Witness {
    /// Opens all counters that this system has. What it lacks is `None` in every observation.
    pub fn open() -> Self {
        let tree = Tree::new(Path::new("/"));
        let open = |path: &str| File::open(tree.path(path)).ok();
        let quota = cgroup::place(&tree, "cpu").known().and_then(|place| open(&format!("{}/cpu.stat", place.folder())));
        let ticks = u32::try_from(live::ticks_per_second()).unwrap_or(100);
        let mut witness = Self {
            stat: open("/proc/stat"),
            pressures: ["cpu", "io", "memory"].map(|resource| open(&format!("/proc/pressure/{resource}"))),
            sched: open("/proc/thread-self/sched"),
            schedstat: open("/proc/thread-self/schedstat"),
            throttles: throttle_counters(&tree),
            quota,
            tick: Duration::from_secs(1) / ticks,
            at: Instant::now(),
            before: Counters::default(),
        };
        witness.start();
        witness
    }

    /// Starts an observation.
    pub fn start(&mut self) {
        self.before = self.read();
        self.at = Instant::now();
    }

    /// What happened since the start. May be called again: the start stays.
    pub fn finish(&mut self) -> Observed {
        let wall = self.at.elapsed();
        let (before, after) = (self.before, self.read());
        let time = |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
        let count = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
        let pressure = |index: usize| time(before.pressures[index], after.pressures[index]);
        Observed {
            wall,
            steal: time(before.steal, after.steal),
            busy: time(before.busy, after.busy),
            own_cpu: after.own_cpu.saturating_sub(before.own_cpu),
            pressure_cpu: pressure(0),
            pressure_io: pressure(1),
            pressure_memory: pressure(2),
            involuntary_switches: after.involuntary.saturating_sub(before.involuntary),
            voluntary_switches: after.voluntary.saturating_sub(before.voluntary),
            migrations: count(before.migrations, after.migrations),
            run_delay: time(before.run_delay, after.run_delay),
            major_faults: after.major_faults.saturating_sub(before.major_faults),
            thermal_throttles: count(before.throttles, after.throttles),
            quota_throttles: count(before.quota, after.quota),
        }
    }

    fn read(&self) -> Counters {
        let mut buffer = [0_u8; 4096];
        let own = live::usage(libc::RUSAGE_SELF);
        let children = live::usage(libc::RUSAGE_CHILDREN);
        let times = text(self.stat.as_ref(), &mut buffer).and_then(cpu_times);
        let ticks = |count: u64| self.tick.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let (busy, steal) = (times.map(|(busy, _)| ticks(busy)), times.map(|(_, steal)| ticks(steal)));
        let mut pressures = [None; 3];
        for (pressure, file) in pressures.iter_mut().zip(&self.pressures) {
            *pressure = text(file.as_ref(), &mut buffer).and_then(stalled).map(Duration::from_micros);
        }
        let migrations = text(self.sched.as_ref(), &mut buffer).and_then(|text| value(text, "se.nr_migrations", ':'));
        let run_delay = text(self.schedstat.as_ref(), &mut buffer).and_then(delay).map(Duration::from_nanos);
        let quota = text(self.quota.as_ref(), &mut buffer).and_then(|text| value(text, "nr_throttled", ' '));
        let mut throttles = None;
        for file in &self.throttles {
            if let Some(count) = text(Some(file), &mut buffer).and_then(|text| text.trim().parse::<u64>().ok()) {
                throttles = Some(throttles.unwrap_or(0_u64).saturating_add(count));
            }
        }
        Counters {
            steal,
            busy,
            own_cpu: cpu_time(&own).saturating_add(cpu_time(&children)),
            pressures,
            involuntary: unsigned(own.ru_nivcsw),
            voluntary: unsigned(own.ru_nvcsw),
            major_faults: unsigned(own.ru_majflt),
            migrations,
            run_delay,
            throttles,
            quota,
        }
    }
}

/// The core counters of each core and the package counter of each package, each once.
fn throttle_counters(tree: &Tree) -> Vec<File> {
    let online = cpu::online(tree, &tree.text("/proc/cpuinfo"));
    let mut files = Vec::new();
    let (mut packages, mut cores) = (Vec::new(), Vec::new());
    for cpu in online.known().into_iter().flatten() {
        let base = format!("/sys/devices/system/cpu/cpu{cpu}");
        if !tree.exists(&format!("{base}/thermal_throttle")) {
            continue;
        }
        for (seen, id, file) in [
            (&mut packages, "physical_package_id", "package_throttle_count"),
            (&mut cores, "thread_siblings_list", "core_throttle_count"),
        ] {
            let id = tree.text(&format!("{base}/topology/{id}"));
            if files.len() < MOST_COUNTERS && !seen.contains(&id) {
                files.extend(File::open(tree.path(&format!("{base}/thermal_throttle/{file}"))));
                seen.push(id);
            }
        }
    }
    files
}

/// What a file holds now, as far as the buffer reaches; the counters we want stand early.
fn text<'a>(file: Option<&File>, buffer: &'a mut [u8]) -> Option<&'a str> {
    let length = file?.read_at(buffer, 0).ok()?;
    let bytes = buffer.get(..length)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok(),
    }
}

/// Busy and stolen ticks of all CPUs: `cpu  user nice system idle iowait irq softirq steal guest guest_nice`. Guest
/// time is in user time already.
fn cpu_times(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let mut fields = [0_u64; 8];
    let mut words = line.split_ascii_whitespace();
    for field in &mut fields {
        *field = words.next()?.parse().ok()?;
    }
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = fields;
    let busy = [nice, system, irq, softirq].into_iter().fold(user, u64::saturating_add);
    Some((busy, steal))
}

/// Microseconds in which some task waited.
pub(crate) fn stalled(text: &str) -> Option<u64> {
    let line = text.lines().next()?.strip_prefix("some ")?;
    line.rsplit_once("total=")?.1.trim().parse().ok()
}

/// Nanoseconds ready to run but not running: the second number.
fn delay(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The number after a name and a separator, on a line of its own.
fn value(text: &str, name: &str, separator: char) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start_matches(' ').into())?;
    let rest: &str = if separator == ' ' { rest } else { rest.strip_prefix(separator)? };
    rest.trim().parse().ok()
}

pub(super) fn cpu_time(usage: &libc::rusage) -> Duration {
    let time = |time: libc::timeval| {
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_usec).unwrap_or(0).min(999_999) * 1000,
        )
    };
    time(usage.ru_utime).saturating_add(time(usage.ru_stime))
}

fn unsigned(count: libc::c_long) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counters_are_read_from_their_lines() {
        assert_eq!(cpu_times("cpu  10 1 5 1000 7 2 3 42 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"), Some((21, 42)));
        assert_eq!(cpu_times("cpu  10 1 5\n"), None);
        assert_eq!(stalled("some avg10=0.06 avg60=0.34 avg300=0.48 total=5423896\nfull total=3\n"), Some(5_423_896));
        assert_eq!(delay("117584 6002780 2\n"), Some(6_002_780));
        assert_eq!(
            value("x\nse.nr_migrations                             :   17\n", "se.nr_migrations", ':'),
            Some(17)
        );
        assert_eq!(value("nr_periods 5\nnr_throttled 3\nthrottled_time 9\n", "nr_throttled", ' '), Some(3));
    }

    #[test]
    fn work_of_our_own_is_seen_as_our_own() {
        let mut witness = Witness::open();
        witness.start();
        let started = live::thread_cpu();
        let mut sum = 0_u64;
        while live::thread_cpu() - started < Duration::from_millis(60) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let observed = witness.finish();
        assert!(observed.own_cpu >= Duration::from_millis(50), "{observed:?}");
        assert!(observed.wall >= Duration::from_millis(50), "{observed:?}");
    }

    #[test]
    fn waiting_counts_as_voluntary_switches() {
        let mut witness = Witness::open();
        witness.start();
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(witness.finish().voluntary_switches >= 5);
    }

    #[test]
    fn the_price_of_an_observation_is_shown() {
        let mut witness = Witness::open();
        let started = live::thread_cpu();
        for _ in 0..100 {
            witness.start();
            let _ = witness.finish();
        }
        println!("start and finish: {:?} of CPU time", (live::thread_cpu() - started) / 100);
    }

    proptest! {
        #[test]
        fn nothing_panics(input in any::<String>()) {
            let _ = (cpu_times(&input), stalled(&input), delay(&input), value(&input, "x", ':'), value(&input, "", ' '));
            let _ = (cpu_times(&format!("cpu {input}")), stalled(&format!("some {input}")));
        }
    }
}
