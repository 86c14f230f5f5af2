//! The settings with their defaults. `config/engine.toml` has each with its unit in a comment; a test holds both together.

use serde::Deserialize;

/// All settings. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) store: Store,
    pub(crate) reports: Reports,
    pub(crate) run: Run,
    pub(crate) hardware: Hardware,
    pub(crate) thresholds: Thresholds,
    pub(crate) taint: Taint,
    pub(crate) compare: Compare,
    pub(crate) advice: Advice,
    pub(crate) permissions: Permissions,
    pub(crate) script: Script,
    pub(crate) output: Output,
    pub(crate) serve: Serve,
}

/// Where results are kept, and how long.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) path: String,
    pub(crate) keep_runs: u32,
    pub(crate) keep_days: u32,
}

/// Where report files go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reports {
    pub(crate) dir: String,
    pub(crate) formats: Vec<String>,
}

/// How runs are done.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) profile: String,
    pub(crate) rounds: u32,
    pub(crate) timeout: String,
    pub(crate) retakes: u32,
    pub(crate) unsure: String,
    pub(crate) monitor_period: String,
    pub(crate) scratch: String,
}

/// What the user believes the machine has; zero and empty are not checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hardware {
    pub(crate) cpu_cores: u32,
    pub(crate) memory_gb: f64,
    pub(crate) storage_type: String,
    pub(crate) machine: String,
}

/// Limits of a healthy machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) cpu_usage_warning: f64,
    pub(crate) memory_usage_warning: f64,
    pub(crate) latency_warning_ms: f64,
}

/// From where on a round counts as disturbed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taint {
    pub(crate) steal: String,
    pub(crate) pressure_cpu: String,
    pub(crate) pressure_io: String,
    pub(crate) pressure_memory: String,
    pub(crate) clock_drift: String,
}

/// How runs are compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compare {
    pub(crate) min_effect: String,
}

/// What the rules of `engine advise` are told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advice {
    pub(crate) limits: Vec<String>,
    pub(crate) shares: Vec<String>,
    pub(crate) rules: String,
}

/// What scenarios may do beyond the default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Permissions {
    pub(crate) net: Vec<String>,
    pub(crate) run: Vec<String>,
    pub(crate) read: Vec<String>,
    pub(crate) write: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) fault: Vec<String>,
}

/// Limits of script code.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    pub(crate) operations: u64,
    pub(crate) string_bytes: usize,
    pub(crate) array_items: usize,
    pub(crate) time: String,
    pub(crate) stdlib: String,
}

/// The dashboard and its REST API.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Serve {
    pub(crate) port: u16,
    pub(crate) open: bool,
    pub(crate) hosts: Vec<String>,
    pub(crate) rate: u32,
    pub(crate) sockets: u32,
    pub(crate) scenarios: String,
}

/// What the terminal shows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) color: String,
    pub(crate) progress: bool,
}
