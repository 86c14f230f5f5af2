//! Temperatures: the sensors of the hardware monitors (`k10temp Tctl`, `nvme Composite`, `amdgpu edge`), and the thermal
//! zones where there is no such monitor. Their files are in thousandths of a degree.

use super::tree::Tree;
use engine_core::environment::Temperature;
use engine_core::fact::Fact;

const MONITORS: &str = "/sys/class/hwmon";
const ZONES: &str = "/sys/class/thermal";

/// All sensors with what they read now.
pub(crate) fn temperatures(tree: &Tree) -> Fact<Vec<Temperature>> {
    let sensors = sensors(tree).into_iter().filter_map(|(label, path)| {
        let celsius = tree.value::<i64>(&path).copied().map(|milli| milli as f64 / 1000.0)?;
        Some(Temperature { label, celsius })
    });
    let sensors: Vec<Temperature> = sensors.collect();
    Fact::or_unknown(Some(sensors).filter(|found| !found.is_empty()), "no temperature sensor")
}

/// Label and file of each sensor.
pub(crate) fn sensors(tree: &Tree) -> Vec<(String, String)> {
    let mut sensors = Vec::new();
    for monitor in tree.names(MONITORS).known().into_iter().flatten() {
        let folder = format!("{MONITORS}/{monitor}");
        let chip = tree.line(&format!("{folder}/name")).known().cloned().unwrap_or_else(|| monitor.clone());
        for file in tree.names(&folder).known().into_iter().flatten() {
            let Some(sensor) = file.strip_suffix("_input").filter(|name| name.starts_with("temp")) else { continue };
            let label = tree.line(&format!("{folder}/{sensor}_label")).known().cloned();
            sensors.push((format!("{chip} {}", label.as_deref().unwrap_or(sensor)), format!("{folder}/{file}")));
        }
    }
    if sensors.is_empty() {
        for zone in tree.names(ZONES).known().into_iter().flatten().filter(|name| name.starts_with("thermal_zone")) {
            let label = tree.line(&format!("{ZONES}/{zone}/type")).known().cloned().unwrap_or_else(|| zone.clone());
            sensors.push((label, format!("{ZONES}/{zone}/temp")));
        }
    }
    sensors
}
