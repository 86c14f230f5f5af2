//! A service under supervision: started on a free port, awaited until it is ready, started again when it ends, and ended.
//!
//! `{port}` in its command is the port; `$PORT` says it too. `{data}` is a folder that survives its restarts. It is ready when the port takes a connection, or when an HTTP
//! request is answered with the wanted status. When it ends it is started again after a pause that doubles up to a bound,
//! and goes back to the first one when the service has stayed up for a while.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::caps::{Caps, Refused};
use crate::journal::{Entry, Journal, JournalError, Undo};
use crate::victim::{Ended, Spec, Victim, VictimError};

/// How often readiness is asked for.
const ASK: Duration = Duration::from_millis(20);

/// Longest pause before a restart.
const LONGEST: Duration = Duration::from_secs(30);

/// The folder of its data may stay so much longer than the victim.
const DATA: Duration = Duration::from_secs(30);

/// How long the last words of a service are waited for; one that it left in the background may never end them.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Up for so long, a service has recovered from whatever made it end.
const STEADY: Duration = Duration::from_secs(10);

/// What a service is.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSpec {
    /// What is started; `{port}` in its arguments is the port.
    pub victim: Spec,
    /// When it is ready.
    pub ready: Ready,
    /// How long it may take to get ready, in seconds.
    pub within: f64,
    /// Pause before it is started again, in seconds; none to leave it down.
    pub restart: Option<f64>,
    /// A port that it needs; none for any free one.
    pub port: Option<u16>,
}

/// When a service is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// When its port takes a connection.
    Tcp,
    /// When a request for a path is answered with a status.
    Http {
        /// The path.
        path: String,
        /// The status.
        status: u16,
    },
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It could not be started.
    #[error(transparent)]
    Victim(#[from] VictimError),
    /// Another program has its port.
    #[error("port {0} is in use by another program: choose another one, or write `{{port}}` for a free one")]
    Port(u16),
    /// No port is free, or none can be asked for.
    #[error("no free port: {0}")]
    NoPort(std::io::Error),
    /// It ended before it was ready.
    #[error("the service ended before it was ready: {how}{}", said(output))]
    Died {
        /// How.
        how: Ended,
        /// The end of what it printed.
        output: String,
    },
    /// It was not ready in time.
    #[error("the service was not ready within {within} s: {reason}{}", said(output))]
    NotReady {
        /// Seconds.
        within: f64,
        /// The last answer.
        reason: String,
        /// The end of what it printed.
        output: String,
    },
    /// Its data have no place.
    #[error("{}: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Beyond the caps.
    #[error("the service is refused: {0}")]
    Refused(#[from] Refused),
    /// Something of it is left.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The last lines of what was printed, for a message.
fn said(output: &str) -> String {
    let lines: Vec<&str> = output.lines().rev().take(3).collect();
    if lines.is_empty() {
        return String::new();
    }
    let text = lines.into_iter().rev().collect::<Vec<_>>().join(" | ");
    let end: Vec<char> = text.chars().rev().take(300).collect();
    format!("; it printed: {}", end.into_iter().rev().collect::<String>())
}

/// What happened to a service, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// Since the service was first started.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happened to a service.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It was started.
    Started,
    /// It was ready.
    Ready,
    /// It ended.
    Ended(Ended),
    /// It could not be started again.
    Failed(String),
}

#[derive(Debug, Default)]
struct State {
    victim: Option<Arc<Victim>>,
    happened: Vec<Happened>,
    stop: bool,
}

/// A supervised service. Dropping it ends it.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    began: Instant,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
    /// The folder of its data goes last.
    _data: Entry,
}

/// Where services are started.
#[derive(Debug, Clone)]
pub struct Place {
    /// The undo journal.
    pub journal: Arc<Journal>,
    /// The caps.
    pub caps: Caps,
    /// Where folders are made.
    pub scratch: PathBuf,
}

impl Service {
    /// Starts a service, waits until it is ready, and watches over it from then on.
    ///
    /// # Errors
    /// When it does not start, ends before it is ready, is not ready in time, or its port is taken; then nothing is left.
    pub fn start(place: &Place, spec: &ServiceSpec) -> Result<Self, ServiceError> {
        let port = match spec.port {
            Some(port) if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() => {
                return Err(ServiceError::Port(port));
            }
            Some(port) => port,
            None => free_port().map_err(ServiceError::NoPort)?,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut filled = spec.clone();
        for word in &mut filled.victim.command {
            *word = word.replace("{port}", &port.to_string());
        }
        filled.victim.environment.insert("PORT".to_owned(), port.to_string());
        let data = place.journal.begin("data of a service", place.caps.duration(filled.victim.longest)? + DATA)?;
        let folder = place.scratch.join(data.name("data"));
        data.will(Undo::RemoveFolder { path: folder.clone() })?;
        std::fs::create_dir(&folder).map_err(|source| ServiceError::Data { path: folder.clone(), source })?;
        filled.victim.data = Some(folder);
        let began = Instant::now();
        let state = Arc::new(Mutex::new(State::default()));
        let note = |what: What| locked(&state).happened.push(Happened { at: began.elapsed(), what });
        let victim = Victim::start(&place.journal, &place.caps, &filled.victim, &place.scratch)?;
        note(What::Started);
        await_ready(&victim, address, &filled)?;
        note(What::Ready);
        locked(&state).victim = Some(Arc::new(victim));
        let (watched, place) = (Arc::clone(&state), place.clone());
        let watch = move || watch(&place, &filled, address, began, &watched);
        let thread =
            std::thread::Builder::new().name("service".to_owned()).spawn(watch).map_err(ServiceError::NoPort)?;
        Ok(Self { address, began, state, thread: Some(thread), _data: data })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// When it was first started.
    #[must_use]
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// What runs now; none while it is down.
    #[must_use]
    pub fn victim(&self) -> Option<Arc<Victim>> {
        locked(&self.state).victim.clone()
    }

    /// What happened so far.
    #[must_use]
    pub fn happened(&self) -> Vec<Happened> {
        locked(&self.state).happened.clone()
    }

    /// Ends it.
    pub fn stop(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        locked(&self.state).stop = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let victim = locked(&self.state).victim.take();
        drop(victim);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Starts it again whenever it ends, until it shall stop.
fn watch(place: &Place, spec: &ServiceSpec, address: SocketAddr, began: Instant, state: &Mutex<State>) {
    let first = spec.restart.map(|pause| Duration::from_secs_f64(pause.clamp(0.0, LONGEST.as_secs_f64())));
    let mut pause = first.unwrap_or(LONGEST);
    let mut up_since = Instant::now();
    let note = |what: What| locked(state).happened.push(Happened { at: began.elapsed(), what });
    // Waits, and says whether to go on.
    let sleep = |time: Duration| {
        let until = Instant::now() + time;
        while Instant::now() < until && !locked(state).stop {
            std::thread::sleep(Duration::from_millis(5).min(until.saturating_duration_since(Instant::now())));
        }
        !locked(state).stop
    };
    while sleep(Duration::from_millis(5)) {
        let ended = locked(state).victim.as_ref().and_then(|victim| victim.ended());
        let down = locked(state).victim.is_none();
        if let Some(how) = &ended {
            note(What::Ended(how.clone()));
            // What it left in the background holds its port.
            let old = locked(state).victim.take();
            drop(old);
            if up_since.elapsed() >= STEADY {
                pause = first.unwrap_or(LONGEST);
            }
        }
        if (ended.is_none() && !down) || first.is_none() {
            continue;
        }
        if !sleep(pause) {
            return;
        }
        pause = (pause * 2).min(LONGEST).max(Duration::from_millis(10));
        up_since = Instant::now();
        match Victim::start(&place.journal, &place.caps, &spec.victim, &place.scratch) {
            Ok(victim) => {
                note(What::Started);
                // It is looked after from here on, ready or not: it may be killed again while it gets ready.
                let victim = Arc::new(victim);
                locked(state).victim = Some(Arc::clone(&victim));
                let deadline = Instant::now() + Duration::from_secs_f64(spec.within.clamp(0.0, 600.0));
                while victim.ended().is_none() && Instant::now() < deadline && !locked(state).stop {
                    if ask(address, &spec.ready).is_ok() {
                        note(What::Ready);
                        break;
                    }
                    std::thread::sleep(ASK);
                }
            }
            Err(error) => note(What::Failed(error.to_string())),
        }
    }
}

fn await_ready(victim: &Victim, address: SocketAddr, spec: &ServiceSpec) -> Result<(), ServiceError> {
    let deadline = Instant::now() + Duration::from_secs_f64(spec.within.clamp(0.0, 600.0));
    loop {
        if let Some(how) = victim.ended() {
            // What it printed last may still be on its way.
            victim.output().await_end(LAST_WORDS);
            return Err(ServiceError::Died { how, output: victim.output().text() });
        }
        match ask(address, &spec.ready) {
            Ok(()) => return Ok(()),
            Err(reason) if Instant::now() >= deadline => {
                return Err(ServiceError::NotReady { within: spec.within, reason, output: victim.output().text() });
            }
            Err(_) => std::thread::sleep(ASK),
        }
    }
}

/// Asks once whether a service is ready.
fn ask(address: SocketAddr, ready: &Ready) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(text)?;
    let Ready::Http { path, status } = ready else { return Ok(()) };
    stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(text)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(text)?;
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 256];
    while !answer.contains(&b'\n') && answer.len() < 4096 {
        match stream.read(&mut buffer).map_err(text)? {
            0 => break,
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let got: Option<u16> =
        line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse().ok());
    match got {
        Some(code) if code == *status => Ok(()),
        Some(code) => Err(format!("{path} answers {code} instead of {status}")),
        None => Err(format!("{path} is not answered in HTTP")),
    }
}

/// A port that nobody has just now. Another program may take it before the service does; then it is not ready, and says so.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// See [`Place::scratch`].
impl Place {
    /// A place in a folder.
    #[must_use]
    pub fn new(journal: Arc<Journal>, caps: Caps, scratch: &Path) -> Self {
        Self { journal, caps, scratch: scratch.to_owned() }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
