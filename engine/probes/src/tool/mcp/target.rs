//! Which server, which tool, and what goes with each call: the options that `tool.mcp` and `tool.concurrency` share.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind};
use engine_core::stats::Stream;
use engine_core::step::{Skip, SkipKind};
use serde_json::{Map, Value};

use super::super::{command, lent};
use super::client::{Client, McpError, Reply, request};
use crate::ProbeError;

pub(crate) const COMMAND: ParamDef = ParamDef {
    name: "command",
    kind: ParamKind::Command,
    default: Some(""),
    tiny: None,
    doc: "the server's program and arguments; the engine's own server when not given",
};
pub(crate) const TOOL: ParamDef = ParamDef {
    name: "tool",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "name of the tool; when not given, the only one there is, or `echo` of the engine's own server",
};
pub(crate) const PARAMS: ParamDef = ParamDef {
    name: "params",
    kind: ParamKind::Object,
    default: Some("{}"),
    tiny: None,
    doc: "arguments of each call",
};
pub(crate) const PAYLOAD: ParamDef = ParamDef {
    name: "payload",
    kind: ParamKind::Size { min: 1.0, max: 16_777_216.0 },
    default: Some("64 B"),
    tiny: Some("4 KiB"),
    doc: "length of the text that is given as the argument `payload_name`",
};
pub(crate) const PAYLOAD_NAME: ParamDef = ParamDef {
    name: "payload_name",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "argument that gets a text of `payload` bytes; none when empty, but `text` for the engine's own `echo`",
};
pub(crate) const TIMEOUT: ParamDef = ParamDef {
    name: "timeout",
    kind: ParamKind::Time { min: 0.001, max: 3600.0 },
    default: Some("10 s"),
    tiny: Some("10 s"),
    doc: "longest wait for any answer of the server",
};

/// A server, found but not started.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    words: Vec<OsString>,
    own: bool,
    tool: String,
    params: Map<String, Value>,
    payload: usize,
    payload_name: String,
    timeout: Duration,
    seed: u64,
}

/// Calls of one tool, all alike but for their numbers.
#[derive(Debug)]
pub(crate) struct Calls {
    params: Value,
    /// What the engine's own `echo` must return.
    text: Option<String>,
    /// The tool.
    pub(crate) tool: String,
}

impl Target {
    /// # Errors
    /// When there is no such program, or this program has no server of its own.
    pub(crate) fn new(args: &Args, seed: u64) -> Result<Self, ProbeError> {
        let given = args.list(COMMAND.name);
        let (path, words, own) = match given.first() {
            Some(name) => {
                let path = command::program(name, Path::new("")).map_err(ProbeError::from)?;
                (path, given.iter().map(OsString::from).collect(), false)
            }
            None => {
                let words = lent::server("mcp").ok_or_else(|| {
                    let reason = "this program has no MCP server of its own";
                    Skip::new(SkipKind::Platform, reason, "name a server: `tool::mcp([\"program\"])`")
                })?;
                (PathBuf::from(&words[0]), words, true)
            }
        };
        Ok(Self {
            path,
            words,
            own,
            tool: args.text(TOOL.name).to_owned(),
            params: args.object(PARAMS.name).cloned().unwrap_or_default(),
            payload: usize::try_from(args.whole(PAYLOAD.name)).unwrap_or(usize::MAX),
            payload_name: args.text(PAYLOAD_NAME.name).to_owned(),
            timeout: Duration::from_secs_f64(args.number(TIMEOUT.name)),
            seed,
        })
    }

    /// Starts it and shakes hands.
    pub(crate) fn start(&self, go_on: &dyn Fn() -> bool) -> Result<Client, McpError> {
        Client::start(&self.path, &self.words, self.timeout, go_on)
    }

    /// The calls to make, of a tool that the server really has.
    ///
    /// # Errors
    /// When it has no such tool, or several and none was named.
    pub(crate) fn calls(&self, tools: &[(String, Value)]) -> Result<Calls, ProbeError> {
        let names: Vec<&str> = tools.iter().map(|(name, _)| name.as_str()).collect();
        let tool = match (self.tool.as_str(), names.as_slice()) {
            ("", _) if self.own => "echo",
            ("", [only]) => *only,
            ("", []) => return Err(ProbeError::failed("the server offers no tools")),
            ("", several) => {
                let message = format!("the server offers several tools, name one with `tool`: {}", several.join(", "));
                return Err(ProbeError::failed(message));
            }
            (named, _) => named,
        };
        if !names.contains(&tool) {
            let hint = engine_core::nearest::hint(tool, names.iter().copied());
            let message = format!("the server has no tool `{tool}`{hint}; it offers: {}", names.join(", "));
            return Err(ProbeError::failed(message));
        }
        let echo = self.own && tool == "echo";
        let name = if self.payload_name.is_empty() && echo { "text" } else { &self.payload_name };
        let mut arguments = self.params.clone();
        if !name.is_empty() && !arguments.contains_key(name) {
            let mut stream = Stream::new(self.seed, &[self.payload as u64]);
            let letter = |_| char::from(b'a' + (stream.next_u64() % 26) as u8);
            arguments.insert(name.to_owned(), (0..self.payload).map(letter).collect::<String>().into());
        }
        let text = if echo { arguments.get("text").and_then(Value::as_str).map(str::to_owned) } else { None };
        Ok(Calls { params: serde_json::json!({ "name": tool, "arguments": arguments }), text, tool: tool.to_owned() })
    }
}

impl Calls {
    /// Writes the line of call `id`.
    pub(crate) fn write(&self, id: u64, into: &mut Vec<u8>) {
        request(id, "tools/call", &self.params, into);
    }

    /// Whether a call succeeded; if not, what the tool or the server says against it.
    pub(crate) fn judge(&self, reply: &Reply) -> Result<(), String> {
        let result = reply.outcome.as_ref().map_err(Clone::clone)?;
        let text = || {
            let content = result.get("content").and_then(Value::as_array);
            content.and_then(|content| content.first()?.get("text")?.as_str()).unwrap_or("")
        };
        if result.get("isError").and_then(Value::as_bool) == Some(true) {
            return Err(format!("the tool says: {}", text()));
        }
        if result.get("content").is_none() && result.get("structuredContent").is_none() {
            return Err("a result without content".to_owned());
        }
        match &self.text {
            Some(wanted) if wanted != text() => Err("another text than was sent came back".to_owned()),
            _ => Ok(()),
        }
    }
}
