//! Reading: the defaults, over them a file (TOML or JSON with equal keys), each value with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use toml::{Table, Value};

use super::Config;
use crate::exit::{Exit, Fatal};

/// The defaults, as they are documented.
const DEFAULTS: &str = include_str!("../../../../config/engine.toml");

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layer {
    Default,
    File(PathBuf),
    Environment(&'static str),
    CommandLine(&'static str),
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "${name}"),
            Self::CommandLine(flag) => f.write_str(flag),
        }
    }
}

/// The settings, and where each came from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) values: BTreeMap<String, (Value, Layer)>,
}

/// The text of the documented defaults.
pub(crate) const fn text() -> &'static str {
    DEFAULTS
}

/// Reads the defaults and, over them, `file`.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded, Fatal> {
    let invalid = |message: String| Fatal::new(Exit::Invalid, message);
    let mut table: Table =
        DEFAULTS.parse().map_err(|error| Fatal::new(Exit::Internal, format!("defaults: {error}")))?;
    let mut values = BTreeMap::new();
    flatten("", &table, &Layer::Default, &mut values);
    if let Some(path) = file {
        let given = read(path)?;
        let known: Vec<String> = values.keys().cloned().collect();
        let mut own = BTreeMap::new();
        flatten("", &given, &Layer::File(path.to_owned()), &mut own);
        for (key, (value, layer)) in own {
            let Some((default, _)) = values.get(&key) else {
                let hint = hint(&key, known.iter().map(String::as_str));
                let place = place(path, key.rsplit('.').next().unwrap_or(&key));
                return Err(invalid(format!(
                    "{place}: unknown key `{key}`{hint}; `engine config show` lists all keys"
                )));
            };
            let value = alike(default, value).map_err(|(wanted, got)| {
                let place = place(path, key.rsplit('.').next().unwrap_or(&key));
                invalid(format!("{place}: `{key}` must be {wanted}, got {got}"))
            })?;
            insert(&mut table, &key, value.clone());
            values.insert(key, (value, layer));
        }
    }
    let config: Config = Value::Table(table).try_into().map_err(|error| invalid(format!("configuration: {error}")))?;
    check(&config).map_err(|(key, message)| {
        let origin = values.get(key).map_or_else(|| "configuration".to_owned(), |(_, layer)| layer.to_string());
        invalid(format!("{origin}: `{key}`: {message}"))
    })?;
    Ok(Loaded { config, values })
}

/// Converts a JSON file to TOML, after checking it.
pub(crate) fn import(path: &Path) -> Result<String, Fatal> {
    load(Some(path))?;
    let table = read(path)?;
    toml::to_string_pretty(&table).map_err(|error| Fatal::new(Exit::Invalid, format!("{}: {error}", path.display())))
}

fn read(path: &Path) -> Result<Table, Fatal> {
    let invalid = |message: String| Fatal::new(Exit::Invalid, format!("{}: {message}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    if path.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))
    } else {
        text.parse().map_err(|error: toml::de::Error| invalid(error.to_string()))
    }
}

fn flatten(prefix: &str, table: &Table, layer: &Layer, into: &mut BTreeMap<String, (Value, Layer)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, layer, into),
            value => {
                into.insert(key, (value.clone(), layer.clone()));
            }
        }
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                insert(inner, rest, value);
            }
        }
        None => {
            table.insert(key.to_owned(), value);
        }
    }
}

/// The value, if it is of the default's kind; whole numbers serve as fractions.
fn alike(default: &Value, value: Value) -> Result<Value, (String, String)> {
    let same = std::mem::discriminant(default) == std::mem::discriminant(&value);
    let numbers =
        matches!((default, &value), (Value::Integer(_), Value::Float(_)) | (Value::Float(_), Value::Integer(_)));
    let texts = match &value {
        Value::Array(items) => items.iter().all(Value::is_str),
        _ => true,
    };
    if (same && texts) || numbers {
        Ok(value)
    } else {
        let wanted = match default {
            Value::Array(_) => "a list of texts".to_owned(),
            other => format!("of type {}", other.type_str()),
        };
        Err((wanted, format!("`{value}`")))
    }
}

/// `FILE:LINE` of the first line that sets `name`.
fn place(path: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().position(|line| line.trim_start().trim_start_matches('"').starts_with(name));
    match line {
        Some(line) => format!("{}:{}", path.display(), line + 1),
        None => path.display().to_string(),
    }
}

/// A time in seconds.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    positive(text, Dimension::TIME, "a time such as `5 min`")
}

/// A share, 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    positive(text, Dimension::NONE, "a share such as `1 %`")
}

fn positive(text: &str, dimension: Dimension, wanted: &str) -> Result<f64, String> {
    let quantity: Quantity = text.parse().map_err(|error: engine_core::quantity::QuantityError| error.to_string())?;
    if quantity.dimension != dimension || quantity.value < 0.0 {
        return Err(format!("expected {wanted}, got `{text}`"));
    }
    Ok(quantity.value)
}

fn one_of(text: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&text) {
        return Ok(());
    }
    let hint = hint(text, words.iter().copied());
    Err(format!("expected one of {}, got `{text}`{hint}", words.join(", ")))
}

/// What the types cannot say.
fn check(config: &Config) -> Result<(), (&'static str, String)> {
    let at = |key: &'static str| move |message: String| (key, message);
    one_of(&config.run.profile, &["tiny", "short", "default", "long"]).map_err(at("run.profile"))?;
    one_of(&config.run.unsure, &["report", "pass", "fail"]).map_err(at("run.unsure"))?;
    one_of(&config.output.color, &["auto", "always", "never"]).map_err(at("output.color"))?;
    one_of(&config.hardware.storage_type, &["", "nvme", "ssd", "hdd", "virtual"])
        .map_err(at("hardware.storage_type"))?;
    for format in &config.reports.formats {
        one_of(format, &["json", "md", "csv", "xml", "txt", "html"]).map_err(at("reports.formats"))?;
    }
    seconds(&config.run.timeout).map_err(at("run.timeout"))?;
    seconds(&config.run.monitor_period).map_err(at("run.monitor_period"))?;
    seconds(&config.script.time).map_err(at("script.time"))?;
    share(&config.taint.steal).map_err(at("taint.steal"))?;
    share(&config.taint.pressure_cpu).map_err(at("taint.pressure_cpu"))?;
    share(&config.taint.pressure_io).map_err(at("taint.pressure_io"))?;
    share(&config.taint.pressure_memory).map_err(at("taint.pressure_memory"))?;
    share(&config.taint.clock_drift).map_err(at("taint.clock_drift"))?;
    share(&config.compare.min_effect).map_err(at("compare.min_effect"))?;
    for (key, value, most) in [
        ("thresholds.cpu_usage_warning", config.thresholds.cpu_usage_warning, 100.0),
        ("thresholds.memory_usage_warning", config.thresholds.memory_usage_warning, 100.0),
        ("thresholds.latency_warning_ms", config.thresholds.latency_warning_ms, 1e9),
        ("hardware.memory_gb", config.hardware.memory_gb, 1e9),
    ] {
        if !(0.0..=most).contains(&value) {
            return Err((key, format!("expected 0 to {most}, got `{value}`")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Loaded, Fatal> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path))
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let loaded = load(None).unwrap();
        assert_eq!(loaded.config.run.retakes, 1);
        assert_eq!(loaded.config.thresholds.cpu_usage_warning, 80.0);
        assert!(loaded.values.values().all(|(_, layer)| *layer == Layer::Default));
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let loaded = with("[run]\nrounds = 9\n").unwrap();
        assert_eq!((loaded.config.run.rounds, loaded.config.run.retakes), (9, 1));
        assert!(matches!(loaded.values["run.rounds"].1, Layer::File(_)));
        assert_eq!(loaded.values["run.retakes"].1, Layer::Default);
    }

    #[test]
    fn bad_settings_are_named_with_their_place() {
        let message = |text: &str| with(text).unwrap_err().message;
        assert!(
            message("[run]\nronds = 9\n")
                .contains("engine.toml:2: unknown key `run.ronds`, did you mean `run.rounds`?")
        );
        assert!(message("[run]\nrounds = \"9\"\n").contains("`run.rounds` must be of type integer"));
        assert!(message("[run]\nprofile = \"shrt\"\n").contains("did you mean `short`?"));
        assert!(message("[run]\ntimeout = \"5 MiB\"\n").contains("expected a time"));
        assert!(message("[permissions]\nrun = [1]\n").contains("a list of texts"));
        assert!(message("[run\n").contains("engine.toml"));
    }

    #[test]
    fn json_with_equal_keys_is_read_and_converted() {
        let dir = tempfile::tempdir().unwrap();
        let json = dir.path().join("engine.json");
        std::fs::write(&json, r#"{"run": {"rounds": 7}, "thresholds": {"latency_warning_ms": 500}}"#).unwrap();
        assert_eq!(load(Some(&json)).unwrap().config.run.rounds, 7);
        let converted = import(&json).unwrap();
        let toml = dir.path().join("engine.toml");
        std::fs::write(&toml, converted).unwrap();
        let (a, b) = (load(Some(&json)).unwrap().config, load(Some(&toml)).unwrap().config);
        assert_eq!(a, b);
    }
}
