//! One connection through the proxy: two directions, each with what it holds back.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::draw::Draw;
use super::poll::Interest;
use super::socket::{fd, reset_on_close};
use super::toxic::{Direction, Kind, Toxic, seconds};

/// Bytes held back in one direction; beyond, the sender has to wait.
const HELD: usize = 4 << 20;

/// Largest piece that is read at once.
const PIECE: usize = 64 << 10;

/// With a bandwidth, pieces are at most what goes through in this time, so that it flows.
const FLOW: f64 = 0.01;

/// A line that stood still for so long makes up for it: most often only this thread was held up. Over the whole of a
/// transfer the bandwidth is still never exceeded, for what is made up for is time that was there.
const CREDIT: Duration = Duration::from_millis(20);

/// The longest time that this thread may have been away.
const LATE: Duration = Duration::from_secs(1);

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As its ends wish.
    Closed,
    /// With a reset on both sides.
    Reset,
}

/// Toxics as the loop holds them: with their draws and counts.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) toxic: Toxic,
    pub(super) draw: Draw,
    pub(super) asked: u64,
    pub(super) hit: u64,
}

impl Active {
    pub(super) fn ask(&mut self) -> bool {
        self.asked += 1;
        let hit = self.draw.hit();
        self.hit += u64::from(hit);
        hit
    }
}

/// Something on its way.
#[derive(Debug)]
enum Held {
    Bytes { due: Instant, bytes: Vec<u8>, sent: usize },
    End { due: Instant },
}

/// One way through a connection.
#[derive(Debug)]
pub(super) struct Way {
    held: VecDeque<Held>,
    size: usize,
    /// Nothing more comes.
    ended: bool,
    /// Nothing more goes.
    shut: bool,
    blocked: bool,
    passed: u64,
    /// When the line is free again, under a bandwidth.
    free: Option<Instant>,
    /// Which toxics hit the message that is on its way.
    hits: Vec<bool>,
    last_due: Option<Instant>,
}

impl Way {
    const fn new() -> Self {
        Self {
            held: VecDeque::new(),
            size: 0,
            ended: false,
            shut: false,
            blocked: false,
            passed: 0,
            free: None,
            hits: Vec::new(),
            last_due: None,
        }
    }

    fn next_due(&self) -> Option<Instant> {
        if self.blocked {
            return None;
        }
        self.held.front().map(|held| match held {
            Held::Bytes { due, .. } | Held::End { due } => *due,
        })
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    pub(super) connected: bool,
    up: Way,
    down: Way,
    /// Which toxics hit this connection.
    hits: Vec<bool>,
    /// Data is swallowed: it can never be well again.
    pub(super) swallowed: bool,
    /// Which way something went last: what comes the other way is a new message.
    last: Option<Direction>,
    /// It ends then, like that.
    end_at: Option<(Instant, End)>,
    pub(super) interest: [Interest; 2],
    /// How late the proxy's thread woke up for what it does now.
    pub(super) late: Duration,
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> Self {
        Self {
            client,
            server,
            connected: false,
            up: Way::new(),
            down: Way::new(),
            hits: Vec::new(),
            swallowed: false,
            last: None,
            end_at: None,
            interest: [Interest::default(); 2],
            late: Duration::ZERO,
        }
    }

    pub(super) fn descriptors(&self) -> [std::os::fd::RawFd; 2] {
        [fd(&self.client), fd(&self.server)]
    }

    pub(super) const fn server(&self) -> &TcpStream {
        &self.server
    }

    /// Takes a new set of toxics over: what is held back goes out, what has lost data is reset, and each toxic is asked
    /// whether it hits this connection. Gives how it ends, when it does at once.
    pub(super) fn infect(&mut self, toxics: &mut [Active], now: Instant) -> Option<End> {
        if self.swallowed {
            return Some(End::Reset);
        }
        self.end_at = None;
        for way in [&mut self.up, &mut self.down] {
            way.free = None;
            way.last_due = None;
            way.hits = vec![false; toxics.len()];
            for held in &mut way.held {
                match held {
                    Held::Bytes { due, .. } | Held::End { due } => *due = now,
                }
            }
        }
        self.last = None;
        self.hits = toxics.iter_mut().map(|active| !active.toxic.per_message() && active.ask()).collect();
        for (active, _) in toxics.iter().zip(&self.hits).filter(|(_, hit)| **hit) {
            match active.toxic.kind {
                Kind::Reset { after } => self.end_at = Some((now + seconds(after), End::Reset)),
                Kind::Timeout { after } if after > 0.0 => self.end_at = Some((now + seconds(after), End::Closed)),
                _ => {}
            }
        }
        None
    }

    /// When something is to be done at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        let end = self.end_at.map(|(at, _)| at);
        let server = self.up.next_due().filter(|_| self.connected);
        [end, server, self.down.next_due()].into_iter().flatten().min()
    }

    /// What is waited for: on the client's side and on the server's.
    pub(super) fn wanted(&self) -> [Interest; 2] {
        let reads = |way: &Way| !way.ended && way.size < HELD;
        [
            Interest { read: reads(&self.up), write: self.down.blocked },
            Interest { read: self.connected && reads(&self.down), write: !self.connected || self.up.blocked },
        ]
    }

    /// Reads, holds back, and sends on what is due. Gives how it ends, when it does.
    pub(super) fn work(&mut self, toxics: &mut [Active], now: Instant, passed: &mut [u64; 2]) -> Option<End> {
        if let Some((at, end)) = self.end_at
            && at <= now
        {
            return Some(end);
        }
        for direction in [Direction::Up, Direction::Down] {
            if direction == Direction::Down && !self.connected {
                continue;
            }
            if let Err(end) = self.read(direction, toxics, now) {
                return Some(end);
            }
        }
        for (direction, passed) in [Direction::Up, Direction::Down].into_iter().zip(passed) {
            if direction == Direction::Up && !self.connected {
                continue;
            }
            let (bytes, end) = self.write(direction, toxics, now);
            *passed += bytes;
            if end.is_some() {
                return end;
            }
        }
        (self.up.shut && self.down.shut).then_some(End::Closed)
    }

    fn read(&mut self, direction: Direction, toxics: &mut [Active], now: Instant) -> Result<(), End> {
        let mut buffer = [0_u8; PIECE];
        loop {
            let (way, mut from) = match direction {
                Direction::Up => (&mut self.up, &self.client),
                Direction::Down => (&mut self.down, &self.server),
            };
            if way.ended || way.size >= HELD {
                return Ok(());
            }
            match from.read(&mut buffer) {
                Ok(0) => {
                    way.ended = true;
                    let slow = toxics
                        .iter()
                        .zip(&self.hits)
                        .filter(|(active, hit)| **hit && active.toxic.direction == direction);
                    let delay = slow.fold(0.0, |delay: f64, (active, _)| match active.toxic.kind {
                        Kind::SlowClose { delay: more } => delay.max(more),
                        _ => delay,
                    });
                    let due = way.last_due.unwrap_or(now).max(now) + seconds(delay);
                    way.held.push_back(Held::End { due });
                    return Ok(());
                }
                Ok(count) => {
                    if self.last != Some(direction) {
                        self.last = Some(direction);
                        let fresh = |active: &mut Active| {
                            active.toxic.direction == direction && active.toxic.per_message() && active.ask()
                        };
                        way.hits = toxics.iter_mut().map(fresh).collect();
                    }
                    self.hold(direction, &buffer[..count], toxics, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Reset),
            }
        }
    }

    /// Puts what came in line, as the toxics that hit it say.
    fn hold(&mut self, direction: Direction, bytes: &[u8], toxics: &mut [Active], now: Instant) {
        let way = if direction == Direction::Up { &mut self.up } else { &mut self.down };
        let mut due = now;
        let (mut rate, mut piece, mut pause) = (None, bytes.len().max(1), 0.0);
        for (at, active) in toxics.iter_mut().enumerate() {
            let hit = self.hits.get(at).copied().unwrap_or(false) || way.hits.get(at).copied().unwrap_or(false);
            if !hit || (active.toxic.direction != direction && !matches!(active.toxic.kind, Kind::Timeout { .. })) {
                continue;
            }
            match active.toxic.kind {
                Kind::Latency { delay, jitter } => due += seconds(jitter.mul_add(active.draw.around(), delay)),
                Kind::Bandwidth { rate: wanted } => rate = Some(wanted),
                Kind::Slicer { size, delay } => (piece, pause) = (size, delay),
                Kind::Timeout { .. } => {
                    self.swallowed = true;
                    return;
                }
                Kind::SlowClose { .. } | Kind::Reset { .. } | Kind::Limit { .. } => {}
            }
        }
        if let Some(rate) = rate {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of bytes")]
            let flowing = (rate * FLOW).max(1.0) as usize;
            piece = piece.min(flowing);
        }
        // Nothing overtakes.
        due = way.last_due.map_or(due, |last| last.max(due));
        // A line that was full of bytes and stood still because this thread was away makes up for all of that.
        let mut credit = CREDIT + self.late.min(LATE);
        for part in bytes.chunks(piece) {
            if let Some(rate) = rate {
                #[expect(clippy::cast_precision_loss, reason = "a small number of bytes")]
                let takes = part.len() as f64 / rate;
                let behind = due.checked_sub(std::mem::take(&mut credit)).unwrap_or(due);
                due = way.free.map_or(due, |free| free.max(behind)) + seconds(takes);
                way.free = Some(due);
            }
            way.held.push_back(Held::Bytes { due, bytes: part.to_vec(), sent: 0 });
            way.size += part.len();
            way.last_due = Some(due);
            due += seconds(pause);
        }
    }

    /// Sends on what is due. Gives how many bytes went, and how the connection ends, when it does.
    fn write(&mut self, direction: Direction, toxics: &[Active], now: Instant) -> (u64, Option<End>) {
        let (way, mut to) = match direction {
            Direction::Up => (&mut self.up, &self.server),
            Direction::Down => (&mut self.down, &self.client),
        };
        let limit = toxics.iter().zip(&self.hits).find_map(|(active, hit)| match active.toxic.kind {
            Kind::Limit { bytes } if *hit && active.toxic.direction == direction => Some(bytes),
            _ => None,
        });
        let before = way.passed;
        way.blocked = false;
        while let Some(held) = way.held.front_mut() {
            match held {
                Held::Bytes { due, .. } | Held::End { due } if *due > now => break,
                Held::End { .. } => {
                    // The other side may be gone already; then its own end is seen where it is read.
                    let _ = to.shutdown(Shutdown::Write);
                    way.shut = true;
                    way.held.pop_front();
                }
                Held::Bytes { bytes, sent, .. } => {
                    let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(way.passed));
                    let room = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - *sent);
                    if room == 0 {
                        return (way.passed - before, Some(End::Closed));
                    }
                    match to.write(&bytes[*sent..*sent + room]) {
                        Ok(count) => {
                            *sent += count;
                            way.passed += count as u64;
                            way.size -= count;
                            if *sent == bytes.len() {
                                way.held.pop_front();
                            }
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            way.blocked = true;
                            break;
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => return (way.passed - before, Some(End::Reset)),
                    }
                }
            }
        }
        let full = !way.blocked && limit.is_some_and(|limit| way.passed >= limit);
        (way.passed - before, full.then_some(End::Closed))
    }

    /// Ends it.
    pub(super) fn end(self, how: End) {
        if how == End::Reset {
            for descriptor in self.descriptors() {
                reset_on_close(descriptor);
            }
        }
    }
}
