//! `engine runs import`: exported runs, and what other tools measured.

use std::io::Read;
use std::path::Path;

use engine_analysis::import::{self, Format, ImportedRun, Origin};
use engine_core::run::Timestamp;
use engine_store::{Carried, Imported, Store};
use sha2::{Digest, Sha256};

use crate::app::{self, App};
use crate::args::ImportArgs;
use crate::exit::{Exit, Fatal};

/// No output of a tool is this long: bytes.
const LONGEST: u64 = 1 << 28;

/// One file, read.
struct Foreign {
    source: String,
    hash: String,
    changed: Timestamp,
    run: ImportedRun,
}

/// Reads the files into the store.
pub(crate) fn run(app: &App, args: &ImportArgs) -> Result<Exit, Fatal> {
    let asked = match args.format.as_str() {
        "auto" => None,
        name => Some(name.parse::<Format>().map_err(|error| Fatal::usage(format!("`--format`: {error}")))?),
    };
    let mut store = app.store()?;
    let mut all: Vec<Foreign> = Vec::new();
    let mut told = Vec::new();
    for file in &args.files {
        if asked.is_none() && is_database(file) {
            // Where it was left by an older engine, that is said with what to do.
            carried(app, &format!("{}: merged", file.display()), &store.merge(file)?);
            continue;
        }
        if asked.is_none() && is_history(file) {
            carried(app, &format!("{}: imported", file.display()), &store.import_all(file)?);
            continue;
        }
        let (text, changed) = contents(file)?;
        if asked.is_none() && is_export(&text) {
            let imported = if file.as_os_str() == "-" {
                return Err(Fatal::usage("an exported run is read from a file, not from standard input"));
            } else {
                store.import(file)?
            };
            tell(app, &file.display().to_string(), "engine", &imported, &mut told);
            continue;
        }
        let refuse = |error: import::ImportError| Fatal::usage(format!("`{}`: {error}", file.display()));
        let format = asked.map_or_else(|| import::detect(&text), Ok).map_err(refuse)?;
        let path = file.to_string_lossy().into_owned();
        let run = import::read(format, &text, &path).map_err(refuse)?;
        let hash = hex(&Sha256::digest(text.as_bytes()));
        all.push(Foreign { source: path, hash, changed, run });
    }
    if args.together {
        all = together(all)?;
    }
    for foreign in &all {
        let imported = keep(&mut store, foreign, args)?;
        for remark in &foreign.run.remarks {
            app.note(&format!("{}: {remark}", foreign.source));
        }
        tell(app, &foreign.source, foreign.run.format.name(), &imported, &mut told);
    }
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "imported": told }).to_string());
    }
    Ok(Exit::Pass)
}

/// Takes in results that were sent as text: an exported run, or what another tool wrote. Gives the format.
pub(crate) fn from_text(
    store: &mut Store,
    text: &str,
    args: &ImportArgs,
    source: &str,
) -> Result<(Imported, &'static str), Fatal> {
    if args.format == "auto" && is_export(text) {
        return Ok((store.import_text(text.as_bytes())?, "engine"));
    }
    let refuse = |error: import::ImportError| Fatal::usage(format!("{error}"));
    let format = match args.format.as_str() {
        "auto" => import::detect(text).map_err(refuse)?,
        name => name.parse::<Format>().map_err(|error| Fatal::usage(format!("`format`: {error}")))?,
    };
    let run = import::read(format, text, source).map_err(refuse)?;
    let hash = hex(&Sha256::digest(text.as_bytes()));
    let name = run.format.name();
    let foreign = Foreign { source: source.to_owned(), hash, changed: app::now(), run };
    Ok((keep(store, &foreign, args)?, name))
}

fn keep(store: &mut Store, foreign: &Foreign, args: &ImportArgs) -> Result<Imported, Fatal> {
    let tags = args.tags.iter().map(|tag| app::pair("--tag", tag)).collect::<Result<_, _>>()?;
    let origin = Origin {
        scenario: args.scenario.clone().unwrap_or_else(|| foreign.run.format.name().to_owned()),
        source: foreign.source.clone(),
        hash: foreign.hash.clone(),
        started: foreign.changed,
        commit: args.commit.clone(),
        branch: args.branch.clone(),
        tags,
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(store.insert(&import::record(&foreign.run, &origin))?)
}

/// All files as rounds of one run.
fn together(all: Vec<Foreign>) -> Result<Vec<Foreign>, Fatal> {
    let mut rest = all.into_iter();
    let Some(mut first) = rest.next() else { return Ok(Vec::new()) };
    let mut hashes = first.hash.clone();
    for next in rest {
        if next.run.format != first.run.format {
            return Err(Fatal::usage(format!(
                "`--together`: `{}` is of {}, `{}` of {}",
                first.source, first.run.format, next.source, next.run.format
            )));
        }
        hashes.push_str(&next.hash);
        first.source = format!("{}, {}", first.source, next.source);
        first.changed = first.changed.min(next.changed);
        first.run = first.run.joined(next.run);
    }
    first.hash = hex(&Sha256::digest(hashes.as_bytes()));
    Ok(vec![first])
}

fn tell(app: &App, file: &str, tool: &str, imported: &Imported, told: &mut Vec<serde_json::Value>) {
    let (run, is_new) = match imported {
        Imported::New(run) => (run, true),
        Imported::AlreadyThere(run) => (run, false),
    };
    let what = if is_new { "is stored" } else { "was there already" };
    app.note(&format!("{file}: run {} {what}", run.short()));
    told.push(serde_json::json!({ "file": file, "format": tool, "run": run, "new": is_new }));
}

/// What a file holds, and when it was last written.
fn contents(file: &Path) -> Result<(String, Timestamp), Fatal> {
    let fail = |error: std::io::Error| Fatal::usage(format!("cannot read `{}`: {error}", file.display()));
    let mut bytes = Vec::new();
    let changed = if file.as_os_str() == "-" {
        std::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes).map_err(fail)?;
        app::now()
    } else {
        let open = std::fs::File::open(file).map_err(fail)?;
        let about = open.metadata().map_err(fail)?;
        if about.is_dir() {
            return Err(Fatal::usage(format!("`{}` is a folder: name the files in it", file.display())));
        }
        open.take(LONGEST + 1).read_to_end(&mut bytes).map_err(fail)?;
        about.modified().ok().and_then(micros).unwrap_or_else(app::now)
    };
    if bytes.len() as u64 > LONGEST {
        return Err(Fatal::usage(format!("`{}` is longer than {LONGEST} bytes", file.display())));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Fatal::usage(format!("`{}` is no text: {}", file.display(), error.utf8_error())))?;
    Ok((text, changed))
}

fn micros(moment: std::time::SystemTime) -> Option<Timestamp> {
    let since = moment.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok().map(Timestamp)
}

/// Says what was carried from one store to another.
pub(crate) fn carried(app: &App, what: &str, carried: &Carried) {
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "carried": carried }).to_string());
    }
    let machines: Vec<String> = carried.machines.iter().map(|(machine, runs)| format!("{machine}: {runs}")).collect();
    let mut said = vec![format!("{} runs", carried.runs)];
    for (count, word) in [
        (carried.known, "runs were there already"),
        (carried.running, "runs are still going and are left"),
        (carried.baselines, "baselines"),
        (carried.acceptances, "accepted levels"),
    ] {
        if count > 0 {
            said.push(format!("{count} {word}"));
        }
    }
    app.note(&format!("{what}: {}; by machine: {}", said.join(", "), machines.join(", ")));
}

/// The first bytes of a file, where it can be read.
fn head(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What cannot be read is told where it is read.
    let _ = std::fs::File::open(file).and_then(|open| open.take(200).read_to_end(&mut bytes));
    bytes
}

/// Whether a file is a store.
fn is_database(file: &Path) -> bool {
    head(file).starts_with(b"SQLite format 3\0")
}

/// Whether a file is a whole history: JSON lines that the engine wrote.
fn is_history(file: &Path) -> bool {
    let lines = file.extension().is_some_and(|suffix| suffix == "jsonl" || suffix == "ndjson");
    lines && head(file).starts_with(b"{\"format\":\"engine-")
}

/// Whether this is a run that the engine wrote; whether it is whole, the store finds out.
fn is_export(text: &str) -> bool {
    let head: String = text.trim_start().chars().take(200).filter(|c| !c.is_whitespace()).collect();
    head.starts_with("{\"format\":\"engine-run\"")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
