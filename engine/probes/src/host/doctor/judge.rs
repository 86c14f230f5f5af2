//! What a finding means: pure functions from what was found to a row.

use super::{DoctorRow, Status};
use crate::host::rapl::Domain;
use crate::host::trial::Trial;
use engine_core::environment::{Cpu, Gpu, Memory, Power, Temperature};
use engine_core::fact::Fact;
use std::path::Path;

const GIB: f64 = (1_u64 << 30) as f64;

fn row(name: &str, status: Status, found: impl Into<String>, fix: impl Into<String>) -> DoctorRow {
    let fix = (status != Status::Ok).then(|| fix.into());
    DoctorRow { name: name.to_owned(), status, found: found.into(), fix }
}

/// A row about something that could not be read.
fn unread(name: &str, reason: &str) -> DoctorRow {
    row(name, Status::Warning, format!("unknown: {reason}"), "make it readable, or judge it by hand")
}

/// 16 GB are asked for. The kernel keeps some for itself, so 15 GiB count as 16; firmware of laptops keeps more.
pub(super) fn memory(usable: &Fact<u64>) -> DoctorRow {
    const NAME: &str = "memory";
    let bytes = match usable {
        Fact::Known(bytes) => *bytes as f64,
        Fact::Unknown(reason) => return unread(NAME, reason),
    };
    let found = format!("{:.1} GiB usable", bytes / GIB);
    let enough = if bytes >= 15.0e9 { Status::Ok } else { Status::Warning };
    row(NAME, enough, found, "16 GB are advised: large working sets are cut to what fits, and are marked so")
}

/// 10 GB are asked for, and 1 GB is the least that storage tests can use.
pub(super) fn space(name: &str, free: &Fact<u64>, place: &Path) -> DoctorRow {
    let bytes = match free {
        Fact::Known(bytes) => *bytes as f64,
        Fact::Unknown(reason) => return unread(name, reason),
    };
    let status = match bytes {
        bytes if bytes >= 10e9 => Status::Ok,
        bytes if bytes >= 1e9 => Status::Warning,
        _ => Status::Missing,
    };
    let place = place.display();
    row(name, status, format!("{:.1} GB free at {place}", bytes / 1e9), "free 10 GB there, or choose another folder")
}

pub(super) fn tool(name: &str, version: &Fact<String>, fix: &str) -> DoctorRow {
    match version {
        Fact::Known(version) => row(name, Status::Ok, version, ""),
        Fact::Unknown(reason) => row(name, Status::Missing, reason, fix),
    }
}

pub(super) fn python(version: &Fact<String>) -> DoctorRow {
    const NAME: &str = "Python";
    const FIX: &str = "install Python 3.9 or newer: the FFI and Python steps need it";
    let text = match version {
        Fact::Known(text) => text,
        Fact::Unknown(reason) => return row(NAME, Status::Missing, reason, FIX),
    };
    match python_version(text) {
        Some(version) if version >= (3, 9) => row(NAME, Status::Ok, text, ""),
        Some(_) => row(NAME, Status::Missing, format!("{text}, older than 3.9"), FIX),
        None => row(NAME, Status::Warning, format!("`{text}` is no version"), FIX),
    }
}

/// Major and minor of `Python 3.11.2`.
fn python_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("Python ")?.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, minor.parse().ok()?))
}

pub(super) fn io_uring(trial: Trial, disabled: Option<u32>) -> DoctorRow {
    const NAME: &str = "io_uring";
    let found = trial_text(trial);
    match (trial, disabled) {
        (Trial::Works, _) => row(NAME, Status::Ok, found, ""),
        (Trial::Refused(libc::ENOSYS), _) => {
            row(NAME, Status::Missing, found, "use kernel 5.6 or newer with `CONFIG_IO_URING`")
        }
        (_, Some(1 | 2)) => row(NAME, Status::Missing, found, "sysctl -w kernel.io_uring_disabled=0"),
        _ => row(
            NAME,
            Status::Missing,
            found,
            "allow the `io_uring_*` calls in the container's seccomp profile; epoll and pread serve meanwhile",
        ),
    }
}

fn trial_text(trial: Trial) -> String {
    match trial {
        Trial::Works => "works".to_owned(),
        Trial::Refused(number) => format!("refused: {}", std::io::Error::from_raw_os_error(number)),
        Trial::Killed(signal) => format!("the sandbox kills the caller (signal {signal})"),
        Trial::Untried => "could not be tried: no child process could be made".to_owned(),
    }
}

pub(super) fn huge_pages(reserved: &Fact<u64>, thp: Option<&str>) -> DoctorRow {
    const NAME: &str = "huge pages";
    const FIX: &str = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, or sysctl -w vm.nr_hugepages=512";
    let reserved_text =
        reserved.known().map_or_else(|| "reserved pages unknown".to_owned(), |n| format!("{n} reserved"));
    let found = format!("{reserved_text}, transparent: {}", thp.unwrap_or("unknown"));
    let some = reserved.known().is_some_and(|count| *count > 0) || matches!(thp, Some("always" | "madvise"));
    row(NAME, if some { Status::Ok } else { Status::Missing }, found, FIX)
}

pub(super) fn cgroups(version: &Fact<String>, writable: Fact<bool>) -> DoctorRow {
    const NAME: &str = "cgroups";
    const FIX: &str = "run as root, or as a systemd user unit with `Delegate=yes`: limits on victims and stressors need a group of ours";
    let version = match version {
        Fact::Known(version) => version,
        Fact::Unknown(reason) => return row(NAME, Status::Missing, reason, "mount cgroup2 at /sys/fs/cgroup"),
    };
    match writable {
        Fact::Known(true) => row(NAME, Status::Ok, format!("version {version}, writable"), ""),
        Fact::Known(false) => row(NAME, Status::Warning, format!("version {version}, not writable"), FIX),
        Fact::Unknown(reason) => row(NAME, Status::Warning, format!("version {version}, {reason}"), FIX),
    }
}

pub(super) fn namespaces(trial: Trial) -> DoctorRow {
    const FIX: &str = "sysctl -w kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 \
        (Ubuntu), or user.max_user_namespaces above 0: network faults are skipped without";
    let status = if trial == Trial::Works { Status::Ok } else { Status::Missing };
    row("namespaces", status, format!("user and network: {}", trial_text(trial)), FIX)
}

pub(super) fn governor(governor: &Fact<String>, hypervisor: Option<&str>) -> DoctorRow {
    const NAME: &str = "governor";
    match (governor, hypervisor) {
        (Fact::Known(name), _) if name == "performance" => row(NAME, Status::Ok, name, ""),
        (Fact::Known(name), _) => row(NAME, Status::Warning, name, "cpupower frequency-set -g performance"),
        (Fact::Unknown(_), Some(hypervisor)) => row(NAME, Status::Ok, format!("left to the host ({hypervisor})"), ""),
        (Fact::Unknown(reason), None) => row(
            NAME,
            Status::Warning,
            format!("unknown: {reason}"),
            "load a frequency driver, or fix the clock in the firmware",
        ),
    }
}

/// A limit below what the hardware can do, or boost that is off: the numbers are those of a slower machine.
pub(super) fn clock_limit(cpu: &Cpu) -> DoctorRow {
    const NAME: &str = "clock limit";
    let boost = match cpu.boost.copied() {
        Some(true) => ", boost on",
        Some(false) => ", boost off",
        None => "",
    };
    match (cpu.limit_mhz.copied(), cpu.max_mhz.copied()) {
        (Some(limit), Some(max)) => {
            let slow = limit < 0.99 * max || cpu.boost.copied() == Some(false);
            let status = if slow { Status::Warning } else { Status::Ok };
            let found = format!("{limit:.0} of {max:.0} MHz{boost}");
            let fix = "cpupower frequency-set -u with the highest frequency, and echo 1 > /sys/devices/system/cpu/cpufreq/boost";
            row(NAME, status, found, fix)
        }
        // The driver row says what to do where there is no frequency driver at all.
        _ => row(NAME, Status::Ok, "the system tells none", ""),
    }
}

/// On a battery, a processor is slower than itself.
pub(super) fn power(power: &Power) -> DoctorRow {
    const NAME: &str = "power supply";
    let charge =
        power.battery_charge.copied().map_or_else(String::new, |share| format!(", {:.0} % left", share * 100.0));
    match (power.source.as_deref(), power.battery.copied()) {
        (Some("battery"), _) => row(NAME, Status::Warning, format!("battery{charge}"), "connect the power supply"),
        (Some(source), Some(true)) => row(NAME, Status::Ok, format!("{source}, battery there{charge}"), ""),
        (Some(source), _) => row(NAME, Status::Ok, source, ""),
        (None, Some(true)) => row(NAME, Status::Warning, format!("a battery{charge}"), "make sure that it is charging"),
        (None, _) => row(NAME, Status::Ok, "no battery", ""),
    }
}

/// Without them the power of the processors is left out of the monitor's samples.
pub(super) fn energy(packages: &[Domain], readable: impl Fn(&Domain) -> bool) -> DoctorRow {
    const NAME: &str = "energy counters";
    let names: Vec<&str> = packages.iter().map(|domain| domain.name.as_str()).collect();
    if names.is_empty() {
        let fix = "modprobe intel_rapl_msr on the machine itself (AMD too); a virtual machine has none";
        return row(NAME, Status::Missing, "none", fix);
    }
    let found = names.join(", ");
    if packages.iter().all(readable) {
        return row(NAME, Status::Ok, found, "");
    }
    let fix = "run as root, or chmod a+r /sys/class/powercap/*/energy_uj: power is left out without";
    row(NAME, Status::Missing, format!("{found}, not readable by this user"), fix)
}

pub(super) fn temperature(sensors: &Fact<Vec<Temperature>>) -> DoctorRow {
    const NAME: &str = "temperature";
    match sensors {
        Fact::Known(sensors) => {
            let shown: Vec<String> =
                sensors.iter().take(4).map(|one| format!("{} {:.0} C", one.label, one.celsius)).collect();
            let more = sensors.len().saturating_sub(4);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            row(NAME, Status::Ok, format!("{}{more}", shown.join(", ")), "")
        }
        Fact::Unknown(reason) => {
            let fix = "modprobe k10temp or coretemp on the machine itself; a virtual machine has none";
            row(NAME, Status::Missing, reason, fix)
        }
    }
}

/// The modules give the limit of the memory bus.
pub(super) fn memory_modules(memory: &Memory) -> DoctorRow {
    const NAME: &str = "memory modules";
    const FIX: &str = "run as root: the share of the memory bus is unknown without, unless a machine profile gives it";
    match &memory.dimms {
        Fact::Known(dimms) => {
            let mut kinds: Vec<String> = dimms
                .iter()
                .map(|dimm| {
                    let speed = dimm.speed_mts.map_or_else(String::new, |speed| format!("-{speed}"));
                    format!("{}{speed}", dimm.technology)
                })
                .collect();
            kinds.dedup();
            let channels = memory.channels.copied().map_or_else(String::new, |n| format!(" in {n} channels"));
            row(NAME, Status::Ok, format!("{} x {}{channels}", dimms.len(), kinds.join(" + ")), "")
        }
        Fact::Unknown(reason) => row(NAME, Status::Missing, reason, FIX),
    }
}

pub(super) fn clock_source(source: &Fact<String>) -> DoctorRow {
    const NAME: &str = "clock source";
    match source {
        Fact::Known(name)
            if matches!(name.as_str(), "tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page") =>
        {
            row(NAME, Status::Ok, name, "")
        }
        Fact::Known(name) => row(
            NAME,
            Status::Warning,
            format!("{name}: each reading is a system call"),
            "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, or boot with `tsc=reliable`",
        ),
        Fact::Unknown(reason) => unread(NAME, reason),
    }
}

pub(super) fn gpu(gpus: &Fact<Vec<Gpu>>) -> DoctorRow {
    const NAME: &str = "GPU";
    const FIX: &str =
        "install the driver of the device, and pass /dev/dri into the container: GPU steps are skipped without";
    match gpus {
        Fact::Known(gpus) if gpus.is_empty() => row(NAME, Status::Missing, "none", FIX),
        Fact::Known(gpus) => {
            let names =
                gpus.iter().map(|gpu| format!("{} ({})", gpu.name, gpu.driver.as_deref().unwrap_or("no driver")));
            let status = if gpus.iter().any(|gpu| gpu.driver.is_some()) { Status::Ok } else { Status::Warning };
            row(NAME, status, names.collect::<Vec<_>>().join(", "), FIX)
        }
        Fact::Unknown(reason) => unread(NAME, reason),
    }
}

pub(super) fn perf(trial: Trial, paranoid: Option<i32>) -> DoctorRow {
    const NAME: &str = "performance counters";
    let paranoid_text = paranoid.map_or_else(String::new, |level| format!(", perf_event_paranoid {level}"));
    let found = format!("{}{paranoid_text}", trial_text(trial));
    match trial {
        Trial::Works => row(NAME, Status::Ok, found, ""),
        Trial::Refused(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV) => row(
            NAME,
            Status::Missing,
            found,
            "this processor or virtual machine has no counters: enable the virtual PMU on the host",
        ),
        _ => row(
            NAME,
            Status::Missing,
            found,
            "sysctl -w kernel.perf_event_paranoid=2, and allow `perf_event_open` in the sandbox",
        ),
    }
}

pub(super) fn descriptors(soft: &Fact<Option<u64>>) -> DoctorRow {
    const NAME: &str = "file descriptors";
    match soft {
        Fact::Known(None) => row(NAME, Status::Ok, "no limit", ""),
        Fact::Known(Some(count)) => {
            let status = if *count >= 65_536 { Status::Ok } else { Status::Warning };
            row(
                NAME,
                status,
                format!("soft limit {count}"),
                "ulimit -n 65536: each connection of a load test takes one",
            )
        }
        Fact::Unknown(reason) => unread(NAME, reason),
    }
}

/// Beyond a tenth of the CPUs, somebody else is at work.
pub(super) fn load(average: &Fact<f64>, cpus: u32) -> DoctorRow {
    const NAME: &str = "load";
    match average {
        Fact::Known(average) => {
            let quiet = *average <= 0.1 * f64::from(cpus).max(1.0) + 0.1;
            let found = format!("{average:.2} over the last minute on {cpus} CPUs");
            row(
                NAME,
                if quiet { Status::Ok } else { Status::Warning },
                found,
                "stop other work, or wait: results will be tainted",
            )
        }
        Fact::Unknown(reason) => unread(NAME, reason),
    }
}

pub(super) fn swap(bytes: &Fact<u64>, zram: Option<bool>, swappiness: Option<u32>) -> DoctorRow {
    const NAME: &str = "swap";
    match bytes {
        Fact::Known(0) => row(NAME, Status::Ok, "none", ""),
        Fact::Known(bytes) => {
            let kind = if zram == Some(true) { "with compressed memory" } else { "on disk" };
            let swappiness = swappiness.map_or_else(String::new, |value| format!(", swappiness {value}"));
            let found = format!("{:.1} GiB {kind}{swappiness}", *bytes as f64 / GIB);
            row(
                NAME,
                Status::Warning,
                found,
                "swapoff -a for the time of the run: a page that comes back from swap is a taint",
            )
        }
        Fact::Unknown(reason) => unread(NAME, reason),
    }
}

pub(super) fn time_sync(synchronised: Fact<bool>) -> DoctorRow {
    const NAME: &str = "time synchronisation";
    const FIX: &str = "timedatectl set-ntp true: dates of results and of other machines will not agree without";
    match synchronised {
        Fact::Known(true) => row(NAME, Status::Ok, "synchronised", ""),
        Fact::Known(false) => row(NAME, Status::Warning, "not synchronised", FIX),
        Fact::Unknown(reason) => row(NAME, Status::Warning, format!("unknown: {reason}"), FIX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Missing, Ok, Warning};

    fn unknown<T>() -> Fact<T> {
        Fact::unknown("hidden")
    }

    #[test]
    fn sizes() {
        for (bytes, status) in [(16_000_000_000, Ok), (15_500_000_000, Ok), (8_000_000_000, Warning)] {
            assert_eq!(memory(&Fact::Known(bytes)).status, status, "{bytes}");
        }
        for (bytes, status) in [(10_000_000_000, Ok), (9_999_999_999, Warning), (999_999_999, Missing)] {
            assert_eq!(space("x", &Fact::Known(bytes), Path::new("/")).status, status, "{bytes}");
        }
        assert_eq!(memory(&unknown()).found, "unknown: hidden");
    }

    #[test]
    fn python_versions() {
        for (text, status) in [
            ("Python 3.9.0", Ok),
            ("Python 3.14.0rc1", Ok),
            ("Python 4.0", Ok),
            ("Python 3.8.19", Missing),
            ("Python 2.7", Missing),
            ("PyPy", Warning),
        ] {
            assert_eq!(python(&Fact::Known(text.to_owned())).status, status, "{text}");
        }
        assert_eq!(python(&unknown()).status, Missing);
    }

    #[test]
    fn trials_name_their_cause_and_remedy() {
        for (trial, disabled, status, fix) in [
            (Trial::Works, Some(0), Ok, None),
            (Trial::Refused(libc::EPERM), Some(2), Missing, Some("sysctl")),
            (Trial::Refused(libc::ENOSYS), None, Missing, Some("kernel 5.6")),
            (Trial::Killed(libc::SIGSYS), Some(0), Missing, Some("seccomp")),
        ] {
            let row = io_uring(trial, disabled);
            assert_eq!(row.status, status, "{trial:?}");
            assert_eq!(row.fix.is_some(), fix.is_some());
            assert!(row.fix.unwrap_or_default().contains(fix.unwrap_or("")), "{trial:?}");
        }
        assert!(perf(Trial::Refused(libc::ENOENT), Some(2)).found.contains("perf_event_paranoid 2"));
        assert_eq!(namespaces(Trial::Refused(libc::EPERM)).status, Missing);
        assert_eq!(namespaces(Trial::Works).status, Ok);
    }

    #[test]
    fn settings() {
        let text = |text: &str| Fact::Known(text.to_owned());
        assert_eq!(governor(&text("performance"), None).status, Ok);
        assert_eq!(governor(&text("powersave, performance"), None).status, Warning);
        assert_eq!(governor(&unknown(), Some("kvm")).status, Ok);
        assert_eq!(governor(&unknown(), None).status, Warning);
        assert_eq!(clock_source(&text("tsc")).status, Ok);
        assert_eq!(clock_source(&text("hpet")).status, Warning);
        assert_eq!(huge_pages(&Fact::Known(0), Some("never")).status, Missing);
        assert_eq!(huge_pages(&Fact::Known(8), Some("never")).status, Ok);
        assert_eq!(huge_pages(&unknown(), Some("madvise")).status, Ok);
        assert_eq!(cgroups(&text("2"), Fact::Known(true)).status, Ok);
        assert_eq!(cgroups(&text("2"), Fact::Known(false)).status, Warning);
        assert_eq!(cgroups(&unknown(), Fact::Known(true)).status, Missing);
        assert_eq!(descriptors(&Fact::Known(None)).status, Ok);
        assert_eq!(descriptors(&Fact::Known(Some(1024))).status, Warning);
        assert_eq!(load(&Fact::Known(0.2), 2).status, Ok);
        assert_eq!(load(&Fact::Known(1.5), 2).status, Warning);
        assert_eq!(load(&Fact::Known(1.5), 64).status, Ok);
        assert_eq!(swap(&Fact::Known(0), None, None).status, Ok);
        assert_eq!(
            swap(&Fact::Known(1 << 30), Some(true), Some(60)).found,
            "1.0 GiB with compressed memory, swappiness 60"
        );
        assert_eq!(time_sync(Fact::Known(false)).status, Warning);
    }

    #[test]
    fn how_the_machine_is_fed_and_driven() {
        let mut cpu = Cpu::default();
        assert_eq!(clock_limit(&cpu).status, Ok, "where nothing is told, nothing is claimed");
        (cpu.limit_mhz, cpu.max_mhz) = (Fact::Known(5050.0), Fact::Known(5050.0));
        assert_eq!(clock_limit(&cpu).status, Ok);
        cpu.boost = Fact::Known(false);
        assert_eq!(clock_limit(&cpu).found, "5050 of 5050 MHz, boost off");
        cpu.boost = Fact::Known(true);
        cpu.limit_mhz = Fact::Known(2100.0);
        assert_eq!(clock_limit(&cpu).status, Warning);

        let mut supply = Power { source: Fact::Known("battery".into()), ..Power::default() };
        supply.battery_charge = Fact::Known(0.57);
        assert_eq!((power(&supply).status, power(&supply).found.as_str()), (Warning, "battery, 57 % left"));
        supply.source = Fact::Known("mains".into());
        assert_eq!(power(&supply).status, Ok);
        assert_eq!(power(&Power::default()).status, Ok);

        let folder = tempfile::tempdir().unwrap();
        let zone = folder.path().join("sys/class/powercap/intel-rapl:0");
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("name"), "package-0\n").unwrap();
        let packages = crate::host::rapl::packages(&crate::host::tree::Tree::new(folder.path()));
        assert_eq!(energy(&[], |_| true).status, Missing);
        assert_eq!((energy(&packages, |_| true).status, energy(&packages, |_| false).status), (Ok, Missing));

        let sensor = Temperature { label: "k10temp Tctl".into(), celsius: 48.25 };
        assert_eq!(temperature(&Fact::Known(vec![sensor])).found, "k10temp Tctl 48 C");
        assert_eq!(temperature(&unknown()).status, Missing);
        assert_eq!(memory_modules(&Memory::default()).status, Missing);
    }

    #[test]
    fn devices() {
        let gpus = |driver: Option<&str>| {
            Fact::Known(vec![Gpu {
                name: "x".into(),
                driver: driver.map(str::to_owned),
                driver_version: None,
                memory_bytes: None,
            }])
        };
        assert_eq!(gpu(&Fact::Known(Vec::new())).status, Missing);
        assert_eq!(gpu(&gpus(Some("amdgpu"))).status, Ok);
        assert_eq!(gpu(&gpus(None)).status, Warning);
        assert_eq!(gpu(&unknown()).status, Warning);
    }
}
