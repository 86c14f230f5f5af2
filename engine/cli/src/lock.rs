//! The lock of scenarios: what each was made of when it was pinned. A run under a lock refuses what has changed, so that a
//! number that changed in CI changed because of the code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine_script::{Source, SourceHash};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Fatal};
use crate::reports;

/// The usual name, beside the scenario.
pub(crate) const NAME: &str = "engine.lock";

const HEAD: &str = "# Written by `engine pin`. A run of these scenarios refuses to start when one of the texts, the files that it reads,\n\
                    # a module of the standard library or the engine itself is another one.\n";

/// What the command line says of a lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The file.
    pub(crate) file: Option<PathBuf>,
    /// Whether a scenario that is not in it is refused.
    pub(crate) must: bool,
}

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// Version of the shape.
    version: u32,
    /// Version of the engine.
    engine: String,
    /// Scenario, to source, to SHA-256. Files are named relative to the lock's folder.
    pub(crate) scenarios: BTreeMap<String, BTreeMap<String, String>>,
}

impl Lock {
    /// A lock of this engine without scenarios.
    pub(crate) fn new() -> Self {
        Self { version: 1, engine: env!("CARGO_PKG_VERSION").to_owned(), scenarios: BTreeMap::new() }
    }

    /// Reads one.
    pub(crate) fn read(path: &Path) -> Result<Self, Fatal> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Fatal::usage(format!("cannot read the lock `{shown}`: {error}; `engine pin` writes one"))
        })?;
        let lock: Self = toml::from_str(&text)
            .map_err(|error| Fatal::new(Exit::Invalid, format!("the lock `{shown}` is damaged: {error}")))?;
        if lock.version == 1 {
            return Ok(lock);
        }
        let message = format!("the lock `{shown}` has version {}, this engine reads 1", lock.version);
        Err(Fatal::new(Exit::Invalid, message))
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> Result<String, Fatal> {
        let body = toml::to_string(self).map_err(|error| Fatal::new(Exit::Internal, error.to_string()))?;
        Ok(format!("{HEAD}{body}"))
    }

    /// Writes it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Fatal> {
        reports::write(path, &self.text()?)
    }

    /// What has changed against this lock, one sentence each.
    pub(crate) fn drift(&self, scenario: &str, now: &BTreeMap<String, String>) -> Vec<String> {
        let mut found = Vec::new();
        let version = env!("CARGO_PKG_VERSION");
        if self.engine != version {
            found.push(format!("engine {} is pinned, this is {version}", self.engine));
        }
        let Some(pinned) = self.scenarios.get(scenario) else {
            found.push(format!("`{scenario}` is not in it"));
            return found;
        };
        for (name, hash) in pinned {
            match now.get(name) {
                Some(found_now) if found_now == hash => {}
                Some(_) => found.push(format!("`{name}` has changed")),
                None => found.push(format!("`{name}` is no longer read")),
            }
        }
        found.extend(now.keys().filter(|name| !pinned.contains_key(*name)).map(|name| format!("`{name}` is new")));
        found
    }
}

/// The scenario's folder, in which its lock is looked for.
pub(crate) fn beside(source: &Source) -> PathBuf {
    crate::source::folder(source).join(NAME)
}

/// The sources of a scenario with their hashes, by the names that a lock in `folder` gives them; the scenario's own first.
pub(crate) fn named(folder: &Path, sources: &[SourceHash]) -> (String, BTreeMap<String, String>) {
    let name = |source: &SourceHash| name(folder, &source.name);
    let own = sources.first().map(name).unwrap_or_default();
    (own, sources.iter().map(|source| (name(source), source.sha256.clone())).collect())
}

/// A source as a lock calls it: the path from the lock's folder, whatever folder the program was started in.
fn name(folder: &Path, source: &str) -> String {
    if source.starts_with("embedded:") || source.starts_with("std/") {
        return source.to_owned();
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let path = real(Path::new(source));
    path.strip_prefix(real(folder)).unwrap_or(&path).display().to_string()
}

/// Refuses a scenario that is not what its lock says. A lock beside it that does not name it is another's, unless one
/// was asked for.
pub(crate) fn obey(asked: &Asked, source: &Source, sources: &[SourceHash]) -> Result<(), Fatal> {
    let path = asked.file.clone().unwrap_or_else(|| beside(source));
    if !asked.must && !path.is_file() {
        return Ok(());
    }
    let lock = Lock::read(&path)?;
    let (scenario, now) = named(path.parent().unwrap_or(Path::new("")), sources);
    if !asked.must && !lock.scenarios.contains_key(&scenario) {
        return Ok(());
    }
    let drift = lock.drift(&scenario, &now);
    if drift.is_empty() {
        return Ok(());
    }
    let message =
        format!("`{}` pins something else: {}; `engine pin` pins what is there now", path.display(), drift.join("; "));
    Err(Fatal::new(Exit::Invalid, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect()
    }

    #[test]
    fn every_kind_of_drift_is_named() {
        let mut lock = Lock::new();
        let pinned = hashes(&[("a.rhai", "1"), ("std/users", "2"), ("gone.csv", "3")]);
        lock.scenarios.insert("a.rhai".into(), pinned.clone());
        assert!(lock.drift("a.rhai", &pinned).is_empty());
        let now = hashes(&[("a.rhai", "1"), ("std/users", "9"), ("new.rhai", "4")]);
        let said = lock.drift("a.rhai", &now);
        assert_eq!(said, ["`gone.csv` is no longer read", "`std/users` has changed", "`new.rhai` is new"]);
        assert_eq!(lock.drift("b.rhai", &now), ["`b.rhai` is not in it"]);
        lock.engine = "0.0.0".into();
        assert!(lock.drift("a.rhai", &pinned)[0].starts_with("engine 0.0.0 is pinned"));
    }

    #[test]
    fn a_lock_reads_as_it_was_written() {
        let mut lock = Lock::new();
        lock.scenarios.insert("embedded:quick".into(), hashes(&[("embedded:quick", "ab")]));
        let text = lock.text().unwrap();
        assert_eq!(toml::from_str::<Lock>(&text).unwrap(), lock, "{text}");
    }
}
