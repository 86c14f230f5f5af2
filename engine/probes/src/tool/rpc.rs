//! JSON-RPC 2.0 in the shape of the Model Context Protocol: tools by name, checked arguments, calls and answers as text.
//!
//! A [`Service`] is the whole server but for its transport; the layers of `tool.ladder`, the server that the binary runs for
//! them, and the MCP server are all this one. [`Caller`] is the other side of a call of `add`.

use std::collections::HashMap;
use std::hint::black_box;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::schema::Schema;

/// The version of the protocol that both sides here speak.
pub(crate) const PROTOCOL: &str = "2025-06-18";
/// The second number of every call of [`add`].
pub(crate) const SECOND: i64 = 7;

const PARSE: i64 = -32_700;
const REQUEST: i64 = -32_600;
const METHOD: i64 = -32_601;
const PARAMS: i64 = -32_602;

/// The tool itself: a call of it is what every layer adds to.
#[inline(never)]
pub(crate) fn add(a: i64, b: i64, text: &str) -> i64 {
    a.wrapping_add(b).wrapping_add(text.len() as i64)
}

/// Work that takes its time and nothing else: a chain of multiplications.
#[inline(never)]
pub(crate) fn work(turns: u64) -> u64 {
    (0..turns).fold(black_box(1), |state: u64, turn| state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(turn))
}

type Run = Box<dyn Fn(&Map<String, Value>) -> Result<Value, String> + Send + Sync>;

/// A tool as it is registered.
pub(crate) struct Tool {
    description: &'static str,
    schema: Value,
    compiled: Schema,
    run: Run,
}

/// Tools by name.
pub(crate) type Registry = HashMap<String, Tool>;

impl Tool {
    /// Calls it; the arguments are not checked.
    pub(crate) fn call(&self, arguments: &Map<String, Value>) -> Result<Value, String> {
        (self.run)(arguments)
    }
}

fn whole(map: &Map<String, Value>, name: &str) -> Result<i64, String> {
    map.get(name).and_then(Value::as_i64).ok_or_else(|| format!("`{name}` must be a whole number"))
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> &'a str {
    map.get(name).and_then(Value::as_str).unwrap_or("")
}

/// `add`, which every layer calls, and `echo`, which returns its text.
pub(crate) fn registry() -> Registry {
    let tool = |description, schema: Value, run: Run| {
        // The schemas stand below, and a test compiles them.
        let compiled = Schema::compile(&schema).unwrap_or_default();
        Tool { description, schema, compiled, run }
    };
    let add_schema = json!({
        "type": "object",
        "properties": {
            "a": { "type": "integer" },
            "b": { "type": "integer" },
            "text": { "type": "string", "description": "its bytes are added" },
            "work": { "type": "integer", "minimum": 0, "description": "turns of work to do meanwhile" }
        },
        "required": ["a", "b"],
        "additionalProperties": false
    });
    let echo_schema = json!({
        "type": "object",
        "properties": { "text": { "type": "string" } },
        "required": ["text"],
        "additionalProperties": false
    });
    let run_add: Run = Box::new(|arguments| {
        let turns = arguments.get("work").and_then(Value::as_u64).unwrap_or(0);
        if turns > 0 {
            black_box(work(turns));
        }
        let sum = add(whole(arguments, "a")?, whole(arguments, "b")?, text(arguments, "text"));
        Ok(json!({ "content": [{ "type": "text", "text": sum.to_string() }], "structuredContent": { "sum": sum } }))
    });
    let run_echo: Run =
        Box::new(|arguments| Ok(json!({ "content": [{ "type": "text", "text": text(arguments, "text") }] })));
    HashMap::from([
        ("add".to_owned(), tool("Adds two numbers and the bytes of a text.", add_schema, run_add)),
        ("echo".to_owned(), tool("Returns its text.", echo_schema, run_echo)),
    ])
}

/// How the arguments of a call are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Not against the schema.
    No,
    /// Against a schema that was compiled once.
    Compiled,
    /// Against a schema that is compiled for each call.
    Each,
}

/// A server without its transport.
pub(crate) struct Service {
    tools: Registry,
    check: Check,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
    id: Option<Value>,
    #[serde(default)]
    params: Value,
}

#[derive(Serialize)]
struct Reply<'a> {
    jsonrpc: &'static str,
    id: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

impl Service {
    /// The tools of [`registry`].
    pub(crate) fn new(check: Check) -> Self {
        Self { tools: registry(), check }
    }

    /// Reads one message and appends the answer, without the end of its line. False for what is not answered.
    pub(crate) fn handle(&self, message: &[u8], into: &mut Vec<u8>) -> bool {
        let null = Value::Null;
        let request: Request<'_> = match serde_json::from_slice(message) {
            Ok(request) => request,
            Err(error) => return reply(into, &null, Err((PARSE, error.to_string()))),
        };
        let Some(method) = request.method else {
            // The answer to a request that was never made.
            return request.id.is_none() && reply(into, &null, Err((REQUEST, "no method".to_owned())));
        };
        let Some(id) = &request.id else { return false };
        let params = request.params;
        let outcome = match method.as_ref() {
            "tools/call" => self.call(&params),
            "ping" => Ok(json!({})),
            "tools/list" => Ok(self.list()),
            "initialize" => Ok(json!({
                "protocolVersion": PROTOCOL,
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "engine", "version": env!("CARGO_PKG_VERSION") }
            })),
            other => Err((METHOD, format!("no method `{other}`"))),
        };
        reply(into, id, outcome)
    }

    fn call(&self, params: &Value) -> Result<Value, (i64, String)> {
        let name = params.get("name").and_then(Value::as_str).unwrap_or("");
        let tool = self.tools.get(name).ok_or_else(|| (PARAMS, format!("no tool `{name}`")))?;
        let none = Map::new();
        let given = params.get("arguments");
        let fits = match (self.check, given) {
            (Check::No, _) => true,
            (Check::Compiled, Some(given)) => tool.compiled.fits(given),
            (Check::Each, Some(given)) => {
                Schema::compile(&tool.schema).map_err(|error| (PARAMS, error.to_string()))?.fits(given)
            }
            (_, None) => tool.compiled.fits(&Value::Object(Map::new())),
        };
        if !fits {
            return Err((PARAMS, format!("the arguments of `{name}` do not fit its schema")));
        }
        let arguments = given.and_then(Value::as_object).unwrap_or(&none);
        Ok(tool
            .call(arguments)
            .unwrap_or_else(|error| json!({ "content": [{ "type": "text", "text": error }], "isError": true })))
    }

    fn list(&self) -> Value {
        let mut names: Vec<&String> = self.tools.keys().collect();
        names.sort();
        let tools = names.into_iter().map(|name| {
            let tool = &self.tools[name];
            json!({ "name": name, "description": tool.description, "inputSchema": tool.schema })
        });
        json!({ "tools": tools.collect::<Vec<_>>() })
    }
}

fn reply(into: &mut Vec<u8>, id: &Value, outcome: Result<Value, (i64, String)>) -> bool {
    let (result, error) = match outcome {
        Ok(result) => (Some(result), None),
        Err((code, message)) => (None, Some(json!({ "code": code, "message": message }))),
    };
    // Values with texts as keys always become text.
    serde_json::to_writer(into, &Reply { jsonrpc: "2.0", id, result, error }).is_ok()
}

/// The side that calls `add` and looks at the sum.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    text: String,
    turns: u64,
}

#[derive(Serialize)]
struct Call<'a> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: CallParams<'a>,
}

#[derive(Serialize)]
struct CallParams<'a> {
    name: &'static str,
    arguments: Arguments<'a>,
}

#[derive(Serialize)]
struct Arguments<'a> {
    a: i64,
    b: i64,
    text: &'a str,
    work: u64,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    result: Option<Answered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    structured_content: Option<Sum>,
}

#[derive(Deserialize)]
struct Sum {
    sum: i64,
}

impl Caller {
    /// Each call carries `text` and asks for so many turns of work.
    pub(crate) fn new(text: String, turns: u64) -> Self {
        Self { text, turns }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn turns(&self) -> u64 {
        self.turns
    }

    /// What call `number` must give.
    pub(crate) fn expected(&self, number: u64) -> i64 {
        (number as i64).wrapping_add(SECOND).wrapping_add(self.text.len() as i64)
    }

    /// The arguments of call `number`, as a value.
    pub(crate) fn arguments(&self, number: u64) -> Map<String, Value> {
        let mut map = Map::with_capacity(4);
        map.insert("a".to_owned(), Value::from(number as i64));
        map.insert("b".to_owned(), Value::from(SECOND));
        map.insert("text".to_owned(), Value::from(self.text.as_str()));
        map.insert("work".to_owned(), Value::from(self.turns));
        map
    }

    /// Appends call `number`, without the end of its line.
    pub(crate) fn write(&self, number: u64, into: &mut Vec<u8>) {
        let arguments = Arguments { a: number as i64, b: SECOND, text: &self.text, work: self.turns };
        let params = CallParams { name: "add", arguments };
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(into, &Call { jsonrpc: "2.0", id: number, method: "tools/call", params });
    }

    /// Whether these bytes are the right answer to call `number`.
    pub(crate) fn is_answer(&self, number: u64, bytes: &[u8]) -> bool {
        let Ok(answer) = serde_json::from_slice::<Answer>(bytes) else { return false };
        let sum = answer.result.and_then(|result| result.structured_content).map(|content| content.sum);
        answer.id == number && sum == Some(self.expected(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(service: &Service, message: &str) -> Option<Value> {
        let mut bytes = Vec::new();
        let answered = service.handle(message.as_bytes(), &mut bytes);
        answered.then(|| serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn a_call_gives_the_sum_and_a_wrong_answer_is_none() {
        for check in [Check::No, Check::Compiled, Check::Each] {
            let (service, caller) = (Service::new(check), Caller::new("héllo \"x\"".to_owned(), 3));
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            caller.write(41, &mut asked);
            assert!(service.handle(&asked, &mut answered));
            assert!(caller.is_answer(41, &answered), "{}", String::from_utf8_lossy(&answered));
            assert!(!caller.is_answer(42, &answered) && !caller.is_answer(41, b"{}"));
            let args = caller.arguments(41);
            let same: Value = serde_json::from_slice(&asked).unwrap();
            assert_eq!(same["params"]["arguments"], Value::Object(args.clone()));
            assert_eq!(registry()["add"].call(&args).unwrap()["structuredContent"]["sum"], 41 + 7 + 10);
        }
    }

    #[test]
    fn arguments_are_checked_where_that_is_asked_for() {
        let call =
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2,"c":3}}}"#;
        assert_eq!(ask(&Service::new(Check::No), call).unwrap()["result"]["structuredContent"]["sum"], 3);
        for check in [Check::Compiled, Check::Each] {
            assert_eq!(ask(&Service::new(check), call).unwrap()["error"]["code"], PARAMS);
            let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}"#;
            assert_eq!(ask(&Service::new(check), bare).unwrap()["error"]["code"], PARAMS);
        }
        for tool in registry().values() {
            assert_eq!(Schema::compile(&tool.schema).as_ref(), Ok(&tool.compiled));
        }
    }

    #[test]
    fn the_protocol_is_kept_and_bad_messages_are_answered() {
        let service = Service::new(Check::Compiled);
        let hello = r#"{"jsonrpc":"2.0","id":"x","method":"initialize","params":{}}"#;
        let hello = ask(&service, hello).unwrap();
        assert_eq!((&hello["id"], &hello["result"]["protocolVersion"]), (&json!("x"), &json!(PROTOCOL)));
        assert!(ask(&service, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).is_none());
        assert!(ask(&service, r#"{"jsonrpc":"2.0","id":9,"result":{}}"#).is_none());
        assert_eq!(ask(&service, r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#).unwrap()["result"], json!({}));
        let list = ask(&service, r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#).unwrap();
        assert_eq!(list["result"]["tools"][1]["name"], "echo");
        for (message, code) in [
            ("{", PARSE),
            ("{}", REQUEST),
            (r#"{"id":1,"method":"x"}"#, METHOD),
            (r#"{"id":1,"method":"tools/call","params":{"name":"no"}}"#, PARAMS),
        ] {
            assert_eq!(ask(&service, message).unwrap()["error"]["code"], code, "{message}");
        }
    }
}
