//! Requests of users: `user.get("/path", #{ .. })`. A request without a body is made ready once for each thread and sent
//! again as it is.

use std::rc::Rc;

use engine_load::coroutine::on_parent_stack;
use engine_load::http::{Body, Method, Request};
use engine_load::user::{Fetched, Prepared};
use engine_load::{ErrorClass, Failure};
use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext, Position};

use super::codec::{form, query};
use super::person::{Ended, Person, stage};
use super::response::Answer;
use super::site::{RequestSite, Site};
use super::stage::{Cache, Stage};
use super::trace::excerpt;
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::plain;
use crate::secret::Secret;
use crate::verb_options::{self, REQUEST, shown};

/// Requests made ready, by everything that makes them what they are.
pub(crate) type Requests = Cache<Key, Ready>;

/// A request made ready, with its address as answers tell it.
#[derive(Debug)]
pub(crate) struct Ready {
    prepared: Prepared,
    url: Rc<String>,
}

impl Ready {
    fn new(stage: &Stage, person: &Person, method: Method, target: &str, given: Given) -> Result<Self, Failure> {
        let prepared = person.user.prepare(&request(stage, method, target, given))?;
        let url = Rc::new(prepared.request().target.clone());
        Ok(Self { prepared, url })
    }
}

/// Statuses that are kept in a key at most.
const STATUSES: usize = 4;

/// What makes a request without headers and body of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    method: &'static str,
    target: ImmutableString,
    name: ImmutableString,
    statuses: [u16; STATUSES],
    timeout: u64,
    redirects: Option<u8>,
}

/// Options of a request, read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    name: ImmutableString,
    statuses: Vec<u16>,
    timeout: u64,
    redirects: Option<u8>,
    headers: Vec<(String, String)>,
    query: String,
    body: Option<(Vec<u8>, &'static str)>,
}

impl Given {
    /// Whether a key tells all of it.
    fn is_plain(&self) -> bool {
        self.headers.is_empty() && self.body.is_none() && self.query.is_empty() && self.statuses.len() <= STATUSES
    }
}

fn wrong(message: String) -> Fault {
    Fault::runtime("wrong-option", message)
}

/// A text for the wire: a text, a number, or a secret, which nobody else gets to see.
pub(crate) fn wire(value: &Dynamic) -> Option<String> {
    if let Some(secret) = value.read_lock::<Secret>() {
        return Some(secret.reveal().to_owned());
    }
    let plain = value.is_string() || value.is_int() || value.is_float() || value.is_bool() || value.is_char();
    plain.then(|| value.to_string())
}

fn pairs(option: &str, value: &Dynamic) -> Result<Vec<(String, String)>, Fault> {
    let Some(map) = value.read_lock::<Map>() else {
        return Err(wrong(format!("`{option}` of a request must be a map, got {}", shown(value))));
    };
    map.iter()
        .map(|(name, value)| match wire(value) {
            Some(text) => Ok((name.to_string(), text)),
            None => Err(wrong(format!("`{name}` in `{option}` must be a text or a number, got {}", shown(value)))),
        })
        .collect()
}

fn statuses(value: &Dynamic) -> Option<Vec<u16>> {
    let one =
        |value: &Dynamic| value.as_int().ok().and_then(|n| u16::try_from(n).ok()).filter(|n| (100..600).contains(n));
    match value.read_lock::<Array>() {
        Some(items) => items.iter().map(one).collect(),
        None => one(value).map(|status| vec![status]),
    }
}

/// Reads the options of a request.
fn read(host: &Host, ctx: &NativeCallContext<'_>, options: Map) -> Result<Given, Fault> {
    let mut given = Given::default();
    for (key, value) in options {
        let value = value.flatten();
        let bad = |want: &str| wrong(format!("`{key}` of a request must be {want}, got {}", shown(&value)));
        let second = |given: &Given| match given.body {
            Some(_) => Err(wrong("a request has one body: one of `json`, `form`, `body` and `file`".to_owned())),
            None => Ok(()),
        };
        match key.as_str() {
            "name" => given.name = value.clone().into_immutable_string().map_err(|_| bad("a text"))?,
            "status" => {
                given.statuses = statuses(&value).ok_or_else(|| bad("a status such as 200, or a list of them"))?
            }
            "timeout" => {
                let seconds = verb_options::time(&value).map_err(|message| wrong(format!("`timeout` {message}")))?;
                given.timeout = engine_load::clock::nanos(seconds);
            }
            "redirects" => {
                let most = value.as_int().ok().and_then(|n| u8::try_from(n).ok());
                given.redirects = Some(most.ok_or_else(|| bad("a number of redirects, 0 to follow none"))?);
            }
            "headers" => given.headers = pairs("headers", &value)?,
            "query" => given.query = query(&pairs("query", &value)?),
            "form" => {
                second(&given)?;
                given.body = Some((form(&pairs("form", &value)?).into_bytes(), "application/x-www-form-urlencoded"));
            }
            "json" => {
                second(&given)?;
                let text = on_parent_stack(|| plain::json(&value));
                let text = text.map_err(|what| wrong(format!("`json` must be plain data, got {what} in it")))?;
                given.body = Some((text.into_bytes(), "application/json"));
            }
            "body" => {
                second(&given)?;
                let bytes = match value.clone().into_blob() {
                    Ok(bytes) => bytes,
                    Err(_) => wire(&value).ok_or_else(|| bad("a text or a blob"))?.into_bytes(),
                };
                given.body = Some((bytes, ""));
            }
            "file" => {
                second(&given)?;
                let path = value.clone().into_immutable_string().map_err(|_| bad("the path of a file"))?;
                let bytes = crate::verbs::file_bytes(host, ctx, &path)
                    .map_err(|error| Fault::runtime("unreadable", error.to_string()))?;
                given.body = Some((bytes, "application/octet-stream"));
            }
            other => return Err(crate::given::unknown("request", other, REQUEST)),
        }
    }
    Ok(given)
}

/// A request from its parts.
fn request(stage: &Stage, method: Method, target: &str, given: Given) -> Request {
    let conditions = &stage.conditions;
    let based = if target.starts_with('/') { format!("{}{target}", conditions.base) } else { target.to_owned() };
    let joined = match given.query.as_str() {
        "" => based,
        query => format!("{based}{}{query}", if based.contains('?') { '&' } else { '?' }),
    };
    let mut request = Request::new(method, joined);
    given.name.as_str().clone_into(&mut request.name);
    request.expect = given.statuses;
    request.timeout = if given.timeout > 0 { given.timeout } else { conditions.timeout };
    request.redirects = given.redirects.unwrap_or(request.redirects);
    request.headers = given.headers;
    for (name, value) in &conditions.headers {
        if !request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            request.headers.push((name.clone(), value.clone()));
        }
    }
    if let Some((bytes, kind)) = given.body {
        let named = request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case("content-type"));
        if !kind.is_empty() && !named {
            request.headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
        request.body = Body::Bytes(bytes);
    }
    request
}

/// What can be read from a failure that ends the iteration, because asking again would not help.
const fn is_final(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Invalid | ErrorClass::Denied)
}

fn send(
    host: &Host,
    person: &Person,
    (method, word): (Method, &'static str),
    target: ImmutableString,
    given: Given,
) -> Raised<Answer> {
    let stage = stage(host)?;
    let begun = engine_load::clock::now();
    let (result, url) = if given.is_plain() && !word.is_empty() {
        let mut statuses = [0; STATUSES];
        statuses[..given.statuses.len()].copy_from_slice(&given.statuses);
        let key = Key {
            method: word,
            target: target.clone(),
            name: given.name.clone(),
            statuses,
            timeout: given.timeout,
            redirects: given.redirects,
        };
        let ready = stage.requests.get(key, |_| Ready::new(stage, person, method, &target, given));
        match ready {
            Ok(ready) => (person.user.fetch(&ready.prepared), Rc::clone(&ready.url)),
            Err(failure) => (Err(failure), Rc::new(target.to_string())),
        }
    } else {
        let request = request(stage, method, &target, given);
        (person.user.fetch_once(&request), Rc::new(request.target))
    };
    answered(stage, person, (word, &target), begun, result, url)
}

/// A request whose place has it ready.
fn send_site(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    person: &Person,
    (method, word): (&Method, &'static str),
    target: Option<ImmutableString>,
    site: &RequestSite,
) -> Raised<Answer> {
    let given = match site.given.get() {
        Some(given) => given,
        None => {
            let given = read(host, ctx, site.options.clone()).map_err(|fault| fault.raise(ctx))?;
            site.given.get_or_init(|| given)
        }
    };
    let Some(fixed) = &site.target else {
        let target = target.unwrap_or_default();
        return send(host, person, (method.clone(), word), target, given.clone());
    };
    let stage = stage(host)?;
    let begun = engine_load::clock::now();
    let (result, url) = match site.ready.get() {
        Some(ready) => (person.user.fetch(&ready.prepared), Rc::clone(&ready.url)),
        None => match Ready::new(stage, person, method.clone(), fixed, given.clone()) {
            Ok(ready) => {
                let ready = site.ready.get_or_init(|| ready);
                (person.user.fetch(&ready.prepared), Rc::clone(&ready.url))
            }
            Err(failure) => (Err(failure), Rc::new(fixed.to_string())),
        },
    };
    answered(stage, person, (word, fixed), begun, result, url)
}

/// What the script gets for what came.
fn answered(
    stage: &Stage,
    person: &Person,
    (word, target): (&str, &str),
    begun: u64,
    result: Result<Fetched, Failure>,
    url: Rc<String>,
) -> Raised<Answer> {
    stage.runs(person);
    let answer = match result {
        Ok(Fetched { response, moved }) => Answer::new(response, moved.map_or(url, Rc::new)),
        Err(failure) if is_final(failure.class) => return Err(Ended::raise(failure)),
        Err(failure) => Answer::failed(failure, url, engine_load::clock::now().saturating_sub(begun)),
    };
    stage.trace(|| format!("{} {} -> {}", if word.is_empty() { "request" } else { word }, target, describe(&answer)));
    Ok(answer)
}

/// Several requests at once: texts, which are got, or maps `#{ post: "/path", .. }` with the options of a request.
fn all(host: &Host, ctx: &NativeCallContext<'_>, person: &Person, items: Array) -> Raised<Array> {
    let stage = stage(host)?;
    let mut ready = Vec::with_capacity(items.len());
    let mut urls = Vec::with_capacity(items.len());
    for item in items {
        let item = item.flatten();
        let (method, target, given) = match item.clone().into_immutable_string() {
            Ok(target) => (Method::Get, target, Given::default()),
            Err(_) => {
                let mut options = item.clone().try_cast::<Map>().unwrap_or_default();
                let found = METHODS.iter().find_map(|(key, _, method)| Some((method, options.remove(*key)?)));
                let target =
                    found.and_then(|(method, path)| Some((method.clone(), path.into_immutable_string().ok()?)));
                let Some((method, target)) = target else {
                    let message = format!(
                        "`get_all` takes paths, or maps such as `#{{ post: \"/path\" }}`; got {}",
                        shown(&item)
                    );
                    return Err(Fault::runtime("wrong-call", message).raise(ctx));
                };
                (method, target, read(host, ctx, options).map_err(|fault| fault.raise(ctx))?)
            }
        };
        let request = request(stage, method, &target, given);
        ready.push(person.user.prepare_with_cookies(&request).map_err(Ended::raise)?);
        urls.push(Rc::new(request.target));
    }
    let begun = engine_load::clock::now();
    let results = person.user.get_all(ready);
    stage.runs(person);
    let took = engine_load::clock::now().saturating_sub(begun);
    let answers = results.into_iter().zip(urls).map(|(result, url)| match result {
        Ok(response) => Ok(Answer::new(response, url)),
        Err(failure) if is_final(failure.class) => Err(Ended::raise(failure)),
        Err(failure) => Ok(Answer::failed(failure, url, took)),
    });
    answers
        .map(|answer| {
            let answer = answer?;
            stage.trace(|| format!("at once -> {}", describe(&answer)));
            Ok(Dynamic::from(answer))
        })
        .collect()
}

fn describe(answer: &Answer) -> String {
    let inner = answer.inner();
    match answer.failure() {
        Some(failure) => failure.to_string(),
        None => format!(
            "{}, {} bytes, {:.3} ms{}: {}",
            inner.status,
            inner.size,
            inner.timings.total as f64 / 1e6,
            inner.error.map_or_else(String::new, |class| format!(", error: {class}")),
            on_parent_stack(|| excerpt(&inner.text()))
        ),
    }
}

const METHODS: [(&str, &str, Method); 5] = [
    ("get", "GET", Method::Get),
    ("head", "HEAD", Method::Head),
    ("post", "POST", Method::Post),
    ("put", "PUT", Method::Put),
    ("delete", "DELETE", Method::Delete),
];

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let methods = METHODS.into_iter().chain([("patch", "PATCH", Method::Other("PATCH".to_owned()))]);
    for (function, word, method) in methods {
        let (h, m) = (Rc::clone(host), method.clone());
        engine.register_fn(function, move |person: &mut Person, target: ImmutableString| {
            send(&h, person, (m.clone(), word), target, Given::default())
        });
        let (h, m) = (Rc::clone(host), method.clone());
        engine.register_fn(function, move |ctx: NativeCallContext<'_>, person: &mut Person, at: Site| {
            send_site(&h, &ctx, person, (&m, word), None, &at.0)
        });
        let (h, m) = (Rc::clone(host), method.clone());
        engine.register_fn(function, move |ctx: NativeCallContext<'_>, person: &mut Person, (): (), at: Site| {
            send_site(&h, &ctx, person, (&m, word), None, &at.0)
        });
        let (h, m) = (Rc::clone(host), method.clone());
        engine.register_fn(
            function,
            move |ctx: NativeCallContext<'_>, person: &mut Person, target: ImmutableString, at: Site| {
                send_site(&h, &ctx, person, (&m, word), Some(target), &at.0)
            },
        );
        let h = Rc::clone(host);
        engine.register_fn(
            function,
            move |ctx: NativeCallContext<'_>, person: &mut Person, target: ImmutableString, options: Map| {
                let given = read(&h, &ctx, options).map_err(|fault| fault.raise(&ctx))?;
                send(&h, person, (method.clone(), word), target, given)
            },
        );
    }
    let h = Rc::clone(host);
    engine.register_fn(
        "request",
        move |ctx: NativeCallContext<'_>, person: &mut Person, method: &str, target: ImmutableString, options: Map| {
            let given = read(&h, &ctx, options).map_err(|fault| fault.raise(&ctx))?;
            send(&h, person, (Method::parse(method), ""), target, given)
        },
    );
    let h = Rc::clone(host);
    engine.register_fn("request", move |person: &mut Person, method: &str, target: ImmutableString| {
        send(&h, person, (Method::parse(method), ""), target, Given::default())
    });
    let h = Rc::clone(host);
    engine.register_fn("get_all", move |ctx: NativeCallContext<'_>, person: &mut Person, items: Array| {
        all(&h, &ctx, person, items)
    });
    // Addresses are texts that results show, so a secret in one would be told.
    for (function, ..) in METHODS {
        engine.register_fn(function, |_: &mut Person, _: Secret| -> Raised<Answer> {
            let message = "the address of a request cannot hold a secret: errors show it";
            Err(Fault::runtime("wrong-call", message).help("send it in `headers` or in the body").boxed(Position::NONE))
        });
    }
}
