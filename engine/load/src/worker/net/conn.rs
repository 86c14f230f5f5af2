//! One connection: where it stands, what flows on it, and what its user is told.

use std::rc::Rc;

use super::two::Two;
use super::{Inbox, Layer, Stream};
use crate::coroutine::on_parent_stack;
use crate::driver::Key;
use crate::error::Failure;
use crate::http::{Origin, Receiver, Request, Response};
use crate::websocket::Client;
use crate::worker::timers::Task;

/// What a user is told when it is woken by its connection. Times are of the load's clock.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// What it is an answer to, as [`Net::begin_connect`] and [`Net::begin_exchange`] gave it.
    pub(crate) ticket: u64,
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

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Handshake,
    Idle,
    Busy,
    Dead,
}

/// What flows on a connection.
pub(super) enum Role {
    /// HTTP/1.1: one answer at a time. The client is what a WebSocket goes on with, where one was asked for.
    One(Option<Receiver>, Option<Box<Client>>),
    /// HTTP/2: many requests at once. Nothing waits on the connection as a whole.
    Two(Box<Two>),
    /// Neither requests nor answers.
    Stream(Box<Stream>),
}

/// What a connection is to carry.
#[derive(Debug)]
pub(crate) enum Cargo {
    /// HTTP: version 2 where that is agreed on within an encrypted channel, else 1.1.
    Http,
    /// HTTP/2, and nothing else.
    Two,
    /// A stream, of which up to so many bytes may wait.
    Stream(Inbox, u64),
}

impl Role {
    pub(super) fn receiver(&mut self) -> Option<&mut Receiver> {
        match self {
            Self::One(receiver, _) => receiver.as_mut(),
            Self::Two(_) | Self::Stream(_) => None,
        }
    }
}

/// A request as it is put on a connection.
pub(crate) struct Outgoing<'a> {
    pub(crate) request: &'a Request,
    pub(crate) origin: &'a Origin,
    pub(crate) path: &'a str,
    /// As HTTP/1.1 has it.
    pub(crate) bytes: &'a Rc<Vec<u8>>,
    /// How many of them go out before the server says that it wants the others; 0 where all do.
    pub(crate) first: usize,
    /// Bytes of the answer's body, at most.
    pub(crate) most: u64,
    /// The conversation that begins if the server agrees.
    pub(crate) upgrade: Option<Box<Client>>,
}

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    One,
    Two,
}

/// What a connection can do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fitness {
    /// It can carry a request.
    Free,
    /// It carries as much as it can.
    Busy,
    /// It can carry nothing any more.
    Gone,
}

pub(super) struct Conn {
    pub(super) id: u64,
    pub(super) stage: Stage,
    pub(super) owner: Task,
    pub(super) role: Role,
    /// Whether nothing but HTTP/2 will do.
    pub(super) two_only: bool,
    pub(super) sending: bool,
    pub(super) layer: Option<Box<dyn Layer>>,
    /// Bytes that wait until the socket has sent the ones before.
    pub(super) out: Vec<u8>,
    /// Whether they are one request and nothing else.
    pub(super) out_is_request: bool,
    /// A body that the server has not asked for yet.
    pub(super) rest: Option<Vec<u8>>,
    /// Whether sending met a reset.
    pub(super) broken: bool,
    /// Whether the driver was told to close it.
    pub(super) closing: bool,
    pub(super) sent_at: u64,
    pub(super) first_at: u64,
    pub(super) connected_at: u64,
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
    pub(crate) in_handshake: bool,
    pub(crate) in_body: bool,
    pub(crate) received: u64,
}

impl Conn {
    /// What the user is told at `at`, with the answer if there is one.
    pub(super) fn delivery(&self, at: u64, receiver: Option<Receiver>) -> Delivery {
        Delivery {
            ticket: self.id,
            sent_at: self.sent_at,
            first_at: self.first_at,
            connected_at: self.connected_at,
            at,
            received: receiver.as_ref().map_or(0, Receiver::received),
            result: Ok(receiver.map(Receiver::into_response)),
        }
    }

    /// Adds bytes of the protocol to what is to be sent.
    pub(super) fn put(&mut self, plain: &[u8]) -> Result<(), Failure> {
        self.out_is_request = false;
        let out = &mut self.out;
        match &mut self.layer {
            None => out.extend_from_slice(plain),
            Some(layer) => on_parent_stack(|| layer.outgoing(plain, out))?,
        }
        Ok(())
    }
}
