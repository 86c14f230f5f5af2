//! WebSockets and raw TCP and UDP of users: blocking calls, each exchange counted in a row.

use std::cell::RefCell;
use std::rc::Rc;

use engine_load::clock::nanos;
use engine_load::user::{Connection, Until, WebSocket, WebSocketOptions};
use engine_load::websocket::Message;
use rhai::{Dynamic, Engine, ImmutableString, Map, Position};

use super::person::{Person, raised, stage};
use super::request::wire;
use super::think::seconds;
use crate::fault::{Fault, Raised};
use crate::host::Host;

/// Something open, until it is closed.
#[derive(Debug)]
struct Open<T> {
    what: Rc<RefCell<Option<Rc<T>>>>,
    person: Person,
    timeout: u64,
}

impl<T> Clone for Open<T> {
    fn clone(&self) -> Self {
        Self { what: Rc::clone(&self.what), person: self.person.clone(), timeout: self.timeout }
    }
}

impl<T> Open<T> {
    fn new(what: T, person: &Person, timeout: u64) -> Self {
        Self { what: Rc::new(RefCell::new(Some(Rc::new(what)))), person: person.clone(), timeout }
    }

    /// The thing itself. Nothing stays borrowed while the user waits.
    fn get(&self) -> Raised<Rc<T>> {
        let closed = || Fault::runtime("wrong-call", "the connection is closed").boxed(Position::NONE);
        self.what.borrow().clone().ok_or_else(closed)
    }

    /// Does something that may wait.
    fn wait<R>(&self, host: &Host, work: impl FnOnce(&T) -> Result<R, engine_load::Failure>) -> Raised<R> {
        let what = self.get()?;
        let result = work(&what);
        stage(host)?.runs(&self.person);
        result.map_err(raised)
    }
}

type Ws = Open<WebSocket>;
type Raw = Open<Connection>;

/// Bytes to send: a blob, or a text.
fn bytes(value: &Dynamic) -> Raised<Vec<u8>> {
    if let Ok(bytes) = value.clone().into_blob() {
        return Ok(bytes);
    }
    wire(value).map(String::into_bytes).ok_or_else(|| {
        let message = format!("only texts and blobs can be sent, got {}", crate::verb_options::shown(value));
        Fault::runtime("wrong-call", message).boxed(Position::NONE)
    })
}

/// What was received: a text where it is one, else a blob.
fn received(bytes: Vec<u8>) -> Dynamic {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => Dynamic::from_blob(error.into_bytes()),
    }
}

fn open(host: &Host, person: &Person, url: &str, options: Map) -> Raised<Ws> {
    let conditions = &stage(host)?.conditions;
    let mut given = WebSocketOptions { timeout: conditions.timeout, ..WebSocketOptions::default() };
    for (key, value) in options {
        match key.as_str() {
            "name" => given.name = value.to_string(),
            "timeout" => given.timeout = nanos(seconds("timeout", &value)?),
            "headers" => {
                let map = value.try_cast::<Map>().unwrap_or_default();
                given.headers =
                    map.into_iter().filter_map(|(name, value)| Some((name.to_string(), wire(&value)?))).collect();
            }
            "protocols" => {
                let list = value.into_array().unwrap_or_default();
                given.protocols = list.iter().map(ToString::to_string).collect();
            }
            other => {
                let near = engine_core::nearest::hint(other, ["headers", "name", "protocols", "timeout"]);
                let message = format!("`websocket` has no option `{other}`{near}");
                return Err(Fault::runtime("wrong-option", message).boxed(Position::NONE));
            }
        }
    }
    let based = if url.starts_with('/') { format!("{}{url}", conditions.base) } else { url.to_owned() };
    let timeout = given.timeout;
    let result = person.user.websocket(&based, &given);
    stage(host)?.runs(person);
    result.map(|socket| Open::new(socket, person, timeout)).map_err(raised)
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    websockets(engine, host);
    raw(engine, host);
}

fn websockets(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Ws>("WebSocket");
    let h = Rc::clone(host);
    engine.register_fn("websocket", move |person: &mut Person, url: &str| open(&h, person, url, Map::new()));
    let h = Rc::clone(host);
    engine.register_fn("websocket", move |person: &mut Person, url: &str, options: Map| open(&h, person, url, options));
    let h = Rc::clone(host);
    engine.register_fn("send", move |ws: &mut Ws, value: Dynamic| {
        let bytes = bytes(&value)?;
        let text = value.is_string();
        ws.wait(
            &h,
            |socket| if text { socket.send_text(&String::from_utf8_lossy(&bytes)) } else { socket.send_binary(&bytes) },
        )
    });
    let h = Rc::clone(host);
    let receive = move |ws: &Ws, timeout: u64| -> Raised<Dynamic> {
        Ok(match ws.wait(&h, |socket| socket.receive(timeout))? {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => Dynamic::from_blob(bytes),
            // The other side said farewell.
            Message::Close(_) => Dynamic::UNIT,
        })
    };
    let within = receive.clone();
    engine.register_fn("receive", move |ws: &mut Ws| receive(ws, ws.timeout));
    engine.register_fn("receive", move |ws: &mut Ws, time: ImmutableString| {
        within(ws, nanos(seconds("receive", &time.into())?))
    });
    let h = Rc::clone(host);
    engine.register_fn("close", move |ws: &mut Ws| -> Raised<()> {
        let taken = ws.what.borrow_mut().take().and_then(|socket| Rc::try_unwrap(socket).ok());
        let result = taken.map_or(Ok(()), |socket| socket.close(1000, ""));
        stage(&h)?.runs(&ws.person);
        result.map_err(raised)
    });
}

fn raw(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Raw>("Connection");
    let h = Rc::clone(host);
    engine.register_fn("tcp", move |person: &mut Person, address: &str| -> Raised<Raw> {
        let timeout = stage(&h)?.conditions.timeout;
        let result = person.user.tcp_within(address, timeout);
        stage(&h)?.runs(person);
        result.map(|connection| Open::new(connection, person, timeout)).map_err(raised)
    });
    let h = Rc::clone(host);
    engine.register_fn("udp", move |person: &mut Person, address: &str| -> Raised<Raw> {
        let timeout = stage(&h)?.conditions.timeout;
        let result = person.user.udp(address);
        stage(&h)?.runs(person);
        result.map(|connection| Open::new(connection, person, timeout)).map_err(raised)
    });
    let h = Rc::clone(host);
    engine.register_fn("send", move |raw: &mut Raw, value: Dynamic| {
        let bytes = bytes(&value)?;
        raw.wait(&h, |connection| connection.send(&bytes))
    });
    let h = Rc::clone(host);
    let receive = move |raw: &Raw, until: Until| -> Raised<Dynamic> {
        raw.wait(&h, |connection| connection.receive(&until, raw.timeout)).map(received)
    };
    let (some, bytes_of, end) = (receive.clone(), receive.clone(), receive.clone());
    engine.register_fn("receive", move |raw: &mut Raw| some(raw, Until::Some));
    engine.register_fn("receive", move |raw: &mut Raw, count: i64| {
        let count = usize::try_from(count).map_err(|_| {
            Fault::runtime("wrong-call", "`receive` takes a number of bytes from 0 on").boxed(Position::NONE)
        })?;
        bytes_of(raw, Until::Bytes(count))
    });
    engine.register_fn("receive_until", move |raw: &mut Raw, delimiter: &str| {
        receive(raw, Until::Delimiter(delimiter.as_bytes().to_vec()))
    });
    engine.register_fn("receive_all", move |raw: &mut Raw| end(raw, Until::End));
    engine.register_fn("close", |raw: &mut Raw| {
        let taken = raw.what.borrow_mut().take();
        if let Some(Ok(connection)) = taken.map(Rc::try_unwrap) {
            connection.close();
        }
    });
}
