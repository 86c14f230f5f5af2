//! Connections of one thread: which request is on its way on each, and who waits for it.
//!
//! Answers are taken in here, on the thread's own stack, as they arrive; a user is woken only when its answer is complete
//! or has failed. A [`Layer`] between socket and protocol (encryption) changes nothing else.

use std::rc::Rc;

use super::timers::Task;
use crate::clock;
use crate::coroutine::on_parent_stack;
use crate::driver::{Driver, Key};
use crate::error::{ErrorClass, Failure};
use crate::http::{HeadMemo, Receiver};

mod conn;
mod incoming;
mod layer;
mod stream;
mod two;

pub(crate) use conn::{Abandoned, Cargo, ConnRef, Delivery, Fitness, Outgoing, Spoken};
use conn::{Conn, Role, Stage};
pub(crate) use layer::Layer;
pub(crate) use stream::{Inbox, Stream};

/// All connections of a thread.
#[derive(Default)]
pub(crate) struct Net {
    conns: Vec<Option<Box<Conn>>>,
    memo: HeadMemo,
    next_id: u64,
    /// Connections that stand or are being made.
    pub(crate) open: u64,
    /// Who is to be woken, and with what.
    pub(crate) woken: Vec<(Task, Option<Delivery>)>,
    /// Requests that the next submission hands to the kernel.
    unsent: Vec<Key>,
    to_receive: Vec<Key>,
    to_send: Vec<Key>,
    to_close: Vec<(Key, bool)>,
    plain: Vec<u8>,
    /// What HTTP/2 is about to send.
    frames: Vec<u8>,
    random: u64,
}

impl Net {
    /// A connection that is being made; its user is woken when it stands or failed.
    pub(crate) fn begin_connect(
        &mut self,
        key: Key,
        owner: Task,
        layer: Option<Box<dyn Layer>>,
        cargo: Cargo,
    ) -> ConnRef {
        if key >= self.conns.len() {
            self.conns.resize_with(key + 1, || None);
        }
        self.next_id += 1;
        self.open += 1;
        let id = self.next_id;
        self.conns[key] = Some(Box::new(Conn {
            id,
            stage: Stage::Connecting,
            owner,
            two_only: matches!(cargo, Cargo::Two),
            role: match cargo {
                Cargo::Http | Cargo::Two => Role::One(None, None),
                Cargo::Stream(inbox, most) => Role::Stream(Box::new(Stream::new(inbox, most))),
            },
            sending: false,
            layer,
            out: Vec::new(),
            out_is_request: false,
            rest: None,
            broken: false,
            closing: false,
            sent_at: 0,
            first_at: 0,
            connected_at: 0,
        }));
        ConnRef { key, id }
    }

    fn get(&mut self, conn: ConnRef) -> Option<&mut Conn> {
        self.conns.get_mut(conn.key)?.as_deref_mut().filter(|known| known.id == conn.id)
    }

    /// A number that differs from all others of this thread.
    pub(crate) fn any_number(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood 2014), begun with the time.
        if self.random == 0 {
            self.random = clock::now();
        }
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// What the connection can do.
    pub(crate) fn fitness(&mut self, conn: ConnRef) -> Fitness {
        match self.get(conn) {
            None => Fitness::Gone,
            Some(Conn { stage: Stage::Idle, role: Role::Two(two), .. }) => {
                if two.is_leaving() {
                    Fitness::Gone
                } else {
                    Fitness::Free
                }
            }
            Some(conn) => match conn.stage {
                Stage::Dead => Fitness::Gone,
                Stage::Idle if !conn.sending || conn.layer.is_some() => Fitness::Free,
                _ => Fitness::Busy,
            },
        }
    }

    /// Which HTTP it speaks, if it stands.
    pub(crate) fn spoken(&mut self, conn: ConnRef) -> Option<Spoken> {
        let conn = self.get(conn).filter(|conn| matches!(conn.stage, Stage::Idle | Stage::Busy))?;
        match conn.role {
            Role::One(..) => Some(Spoken::One),
            Role::Two(_) => Some(Spoken::Two),
            Role::Stream(_) => None,
        }
    }

    /// Puts a request on a free connection; its user is woken with the answer. Gives the answer's ticket.
    pub(crate) fn begin_exchange(
        &mut self,
        driver: &mut dyn Driver,
        at: ConnRef,
        owner: Task,
        outgoing: Outgoing<'_>,
    ) -> Result<u64, Failure> {
        self.next_id += 1;
        let ticket = self.next_id;
        let Some(conn) = self.get(at) else {
            return Err(Failure::new(ErrorClass::Closed, "the connection is gone"));
        };
        if let Role::Two(two) = &mut conn.role {
            on_parent_stack(|| two.push(ticket, owner, &outgoing))?;
            on_parent_stack(|| self.drive(clock::now(), at.key));
            return Ok(ticket);
        }
        conn.stage = Stage::Busy;
        conn.owner = owner;
        let Outgoing { request, bytes, most, upgrade, first, .. } = outgoing;
        conn.role = Role::One(Some(Receiver::new(request.method.clone(), request.keep, most)), upgrade);
        (conn.sent_at, conn.first_at) = (0, 0);
        if first > 0 {
            conn.rest = Some(bytes[first..].to_vec());
        }
        match &mut conn.layer {
            None if first > 0 => conn.sending = driver.send(at.key, Rc::new(bytes[..first].to_vec())),
            None => conn.sending = driver.send(at.key, Rc::clone(bytes)),
            Some(layer) => {
                conn.out_is_request = conn.out.is_empty() && !conn.sending;
                let out = &mut conn.out;
                // Ciphers take more stack than a user has.
                let part = if first > 0 { &bytes[..first] } else { bytes.as_slice() };
                on_parent_stack(|| layer.outgoing(part, out))?;
                self.to_send.push(at.key);
            }
        }
        self.unsent.push(at.key);
        Ok(at.id)
    }

    /// Sends the body that was held back.
    pub(crate) fn send_rest(&mut self, at: ConnRef) -> Result<(), Failure> {
        if let Some(conn) = self.get(at)
            && let Some(rest) = conn.rest.take()
        {
            conn.put(&rest)?;
            self.to_send.push(at.key);
        }
        Ok(())
    }

    /// The stream that a connection carries.
    pub(crate) fn stream(&mut self, conn: ConnRef) -> Option<&mut Stream> {
        match &mut self.get(conn)?.role {
            Role::Stream(stream) => Some(stream),
            Role::One(..) | Role::Two(_) => None,
        }
    }

    /// Sends on a stream what `write` adds to the vector that it is given: as part of the stream, or as one datagram.
    pub(crate) fn send_stream(
        &mut self,
        at: ConnRef,
        write: impl FnOnce(&mut Stream, &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let gone = || Failure::new(ErrorClass::Closed, "the connection is gone");
        let conn = self.get(at).ok_or_else(gone)?;
        let Role::Stream(stream) = &mut conn.role else { return Err(gone()) };
        let mut plain = Vec::new();
        write(stream, &mut plain)?;
        if stream.is_datagrams() {
            stream.outbox.push_back(plain);
        } else {
            conn.put(&plain)?;
        }
        self.to_send.push(at.key);
        Ok(())
    }

    /// Gives up a connection with whatever is on its way on it.
    pub(crate) fn abandon(&mut self, conn: ConnRef, hard: bool) -> Abandoned {
        let Some(known) = self.get(conn) else { return Abandoned::default() };
        if let (false, Stage::Idle, Role::Stream(stream)) = (hard, known.stage, &mut known.role) {
            let mut farewell = Vec::new();
            stream.farewell(&mut farewell);
            if !farewell.is_empty() && known.put(&farewell).is_ok() {
                self.to_send.push(conn.key);
            }
        }
        let Some(known) = self.get(conn) else { return Abandoned::default() };
        let receiver = known.role.receiver();
        let abandoned = Abandoned {
            sent_at: known.sent_at,
            in_handshake: known.stage == Stage::Handshake,
            in_body: receiver.as_ref().is_some_and(|receiver| receiver.in_body()),
            received: receiver.as_ref().map_or(0, |receiver| receiver.received()),
        };
        known.stage = Stage::Dead;
        self.to_close.push((conn.key, hard));
        abandoned
    }

    /// Gives up one request: with its connection, where that carries nothing else.
    pub(crate) fn give_up(&mut self, at: ConnRef, ticket: u64) -> Abandoned {
        if let Some(Conn { role: Role::Two(two), .. }) = self.get(at) {
            let (abandoned, silent) = on_parent_stack(|| two.give_up(ticket));
            if silent {
                self.abandon(at, true);
            } else {
                on_parent_stack(|| self.drive(clock::now(), at.key));
            }
            return abandoned;
        }
        self.abandon(at, true)
    }

    /// Carries out what events and users asked for. To be called before each wait.
    pub(crate) fn flush(&mut self, driver: &mut dyn Driver) {
        while let Some(key) = self.to_receive.pop() {
            driver.receive(key);
        }
        while let Some(key) = self.to_send.pop() {
            let Some(conn) = self.conns[key].as_deref_mut().filter(|conn| !conn.closing) else { continue };
            if !conn.sending && !conn.out.is_empty() {
                let bytes = Rc::new(std::mem::take(&mut conn.out));
                // A request waits for its answer before anything follows it.
                let alone = std::mem::take(&mut conn.out_is_request);
                conn.sending = if alone { driver.send(key, bytes) } else { driver.send_reported(key, bytes) };
            } else if let (false, Role::Stream(stream)) = (conn.sending, &mut conn.role) {
                while let Some(datagram) = stream.outbox.pop_front() {
                    if driver.send_reported(key, Rc::new(datagram)) {
                        conn.sending = true;
                        break;
                    }
                }
            }
        }
        while let Some((key, hard)) = self.to_close.pop() {
            let Some(conn) = self.conns[key].as_deref_mut().filter(|conn| !conn.closing) else { continue };
            conn.closing = true;
            if !hard {
                self.say_farewell(driver, key);
            }
            driver.close(key, hard);
        }
    }

    /// Ends an encrypted channel as it should be, where nothing is on its way.
    fn say_farewell(&mut self, driver: &mut dyn Driver, key: Key) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Some(layer) = conn.layer.as_mut().filter(|layer| layer.is_ready()) else { return };
        if !conn.sending {
            layer.farewell(&mut conn.out);
            driver.send_reported(key, Rc::new(std::mem::take(&mut conn.out)));
        }
    }

    /// Notes when requests go to the kernel: one reading of the clock for all that were started since.
    #[inline]
    pub(crate) fn stamp_sent(&mut self, clock: impl FnOnce() -> u64) {
        if self.unsent.is_empty() {
            return;
        }
        let now = clock();
        while let Some(key) = self.unsent.pop() {
            if let Some(conn) = self.conns[key].as_deref_mut() {
                conn.sent_at = now;
            }
        }
    }
}
