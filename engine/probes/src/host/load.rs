//! Load, pressure and temperature now, and the power supply.

use super::tree::Tree;
use engine_core::environment::{LoadPoint, Power, Temperature};
use engine_core::fact::Fact;

/// Load and pressure at this moment.
pub(crate) fn read(tree: &Tree) -> LoadPoint {
    let averages = tree.text("/proc/loadavg");
    let average = |index: usize| {
        averages.clone().and_then(|text| {
            let number = text.split_ascii_whitespace().nth(index).and_then(finite);
            Fact::or_unknown(number, format!("`/proc/loadavg` holds `{text}`"))
        })
    };
    let pressure = |resource: &str| {
        let path = format!("/proc/pressure/{resource}");
        tree.text(&path).and_then(|text| {
            Fact::or_unknown(some(&text, "avg10").map(|percent| percent / 100.0), format!("`{path}` holds `{text}`"))
        })
    };
    LoadPoint {
        average_1: average(0),
        average_5: average(1),
        average_15: average(2),
        pressure_cpu: pressure("cpu"),
        pressure_io: pressure("io"),
        pressure_memory: pressure("memory"),
    }
}

/// A record of nothing, for this reason.
pub(crate) fn unread(reason: &str) -> LoadPoint {
    let unknown = || Fact::unknown(reason);
    LoadPoint {
        average_1: unknown(),
        average_5: unknown(),
        average_15: unknown(),
        pressure_cpu: unknown(),
        pressure_io: unknown(),
        pressure_memory: unknown(),
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A member of the `some` line of a pressure file: `some avg10=0.06 avg60=0.34 avg300=0.48 total=5423896`.
fn some(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    line.split_ascii_whitespace().find_map(|word| finite(word.strip_prefix(name)?.strip_prefix('=')?))
}

/// All sensors of the hardware monitors, and the thermal zones where there is no such monitor.
pub(crate) fn temperatures(tree: &Tree) -> Fact<Vec<Temperature>> {
    const MONITORS: &str = "/sys/class/hwmon";
    const ZONES: &str = "/sys/class/thermal";
    let mut sensors = Vec::new();
    for monitor in tree.names(MONITORS).known().into_iter().flatten() {
        let folder = format!("{MONITORS}/{monitor}");
        let chip = tree.line(&format!("{folder}/name")).known().cloned().unwrap_or_else(|| monitor.clone());
        for file in tree.names(&folder).known().into_iter().flatten() {
            let Some(sensor) = file.strip_suffix("_input").filter(|name| name.starts_with("temp")) else { continue };
            let label = tree.line(&format!("{folder}/{sensor}_label")).known().cloned();
            let label = format!("{chip} {}", label.as_deref().unwrap_or(sensor));
            if let Some(celsius) = celsius(tree, &format!("{folder}/{file}")) {
                sensors.push(Temperature { label, celsius });
            }
        }
    }
    if sensors.is_empty() {
        for zone in tree.names(ZONES).known().into_iter().flatten().filter(|name| name.starts_with("thermal_zone")) {
            let label = tree.line(&format!("{ZONES}/{zone}/type")).known().cloned().unwrap_or_else(|| zone.clone());
            if let Some(celsius) = celsius(tree, &format!("{ZONES}/{zone}/temp")) {
                sensors.push(Temperature { label, celsius });
            }
        }
    }
    Fact::or_unknown(Some(sensors).filter(|found| !found.is_empty()), "no temperature sensor")
}

fn celsius(tree: &Tree, path: &str) -> Option<f64> {
    tree.value::<i64>(path).copied().map(|milli| milli as f64 / 1000.0)
}

/// Power supply and energy counters.
pub(crate) fn power(tree: &Tree) -> Power {
    const SUPPLIES: &str = "/sys/class/power_supply";
    const CAPS: &str = "/sys/class/powercap";
    let kind = |name: &String| tree.line(&format!("{SUPPLIES}/{name}/type")).known().cloned();
    let supplies = tree.names(SUPPLIES);
    // A mouse has a battery too, of the scope of a device.
    let is_system = |name: &&String| tree.line(&format!("{SUPPLIES}/{name}/scope")).as_deref() != Some("Device");
    let battery = supplies
        .clone()
        .map(|names| names.iter().filter(is_system).any(|name| kind(name).as_deref() == Some("Battery")));
    let source = supplies.and_then(|names| {
        let mains: Vec<bool> = names
            .iter()
            .filter(|name| matches!(kind(name).as_deref(), Some("Mains" | "USB")))
            .filter_map(|name| tree.switch(&format!("{SUPPLIES}/{name}/online")).copied())
            .collect();
        // Without a supply in the list a desktop and a guest on somebody's laptop look alike.
        match (mains.contains(&true), mains.is_empty(), battery.copied()) {
            (true, ..) => Fact::Known("mains".to_owned()),
            (false, false, Some(true)) => Fact::Known("battery".to_owned()),
            (false, true, Some(false)) => Fact::Unknown(format!("no power supply in `{SUPPLIES}`")),
            _ => Fact::unknown("the power supply does not tell whether it is connected"),
        }
    });
    let rapl = if tree.exists("/sys/class") {
        let names = tree.names(CAPS).known().cloned().unwrap_or_default();
        let domain = |name: &String| tree.line(&format!("{CAPS}/{name}/name")).known().cloned();
        Fact::Known(names.iter().filter(|name| name.contains(":")).filter_map(domain).collect())
    } else {
        Fact::unknown("no `/sys/class`")
    };
    Power { source, battery, rapl }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_some_line_counts() {
        let text = "some avg10=12.50 avg60=0.34 avg300=0.48 total=5423896\nfull avg10=99.00 total=7";
        assert_eq!(some(text, "avg10"), Some(12.5));
        assert_eq!(some(text, "total"), Some(5_423_896.0));
        assert_eq!(some("full avg10=1.0", "avg10"), None);
        assert_eq!(some("some avg10=nan", "avg10"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = (some(&text, "avg10"), some(&format!("some {text}"), ""), finite(&text));
        }
    }
}
