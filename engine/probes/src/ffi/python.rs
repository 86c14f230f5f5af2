//! `ffi.python`: what calls between Python and native code cost, both ways.
//!
//! Method: a child `python3` loads the extension that is embedded in the engine (PyO3, one library for CPython 3.9 and
//! newer) and, for ctypes and cffi, the shared library of C. Python repeats each call in a loop compiled for that statement
//! alone, as `timeit` does, without the garbage collector; an empty turn of the same loop is taken off and shown as
//! `floor`. What Rust repeats (calls of a Python function, attaching of a thread that Python does not know) is timed in
//! Rust. Values are converted into Rust and, but for bytes, back; bytes are copied into memory that is kept (ctypes and cffi
//! allocate theirs). A thread has been started before, since the C library's locks are cheaper until then. All rows take turns on one pinned CPU; then threads
//! work with the interpreter's lock held and given up. Source of the loop: Python's `timeit` module; the comparison is
//! `benches/peers/ffi`, which runs `timeit` itself.
//!
//! What would make the number wrong: an import or a call that fails and is timed all the same (the extension and the
//! library count what arrives, and a row with one call less is a failure); values that are cached (each crosses anew); a
//! loop shared by several statements, which newer Pythons specialise for the first one (each has its own); an interpreter
//! that was chosen by accident: its version is in the label `python`.

use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;
use serde::Deserialize;
use serde_json::json;

use super::interpreter::{self, EXTENSION, Script};
use super::native::least;
use crate::{Context, Probe, ProbeError};

/// Kinds of calls, as `child.py` knows them.
const KINDS: &[&str] = &[
    "all",
    "noop",
    "int",
    "int_undeclared",
    "str",
    "list",
    "dict",
    "bytes_copied",
    "buffer_viewed",
    "exception",
    "gil_released",
    "called_back",
    "call",
    "attach",
    "threads",
];
const BINDINGS: &[&str] = &["all", "pyo3", "ctypes", "cffi", "python"];

const KIND: ParamDef = ParamDef {
    name: "kind",
    kind: ParamKind::Choice(KINDS),
    default: Some("all"),
    tiny: None,
    doc: "which calls; in the results they are told apart by the label `kind`",
};
const BINDING: ParamDef = ParamDef {
    name: "binding",
    kind: ParamKind::Choice(BINDINGS),
    default: Some("all"),
    tiny: None,
    doc: "through what: the extension, ctypes, cffi, or Python alone for scale",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 1.0, max: 1_073_741_824.0 },
    default: Some("1 MiB"),
    tiny: Some("4 KiB"),
    doc: "bytes of the buffer that is copied and viewed",
};
const ITEMS: ParamDef = ParamDef {
    name: "items",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("100"),
    tiny: Some("10"),
    doc: "entries of the list and of the dict",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("all"),
    tiny: Some("2"),
    doc: "threads that work, and contend for the lock, at once",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "a call, an empty turn of the loop taken off");
const FLOOR: MetricDef = MetricDef::fact("floor", Unit::Seconds, "an empty turn of Python's loop");
const SPEEDUP: MetricDef = MetricDef::rate("speedup", Unit::Ratio, "work of all threads over that of one, by the lock");
const CALLS: MetricDef = MetricDef::fact("calls", Unit::Count, "calls that were timed and arrived on the other side");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "ffi.python",
        summary: "What calls between Python and Rust cost, both ways; ctypes and cffi beside.",
        method: 1,
        about: "A child `python3` (3.9 or newer) loads the extension embedded in the engine. Python repeats each call in a \
                loop of its own, as `timeit` does, and an empty turn is taken off: nothing, an int (with ctypes also without declared types), a text of 32 bytes, a list \
                and a dict there and back, bytes copied and viewed, an exception, the lock given up and taken again, a \
                function of Python called back. Rust times `call` (a function of Python) and `attach` (a thread that Python \
                does not know); `threads` is attaching while all threads do nothing else. Bindings: `pyo3`, `ctypes` and `cffi` (the same in C), `python` (no crossing). `speedup` is \
                threads that work with the lock held and given up. The numbers are wrong when a call fails and is timed all \
                the same: each is counted where it arrives, and one that is missing is a failure.",
        params: &[KIND, BINDING, SIZE, ITEMS, THREADS],
        metrics: &[LATENCY, FLOOR, SPEEDUP, CALLS],
        round_seconds: 2.5,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

/// How long the child may take for what is done in two seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// What the child answers.
#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    version: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    gaps: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    rows: Vec<Row>,
    speedups: Option<Speedups>,
    contended: Option<Contended>,
}

/// One kind of call through one binding: nanoseconds of each pass, and of as many empty turns.
#[derive(Debug, Deserialize)]
struct Row {
    kind: String,
    binding: String,
    calls: u64,
    nanos: Vec<u64>,
    floors: Vec<u64>,
    arrived: u64,
}

/// Times more work by all threads than by one.
#[derive(Debug, Deserialize)]
struct Speedups {
    held: Vec<f64>,
    released: Vec<f64>,
}

/// Attaching by all threads at once.
#[derive(Debug, Deserialize)]
struct Contended {
    calls: u64,
    nanos: Vec<u64>,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let python = interpreter::python3()?;
    if args.text(KIND.name) == "threads" && args.threads(THREADS.name, cx.cores) < 2 {
        let skip = Skip::new(SkipKind::Hardware, "one thread contends with nobody", "give `threads` of 2 or more");
        return Err(skip.into());
    }
    let plan = plan(args, cx);
    let script = Script { python: &python, program: include_str!("child.py"), argument: &plan, limit: LIMIT };
    let bytes = interpreter::run(&script, EXTENSION, cx)?;
    record(args.text(BINDING.name), &bytes, cx)
}

/// What the child is to do.
fn plan(args: &Args, cx: &Context<'_>) -> String {
    let of = |word: &str, all: &[&str]| match word {
        "all" => all[1..].iter().map(|name| (*name).to_owned()).collect(),
        one => vec![one.to_owned()],
    };
    let (pass, passes, work, works) = if cx.tiny { (100_000, 2, 200_000, 1) } else { (3_000_000, 9, 10_000_000, 5) };
    json!({
        "kinds": of(args.text(KIND.name), KINDS),
        "bindings": of(args.text(BINDING.name), BINDINGS),
        "size": args.number(SIZE.name) as u64,
        "items": args.whole(ITEMS.name),
        "threads": args.threads(THREADS.name, cx.cores),
        "pass_nanos": pass,
        "passes": passes,
        "work_nanos": work,
        "works": works,
    })
    .to_string()
}

/// Reads the answer; what it has not measured is a skip or a note.
fn record(binding: &str, bytes: &[u8], cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|error| ProbeError::failed(format!("`python3` gave an answer that cannot be read: {error}")))?;
    let Answer { version, message, .. } = &answer;
    let old = "put Python 3.9 or newer first in PATH";
    match answer.status.as_str() {
        "ok" => {}
        "old" => return Err(Skip::new(SkipKind::Tool, format!("`python3` is {version}"), old).into()),
        "unlike" => {
            let reason = format!("`python3` is {} {version}, for which the extension is not built", message.trim());
            return Err(Skip::new(SkipKind::Platform, reason, "put an ordinary CPython first in PATH").into());
        }
        "wrong" => return Err(ProbeError::verification(message.clone())),
        _ => return Err(ProbeError::failed(format!("Python {version} refuses the extension: {message}"))),
    }
    cx.mark("python", version.rsplit_once('.').map_or(version.as_str(), |(minor, _)| minor));
    for (name, reason) in &answer.gaps {
        if name == binding {
            let reason = format!("Python {version} has no {name}: {reason}");
            return Err(Skip::new(SkipKind::Tool, reason, format!("install it (`pip install {name}`)")).into());
        }
        cx.note(format!("the rows of `{name}` are skipped, Python {version} has no such module: {reason}"));
    }
    // Every row's loop is the same when it is empty: the best of all its passes is what it takes.
    let empty =
        |row: &Row| row.floors.iter().filter(|floor| **floor > 0).map(|floor| seconds(*floor, row.calls)).collect();
    let floor = least(&answer.rows.iter().flat_map(|row| -> Vec<f64> { empty(row) }).collect::<Vec<_>>());
    let mut calls = 0;
    for row in &answer.rows {
        let passes = row.nanos.len() as u64;
        if row.calls == 0 || passes == 0 || row.floors.len() != row.nanos.len() || row.arrived != row.calls * passes {
            return Err(ProbeError::verification(format!(
                "{} of {} calls arrived ({} {})",
                row.arrived,
                row.calls * passes,
                row.binding,
                row.kind
            )));
        }
        calls += row.arrived;
        let labels = Labels::new().with("kind", &row.kind).with("binding", &row.binding);
        let off = if row.floors.iter().all(|floor| *floor == 0) { 0.0 } else { floor };
        let values: Vec<f64> = row.nanos.iter().map(|nanos| seconds(*nanos, row.calls) - off).collect();
        if values.iter().any(|value| *value <= 0.0) {
            let what = format!("a call ({} {}) took no longer than an empty turn of the loop", row.binding, row.kind);
            return Err(ProbeError::verification(what));
        }
        cx.record_with(LATENCY.metric(), labels, &values);
    }
    if floor.is_finite() {
        cx.record(&FLOOR, floor);
    }
    threads(&answer, &mut calls, cx);
    if calls == 0 {
        return Err(nothing(binding));
    }
    cx.record(&CALLS, calls as f64);
    Ok(())
}

/// Seconds of one of so many calls.
fn seconds(nanos: u64, calls: u64) -> f64 {
    nanos as f64 * 1e-9 / calls.max(1) as f64
}

/// What was found with several threads.
fn threads(answer: &Answer, calls: &mut u64, cx: &mut Context<'_>) {
    if let Some(Speedups { held, released }) = &answer.speedups {
        for (lock, values) in [("held", held), ("released", released)] {
            cx.record_with(SPEEDUP.metric(), Labels::new().with("lock", lock), values);
        }
    }
    if let Some(Contended { calls: each, nanos }) = &answer.contended {
        let values: Vec<f64> = nanos.iter().map(|nanos| seconds(*nanos, *each)).collect();
        let labels = Labels::new().with("kind", "threads").with("binding", "pyo3");
        cx.record_with(LATENCY.metric(), labels, &values);
        *calls += each * nanos.len() as u64;
    }
}

/// No call at all: a combination of options that does not exist, or something that must not happen.
fn nothing(binding: &str) -> ProbeError {
    ProbeError::verification(format!(
        "no call arrived, so nothing was measured: does the binding `{binding}` have this kind of call?"
    ))
}

#[cfg(test)]
mod tests;
