//! `tool.ladder`: what a tool call costs by the way it is made, from a function to a shell.
//!
//! Method: one tool, which adds two numbers and the bytes of a text, is called through one layer after the other, each with
//! its own mechanism and nothing else: a function; a registry of tools by name with JSON values; a function of a script; a
//! JSON-RPC message that is written, read, dispatched, answered and read back; the same with its arguments checked against a
//! schema, compiled once or for each call; the same message to another thread (mutex and condition variable), to a child
//! over pipes, over Unix sockets, and over HTTP/1.1 with one connection or a new one each time; and the start of a program
//! instead, by `posix_spawn`, by `fork` and `exec`, both again with much resident memory, and through a shell. What a layer
//! adds is the difference to the one below. `content: "echo"` sends bytes that come back as they are: the transport alone.
//!
//! Of a new connection the caller's own part is timed within the call (`connect`), so that what the other side adds is known.
//!
//! Every answer is checked. What two readings of the clock cost is shown and taken off each sample; calls that are too short
//! for the clock are timed together, a hundred times that cost at least. CPU, switches and page faults are what `getrusage`
//! tells of this process and its children, and the kernel of a server that still runs.
//!
//! What would make the number wrong: sides that the scheduler moves, since a wake-up on another CPU costs half as much again
//! (both are pinned: `placement`); a CPU that falls asleep between calls (part of every call over a transport here, as of a
//! real one); children that load libraries (the programs started are a few hundred bytes, but for the shell); percentiles of
//! layers below a few microseconds, which are those of batches (`batch` tells how many); and other threads of the process,
//! whose CPU time would be counted (a round has a process of its own).

use std::thread;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use self::climb::{Plan, climb};
use self::local::{Function, Registered, Rpc, Scripted};
use self::start::Starts;
use self::traffic::Content;
use super::lent;
use super::rpc::Check;
use crate::network::place::{PLACEMENT, Places, sit};
use crate::{Context, Probe, ProbeError};

pub(crate) mod child;
pub(crate) mod climb;
pub(crate) mod http;
pub(crate) mod local;
pub(crate) mod start;
pub(crate) mod stream;
pub(crate) mod threads;
pub(crate) mod traffic;

/// What `layer` may be: the layers, from the cheapest mechanism to the dearest, and last all of them.
const CHOICES: [&str; 17] = [
    "function",
    "registry",
    "rhai",
    "jsonrpc",
    "schema_cached",
    "schema_compile",
    "thread",
    "stdio",
    "unix",
    "http_keepalive",
    "http_new",
    "spawn",
    "fork",
    "spawn_large",
    "fork_large",
    "shell",
    "each",
];

/// The layers.
const LAYERS: &[&str] = CHOICES.split_at(CHOICES.len() - 1).0;

const LAYER: ParamDef = ParamDef {
    name: "layer",
    kind: ParamKind::Choice(&CHOICES),
    default: Some("each"),
    tiny: None,
    doc: "by which way the tool is called, or each of them in turn",
};
const CONTENT: ParamDef = ParamDef {
    name: "content",
    kind: ParamKind::Choice(&["call", "echo"]),
    default: Some("call"),
    tiny: None,
    doc: "what goes over a transport: a JSON-RPC call and its answer, or bytes that come back as they are",
};
const PAYLOAD: ParamDef = ParamDef {
    name: "payload",
    kind: ParamKind::Size { min: 1.0, max: 16_777_216.0 },
    default: Some("64 B"),
    tiny: Some("4 KiB"),
    doc: "text that goes with each call (there; with `echo` there and back)",
};
const WORK: ParamDef = ParamDef {
    name: "work",
    kind: ParamKind::Time { min: 0.0, max: 1.0 },
    default: Some("0 s"),
    tiny: Some("20 us"),
    doc: "CPU time that the tool itself takes; with it the efficiency is recorded",
};
const SAMPLES: ParamDef = ParamDef {
    name: "samples",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("1000"),
    tiny: Some("5"),
    doc: "at most so many samples of each layer",
};
const DURATION: ParamDef = ParamDef {
    name: "duration",
    kind: ParamKind::Time { min: 0.000_1, max: 600.0 },
    default: Some("100 ms"),
    tiny: Some("4 ms"),
    doc: "at most so long for each layer, but five samples",
};
const RESIDENT: ParamDef = ParamDef {
    name: "resident",
    kind: ParamKind::Size { min: 4096.0, max: 1_099_511_627_776.0 },
    default: Some("1 GiB"),
    tiny: Some("16 MiB"),
    doc: "memory that this process holds in small pages during `spawn_large` and `fork_large`",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "time of a call, without the clock's own");
const CONNECT: MetricDef =
    MetricDef::cost("connect", Unit::Seconds, "of `http_new`: the caller's side of making a connection and ending it");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "calls a second, one after the other");
const CPU: MetricDef = MetricDef::cost("cpu", Unit::Seconds, "CPU time of a call, on both sides");
const SWITCHES: MetricDef = MetricDef::cost("switches", Unit::Count, "context switches of a call, on both sides");
const MINOR_FAULTS: MetricDef = MetricDef::cost("minor_faults", Unit::Count, "minor page faults of a call, likewise");
const EFFICIENCY: MetricDef =
    MetricDef::rate("efficiency", Unit::Ratio, "share of the CPU time that is the tool's own work");
const CALLS: MetricDef = MetricDef::fact("calls", Unit::Count, "calls that were answered rightly");
const ERRORS: MetricDef = MetricDef::cost("errors", Unit::Count, "calls that failed");
const BATCH: MetricDef = MetricDef::fact("batch", Unit::Count, "calls that one sample times together");
const FLOOR: MetricDef = MetricDef::fact("floor", Unit::Seconds, "two readings of the clock; taken off each sample");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "tool.ladder",
        summary: "What a tool call costs by the way it is made: function, registry, script, JSON-RPC, thread, pipes, \
                  sockets, HTTP, a new process, a shell.",
        method: 2,
        about: "Calls one tool through each layer and checks every answer; what a layer adds is the difference to the one \
                below it. The cost of the clock is shown and taken off; calls too short for it are timed in batches. CPU \
                time, switches and faults are those of both sides. A script's layer needs a program with a script language, \
                the one over pipes a program that serves: without them they are left out with a remark. The numbers are \
                wrong when the scheduler moves a side (both are pinned), and percentiles of the fastest layers are those of \
                batches. `efficiency` needs `work`.",
        params: &[LAYER, CONTENT, PAYLOAD, WORK, SAMPLES, DURATION, RESIDENT, PLACEMENT],
        metrics: &[LATENCY, CONNECT, RATE, CPU, SWITCHES, MINOR_FAULTS, EFFICIENCY, CALLS, ERRORS, BATCH, FLOOR],
        round_seconds: 2.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let places = Places::choose(args.text(PLACEMENT.name), cx);
    // A thread of its own, so that nobody else is pinned afterwards.
    thread::scope(|scope| {
        let ladder = thread::Builder::new().spawn_scoped(scope, || {
            sit(places.client(0)).into_iter().for_each(|note| cx.note(note));
            ladder(args, cx, &places)
        });
        let ladder = ladder.map_err(|error| ProbeError::failed(format!("cannot start a thread: {error}")))?;
        ladder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn ladder(args: &Args, cx: &mut Context<'_>, places: &Places) -> Result<(), ProbeError> {
    let (wanted, echo) = (args.text(LAYER.name), args.text(CONTENT.name) == "echo");
    let plan = Plan::new(
        usize::try_from(args.whole(SAMPLES.name)).unwrap_or(usize::MAX),
        Duration::from_secs_f64(args.number(DURATION.name)),
        args.number(WORK.name),
        cx,
    );
    let payload = usize::try_from(args.whole(PAYLOAD.name)).unwrap_or(usize::MAX);
    let content = Content::new(echo, payload, plan.turns, cx.seed);
    for layer in LAYERS.iter().copied().filter(|layer| wanted == "each" || wanted == *layer) {
        match rung(layer, &content, args, places, &plan, cx) {
            Err(ProbeError::Skip(skip)) if wanted == "each" => {
                cx.note(format!("`{layer}` is left out: {}", skip.reason))
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

fn rung(
    layer: &'static str,
    content: &Content,
    args: &Args,
    places: &Places,
    plan: &Plan,
    cx: &mut Context<'_>,
) -> Result<(), ProbeError> {
    let transport = matches!(layer, "thread" | "stdio" | "unix" | "http_keepalive" | "http_new");
    if content.is_echo() && !transport {
        let reason = "bytes that come back as they are need a transport";
        return Err(Skip::new(SkipKind::Platform, reason, "leave `content: \"echo\"` out").into());
    }
    let caller = content.caller();
    match layer {
        "function" => climb(layer, &mut Function(caller), plan, cx),
        "registry" => climb(layer, &mut Registered::new(caller), plan, cx),
        "rhai" => {
            let script = lent::script().map_err(|reason| {
                Skip::new(SkipKind::Platform, reason, "use the program `engine`, which has a script language")
            })?;
            climb(layer, &mut Scripted::new(caller, script), plan, cx)
        }
        "jsonrpc" => climb(layer, &mut Rpc::new(caller, Check::No), plan, cx),
        "schema_cached" => climb(layer, &mut Rpc::new(caller, Check::Compiled), plan, cx),
        "schema_compile" => climb(layer, &mut Rpc::new(caller, Check::Each), plan, cx),
        "thread" => threads::with(content, places.server(0), |rung| climb(layer, rung, plan, cx)),
        "stdio" => climb(layer, &mut child::Piped::start(content, places)?, plan, cx),
        "unix" => stream::with(content, places.server(0), |rung| climb(layer, rung, plan, cx)),
        "http_keepalive" => http::with(content, places.server(0), true, |rung| climb(layer, rung, plan, cx)),
        "http_new" => http::with(content, places.server(0), false, |rung| climb(layer, rung, plan, cx)),
        other => climb(layer, &mut Starts::new(other, args.whole(RESIDENT.name), cx)?, plan, cx),
    }
}

#[cfg(test)]
mod tests;
