//! `setup` and `teardown` that talk to the target: one user makes one iteration, as in a load, and is counted nowhere.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use engine_core::step::{Failure, FailureKind};
use engine_load::model::UserPhase;
use engine_load::spec::{Iterations, Load, Permit, Workload};
use engine_load::{ErrorClass, Journey, Runner};
use engine_session::ProbeError;
use rhai::Engine;

use super::{Copies, call};
use crate::host::{Host, Phase};
use crate::journey::{Purpose, Refused, ScriptJourney};
use crate::kept::Kept;
use crate::plain::Plain;
use crate::verbs::Place;

/// Runs the functions of `setup` of a part, or of the scenarios that are none; what they return is there for the users of
/// their scenario.
pub(super) fn setup(
    host: &Host,
    engine: &Engine,
    copies: &Copies,
    part: Option<&str>,
    (seed, deadline): (u64, Instant),
) -> Result<(), ProbeError> {
    let (all, parts) = {
        let builder = host.builder.borrow();
        (builder.setup.clone(), builder.parts.clone())
    };
    let of = |kept: &Kept| parts.iter().map(|part| &part.name).find(|name| kept.prefix.trim_end_matches('/') == *name);
    for (at, kept) in all.iter().enumerate().filter(|(_, kept)| of(kept).map(String::as_str) == part) {
        let value = if kept.takes_point {
            visit(host, copies, Purpose::Setup(at), kept, seed, deadline)?
        } else {
            let value = call(host, engine, Phase::Around, kept, None)?;
            Plain::of(&value).map_err(|what| not_plain(&what))?
        };
        if value != Plain::Nothing {
            host.setups.borrow_mut().insert(kept.prefix.clone(), value);
        }
    }
    Ok(())
}

/// Runs all functions of `teardown`.
pub(super) fn teardown(
    host: &Host,
    engine: &Engine,
    copies: &Copies,
    seed: u64,
    deadline: Instant,
) -> Result<(), ProbeError> {
    let all = host.builder.borrow().teardown.clone();
    for (at, kept) in all.iter().enumerate() {
        if kept.takes_point {
            visit(host, copies, Purpose::Teardown(at), kept, seed, deadline)?;
        } else {
            call(host, engine, Phase::Around, kept, None).map(drop)?;
        }
    }
    Ok(())
}

fn not_plain(what: &str) -> ProbeError {
    let message = format!("`setup` must return plain data, which is copied to every thread: got {what} in it");
    ProbeError::Failed(Failure::new(FailureKind::Script, message))
}

/// One user, one iteration.
fn visit(
    host: &Host,
    copies: &Copies,
    purpose: Purpose,
    kept: &Kept,
    seed: u64,
    deadline: Instant,
) -> Result<Plain, ProbeError> {
    let name = if matches!(purpose, Purpose::Setup(_)) { "setup" } else { "teardown" };
    let known = host.setups.borrow().get(&kept.prefix).cloned().unwrap_or_default();
    let blueprint = Arc::new(copies.blueprint(purpose, known));
    let journey = ScriptJourney { blueprint: Arc::clone(&blueprint), number: 0, name: name.to_owned() };
    // Longer than the step may take is not waited for.
    let duration = deadline.saturating_duration_since(Instant::now()).as_secs_f64().clamp(0.1, 1e9);
    let phase = UserPhase { name: name.to_owned(), from: 1.0, to: 1.0, duration };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::PerUser(1), spread: 0.0 };
    let permissions = copies.options.permissions.clone();
    let target = match host.builder.borrow().around(&kept.prefix).map(|point| &point.target) {
        Some(Place::Url(_, origin, _)) => Some(origin.clone()),
        _ => None,
    };
    let load = Load {
        target,
        seed,
        grace: 0.0,
        permit: Permit::new(move |origin| permissions.allows_net(&origin.host, origin.port)),
        ..Load::new(Arc::new(journey) as Arc<dyn Journey>, workload)
    };
    let runner = Runner::new(load).map_err(|error| ProbeError::failed(error.to_string()))?;
    let stopper = runner.stopper();
    let mut look = |_: &engine_load::record::Interval| {
        if copies.cancel.load(Ordering::Relaxed) {
            stopper.end_now();
        }
    };
    let outcome = runner.run(&mut look).map_err(|error| ProbeError::failed(error.to_string()))?;
    let returned = blueprint.returned.lock().unwrap_or_else(PoisonError::into_inner).take();
    let failed = |kind, message: String| {
        let message = host.vault.redact(&message);
        Err(ProbeError::Failed(Failure { kind, message, place: Some(host.place(&kept.at)) }))
    };
    match returned {
        Some(Ok(plain)) => Ok(plain),
        Some(Err(Refused::Failed(failure))) => failed(kind(failure.class), failure.to_string()),
        Some(Err(Refused::NotPlain(what))) if name == "setup" => Err(not_plain(&what)),
        // Nobody asks what `teardown` returned.
        Some(Err(Refused::NotPlain(_))) => Ok(Plain::Nothing),
        None if copies.cancel.load(Ordering::Relaxed) => Err(ProbeError::Cancelled),
        None if outcome.stopped => Err(ProbeError::Cancelled),
        None => failed(FailureKind::Timeout, format!("`{name}` did not end in time")),
    }
}

/// What a failed visit is to the run.
const fn kind(class: ErrorClass) -> FailureKind {
    match class {
        ErrorClass::Refused | ErrorClass::Unreachable | ErrorClass::Dns | ErrorClass::ConnectTimeout => {
            FailureKind::Unreachable
        }
        ErrorClass::Denied => FailureKind::Permission,
        _ => FailureKind::Script,
    }
}
