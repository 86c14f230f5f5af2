//! The machine under the run: its environment, its id, and the user's own view of it.

use std::path::Path;

use engine_core::environment::Environment;
use engine_core::taint::Limits;
use engine_probes::host;

use crate::app::App;
use crate::config;
use crate::exit::{Exit, Fatal};

/// Processors that this process may use at once.
pub(crate) fn cores() -> usize {
    let facts = host::facts(&std::env::var("PATH").unwrap_or_default());
    usize::try_from(facts.cores).unwrap_or(1).max(1)
}

/// The machine's stable id.
pub(crate) fn id() -> String {
    host::machine_id().known().cloned().unwrap_or_else(|| "unknown".to_owned())
}

/// The environment at the start of a run.
pub(crate) fn environment(app: &App, scratch: &Path) -> Result<Environment, Fatal> {
    let results = app.database()?.parent().map(Path::to_owned);
    let options = host::Options { results, scratch: Some(scratch.to_owned()), toolchain: true, binary_hash: true };
    Ok(host::collect(Path::new("/"), &options))
}

/// The environment at the end: what was, with load and pressure as they are now.
pub(crate) fn after(before: &Environment) -> Environment {
    let mut environment = before.clone();
    environment.load.after = host::load_now();
    environment
}

/// The user's limits of a healthy machine.
pub(crate) fn thresholds(app: &App) -> engine_analysis::Thresholds {
    let set = &app.config().thresholds;
    engine_analysis::Thresholds {
        cpu_usage_warning: set.cpu_usage_warning / 100.0,
        memory_usage_warning: set.memory_usage_warning / 100.0,
        latency_warning: set.latency_warning_ms / 1000.0,
    }
}

/// From where on a round counts as disturbed.
pub(crate) fn limits(app: &App) -> Result<Limits, Fatal> {
    let set = &app.config().taint;
    let share = |text: &str| config::share(text).map(Some).map_err(|message| Fatal::new(Exit::Invalid, message));
    Ok(Limits {
        steal: share(&set.steal)?,
        pressure_cpu: share(&set.pressure_cpu)?,
        pressure_io: share(&set.pressure_io)?,
        pressure_memory: share(&set.pressure_memory)?,
        clock_drift: share(&set.clock_drift)?,
        ..Limits::default()
    })
}

/// Where the machine is not what the settings say it is.
pub(crate) fn differences(app: &App, environment: &Environment) -> Vec<String> {
    let set = &app.config().hardware;
    let mut found = Vec::new();
    if set.cpu_cores > 0 {
        let cores = cores();
        if u32::try_from(cores) != Ok(set.cpu_cores) {
            found.push(format!("`hardware.cpu_cores` is {}, but {cores} processors can be used", set.cpu_cores));
        }
    }
    if set.memory_gb > 0.0
        && let Some(bytes) = environment.memory.total_bytes.copied()
    {
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
        let gigabytes = bytes as f64 / 1e9;
        // Firmware and kernel keep a part for themselves.
        if (gigabytes - set.memory_gb).abs() > 0.1 * set.memory_gb {
            found.push(format!("`hardware.memory_gb` is {}, but there are {gigabytes:.1} GB", set.memory_gb));
        }
    }
    if !set.storage_type.is_empty() {
        let kind = storage_type(&environment.storage.scratch);
        if kind.is_some_and(|kind| kind != set.storage_type) {
            let kind = kind.unwrap_or_default();
            found
                .push(format!("`hardware.storage_type` is `{}`, but the test files are on `{kind}`", set.storage_type));
        }
    }
    found
}

fn storage_type(disk: &engine_core::environment::Disk) -> Option<&'static str> {
    let device = disk.device.known()?;
    let name = device.rsplit('/').next().unwrap_or(device);
    if name.starts_with("nvme") {
        Some("nvme")
    } else if name.starts_with("vd") || name.starts_with("xvd") {
        Some("virtual")
    } else {
        disk.rotational.copied().map(|rotational| if rotational { "hdd" } else { "ssd" })
    }
}
