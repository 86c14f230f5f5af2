//! A client of the Model Context Protocol over standard input and output: handshake, list of tools, calls, pings.
//!
//! One JSON-RPC message a line. Requests of the server are answered (`ping`) or refused, its notifications are passed over,
//! and anything else on its standard output is an error: the protocol allows nothing else there.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::rpc::PROTOCOL;
use super::pipe::{Pipe, PipeError};
use crate::ProbeError;

/// Messages of a server that nobody asked for, between a request and its answer, before it counts as flooding.
const UNASKED: u32 = 10_000;
/// As much of a wrong line as is shown.
const SHOWN: usize = 120;

/// What is wrong with a server or with a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum McpError {
    #[error("during {during}: {source}")]
    Pipe { during: String, source: PipeError },
    #[error("during {during}: the server wrote on standard output what is no JSON-RPC message: `{line}`")]
    Garbage { during: String, line: String },
    #[error("during {during}: the server sent {UNASKED} messages that nobody asked for, and no answer: it floods")]
    Flood { during: String },
    #[error("{during} was refused: {message}")]
    Refused { during: String, message: String },
    #[error("{during} was answered with what the protocol does not know: {what}")]
    Strange { during: String, what: String },
}

impl From<McpError> for ProbeError {
    fn from(error: McpError) -> Self {
        match error {
            McpError::Pipe { source: PipeError::Cancelled, .. } => Self::Cancelled,
            other => Self::failed(other.to_string()),
        }
    }
}

/// An answer, read as far as everybody needs it.
#[derive(Debug, Deserialize)]
struct Message {
    id: Option<Value>,
    method: Option<String>,
    result: Option<Value>,
    error: Option<RpcError>,
}

#[derive(Debug, Deserialize)]
struct RpcError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// What came back for a request.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Number of the request.
    pub(crate) id: u64,
    /// The result, or what the server says against it.
    pub(crate) outcome: Result<Value, String>,
    /// Bytes of the answer's line, its end included.
    pub(crate) bytes: usize,
}

/// A connected client.
#[derive(Debug)]
pub(crate) struct Client {
    pipe: Pipe,
    timeout: Duration,
    next: u64,
    line: Vec<u8>,
}

impl Client {
    /// Starts a server and shakes hands with it.
    ///
    /// # Errors
    /// When it does not start, ends, is silent, or does not speak the protocol.
    pub(crate) fn start(
        path: &Path,
        words: &[OsString],
        timeout: Duration,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self, McpError> {
        let during = || "the start".to_owned();
        let pipe = Pipe::start(path, words).map_err(|source| McpError::Pipe { during: during(), source })?;
        let mut client = Self { pipe, timeout, next: 1, line: Vec::new() };
        let hello = json!({
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": { "name": "engine", "version": env!("CARGO_PKG_VERSION") }
        });
        let (result, _) = client.ask("initialize", &hello, go_on)?;
        if result.get("protocolVersion").and_then(Value::as_str).is_none() {
            let what = "`initialize` without a `protocolVersion`".to_owned();
            return Err(McpError::Strange { during: "`initialize`".to_owned(), what });
        }
        client.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(client)
    }

    /// The server's process group.
    pub(crate) fn group(&self) -> i32 {
        self.pipe.group()
    }

    /// Its tools: names with their schemas.
    pub(crate) fn tools(&mut self, go_on: &dyn Fn() -> bool) -> Result<Vec<(String, Value)>, McpError> {
        let mut tools = Vec::new();
        let mut params = json!({});
        // A server that gives pages without end is cut off.
        for _ in 0..100 {
            let (result, _) = self.ask("tools/list", &params, go_on)?;
            let Some(list) = result.get("tools").and_then(Value::as_array) else {
                let what = "no list of `tools`".to_owned();
                return Err(McpError::Strange { during: "`tools/list`".to_owned(), what });
            };
            let named = list.iter().filter_map(|tool| {
                let name = tool.get("name")?.as_str()?.to_owned();
                Some((name, tool.get("inputSchema").cloned().unwrap_or(Value::Null)))
            });
            tools.extend(named);
            match result.get("nextCursor").and_then(Value::as_str) {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => break,
            }
        }
        Ok(tools)
    }

    /// One request and its result; a refusal is an error.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        params: &Value,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(Value, usize), McpError> {
        let reply = self.call(method, params, go_on)?;
        let during = || format!("`{method}`");
        let result = reply.outcome.map_err(|message| McpError::Refused { during: during(), message })?;
        Ok((result, reply.bytes))
    }

    /// One request and its answer, whatever it is.
    pub(crate) fn call(&mut self, method: &str, params: &Value, go_on: &dyn Fn() -> bool) -> Result<Reply, McpError> {
        let id = self.number();
        request(id, method, params, &mut self.line);
        let line = std::mem::take(&mut self.line);
        let reply = self.exchange(id, &line, method, go_on);
        self.line = line;
        reply
    }

    /// Sends a line that was written before and waits for the answer to request `id`.
    pub(crate) fn exchange(
        &mut self,
        id: u64,
        line: &[u8],
        method: &str,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Reply, McpError> {
        let failed = |source| McpError::Pipe { during: format!("`{method}`"), source };
        self.pipe.send(line).map_err(failed)?;
        let until = Instant::now() + self.timeout;
        for _ in 0..UNASKED {
            if !self.pipe.wait(until, go_on).map_err(failed)? {
                return Err(failed(self.silent()));
            }
            match self.next_reply(method)? {
                Some(reply) if reply.id == id => return Ok(reply),
                _ => {}
            }
        }
        Err(McpError::Flood { during: format!("`{method}`") })
    }

    /// A number for the next request.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Sends a line without waiting for anything.
    pub(crate) fn send(&mut self, line: &[u8]) -> Result<(), McpError> {
        self.pipe.send(line).map_err(|source| McpError::Pipe { during: "`tools/call`".to_owned(), source })
    }

    /// Waits until a line is there, or until the time has come (false).
    pub(crate) fn wait(&mut self, until: Instant, go_on: &dyn Fn() -> bool) -> Result<bool, McpError> {
        self.pipe.wait(until, go_on).map_err(|source| McpError::Pipe { during: "`tools/call`".to_owned(), source })
    }

    /// The longest wait for an answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What a server is told that took longer.
    pub(crate) fn silent(&mut self) -> PipeError {
        PipeError::Silent(self.timeout.as_secs_f64(), self.pipe.last_words())
    }

    /// Reads one line that is there: the reply in it, if it is one. Requests of the server are answered.
    pub(crate) fn next_reply(&mut self, method: &str) -> Result<Option<Reply>, McpError> {
        let Some(line) = self.pipe.take() else { return Ok(None) };
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let bytes = line.len() + 1;
        let garbage = || {
            let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).into_owned();
            McpError::Garbage { during: format!("`{method}`"), line: text }
        };
        let message: Message = serde_json::from_slice(line).map_err(|_| garbage())?;
        match message {
            Message { id: Some(id), method: Some(asked), .. } => {
                let answer = if asked == "ping" {
                    json!({ "jsonrpc": "2.0", "id": id, "result": {} })
                } else {
                    let error = json!({ "code": -32_601, "message": "this client offers nothing" });
                    json!({ "jsonrpc": "2.0", "id": id, "error": error })
                };
                self.say(&answer)?;
                Ok(None)
            }
            Message { id: None, method: Some(_), .. } => Ok(None),
            Message { id, method: None, result, error } => {
                let outcome = match (result, error) {
                    (_, Some(error)) => Err(format!("{} ({})", error.message, error.code)),
                    (Some(result), None) => Ok(result),
                    (None, None) => return Err(garbage()),
                };
                match id.as_ref().and_then(Value::as_u64) {
                    Some(id) => Ok(Some(Reply { id, outcome, bytes })),
                    // A message of ours that the server could not read.
                    None => match outcome {
                        Err(message) => Err(McpError::Refused { during: format!("`{method}`"), message }),
                        Ok(_) => Err(garbage()),
                    },
                }
            }
        }
    }

    fn say(&mut self, message: &Value) -> Result<(), McpError> {
        let line = format!("{message}\n");
        let during = || "a message".to_owned();
        self.pipe.send(line.as_bytes()).map_err(|source| McpError::Pipe { during: during(), source })
    }
}

/// Writes the line of a request in place of what was there.
pub(crate) fn request(id: u64, method: &str, params: &Value, into: &mut Vec<u8>) {
    use std::io::Write;
    into.clear();
    // Writing into memory cannot fail; methods are plain words.
    let _ = writeln!(into, r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
}
