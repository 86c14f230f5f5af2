//! What one thread's users and its loop share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::net::Net;
use super::timers::{Task, Timers};
use crate::clock;
use crate::dns::Resolver;
use crate::driver::Driver;
use crate::http::Origin;
use crate::record::{Endpoint, Kind, Recorder};
use crate::spec::{Iterations, Load, Workload};
use crate::tls::{Alpn, Connector};

/// What changes while users run. Borrowed for moments only, never across a wait.
pub(crate) struct Inner {
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) net: Net,
    pub(crate) timers: Timers,
    pub(crate) recorder: Recorder,
}

/// See the module.
pub(crate) struct Reactor {
    pub(crate) inner: RefCell<Inner>,
    pub(crate) load: Arc<Load>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) connector: Connector,
    /// The load's start on the clock.
    pub(crate) start: Cell<u64>,
    /// Whether new iterations may begin.
    pub(crate) accepting: Cell<bool>,
    /// Who runs now.
    pub(crate) current: Cell<Option<Task>>,
    /// Users that wait for an arrival.
    pub(crate) idle: RefCell<Vec<Task>>,
    /// Users within an iteration.
    pub(crate) active: Cell<u64>,
    /// When each phase ends, in nanoseconds since the start.
    pub(crate) phase_ends: Vec<u64>,
    /// The series of each journey's iterations, once it is known.
    pub(crate) iterations: Vec<Cell<Option<Endpoint>>>,
    /// Iterations that nobody has claimed yet, over all threads.
    pub(crate) unclaimed: Arc<AtomicU64>,
    /// What the threads share: a journey may end the whole load.
    pub(crate) shared: Arc<super::Shared>,
}

impl Reactor {
    /// Nanoseconds of the clock at `seconds` after the start.
    pub(crate) fn at(&self, seconds: f64) -> u64 {
        self.start.get().saturating_add(clock::nanos(seconds))
    }

    /// What requests offer to speak.
    pub(crate) const fn alpn(&self) -> Alpn {
        Alpn::One
    }

    /// Whether requests to `origin` may turn out to go over HTTP/2.
    pub(crate) const fn may_speak_two(&self, origin: &Origin) -> bool {
        origin.secure && matches!(self.alpn(), Alpn::TwoOrOne | Alpn::Two)
    }

    /// The phase in which something was meant to start.
    #[inline]
    pub(crate) fn phase_of(&self, intended: u64) -> u16 {
        if self.phase_ends.len() < 2 {
            return 0;
        }
        let since = intended.saturating_sub(self.start.get());
        self.phase_ends.partition_point(|end| *end <= since).min(self.phase_ends.len() - 1) as u16
    }

    /// The series of a journey's iterations.
    #[inline]
    pub(crate) fn iterations_of(&self, journey: u16) -> Endpoint {
        let known = &self.iterations[usize::from(journey)];
        known.get().unwrap_or_else(|| {
            let nothing: Arc<str> = "".into();
            let mut inner = self.inner.borrow_mut();
            let endpoint = inner.recorder.endpoint(Kind::Iteration, journey, &nothing, &nothing);
            known.set(Some(endpoint));
            endpoint
        })
    }

    /// Takes one of the iterations that are left, for a user that has made `done`; `None` if there is none for it.
    /// Gives its number over all users where those are shared.
    pub(crate) fn claim(&self, iterations: Iterations, done: u64) -> Option<u64> {
        match iterations {
            Iterations::Endless => Some(done),
            Iterations::PerUser(most) => (done < most).then_some(done),
            Iterations::Shared(most) => {
                let left =
                    self.unclaimed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                left.ok().map(|left| most - left)
            }
        }
    }
}

impl Reactor {
    /// Whether shared iterations are all claimed: users that would begin later have nothing to do.
    pub(crate) fn is_used_up(&self) -> bool {
        matches!(self.load.workload, Workload::Users { iterations: Iterations::Shared(_), .. })
            && self.unclaimed.load(Ordering::Relaxed) == 0
    }
}

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor").field("active", &self.active.get()).finish_non_exhaustive()
    }
}

pub(crate) type SharedReactor = Rc<Reactor>;
