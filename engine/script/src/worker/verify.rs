//! Whether what was acknowledged is still there: a few users ask for one key after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use engine_core::event::NoteLevel;
use engine_core::series::Labels;
use engine_core::step::{Failure, FailureKind};
use engine_load::http::Url;
use engine_load::model::UserPhase;
use engine_load::spec::{Iterations, Load, Permit, Workload};
use engine_load::{Journey, Runner};
use engine_session::ProbeError;

use super::Copies;
use crate::host::Host;
use crate::journey::{Purpose, ScriptJourney};
use crate::live::Request;

/// Who ask at the same time: enough that service times of milliseconds do not add up to minutes.
const USERS: f64 = 8.0;

/// Asks at the address `target` for everything that the last load acknowledged.
pub(super) fn verify(
    host: &Host,
    copies: &Copies,
    (index, labels): (usize, &Labels),
    target: &str,
    seed: u64,
    deadline: Instant,
) -> Result<(), ProbeError> {
    let setup = {
        let builder = host.builder.borrow();
        let point = builder.load_point(index, labels);
        let point = point.ok_or_else(|| ProbeError::failed("the scenario has no such load"))?;
        host.setups.borrow().get(&point.prefix).cloned().unwrap_or_default()
    };
    let failed = |message: String| ProbeError::Failed(Failure::new(FailureKind::Unreachable, message));
    let origin = Url::parse(target).map_err(|error| failed(format!("the victim's address: {error}")))?.origin;
    let blueprint = Arc::new(copies.blueprint(Purpose::Verify(index, labels.clone()), setup));
    let journey = ScriptJourney { blueprint, number: 0, name: "verify".to_owned() };
    let duration = deadline.saturating_duration_since(Instant::now()).as_secs_f64().clamp(0.1, 1e9);
    let phase = UserPhase { name: "verify".to_owned(), from: USERS, to: USERS, duration };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::PerUser(1), spread: 0.0 };
    let permissions = copies.options.permissions.clone();
    let load = Load {
        target: Some(origin),
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
    runner.run(&mut look).map_err(|error| ProbeError::failed(error.to_string()))?;
    if copies.cancel.load(Ordering::Relaxed) {
        return Err(ProbeError::Cancelled);
    }
    let (data, said) = copies.acks.outcome();
    if !copies.acks.is_done() {
        let message =
            format!("of {} acknowledged keys only {} were asked for in time", data.acknowledged, data.checked);
        return Err(ProbeError::Failed(Failure::new(FailureKind::Timeout, message)));
    }
    if let Some(live) = &*host.live.borrow() {
        if let Some(said) = said {
            live.note(NoteLevel::Warning, format!("verify: {}", host.vault.redact(&said)), None);
        }
        let _ = live.requests.send(Request::Verified(data));
    }
    Ok(())
}
