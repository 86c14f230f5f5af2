//! What is to be run: target, journeys, workload, and the ways to do it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::driver::DriverChoice;
use crate::http::Origin;
use crate::journey::Journey;
use crate::model::{ArrivalPlan, Shares, UserPhase, UserPhaseError, most_users, set_apart, total_seconds};
use crate::tls::TlsOptions;

/// A load.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where paths go. Without it, requests need full addresses.
    pub target: Option<Origin>,
    /// Journeys and their weights.
    pub journeys: Vec<(Arc<dyn Journey>, f64)>,
    /// Who comes when.
    pub workload: Workload,
    /// Decides everything random: arrivals, think times, journeys, what users draw.
    pub seed: u64,
    /// Threads, each with its own sockets, users and programs. They change no schedule.
    pub threads: usize,
    /// How sockets are driven.
    pub driver: DriverChoice,
    /// How a thread waits for what is due.
    pub pacing: Pacing,
    /// How long iterations may go on after the load's end before they are cut off, in seconds.
    pub grace: f64,
    /// Which hosts may be sent traffic.
    pub permit: Permit,
    /// Bounds on what a target or a journey can make us hold.
    pub limits: Limits,
    /// How encrypted connections are made.
    pub tls: TlsOptions,
}

/// Who comes when.
#[derive(Debug, Clone)]
pub enum Workload {
    /// A closed model: so many users, each starting its next iteration when the last has ended.
    Users {
        /// How many, over time.
        phases: Vec<UserPhase>,
        /// How many iterations.
        iterations: Iterations,
        /// Over how many seconds users that are due together are spread.
        spread: f64,
    },
    /// An open model: users arrive whether or not the target keeps up.
    Arrivals {
        /// When.
        plan: ArrivalPlan,
        /// Users within an iteration at the same time, at most.
        max_users: usize,
        /// What happens to arrivals that find no user free.
        catch_up: CatchUp,
    },
}

/// How many iterations a closed model makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Iterations {
    /// As many as fit into the time.
    #[default]
    Endless,
    /// So many in all, whoever is free.
    Shared(u64),
    /// So many by each user.
    PerUser(u64),
}

/// What happens to arrivals that find no user free. The time that they wait is part of their response time in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They wait, and start at once when users are free again: the backlog comes as a burst.
    #[default]
    Burst,
    /// They wait, and the backlog is worked off at so many times the rate meant.
    Limited(f64),
    /// They are dropped and counted; they have no response time.
    Skip,
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Burst => f.write_str("burst"),
            Self::Limited(factor) => write!(f, "{factor}x"),
            Self::Skip => f.write_str("skip"),
        }
    }
}

/// How a thread waits for what is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Spins where arrivals are scheduled and a core is free for each thread and for the target; sleeps otherwise.
    #[default]
    Auto,
    /// Never sleeps: late by less than a microsecond, at the cost of a whole core.
    Spin,
    /// Sleeps: a wake-up alone takes 50 to 70 us on a virtual machine.
    Sleep,
}

/// Which hosts may be sent traffic.
#[derive(Clone)]
pub struct Permit(Arc<dyn Fn(&Origin) -> bool + Send + Sync>);

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit(..)")
    }
}

impl Permit {
    /// Those for which `rule` says so.
    pub fn new(rule: impl Fn(&Origin) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    /// This machine's own loopback addresses only.
    pub fn loopback() -> Self {
        Self::new(|origin| {
            origin.host == "localhost"
                || origin.host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        })
    }

    /// Whether `origin` may be sent traffic.
    pub fn allows(&self, origin: &Origin) -> bool {
        (self.0)(origin)
    }
}

/// Bounds on what a target or a journey can make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer's body.
    pub body: u64,
    /// Series of requests and timers; more are counted together.
    pub series: usize,
    /// Connections of one user to one host at the same time over HTTP/1.1, as browsers bound them.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 << 20, series: 500, parallel: 6 }
    }
}

/// Why a load cannot run.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LoadError {
    /// No journey, or shares that are none.
    #[error("a load needs at least one journey, and shares that are positive numbers")]
    Journeys,
    /// Users are impossible.
    #[error(transparent)]
    Users(#[from] UserPhaseError),
    /// Nothing ends it.
    #[error("a load needs an end: a duration, or a number of iterations")]
    Endless,
    /// A number is impossible.
    #[error("`{name}` must be {want}, got `{got}`")]
    Number {
        /// Which.
        name: &'static str,
        /// What it must be.
        want: &'static str,
        /// What it is.
        got: f64,
    },
    /// What encrypted connections need cannot be had.
    #[error("TLS: {0}")]
    Tls(String),
    /// A thread could not be set up.
    #[error("the load cannot start: {0}")]
    Start(String),
}

impl Workload {
    /// Makes the first `seconds` a phase of its own, called `name`, so that what is meant to start in it is counted apart.
    /// Changes neither arrivals nor users.
    pub fn set_apart(&mut self, seconds: f64, name: &str) {
        match self {
            Self::Users { phases, .. } => set_apart(phases, seconds, name),
            Self::Arrivals { plan, .. } => plan.set_apart(seconds, name),
        }
    }
}

impl Load {
    /// A load with the usual settings: one thread, the best driver, 30 s of grace, loopback only.
    pub fn new(journey: Arc<dyn Journey>, workload: Workload) -> Self {
        Self {
            target: None,
            journeys: vec![(journey, 1.0)],
            workload,
            seed: 0,
            threads: 1,
            driver: DriverChoice::Auto,
            pacing: Pacing::Auto,
            grace: 30.0,
            permit: Permit::loopback(),
            limits: Limits::default(),
            tls: TlsOptions::default(),
        }
    }

    /// Checks everything that can be checked before running.
    ///
    /// # Errors
    /// If the load is impossible.
    pub fn check(&self) -> Result<(), LoadError> {
        let number =
            |good: bool, name, want, got: f64| if good { Ok(()) } else { Err(LoadError::Number { name, want, got }) };
        self.shares().ok_or(LoadError::Journeys)?;
        number((1..=1024).contains(&self.threads), "threads", "from 1 to 1024", self.threads as f64)?;
        self.tls.check().map_err(LoadError::Tls)?;
        number(self.grace >= 0.0 && self.grace.is_finite(), "grace", "a number of seconds", self.grace)?;
        match &self.workload {
            Workload::Users { phases, iterations, spread } => {
                UserPhase::check(phases)?;
                number(*spread >= 0.0 && spread.is_finite(), "spread", "a number of seconds", *spread)?;
                number(most_users(phases) > 0, "users", "at least 1 at some time", 0.0)?;
                if total_seconds(phases).is_infinite() && *iterations == Iterations::Endless {
                    return Err(LoadError::Endless);
                }
            }
            Workload::Arrivals { max_users, catch_up, .. } => {
                number((1..=1_000_000).contains(max_users), "max_users", "from 1 to 1,000,000", *max_users as f64)?;
                if let CatchUp::Limited(factor) = catch_up {
                    number(*factor > 1.0 && factor.is_finite(), "catch_up", "above 1", *factor)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn shares(&self) -> Option<Shares> {
        Shares::new(&self.journeys.iter().map(|(_, weight)| *weight).collect::<Vec<_>>())
    }

    /// Users at the same time, at most.
    pub fn most_users(&self) -> usize {
        match &self.workload {
            Workload::Users { phases, .. } => most_users(phases),
            Workload::Arrivals { max_users, .. } => *max_users,
        }
    }

    /// When no new iteration begins any more, in seconds; infinite where only iterations end it.
    pub fn duration(&self) -> f64 {
        match &self.workload {
            Workload::Users { phases, .. } => total_seconds(phases),
            Workload::Arrivals { plan, .. } => plan.duration(),
        }
    }

    /// Names of the phases and when each ends, in seconds.
    pub fn phase_ends(&self) -> Vec<(Arc<str>, f64)> {
        match &self.workload {
            Workload::Users { phases, .. } => {
                let mut end = 0.0;
                phases
                    .iter()
                    .map(|phase| {
                        end += phase.duration;
                        (phase.name.as_str().into(), end)
                    })
                    .collect()
            }
            Workload::Arrivals { plan, .. } => {
                plan.phase_ends().iter().map(|(name, end)| (name.as_str().into(), *end)).collect()
            }
        }
    }
}
