//! Watching processes: a background thread that reads what the processes of a target do, once a second, and what their
//! own counters say.
//!
//! From `/proc/PID/{stat,status,io,fd}` of each process and all its descendants. What would make the numbers wrong:
//! descendants that are handed to another parent when theirs dies are no longer counted; a process that lives for less
//! than a period shows only in its parent's CPU time and bytes; the switches of threads that end within a period are not
//! counted; bytes are those that reach or leave the storage layer, not what is read from the page cache or from sockets.
//! Counters are fetched by a thread for each address, so that a target that hangs delays no sample.

mod fetch;
mod table;
mod totals;

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::process_sample::{Counter, ProcessSample, Watched};

use super::live;
use super::tree::Tree;
pub(crate) use table::Table;
use totals::{Totals, Usage};

/// What is watched and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What the scenario calls it.
    pub name: String,
    /// The process; `None` where only counters are watched.
    pub process: Option<Watched>,
    /// Address of its own counters, such as `http://127.0.0.1:8080/metrics`: Prometheus' text format, or JSON with numbers
    /// in it. Whoever starts a watcher has asked whether this host may be talked to.
    pub counters: Option<String>,
}

/// A running watcher. Dropping it stops it as well.
#[derive(Debug)]
pub struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Duration>>,
}

/// What the last fetch gave.
type Fetched = Arc<Mutex<Option<Result<Vec<Counter>, String>>>>;

impl Watcher {
    /// Starts a watcher that hands `send` one sample of each watch a period, the first after one period. `send` runs on
    /// the watcher's thread.
    ///
    /// # Errors
    /// When the system refuses another thread.
    pub fn start(
        what: Vec<Watch>,
        period: Duration,
        mut send: Box<dyn FnMut(ProcessSample) + Send>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("watcher".to_owned()).spawn(move || {
            let begun = live::thread_cpu();
            let mut sampler = Sampler::new(Tree::new(Path::new("/")), what, period);
            let mut due = Instant::now() + period;
            while let Err(RecvTimeoutError::Timeout) =
                stopped.recv_timeout(due.saturating_duration_since(Instant::now()))
            {
                // A late sample does not make the next ones late; missed ones are not caught up with.
                due = (due + period).max(Instant::now());
                sampler.sample(&mut send);
            }
            live::thread_cpu().saturating_sub(begun)
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops the watcher; gives the CPU time that its thread took, without the fetching of counters. A `send` that panicked
    /// ended it early and leaves nothing to say.
    pub fn stop(mut self) -> Duration {
        self.end()
    }

    fn end(&mut self) -> Duration {
        drop(self.stop.take());
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.end();
    }
}

/// Holds the totals before, of which a sample is the difference.
struct Sampler {
    tree: Tree,
    started: Instant,
    last: Instant,
    watches: Vec<(Watch, Totals, Option<Counters>)>,
}

/// A thread that fetches counters when asked to.
struct Counters {
    ask: Sender<()>,
    fetched: Fetched,
}

impl Sampler {
    fn new(tree: Tree, what: Vec<Watch>, period: Duration) -> Self {
        let started = Instant::now();
        let table = Table::read(&tree);
        let watches = what
            .into_iter()
            .map(|watch| {
                let totals = Totals::new(&tree, &table, watch.process.as_ref());
                let counters = watch.counters.as_deref().map(|address| Counters::start(address, period));
                (watch, totals, counters)
            })
            .collect();
        Self { tree, started, last: started, watches }
    }

    fn sample(&mut self, send: &mut dyn FnMut(ProcessSample)) {
        let table = Table::read(&self.tree);
        let now = Instant::now();
        let (at, seconds) = ((now - self.started).as_secs_f64(), (now - self.last).as_secs_f64());
        self.last = now;
        for (watch, totals, counters) in &mut self.watches {
            let usage = totals.advance(&self.tree, &table, watch.process.as_ref());
            let (values, error) = counters.as_ref().map_or((vec![], None), Counters::take);
            send(sample_of(watch.name.clone(), at, seconds, usage, values, error));
        }
    }
}

fn sample_of(
    name: String,
    at: f64,
    seconds: f64,
    usage: Usage,
    counters: Vec<Counter>,
    counters_error: Option<String>,
) -> ProcessSample {
    let rate = |amount: Option<f64>| amount.filter(|_| seconds > 0.0).map(|amount| amount / seconds);
    ProcessSample {
        name,
        at,
        seconds,
        processes: usage.processes,
        cpu: rate(usage.cpu),
        rss: usage.rss,
        fds: usage.fds,
        threads: usage.threads,
        switches: rate(usage.switches),
        read: rate(usage.read),
        written: rate(usage.written),
        counters,
        counters_error,
    }
}

impl Counters {
    /// The thread is not waited for: a fetch that hangs ends by its own limit. Where no thread can be had, nothing is ever
    /// fetched, and that is said.
    fn start(address: &str, period: Duration) -> Self {
        let (ask, asked): (_, Receiver<()>) = mpsc::channel();
        let fetched = Fetched::default();
        let (address, to) = (address.to_owned(), Arc::clone(&fetched));
        let limit = period.clamp(Duration::from_millis(100), Duration::from_secs(2));
        let work = move || {
            while asked.recv().is_ok() {
                let result = fetch::counters(&address, limit);
                *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                // What was asked meanwhile is answered by this.
                while asked.try_recv().is_ok() {}
            }
        };
        if let Err(error) = std::thread::Builder::new().name("counters".to_owned()).spawn(work) {
            *fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(Err(error.to_string()));
        }
        let counters = Self { ask, fetched };
        counters.ask();
        counters
    }

    fn ask(&self) {
        // A thread that never was leaves nobody to ask.
        let _ = self.ask.send(());
    }

    /// What has come since the last call; asks for the next.
    fn take(&self) -> (Vec<Counter>, Option<String>) {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.ask();
        match fetched {
            Some(Ok(counters)) => (counters, None),
            Some(Err(error)) => (vec![], Some(error)),
            None => (vec![], None),
        }
    }
}

#[cfg(test)]
mod tests;
