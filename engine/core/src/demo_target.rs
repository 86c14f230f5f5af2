//! The demo target: a small shop that is slow, full, broken or frozen exactly as it is told to be. Its settings as plain
//! data, as words of a command line, and the service times that follow from them.
//!
//! A target whose truth is known is what a load generator is checked against: with exponential service times and `c`
//! workers it is an M/M/c queue.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::stats::Stream;

mod text;

pub use text::TextError;

/// How long a request holds a worker. All times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTime {
    /// Always the same.
    Constant {
        /// The time.
        mean: f64,
    },
    /// Exponential: the M of M/M/c.
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// Log-normal: skewed, as real services are.
    LogNormal {
        /// Its mean (not that of the logarithm).
        mean: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Anything between two bounds, equally likely.
    Uniform {
        /// The shortest.
        from: f64,
        /// The longest.
        to: f64,
    },
}

impl ServiceTime {
    /// The mean, in seconds.
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Constant { mean } | Self::Exponential { mean } | Self::LogNormal { mean, .. } => mean,
            Self::Uniform { from, to } => 0.5 * (from + to),
        }
    }

    /// One service time in seconds; at most one draw of `stream`.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        match *self {
            Self::Constant { mean } => mean,
            Self::Exponential { mean } => mean * stream.exponential(),
            // The mean of exp(N(m, s^2)) is exp(m + s^2 / 2).
            Self::LogNormal { mean, sigma } => mean * (sigma * stream.normal() - 0.5 * sigma * sigma).exp(),
            Self::Uniform { from, to } => from + (to - from) * stream.unit_f64(),
        }
    }
}

/// A time in which the target is frozen: it finishes nothing and answers nothing, and goes on afterwards where it was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// When it begins, in seconds since the first request (of a route that serves users: neither health nor metrics).
    pub at: f64,
    /// How long it lasts, in seconds.
    pub lasts: f64,
    /// After how many seconds it comes again; only once without.
    #[serde(default)]
    pub every: Option<f64>,
}

/// A target that is slow at first, as after a restart with cold caches: service times fall in a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Warmup {
    /// How many times as long service takes at first.
    pub factor: f64,
    /// Over how many seconds that falls to one.
    pub seconds: f64,
}

impl Warmup {
    /// How many times as long service takes so many seconds after the start.
    pub fn factor_at(&self, seconds: f64) -> f64 {
        let left = (1.0 - seconds.max(0.0) / self.seconds).max(0.0);
        1.0 + (self.factor - 1.0) * left
    }
}

/// Where orders are kept when they are kept in a database, and whether that is done rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// An order is acknowledged when it was written.
    Right,
    /// An order is acknowledged before it is written: a crash loses what was acknowledged last.
    Wrong,
}

impl Store {
    /// As the command line says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

/// All settings of the demo target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoTarget {
    /// How long a request of the shop holds a worker.
    pub service: ServiceTime,
    /// Workers: so many requests are served at the same time, the others wait in order of arrival.
    pub workers: u32,
    /// Requests that may wait; one more is refused with 503. No bound without.
    pub queue: Option<u64>,
    /// Whether service takes a processor's time instead of sleeping.
    pub cpu_bound: bool,
    /// Share of requests answered with 500, 0 to 1.
    pub errors: f64,
    /// Bytes that the bodies of the shop's pages have at least.
    pub body: u64,
    /// When it is frozen.
    pub stalls: Vec<Stall>,
    /// Seconds from the start of the process until it listens.
    pub start_delay: f64,
    /// Slow service at first.
    pub warmup: Option<Warmup>,
    /// Bytes of memory that each request of the shop leaves behind.
    pub leak: u64,
    /// File in which orders are kept, so that they survive a crash; only in memory without.
    pub orders: Option<String>,
    /// Keeps orders in SQLite, in the file of `orders` or in memory.
    pub store: Option<Store>,
    /// What `X-Admin` must hold for `POST /admin/reset`; anybody may without.
    pub admin: Option<String>,
    /// Whether its port refuses connections.
    pub down: bool,
    /// Decides service times, errors and tokens.
    pub seed: u64,
}

impl Default for DemoTarget {
    /// Eight workers of 2 ms each: 4,000 requests a second and no more.
    fn default() -> Self {
        Self {
            service: ServiceTime::LogNormal { mean: 2e-3, sigma: 0.5 },
            workers: 8,
            queue: None,
            cpu_bound: false,
            errors: 0.0,
            body: 0,
            stalls: vec![],
            start_delay: 0.0,
            warmup: None,
            leak: 0,
            orders: None,
            store: None,
            admin: None,
            down: false,
            seed: 1,
        }
    }
}

/// Why settings are impossible.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("`{name}` of the demo target must be {want}, got `{got}`")]
pub struct DemoTargetError {
    /// Which setting.
    pub name: &'static str,
    /// What it must be.
    pub want: &'static str,
    /// What it is.
    pub got: String,
}

/// The longest time that makes sense: a year.
const LONGEST: f64 = 365.0 * 86_400.0;

impl DemoTarget {
    /// The most that pages may be padded to, and that a request may leave behind: 64 MiB.
    pub const LARGEST_BODY: u64 = 64 << 20;

    /// Checks all settings.
    ///
    /// # Errors
    /// The first that is impossible.
    pub fn check(&self) -> Result<(), DemoTargetError> {
        let want = |good: bool, name, want, got: &dyn std::fmt::Display| {
            if good { Ok(()) } else { Err(DemoTargetError { name, want, got: got.to_string() }) }
        };
        let time = |seconds: f64| (0.0..=LONGEST).contains(&seconds);
        let service = match self.service {
            ServiceTime::Constant { mean } | ServiceTime::Exponential { mean } => time(mean),
            ServiceTime::LogNormal { mean, sigma } => time(mean) && (0.0..=5.0).contains(&sigma),
            ServiceTime::Uniform { from, to } => time(from) && time(to) && from <= to,
        };
        let of = "times from 0 to a year, a sigma from 0 to 5, and a range that rises";
        want(service, "service", of, &self.service)?;
        // A thread each when service takes a processor's time.
        let workers = if self.cpu_bound { 1..=256 } else { 1..=100_000 };
        want(workers.contains(&self.workers), "workers", "1 to 100,000 (1 to 256 if CPU-bound)", &self.workers)?;
        want((0.0..=1.0).contains(&self.errors), "errors", "a share from 0 to 1", &self.errors)?;
        want(self.body <= Self::LARGEST_BODY, "body", "at most 64 MiB", &self.body)?;
        want(self.leak <= Self::LARGEST_BODY, "leak", "at most 64 MiB", &self.leak)?;
        want(time(self.start_delay), "start_delay", "a time up to a year", &self.start_delay)?;
        for stall in &self.stalls {
            let apart = stall.every.is_none_or(|every| time(every) && every > stall.lasts);
            let of = "times up to a year, and coming again only after its end";
            want(time(stall.at) && time(stall.lasts) && apart, "stalls", of, stall)?;
        }
        if let Some(warmup) = &self.warmup {
            let good = (1.0..=1e6).contains(&warmup.factor) && time(warmup.seconds) && warmup.seconds > 0.0;
            want(good, "warmup", "a factor from 1 to 1,000,000 over a positive time", warmup)?;
        }
        Ok(())
    }

    /// How long request `n` of the shop (counted from 0 in order of arrival) holds a worker when the target is warm.
    pub fn service_of(&self, n: u64) -> f64 {
        self.service.draw(&mut self.stream("service", n))
    }

    /// Whether request `n` of the shop fails.
    pub fn fails(&self, n: u64) -> bool {
        self.errors > 0.0 && self.stream("error", n).unit_f64() < self.errors
    }

    /// The randomness of one purpose for one request: the same whatever came before and in whatever order.
    pub fn stream(&self, purpose: &str, n: u64) -> Stream {
        Stream::new(self.seed, &[Stream::key_of(purpose), n])
    }
}

#[cfg(test)]
mod tests;
