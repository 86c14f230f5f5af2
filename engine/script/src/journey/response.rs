//! What a request gives.

use std::rc::Rc;

use engine_core::quantity::Quantity;
use engine_load::coroutine::on_parent_stack;
use engine_load::http::Response;
use engine_load::json::{JsonError, Path, Value};
use engine_load::{ErrorClass, Failure};
use regex::Regex;
use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext, Position};

use super::person::{Ended, stage};
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::quantity::Qty;
use crate::table::dynamic;

/// An answer, or what came in its place.
#[derive(Debug, Clone)]
pub(crate) struct Answer(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    response: Response,
    failure: Option<Failure>,
    url: Rc<String>,
}

impl Answer {
    pub(crate) fn new(response: Response, url: Rc<String>) -> Self {
        Self(Rc::new(Inner { response, failure: None, url }))
    }

    /// No answer came; it took so many nanoseconds to know that.
    pub(crate) fn failed(failure: Failure, url: Rc<String>, took: u64) -> Self {
        let mut response = Response { error: Some(failure.class), ..Response::default() };
        response.timings.total = took;
        Self(Rc::new(Inner { response, failure: Some(failure), url }))
    }

    pub(crate) fn inner(&self) -> &Response {
        &self.0.response
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.0.failure.as_ref()
    }

    /// What a script wanted of it is not there: where the answer is an error itself, that is why, and the iteration ends
    /// as the request did.
    fn lacks(&self, fault: Fault) -> Box<rhai::EvalAltResult> {
        match (&self.0.failure, self.0.response.error) {
            (Some(failure), _) => Ended::raise(failure.clone()),
            (None, Some(class)) => Ended::raise(Failure::new(class, format!("{}: {}", self.0.url, fault.message))),
            (None, None) => fault.boxed(Position::NONE),
        }
    }

    fn at(&self, path: &Path) -> Result<Dynamic, JsonError> {
        match path.find(&self.0.response.body)? {
            Value::Null => Ok(Dynamic::UNIT),
            Value::Bool(flag) => Ok(flag.into()),
            Value::Integer(n) => Ok(n.into()),
            Value::Number(n) => Ok(n.into()),
            Value::Text(text) => Ok(text.into_owned().into()),
            Value::Object(bytes) | Value::Array(bytes) => tree(bytes).map_err(|_| JsonError::Malformed(0)),
        }
    }
}

/// How deeply a JSON value may be nested that becomes the language's: copying and dropping it recurses, on a user's small
/// stack.
const DEEPEST: usize = 100;

/// A JSON text as the language's values.
fn tree(bytes: &[u8]) -> Result<Dynamic, String> {
    on_parent_stack(|| {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if deeper(&value, DEEPEST) {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        Ok(dynamic(&value))
    })
}

fn deeper(value: &serde_json::Value, room: usize) -> bool {
    match value {
        serde_json::Value::Array(items) => room == 0 || items.iter().any(|item| deeper(item, room - 1)),
        serde_json::Value::Object(map) => room == 0 || map.values().any(|item| deeper(item, room - 1)),
        _ => false,
    }
}

fn bad_json(answer: &Answer, what: &str) -> Box<rhai::EvalAltResult> {
    answer.lacks(Fault::runtime("bad-json", format!("the answer is not JSON: {what}")))
}

fn seconds(nanos: u64) -> Dynamic {
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ns")]
    let seconds = nanos as f64 / 1e9;
    Dynamic::from(Qty(Quantity::seconds(seconds)))
}

fn timings(answer: &Answer) -> Map {
    let t = answer.0.response.timings;
    let all =
        [("dns", t.dns), ("connect", t.connect), ("tls", t.tls), ("first_byte", t.first_byte), ("total", t.total)];
    all.into_iter().map(|(name, nanos)| (name.into(), seconds(nanos))).collect()
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Answer>("Response");
    engine.register_get("status", |answer: &mut Answer| i64::from(answer.0.response.status));
    engine.register_get("ok", |answer: &mut Answer| answer.0.response.ok());
    engine.register_get("size", |answer: &mut Answer| i64::try_from(answer.0.response.size).unwrap_or(i64::MAX));
    engine.register_get("body", |answer: &mut Answer| answer.0.response.text().into_owned());
    engine.register_fn("text", |answer: &mut Answer| answer.0.response.text().into_owned());
    engine.register_get("time", |answer: &mut Answer| seconds(answer.0.response.timings.total));
    engine.register_get("timings", |answer: &mut Answer| timings(answer));
    engine.register_get("url", |answer: &mut Answer| answer.0.url.as_str().to_owned());
    engine.register_get("error", |answer: &mut Answer| -> Dynamic {
        let class = answer.0.response.error.map(|class: ErrorClass| class.to_string());
        class.map_or(Dynamic::UNIT, Into::into)
    });
    engine.register_fn("to_string", |answer: &mut Answer| {
        format!("response {} of {} bytes", answer.0.response.status, answer.0.response.size)
    });
    engine.register_fn("header", |answer: &mut Answer, name: &str| -> Dynamic {
        answer.0.response.headers.get(name).map_or(Dynamic::UNIT, |value| value.into_owned().into())
    });
    json(engine, host);
    texts(engine, host);
}

fn json(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_fn("json", |answer: &mut Answer| {
        tree(&answer.0.response.body).map_err(|what| bad_json(answer, &what))
    });
    let h = Rc::clone(host);
    engine.register_fn("json", move |answer: &mut Answer, path: ImmutableString| -> Raised<Dynamic> {
        let path = path_of(&h, path)?;
        answer.at(&path).map_err(|error| match error {
            JsonError::Malformed(at) => bad_json(answer, &format!("byte {at}, or nested too deeply")),
            missing => answer.lacks(
                Fault::runtime("no-such-value", format!("{missing} in the answer"))
                    .help("for one that may be missing write `.json(path, other)`"),
            ),
        })
    });
    let h = Rc::clone(host);
    engine.register_fn("json", move |answer: &mut Answer, path: ImmutableString, other: Dynamic| -> Raised<Dynamic> {
        let path = path_of(&h, path)?;
        Ok(answer.at(&path).unwrap_or(other))
    });
}

fn path_of(host: &Host, path: ImmutableString) -> Raised<Rc<Path>> {
    let bad = |error: JsonError| Fault::runtime("wrong-call", error.to_string()).boxed(Position::NONE);
    stage(host)?.paths.get(path, |path| Path::parse(path)).map_err(bad)
}

fn texts(engine: &mut Engine, host: &Rc<Host>) {
    fn between(answer: &Answer, before: &str, after: &str) -> Option<String> {
        on_parent_stack(|| {
            let text = answer.0.response.text();
            let start = text.find(before)? + before.len();
            let length = text[start..].find(after)?;
            Some(text[start..start + length].to_owned())
        })
    }
    engine.register_fn("between", |answer: &mut Answer, before: &str, after: &str| -> Raised<String> {
        between(answer, before, after).ok_or_else(|| {
            let message = format!("nothing stands between `{before}` and `{after}` in the answer");
            answer.lacks(
                Fault::runtime("no-such-value", message).help("for what may be missing write `.between(a, b, other)`"),
            )
        })
    });
    engine.register_fn("between", |answer: &mut Answer, before: &str, after: &str, other: Dynamic| -> Dynamic {
        between(answer, before, after).map_or(other, Into::into)
    });
    let h = Rc::clone(host);
    let find =
        move |ctx: &NativeCallContext<'_>, answer: &Answer, pattern: ImmutableString| -> Raised<Option<String>> {
            let regex = stage(&h)?.patterns.get(pattern, |pattern| on_parent_stack(|| Regex::new(pattern)));
            let regex =
                regex.map_err(|error| Fault::runtime("wrong-call", format!("no pattern: {error}")).raise(ctx))?;
            Ok(on_parent_stack(|| {
                let text = answer.0.response.text();
                let found = regex.captures(&text)?;
                found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().to_owned())
            }))
        };
    let finder = find.clone();
    engine.register_fn("find", move |ctx: NativeCallContext<'_>, answer: &mut Answer, pattern: ImmutableString| {
        let message = format!("`{pattern}` matches nothing in the answer");
        finder(&ctx, answer, pattern)?.ok_or_else(|| {
            answer.lacks(
                Fault::runtime("no-such-value", message).help("for what may be missing write `.find(pattern, other)`"),
            )
        })
    });
    engine.register_fn(
        "find",
        move |ctx: NativeCallContext<'_>, answer: &mut Answer, pattern: ImmutableString, other: Dynamic| {
            Ok::<_, Box<rhai::EvalAltResult>>(find(&ctx, answer, pattern)?.map_or(other, Into::into))
        },
    );
}
