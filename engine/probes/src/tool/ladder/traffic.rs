//! What goes over a transport: a JSON-RPC call, or bytes that come back as they are; lines either way.

use engine_core::stats::Stream;

use super::super::rpc::{Caller, Check, Service};
use crate::ProbeError;

/// What every call carries.
#[derive(Debug)]
pub(crate) struct Content {
    caller: Caller,
    echo: bool,
}

impl Content {
    /// `payload` letters drawn from the seed, as text of a call or as the bytes themselves.
    pub(crate) fn new(echo: bool, payload: usize, turns: u64, seed: u64) -> Self {
        let mut stream = Stream::new(seed, &[payload as u64]);
        let text = (0..payload).map(|_| char::from(b'a' + (stream.next_u64() % 26) as u8)).collect();
        Self { caller: Caller::new(text, turns), echo }
    }

    pub(crate) fn is_echo(&self) -> bool {
        self.echo
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Appends message `number`.
    pub(crate) fn ask(&self, number: u64, into: &mut Vec<u8>) {
        if !self.echo {
            return self.caller.write(number, into);
        }
        let start = into.len();
        into.extend_from_slice(self.caller.text().as_bytes());
        // No two messages in a row are alike, so that an old one is not taken for the new one.
        for (byte, digit) in into[start..].iter_mut().zip(0..8) {
            *byte = b'a' + ((number >> (4 * digit)) & 15) as u8;
        }
    }

    /// # Errors
    /// When `answer` is not the answer to `question`, which was message `number`.
    pub(crate) fn check(&self, number: u64, question: &[u8], answer: &[u8]) -> Result<(), ProbeError> {
        let right = if self.echo { question == answer } else { self.caller.is_answer(number, answer) };
        if right {
            return Ok(());
        }
        let start = String::from_utf8_lossy(&answer[..answer.len().min(120)]).into_owned();
        Err(ProbeError::verification(format!("call {number} was answered wrongly: `{start}`")))
    }

    /// The other side.
    pub(crate) fn service(&self) -> Handler {
        if self.echo { Handler::Echo } else { Handler::Call(Service::new(Check::Compiled)) }
    }
}

/// The other side of a [`Content`].
pub(crate) enum Handler {
    /// Returns what comes.
    Echo,
    /// Answers calls.
    Call(Service),
}

impl Handler {
    /// Appends the answer to a message.
    pub(crate) fn handle(&self, message: &[u8], into: &mut Vec<u8>) {
        match self {
            Self::Echo => into.extend_from_slice(message),
            Self::Call(service) => {
                service.handle(message, into);
            }
        }
    }
}

/// One line at a time from a stream on which the next comes only after the last was answered. Grown once, never cleared.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<u8>);

impl Line {
    /// The next line, without its end.
    pub(crate) fn read(&mut self, from: &mut impl std::io::Read) -> std::io::Result<&[u8]> {
        let mut filled = 0;
        loop {
            if self.0.len() == filled {
                self.0.resize((2 * filled).max(65_536), 0);
            }
            match from.read(&mut self.0[filled..]) {
                Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.0[filled - 1] == b'\n' {
                return Ok(&self.0[..filled - 1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_or_damaged_echo_is_flagged() {
        let content = Content::new(true, 40, 0, 3);
        let (mut one, mut two) = (Vec::new(), Vec::new());
        content.ask(17, &mut one);
        content.ask(18, &mut two);
        assert_eq!((one.len(), one.contains(&b'\n')), (40, false));
        assert!(content.check(17, &one, &one).is_ok());
        assert!(content.check(18, &two, &one).is_err() && content.check(17, &one, &one[1..]).is_err());
    }

    #[test]
    fn a_call_is_answered_by_its_handler() {
        let content = Content::new(false, 10, 0, 3);
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        content.ask(5, &mut asked);
        content.service().handle(&asked, &mut answered);
        content.check(5, &asked, &answered).unwrap();
        assert!(content.check(6, &asked, &answered).unwrap_err().to_string().contains("call 6"));
    }

    #[test]
    fn a_line_comes_in_pieces_of_any_size() {
        struct Slow<'a>(&'a [u8]);
        impl std::io::Read for Slow<'_> {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                let count = self.0.len().min(into.len()).min(7);
                into[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let line = [vec![b'x'; 70_000], b"\n".to_vec()].concat();
        let mut lines = Line::default();
        assert_eq!(lines.read(&mut Slow(&line)).unwrap(), &line[..70_000]);
        assert_eq!(lines.read(&mut Slow(b"next\n")).unwrap(), b"next");
        assert!(lines.read(&mut Slow(b"cut")).is_err());
    }
}
