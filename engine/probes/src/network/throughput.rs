//! `network.throughput`: how many bytes a second go through the kernel from sender to receiver.
//!
//! Method: each stream has a sender and a receiver thread, pinned to two CPUs (or to one). The sender writes blocks,
//! 64 KiB each as lmbench's `bw_tcp` and `bw_unix` do, and as `iperf3 -l 64K` does, until the receivers' time is over.
//! Bytes are counted by the receivers, when they have them, in windows of their own clock that begin when every stream
//! has flowed for 0.3 s (at most the duration); a sample is one window over all streams. TCP_NODELAY is on; buffer sizes and congestion control are
//! the system's. A receiver is woken when a block is there (SO_RCVLOWAT): one that any byte wakes keeps falling asleep,
//! and each waking of a CPU costs the sender as much as a packet. `wake: "byte"` shows the difference.
//!
//! What would make the number wrong: counting what the sender wrote, some of which lies in socket buffers (counted at
//! the receiver; at the end the sender stops, the receiver drains, and the counts of both must agree); bytes that are
//! not those sent (each block carries stamps at every 4 KiB, all of which are checked; the first blocks are compared
//! byte by byte); the start of a connection, while TCP still widens its window and its buffers (it lies
//! before the windows); datagrams that were dropped (they are not
//! counted, and their share is recorded). One stream cannot use more than two CPUs; more streams than CPUs share them.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::channel::{End, Family, Transport, UDP_MOST, Wait, pair};
use super::echo::{IDLE, STUCK};
use super::error::NetworkError;
use super::flow::{Account, Content, LEAST, MOST, WHOLE, Windows, audit};
use super::latency::FAMILY;
use super::place::{PLACEMENT, Places, sit};
use crate::harness::clock::Moment;
use crate::host::tree::Tree;
use crate::{Context, Probe, ProbeError};

const TRANSPORT: ParamDef = ParamDef {
    name: "transport",
    kind: ParamKind::Choice(&["tcp", "udp", "unix", "pipe"]),
    default: Some("tcp"),
    tiny: None,
    doc: "what carries the bytes: TCP, UDP (loss is counted), Unix stream sockets, or pipes",
};
const STREAMS: ParamDef = ParamDef {
    name: "streams",
    kind: ParamKind::Count { min: 1, max: 256 },
    default: Some("1"),
    tiny: Some("4"),
    doc: "connections at once, each with a sender and a receiver thread",
};
const BLOCK: ParamDef = ParamDef {
    name: "block",
    kind: ParamKind::Size { min: LEAST as f64, max: MOST as f64 },
    default: Some("64 KiB"),
    tiny: None,
    doc: "bytes of each write, and of each read at most",
};
const DURATION: ParamDef = ParamDef {
    name: "duration",
    kind: ParamKind::Time { min: 0.001, max: 3600.0 },
    default: Some("500 ms"),
    tiny: Some("15 ms"),
    doc: "time that counts, in ten windows",
};
const WAKE: ParamDef = ParamDef {
    name: "wake",
    kind: ParamKind::Choice(&["block", "byte"]),
    default: Some("block"),
    tiny: None,
    doc: "for TCP and Unix sockets: receivers are woken when a block is there, or by any byte",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes that the receivers got, a second");
const LOSS: MetricDef = MetricDef::fact("loss", Unit::Ratio, "share of the datagrams that never came");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "network.throughput",
        summary: "Bytes a second through TCP, UDP, Unix sockets or pipes, counted at the receiver.",
        method: 1,
        about: "Each stream has a pinned sender and a pinned receiver; senders write blocks of 64 KiB as lmbench's \
                `bw_tcp` and `iperf3 -l 64K` do. Bytes are counted by the receivers, in ten windows of their own \
                clock. Every block carries stamps that are checked; after draining, the counts of both ends must \
                agree. For UDP only what arrived counts, and the share lost is recorded. The number is wrong when \
                other work takes the two CPUs, and it is one of system calls, not of the link, when blocks are small.",
        params: &[TRANSPORT, STREAMS, BLOCK, DURATION, WAKE, PLACEMENT, FAMILY],
        metrics: &[RATE, LOSS],
        round_seconds: 0.9,
        process: RoundProcess::Engine,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    measure(args, cx, |_, _, _| true)
}

/// The round; `meddle` is the hand on each block before it is sent, and says whether it is.
fn measure(
    args: &Args,
    cx: &mut Context<'_>,
    meddle: impl Fn(usize, u64, &mut [u8]) -> bool + Sync,
) -> Result<(), ProbeError> {
    let transport = Transport::from_name(args.text(TRANSPORT.name));
    let mut size = usize::try_from(args.whole(BLOCK.name)).unwrap_or(usize::MAX);
    if transport == Transport::Udp && size > UDP_MOST {
        size = UDP_MOST;
        cx.note(format!("blocks of {UDP_MOST} bytes, the most that a UDP datagram carries"));
    }
    let streams = usize::try_from(args.whole(STREAMS.name)).unwrap_or(usize::MAX);
    let plan = Plan {
        transport,
        family: Family::from_name(args.text(FAMILY.name)),
        places: Places::choose(args.text(PLACEMENT.name), cx),
        contents: (0..streams as u64).map(|stream| Content::new(size, cx.seed, stream)).collect(),
        wake: args.text(WAKE.name) == "block" && matches!(transport, Transport::Tcp | Transport::Unix),
        windows: if cx.tiny { 3 } else { 10 },
    };
    if transport == Transport::Tcp {
        let control = Tree::new(Path::new("/")).line("/proc/sys/net/ipv4/tcp_congestion_control");
        cx.note(format!("congestion control: {}", control.as_deref().unwrap_or("unknown")));
    }
    if 2 * streams > cx.cores {
        cx.note(format!("{} threads on the {} CPUs that may be used at once", 2 * streams, cx.cores));
    }
    let mut duration = Duration::from_secs_f64(args.number(DURATION.name));
    for attempt in 0..ATTEMPTS {
        let result = plan.flow(duration, cx, &meddle)?;
        result.notes.into_iter().for_each(|note| cx.note(note));
        if result.rates.iter().any(|rate| *rate > 0.0) {
            if attempt > 0 {
                cx.note(format!(
                    "nothing came within shorter windows: the duration grew to {} s",
                    duration.as_secs_f64()
                ));
            }
            cx.record_all(&RATE, &result.rates);
            if transport.is_datagram() {
                cx.record(&LOSS, result.lost as f64 / result.sent.max(1) as f64);
            }
            return Ok(());
        }
        duration *= 3;
    }
    Err(ProbeError::failed("the receivers got no time to run: the machine is too busy, or `duration` is too short"))
}

/// Time in which a connection finds its speed: TCP widens its window and its buffers as it goes.
const WARM: Duration = Duration::from_millis(300);

/// A machine that leaves the threads no time within the windows gets longer ones, so many times.
const ATTEMPTS: u32 = 5;

/// What is to flow.
struct Plan {
    transport: Transport,
    family: Family,
    places: Places,
    /// One for each stream.
    contents: Vec<Content>,
    /// Whether receivers sleep until a block is there.
    wake: bool,
    windows: usize,
}

/// What came of it.
struct Flow {
    rates: Vec<f64>,
    sent: u64,
    lost: u64,
    notes: Vec<String>,
}

/// What all threads of a flow look at.
struct Common {
    /// Receivers whose stream does not flow yet.
    starting: AtomicUsize,
    /// Start of the first window, in nanoseconds of the probes' clock; the end of time until all flow.
    start: AtomicU64,
    /// Nanoseconds for which all flow before the first window.
    warm: u64,
    width: u64,
    windows: usize,
    stop: AtomicBool,
}

impl Common {
    fn over(&self, now: u64) -> bool {
        let end = self.start.load(Ordering::Relaxed).saturating_add(self.width * self.windows as u64);
        now >= end || self.stop.load(Ordering::Relaxed)
    }
}

/// Blocks and bytes that a sender wrote.
type Sent = (u64, u64);

impl Plan {
    fn flow(
        &self,
        duration: Duration,
        cx: &Context<'_>,
        meddle: &(impl Fn(usize, u64, &mut [u8]) -> bool + Sync),
    ) -> Result<Flow, ProbeError> {
        let common = Common {
            starting: AtomicUsize::new(self.contents.len()),
            start: AtomicU64::new(u64::MAX),
            warm: duration.min(WARM).as_nanos() as u64,
            width: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX) / self.windows as u64,
            windows: self.windows,
            stop: AtomicBool::new(false),
        };
        let datagrams = self.transport.is_datagram();
        let patience = if datagrams { [STUCK, IDLE] } else { [STUCK; 2] };
        let ends = self.contents.iter().map(|_| pair(self.transport, self.family, Wait::Block, patience));
        let ends = ends.collect::<Result<Vec<_>, _>>()?;
        for ((_, to), content) in ends.iter().zip(&self.contents).filter(|_| self.wake) {
            to.wake_at(content.size()).map_err(NetworkError::call("set SO_RCVLOWAT"))?;
        }
        let done: Vec<AtomicBool> = ends.iter().map(|_| AtomicBool::new(false)).collect();

        let outcomes = thread::scope(|scope| {
            let mut threads: Vec<(ScopedJoinHandle<'_, _>, ScopedJoinHandle<'_, _>)> = Vec::new();
            let mut refused = None;
            for (stream, (from, to)) in ends.into_iter().enumerate() {
                let (content, done, common) = (&self.contents[stream], &done[stream], &common);
                let (sender_cpu, receiver_cpu) = (self.places.client(stream), self.places.server(stream));
                let receiver = thread::Builder::new().spawn_scoped(scope, move || {
                    let seat = sit(receiver_cpu);
                    (receive(stream, &to, content, common, done, datagrams), seat)
                });
                let sender = thread::Builder::new().spawn_scoped(scope, move || {
                    let seat = sit(sender_cpu);
                    let sent = send(&from, content, common, |number, block| meddle(stream, number, block));
                    done.store(true, Ordering::Relaxed);
                    (sent, seat)
                });
                match (sender, receiver) {
                    (Ok(sender), Ok(receiver)) => threads.push((sender, receiver)),
                    (Err(error), _) | (_, Err(error)) => {
                        done.store(true, Ordering::Relaxed);
                        refused = Some(error);
                        break;
                    }
                }
            }
            let mut cancelled = None;
            let running = |(sender, receiver): &(ScopedJoinHandle<'_, _>, ScopedJoinHandle<'_, _>)| {
                (sender.is_finished(), receiver.is_finished())
            };
            while threads.iter().map(running).any(|ended| ended != (true, true)) || refused.is_some() {
                if let Err(error) = cx.check() {
                    cancelled = Some(error);
                }
                // A stream that ends before its time will never flow, and the others must not wait for it.
                let early = threads.iter().map(running).any(|ended| ended.0 || ended.1)
                    && common.start.load(Ordering::Relaxed) == u64::MAX;
                if early || cancelled.is_some() || refused.is_some() {
                    common.stop.store(true, Ordering::Relaxed);
                }
                if let Some(source) = refused {
                    return Err(NetworkError::Call { what: "start a thread", source }.into());
                }
                thread::sleep(Duration::from_millis(if cx.tiny { 1 } else { 20 }));
            }
            let outcomes = threads.into_iter().map(|(sender, receiver)| (sender.join(), receiver.join()));
            let outcomes = outcomes.collect::<Vec<_>>();
            cancelled.map_or(Ok(outcomes), Err)
        })?;

        let mut flow = Flow { rates: Vec::new(), sent: 0, lost: 0, notes: Vec::new() };
        let (mut all, mut disordered) = (Vec::new(), 0);
        for (stream, (sent, received)) in outcomes.into_iter().enumerate() {
            let (received, seat) = received.map_err(|_| NetworkError::Panicked("receiver"))?;
            // What the receiver found wrong is why the sender failed, not the other way round.
            let (windows, account) = received?;
            let (sent, other) = sent.map_err(|_| NetworkError::Panicked("sender"))?;
            let sent: Sent = sent?;
            flow.lost += audit(stream, sent, windows.total, &account, datagrams).map_err(NetworkError::Count)?;
            flow.sent += sent.0;
            flow.notes.extend(seat.into_iter().chain(other));
            disordered += account.disordered;
            all.push(windows);
        }
        if disordered > 0 {
            flow.notes.push(format!("{disordered} datagrams came after a later one"));
        }
        flow.rates = Windows::rates(&all);
        Ok(flow)
    }
}

/// Writes blocks until the windows are over. The end is closed by its owner.
fn send(
    end: &End,
    content: &Content,
    common: &Common,
    meddle: impl Fn(u64, &mut [u8]) -> bool,
) -> Result<Sent, NetworkError> {
    let mut block = content.block();
    let (mut blocks, mut bytes) = (0, 0);
    while !common.over(Moment::now().nanos()) {
        content.stamp(blocks, &mut block);
        if meddle(blocks, &mut block) {
            end.send(&block).map_err(NetworkError::call("send"))?;
        }
        blocks += 1;
        bytes += block.len() as u64;
    }
    Ok((blocks, bytes))
}

/// Takes, counts and checks what comes, until the stream ends or the sender of datagrams is done and none is left.
fn receive<'a>(
    stream: usize,
    end: &End,
    content: &'a Content,
    common: &Common,
    done: &AtomicBool,
    datagrams: bool,
) -> Result<(Windows, Account<'a>), NetworkError> {
    // A datagram that is longer than a block must not look right because its end was cut off.
    let mut buffer = vec![0; content.size() + usize::from(datagrams)];
    let mut account = Account::new(content);
    let mut windows = Windows::new(u64::MAX, common.width, common.windows);
    let mut flowing = false;
    loop {
        // Asked before: a datagram that was sent last may come between a time-out and the question.
        let last = done.load(Ordering::Relaxed);
        let got = match end.receive(&mut buffer) {
            Ok(0) if !datagrams => return Ok((windows, account)),
            Ok(got) => got,
            Err(error) if datagrams && error.kind() == ErrorKind::WouldBlock => match last {
                true => return Ok((windows, account)),
                false => continue,
            },
            Err(source) => return Err(NetworkError::Call { what: "receive", source }),
        };
        let now = Moment::now().nanos();
        windows.start_at(common.start.load(Ordering::Relaxed));
        windows.count(now, got);
        let bytes = &buffer[..got];
        let right = if datagrams { account.datagram(bytes) } else { account.bytes(bytes) };
        right.map_err(|wrong| NetworkError::Content { stream, block: wrong.0 })?;
        if !flowing && account.reached(WHOLE) {
            flowing = true;
            if common.starting.fetch_sub(1, Ordering::AcqRel) == 1 {
                common.start.store(Moment::now().nanos() + common.warm, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
