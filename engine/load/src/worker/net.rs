//! Connections of one thread: which request is on its way on each, and who waits for it.
//!
//! Answers are taken in here, on the thread's own stack, as they arrive; a user is woken only when its answer is complete
//! or has failed. A [`Layer`] between socket and protocol (encryption) changes nothing else.

use std::rc::Rc;

use super::timers::Task;
use crate::driver::{Driver, Event, Key};
use crate::error::{ErrorClass, Failure};
use crate::http::{HeadMemo, Progress, Receiver, Response};

/// What lies between the socket's bytes and the protocol's.
pub(crate) trait Layer {
    /// Takes bytes of the socket; adds what they carry to `plain` and what must be answered to `out`.
    fn incoming(&mut self, bytes: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Failure>;
    /// Wraps bytes of the protocol, adding them to `out`.
    fn outgoing(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Failure>;
    /// Whether the protocol may begin.
    fn is_ready(&self) -> bool;
}

/// What a user is told when it is woken by its connection. Times are of the load's clock.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The answer; none where only a connection was asked for.
    pub(crate) result: Result<Option<Response>, Failure>,
    /// When the request was handed to the kernel.
    pub(crate) sent_at: u64,
    /// When the first byte of the answer came; 0 if none did.
    pub(crate) first_at: u64,
    /// When the connection stood.
    pub(crate) connected_at: u64,
    /// When this happened.
    pub(crate) at: u64,
    /// Bytes of the answer, its head included.
    pub(crate) received: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Handshake,
    Idle,
    Busy,
    Dead,
}

pub(crate) struct Conn {
    id: u64,
    stage: Stage,
    owner: Task,
    receiver: Option<Receiver>,
    sending: bool,
    layer: Option<Box<dyn Layer>>,
    /// Bytes that wait until the socket has sent the ones before.
    out: Vec<u8>,
    sent_at: u64,
    first_at: u64,
    connected_at: u64,
}

/// All connections of a thread.
#[derive(Default)]
pub(crate) struct Net {
    conns: Vec<Option<Box<Conn>>>,
    memo: HeadMemo,
    next_id: u64,
    /// Connections that stand or are being made.
    pub(crate) open: u64,
    /// Who is to be woken, and with what.
    pub(crate) woken: Vec<(Task, Delivery)>,
    /// Requests that the next submission hands to the kernel.
    unsent: Vec<Key>,
    to_receive: Vec<Key>,
    to_send: Vec<Key>,
    to_close: Vec<(Key, bool)>,
    plain: Vec<u8>,
}

/// A connection as its user knows it. The key alone may meanwhile be another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnRef {
    pub(crate) key: Key,
    pub(crate) id: u64,
}

/// How far a request had come when it was given up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Abandoned {
    pub(crate) sent_at: u64,
    pub(crate) in_body: bool,
    pub(crate) received: u64,
}

impl Net {
    /// A connection that is being made; its user is woken when it stands or failed.
    pub(crate) fn begin_connect(&mut self, key: Key, owner: Task, layer: Option<Box<dyn Layer>>) -> ConnRef {
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
            receiver: None,
            sending: false,
            layer,
            out: Vec::new(),
            sent_at: 0,
            first_at: 0,
            connected_at: 0,
        }));
        ConnRef { key, id }
    }

    fn get(&mut self, conn: ConnRef) -> Option<&mut Conn> {
        self.conns.get_mut(conn.key)?.as_deref_mut().filter(|known| known.id == conn.id)
    }

    /// Whether the connection stands and carries nothing.
    pub(crate) fn is_idle(&mut self, conn: ConnRef) -> bool {
        self.get(conn).is_some_and(|conn| conn.stage == Stage::Idle && !conn.sending)
    }

    /// Puts a request on an idle connection; its user is woken with the answer.
    pub(crate) fn begin_exchange(
        &mut self,
        driver: &mut dyn Driver,
        at: ConnRef,
        owner: Task,
        receiver: Receiver,
        bytes: &Rc<Vec<u8>>,
    ) -> Result<(), Failure> {
        let Some(conn) = self.get(at) else {
            return Err(Failure::new(ErrorClass::Closed, "the connection is gone"));
        };
        conn.stage = Stage::Busy;
        conn.owner = owner;
        conn.receiver = Some(receiver);
        (conn.sent_at, conn.first_at) = (0, 0);
        match &mut conn.layer {
            None => {
                conn.sending = driver.send(at.key, Rc::clone(bytes));
            }
            Some(layer) => {
                layer.outgoing(bytes, &mut conn.out)?;
                self.to_send.push(at.key);
            }
        }
        self.unsent.push(at.key);
        Ok(())
    }

    /// Gives up a connection with whatever is on its way on it.
    pub(crate) fn abandon(&mut self, conn: ConnRef, hard: bool) -> Abandoned {
        let Some(known) = self.get(conn) else { return Abandoned::default() };
        let receiver = known.receiver.take();
        let abandoned = Abandoned {
            sent_at: known.sent_at,
            in_body: receiver.as_ref().is_some_and(Receiver::in_body),
            received: receiver.as_ref().map_or(0, Receiver::received),
        };
        known.stage = Stage::Dead;
        self.to_close.push((conn.key, hard));
        abandoned
    }

    /// Carries out what events and users asked for. To be called before each wait.
    pub(crate) fn flush(&mut self, driver: &mut dyn Driver) {
        while let Some(key) = self.to_receive.pop() {
            driver.receive(key);
        }
        while let Some(key) = self.to_send.pop() {
            let Some(conn) = self.conns[key].as_deref_mut() else { continue };
            if !conn.sending && !conn.out.is_empty() && conn.stage != Stage::Dead {
                conn.sending = driver.send(key, Rc::new(std::mem::take(&mut conn.out)));
            }
        }
        while let Some((key, hard)) = self.to_close.pop() {
            driver.close(key, hard);
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
        match event {
            Event::Connected(Ok(())) => {
                conn.connected_at = stamp;
                self.to_receive.push(key);
                if conn.layer.is_some() {
                    conn.stage = Stage::Handshake;
                    self.take_in(stamp, key, &[]);
                } else {
                    conn.stage = Stage::Idle;
                    self.wake(stamp, key, Ok(None));
                }
            }
            Event::Connected(Err(errno)) => {
                let class = ErrorClass::of_connect(errno);
                self.fail(stamp, key, Failure::new(class, std::io::Error::from_raw_os_error(errno).to_string()));
            }
            Event::Sent(result) => {
                conn.sending = false;
                // A failure shows on the receiving side too, perhaps after an answer that says why.
                if result.is_ok() && !conn.out.is_empty() {
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
        let result = layer.incoming(bytes, &mut plain, &mut conn.out);
        let ready = layer.is_ready();
        if !conn.out.is_empty() {
            self.to_send.push(key);
        }
        if let Err(failure) = result {
            self.fail(stamp, key, failure);
        } else {
            if conn.stage == Stage::Handshake && ready {
                conn.stage = Stage::Idle;
                self.wake(stamp, key, Ok(None));
            }
            if !plain.is_empty() {
                self.feed(stamp, key, &plain);
            }
        }
        self.plain = plain;
    }

    /// Bytes of the protocol.
    fn feed(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Some(receiver) = &mut conn.receiver else {
            // Nobody asked: what the other side says now would be taken for the next answer.
            conn.stage = Stage::Dead;
            self.to_close.push((key, false));
            return;
        };
        if conn.first_at == 0 {
            conn.first_at = stamp;
        }
        match receiver.take(bytes, &mut self.memo) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(used)) if used < bytes.len() => {
                let extra = bytes.len() - used;
                self.fail(stamp, key, Failure::new(ErrorClass::ExcessData, format!("{extra} bytes after the answer")));
            }
            Ok(Progress::Done(_)) => self.answered(stamp, key),
            Err(failure) => self.fail(stamp, key, failure),
        }
    }

    /// The answer is complete.
    fn answered(&mut self, stamp: u64, key: Key) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Some(receiver) = conn.receiver.take() else { return };
        // An answer before the request was sent whole leaves the connection in an unknown state.
        if receiver.reusable() && !conn.sending {
            conn.stage = Stage::Idle;
        } else {
            conn.stage = Stage::Dead;
            self.to_close.push((key, false));
        }
        let received = receiver.received();
        let delivery = Delivery {
            result: Ok(Some(receiver.into_response())),
            sent_at: conn.sent_at,
            first_at: conn.first_at,
            connected_at: conn.connected_at,
            at: stamp,
            received,
        };
        self.woken.push((conn.owner, delivery));
    }

    /// The other side sends no more, or the connection broke.
    fn end(&mut self, stamp: u64, key: Key, result: Result<(), i32>) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let failure = match (&mut conn.receiver, result) {
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
            (None, _) if conn.stage == Stage::Handshake => Failure::new(ErrorClass::Tls, "closed within the handshake"),
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
        if let Some(conn) = self.conns[key].as_deref_mut() {
            conn.stage = Stage::Dead;
        }
        self.to_close.push((key, false));
        self.wake(stamp, key, Err(failure));
    }

    fn wake(&mut self, stamp: u64, key: Key, result: Result<Option<Response>, Failure>) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let received = conn.receiver.take().map_or(0, |receiver| receiver.received());
        let delivery = Delivery {
            result,
            sent_at: conn.sent_at,
            first_at: conn.first_at,
            connected_at: conn.connected_at,
            at: stamp,
            received,
        };
        self.woken.push((conn.owner, delivery));
    }
}
