//! Whether the machine is free for a run: not on battery, and not busy with other work.
//!
//! Sources: `/sys/class/power_supply` (supplies of type `Mains` or `USB` that are `online`, batteries that are
//! `Discharging`) and `/proc/stat` read twice. The load average would count the sleepers of a slow disk, and pressure
//! tells nothing of a machine whose processors are all used without a queue.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_core::clock::Clock;

/// What the scheduler asks of the machine.
pub trait Conditions: std::fmt::Debug {
    /// Whether it runs on battery; false where that cannot be told.
    fn on_battery(&self) -> bool;
    /// The share of all processors that is in use now; none where that cannot be told.
    fn busy(&self) -> Option<f64>;
}

/// How long the processors are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// This machine.
#[derive(Debug)]
pub struct Machine<'a> {
    supplies: PathBuf,
    stat: PathBuf,
    clock: &'a dyn Clock,
}

impl<'a> Machine<'a> {
    /// As Linux shows it.
    #[must_use]
    pub fn new(clock: &'a dyn Clock) -> Self {
        Self::at(Path::new("/sys/class/power_supply"), Path::new("/proc/stat"), clock)
    }

    /// As other files show it.
    #[must_use]
    pub fn at(supplies: &Path, stat: &Path, clock: &'a dyn Clock) -> Self {
        Self { supplies: supplies.to_owned(), stat: stat.to_owned(), clock }
    }
}

impl Conditions for Machine<'_> {
    fn on_battery(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(&self.supplies) else { return false };
        let (mut online, mut discharging) = (false, false);
        for entry in entries.flatten() {
            let read = |name: &str| {
                std::fs::read_to_string(entry.path().join(name)).map(|text| text.trim().to_owned()).unwrap_or_default()
            };
            // The battery of a mouse is no supply of the machine.
            if read("scope") == "Device" {
                continue;
            }
            match read("type").as_str() {
                "Mains" | "USB" => online |= read("online") == "1",
                "Battery" => discharging |= read("status") == "Discharging",
                _ => {}
            }
        }
        discharging && !online
    }

    fn busy(&self) -> Option<f64> {
        let before = times(&self.stat)?;
        self.clock.sleep(LOOK);
        let after = times(&self.stat)?;
        let (used, all) = (after.0.checked_sub(before.0)?, after.1.checked_sub(before.1)?);
        #[expect(clippy::cast_precision_loss, reason = "ticks of half a second")]
        (all > 0).then(|| used as f64 / all as f64)
    }
}

/// Ticks in use, and all ticks, of all processors since boot.
fn times(path: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; the guest times that follow are within user and nice.
    let ticks: Vec<u64> = line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let all: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4).copied().unwrap_or(0);
    Some((all - idle, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::clock::SimulatedClock;
    use engine_core::run::Timestamp;

    fn supply(folder: &Path, name: &str, files: &[(&str, &str)]) {
        let supply = folder.join(name);
        std::fs::create_dir_all(&supply).unwrap();
        for (file, text) in files {
            std::fs::write(supply.join(file), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn a_laptop_is_on_battery_when_it_is_unplugged() {
        let folder = tempfile::tempdir().unwrap();
        let clock = SimulatedClock::new(Timestamp(0));
        let on_battery = || Machine::at(folder.path(), Path::new("/nonexistent"), &clock).on_battery();
        assert!(!on_battery(), "no supply is known: a server");
        supply(
            folder.path(),
            "hidpp_battery_0",
            &[("type", "Battery"), ("status", "Discharging"), ("scope", "Device")],
        );
        assert!(!on_battery(), "the battery of a mouse");
        supply(folder.path(), "BAT0", &[("type", "Battery"), ("status", "Discharging")]);
        assert!(on_battery());
        supply(folder.path(), "AC", &[("type", "Mains"), ("online", "1")]);
        assert!(!on_battery(), "plugged in, and the battery is being tested");
        supply(folder.path(), "AC", &[("type", "Mains"), ("online", "0")]);
        assert!(on_battery());
    }

    /// A clock that writes other numbers while one sleeps.
    #[derive(Debug)]
    struct Working(PathBuf, &'static str);

    impl Clock for Working {
        fn now(&self) -> Duration {
            Duration::ZERO
        }
        fn wall(&self) -> Timestamp {
            Timestamp(0)
        }
        fn sleep(&self, _: Duration) {
            std::fs::write(&self.0, self.1).unwrap();
        }
    }

    #[test]
    fn the_share_in_use_is_that_of_the_look() {
        let folder = tempfile::tempdir().unwrap();
        let stat = folder.path().join("stat");
        std::fs::write(&stat, "cpu  1000 0 500 8000 500 0 0 0 77 0\ncpu0 1 2 3\n").unwrap();
        // Of 100 ticks 20 are idle and 5 wait for the disk.
        let clock = Working(stat.clone(), "cpu  1050 0 520 8020 505 0 5 0 99 0\n");
        let busy = Machine::at(folder.path(), &stat, &clock).busy().unwrap();
        assert!((busy - 0.75).abs() < 1e-12, "{busy}");
        assert_eq!(Machine::at(folder.path(), Path::new("/nonexistent"), &clock).busy(), None);
    }
}
