//! Connections of one thread: which request is on its way on each, and who waits for it.
//!
//! Answers are taken in here, on the thread's own stack, as they arrive; a user is woken only when its answer is complete
//! or has failed. A [`Layer`] between socket and protocol (encryption) changes nothing else.

use std::rc::Rc;

use super::timers::Task;
use crate::clock;
use crate::coroutine::on_parent_stack;
use crate::driver::{Driver, Event, Key};
use crate::error::{ErrorClass, Failure};
use crate::http::{HeadMemo, Progress, Receiver};

mod conn;
mod layer;
mod stream;

pub(crate) use conn::{Abandoned, ConnRef, Delivery, Fitness, Outgoing, Spoken};
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
    random: u64,
}

impl Net {
    /// A connection that is being made; its user is woken when it stands or failed. `inbox` is given where it is to carry
    /// no HTTP, and may hold up to `most` bytes.
    pub(crate) fn begin_connect(
        &mut self,
        key: Key,
        owner: Task,
        layer: Option<Box<dyn Layer>>,
        inbox: Option<(Inbox, u64)>,
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
            role: match inbox {
                None => Role::One(None, None),
                Some((inbox, most)) => Role::Stream(Box::new(Stream::new(inbox, most))),
            },
            sending: false,
            layer,
            out: Vec::new(),
            out_is_request: false,
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
        let Some(conn) = self.get(at) else {
            return Err(Failure::new(ErrorClass::Closed, "the connection is gone"));
        };
        conn.stage = Stage::Busy;
        conn.owner = owner;
        let Outgoing { request, bytes, most, upgrade, .. } = outgoing;
        conn.role = Role::One(Some(Receiver::new(request.method.clone(), request.keep, most)), upgrade);
        (conn.sent_at, conn.first_at) = (0, 0);
        match &mut conn.layer {
            None => conn.sending = driver.send(at.key, Rc::clone(bytes)),
            Some(layer) => {
                conn.out_is_request = conn.out.is_empty() && !conn.sending;
                let out = &mut conn.out;
                // Ciphers take more stack than a user has.
                on_parent_stack(|| layer.outgoing(bytes, out))?;
                self.to_send.push(at.key);
            }
        }
        self.unsent.push(at.key);
        Ok(at.id)
    }

    /// The stream that a connection carries.
    pub(crate) fn stream(&mut self, conn: ConnRef) -> Option<&mut Stream> {
        match &mut self.get(conn)?.role {
            Role::Stream(stream) => Some(stream),
            Role::One(..) => None,
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
    pub(crate) fn give_up(&mut self, conn: ConnRef, _ticket: u64) -> Abandoned {
        self.abandon(conn, true)
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

    /// Something happened to a socket.
    pub(crate) fn handle(&mut self, stamp: u64, key: Key, event: Event<'_>) {
        if event == Event::Closed {
            self.conns[key] = None;
            self.open -= 1;
            return;
        }
        let Some(conn) = self.conns.get_mut(key).and_then(Option::as_deref_mut) else { return };
        if conn.stage == Stage::Dead {
            return;
        }
        // Of datagrams an error is the last one's, and an empty one is no end.
        if let (Role::Stream(stream), Event::End(result) | Event::Sent(result @ Err(_))) = (&mut conn.role, event)
            && stream.is_datagrams()
        {
            match result {
                Ok(()) => stream.take(stamp, &[], &mut Vec::new()),
                Err(errno) => stream.end(stamp, Err(errno)),
            }
            if matches!(event, Event::End(_)) {
                self.to_receive.push(key);
            } else {
                conn.sending = false;
                self.to_send.push(key);
            }
            return self.nudge(key);
        }
        match event {
            Event::Connected(Ok(())) => {
                conn.connected_at = stamp;
                self.to_receive.push(key);
                if conn.layer.is_some() {
                    conn.stage = Stage::Handshake;
                    self.take_in(stamp, key, &[]);
                } else {
                    conn.stage = Stage::Idle;
                    self.wake(stamp, key, Ok(()));
                }
            }
            Event::Connected(Err(errno)) => {
                let class = ErrorClass::of_connect(errno);
                self.fail(stamp, key, Failure::new(class, std::io::Error::from_raw_os_error(errno).to_string()));
            }
            Event::Sent(result) => {
                conn.sending = false;
                // A failure shows on the receiving side too, perhaps after an answer that says why.
                if result.is_ok() {
                    self.to_send.push(key);
                }
            }
            Event::Data(bytes) => {
                if conn.layer.is_some() {
                    self.take_in(stamp, key, bytes);
                } else {
                    self.feed(stamp, key, bytes);
                }
            }
            Event::End(result) => self.end(stamp, key, result),
            Event::Closed => {}
        }
    }

    /// Bytes of an encrypted connection, or none to begin with.
    fn take_in(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Some(layer) = &mut conn.layer else { return };
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        conn.out_is_request = false;
        let result = layer.incoming(bytes, &mut plain, &mut conn.out);
        let (ready, ended) = (layer.is_ready(), result.is_ok() && layer.has_ended());
        if !conn.out.is_empty() {
            self.to_send.push(key);
        }
        if conn.stage == Stage::Handshake && ready && result.is_ok() {
            conn.stage = Stage::Idle;
            self.wake(stamp, key, Ok(()));
        }
        if !plain.is_empty() {
            self.feed(stamp, key, &plain);
        }
        self.plain = plain;
        match result {
            Err(failure) if self.is_alive(key) => self.fail(stamp, key, failure),
            Ok(()) if ended && self.is_alive(key) => self.end(stamp, key, Ok(())),
            _ => {}
        }
    }

    fn is_alive(&self, key: Key) -> bool {
        self.conns[key].as_deref().is_some_and(|conn| conn.stage != Stage::Dead)
    }

    /// Bytes of the protocol.
    fn feed(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let receiver = match &mut conn.role {
            Role::One(Some(receiver), _) => receiver,
            Role::One(None, _) => {
                // Nobody asked: what the other side says now would be taken for the next answer.
                conn.stage = Stage::Dead;
                self.to_close.push((key, false));
                return;
            }
            Role::Stream(_) => return self.feed_stream(stamp, key, bytes),
        };
        if conn.first_at == 0 {
            conn.first_at = stamp;
        }
        match receiver.take(bytes, &mut self.memo) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(used)) => {
                if receiver.is_upgraded() && matches!(conn.role, Role::One(_, Some(_))) {
                    return self.upgrade(stamp, key, &bytes[used..]);
                }
                if used < bytes.len() {
                    let what = format!("{} bytes after the answer", bytes.len() - used);
                    return self.fail(stamp, key, Failure::new(ErrorClass::ExcessData, what));
                }
                self.answered(stamp, key);
            }
            Err(failure) => self.fail(stamp, key, failure),
        }
    }

    /// The server agrees to speak something else from here on.
    fn upgrade(&mut self, stamp: u64, key: Key, rest: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::One(Some(receiver), Some(client)) = std::mem::replace(&mut conn.role, Role::One(None, None)) else {
            return;
        };
        let mut stream = Stream::new(Inbox::WebSocket(client), u64::MAX);
        stream.at = stamp;
        conn.role = Role::Stream(Box::new(stream));
        conn.stage = Stage::Idle;
        let delivery = conn.delivery(stamp, Some(receiver));
        self.woken.push((conn.owner, Some(delivery)));
        if !rest.is_empty() {
            self.feed_stream(stamp, key, rest);
        }
    }

    fn feed_stream(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::Stream(stream) = &mut conn.role else { return };
        let mut answer = Vec::new();
        stream.take(stamp, bytes, &mut answer);
        if !answer.is_empty() {
            // Where it cannot be said, receiving shows why.
            let _ = conn.put(&answer);
            self.to_send.push(key);
        }
        self.nudge(key);
    }

    /// Wakes a stream's user, if it waits for it.
    fn nudge(&mut self, key: Key) {
        if let Some(conn) = self.conns[key].as_deref_mut()
            && let Role::Stream(stream) = &mut conn.role
            && std::mem::take(&mut stream.waiting)
        {
            self.woken.push((conn.owner, None));
        }
    }

    /// The answer is complete.
    fn answered(&mut self, stamp: u64, key: Key) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::One(receiver, _) = &mut conn.role else { return };
        let Some(receiver) = receiver.take() else { return };
        // An answer before the request was sent whole leaves the connection in an unknown state.
        if receiver.reusable() && !conn.sending {
            conn.stage = Stage::Idle;
        } else {
            conn.stage = Stage::Dead;
            self.to_close.push((key, false));
        }
        let delivery = conn.delivery(stamp, Some(receiver));
        self.woken.push((conn.owner, Some(delivery)));
    }

    /// The other side sends no more, or the connection broke.
    fn end(&mut self, stamp: u64, key: Key, result: Result<(), i32>) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        // Without the channel's own farewell anybody can have cut the rest off (RFC 9112, 9.8).
        let whole = conn.layer.as_mut().is_none_or(|layer| layer.has_ended());
        if let Role::Stream(stream) = &mut conn.role
            && conn.stage == Stage::Idle
        {
            stream.end(stamp, result);
            return self.nudge(key);
        }
        let failure = match (conn.role.receiver(), result) {
            (Some(receiver), Ok(())) if !whole && receiver.is_until_end() => {
                let detail = format!("after {} bytes, without the farewell of TLS", receiver.received());
                Failure::new(ErrorClass::ClosedInBody, detail)
            }
            (Some(receiver), Ok(())) => match receiver.end() {
                Ok(()) => return self.answered(stamp, key),
                Err(failure) => failure,
            },
            (Some(receiver), Err(errno)) => {
                let class = if receiver.in_body() {
                    ErrorClass::ResetInBody
                } else if receiver.has_begun() {
                    ErrorClass::ResetInHead
                } else {
                    ErrorClass::Reset
                };
                let words = std::io::Error::from_raw_os_error(errno);
                Failure::new(class, format!("{words}, after {} bytes", receiver.received()))
            }
            (None, result) if conn.stage == Stage::Handshake => {
                let how = result
                    .map_or_else(|errno| std::io::Error::from_raw_os_error(errno).to_string(), |()| "closed".into());
                Failure::new(ErrorClass::Tls, format!("{how}, within the handshake"))
            }
            (None, _) => {
                // An idle connection that the other side gave up.
                conn.stage = Stage::Dead;
                self.to_close.push((key, false));
                return;
            }
        };
        self.fail(stamp, key, failure);
    }

    fn fail(&mut self, stamp: u64, key: Key, failure: Failure) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let idle = conn.stage == Stage::Idle;
        if let (true, Role::Stream(stream)) = (idle, &mut conn.role) {
            // It stays until its user has taken what came.
            stream.ended.get_or_insert(Err(failure));
            return self.nudge(key);
        }
        conn.stage = Stage::Dead;
        self.to_close.push((key, false));
        // Of an idle connection nobody wants to know.
        if !idle {
            self.wake(stamp, key, Err(failure));
        }
    }

    fn wake(&mut self, stamp: u64, key: Key, result: Result<(), Failure>) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let mut delivery = conn.delivery(stamp, None);
        if let Err(failure) = result {
            delivery.received = conn.role.receiver().map_or(0, |receiver| receiver.received());
            delivery.result = Err(failure);
        }
        self.woken.push((conn.owner, Some(delivery)));
    }
}
