//! `--stream KIND=WHERE`: results leave while a run goes on, to a file of JSON lines, to Prometheus, or by OTLP.
//!
//! The run never waits: an event goes into a queue of fixed length, and what does not fit is dropped and counted. A thread
//! of its own turns events into points and sends them once a second; what the other side did not take is kept, up to a
//! bound, and sent with the next. How much was lost is told at the end.

mod http;
mod ndjson;
mod otlp;
mod points;
mod prometheus;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::event::Envelope;
use engine_core::run::{RunHeader, RunRecord};
use engine_session::Sink;

use http::Address;
use points::{Point, Points};

/// Events that wait at most.
const QUEUE: usize = 4096;

/// Points that wait at most for a server that does not take them.
const BACKLOG: usize = 50_000;

/// How often points are sent.
const PERIOD: Duration = Duration::from_secs(1);

/// Where results go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// A file of JSON lines.
    Lines(PathBuf),
    /// Remote write, or text where the address is of a push gateway.
    Prometheus(Address),
    /// OTLP over HTTP, as JSON.
    Otlp(Address),
}

impl Target {
    /// Reads `KIND=WHERE`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, place) = text.split_once('=').ok_or_else(|| unknown(text))?;
        if place.is_empty() {
            return Err(unknown(text));
        }
        match kind {
            "ndjson" => Ok(Self::Lines(PathBuf::from(place))),
            "prometheus" => Ok(Self::Prometheus(Address::parse(place, "/api/v1/write")?)),
            "otlp" => Ok(Self::Otlp(Address::parse(place, "/v1/metrics")?)),
            other => {
                let near = engine_core::nearest::hint(other, ["ndjson", "prometheus", "otlp"]);
                Err(format!("`{other}` is no kind of stream{near}"))
            }
        }
    }
}

fn unknown(text: &str) -> String {
    format!("must be ndjson=FILE, prometheus=URL or otlp=URL, got `{text}`")
}

/// A stream that was started.
#[derive(Debug)]
pub(crate) struct Stream {
    name: String,
    worker: JoinHandle<Sent>,
    dropped: Arc<AtomicU64>,
}

/// What a worker did.
#[derive(Debug, Default)]
struct Sent {
    /// What the other side did not take in time.
    lost: u64,
    /// The last error.
    error: Option<String>,
}

/// The end of a stream that the session's bus holds.
struct Feed {
    sender: SyncSender<Envelope>,
    dropped: Arc<AtomicU64>,
}

impl Sink for Feed {
    fn event(&mut self, envelope: &Envelope, _: &RunRecord) {
        if self.sender.try_send(envelope.clone()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Starts a stream: its sink for the bus, and the handle to end it with. A file is opened now.
pub(crate) fn start(name: &str, target: &Target, header: &RunHeader) -> Result<(Box<dyn Sink>, Stream), String> {
    let (sender, receiver) = sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let header = header.clone();
    let thread = std::thread::Builder::new().name("stream".to_owned());
    let worker = match target {
        Target::Lines(path) => {
            let lines = ndjson::Lines::open(path)?;
            thread.spawn(move || lines.write_all(&receiver, &header))
        }
        Target::Prometheus(address) => {
            let address = address.clone();
            thread.spawn(move || {
                let pushes = address.path.contains("/metrics/job/") || address.path.contains("/import/prometheus");
                pump(&receiver, Points::new(&header), |points| {
                    if pushes {
                        address.post("text/plain; version=0.0.4", &[], prometheus::text(points).as_bytes())
                    } else {
                        let headers = [("Content-Encoding", "snappy"), ("X-Prometheus-Remote-Write-Version", "0.1.0")];
                        address.post("application/x-protobuf", &headers, &prometheus::remote_write(points))
                    }
                })
            })
        }
        Target::Otlp(address) => {
            let address = address.clone();
            thread.spawn(move || {
                let resource = otlp::resource(&header);
                pump(&receiver, Points::new(&header), |points| {
                    address.post("application/json", &[], otlp::request(&resource, points).as_bytes())
                })
            })
        }
    };
    let worker = worker.map_err(|error| error.to_string())?;
    let feed = Feed { sender, dropped: Arc::clone(&dropped) };
    Ok((Box::new(feed), Stream { name: name.to_owned(), worker, dropped }))
}

impl Stream {
    /// Waits for what is on its way, when the bus is gone; what was lost, in a sentence.
    pub(crate) fn finish(self) -> Option<String> {
        let sent =
            self.worker.join().unwrap_or_else(|_| Sent { lost: 0, error: Some("its thread panicked".to_owned()) });
        let dropped = self.dropped.load(Ordering::Relaxed);
        let mut parts = Vec::new();
        if dropped > 0 {
            parts.push(format!("{dropped} events came faster than they could be sent"));
        }
        if sent.lost > 0 {
            parts.push(format!("{} points were not taken", sent.lost));
        }
        parts.extend(sent.error);
        (!parts.is_empty()).then(|| format!("--stream {}: {}", self.name, parts.join("; ")))
    }
}

/// Turns events into points and sends them each period until the bus is gone.
fn pump(receiver: &Receiver<Envelope>, mut points: Points, send: impl Fn(&[Point]) -> Result<(), String>) -> Sent {
    let mut sent = Sent::default();
    let mut waiting: Vec<Point> = Vec::new();
    let mut due = Instant::now() + PERIOD;
    loop {
        let open = match receiver.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(envelope) => {
                points.of(&envelope, &mut waiting);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        if open && Instant::now() < due {
            continue;
        }
        due = Instant::now() + PERIOD;
        if !waiting.is_empty() {
            match send(&waiting) {
                Ok(()) => waiting.clear(),
                Err(error) => sent.error = Some(error),
            }
        }
        // The oldest go first: who looks at a chart looks at now.
        let surplus = waiting.len().saturating_sub(BACKLOG);
        waiting.drain(..surplus);
        sent.lost += surplus as u64;
        if !open {
            sent.lost += waiting.len() as u64;
            if sent.lost == 0 {
                // All got there in the end.
                sent.error = None;
            }
            return sent;
        }
    }
}
