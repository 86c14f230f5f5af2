//! Where the power comes from: the supplies that the kernel lists, and the battery's state (kernel documentation,
//! `sysfs-class-power`: microwatts, microvolts, microamperes).

use super::rapl;
use super::tree::Tree;
use engine_core::environment::Power;
use engine_core::fact::Fact;

const SUPPLIES: &str = "/sys/class/power_supply";

/// Power supply, battery and the domains of energy counters.
pub(crate) fn read(tree: &Tree) -> Power {
    let kind = |name: &String| tree.line(&format!("{SUPPLIES}/{name}/type")).known().cloned();
    let supplies = tree.names(SUPPLIES);
    let batteries = supplies.clone().map(|names| {
        // A mouse has a battery too, of the scope of a device.
        let is_system = |name: &String| tree.line(&format!("{SUPPLIES}/{name}/scope")).as_deref() != Some("Device");
        let is_battery = |name: &String| is_system(name) && kind(name).as_deref() == Some("Battery");
        names.into_iter().filter(is_battery).collect::<Vec<String>>()
    });
    let battery = batteries.clone().map(|names| !names.is_empty());
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
    let first = batteries.and_then(|names| Fact::or_unknown(names.into_iter().next(), "there is no battery"));
    Power {
        source,
        battery,
        battery_status: first.clone().and_then(|name| tree.line(&format!("{SUPPLIES}/{name}/status"))),
        battery_charge: first.clone().and_then(|name| charge(tree, &name)),
        battery_watts: first.and_then(|name| watts(tree, &name)),
        rapl: rapl::names(tree),
    }
}

/// The share that is left, 0 to 1.
fn charge(tree: &Tree, battery: &str) -> Fact<f64> {
    let percent = tree.value::<f64>(&format!("{SUPPLIES}/{battery}/capacity"));
    percent.map(|percent| (percent / 100.0).clamp(0.0, 1.0))
}

/// The power that flows, in watts, without its direction: some drivers give it a sign and some do not.
fn watts(tree: &Tree, battery: &str) -> Fact<f64> {
    let read = |file: &str| tree.value::<f64>(&format!("{SUPPLIES}/{battery}/{file}"));
    let told = read("power_now");
    if told.is_known() {
        return told.map(|microwatts| microwatts.abs() / 1e6);
    }
    match (read("voltage_now"), read("current_now")) {
        (Fact::Known(volts), Fact::Known(amperes)) => Fact::Known(volts.abs() / 1e6 * (amperes.abs() / 1e6)),
        (Fact::Unknown(reason), _) | (_, Fact::Unknown(reason)) => Fact::Unknown(reason),
    }
}
