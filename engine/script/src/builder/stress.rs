//! What the steps of stress have of their own: their rounds, their warm-up and their time-out.

use engine_core::plan::{Rounds, Warmup};
use engine_core::stress::Measured;

use super::{Defaults, Runs, StepRule, scaled};
use crate::fault::Fault;
use crate::given::Given;
use crate::host::Host;

/// A measurement that takes so many times longer than usual has failed, and so long at least, in seconds.
const PATIENCE: (f64, f64) = (20.0, 60.0);

impl StepRule {
    /// Stress takes five rounds where nobody says otherwise, and throws away a measurement, not a round.
    pub(super) fn of_stress(host: &Host, given: &Given, defaults: &Defaults) -> Result<Self, Fault> {
        let mut rule = Self::new(host, given, defaults)?;
        let said = ["rounds", "until"].iter().any(|key| given.get(key).is_some())
            || defaults.rounds.is_some()
            || host.options.rounds.is_some();
        if !said {
            rule.rounds = scaled(Rounds::Exact(5), host.options.profile);
        }
        rule.warmup = Warmup::Rounds(0);
        Ok(rule)
    }
}

/// The time-out of a step of stress: that of one measurement, and of a whole round where it is a load; none of others.
pub(super) fn timeout(runs: &Runs) -> Option<f64> {
    let Runs::Stress { shape, .. } = runs else { return None };
    let once = (shape.measured.seconds() * PATIENCE.0).max(PATIENCE.1);
    Some(match shape.measured {
        Measured::Load { .. } => once.max(3.0 * shape.seconds() + PATIENCE.1),
        _ => once,
    })
}
