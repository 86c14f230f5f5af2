//! Frames of RFC 6455, section 5: written, and read in pieces of any size.

use crate::error::{ErrorClass, Failure};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// Largest payload of a control frame.
pub(crate) const MAX_CONTROL: usize = 125;

/// Adds a frame to `out`, masked as a client must.
pub(crate) fn write(opcode: Opcode, last: bool, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.reserve(payload.len() + 14);
    out.push(u8::from(last) << 7 | opcode.bits());
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    for piece in out[start..].chunks_mut(4) {
        for (byte, key) in piece.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
}

/// A whole message, or a control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// With code and reason, where one was given.
    Close(Option<(u16, String)>),
}

/// Why the other side's bytes are refused: the code to close with (RFC 6455, 7.4.1), and the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) what: String,
}

fn broken(what: impl Into<String>) -> Refusal {
    Refusal { code: 1002, what: what.into() }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let class = if refusal.code == 1009 { ErrorClass::BodyTooLarge } else { ErrorClass::WebSocket };
        Self::new(class, refusal.what)
    }
}

/// The head of a frame.
struct Head {
    opcode: Opcode,
    last: bool,
    /// Bytes of the head itself.
    size: usize,
    length: u64,
}

impl Head {
    /// `None` if it is not complete.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Refusal> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(broken("a frame of an extension that was not agreed on"));
        }
        let opcode = Opcode::of(first & 0x0f).ok_or_else(|| broken(format!("a frame of kind {}", first & 0x0f)))?;
        if second & 0x80 != 0 {
            return Err(broken("a server must not mask its frames"));
        }
        let last = first & 0x80 != 0;
        let (size, length) = match second & 0x7f {
            126 => match rest {
                [a, b, ..] => (4, u64::from(u16::from_be_bytes([*a, *b]))),
                _ => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (10, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            length => (2, u64::from(length)),
        };
        if (size == 4 && length < 126) || (size == 10 && length < 0x1_0000) || length >> 63 != 0 {
            return Err(broken(format!("a length of {length} written in a wrong way")));
        }
        if opcode.is_control() && (length > MAX_CONTROL as u64 || !last) {
            return Err(broken("a control frame that is long or in parts"));
        }
        Ok(Some(Self { opcode, last, size, length }))
    }
}

/// Puts messages together from pieces of frames.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// What has come of the next frame.
    partial: Vec<u8>,
    /// What has come of a message in parts, and what it is.
    message: Vec<u8>,
    kind: Option<Opcode>,
    /// Bytes of a message, at most.
    most: u64,
}

impl Decoder {
    pub(crate) const fn new(most: u64) -> Self {
        Self { partial: Vec::new(), message: Vec::new(), kind: None, most }
    }

    /// Takes a piece; hands over what it completes.
    ///
    /// # Errors
    /// If it breaks the protocol or is larger than allowed.
    pub(crate) fn take(&mut self, piece: &[u8], give: &mut dyn FnMut(Item)) -> Result<(), Refusal> {
        let mut held = std::mem::take(&mut self.partial);
        // Mostly nothing is held, and nothing has to be copied.
        let all: &[u8] = if held.is_empty() {
            piece
        } else {
            held.extend_from_slice(piece);
            &held
        };
        let mut at = 0;
        while let Some(head) = Head::parse(&all[at..])? {
            let so_far = if head.opcode.is_control() { 0 } else { self.message.len() as u64 };
            if head.length + so_far > self.most {
                return Err(Refusal { code: 1009, what: format!("a message of more than {} bytes", self.most) });
            }
            let end = at + head.size + head.length as usize;
            let Some(payload) = all.get(at + head.size..end) else { break };
            if let Some(item) = self.frame(&head, payload)? {
                give(item);
            }
            at = end;
        }
        let rest = all.len() - at;
        if held.is_empty() {
            held.extend_from_slice(&piece[at..]);
        } else {
            held.drain(..at);
        }
        debug_assert_eq!(held.len(), rest);
        self.partial = held;
        Ok(())
    }

    /// Whether a message or a frame is only half there.
    pub(crate) fn is_within(&self) -> bool {
        !self.partial.is_empty() || self.kind.is_some()
    }

    fn frame(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Item>, Refusal> {
        let kind = match (head.opcode, self.kind) {
            (Opcode::Ping, _) => return Ok(Some(Item::Ping(payload.to_vec()))),
            (Opcode::Pong, _) => return Ok(Some(Item::Pong(payload.to_vec()))),
            (Opcode::Close, _) => return close(payload).map(|close| Some(Item::Close(close))),
            (Opcode::Continuation, None) => return Err(broken("the continuation of nothing")),
            (Opcode::Continuation, Some(kind)) => kind,
            (_, Some(_)) => return Err(broken("a message within another")),
            (kind, None) => kind,
        };
        self.message.extend_from_slice(payload);
        if !head.last {
            self.kind = Some(kind);
            return Ok(None);
        }
        self.kind = None;
        let whole = std::mem::take(&mut self.message);
        if kind == Opcode::Binary {
            return Ok(Some(Item::Binary(whole)));
        }
        match String::from_utf8(whole) {
            Ok(text) => Ok(Some(Item::Text(text))),
            Err(error) => Err(Refusal { code: 1007, what: format!("a text that is no UTF-8: {error}") }),
        }
    }
}

/// What a close frame says.
fn close(payload: &[u8]) -> Result<Option<(u16, String)>, Refusal> {
    match payload {
        [] => Ok(None),
        [_] => Err(broken("half a code to close with")),
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(broken(format!("closed with the code {code}, which is none")));
            }
            let reason = std::str::from_utf8(reason)
                .map_err(|error| Refusal { code: 1007, what: format!("a reason that is no UTF-8: {error}") })?;
            Ok(Some((code, reason.to_owned())))
        }
    }
}
