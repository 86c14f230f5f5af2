//! The parts of recorded machines that tell how it is with them: clocks, sensors, energy, battery, group, drive.

use super::{DESKTOP, unpack};
use crate::host::collect::{Options, collect};
use crate::host::sensors::Sensors;
use crate::host::tree::Tree;
use engine_core::environment::Environment;
use engine_core::fact::Fact;
use std::path::{Path, PathBuf};

const PARTS: &str = include_str!("../../../tests/data/hosts/7800x3d-parts.txt");
const LAPTOP: &str = include_str!("../../../tests/data/hosts/laptop-with-battery.txt");
const GROUP: &str = include_str!("../../../tests/data/hosts/server-in-a-group.txt");

fn read(folder: &Path) -> Environment {
    let options = Options { scratch: Some(PathBuf::from("/var/scratch")), ..Options::default() };
    collect(folder, &options)
}

fn desktop() -> tempfile::TempDir {
    unpack(&format!("{DESKTOP}{PARTS}"))
}

/// Labels and degrees.
fn sensors(found: &[engine_core::environment::Temperature]) -> Vec<(&str, f64)> {
    found.iter().map(|sensor| (sensor.label.as_str(), sensor.celsius)).collect()
}

#[test]
fn a_desktop_tells_clocks_sensors_and_its_drive() {
    let folder = desktop();
    let env = read(folder.path());
    assert_eq!((env.cpu.min_mhz.copied(), env.cpu.max_mhz.copied()), (Some(545.0), Some(5050.0)));
    assert_eq!(env.cpu.current_mhz, Fact::Known(4250.0), "the mean of fifteen at 4.2 GHz and one at 5.0");
    assert_eq!(env.cpu.limit_mhz, Fact::Known(4500.0), "the lowest limit is the one to know of");
    assert_eq!((env.cpu.driver.as_deref(), env.cpu.boost.copied()), (Some("amd-pstate-epp"), Some(true)));
    assert_eq!(
        sensors(env.temperatures.known().unwrap()),
        [("nvme Composite", 38.85), ("amdgpu edge", 41.0), ("k10temp Tctl", 48.25)]
    );
    let disk = &env.storage.scratch;
    assert_eq!(disk.firmware.as_deref(), Some("4B2QJXD7"));
    assert_eq!(disk.link.as_deref(), Some("16.0 GT/s PCIe x2 of 16.0 GT/s PCIe x4"));
    assert_eq!(disk.size_bytes, Fact::Known(3_907_029_168 * 512));
    let gpus = env.gpus.known().unwrap();
    assert_eq!(gpus.iter().map(|gpu| gpu.memory_bytes).collect::<Vec<_>>(), [Some(21_458_059_264), Some(512 << 20)]);
    assert_eq!(env.power.rapl.known().unwrap(), &["package-0", "core"]);
    assert_eq!((env.power.battery.copied(), env.power.battery_charge.is_known()), (None, false));
}

#[test]
fn the_monitor_reads_clock_heat_and_power_of_a_desktop() {
    let folder = desktop();
    let tree = Tree::new(folder.path());
    let sensors_now = Sensors::open(&tree);
    assert_eq!(sensors_now.frequency(), Some(4.25e9));
    assert_eq!(sensors(&sensors_now.temperatures()).len(), 3);
    let before = sensors_now.energies();
    assert_eq!(before, [Some(65_532_000_000)], "the cores are part of the package");
    // The counter starts again: 610,987 uJ to its end, and 389,013 beyond it.
    let counter = folder.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    std::fs::write(&counter, "389013\n").unwrap();
    let after = sensors_now.energies();
    assert_eq!(sensors_now.power(&before, &after, 0.02), Some(50.0));
    assert_eq!(sensors_now.power(&before, &after, 0.0), None);
    // A counter that stops answering gives no number, and neither does a clock.
    std::fs::write(&counter, "").unwrap();
    assert_eq!(sensors_now.power(&before, &sensors_now.energies(), 1.0), None);
    for policy in 0..16 {
        let file = format!("sys/devices/system/cpu/cpufreq/policy{policy}/scaling_cur_freq");
        std::fs::write(folder.path().join(file), "<unknown>\n").unwrap();
    }
    assert_eq!(sensors_now.frequency(), None);
}

#[test]
fn a_laptop_runs_from_its_battery() {
    let folder = unpack(LAPTOP);
    let env = read(folder.path());
    assert_eq!((env.power.source.as_deref(), env.power.battery.copied()), (Some("battery"), Some(true)));
    assert_eq!(env.power.battery_status.as_deref(), Some("Discharging"));
    assert_eq!(env.power.battery_charge, Fact::Known(0.57), "of the laptop and not of its mouse");
    assert_eq!(env.power.battery_watts, Fact::Known(7.7));
    assert_eq!((env.cpu.boost.copied(), env.cpu.limit_mhz.copied()), (Some(false), Some(2100.0)));
    assert_eq!(env.cpu.current_mhz, Fact::Known(2100.0), "a policy that does not tell is left out");
    assert_eq!(sensors(env.temperatures.known().unwrap()), [("x86_pkg_temp", 61.0)]);
    let sensors = Sensors::open(&Tree::new(folder.path()));
    assert_eq!(sensors.energies(), [Some(100_000_000)], "neither the platform nor the same package once more");
    // A driver that tells the power is believed, with or without a sign.
    let battery = folder.path().join("sys/class/power_supply/BAT0/power_now");
    std::fs::write(battery, "-8250000\n").unwrap();
    assert_eq!(read(folder.path()).power.battery_watts, Fact::Known(8.25));
}

#[test]
fn a_server_knows_the_limits_of_its_group() {
    let folder = unpack(GROUP);
    let env = read(folder.path());
    let group = &env.cgroup;
    assert_eq!(group.version.as_deref(), Some("2"));
    assert_eq!((group.cpu_quota.copied(), group.memory_limit_bytes.copied()), (Some(Some(16.0)), Some(Some(32 << 30))));
    assert_eq!((group.memory_used_bytes.copied(), group.memory_limit_hits.copied()), (Some(12 << 30), Some(17)));
    assert_eq!((group.oom_kills.copied(), group.cpuset.clone()), (Some(1), Fact::Known(Some("0-15".into()))));
    assert_eq!(env.storage.scratch.link.as_deref(), Some("16.0 GT/s PCIe x4 of 16.0 GT/s PCIe x4"));
    assert_eq!(env.storage.scratch.firmware.as_deref(), Some("GDC5602Q"));
    assert_eq!(sensors(env.temperatures.known().unwrap()), [("k10temp temp1", 52.125), ("k10temp temp1", 49.5)]);
    let sensors = Sensors::open(&Tree::new(folder.path()));
    let before = sensors.energies();
    for (package, energy) in [(0, 160_000_000), (1, 120_000_000)] {
        let file = format!("sys/class/powercap/intel-rapl:{package}/energy_uj");
        std::fs::write(folder.path().join(file), format!("{energy}\n")).unwrap();
    }
    assert_eq!(sensors.power(&before, &sensors.energies(), 1.0), Some(250.0), "both packages together");
}

#[test]
fn what_is_not_there_is_absent_and_no_zero() {
    let folder = tempfile::tempdir().unwrap();
    let sensors = Sensors::open(&Tree::new(folder.path()));
    assert_eq!((sensors.frequency(), sensors.temperatures().len()), (None, 0));
    assert_eq!(sensors.power(&sensors.energies(), &sensors.energies(), 1.0), None);
    let env = read(folder.path());
    assert!(!env.cpu.current_mhz.is_known() && !env.power.battery_watts.is_known());
    assert!(!env.cgroup.oom_kills.is_known() && !env.storage.scratch.link.is_known());
}
