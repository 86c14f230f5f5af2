//! WebSockets (RFC 6455) from the client's side, without any socket: bytes in, messages out, and the other way round.
//!
//! Pings are answered, and a farewell is returned, where they arrive: in the thread's loop, also while the user thinks.

use std::collections::VecDeque;

use crate::error::{ErrorClass, Failure};

mod frame;
mod handshake;
#[cfg(test)]
mod tests;

use frame::{Decoder, Item, MAX_CONTROL, Opcode};
pub(crate) use handshake::{check, headers, key};

/// What the other side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// It ends the conversation, with a code and a reason where it gave one. Nothing follows.
    Close(Option<(u16, String)>),
}

impl Message {
    /// Bytes of its content.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Close(_) => 0,
        }
    }
}

/// One conversation.
#[derive(Debug)]
pub(crate) struct Client {
    decoder: Decoder,
    /// Messages that nobody has taken yet, each with the time of its arrival.
    inbox: VecDeque<(u64, Message)>,
    /// Bytes of those.
    held: u64,
    most: u64,
    /// When the last pong came, and what it said.
    pong: Option<(u64, Vec<u8>)>,
    masks: u64,
    /// Whether we have said farewell, and they.
    said: bool,
    heard: bool,
}

impl Client {
    /// With messages of at most `most` bytes, and as much waiting to be taken.
    pub(crate) const fn new(most: u64, seed: u64) -> Self {
        Self {
            decoder: Decoder::new(most),
            inbox: VecDeque::new(),
            held: 0,
            most,
            pong: None,
            masks: seed,
            said: false,
            heard: false,
        }
    }

    /// Masks keep what passes through proxies from being taken for HTTP; nothing else depends on them here.
    fn mask(&mut self) -> [u8; 4] {
        self.masks = self.masks.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.masks >> 32) as u32).to_le_bytes()
    }

    fn write(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let mask = self.mask();
        frame::write(opcode, true, payload, mask, out);
    }

    /// Takes bytes that came at `stamp`; what must be answered is added to `out`.
    ///
    /// # Errors
    /// If they break the protocol, or nobody takes what came; the farewell that says so is in `out`.
    pub(crate) fn incoming(&mut self, stamp: u64, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.heard {
            return Ok(()); // Whatever follows a farewell is not read.
        }
        let mut items = Vec::new();
        let taken = self.decoder.take(bytes, &mut |item| items.push(item));
        for item in items {
            match item {
                Item::Text(text) => self.keep(stamp, Message::Text(text)),
                Item::Binary(bytes) => self.keep(stamp, Message::Binary(bytes)),
                Item::Ping(payload) if !self.said => self.write(Opcode::Pong, &payload, out),
                Item::Ping(_) => {}
                Item::Pong(payload) => self.pong = Some((stamp, payload)),
                Item::Close(close) => {
                    let code = close.as_ref().map_or(Vec::new(), |(code, _)| code.to_be_bytes().to_vec());
                    self.farewell(&code, out);
                    self.heard = true;
                    self.keep(stamp, Message::Close(close));
                    break;
                }
            }
        }
        if let Err(refusal) = taken {
            self.farewell(&refusal.code.to_be_bytes(), out);
            return Err(refusal.into());
        }
        if self.held > self.most {
            self.farewell(&1008_u16.to_be_bytes(), out);
            let what = format!("more than {} bytes wait to be received", self.most);
            return Err(Failure::new(ErrorClass::BodyTooLarge, what));
        }
        Ok(())
    }

    fn keep(&mut self, stamp: u64, message: Message) {
        self.held += message.size() as u64;
        self.inbox.push_back((stamp, message));
    }

    /// Adds a message to `out`.
    ///
    /// # Errors
    /// If the conversation is over.
    pub(crate) fn send(&mut self, text: bool, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        self.may_send()?;
        self.write(if text { Opcode::Text } else { Opcode::Binary }, payload, out);
        Ok(())
    }

    /// Adds a ping to `out`; its pong is found by [`Self::pong`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        self.may_send()?;
        self.pong = None;
        self.write(Opcode::Ping, payload, out);
        Ok(())
    }

    fn may_send(&self) -> Result<(), Failure> {
        if self.said || self.heard {
            return Err(Failure::new(ErrorClass::Closed, "the conversation is over"));
        }
        Ok(())
    }

    /// When the pong for `payload` came, if it has.
    pub(crate) fn pong(&self, payload: &[u8]) -> Option<u64> {
        self.pong.as_ref().filter(|(_, said)| said == payload).map(|(stamp, _)| *stamp)
    }

    /// Says farewell, unless that was done.
    pub(crate) fn close(&mut self, code: u16, reason: &str, out: &mut Vec<u8>) {
        let mut payload = code.to_be_bytes().to_vec();
        let mut end = reason.len().min(MAX_CONTROL - 2);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        payload.extend_from_slice(&reason.as_bytes()[..end]);
        self.farewell(&payload, out);
    }

    fn farewell(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if !self.said {
            self.said = true;
            self.write(Opcode::Close, payload, out);
        }
    }

    /// The next message and when it came.
    pub(crate) fn next(&mut self) -> Option<(u64, Message)> {
        let (stamp, message) = self.inbox.pop_front()?;
        self.held -= message.size() as u64;
        Some((stamp, message))
    }

    /// Whether the other side has said farewell.
    pub(crate) const fn is_over(&self) -> bool {
        self.heard
    }

    /// Whether a message is only half there.
    pub(crate) fn is_within(&self) -> bool {
        self.decoder.is_within()
    }
}
