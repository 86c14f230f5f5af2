//! `network.namespaces`: two hosts and the link between them, on one machine.
//!
//! Method: two processes, each in a network namespace of its own and so with a network stack of its own, are joined by
//! a veth pair, whose two ends are shaped with a token bucket (tbf) where a rate is given. Across it the round trip of
//! small messages is taken first, on the idle link, and then the throughput of one TCP stream, counted at the
//! receiver between two arrivals. Everything is done with system calls; no program is needed. An ordinary user can do
//! it where user namespaces are allowed.
//!
//! A link is shaped by what is on the wire: frames with their headers. `rate` is what the program gets, and
//! `shaping_share` compares the frames that this took with the rate of the link.
//!
//! What would make the number wrong: a link that is not shaped (a share above 1.05 and a bucket fails the round); a bucket that is
//! still full (as much as two buckets passes before the counting starts); a queue that overflows, so that lost packets
//! are timed (the sender's buffer is smaller than the queue); bytes that are not those sent (echoes are compared byte
//! for byte, blocks by their stamps, and the counts of both ends must agree). The link has no delay of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::channel::{End, Wait, segment, send_buffer};
use super::echo::{Client, STUCK, serve};
use super::error::NetworkError;
use super::flow::{Account, Content, WHOLE};
use super::hosts::{Board, ETHERNET, Fault, Host, MTU, SIDES, Step, become_user, end_with, join, separate, sit};
use super::hosts::{take_up, until_it_operates};
use super::message::Message;
use super::netlink::Shape;
use super::place::{PLACEMENT, Places};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const LINK: ParamDef = ParamDef {
    name: "link",
    kind: ParamKind::Size { min: 0.0, max: 100e9 },
    default: Some("12.5 MB"),
    tiny: None,
    doc: "bytes that the link carries in a second (12.5 MB are 100 Mbit/s); 0 B for a link without a limit",
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
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("1000"),
    tiny: Some("20"),
    doc: "round trips in each round that count",
};
const DURATION: ParamDef = ParamDef {
    name: "duration",
    kind: ParamKind::Time { min: 0.001, max: 3600.0 },
    default: Some("500 ms"),
    tiny: Some("20 ms"),
    doc: "time over which the throughput is taken",
};

const RTT: MetricDef = MetricDef::cost("rtt", Unit::Seconds, "round trip (RTT) of one message across the link");
const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes that the receiving program got, a second");
const SHARE: MetricDef = MetricDef::fact("shaping_share", Unit::Ratio, "frames of the stream to the rate of the link");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "network.namespaces",
        summary: "Round trip and throughput between two hosts in network namespaces, over a link with a shaped rate.",
        method: 1,
        about: "Two processes in network namespaces of their own, joined by a veth pair that a token bucket (tbf) \
                limits at both ends. Takes round trips on the idle link, then one TCP stream, counted at the receiver. \
                `shaping_share` is the stream with its frames' headers over the rate of the link: 1 when the link is \
                full. above 1.05 (and what the bucket holds) the shaping did not work and the round fails; below 0.95, which is noted, something \
                else was slower, and the number is wrong for the link. Needs the right to make namespaces, as root or \
                by user namespaces. All is gone with the two processes, whatever ends them.",
        params: &[LINK, SIZE, MESSAGES, DURATION, PLACEMENT],
        metrics: &[RTT, RATE, SHARE],
        round_seconds: 0.8,
        process: RoundProcess::Child,
        noise: OwnNoise::Io,
    },
    run,
};

/// Words of the board, the samples last.
mod word {
    pub(super) const FAULTS: [[usize; 2]; 2] = [[0, 1], [2, 3]];
    pub(super) const PORT: usize = 4;
    pub(super) const SEGMENT: usize = 5;
    pub(super) const STOP: usize = 6;
    pub(super) const SENT: usize = 7;
    pub(super) const RECEIVED: usize = 8;
    pub(super) const COUNTED: usize = 9;
    pub(super) const NANOS: usize = 10;
    pub(super) const USER: usize = 11;
    pub(super) const SINCE: usize = 12;
    pub(super) const WHOLE: usize = 13;
    pub(super) const SAMPLES: usize = 14;
}

/// Bytes of each write of the stream.
const BLOCK: usize = 65_536;
/// The sender's buffer; the kernel doubles it for its own needs.
const BUFFER: u32 = 256 << 10;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    measure(args, cx, &Hooks::default())
}

/// What tests change: the user to become first, a byte to flip in the echo of that message, a link left unshaped.
#[derive(Default)]
struct Hooks {
    user: Option<u32>,
    flip: Option<u64>,
    unshaped: bool,
}

/// All that the hosts need, made before they are.
struct Scene<'a> {
    board: Board,
    message: &'a Message,
    messages: u64,
    warm: u64,
    content: Content,
    shape: Option<Shape>,
    duration: Duration,
    places: Places,
    hooks: &'a Hooks,
}

fn measure(args: &Args, cx: &mut Context<'_>, hooks: &Hooks) -> Result<(), ProbeError> {
    let size = usize::try_from(args.whole(SIZE.name)).unwrap_or(usize::MAX);
    let messages = args.whole(MESSAGES.name);
    let message = Message::new(size, cx.seed);
    let words = word::SAMPLES + usize::try_from(messages).unwrap_or(usize::MAX);
    let scene = Scene {
        board: Board::new(words).map_err(NetworkError::call("map memory"))?,
        message: &message,
        messages,
        warm: (messages / 10).clamp(if cx.tiny { 4 } else { 50 }, 1_000),
        content: Content::new(BLOCK, cx.seed, 0),
        shape: shape(args.whole(LINK.name)),
        duration: Duration::from_secs_f64(args.number(DURATION.name)),
        places: Places::choose(args.text(PLACEMENT.name), cx),
        hooks,
    };
    let status = scene.play(cx)?;
    let board = &scene.board;
    if let Some(error) = scene.fault(status) {
        return Err(error);
    }
    let (sent, received) = (board.get(word::SENT), board.get(word::RECEIVED));
    if sent != received {
        let counts = format!("{sent} bytes were sent, and {received} received after draining");
        return Err(NetworkError::Count(counts).into());
    }
    let nanos = board.get(word::NANOS).max(1);
    let rate = board.get(word::COUNTED) as f64 / (nanos as f64 * 1e-9);
    cx.note(match board.get(word::USER) {
        0 => "the hosts have networks of their own, by the rights of this process",
        _ => "the hosts have networks of their own, in a user namespace",
    });
    if let Some(shape) = scene.shape {
        // What waited for a receiver that paused comes to it at once, though not through the link: from the stream's
        // first moment on, a pause is time like any other.
        let since = board.get(word::SINCE).max(1) as f64 * 1e-9;
        let whole = board.get(word::WHOLE) as f64 / since;
        // Whoever pauses meanwhile finds the bucket full again.
        let bucket = f64::from(shape.burst) / (shape.rate as f64 * since);
        let segment = board.get(word::SEGMENT);
        shaped(share(whole, segment, shape.rate), bucket).map_err(NetworkError::Count)?;
        let share = share(rate, segment, shape.rate);
        if share < 0.95 {
            cx.note(format!("the link was not full: {:.1} % of its rate", share * 100.0));
        }
        cx.record(&SHARE, share);
    }
    let samples: Vec<f64> =
        (0..scene.messages as usize).map(|at| board.get(word::SAMPLES + at) as f64 * 1e-9).collect();
    cx.record_all(&RTT, &samples);
    cx.record(&RATE, rate);
    Ok(())
}

/// A bucket of 10 ms, but at least a packet as TCP hands it to the device, and a queue that holds more than the sender
/// may have on its way.
fn shape(rate: u64) -> Option<Shape> {
    let clamp = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    (rate > 0).then(|| Shape { rate, burst: clamp((rate / 100).max(80_000)), limit: clamp((rate / 20).max(4 << 20)) })
}

/// The frames that `rate` took, over the rate of the link.
fn share(rate: f64, segment: u64, link: u64) -> f64 {
    rate * f64::from(MTU + ETHERNET) / segment.max(1) as f64 / link as f64
}

/// Whether no more came than a shaped link carries. `bucket` is what may come at once, over what the link carries in the
/// same time.
fn shaped(share: f64, bucket: f64) -> Result<(), String> {
    if share > 1.05 + bucket {
        return Err(format!("{:.1} % of the link's rate came through: it is not shaped", share * 100.0));
    }
    Ok(())
}

impl Scene<'_> {
    /// Lets the hosts play, and waits for their end. The wait status of the first, which waits for the second.
    fn play(&self, cx: &Context<'_>) -> Result<i32, ProbeError> {
        let (first, second) = UnixStream::pair().map_err(NetworkError::call("open Unix sockets"))?;
        for socket in [&first, &second] {
            socket.set_read_timeout(Some(STUCK)).map_err(NetworkError::call("set a time-out"))?;
        }
        let mut client = Client::new(self.message, false);
        let (mut block, mut buffer) = (self.content.block(), vec![0; BLOCK]);
        let mut echo = vec![0; self.message.size()];
        let tell = |host: usize| {
            move |fault: Fault| {
                let [step, code] = word::FAULTS[host];
                self.board.set(code, u64::from(fault.code.unsigned_abs()));
                self.board.set(step, fault.step as u64);
            }
        };
        let host = Host::fork(
            |parent| {
                end_with(parent).map_err(Step::Separate.fault())?;
                if let Some(user) = self.hooks.user {
                    become_user(user).map_err(Step::Separate.fault())?;
                }
                sit(self.places.client(0));
                self.board.set(word::USER, u64::from(separate().map_err(Step::Separate.fault())?));
                // Entering a user namespace takes back the promise to be killed.
                end_with(parent).map_err(Step::Separate.fault())?;
                let (mine, theirs) = (first, second);
                let other = Host::fork(
                    |parent| {
                        let theirs = theirs;
                        end_with(parent).map_err(Step::Separate.fault())?;
                        self.second(theirs, &mut echo, &mut buffer)
                    },
                    tell(1),
                );
                let mut other = other.map_err(Step::Separate.fault())?;
                self.first(mine, other.pid(), &mut client, &mut block)?;
                match other.wait(true) {
                    Ok(Some(0)) => Ok(()),
                    _ => Err(Fault { step: Step::Meet, code: 0 }),
                }
            },
            tell(0),
        );
        let mut host = host.map_err(NetworkError::call("start a process"))?;
        loop {
            if let Some(status) = host.wait(false).map_err(NetworkError::call("wait for a process"))? {
                return Ok(status);
            }
            cx.check()?;
            // Seldom: each look wakes a CPU on which the hosts are measured.
            std::thread::sleep(Duration::from_millis(if cx.tiny { 1 } else { 20 }));
        }
    }

    /// The host that asks and sends.
    fn first(
        &self,
        mut line: UnixStream,
        other: libc::pid_t,
        client: &mut Client<'_>,
        block: &mut [u8],
    ) -> Result<(), Fault> {
        let [side, peer] = SIDES;
        hear(&mut line)?;
        join(other)?;
        let netlink = take_up(side, self.shape.filter(|_| !self.hooks.unshaped))?;
        say(&mut line)?;
        hear(&mut line)?;
        until_it_operates(&netlink, side, STUCK)?;
        let port = u16::try_from(self.board.get(word::PORT)).unwrap_or(0);
        let connect = || -> io::Result<TcpStream> {
            let socket = TcpStream::connect_timeout(&SocketAddr::from((peer.address, port)), STUCK)?;
            send_buffer(&socket, BUFFER)?;
            socket.set_nodelay(true)?;
            Ok(socket)
        };

        let socket = connect().map_err(Step::Connect.fault())?;
        self.board.set(word::SEGMENT, u64::from(segment(&socket).map_err(Step::Connect.fault())?));
        let end = end_of(socket)?;
        for turn in 0..self.warm + self.messages {
            let took = client.ask(&end).map_err(|error| match error {
                NetworkError::Call { source, .. } => Step::Exchange.fault()(source),
                _ => Fault { step: Step::Compare, code: 0 },
            })?;
            if let (Some(at), Some(took)) = (turn.checked_sub(self.warm), took) {
                self.board.set(word::SAMPLES + at as usize, took.as_nanos() as u64);
            }
        }
        drop(end);

        let end = end_of(connect().map_err(Step::Connect.fault())?)?;
        let (mut number, mut sent) = (0, 0);
        while self.board.get(word::STOP) == 0 {
            self.content.stamp(number, block);
            end.send(block).map_err(Step::Flow.fault())?;
            number += 1;
            sent += block.len() as u64;
        }
        self.board.set(word::SENT, sent);
        Ok(())
    }

    /// The host that answers and receives.
    fn second(&self, mut line: UnixStream, echo: &mut [u8], buffer: &mut [u8]) -> Result<(), Fault> {
        let [_, side] = SIDES;
        sit(self.places.server(0));
        separate().map_err(Step::Separate.fault())?;
        say(&mut line)?;
        hear(&mut line)?;
        let netlink = take_up(side, self.shape)?;
        until_it_operates(&netlink, side, STUCK)?;
        let failed = Step::Connect.fault();
        let listener = TcpListener::bind(SocketAddr::from((side.address, 0))).map_err(&failed)?;
        self.board.set(word::PORT, u64::from(listener.local_addr().map_err(&failed)?.port()));
        say(&mut line)?;

        let (socket, _) = listener.accept().map_err(&failed)?;
        socket.set_nodelay(true).map_err(&failed)?;
        let end = end_of(socket)?;
        // Before the last echo: the other host sends its stream when it has that.
        let mut opened = Moment::now();
        let flip = |number: u64, bytes: &mut [u8]| {
            if number + 1 == self.warm + self.messages {
                opened = Moment::now();
            }
            if self.hooks.flip == Some(number) {
                bytes[0] ^= 1;
            }
            true
        };
        serve(&end, echo, false, &AtomicBool::new(false), flip).map_err(Step::Exchange.fault())?;

        let (socket, _) = listener.accept().map_err(&failed)?;
        self.drain(&end_of(socket)?, buffer, opened)
    }

    /// Receives until the stream ends. Counts from the arrival with which the bucket is certainly empty to the first
    /// that comes after the duration, so that the size of a single arrival does not matter.
    /// `opened` is when nothing was sent yet.
    fn drain(&self, end: &End, buffer: &mut [u8], opened: Moment) -> Result<(), Fault> {
        let mut account = Account::new(&self.content);
        let warm = 2 * self.shape.map_or(0, |shape| u64::from(shape.burst));
        let mut first: Option<(Moment, u64)> = None;
        let mut counted = false;
        loop {
            let got = end.receive(buffer).map_err(Step::Flow.fault())?;
            let now = Moment::now();
            if got == 0 {
                break;
            }
            account.bytes(&buffer[..got]).map_err(|_| Fault { step: Step::Compare, code: 0 })?;
            match first {
                None if account.reached(WHOLE) && account.verified >= warm => first = Some((now, account.verified)),
                Some((start, before)) if !counted && now.since(start) >= self.duration => {
                    self.board.set(word::COUNTED, account.verified - before);
                    self.board.set(word::NANOS, now.since(start).as_nanos() as u64);
                    self.board.set(word::WHOLE, account.verified);
                    self.board.set(word::SINCE, now.since(opened).as_nanos() as u64);
                    self.board.set(word::STOP, 1);
                    counted = true;
                }
                _ => {}
            }
        }
        self.board.set(word::RECEIVED, account.verified);
        Ok(())
    }

    /// Why there is no result, if there is none.
    fn fault(&self, status: i32) -> Option<ProbeError> {
        let told = word::FAULTS.map(|[step, code]| (self.board.get(step), self.board.get(code) as i32));
        // One that only waited in vain is not the cause.
        let causes =
            told.iter().filter(|(step, _)| *step > 0).map(|(step, code)| (Step::ALL[*step as usize - 1], *code));
        let cause = causes
            .min_by_key(|((step, _), code)| (*step == Step::Meet, *code == libc::EPIPE || *code == libc::ECONNRESET));
        match cause {
            Some(((step, what), code)) => Some(explain(step, what, code)),
            None if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS => {
                Some(refused("a sandbox ends processes that make a network namespace".to_owned()))
            }
            None if status != 0 => Some(ProbeError::failed(format!("a host ended without a word (status {status})"))),
            None => None,
        }
    }
}

fn refused(reason: String) -> ProbeError {
    let remedy = "run as root, or allow user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone, \
                  kernel.apparmor_restrict_unprivileged_userns, the container's seccomp profile)";
    Skip::new(SkipKind::Permission, reason, remedy).into()
}

fn explain(step: Step, what: &str, code: i32) -> ProbeError {
    let message = match code {
        0 => format!("the hosts could not {what}"),
        code => format!("the hosts could not {what}: {}", io::Error::from_raw_os_error(code)),
    };
    let module = |name: &str| {
        Skip::new(SkipKind::Platform, message.clone(), format!("use a kernel with `{name}`, or load the module")).into()
    };
    match (step, code) {
        (Step::Separate, libc::EINVAL | libc::ENOSYS) => {
            Skip::new(SkipKind::Platform, message, "use a kernel with network namespaces").into()
        }
        (Step::Separate, _) | (Step::Join | Step::Address | Step::Shape, libc::EPERM | libc::EACCES) => {
            refused(message)
        }
        (Step::Join, libc::EOPNOTSUPP | libc::ENOENT) => module("veth"),
        (Step::Shape, libc::ENOENT | libc::EOPNOTSUPP) => module("sch_tbf"),
        (Step::Compare, _) => ProbeError::verification(message),
        _ => ProbeError::failed(message),
    }
}

fn end_of(socket: TcpStream) -> Result<End, Fault> {
    let set = socket.set_read_timeout(Some(STUCK)).and_then(|()| socket.set_write_timeout(Some(STUCK)));
    set.map_err(Step::Connect.fault())?;
    End::of_socket(socket, Wait::Block, STUCK).map_err(|_| Fault { step: Step::Connect, code: 0 })
}

/// Tells the other host that it may go on.
fn say(line: &mut UnixStream) -> Result<(), Fault> {
    line.write_all(&[1]).map_err(Step::Meet.fault())
}

/// Waits for the other host's word; one that is gone is an error.
fn hear(line: &mut UnixStream) -> Result<(), Fault> {
    line.read_exact(&mut [0]).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => Fault { step: Step::Meet, code: 0 },
        _ => Step::Meet.fault()(error),
    })
}

#[cfg(test)]
mod tests;
