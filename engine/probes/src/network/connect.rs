//! `network.connect`: what it costs to open and close a connection.
//!
//! Method: a client connects, a server accepts and closes, and the client, once it sees the end, closes too; then the
//! next. One connection at a time, as lmbench's `lat_connect` does, but with both ends in it: what is timed runs from
//! before the client's socket is made until after it is closed, and the server's accept and close lie within. The rate
//! is that of one client and one server.
//!
//! A TCP connection that ends in the ordinary way leaves its end in TIME_WAIT for a minute. By default the server
//! resets the connection (SO_LINGER of 0), which leaves nothing behind and saves the exchange of FINs; `close:
//! "graceful"` does not, and is limited to half of the ports that are free.
//!
//! What would make the number wrong: connections that wait in the listener's queue without ever being accepted (the
//! client waits for the server's close, and the counts of both sides must agree); a connect that fails and is retried
//! (any error ends the round); ports that run out, so that the search for a free one is timed (see above).

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::channel::{Family, linger};
use super::error::NetworkError;
use super::latency::FAMILY;
use super::place::{PLACEMENT, Places, sit};
use super::ports::Ports;
use crate::harness::clock::Moment;
use crate::host::tree::Tree;
use crate::{Context, Probe, ProbeError};

const TRANSPORT: ParamDef = ParamDef {
    name: "transport",
    kind: ParamKind::Choice(&["tcp", "unix"]),
    default: Some("tcp"),
    tiny: None,
    doc: "TCP over the loopback interface, or Unix stream sockets",
};
const CONNECTIONS: ParamDef = ParamDef {
    name: "connections",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("1000"),
    tiny: Some("20"),
    doc: "connections in each round, one after the other",
};
const CLOSE: ParamDef = ParamDef {
    name: "close",
    kind: ParamKind::Choice(&["reset", "graceful"]),
    default: Some("reset"),
    tiny: None,
    doc: "for TCP: the server resets (no TIME_WAIT), or both ends close in order, for as many as there are ports",
};

const RATE: MetricDef = MetricDef {
    id: "rate",
    title: "connections in a second, one after the other: connect, accept, close",
    unit: Unit::PerSecond,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const CYCLE: MetricDef = MetricDef::cost("cycle", Unit::Seconds, "one connection from its socket to its close");
const CONNECT: MetricDef = MetricDef::cost("connect", Unit::Seconds, "socket and connect alone, until established");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "network.connect",
        summary: "Connections a second and the time of each: connect, accept and close, over TCP or Unix sockets.",
        method: 1,
        about: "A client connects, the server accepts and closes, the client sees the end and closes; then the next, \
                one at a time as lmbench's `lat_connect`. The server resets TCP connections, which leaves no TIME_WAIT; \
                `graceful` closes in order and is limited to half of the free ports. Accepted and made connections \
                are counted and must agree. The number is wrong for a server under load, which accepts many at once; \
                and most of it is the waking of the other side's CPU when that sleeps (compare `placement: \"same\"`).",
        params: &[TRANSPORT, CONNECTIONS, CLOSE, PLACEMENT, FAMILY],
        metrics: &[RATE, CYCLE, CONNECT],
        round_seconds: 0.2,
        process: RoundProcess::Engine,
        noise: OwnNoise::Io,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    measure(args, cx, &Tree::new(Path::new("/")), |_| true)
}

/// The round; `meddle` says whether the server counts the connection that it accepted: the place for a planted fault.
fn measure(
    args: &Args,
    cx: &mut Context<'_>,
    tree: &Tree,
    meddle: impl Fn(u64) -> bool + Sync,
) -> Result<(), ProbeError> {
    let tcp = args.text(TRANSPORT.name) == "tcp";
    let reset = args.text(CLOSE.name) == "reset";
    let mut count = args.whole(CONNECTIONS.name);
    let warm = (count / 10).clamp(2, 100);
    if tcp && !reset {
        let ports = Ports::read(tree);
        let room = ports.room().saturating_sub(warm);
        if room == 0 {
            let reason = format!("{} of {} ports are in TIME_WAIT", ports.waiting, ports.range);
            let remedy = "wait a minute, use `close: \"reset\"`, or widen net.ipv4.ip_local_port_range";
            return Err(Skip::new(SkipKind::Resource, reason, remedy).into());
        }
        if room < count {
            cx.note(format!("connections limited to {room}, half of the ports that are not in TIME_WAIT"));
            count = room;
        }
    }
    let places = Places::choose(args.text(PLACEMENT.name), cx);
    let listener = Listener::open(tcp, Family::from_name(args.text(FAMILY.name)))?;
    let address = listener.address()?;

    let (stop, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
    let (client_cpu, server_cpu) = (places.client(0), places.server(0));
    let spawn = NetworkError::call("start a thread");
    let shared = &*cx;
    let (talk, served) = thread::scope(|scope| {
        let (stop, accepted, meddle, address) = (&stop, &accepted, &meddle, &address);
        // The listener goes with its thread, whatever becomes of it: that ends a client's waiting.
        let server = thread::Builder::new().spawn_scoped(scope, move || {
            let seat = sit(server_cpu);
            (accept(&listener, reset, stop, accepted, meddle), seat)
        });
        let server = server.map_err(&spawn)?;
        let client = thread::Builder::new().spawn_scoped(scope, move || {
            let seat = sit(client_cpu);
            (converse(address, warm, count, shared), seat)
        });
        let talk = client.map(|client| client.join());
        stop.store(true, Ordering::Release);
        // One more wakes the server, so that it sees that it is to stop.
        let woken = address.connect();
        let served = server.join().map_err(|_| NetworkError::Panicked("server"));
        drop(woken);
        let talk = talk.map_err(&spawn)?.map_err(|_| NetworkError::Panicked("client"));
        Ok::<_, NetworkError>((talk?, served?))
    })?;
    let (talk, seat) = talk;
    seat.into_iter().chain(served.1).for_each(|note| cx.note(note));
    served.0.map_err(NetworkError::call("accept connections"))?;
    let talk = talk?;
    let (made, accepted) = (warm + count, accepted.load(Ordering::Acquire));
    if made != accepted {
        let counts = format!("{made} connections were made, but {accepted} accepted");
        return Err(NetworkError::Count(counts).into());
    }
    cx.record(&RATE, talk.cycles.len() as f64 / talk.cycles.iter().sum::<f64>().max(1e-9));
    cx.record_all(&CYCLE, &talk.cycles);
    cx.record_all(&CONNECT, &talk.connects);
    Ok(())
}

/// What came of the client's connections, in seconds.
struct Talk {
    cycles: Vec<f64>,
    connects: Vec<f64>,
}

/// Makes `warm` connections that do not count, then `count` that do.
fn converse(address: &Address, warm: u64, count: u64, cx: &Context<'_>) -> Result<Talk, ProbeError> {
    let room = usize::try_from(count).unwrap_or(usize::MAX);
    let mut talk = Talk { cycles: Vec::with_capacity(room), connects: Vec::with_capacity(room) };
    for number in 0..warm + count {
        if number % 32 == 0 {
            cx.check()?;
        }
        let start = Moment::now();
        let connected = address.connect();
        let between = Moment::now();
        let ended = connected.and_then(Connection::finish);
        let end = Moment::now();
        match ended {
            // The reset of a server that is faster than its client's waking: accepted and closed all the same.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted) => {}
            outcome => outcome.map_err(NetworkError::call("connect"))?,
        }
        if number >= warm {
            talk.cycles.push(end.since(start).as_secs_f64());
            talk.connects.push(between.since(start).as_secs_f64());
        }
    }
    Ok(talk)
}

/// Accepts and closes until it is to stop.
fn accept(
    listener: &Listener,
    reset: bool,
    stop: &AtomicBool,
    accepted: &AtomicU64,
    meddle: &(impl Fn(u64) -> bool + Sync),
) -> io::Result<()> {
    let mut number = 0;
    loop {
        let connection = match listener.accept() {
            Ok(connection) => connection,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
            Err(error) => return Err(error),
        };
        if stop.load(Ordering::Acquire) {
            return Ok(());
        }
        if let (true, Connection::Tcp(socket)) = (reset, &connection) {
            linger(socket)?;
        }
        // Counted before the client can know: at its last connection the count is complete.
        if meddle(number) {
            accepted.fetch_add(1, Ordering::Release);
        }
        number += 1;
        drop(connection);
    }
}

/// Where clients are waited for.
enum Listener {
    Tcp(TcpListener),
    Unix(unix::UnixListener),
}

/// Where to connect to.
enum Address {
    Tcp(SocketAddr),
    Unix(unix::SocketAddr),
}

/// One end of a connection.
enum Connection {
    Tcp(TcpStream),
    Unix(unix::UnixStream),
}

impl Listener {
    fn open(tcp: bool, family: Family) -> Result<Self, NetworkError> {
        let failed = NetworkError::call("listen for connections");
        if tcp {
            return TcpListener::bind(family.any_port()).map(Self::Tcp).map_err(failed);
        }
        // An abstract name: it is in no folder, and goes with its socket.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("engine-connect-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let address = unix::SocketAddr::from_abstract_name(name);
        address.and_then(|address| unix::UnixListener::bind_addr(&address)).map(Self::Unix).map_err(failed)
    }

    fn address(&self) -> Result<Address, NetworkError> {
        let address = match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(listener) => listener.local_addr().map(Address::Unix),
        };
        address.map_err(NetworkError::call("listen for connections"))
    }

    fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(socket, _)| Connection::Tcp(socket)),
            Self::Unix(listener) => listener.accept().map(|(socket, _)| Connection::Unix(socket)),
        }
    }
}

impl Address {
    fn connect(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(address) => TcpStream::connect(address).map(Connection::Tcp),
            Self::Unix(address) => unix::UnixStream::connect_addr(address).map(Connection::Unix),
        }
    }
}

impl Connection {
    /// Waits for the other end's close, then closes.
    fn finish(self) -> io::Result<()> {
        let mut byte = [0];
        let got = match self {
            Self::Tcp(mut socket) => socket.read(&mut byte)?,
            Self::Unix(mut socket) => socket.read(&mut byte)?,
        };
        if got == 0 { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
    }
}

#[cfg(test)]
mod tests;
