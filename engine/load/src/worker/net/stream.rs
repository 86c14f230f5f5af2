//! Connections that carry no HTTP: bytes, datagrams, or a WebSocket's messages, held until their user takes them.

use std::collections::VecDeque;

use crate::error::{ErrorClass, Failure};
use crate::websocket::Client;

/// Size from which a datagram may have been cut: that of the buffers that the kernel writes to.
const LONGEST_DATAGRAM: usize = 8 * 1024;

/// What came and was not taken yet.
#[derive(Debug)]
pub(crate) enum Inbox {
    Bytes(Vec<u8>),
    Datagrams(VecDeque<Vec<u8>>),
    WebSocket(Box<Client>),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) inbox: Inbox,
    /// Datagrams to be sent, each by itself.
    pub(super) outbox: VecDeque<Vec<u8>>,
    /// Whether the user waits for something to happen.
    pub(crate) waiting: bool,
    /// Once nothing more can come: orderly, or why not.
    pub(crate) ended: Option<Result<(), Failure>>,
    /// When something last came.
    pub(crate) at: u64,
    /// Bytes that came since the user last asked.
    received: u64,
    /// Bytes that may be held.
    most: u64,
}

impl Stream {
    pub(crate) fn new(inbox: Inbox, most: u64) -> Self {
        Self { inbox, outbox: VecDeque::new(), waiting: false, ended: None, at: 0, received: 0, most }
    }

    pub(super) const fn is_datagrams(&self) -> bool {
        matches!(self.inbox, Inbox::Datagrams(_))
    }

    /// Takes what came at `stamp`; what must be answered is added to `out`.
    pub(super) fn take(&mut self, stamp: u64, bytes: &[u8], out: &mut Vec<u8>) {
        if self.ended.is_some() {
            return;
        }
        self.at = stamp;
        self.received += bytes.len() as u64;
        let too_much = |most: u64| Failure::new(ErrorClass::BodyTooLarge, format!("more than {most} bytes wait"));
        let result = match &mut self.inbox {
            Inbox::WebSocket(client) => client.incoming(stamp, bytes, out),
            Inbox::Bytes(held) => {
                held.extend_from_slice(bytes);
                if held.len() as u64 > self.most { Err(too_much(self.most)) } else { Ok(()) }
            }
            Inbox::Datagrams(held) => {
                held.push_back(bytes.to_vec());
                if bytes.len() >= LONGEST_DATAGRAM {
                    let what = format!("a datagram of {LONGEST_DATAGRAM} bytes or more");
                    Err(Failure::new(ErrorClass::BodyTooLarge, what))
                } else if held.iter().map(Vec::len).sum::<usize>() as u64 > self.most {
                    Err(too_much(self.most))
                } else {
                    Ok(())
                }
            }
        };
        if let Err(failure) = result {
            self.ended = Some(Err(failure));
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, stamp: u64, result: Result<(), i32>) {
        if self.ended.is_some() {
            return;
        }
        self.at = stamp;
        self.ended = Some(result.map_err(|errno| {
            let class = if errno == libc::ECONNREFUSED { ErrorClass::Refused } else { ErrorClass::Reset };
            Failure::new(class, std::io::Error::from_raw_os_error(errno).to_string())
        }));
    }

    /// What is said before the user leaves.
    pub(super) fn farewell(&mut self, out: &mut Vec<u8>) {
        if let (Inbox::WebSocket(client), None) = (&mut self.inbox, &self.ended) {
            client.close(1001, "", out);
        }
    }

    /// Whether something came that is not whole.
    pub(crate) fn is_within(&self) -> bool {
        match &self.inbox {
            Inbox::Bytes(held) => !held.is_empty(),
            Inbox::Datagrams(_) => false,
            Inbox::WebSocket(client) => client.is_within(),
        }
    }

    /// Bytes that came since this was last asked.
    pub(crate) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }
}
