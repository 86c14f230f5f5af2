//! Queues that never were, on clocks that are numbers, with limits known from theory: for the tests of search and sweep.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine_core::stats::Stream;

/// A time that can be ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Time(pub(crate) f64);

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A first-come-first-served queue with several servers, open to arrivals.
#[derive(Debug)]
pub(crate) struct Queue {
    stream: Stream,
    clock: f64,
    free: BinaryHeap<Reverse<Time>>,
    /// Mean service time, in seconds.
    mean: f64,
    /// Whether arrivals and services are exponential, or constant.
    random: bool,
    /// With so many waiting, each service takes twice as long (thrashing).
    thrashes: Option<usize>,
    ends: std::collections::VecDeque<f64>,
}

/// What a trial saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    /// In order of arrival, in seconds.
    pub(crate) responses: Vec<f64>,
}

impl Queue {
    pub(crate) fn new(seed: u64, servers: usize, mean: f64, random: bool) -> Self {
        Self {
            stream: Stream::new(seed, &[]),
            clock: 0.0,
            free: (0..servers).map(|_| Reverse(Time(0.0))).collect(),
            mean,
            random,
            thrashes: None,
            ends: std::collections::VecDeque::new(),
        }
    }

    pub(crate) fn thrashing(self, waiting: usize) -> Self {
        Self { thrashes: Some(waiting), ..self }
    }

    pub(crate) fn send(&mut self, rate: f64, seconds: f64) -> Seen {
        let until = self.clock + seconds;
        let mut seen = Seen { started: 0, ended: 0, responses: Vec::new() };
        let mut at = self.clock;
        loop {
            at += if self.random { self.stream.exponential() } else { 1.0 } / rate;
            if at >= until {
                break;
            }
            while self.ends.front().is_some_and(|end| *end <= at) {
                self.ends.pop_front();
            }
            let slow = if self.thrashes.is_some_and(|most| self.ends.len() > most) { 2.0 } else { 1.0 };
            let service = slow * self.mean * if self.random { self.stream.exponential() } else { 1.0 };
            let Some(Reverse(Time(free))) = self.free.pop() else { break };
            let end = free.max(at) + service;
            self.free.push(Reverse(Time(end)));
            if self.thrashes.is_some() {
                self.ends.push_back(end);
            }
            seen.started += 1;
            seen.ended += u64::from(end <= until);
            seen.responses.push(end - at);
        }
        self.clock = until;
        seen
    }

    /// Waits until the last has gone.
    pub(crate) fn drain(&mut self) {
        let last = self.free.iter().map(|Reverse(Time(free))| *free).fold(self.clock, f64::max);
        self.clock = last + self.mean;
        self.ends.clear();
    }
}

/// Probability that an arrival at `c` servers has to wait, each busy `a / c` of the time (Erlang's C).
pub(crate) fn erlang_c(c: usize, a: f64) -> f64 {
    let mut blocked = 1.0;
    for k in 1..=c {
        blocked = a * blocked / (k as f64 + a * blocked);
    }
    let busy = a / c as f64;
    blocked / (1.0 - busy * (1.0 - blocked))
}

/// Share of responses of an M/M/c queue that are longer than `t`.
pub(crate) fn longer(c: usize, mean: f64, rate: f64, t: f64) -> f64 {
    let (mu, a) = (1.0 / mean, rate * mean);
    if a >= c as f64 {
        return 1.0;
    }
    let spare = c as f64 - 1.0 - a;
    let waits = erlang_c(c, a);
    // With a mean of one server to spare, both exponentials have the same rate.
    let joint = if spare.abs() < 1e-9 { mu * t } else { -(-mu * t * spare).exp_m1() / spare };
    (-mu * t).exp() * (1.0 + waits * joint)
}

/// The rate at which the quantile `q` of responses is `t`.
pub(crate) fn limit(c: usize, mean: f64, q: f64, t: f64) -> f64 {
    let (mut low, mut high) = (0.0, c as f64 / mean);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if longer(c, mean, middle, t) <= 1.0 - q { low = middle } else { high = middle }
    }
    low
}

/// Users that think and then queue for one of `c` servers (M/M/c with a finite population): throughput and mean response
/// in the steady state, from the balance of births and deaths.
pub(crate) fn closed(users: usize, c: usize, mean: f64, think: f64) -> (f64, f64) {
    let mut weights = vec![1.0_f64];
    for k in 1..=users {
        let births = (users - k + 1) as f64 / think;
        let deaths = k.min(c) as f64 / mean;
        weights.push(weights[k - 1] * births / deaths);
    }
    let total: f64 = weights.iter().sum();
    let rate: f64 = weights.iter().enumerate().map(|(k, w)| w / total * k.min(c) as f64 / mean).sum();
    let inside: f64 = weights.iter().enumerate().map(|(k, w)| w / total * k as f64).sum();
    (rate, inside / rate)
}
