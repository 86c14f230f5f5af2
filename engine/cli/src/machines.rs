//! Machine profiles: the built-in ones and the user's, and which of them this run is held against.

use std::path::{Path, PathBuf};

use engine_core::environment::Environment;
use engine_core::expected::{
    ChosenProfile, Figure, FigureKind, GpuMatch, MachineProfile, MemoryMatch, Requirements, StorageMatch,
};
use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use serde::Deserialize;

use crate::app::App;
use crate::embedded::MACHINES;
use crate::exit::{Exit, Fatal};

/// A profile and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) profile: MachineProfile,
    /// The file; none for a built-in one.
    pub(crate) file: Option<PathBuf>,
}

/// A profile as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    machine: Named,
    #[serde(default, rename = "match")]
    requires: Wanted,
    #[serde(default)]
    expected: Vec<WrittenFigure>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Named {
    description: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    cpu: Option<String>,
    cores: Option<u32>,
    threads: Option<u32>,
    l3: Option<String>,
    memory: WantedMemory,
    gpu: WantedGpu,
    storage: WantedStorage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WantedMemory {
    size: Option<String>,
    speed: Option<u32>,
    channels: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WantedGpu {
    name: Vec<String>,
    memory: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WantedStorage {
    model: Option<String>,
    size: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFigure {
    series: String,
    value: String,
    kind: FigureKind,
    source: String,
}

/// Reads a profile.
///
/// # Errors
/// A sentence that says what is wrong, without the place of the file.
pub(crate) fn parse(name: &str, text: &str) -> Result<MachineProfile, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let size = |key: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => match text.parse::<Quantity>() {
            Ok(quantity) if quantity.dimension == Dimension::DATA && quantity.value > 0.0 => Ok(Some(quantity.value)),
            Ok(_) => Err(format!("`match.{key}` must be a size such as `32 GB`, got `{text}`")),
            Err(error) => Err(format!("`match.{key}`: {error}")),
        },
    };
    let wanted = &written.requires;
    let requires = Requirements {
        cpu: wanted.cpu.clone(),
        cores: wanted.cores,
        threads: wanted.threads,
        l3: size("l3", &wanted.l3)?,
        memory: MemoryMatch {
            size: size("memory.size", &wanted.memory.size)?,
            speed: wanted.memory.speed,
            channels: wanted.memory.channels,
        },
        gpu: GpuMatch { name: wanted.gpu.name.clone(), memory: size("gpu.memory", &wanted.gpu.memory)? },
        storage: StorageMatch {
            model: wanted.storage.model.clone(),
            size: size("storage.size", &wanted.storage.size)?,
        },
    };
    let figures = written.expected.iter().map(figure).collect::<Result<_, _>>()?;
    Ok(MachineProfile { name: name.to_owned(), description: written.machine.description, requires, figures })
}

fn figure(written: &WrittenFigure) -> Result<Figure, String> {
    let at = |error: &dyn std::fmt::Display| format!("`{}`: {error}", written.series);
    let value: Quantity = written.value.parse().map_err(|error| at(&error))?;
    if value.dimension == Dimension::NONE && !written.value.trim().ends_with('%') {
        return Err(at(&format!("`value` needs a unit, got `{}`", written.value)));
    }
    if value.value <= 0.0 || !value.value.is_finite() {
        return Err(at(&format!("`value` must be above zero, got `{}`", written.value)));
    }
    if written.source.trim().is_empty() {
        return Err(at(&"`source` must say where the figure comes from"));
    }
    let subject = written.series.parse().map_err(|error| at(&error))?;
    Ok(Figure { subject, value, kind: written.kind, source: written.source.clone() })
}

/// All profiles, sorted by name. A user's profile takes the place of a built-in one of its name.
///
/// # Errors
/// When a user's profile cannot be read.
pub(crate) fn all(app: &App) -> Result<Vec<Known>, Fatal> {
    let mut known: Vec<Known> = Vec::new();
    for file in app.machine_folders().iter().flat_map(|folder| files(folder)) {
        let invalid = |message: String| Fatal::new(Exit::Invalid, format!("{}: {message}", file.display()));
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if known.iter().any(|other| other.profile.name == name) {
            continue; // The folder that was asked first goes before.
        }
        let text = std::fs::read_to_string(&file).map_err(|error| invalid(error.to_string()))?;
        known.push(Known { profile: parse(&name, &text).map_err(invalid)?, file: Some(file.clone()) });
    }
    for (name, text) in MACHINES {
        if !known.iter().any(|own| own.profile.name == *name) {
            let profile = parse(name, text).map_err(|error| Fatal::new(Exit::Internal, format!("{name}: {error}")))?;
            known.push(Known { profile, file: None });
        }
    }
    known.sort_by(|a, b| a.profile.name.cmp(&b.profile.name));
    Ok(known)
}

/// The profiles in a folder; a folder that is not there has none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.is_file() && path.extension().is_some_and(|suffix| suffix == "toml")).collect();
    files.sort();
    files
}

/// The profile that this run is held against: the one that `--machine` or the settings name, else the one that fits the
/// machine best; none when none fits.
///
/// # Errors
/// An unknown name is a usage error that says what there is.
pub(crate) fn choose(
    app: &App,
    asked: Option<&str>,
    environment: &Environment,
) -> Result<Option<ChosenProfile>, Fatal> {
    let known = all(app)?;
    let set = Some(app.config().hardware.machine.as_str()).filter(|name| !name.is_empty());
    if let Some(name) = asked.or(set) {
        return Ok(Some(named(&known, name, asked.is_some())?.profile.chosen(environment, true)));
    }
    let fitting = known.iter().filter_map(|known| {
        let fit = known.profile.fit(environment);
        fit.is_recognised().then_some((fit.agreed, known))
    });
    // The one that says most of the machine; of equals the user's own.
    let best = fitting.max_by_key(|(agreed, known)| (*agreed, known.file.is_some()));
    Ok(best.map(|(_, known)| known.profile.chosen(environment, false)))
}

/// A profile by its name.
pub(crate) fn named<'a>(known: &'a [Known], name: &str, flag: bool) -> Result<&'a Known, Fatal> {
    known.iter().find(|known| known.profile.name == name).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|known| known.profile.name.as_str()).collect();
        let hint = hint(name, names.iter().copied());
        let origin = if flag { "--machine" } else { "hardware.machine" };
        Fatal::usage(format!(
            "`{origin}`: there is no machine profile `{name}`{hint}; there are: {} (your own stand in a folder `machines/` \
             beside your configuration)",
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests;
