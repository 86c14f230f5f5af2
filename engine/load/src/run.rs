//! Running a load: threads, and the collector that adds up what they record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::clock;
use crate::health::{Health, bounds, machine_time, resident};
use crate::outcome::{Conservation, Doubt, Outcome, Weight};
use crate::record::{Interval, Row, Totals};
use crate::spec::{Iterations, Load, LoadError, Pacing, Workload};
use crate::tls::Trust;
use crate::worker::{END_GRACEFULLY, END_NOW, Message, RUN, Report, Shared, Worker};

/// From the start of the threads to the first arrival: 5 ms.
const HEAD_START: u64 = 5_000_000;

/// Stack of a thread: users' heavy native work runs on it, and scripts are read there. 8 MiB, of which only what is used
/// becomes resident.
const STACK: usize = 8 << 20;

/// Ends a load from another thread or from the observer.
#[derive(Debug, Clone)]
pub struct Stopper {
    shared: Arc<Shared>,
}

impl Stopper {
    /// No new iteration begins; those under way may end within the grace.
    pub fn end(&self) {
        let _ = self.shared.stop.compare_exchange(RUN, END_GRACEFULLY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Seconds since the load's start, by which its arrivals are due; none before it has one.
    pub fn elapsed(&self) -> Option<f64> {
        let start = self.shared.start.load(Ordering::Relaxed);
        (start > 0).then(|| (clock::now() as f64 - start as f64) / 1e9)
    }

    /// Everything is cut off now, and counted as such.
    pub fn end_now(&self) {
        self.shared.stop.store(END_NOW, Ordering::Relaxed);
    }
}

/// A load that is ready to run.
#[derive(Debug)]
pub struct Runner {
    shared: Arc<Shared>,
}

impl Runner {
    /// Checks a load and makes it ready.
    ///
    /// # Errors
    /// If it is impossible.
    pub fn new(mut load: Load) -> Result<Self, LoadError> {
        load.check()?;
        // A thread without a user would leave its arrivals waiting.
        load.threads = load.threads.min(load.most_users());
        let unclaimed = match &load.workload {
            Workload::Users { iterations: Iterations::Shared(count), .. } => *count,
            _ => 0,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let spin = match load.pacing {
            Pacing::Spin => true,
            Pacing::Sleep => false,
            Pacing::Auto => matches!(load.workload, Workload::Arrivals { .. }) && load.threads < cores,
        };
        let threads = load.threads;
        let trust = Arc::new(Trust::new(load.tls.clone()));
        let shared = Shared {
            load: Arc::new(load),
            resolver: Arc::default(),
            trust,
            unclaimed: Arc::new(AtomicU64::new(unclaimed)),
            stop: AtomicU8::new(RUN),
            ready: Barrier::new(threads),
            failed: AtomicU8::new(0),
            start: AtomicU64::new(0),
            spin,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What ends the load from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper { shared: Arc::clone(&self.shared) }
    }

    /// Runs the load to its end, on threads of its own. `observe` sees every interval, a moment after its end; it runs on
    /// the calling thread.
    ///
    /// # Errors
    /// If a thread cannot be set up.
    pub fn run(self, observe: &mut dyn FnMut(&Interval)) -> Result<Outcome, LoadError> {
        let before = machine_time();
        let (send, receive) = channel();
        let (backs, rows): (Vec<_>, Vec<_>) = (0..self.shared.load.threads).map(|_| channel()).unzip();
        let threads: Vec<_> = (0..self.shared.load.threads as u32)
            .zip(rows)
            .map(|(id, back)| {
                let (shared, send) = (Arc::clone(&self.shared), send.clone());
                let thread = std::thread::Builder::new().name(format!("engine-load-{id}")).stack_size(STACK);
                thread.spawn(move || {
                    let report = work(id, &shared, &send, &back);
                    let _ = send.send(Message::Ended(report));
                })
            })
            .collect();
        drop(send);
        if let Some(Err(error)) = threads.iter().find(|thread| thread.is_err()) {
            // Those that did start wait for the others for ever, so they are left behind.
            return Err(LoadError::Start(error.to_string()));
        }
        let collected = collect(&receive, &backs, observe);
        let mut crashed = false;
        for thread in threads.into_iter().flatten() {
            crashed |= thread.join().is_err();
        }
        let mut collected = collected;
        if crashed {
            collected.errors.push("a thread of the generator panicked".into());
        }
        if self.shared.failed.load(Ordering::Relaxed) != 0 {
            return Err(LoadError::Start(collected.errors.join("; ")));
        }
        Ok(self.outcome(collected, before))
    }

    fn outcome(&self, collected: Collected, before: (u64, u64)) -> Outcome {
        let Collected { totals, connections, reports, errors } = collected;
        let load = &self.shared.load;
        let requests = totals.requests();
        let mut conservation = Conservation::of(&totals);
        for report in &reports {
            conservation.scheduled += report.scheduled;
            conservation.arrived += report.started;
            conservation.dropped += report.dropped;
            conservation.not_started += report.not_started;
        }
        let (descriptors, ports) = bounds();
        let after = machine_time();
        let ended = reports.iter().map(|report| report.ended_at).max().unwrap_or(0) as f64 / 1e9;
        let seconds = reports.iter().map(|report| report.accepted_until).max().unwrap_or(0) as f64 / 1e9;
        // Lag is of what was sent; what never was would make the generator look late for the target's fault.
        let sent = totals.sum(|label| label.kind == crate::record::Kind::Request);
        let lag = |q| sent.lag.value_at_quantile(q).map_or(0.0, |value| value.floor() as f64 / 1e9);
        let health = Health {
            cpu: reports.iter().map(|report| report.cpu as f64 / 1e9).collect(),
            seconds: ended,
            lag_p50: lag(0.5),
            lag_p99: lag(0.99),
            connections: connections.most,
            descriptors,
            ports,
            connected: requests.connections,
            steal: after.1.saturating_sub(before.1) as f64 / after.0.saturating_sub(before.0).max(1) as f64,
            resident: resident(),
        };
        let open = matches!(load.workload, Workload::Arrivals { .. });
        let mut doubts = health.doubts(&requests, self.shared.spin, open);
        doubts.extend(
            conservation.violations().into_iter().chain(errors).map(|reason| Doubt { weight: Weight::Invalid, reason }),
        );
        let panics: u64 = reports.iter().map(|report| report.panics).sum();
        if panics > 0 {
            doubts.push(Doubt { weight: Weight::Degraded, reason: format!("a journey panicked {panics} times") });
        }
        Outcome {
            driver: reports.iter().find_map(|report| report.driver).unwrap_or(crate::driver::DriverKind::Epoll),
            threads: load.threads,
            spinning: self.shared.spin,
            catch_up: match &load.workload {
                Workload::Arrivals { catch_up, .. } => Some(catch_up.to_string()),
                Workload::Users { .. } => None,
            },
            seconds,
            drained: (ended - seconds).max(0.0),
            totals,
            conservation,
            health,
            doubts,
            stopped: self.shared.stop.load(Ordering::Relaxed) != RUN,
        }
    }
}

/// One thread from its set-up to its report.
fn work(id: u32, shared: &Arc<Shared>, send: &Sender<Message>, back: &Receiver<Vec<Row>>) -> Report {
    let worker = Worker::new(id, Arc::clone(shared));
    if worker.is_err() {
        shared.failed.store(1, Ordering::Relaxed);
    }
    if shared.ready.wait().is_leader() {
        shared.start.store(clock::now() + HEAD_START, Ordering::Relaxed);
    }
    shared.ready.wait();
    let start = shared.start.load(Ordering::Relaxed);
    let worker = match worker {
        Ok(worker) if shared.failed.load(Ordering::Relaxed) == 0 => worker,
        Ok(_) => return Report::default(),
        Err(failure) => return Report { error: Some(failure.to_string()), ..Report::default() },
    };
    std::thread::sleep(Duration::from_nanos(start.saturating_sub(clock::now() + HEAD_START / 10)));
    while clock::now() < start {
        std::hint::spin_loop();
    }
    worker.run(start, send, back)
}

/// Open connections of all threads, as each reported last, and the most that they were.
#[derive(Default)]
struct Connections {
    last: BTreeMap<u32, u64>,
    most: u64,
}

impl Connections {
    fn apply(&mut self, interval: &Interval) {
        self.last.insert(interval.source, interval.connections);
        self.most = self.most.max(self.last.values().sum());
    }
}

#[derive(Default)]
struct Collected {
    totals: Totals,
    connections: Connections,
    reports: Vec<Report>,
    errors: Vec<String>,
}

/// Adds up until all threads have ended. Rows that were seen go back empty to their thread, so that the memory of a load
/// does not rise and fall with every second, and no thread that records waits for new pages.
fn collect(receive: &Receiver<Message>, backs: &[Sender<Vec<Row>>], observe: &mut dyn FnMut(&Interval)) -> Collected {
    let mut collected = Collected::default();
    while let Ok(message) = receive.recv() {
        match message {
            Message::Interval(interval) => {
                collected.totals.apply(&interval);
                collected.connections.apply(&interval);
                observe(&interval);
                let timed = interval.rows.into_iter().filter(|(label, _)| label.kind.is_timed());
                let rows = timed.map(|(_, mut row)| {
                    row.clear();
                    row
                });
                if let Some(back) = backs.get(interval.source as usize) {
                    // A thread that has ended wants none.
                    let _ = back.send(rows.collect());
                }
            }
            Message::Ended(mut report) => {
                collected.errors.extend(report.error.take());
                collected.reports.push(report);
            }
        }
    }
    collected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_connections_are_of_all_threads_at_once() {
        let mut connections = Connections::default();
        for (source, open) in [(0, 3), (1, 4), (0, 1), (1, 5), (0, 0)] {
            let interval = Interval { source, connections: open, ..Interval::default() };
            connections.apply(&interval);
        }
        assert_eq!(connections.most, 7);
    }
}
