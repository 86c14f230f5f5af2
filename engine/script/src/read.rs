//! Reading a scenario: load, compile, inspect, declare, and what is wrong with all that.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use engine_core::nearest::hint;
use engine_core::step::Place;
use rhai::Engine;
use sha2::{Digest, Sha256};

use crate::builder::{Filter, Frame, globs};
use crate::diagnostic::{Diagnostic, ErrorClass, Severity};
use crate::files::Files;
use crate::guard::Guard;
use crate::host::Host;
use crate::inspect::{Known, inspect};
use crate::language;
use crate::options::{Options, Source};
use crate::permissions::real;
use crate::resolve;
use crate::scenario::SourceHash;
use crate::sources::SourceText;
use crate::translate;
use crate::verbs::run_source;
use crate::worker::{Outcome, panicked};

/// A scenario's text before anything is made of it.
struct Loaded {
    source: SourceText,
    /// Folder that relative paths start from; none for embedded scenarios.
    folder: Option<PathBuf>,
    stem: String,
}

fn missing(file: &str, message: String, help: Option<String>) -> Diagnostic {
    let place = Place { file: file.to_owned(), line: 0, column: 0 };
    let mut out = Diagnostic::error(ErrorClass::Invalid, "missing-file", message, place);
    out.help = help;
    out
}

#[expect(clippy::result_large_err, reason = "an error ends the reading: it is made once")]
fn load(source: &Source, options: &Options, files: &Files) -> Result<Loaded, Diagnostic> {
    let limit = options.limits.source;
    match source {
        Source::File(path) => {
            let shown = path.display().to_string();
            let bytes = files
                .read(path, limit)
                .map_err(|error| missing(&shown, format!("cannot read `{shown}`: {error}"), None))?;
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
            let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            Ok(Loaded {
                source: SourceText::new(&shown, bytes.to_vec(), Some(folder.clone()), limit)?,
                folder: Some(folder),
                stem,
            })
        }
        Source::Text { name, text, base } => {
            let bytes = text.as_bytes().to_vec();
            let stem = name.trim_matches('-').to_owned();
            let stem = if engine_core::series::is_step_name(&stem) && !stem.contains('/') {
                stem
            } else {
                "script".to_owned()
            };
            Ok(Loaded {
                source: SourceText::new(name, bytes, Some(base.clone()), limit)?,
                folder: Some(base.clone()),
                stem,
            })
        }
        Source::Embedded(name) => {
            let names = options.embedded.iter().map(|(known, _)| *known);
            let Some((known, text)) = options.embedded.iter().find(|(known, _)| known == name) else {
                let all: Vec<&str> = names.clone().collect();
                let help = format!("there are `{}`; a file is named with its `.rhai` or a `/`", all.join("`, `"));
                return Err(missing(name, format!("there is no scenario `{name}`{}", hint(name, names)), Some(help)));
            };
            let source = SourceText::new(&format!("embedded:{known}"), text.as_bytes().to_vec(), None, limit)?;
            Ok(Loaded { source, folder: None, stem: (*known).to_owned() })
        }
    }
}

/// Reads a scenario. The host and the engine are there when functions can be called.
pub(crate) fn read(
    source: &Source,
    options: Options,
    guard: Rc<Guard>,
    files: Arc<Files>,
) -> (Option<Rc<Host>>, Option<Engine>, Outcome) {
    let failed = |diagnostic: Diagnostic| (None, None, Outcome { diagnostics: vec![diagnostic], ..Outcome::default() });
    let loaded = match load(source, &options, &files) {
        Ok(loaded) => loaded,
        Err(diagnostic) => return failed(diagnostic),
    };
    let usage = |message: String| {
        let place = Place { file: loaded.source.name.clone(), line: 0, column: 0 };
        Diagnostic::error(ErrorClass::Usage, "bad-glob", message, place)
    };
    let filter = match (globs(&options.only), globs(&options.skip)) {
        (Ok(only), Ok(skip)) => Rc::new(Filter { only, skip }),
        (Err(message), _) | (_, Err(message)) => return failed(usage(message)),
    };
    let start = Place { file: loaded.source.name.clone(), line: 0, column: 0 };
    let (host, engine, source) = prepared(loaded, options, guard, files, filter);
    let done = catch_unwind(AssertUnwindSafe(|| declare(&host, &engine, &source)));
    let mut diagnostics = done.unwrap_or_else(|panic| {
        vec![Diagnostic::error(ErrorClass::Internal, "panic", panicked(&*panic), start.clone())]
    });
    let good = !diagnostics.iter().any(|d| d.severity == Severity::Error);
    if good {
        diagnostics.extend(host.params.unknown(&host.options.params, &source.name));
    }
    diagnostics.extend(host.found.borrow().iter().cloned());
    let good = good && !diagnostics.iter().any(|d| d.severity == Severity::Error);
    if good && host.builder.borrow().steps.is_empty() {
        diagnostics.push(nothing(&host, &source, start));
    }
    for diagnostic in &mut diagnostics {
        diagnostic.message = host.vault.redact(&diagnostic.message);
    }
    let good = !diagnostics.iter().any(|d| d.severity == Severity::Error);
    let outcome = Outcome {
        plan: good.then(|| host.plan()),
        params: host.params.docs(),
        flags: host.flags.borrow().iter().cloned().collect(),
        notes: std::mem::take(&mut host.notes.borrow_mut()),
        hash: hash(&host, &source),
        sources: hashes(&host),
        source: source.name.clone(),
        diagnostics,
    };
    (Some(host), Some(engine), outcome)
}

/// Everything up to the first line of the script.
fn prepared(
    loaded: Loaded,
    options: Options,
    guard: Rc<Guard>,
    files: Arc<Files>,
    filter: Rc<Filter>,
) -> (Rc<Host>, Engine, Rc<SourceText>) {
    let root = loaded.folder.as_deref().map(real);
    let base = loaded.folder.clone().unwrap_or_default();
    let host = Host::new(options, root, base, guard, files);
    let engine = language::engine(&host, filter);
    let source = host.sources.add(loaded.source);
    {
        let mut builder = host.builder.borrow_mut();
        builder.suite.clone_from(&loaded.stem);
        builder.title = source.title();
    }
    host.frames.borrow_mut().push(Frame { file: source.name.clone(), suite: loaded.stem, ..Frame::default() });
    let start = Place { file: source.name.clone(), line: 0, column: 0 };
    let _ = resolve::open(&host, &source.name, start, "includes");
    let limits = &host.options.limits;
    host.guard.enter(limits.plan_operations, Instant::now() + limits.plan_time);
    (host, engine, source)
}

/// Reads a scenario that was checked before, for a thread of its own.
#[expect(clippy::result_large_err, reason = "an error ends the reading: it is made once")]
pub(crate) fn program(
    source: &Source,
    options: Options,
    guard: Rc<Guard>,
    files: Arc<Files>,
) -> Result<(Rc<Host>, Engine), Diagnostic> {
    let loaded = load(source, &options, &files)?;
    let (host, engine, source) = prepared(loaded, options, guard, files, Rc::default());
    run_source(&host, &engine, &source).map_err(|error| translate::eval(&host.sources, &source.name, &error))?;
    Ok((host, engine))
}

/// Compiles, inspects and runs the top level. An error that both find is told once.
fn declare(host: &Rc<Host>, engine: &Engine, source: &Rc<SourceText>) -> Vec<Diagnostic> {
    if let Err(error) = resolve::compile(host, engine, source) {
        return vec![translate::eval(&host.sources, &source.name, &error)];
    }
    let known = Known::of(engine);
    let mut seen = BTreeSet::new();
    let mut found = inspect_all(host, engine, &known, &mut seen);
    let ran = run_source(host, engine, source);
    // Scenarios that were included are known only now.
    found.extend(inspect_all(host, engine, &known, &mut seen));
    if let Err(error) = ran {
        let diagnostic = translate::eval(&host.sources, &source.name, &error);
        let told = found.iter().any(|d| d.place == diagnostic.place && d.code == diagnostic.code)
            || found.iter().any(|d| {
                d.place.file == diagnostic.place.file
                    && d.place.line == diagnostic.place.line
                    && d.code == diagnostic.code
            });
        if !told {
            found.push(diagnostic);
        }
    }
    found
}

fn inspect_all(host: &Rc<Host>, engine: &Engine, known: &Known, seen: &mut BTreeSet<String>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    loop {
        let open: Vec<_> = host
            .sources
            .all()
            .into_iter()
            .filter(|source| source.compiled.borrow().is_some() && !seen.contains(&source.name))
            .collect();
        if open.is_empty() {
            return found;
        }
        for source in open {
            seen.insert(source.name.clone());
            found.extend(inspect(host, engine, known, &source));
        }
    }
}

fn nothing(host: &Host, source: &SourceText, start: Place) -> Diagnostic {
    let filtered = host.builder.borrow().filtered;
    let (message, help) = if filtered > 0 {
        let globs = host.options.only.iter().chain(&host.options.skip).cloned().collect::<Vec<_>>().join("`, `");
        (
            format!("none of the scenario's {filtered} steps is left by `{globs}`"),
            "`engine list steps FILE` shows their names",
        )
    } else if source.text.trim().is_empty() {
        ("the scenario is empty".to_owned(), "declare a step: `bench(cpu::primes());`")
    } else {
        (
            "the scenario declares no step".to_owned(),
            "declare one: `bench(cpu::primes());`; a `return` above ends the file early",
        )
    };
    let mut out = Diagnostic::error(ErrorClass::NothingDeclared, "nothing-declared", message, start);
    out.help = Some(help.to_owned());
    out
}

/// SHA-256 over the scenario's text and those of the sources that it reads, hexadecimal.
fn hash(host: &Host, main: &SourceText) -> String {
    let mut hasher = Sha256::new();
    hasher.update(main.text.as_bytes());
    for source in host.sources.all().iter().filter(|source| source.name != main.name) {
        hasher.update(b"\0");
        hasher.update(source.name.as_bytes());
        hasher.update(b"\0");
        hasher.update(source.text.as_bytes());
    }
    hex(hasher)
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every source and every file of data that was read, each with its SHA-256: the scenario's own text first.
fn hashes(host: &Host) -> Vec<SourceHash> {
    let one = |name: String, bytes: &[u8]| {
        let mut hasher = Sha256::new();
        hasher.update(bytes);
        SourceHash { name, sha256: hex(hasher) }
    };
    let sources = host.sources.all();
    let main = host.frames.borrow().first().map_or_else(String::new, |frame| frame.file.clone());
    let (own, others): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.name == main);
    let scripts = own.into_iter().chain(others).map(|source| one(source.name.clone(), source.text.as_bytes()));
    // Scripts are among the files too, under the name that was used to open them.
    let data = host.files.all().into_iter().filter(|(path, _)| path.extension().is_none_or(|suffix| suffix != "rhai"));
    scripts.chain(data.map(|(path, bytes)| one(path.display().to_string(), &bytes))).collect()
}
