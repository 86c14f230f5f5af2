//! Advice: the rules asked about a run, their findings ranked, what limits, and what all of it together could bring.
//!
//! A rule looks at facts of one stored run and either finds something, finds nothing, or says what is missing. A gain is
//! a model of measured inputs; where there is none it stays unknown. Findings on the same resource do not add: after the
//! first the others are computed again on what it leaves (see [`rank`]).

mod bottleneck;
mod document;
mod draft;
mod facts;
#[cfg(test)]
pub(crate) mod fixture;
mod gains;
mod levels;
mod limits;
mod pair;
mod potential;
mod rank;
mod request_part;
mod rule;
mod seen;
#[cfg(test)]
mod tests;
mod variation;
mod verify;

use std::collections::BTreeMap;

use engine_core::finding::{Advice, NotAssessed, Range};
use engine_core::run::RunRecord;

pub use bottleneck::bottlenecks;
pub use document::rules_document;
pub use draft::Draft;
pub use facts::{Facts, Load};
pub use gains::{amdahl, bound, kingman, overhead, part_of, queue, ratio, roofline, trend, unknown, usl_without};
pub use limits::{LimitDef, Limits};
pub use rule::{About, Assess, Checked, Missing, Rule};
pub use seen::Seen;
pub use verify::{calibration, measured, script};

pub(crate) use levels::{CROWDED, beside, levels, own_time};
pub(crate) use pair::{Pair, Side, pair};
pub(crate) use request_part::{RequestPart, part_of_requests};
pub(crate) use seen::derived;
pub(crate) use variation::{Variation, arrivals, wait};

/// What the user says about rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Limits by their full name, `RULE.LIMIT`; what is not named has its default.
    pub limits: BTreeMap<String, f64>,
    /// By rule: which share of the user's own work its operation is, 0 to 1.
    pub shares: BTreeMap<String, f64>,
}

/// Asks every rule about a run.
#[must_use]
pub fn advise(run: &RunRecord, rules: &[&dyn Assess], settings: &Settings) -> Advice {
    let facts = Facts::of(run);
    let mut drafts = Vec::new();
    let (mut quiet, mut not_assessed) = (Vec::new(), Vec::new());
    for rule in rules {
        let about = rule.about();
        let limits = Limits::new(about.id, about.limits, &settings.limits);
        match rule.check(&facts, &limits) {
            Ok(Some(draft)) => drafts.push(draft.finish(&about, &facts, settings.shares.get(about.id).copied())),
            Ok(None) => quiet.push(about.id.to_owned()),
            Err(Missing(missing)) => {
                not_assessed.push(NotAssessed { rule: about.id.to_owned(), missing, needs: about.needs.to_owned() })
            }
        }
    }
    let findings = rank::rank(drafts);
    let objective = facts.objective();
    Advice {
        run: run.header.id.0.clone(),
        potential: potential::potential(&findings, &objective, facts.workloads()),
        objective,
        findings,
        quiet,
        not_assessed,
        bottlenecks: bottlenecks(&facts),
        calibration: Vec::new(),
    }
}

/// A share that the user gave.
fn given(share: f64) -> Range {
    Range::exact(share.clamp(0.0, 1.0))
}
