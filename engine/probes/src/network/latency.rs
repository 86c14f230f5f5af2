//! `network.latency`: how long a message takes to another thread and back, through the kernel.
//!
//! Method: a client sends a message, waits for its echo, and sends the next: one in flight, as lmbench's `lat_tcp`,
//! `lat_udp`, `lat_unix` and `lat_pipe` and `sockperf ping-pong` do, over the loopback interface, a pair of Unix
//! sockets or two pipes. Every round trip is one sample, so percentiles are those of single messages. TCP_NODELAY is
//! on. Both sides are pinned, to two CPUs or to one.
//!
//! What is recorded is the round trip (RTT). No one-way time is claimed: `sockperf` prints half the round trip under
//! the name of latency.
//!
//! What would make the number wrong: an echo that is not the message (each is compared byte for byte outside the
//! timed part, and no two messages are alike); datagrams that are lost (they are counted, and never a sample); sides
//! that the scheduler moves (they are pinned, and the placement is noted). On two idle CPUs most of the time is the
//! waking of a CPU from idle, not the network code, so that one CPU can be faster than two: `wait: "spin"` and
//! `placement: "same"` tell the two apart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::channel::{End, Family, Transport, UDP_MOST, Wait, pair};
use super::echo::{ANSWER, Client, IDLE, STUCK, serve};
use super::error::NetworkError;
use super::message::Message;
use super::place::{PLACEMENT, Places, sit};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const TRANSPORT: ParamDef = ParamDef {
    name: "transport",
    kind: ParamKind::Choice(&["tcp", "udp", "unix", "unix_datagram", "pipe"]),
    default: Some("tcp"),
    tiny: None,
    doc: "what carries the message: TCP, UDP, Unix stream or datagram sockets, or two pipes",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 1.0, max: 65_536.0 },
    default: Some("64 B"),
    tiny: None,
    doc: "bytes of the message, there and back",
};
const MESSAGES: ParamDef = ParamDef {
    name: "messages",
    kind: ParamKind::Count { min: 1, max: 10_000_000 },
    default: Some("2000"),
    tiny: Some("40"),
    doc: "round trips in each round that count",
};
const WAIT: ParamDef = ParamDef {
    name: "wait",
    kind: ParamKind::Choice(&["block", "spin"]),
    default: Some("block"),
    tiny: None,
    doc: "sides sleep in the kernel until a message comes, or ask again and again",
};
pub(crate) const FAMILY: ParamDef = ParamDef {
    name: "family",
    kind: ParamKind::Choice(&["ipv4", "ipv6"]),
    default: Some("ipv4"),
    tiny: None,
    doc: "for TCP and UDP: over 127.0.0.1 or ::1",
};

const RTT: MetricDef = MetricDef::cost("rtt", Unit::Seconds, "round trip (RTT) of one message, there and back");
const LOST: MetricDef = MetricDef::fact("lost", Unit::Count, "datagrams without an echo within 0.2 s");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "network.latency",
        summary: "Round trip of a message to another thread through TCP, UDP, Unix sockets or pipes.",
        method: 1,
        about: "A client sends a message and waits for its echo before it sends the next, as lmbench and `sockperf \
                ping-pong` do; each round trip is a sample. The time is there and back: `sockperf` prints half of it as \
                latency. Every echo is compared byte for byte outside the timed part. Datagrams without an echo are \
                counted as lost and sent anew. The number is wrong for the network code when CPUs fall asleep between \
                messages, since waking one can cost more than all else: compare `placement: \"same\"` and `wait: \
                \"spin\"`.",
        params: &[TRANSPORT, SIZE, MESSAGES, PLACEMENT, WAIT, FAMILY],
        metrics: &[RTT, LOST],
        round_seconds: 0.2,
        process: RoundProcess::Engine,
        noise: OwnNoise::Io,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    measure(args, cx, || (), |_, _| true)
}

/// A round whose server keeps each message for a while before it sends it back: for the check that a slower echo is
/// seen to be slower. The client is kept busy as long between its messages, outside of what is timed: a scheduler that
/// is fair would otherwise change who runs first where both share a CPU, and that change would be measured instead.
///
/// # Errors
/// As a round of the probe.
pub fn slowed(args: &Args, cx: &mut Context<'_>, delay: Duration) -> Result<(), ProbeError> {
    let keep_busy = || {
        let start = Moment::now();
        while Moment::now().since(start) < delay {
            std::hint::spin_loop();
        }
    };
    measure(args, cx, keep_busy, |_, _| {
        keep_busy();
        true
    })
}

/// The round; `between` is what the client does between its messages, and `meddle` the server's hand on each echo.
fn measure(
    args: &Args,
    cx: &mut Context<'_>,
    between: impl Fn() + Sync,
    meddle: impl FnMut(u64, &mut [u8]) -> bool + Send,
) -> Result<(), ProbeError> {
    let transport = Transport::from_name(args.text(TRANSPORT.name));
    let datagrams = transport.is_datagram();
    let mut size = usize::try_from(args.whole(SIZE.name)).unwrap_or(usize::MAX);
    if transport == Transport::Udp && size > UDP_MOST {
        size = UDP_MOST;
        cx.note(format!("messages of {UDP_MOST} bytes, the most that a UDP datagram carries"));
    }
    let count = usize::try_from(args.whole(MESSAGES.name)).unwrap_or(usize::MAX);
    let places = Places::choose(args.text(PLACEMENT.name), cx);
    let wait = match args.text(WAIT.name) {
        "spin" => Wait::Spin { shared: places.shared() },
        _ => Wait::Block,
    };
    let patience = if datagrams { [ANSWER, IDLE] } else { [STUCK; 2] };
    let (asking, answering) = pair(transport, Family::from_name(args.text(FAMILY.name)), wait, patience)?;

    let message = Message::new(size, cx.seed);
    let stop = AtomicBool::new(false);
    let mut buffer = vec![0; size];
    let (client_cpu, server_cpu) = (places.client(0), places.server(0));
    let spawn = NetworkError::call("start a thread");
    let shared = &*cx;
    let (asked, served) = thread::scope(|scope| {
        let server = thread::Builder::new().spawn_scoped(scope, || {
            let seat = sit(server_cpu);
            (serve(&answering, &mut buffer, datagrams, &stop, meddle), seat)
        });
        let server = server.map_err(&spawn)?;
        // The end goes with its thread, whatever becomes of it: that ends the server of a stream.
        let client = thread::Builder::new().spawn_scoped(scope, || {
            let (end, seat) = (asking, sit(client_cpu));
            (converse(&end, &message, datagrams, count, &between, shared), seat)
        });
        let asked = client.map(|client| client.join());
        stop.store(true, Ordering::Relaxed);
        let served = server.join().map_err(|_| NetworkError::Panicked("server"));
        let asked = asked.map_err(&spawn)?.map_err(|_| NetworkError::Panicked("client"));
        Ok::<_, NetworkError>((asked?, served?))
    })?;

    let (asked, served) = ((asked.0?, asked.1), served);
    let (talk, answered) = (asked.0, served.0.map_err(NetworkError::call("send back messages"))?);
    if answered > talk.sent || answered + talk.lost < talk.sent {
        let counts = format!("{} messages were sent and {} lost, but {answered} were answered", talk.sent, talk.lost);
        return Err(NetworkError::Count(counts).into());
    }
    asked.1.into_iter().chain(served.1).for_each(|note| cx.note(note));
    cx.record_all(&RTT, &talk.seconds);
    if datagrams {
        cx.record(&LOST, talk.lost as f64);
    }
    if talk.late > 0 {
        cx.note(format!("{} echoes came later than 0.2 s and do not count", talk.late));
    }
    Ok(())
}

/// What came of a conversation.
struct Talk {
    seconds: Vec<f64>,
    sent: u64,
    lost: u64,
    late: u64,
}

/// Warms up, then takes `count` round trips.
fn converse(
    end: &End,
    message: &Message,
    datagrams: bool,
    count: usize,
    between: &dyn Fn(),
    cx: &Context<'_>,
) -> Result<Talk, ProbeError> {
    let mut client = Client::new(message, datagrams);
    let mut seconds = Vec::with_capacity(count);
    // A tenth, but enough to wake both CPUs and to fill their caches.
    for turn in 0..(count / 10).clamp(if cx.tiny { 4 } else { 100 }, 10_000) {
        if turn % CHECK == 0 {
            cx.check()?;
        }
        client.ask(end)?;
        between();
    }
    while seconds.len() < count {
        if client.sent().is_multiple_of(CHECK as u64) {
            cx.check()?;
        }
        if let Some(took) = client.ask(end)? {
            seconds.push(took.as_secs_f64());
        }
        between();
    }
    Ok(Talk { seconds, sent: client.sent(), lost: client.lost(), late: client.late() })
}

/// Messages between two looks at the round's time.
const CHECK: usize = 64;

#[cfg(test)]
mod tests;
