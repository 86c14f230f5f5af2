//! Takes one round of a probe and prints what it recorded:
//!
//! ```text
//! cargo run -p engine-probes --example probe -- tool.spawn samples=50
//! cargo run -p engine-probes --example probe -- --json tool.command runs=10 -- sh -c 'exit 0'
//! ```
//!
//! What follows `--` is the program of those that take one, such as `tool.command`. `--tiny` takes the shortest round, `--json`
//! prints the records as JSON, `--timeout=SECONDS` ends the round, by default after ten minutes, `--keep` leaves the folder
//! for test files and says where it is.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::stats::Summary;
use engine_probes::tool::lent::{Lent, lend};
use engine_probes::tool::serve::serve;
use engine_probes::{Context, registry};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let outcome = match (words.next().as_deref(), words.next()) {
        // The server that the probes of tools talk to.
        (Some("__tool"), Some(word)) => serve(&word).map_err(|error| error.to_string()),
        _ => take(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn take() -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    lend(Lent { server: vec![program.into_os_string(), "__tool".into()], script: None });
    let (mut tiny, mut json, mut keep, mut seconds) = (false, false, false, 600.0);
    let (mut id, mut given) = (None, BTreeMap::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), word.split_once('=')) {
            ("--tiny", _) => tiny = true,
            ("--json", _) => json = true,
            ("--keep", _) => keep = true,
            ("--", _) => {
                given.insert("command".to_owned(), ArgValue::List(words.by_ref().collect()));
            }
            (_, Some(("--timeout", value))) => seconds = value.parse().map_err(|_| format!("no time `{value}`"))?,
            (_, Some((name, value))) => {
                given.insert(name.to_owned(), ArgValue::Text(value.to_owned()));
            }
            (name, None) => id = Some(name.to_owned()),
        }
    }
    let ids = || registry::registry().iter().map(|probe| probe.info.id).collect::<Vec<_>>().join(", ");
    let id = id.ok_or_else(|| format!("name a probe: {}", ids()))?;
    let probe = registry::find(&id).ok_or_else(|| format!("no probe `{id}`: {}", ids()))?;
    let args = probe.info.args(&given, tiny).map_err(|error| error.to_string())?;

    let scratch = std::env::temp_dir().join(format!("engine-probe-{}", std::process::id()));
    std::fs::create_dir(&scratch).map_err(|error| format!("cannot create `{}`: {error}", scratch.display()))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cancel = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs_f64(seconds);
    let mut cx = Context::new(&scratch, &cancel, deadline, cores, 1, tiny);
    let outcome = (probe.run)(&args, &mut cx);
    if keep {
        eprintln!("kept: {}", scratch.display());
    } else {
        // Whatever happened, the folder goes.
        let _ = std::fs::remove_dir_all(&scratch);
    }
    outcome.map_err(|error| error.to_string())?;

    let (records, notes) = cx.finish();
    if json {
        println!("{}", serde_json::to_string(&records).map_err(|error| error.to_string())?);
    } else {
        records.iter().for_each(print);
    }
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    Ok(())
}

fn print(record: &Record) {
    let Some(summary) = Summary::of(&record.values) else { return };
    let show = |value| record.metric.unit.format(value);
    println!(
        "{:<24}{:>14}  n {:<6} min {:<12} p99 {:<12} max {}",
        format!("{}{}", record.metric.id, record.labels),
        show(summary.median),
        summary.n,
        show(summary.min),
        show(summary.p99),
        show(summary.max)
    );
}
