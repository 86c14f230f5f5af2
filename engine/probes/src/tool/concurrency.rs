//! `tool.concurrency`: how a tool server takes calls that come while others are on their way.
//!
//! Method: for each number of calls in flight (1, 2, 4, .. `most`) first a closed phase, in which so many are kept on their
//! way over one connection: its rate is the throughput. Then an open phase: calls are due at the times of a Poisson process
//! at `load` per cent of that throughput, at most so many are in flight, and those that are due meanwhile wait in line.
//! `response` is from the time when a call was due to its answer, so that a server that stalls is charged for everybody whom
//! it kept waiting (no coordinated omission); `wait` is the part before it was sent, `service` the rest.
//!
//! What would make the number wrong: latency from the send (that is `service`, which hides the line); a client that cannot
//! keep up (it is one thread: `wait` at a low load with a fast server is partly the client's own); a server that answers in
//! order, which makes no use of more calls in flight (that is a finding, not a mistake); and a throughput that was measured
//! while the machine did something else, since the load is a share of it (`offered` says what was really offered).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::arrivals::{Arrivals, Cursor};
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::mcp::client::{Client, McpError};
use super::mcp::target::{COMMAND, Calls, PARAMS, PAYLOAD, PAYLOAD_NAME, TIMEOUT, TOOL, Target};
use crate::{Context, Probe, ProbeError};

const MOST: ParamDef = ParamDef {
    name: "most",
    kind: ParamKind::Count { min: 1, max: 1_024 },
    default: Some("16"),
    tiny: Some("2"),
    doc: "largest number of calls in flight; those below it are its halves",
};
const LOAD: ParamDef = ParamDef {
    name: "load",
    kind: ParamKind::Count { min: 1, max: 1_000 },
    default: Some("70"),
    tiny: None,
    doc: "rate of the open phase, in per cent of the throughput of the closed one",
};
const DURATION: ParamDef = ParamDef {
    name: "duration",
    kind: ParamKind::Time { min: 0.001, max: 3600.0 },
    default: Some("200 ms"),
    tiny: Some("8 ms"),
    doc: "length of each phase",
};

const RESPONSE: MetricDef =
    MetricDef::cost("response", Unit::Seconds, "from the time when a call was due to its answer");
const SERVICE: MetricDef = MetricDef::cost("service", Unit::Seconds, "from the send of a call to its answer");
const WAIT: MetricDef = MetricDef::cost("wait", Unit::Seconds, "from the time when a call was due to its send");
const THROUGHPUT: MetricDef = MetricDef::rate("throughput", Unit::PerSecond, "calls a second with so many in flight");
const OFFERED: MetricDef =
    MetricDef::fact("offered", Unit::PerSecond, "calls a second that were due in the open phase");
const ANSWERED: MetricDef = MetricDef::rate("answered", Unit::PerSecond, "calls a second that were answered in it");
const ERRORS: MetricDef = MetricDef::cost("errors", Unit::Count, "calls that failed, in both phases");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "tool.concurrency",
        summary: "How a tool server takes several calls at a time: throughput, and response times in open model.",
        method: 1,
        about: "For 1, 2, 4, .. calls in flight over one connection: the throughput of a closed loop, then calls that are due \
                by a Poisson schedule at a share of it. `response` is from the time when a call was due, so that a stall is \
                charged to everybody who waited. The numbers are wrong when the client cannot keep up (one thread), and \
                `service` alone hides the line that `wait` shows.",
        params: &[COMMAND, TOOL, PARAMS, PAYLOAD, PAYLOAD_NAME, MOST, LOAD, DURATION, TIMEOUT],
        metrics: &[RESPONSE, SERVICE, WAIT, THROUGHPUT, OFFERED, ANSWERED, ERRORS],
        round_seconds: 2.2,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let target = Target::new(args, cx.seed)?;
    let most = args.whole(MOST.name);
    let duration = Duration::from_secs_f64(args.number(DURATION.name));
    let load = args.number(LOAD.name) / 100.0;
    let (mut client, calls) = {
        let go_on = || cx.check().is_ok();
        let mut client = target.start(&go_on)?;
        let tools = client.tools(&go_on)?;
        (client, target.calls(&tools)?)
    };
    for in_flight in levels(most) {
        let closed = Traffic::new(&mut client, &calls, in_flight, cx).closed(duration)?;
        if closed.done.is_empty() {
            let message =
                format!("none of {} calls of `{}` succeeded, at last: {}", closed.errors, calls.tool, closed.last);
            return Err(ProbeError::failed(message));
        }
        let throughput = closed.done.len() as f64 / closed.seconds;
        let offered = (throughput * load).max(1.0);
        let schedule = Arrivals::Poisson { rate: offered }.schedule(cx.seed.wrapping_add(in_flight as u64));
        let schedule = schedule.map_err(|error| ProbeError::failed(error.to_string()))?;
        let open = Traffic::new(&mut client, &calls, in_flight, cx).open(schedule.cursor(), duration)?;

        let labels = || Labels::new().with("concurrency", in_flight.to_string());
        let mut put = |metric: &MetricDef, values: &[f64]| {
            if !values.is_empty() {
                cx.record_with(metric.metric(), labels(), values);
            }
        };
        let times = |of: fn(&Done) -> Duration| open.done.iter().map(|done| of(done).as_secs_f64()).collect::<Vec<_>>();
        put(&RESPONSE, &times(|done| done.answered - done.due));
        put(&SERVICE, &times(|done| done.answered - done.sent));
        put(&WAIT, &times(|done| done.sent - done.due));
        put(&THROUGHPUT, &[throughput]);
        put(&OFFERED, &[offered]);
        put(&ANSWERED, &[open.done.len() as f64 / open.seconds]);
        put(&ERRORS, &[(closed.errors + open.errors) as f64]);
        let errors = closed.errors + open.errors;
        if errors > 0 {
            cx.note(format!("{errors} calls failed with {in_flight} in flight, at last: {}{}", closed.last, open.last));
        }
    }
    Ok(())
}

/// 1, 2, 4, .. and the most itself.
fn levels(most: u64) -> Vec<usize> {
    let most = usize::try_from(most).unwrap_or(1).max(1);
    let mut levels: Vec<usize> =
        std::iter::successors(Some(1usize), |level| level.checked_mul(2)).take_while(|level| *level < most).collect();
    levels.push(most);
    levels
}

/// A call that was answered; times since the phase began.
#[derive(Debug, Clone, Copy)]
struct Done {
    due: Duration,
    sent: Duration,
    answered: Duration,
}

/// What came of a phase.
#[derive(Debug, Default)]
struct Phase {
    done: Vec<Done>,
    errors: u64,
    last: String,
    seconds: f64,
}

/// Calls on their way.
struct Traffic<'a, 'c> {
    client: &'a mut Client,
    calls: &'a Calls,
    cx: &'a Context<'c>,
    in_flight: usize,
    flying: Vec<(u64, Duration, Duration)>,
    start: Instant,
    line: Vec<u8>,
    phase: Phase,
}

impl<'a, 'c> Traffic<'a, 'c> {
    fn new(client: &'a mut Client, calls: &'a Calls, in_flight: usize, cx: &'a Context<'c>) -> Self {
        let (start, flying) = (Instant::now(), Vec::with_capacity(in_flight));
        Self { client, calls, cx, in_flight, flying, start, line: Vec::new(), phase: Phase::default() }
    }

    fn send(&mut self, due: Duration) -> Result<(), ProbeError> {
        let id = self.client.number();
        self.calls.write(id, &mut self.line);
        let sent = self.start.elapsed();
        self.flying.push((id, due, sent));
        Ok(self.client.send(&self.line)?)
    }

    /// Waits for answers until `until`, and takes in all that are there.
    fn receive(&mut self, until: Instant) -> Result<(), ProbeError> {
        let cx = self.cx;
        if !self.client.wait(until, &|| cx.check().is_ok())? {
            return Ok(());
        }
        // One line at least is there; the others of the same reading come at no cost.
        loop {
            let before = self.flying.len();
            if let Some(reply) = self.client.next_reply("tools/call")? {
                let answered = self.start.elapsed();
                let Some(at) = self.flying.iter().position(|(id, ..)| *id == reply.id) else { continue };
                let (_, due, sent) = self.flying.swap_remove(at);
                match self.calls.judge(&reply) {
                    Ok(()) => self.phase.done.push(Done { due, sent, answered }),
                    Err(why) => {
                        self.phase.errors += 1;
                        self.phase.last = why;
                    }
                }
            }
            if self.flying.len() == before {
                return Ok(());
            }
        }
    }

    /// Waits for an answer, and fails when there is none in time.
    fn demand(&mut self) -> Result<(), ProbeError> {
        let (before, until) = (self.flying.len(), Instant::now() + self.client.timeout());
        while self.flying.len() == before {
            if Instant::now() >= until {
                let source = self.client.silent();
                return Err(McpError::Pipe { during: "`tools/call`".to_owned(), source }.into());
            }
            self.receive(until)?;
        }
        Ok(())
    }

    /// Keeps as many in flight as may be, for so long; one round of them even where the time was over before it began.
    fn closed(mut self, duration: Duration) -> Result<Phase, ProbeError> {
        let mut begun = false;
        loop {
            let now = self.start.elapsed();
            let over = begun && now >= duration;
            if over && self.flying.is_empty() {
                self.phase.seconds = now.as_secs_f64();
                return Ok(self.phase);
            }
            begun = true;
            while !over && self.flying.len() < self.in_flight {
                self.send(now)?;
            }
            self.demand()?;
        }
    }

    /// Sends what is due, for so long, and waits for the answers.
    fn open(mut self, mut due: Cursor, duration: Duration) -> Result<Phase, ProbeError> {
        let mut next = due.next().map(|(_, seconds)| Duration::from_secs_f64(seconds));
        let mut line = VecDeque::new();
        let mut progress = Instant::now();
        loop {
            self.cx.check()?;
            let now = self.start.elapsed();
            while let Some(time) = next.filter(|time| *time <= now && *time < duration) {
                line.push_back(time);
                next = due.next().map(|(_, seconds)| Duration::from_secs_f64(seconds));
            }
            while self.flying.len() < self.in_flight
                && let Some(time) = line.pop_front()
            {
                self.send(time)?;
            }
            let coming = next.filter(|time| *time < duration);
            if coming.is_none() && line.is_empty() && self.flying.is_empty() {
                self.phase.seconds = self.start.elapsed().max(duration).as_secs_f64();
                return Ok(self.phase);
            }
            if self.flying.is_empty() {
                progress = Instant::now();
            }
            let until = match coming {
                Some(time) => self.start + time,
                None => progress + self.client.timeout(),
            };
            let before = self.flying.len();
            self.receive(until)?;
            if self.flying.len() < before {
                progress = Instant::now();
            } else if progress.elapsed() >= self.client.timeout() {
                let source = self.client.silent();
                return Err(McpError::Pipe { during: "`tools/call`".to_owned(), source }.into());
            }
        }
    }
}

#[cfg(test)]
mod tests;
