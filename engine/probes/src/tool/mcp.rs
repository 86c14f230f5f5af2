//! `tool.mcp`: what a server of the Model Context Protocol costs: its start, its list of tools, a call, and a ping.
//!
//! Method: start the server several times, each time from before its start to the answer to `initialize`; ask the last one
//! for its tools; call one of them over and over, one call at a time, from the write of the request to the parsed answer;
//! then ping it as often. Messages are JSON-RPC 2.0, one a line, on standard input and output, as the protocol's `stdio`
//! transport has it. CPU, switches and faults are this process's and those of all processes of the server's group.
//! `efficiency` is the share of a call's CPU time that a ping, which the protocol demands of every server and which does
//! nothing, does not need: what is left is the tool's own, with reading and writing its payload.
//!
//! What would make the number wrong: a server that answers without doing its work (an answer with `isError`, or without
//! content, is an error and no sample; no success at all fails the step); a first call that is slower (some are made before
//! and do not count); helpers of the server in a process group of their own, which are not counted; and on a machine with
//! several CPUs the scheduler, which may keep both sides on one or not (`placement` decides).

use std::thread;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use self::client::{Client, McpError};
use self::target::{COMMAND, Calls, PARAMS, PAYLOAD, PAYLOAD_NAME, TIMEOUT, TOOL, Target};
use super::spent::{Spent, peak_memory};
use crate::harness::clock::Stopwatch;
use crate::network::place::{Places, sit};
use crate::{Context, Probe, ProbeError};

pub(crate) mod client;
pub(crate) mod pipe;
pub(crate) mod target;

const CALLS: ParamDef = ParamDef {
    name: "calls",
    kind: ParamKind::Count { min: 1, max: 10_000_000 },
    default: Some("200"),
    tiny: Some("5"),
    doc: "calls of the tool that count, and as many pings",
};
const STARTS: ParamDef = ParamDef {
    name: "starts",
    kind: ParamKind::Count { min: 1, max: 10_000 },
    default: Some("3"),
    tiny: Some("1"),
    doc: "how often the server is started",
};
const PLACEMENT: ParamDef = ParamDef {
    name: "placement",
    kind: ParamKind::Choice(&["free", "other", "same"]),
    default: Some("free"),
    tiny: None,
    doc: "as the scheduler likes, or client and server on two CPUs, or both on the same",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "time of a call, from its request to its answer");
const PING: MetricDef = MetricDef::cost("ping", Unit::Seconds, "time of a ping: the protocol without a tool");
const STARTUP: MetricDef = MetricDef::cost("startup", Unit::Seconds, "from the start to the answer to `initialize`");
const LIST: MetricDef = MetricDef::cost("list", Unit::Seconds, "time of `tools/list`, all pages");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "calls a second, one after the other");
const CPU: MetricDef = MetricDef::cost("cpu", Unit::Seconds, "CPU time of a call, on both sides");
const SERVER_CPU: MetricDef = MetricDef::cost("server_cpu", Unit::Seconds, "CPU time of a call, in the server");
const EFFICIENCY: MetricDef =
    MetricDef::rate("efficiency", Unit::Ratio, "share of a call's CPU time that a ping does not need");
const SWITCHES: MetricDef = MetricDef::cost("switches", Unit::Count, "context switches of a call, on both sides");
const MINOR_FAULTS: MetricDef = MetricDef::cost("minor_faults", Unit::Count, "minor page faults of a call, likewise");
const MEMORY: MetricDef = MetricDef::cost("peak_memory", Unit::Bytes, "largest resident memory of the server");
const SENT: MetricDef = MetricDef::fact("sent", Unit::Bytes, "size of a request");
const RECEIVED: MetricDef = MetricDef::fact("received", Unit::Bytes, "size of an answer");
const TOOLS: MetricDef = MetricDef::fact("tools", Unit::Count, "tools that the server offers");
const DONE: MetricDef = MetricDef::fact("succeeded", Unit::Count, "calls that succeeded");
const ERRORS: MetricDef = MetricDef::cost("errors", Unit::Count, "calls that failed");

/// Calls that are made before and do not count, at most.
const WARMUP: u64 = 20;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "tool.mcp",
        summary: "What a server of the Model Context Protocol costs: start, list of tools, calls, pings.",
        method: 1,
        about: "Starts any MCP server over standard input and output, shakes hands, lists its tools and calls one of them, one \
                call at a time. `startup` is from before the start to the answer to `initialize`; `latency` from the request \
                to the parsed answer. `efficiency` is the share of a call's CPU time that a ping does not need. A call that \
                the tool or the server refuses is an error; no success at all fails the step. The server's whole process \
                group is ended afterwards. The numbers are wrong when helpers of the server leave its process group, whose \
                CPU time and memory are then not counted, and differ with the scheduler's mood unless `placement` is given.",
        params: &[COMMAND, TOOL, PARAMS, PAYLOAD, PAYLOAD_NAME, CALLS, STARTS, PLACEMENT, TIMEOUT],
        metrics: &[
            LATENCY,
            PING,
            STARTUP,
            LIST,
            RATE,
            CPU,
            SERVER_CPU,
            EFFICIENCY,
            SWITCHES,
            MINOR_FAULTS,
            MEMORY,
            SENT,
            RECEIVED,
            TOOLS,
            DONE,
            ERRORS,
        ],
        round_seconds: 0.3,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let target = Target::new(args, cx.seed)?;
    let placement = args.text(PLACEMENT.name);
    if placement == "free" {
        return measure(args, &target, None, cx);
    }
    let places = Places::choose(placement, cx);
    // A thread of its own, so that nobody else is pinned afterwards.
    thread::scope(|scope| {
        let client = thread::Builder::new().spawn_scoped(scope, || measure(args, &target, Some(&places), cx));
        let client = client.map_err(|error| ProbeError::failed(format!("cannot start a thread: {error}")))?;
        client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn measure(args: &Args, target: &Target, places: Option<&Places>, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let mut startups = Vec::new();
    let mut lists = Vec::new();
    let mut last = None;
    for _ in 0..args.whole(STARTS.name) {
        // The one before has to be gone, or it would run beside.
        drop(last.take());
        cx.check()?;
        let go_on = || cx.check().is_ok();
        // A child inherits its CPU.
        let refused = places.and_then(|places| sit(places.server(0)));
        let clock = Stopwatch::start();
        let client = target.start(&go_on);
        let took = clock.stop();
        let seated = places.and_then(|places| sit(places.client(0)));
        let mut client = client?;
        startups.push(took.as_secs_f64());
        let clock = Stopwatch::start();
        let tools = client.tools(&go_on)?;
        lists.push(clock.stop().as_secs_f64());
        last = Some((client, tools));
        refused.into_iter().chain(seated).for_each(|note| cx.note(note));
    }
    let Some((mut client, tools)) = last else { return Ok(()) };
    let calls = target.calls(&tools)?;
    let count = args.whole(CALLS.name);
    converse(&mut client, &calls, count.min(WARMUP), cx)?;
    let called = converse(&mut client, &calls, count, cx)?;
    if called.seconds.is_empty() {
        let message = format!("none of {count} calls of `{}` succeeded, at last: {}", calls.tool, called.last);
        return Err(ProbeError::failed(message));
    }
    let pinged = ping(&mut client, count, cx)?;

    let successes = called.seconds.len() as f64;
    let made = successes + called.errors as f64;
    let (call_cpu, ping_cpu) = (called.both().cpu / made, pinged.both().cpu / pinged.seconds.len() as f64);
    cx.record_all(&STARTUP, &startups);
    cx.record_all(&LIST, &lists);
    cx.record_all(&LATENCY, &called.seconds);
    cx.record_all(&PING, &pinged.seconds);
    cx.record(&RATE, successes / called.seconds.iter().sum::<f64>().max(1e-12));
    cx.record(&CPU, call_cpu);
    cx.record(&SERVER_CPU, called.server.cpu / made);
    if call_cpu > 0.0 {
        cx.record(&EFFICIENCY, (1.0 - ping_cpu / call_cpu).max(0.0));
    }
    cx.record(&SWITCHES, called.both().switches / made);
    cx.record(&MINOR_FAULTS, called.both().minor_faults / made);
    if let Some(peak) = peak_memory(client.group()) {
        cx.record(&MEMORY, peak);
    }
    cx.record(&SENT, called.sent as f64);
    cx.record(&RECEIVED, called.received as f64);
    cx.record(&TOOLS, tools.len() as f64);
    cx.record(&DONE, successes);
    cx.record(&ERRORS, called.errors as f64);
    if called.errors > 0 {
        cx.note(format!("{} of {made} calls of `{}` failed, at last: {}", called.errors, calls.tool, called.last));
    }
    Ok(())
}

/// What came of many requests.
#[derive(Debug, Default)]
struct Talk {
    seconds: Vec<f64>,
    errors: u64,
    last: String,
    client: Spent,
    server: Spent,
    sent: usize,
    received: usize,
}

impl Talk {
    fn both(&self) -> Spent {
        self.client.plus(self.server)
    }
}

fn converse(client: &mut Client, calls: &Calls, count: u64, cx: &Context<'_>) -> Result<Talk, ProbeError> {
    talk(client, "tools/call", count, cx, |id, line| calls.write(id, line), |reply| calls.judge(reply))
}

fn ping(client: &mut Client, count: u64, cx: &Context<'_>) -> Result<Talk, ProbeError> {
    let nothing = serde_json::json!({});
    let write = |id, line: &mut Vec<u8>| client::request(id, "ping", &nothing, line);
    let pinged =
        talk(client, "ping", count, cx, write, |reply| reply.outcome.as_ref().map(drop).map_err(Clone::clone))?;
    match pinged.errors {
        0 => Ok(pinged),
        _ => Err(McpError::Refused { during: "`ping`".to_owned(), message: pinged.last }.into()),
    }
}

/// So many requests, one at a time.
fn talk(
    client: &mut Client,
    method: &str,
    count: u64,
    cx: &Context<'_>,
    write: impl Fn(u64, &mut Vec<u8>),
    judge: impl Fn(&client::Reply) -> Result<(), String>,
) -> Result<Talk, ProbeError> {
    let mut talk = Talk { seconds: Vec::with_capacity(usize::try_from(count).unwrap_or(0)), ..Talk::default() };
    let go_on = || cx.check().is_ok();
    let mut line = Vec::new();
    // Looking at the group reads many files: that lies outside of what is counted here.
    let there = Spent::of_group(client.group());
    let here = Spent::here();
    for _ in 0..count {
        cx.check()?;
        let id = client.number();
        write(id, &mut line);
        let clock = Stopwatch::start();
        let reply = client.exchange(id, &line, method, &go_on)?;
        let took: Duration = clock.stop();
        (talk.sent, talk.received) = (line.len(), reply.bytes);
        match judge(&reply) {
            Ok(()) => talk.seconds.push(took.as_secs_f64()),
            Err(why) => {
                talk.errors += 1;
                talk.last = why;
            }
        }
    }
    talk.client = Spent::here().since(here);
    talk.server = Spent::of_group(client.group()).since(there);
    Ok(talk)
}

#[cfg(test)]
mod tests;
