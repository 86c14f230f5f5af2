//! Who is broken, and by what: the victim started or found, and the proxy in front of it where its network shall be bad.

use std::net::SocketAddr;
use std::sync::Arc;

use engine_core::fault::{FaultShape, ReadyShape, VictimKind, VictimShape};
use engine_core::step::{Failure, FailureKind, Skip, SkipKind};
use engine_faults::fault::{Fault, FaultError, Injected, Plan, Subject, find_fault, foreign, inject};
use engine_faults::journal::Journal;
use engine_faults::process::Ident;
use engine_faults::proxy::{Proxy, Toxic};
use engine_faults::service::{Place, Ready, Service, ServiceError, ServiceSpec};
use engine_faults::victim::{Spec, VictimError};
use engine_faults::{Caps, JournalError};
use engine_probes::ProbeError;

use super::Faults;

/// Time that a victim has to end politely, in seconds.
const GRACE: f64 = 1.0;

/// A victim lives so much longer than the load, at most, in seconds: it starts before and ends after it.
const LONGER: f64 = 60.0;

/// See the module.
pub(super) struct Scene {
    pub(super) who: Who,
    pub(super) proxy: Option<Proxy>,
    plan: Plan,
    journal: Arc<Journal>,
    caps: Caps,
    /// How long the fault may be there, in seconds.
    longest: f64,
}

/// The victim.
pub(super) enum Who {
    Ours(Box<Service>),
    Foreign(Ident),
}

/// A fault that is there.
pub(super) enum Active {
    Victim(Box<Injected>),
    Network,
}

fn failure(kind: FailureKind, message: impl Into<String>) -> ProbeError {
    ProbeError::Failed(Failure::new(kind, message))
}

impl Scene {
    /// Opens the journal and starts the victim.
    pub(super) fn start(
        setup: &Faults,
        fault: &FaultShape,
        scratch: &std::path::Path,
        seed: u64,
    ) -> Result<Self, ProbeError> {
        let def = find_fault(&fault.inject.id);
        let def = def.ok_or_else(|| ProbeError::failed(format!("there is no fault `{}`", fault.inject.id)))?;
        let plan = def.plan(&fault.inject.args).map_err(|error| ProbeError::failed(error.to_string()))?;
        let journal = Journal::open(&setup.journal, setup.launcher.clone())
            .map_err(|error| failure(FailureKind::Probe, format!("the undo journal: {error}")))?;
        let caps = setup.caps.clone();
        let longest = fault.lasts + 10.0;
        let who = match &fault.victim.what {
            VictimKind::Process { pid, name } => {
                let ident = foreign(*pid, name).map_err(|error| failure(FailureKind::Permission, error.to_string()))?;
                Who::Foreign(ident)
            }
            _ => {
                let place = Place::new(Arc::clone(&journal), caps.clone(), scratch);
                let spec = spec(setup, fault, &plan, caps.longest);
                Who::Ours(Box::new(Service::start(&place, &spec).map_err(of_service)?))
            }
        };
        let proxy = match (&plan, &who) {
            (Plan::Network(_), Who::Ours(service)) => {
                let proxy = Proxy::start(service.address(), seed);
                Some(proxy.map_err(|error| ProbeError::failed(format!("no proxy: {error}")))?)
            }
            (Plan::Network(_), Who::Foreign(_)) => {
                let skip = Skip::new(
                    SkipKind::Platform,
                    "the connections of a process that was there before cannot be led through a proxy",
                    "let the scenario start it, as a `service(..)`",
                );
                return Err(ProbeError::Skip(skip));
            }
            _ => None,
        };
        Ok(Self { who, proxy, plan, journal, caps, longest })
    }

    /// Where the load goes; none where the scenario names it.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let own = match &self.who {
            Who::Ours(service) => Some(service.address()),
            Who::Foreign(_) => None,
        };
        self.proxy.as_ref().map(Proxy::address).or(own)
    }

    /// Breaks it. Gives the fault, by which mechanism, and what was passed over.
    pub(super) fn inject(&self) -> Result<(Active, String, Vec<String>), FaultError> {
        let (fault, wanted) = match &self.plan {
            Plan::Victim(fault, wanted) => (fault, *wanted),
            Plan::Network(toxic) => return self.infect(toxic),
        };
        let one = |subject: &Subject<'_>| {
            let injected = inject(&self.journal, &self.caps, subject, fault, wanted, self.longest)?;
            let (how, passed_over) = (injected.mechanism.clone(), injected.passed_over.clone());
            Ok((Active::Victim(Box::new(injected)), how, passed_over))
        };
        match &self.who {
            Who::Foreign(ident) => one(&Subject::Process(ident)),
            Who::Ours(service) => {
                let victim = service.victim().ok_or_else(|| FaultError::Gone("it is down already".to_owned()))?;
                one(&Subject::from(&*victim))
            }
        }
    }

    fn infect(&self, toxic: &Toxic) -> Result<(Active, String, Vec<String>), FaultError> {
        let proxy = self.proxy.as_ref().ok_or_else(|| FaultError::Failed("there is no proxy".to_owned()))?;
        proxy.set(vec![toxic.clone()]).map_err(|error| FaultError::Failed(error.to_string()))?;
        let open = proxy.counts().open_before;
        Ok((Active::Network, format!("TCP proxy; {open} connections were open when it came"), Vec::new()))
    }

    /// How many messages or connections met the fault of the network, and how many of them it hit.
    pub(super) fn hits(&self) -> Option<(u64, u64)> {
        let counts = self.proxy.as_ref()?.counts();
        counts.asked.first().copied().zip(counts.hit.first().copied())
    }

    /// Puts it right.
    pub(super) fn heal(&self, active: Active) -> Result<(), FaultError> {
        match active {
            Active::Victim(injected) => injected.heal().map(drop),
            Active::Network => {
                let Some(proxy) = &self.proxy else { return Ok(()) };
                proxy.set(Vec::new()).map_err(|error| FaultError::Failed(error.to_string()))
            }
        }
    }
}

/// A fault's error as the session's.
pub(super) fn of_fault(error: FaultError) -> ProbeError {
    match error {
        FaultError::Skip(skip) => ProbeError::Skip(skip),
        FaultError::Refused(refused) => failure(FailureKind::Limit, format!("the fault is refused: {refused}")),
        other => ProbeError::failed(other.to_string()),
    }
}

fn of_service(error: ServiceError) -> ProbeError {
    if let ServiceError::Victim(VictimError::Skip(skip)) = error {
        return ProbeError::Skip(skip);
    }
    let kind = match &error {
        ServiceError::Victim(VictimError::Refused(_)) | ServiceError::Refused(_) => FailureKind::Limit,
        ServiceError::Victim(VictimError::Journal(_)) | ServiceError::Journal(JournalError::Io { .. }) => {
            FailureKind::Probe
        }
        // It is not there to be asked anything.
        _ => FailureKind::Unreachable,
    };
    failure(kind, error.to_string())
}

/// What is started.
fn spec(setup: &Faults, fault: &FaultShape, plan: &Plan, longest: f64) -> ServiceSpec {
    let VictimShape { what, ready, within, restart, memory, port } = &fault.victim;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let command = match what {
        VictimKind::Demo(demo) => {
            let mut demo = (**demo).clone();
            let needs_file = fault.verify || demo.store.is_some() || matches!(plan, Plan::Victim(Fault::Disk, _));
            if demo.orders.is_none() && needs_file {
                // What it acknowledges must be able to survive it, and a full disk must be able to show.
                demo.orders = Some("{data}/orders".to_owned());
            }
            let mut command = setup.target.clone();
            command.extend(words(&["--port", "{port}"]));
            command.extend(demo.arguments());
            command
        }
        VictimKind::Service(command) => command.clone(),
        VictimKind::Process { .. } => Vec::new(),
    };
    let (disk, mechanism) = match plan {
        Plan::Victim(Fault::Disk, wanted) => (Some(fault.inject.args.whole("size")), *wanted),
        _ => (None, None),
    };
    ServiceSpec {
        victim: Spec {
            command,
            memory: *memory,
            disk,
            mechanism,
            dns: matches!(plan, Plan::Victim(Fault::Dns, _)),
            clock: matches!(plan, Plan::Victim(Fault::Clock(_), _)),
            grace: GRACE,
            longest: (fault.seconds() + within + LONGER).min(longest),
            ..Spec::default()
        },
        ready: match ready {
            ReadyShape::Tcp => Ready::Tcp,
            ReadyShape::Http { path, status } => Ready::Http { path: path.clone(), status: *status },
        },
        within: *within,
        restart: *restart,
        port: *port,
    }
}
