//! Which scenario is meant: a file, a built-in one, standard input, or text on the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use engine_core::nearest::hint;
use engine_script::Source;

use crate::embedded::SCENARIOS;
use crate::exit::{Exit, Fatal};

/// The scenario that a name means. With a `/` or the suffix `.rhai` it is a file, `-` is standard input, anything
/// else is a built-in one.
pub(crate) fn named(name: &str) -> Result<Source, Fatal> {
    if name == "-" {
        return standard_input();
    }
    if name.contains('/') || Path::new(name).extension().is_some_and(|suffix| suffix == "rhai") {
        let path = PathBuf::from(name);
        return match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Source::File(path)),
            Ok(_) => Err(Fatal::usage(format!("`{name}` is not a file: name a scenario, such as {name}/quick.rhai"))),
            Err(error) => Err(Fatal::usage(format!("cannot read `{name}`: {error}{}", neighbour(&path)))),
        };
    }
    if SCENARIOS.iter().any(|(known, _)| *known == name) {
        return Ok(Source::Embedded(name.to_owned()));
    }
    let known = SCENARIOS.iter().map(|(known, _)| *known);
    let hint = hint(name, known.clone());
    let all = known.collect::<Vec<_>>().join(", ");
    Err(Fatal::usage(format!(
        "no built-in scenario `{name}`{hint} There are {all}; a file needs a `/` or the suffix `.rhai`"
    )))
}

/// Text from the command line.
pub(crate) fn given(text: &str) -> Source {
    Source::Text { name: "-e".to_owned(), text: text.to_owned(), base: here() }
}

fn standard_input() -> Result<Source, Fatal> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Fatal::usage(format!("cannot read standard input: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Fatal::new(Exit::Invalid, "standard input is not UTF-8: save the scenario as UTF-8"))?;
    Ok(Source::Text { name: "<stdin>".to_owned(), text, base: here() })
}

/// What stands in a run's record as its source.
pub(crate) fn label(source: &Source) -> String {
    match source {
        Source::File(path) => path.display().to_string(),
        Source::Text { name, .. } => name.clone(),
        Source::Embedded(name) => format!("embedded:{name}"),
    }
}

/// The folder in which the scenario stands: where the code under test is looked for.
pub(crate) fn folder(source: &Source) -> PathBuf {
    match source {
        Source::File(path) => {
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(here, Path::to_owned)
        }
        Source::Text { base, .. } => base.clone(),
        Source::Embedded(_) => here(),
    }
}

fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}

/// `, did you mean ..?` from the files beside it.
fn neighbour(path: &Path) -> String {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return String::new() };
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let files: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    hint(name, files.iter().map(String::as_str))
}
