//! The engine's own tool server: what the binary becomes under its hidden subcommand, for probes to talk to.

use std::io::{self, BufRead, Write};

use super::rpc::{Check, Service};

/// Why there is no such server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An unknown word.
    #[error("no tool server `{0}`: there are `mcp` and `echo`")]
    Unknown(String),
    /// Reading or writing failed.
    #[error("the tool server cannot go on: {0}")]
    Io(#[from] io::Error),
}

/// The longest line that is answered, in bytes.
const LONGEST: usize = 64 << 20;

/// Serves standard input until its end: `mcp` answers JSON-RPC, one message a line, as an MCP server does; `echo` returns
/// each line.
///
/// # Errors
/// On an unknown word, and when reading or writing fails.
pub fn serve(word: &str) -> Result<(), ServeError> {
    // Pieces as large as a pipe holds: what standard input keeps by itself is 8 KiB.
    let input = io::BufReader::with_capacity(1 << 16, io::stdin().lock());
    let output = io::stdout().lock();
    match word {
        "mcp" => {
            let service = Service::new(Check::Compiled);
            lines(input, output, |line, into| service.handle(line, into))
        }
        "echo" => lines(input, output, |line, into| {
            into.extend_from_slice(line);
            true
        }),
        other => Err(ServeError::Unknown(other.to_owned())),
    }
}

fn lines(
    mut input: impl BufRead,
    mut output: impl Write,
    handle: impl Fn(&[u8], &mut Vec<u8>) -> bool,
) -> Result<(), ServeError> {
    let (mut line, mut answer) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        let read = io::Read::take(&mut input, LONGEST as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.pop_if(|last| *last == b'\n').is_none() && read == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of more than 64 MiB").into());
        }
        if line.is_empty() {
            continue;
        }
        answer.clear();
        if handle(&line, &mut answer) {
            // One write a message, so that whoever waits is woken once.
            answer.push(b'\n');
            output.write_all(&answer)?;
            output.flush()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_answered_and_the_last_needs_no_end() {
        let mut output = Vec::new();
        let echo = |line: &[u8], into: &mut Vec<u8>| {
            into.extend_from_slice(line);
            line != b"quiet"
        };
        lines(&b"one\n\nquiet\ntwo"[..], &mut output, echo).unwrap();
        assert_eq!(output, b"one\ntwo\n");
    }

    #[test]
    fn an_unknown_word_is_refused() {
        assert!(serve("nothing").unwrap_err().to_string().contains("`mcp` and `echo`"));
    }
}
