//! A small HTTP server on loopback that answers by a function, and running a load against it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use engine_core::plan::Work;
use engine_load::http::Url;
use engine_load::record::{Kind, Row};
use engine_load::{Outcome, Runner};
use engine_script::{Options, Scenario, Source, load};
use engine_session::Scripted;
use engine_session::load::{LoadRequest, TargetAt};

use crate::fakes::{FakeSession, trusted};

/// A request as the server saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// An answer: status line, extra headers, body.
pub(crate) type Reply = (&'static str, &'static str, String);

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

/// Ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Hundreds of users come at once; the 128 that may wait by default are too few while others have the processor.
        rustix::net::listen(&listener, 4096).unwrap();
        let address = listener.local_addr().unwrap();
        let (over, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (ends, list, answer) = (Arc::clone(&over), Arc::clone(&seen), Arc::new(answer) as Arc<Answer>);
        let thread = std::thread::spawn(move || {
            let mut peers = Vec::new();
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (answer, list) = (Arc::clone(&answer), Arc::clone(&list));
                let watched = stream.try_clone().unwrap();
                peers.push((watched, std::thread::spawn(move || converse(&stream, &*answer, &list))));
            }
            for (stream, thread) in peers {
                let _ = stream.shutdown(Shutdown::Both);
                let _ = thread.join();
            }
        });
        Self { address, seen, over, thread: Some(thread) }
    }

    /// Answers everything with a JSON text.
    pub(crate) fn json(text: &str) -> Self {
        let text = text.to_owned();
        Self::new(move |_| ("200 OK", "Content-Type: application/json\r\n", text.clone()))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn converse(stream: &TcpStream, answer: &Answer, list: &Mutex<Vec<Seen>>) {
    let mut stream = stream;
    let mut have = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let end = loop {
            if let Some(at) = have.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(count) => have.extend_from_slice(&chunk[..count]),
            }
        };
        let head = String::from_utf8_lossy(&have[..end]).into_owned();
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        let mut seen = Seen { method, path, head, body: String::new() };
        let length: usize = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while have.len() < end + length {
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(count) => have.extend_from_slice(&chunk[..count]),
            }
        }
        seen.body = String::from_utf8_lossy(&have[end..end + length]).into_owned();
        have.drain(..end + length);
        list.lock().unwrap().push(seen.clone());
        let (status, headers, body) = answer(&seen);
        let length = if seen.method == "HEAD" { 0 } else { body.len() };
        let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        if stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(&body.as_bytes()[..length])).is_err() {
            return;
        }
    }
}

/// A scenario that must be good.
#[track_caller]
pub(crate) fn scenario(text: &str, options: Options) -> Scenario {
    let source = Source::Text { name: "a.rhai".to_owned(), text: text.to_owned(), base: ".".into() };
    load(&source, options).unwrap_or_else(|e| panic!("{}", e.iter().map(|d| d.render(false)).collect::<String>()))
}

/// The request of the plan's first load.
#[track_caller]
pub(crate) fn request(scenario: &mut Scenario) -> LoadRequest {
    let step = scenario.plan().steps.iter().find(|step| matches!(step.work, Work::Load { .. })).unwrap();
    let Work::Load { index, .. } = step.work else { unreachable!() };
    let labels = step.labels.clone();
    scenario.load(index, &labels, &mut FakeSession::default()).unwrap()
}

/// Runs a load as a session would.
#[track_caller]
pub(crate) fn run(request: LoadRequest) -> Outcome {
    let LoadRequest { mut load, at, .. } = request;
    if let TargetAt::Url(text) = at {
        load.target = Some(Url::parse(&text).unwrap().origin);
    }
    load.driver = engine_load::driver::DriverChoice::Auto;
    let outcome = Runner::new(load).unwrap().run(&mut |_| ()).unwrap();
    assert_eq!(outcome.conservation.violations(), Vec::<String>::new());
    outcome
}

/// Runs the first load of a text whose `TARGET` is the server.
#[track_caller]
pub(crate) fn against(server: &Server, text: &str) -> Outcome {
    let options = Options { env: Arc::new(|_| Some("hidden".to_owned())), ..trusted() };
    let mut scenario = scenario(&text.replace("TARGET", &server.url()), options);
    run(request(&mut scenario))
}

/// One user makes one iteration of a journey, given as the body of `|user| { .. }`.
#[track_caller]
pub(crate) fn once(server: &Server, body: &str) -> Outcome {
    against(
        server,
        &format!(
            "load(#{{ target: \"TARGET\", users: 1, iterations: 1, duration: \"20 s\", journey: |user| {{ {body} }} }});"
        ),
    )
}

/// All rows of a kind and name, added up.
pub(crate) fn row(outcome: &Outcome, kind: Kind, name: &str) -> Row {
    outcome.totals.sum(|label| label.kind == kind && *label.endpoint == *name)
}

/// How the iterations failed: class and example of each.
pub(crate) fn failures(outcome: &Outcome) -> Vec<(String, String)> {
    let all = outcome.totals.sum(|label| label.kind == Kind::Iteration);
    all.errors.iter().map(|error| (error.class.to_string(), error.example.clone())).collect()
}

/// What the one failed iteration said.
#[track_caller]
pub(crate) fn failure(outcome: &Outcome) -> (String, String) {
    let mut all = failures(outcome);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}
