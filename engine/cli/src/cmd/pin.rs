//! `engine pin`: writes the lock of scenarios.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine_script::{ErrorClass, Severity, Source};

use crate::app::App;
use crate::args::PinArgs;
use crate::exit::{Exit, Fatal};
use crate::lock::{self, Lock};
use crate::source;

/// Pins the scenarios named and those that the lock has, or says what has changed.
pub(crate) fn run(app: &App, args: &PinArgs) -> Result<Exit, Fatal> {
    let mut sources: Vec<Source> = args.scenarios.iter().map(|name| source::named(name)).collect::<Result<_, _>>()?;
    let path = match (&args.lock, sources.first()) {
        (Some(path), _) => path.clone(),
        (None, Some(first)) => lock::beside(first),
        (None, None) => PathBuf::from(lock::NAME),
    };
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let known = if path.is_file() { Some(Lock::read(&path)?) } else { None };
    if sources.is_empty() || !args.check {
        for name in known.iter().flat_map(|lock| lock.scenarios.keys()) {
            sources.push(match name.strip_prefix("embedded:") {
                Some(name) => source::named(name)?,
                None => Source::File(folder.join(name)),
            });
        }
    }
    if sources.is_empty() {
        return Err(Fatal::usage("name the scenarios to pin, such as `engine pin quick scenarios/shop.rhai`"));
    }
    let mut new = Lock::new();
    let mut drift = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources {
        let checked = super::check::checked(app, source, &args.reading)?;
        // What is missing only a permission is read all the same.
        let wrong = |found: &&engine_script::Diagnostic| {
            found.severity == Severity::Error && found.class != ErrorClass::Permission
        };
        if checked.diagnostics.iter().any(|found| wrong(&found)) {
            return Err(app.diagnosed(&checked.diagnostics));
        }
        let (scenario, now) = lock::named(&folder, &checked.sources);
        if !seen.insert(scenario.clone()) {
            continue;
        }
        match &known {
            Some(lock) => drift.extend(lock.drift(&scenario, &now)),
            None => drift.push(format!("there is no lock `{}`", path.display())),
        }
        new.scenarios.insert(scenario, now);
    }
    drift.dedup();
    if app.output.json {
        let document = serde_json::json!({
            "schema_version": 1, "lock": path, "written": !args.check, "scenarios": new.scenarios, "changed": drift,
        });
        app.out(&document.to_string());
    }
    if args.check {
        for what in &drift {
            app.output.err(what);
        }
        return Ok(if drift.is_empty() { Exit::Pass } else { Exit::Invalid });
    }
    new.write(&path)?;
    let files: usize = new.scenarios.values().map(std::collections::BTreeMap::len).sum();
    app.note(&format!("{}: {} scenarios, {files} texts", path.display(), new.scenarios.len()));
    Ok(Exit::Pass)
}
