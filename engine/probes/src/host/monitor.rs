//! The system monitor: a background thread that reads the state of the machine once a second, and what that costs.
//!
//! `sysinfo` reads CPUs, memory, networks and our own process; disks, pressure and load come straight from `/proc`, where
//! device totals count each transfer once, however often a disk is mounted; clock, temperatures and power from `/sys`.
//! The thread's own CPU time is part of every sample, so nobody has to believe that watching is free.

use super::live;
use super::sensors::{Energies, Sensors};
use super::tree::Tree;
use super::watcher::Table;
use engine_core::host_sample::HostSample;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sysinfo::{Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// A running monitor. Dropping it stops it as well.
#[derive(Debug)]
pub struct Monitor {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<MonitorSummary>>,
}

/// What a monitor did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MonitorSummary {
    /// Samples taken.
    pub samples: u64,
    /// CPU seconds of the monitor's thread.
    pub cost: f64,
    /// The same over its wall time: 0.001 is a thousandth of one CPU.
    pub share: f64,
}

/// What the monitor's thread does next.
enum Wake {
    Sample,
    Stop,
}

impl Monitor {
    /// Starts a monitor that hands `sink` one sample a period, the first after one period; what is due when it is stopped is
    /// taken first. The sink runs on the monitor's thread and its CPU time is part of the monitor's cost.
    ///
    /// # Errors
    /// When the system refuses another thread, or is one that `sysinfo` cannot read.
    pub fn start(period: Duration, sink: Box<dyn FnMut(HostSample) + Send>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let (mut due, mut over) = (Instant::now() + period, false);
        let wait = move || match stopped.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => {
                // A late sample does not make the next ones late; missed ones are not caught up with.
                due = (due + period).max(Instant::now());
                Wake::Sample
            }
            // What was due while others had the processor is taken: whoever is watched for a period has a sample.
            Ok(()) | Err(RecvTimeoutError::Disconnected) if !over && Instant::now() >= due => {
                over = true;
                Wake::Sample
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Wake::Stop,
        };
        Self::spawn(stop, wait, sink)
    }

    fn spawn(
        stop: mpsc::Sender<()>,
        wait: impl FnMut() -> Wake + Send + 'static,
        sink: Box<dyn FnMut(HostSample) + Send>,
    ) -> std::io::Result<Self> {
        let system = System::new().map_err(std::io::Error::other)?;
        let thread = std::thread::Builder::new().name("monitor".to_owned()).spawn(move || watch(system, wait, sink))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops the monitor and says what it did. A sink that panicked ended it early and leaves nothing to say.
    pub fn stop(mut self) -> MonitorSummary {
        self.end()
    }

    fn end(&mut self) -> MonitorSummary {
        drop(self.stop.take());
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end();
    }
}

fn watch(
    system: System,
    mut wait: impl FnMut() -> Wake,
    mut sink: Box<dyn FnMut(HostSample) + Send>,
) -> MonitorSummary {
    let (started, begun) = (Instant::now(), live::thread_cpu());
    let mut sampler = Sampler::new(system, Tree::new(Path::new("/")), started, begun);
    let mut samples = 0;
    while let Wake::Sample = wait() {
        sink(sampler.sample());
        samples += 1;
    }
    let cost = live::thread_cpu().saturating_sub(begun).as_secs_f64();
    let wall = started.elapsed().as_secs_f64();
    MonitorSummary { samples, cost, share: if wall > 0.0 { cost / wall } else { 0.0 } }
}

/// Holds the last totals, of which a sample is the difference.
struct Sampler {
    tree: Tree,
    system: System,
    networks: Option<Networks>,
    sensors: Sensors,
    pid: Pid,
    started: Instant,
    last: Totals,
    last_cost: Duration,
}

/// Totals that only grow.
struct Totals {
    at: Instant,
    disks: Option<(u64, u64)>,
    pressures: [Option<u64>; 3],
    own_cpu: Duration,
    energies: Energies,
}

impl Sampler {
    fn new(mut system: System, tree: Tree, started: Instant, begun: Duration) -> Self {
        system.refresh_cpu_usage();
        let sensors = Sensors::open(&tree);
        let last = Totals::read(&tree, &sensors);
        Self {
            last,
            tree,
            system,
            networks: Networks::new_with_refreshed_list().ok(),
            sensors,
            pid: Pid::from_u32(std::process::id()),
            started,
            last_cost: begun,
        }
    }

    fn sample(&mut self) -> HostSample {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[self.pid]),
            false,
            ProcessRefreshKind::nothing().with_memory().without_tasks(),
        );
        let now = Totals::read(&self.tree, &self.sensors);
        let seconds = now.at.duration_since(self.last.at).as_secs_f64();
        let per_second = |amount: u64| if seconds > 0.0 { amount as f64 / seconds } else { 0.0 };
        let disks = now.disks.zip(self.last.disks);
        let (read, write) = (
            disks.map(|(now, last)| per_second(now.0.saturating_sub(last.0))),
            disks.map(|(now, last)| per_second(now.1.saturating_sub(last.1))),
        );
        let pressure = |index: usize| {
            let stalled = now.pressures[index]?.saturating_sub(self.last.pressures[index]?);
            Some((per_second(stalled) / 1e6).min(1.0))
        };
        let pressures = [pressure(0), pressure(1), pressure(2)];
        let own_cpu = now.own_cpu.saturating_sub(self.last.own_cpu).as_secs_f64();
        let [received, sent, loopback] = self.network().map(per_second);
        let share = |percent: f32| f64::from(percent) / 100.0;
        let mut sample = HostSample {
            at: now.at.duration_since(self.started).as_secs_f64(),
            cpu: share(self.system.global_cpu_usage()),
            cores: self.system.cpus().iter().map(|cpu| share(cpu.usage())).collect(),
            memory_used: self.system.used_memory(),
            memory_available: self.system.available_memory(),
            memory_total: self.system.total_memory(),
            swap_used: self.system.used_swap(),
            disk_read: read,
            disk_write: write,
            network_received: received,
            network_sent: sent,
            loopback,
            pressure_cpu: pressures[0],
            pressure_io: pressures[1],
            pressure_memory: pressures[2],
            temperatures: self.sensors.temperatures(),
            frequency: self.sensors.frequency(),
            power: self.sensors.power(&self.last.energies, &now.energies, seconds),
            load: super::load::read(&self.tree).average_1.copied(),
            own_memory: self.system.process(self.pid).map_or(0, sysinfo::Process::memory),
            own_cpu: if seconds > 0.0 { own_cpu / seconds } else { 0.0 },
            cost: 0.0,
        };
        self.last = now;
        let cost = live::thread_cpu();
        sample.cost = cost.saturating_sub(self.last_cost).as_secs_f64();
        self.last_cost = cost;
        sample
    }

    /// Bytes received, sent, and over the loopback since the last call.
    fn network(&mut self) -> [u64; 3] {
        let mut bytes = [0_u64; 3];
        if let Some(networks) = &mut self.networks {
            networks.refresh(true);
            for (name, data) in networks.iter() {
                if name == "lo" {
                    bytes[2] = bytes[2].saturating_add(data.received());
                } else {
                    bytes[0] = bytes[0].saturating_add(data.received());
                    bytes[1] = bytes[1].saturating_add(data.transmitted());
                }
            }
        }
        bytes
    }
}

impl Totals {
    fn read(tree: &Tree, sensors: &Sensors) -> Self {
        let stalled = |resource: &str| {
            let text = tree.text(&format!("/proc/pressure/{resource}"));
            text.known().and_then(|text| super::witness::stalled(text))
        };
        let disks = tree.names("/sys/block").known().cloned();
        Self {
            at: Instant::now(),
            disks: disks.and_then(|disks| tree.text("/proc/diskstats").known().map(|text| transferred(text, &disks))),
            pressures: [stalled("cpu"), stalled("io"), stalled("memory")],
            own_cpu: live::clock(libc::CLOCK_PROCESS_CPUTIME_ID).saturating_add(children(tree)),
            energies: sensors.energies(),
        }
    }
}

/// CPU time of all processes that this one started, ended or alive: what a build or a command under test uses is ours,
/// and no noise of others. The table of processes is read only while there is a child.
fn children(tree: &Tree) -> Duration {
    let ended = || super::witness::cpu_time(&live::usage(libc::RUSAGE_CHILDREN));
    let mut before = ended();
    let mut sum = before;
    // A child that ends while the table is read would be in neither sum. One that starts children all the time is not
    // waited for.
    for _ in 0..3 {
        if !live::has_children() {
            return ended();
        }
        let ticks = Table::read(tree).ticks_below(std::process::id());
        let alive = Duration::from_secs_f64(ticks as f64 / live::ticks_per_second() as f64);
        let after = ended();
        sum = after.saturating_add(alive);
        if after == before {
            break;
        }
        before = after;
    }
    sum
}

/// Bytes read from and written to all whole disks. Partitions, and devices that lie on top of others, would count
/// twice; compressed memory is no disk.
fn transferred(diskstats: &str, disks: &[String]) -> (u64, u64) {
    const STACKED: &[&str] = &["loop", "dm-", "md", "zram", "ram"];
    let mut sum = (0_u64, 0_u64);
    for line in diskstats.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (Some(name), Some(read), Some(written)) = (fields.get(2), fields.get(5), fields.get(9)) else { continue };
        if STACKED.iter().any(|prefix| name.starts_with(prefix)) || !disks.iter().any(|disk| disk == name) {
            continue;
        }
        // In sectors of 512 bytes, whatever the device's own are.
        let bytes = |sectors: &str| sectors.parse::<u64>().unwrap_or(0).saturating_mul(512);
        sum = (sum.0.saturating_add(bytes(read)), sum.1.saturating_add(bytes(written)));
    }
    sum
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn whole_disks_are_counted_once() {
        let text = "   8       0 sda 10 0 100 0 20 0 200 0 0 0 0\n   8       1 sda1 10 0 90 0 20 0 190 0 0 0 0\n\
                     252       0 zram0 1 0 8 0 1 0 8 0 0 0 0\n 7 0 loop0 1 0 8 0 1 0 8 0 0 0 0\n garbage\n";
        let disks = ["sda", "zram0", "loop0"].map(str::to_owned);
        assert_eq!(transferred(text, &disks), (100 * 512, 200 * 512));
    }

    #[test]
    fn samples_come_in_order_and_carry_their_cost() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stop, _) = mpsc::channel();
        let mut ticks = 0;
        let wait = move || {
            ticks += 1;
            // sysinfo keeps the last CPU usage when it is asked again at once, so a little time passes.
            std::thread::sleep(Duration::from_millis(2));
            if ticks <= 3 { Wake::Sample } else { Wake::Stop }
        };
        let sink = Arc::clone(&seen);
        let monitor = Monitor::spawn(stop, wait, Box::new(move |sample| sink.lock().unwrap().push(sample))).unwrap();
        let summary = monitor.stop();
        let samples = seen.lock().unwrap();
        println!("{summary:?} {:#?}", samples.last());
        assert_eq!((summary.samples, samples.len()), (3, 3));
        assert!(samples.is_sorted_by(|a, b| a.at < b.at));
        for sample in samples.iter() {
            assert!(sample.cost > 0.0 && sample.memory_total > 0 && !sample.cores.is_empty(), "{sample:?}");
            assert!((0.0..=1.0).contains(&sample.memory()) && sample.own_memory > 0, "{sample:?}");
        }
        let cost: f64 = samples.iter().map(|sample| sample.cost).sum();
        assert!(summary.cost >= cost && summary.share > 0.0, "{summary:?}");
    }

    #[test]
    fn what_children_use_is_ours_while_they_live_and_after() {
        // In a process of its own: other tests start children too, and what those leave behind counts for nobody.
        let name = "host::monitor::tests::alone_with_a_child";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let done = alone.args(["--exact", name, "--ignored"]).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "started by the test above, in a process of its own"]
    fn alone_with_a_child() {
        let tree = Tree::new(Path::new("/"));
        let before = children(&tree);
        let mut child = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        // Ticks are hundredths; however crowded the machine is, it gets some in the end.
        while children(&tree) < before + Duration::from_millis(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let alive = children(&tree);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(children(&tree) + Duration::from_millis(20) >= alive);
    }

    #[test]
    fn a_real_monitor_samples_and_stops_when_told() {
        let (send, receive) = mpsc::channel();
        let monitor = Monitor::start(
            Duration::from_millis(5),
            Box::new(move |sample: HostSample| {
                // The receiver goes away when enough has come.
                let _ = send.send(sample.at);
            }),
        )
        .unwrap();
        let first = receive.recv().unwrap();
        let second = receive.recv().unwrap();
        assert!(second > first);
        assert!(monitor.stop().samples >= 2);
        // Stopped before the first sample: nothing was taken, and it does not wait for the period.
        let idle = Monitor::start(Duration::from_secs(3600), Box::new(|_| {})).unwrap();
        assert_eq!(idle.stop().samples, 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = transferred(&text, &["a".to_owned()]);
            let _ = transferred(&format!("8 0 a {text}"), &["a".to_owned()]);
        }
    }
}
