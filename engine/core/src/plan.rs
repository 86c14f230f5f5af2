//! The plan of a run: everything that will be done, before anything is done.
//!
//! A plan is plain data. With its seed it fixes the order of every round, so that a stored plan and the rounds done so
//! far are enough to resume a run.

mod parts;

use serde::{Deserialize, Serialize};

pub use parts::{Forecast, Group, MOST_ROUNDS, Part};

use crate::args::Args;
use crate::fault::FaultShape;
use crate::load::{CapacityShape, LoadShape, ScaleShape};
use crate::series::Labels;
use crate::stats::rng::Stream;
use crate::step::Place;
use crate::stress::StressShape;

/// How much of everything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// For tests: everything runs, in seconds; expectations are evaluated and not judged; kept out of history.
    Tiny,
    /// Fewer rounds, smaller budgets.
    Short,
    /// As the scenario says.
    #[default]
    Default,
    /// More rounds and whole matrices.
    Long,
}

impl Profile {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Short => "short",
            Self::Default => "default",
            Self::Long => "long",
        }
    }
}

/// How many rounds a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounds {
    /// Exactly so many.
    Exact(u32),
    /// At least `min`, at most `max`, until the interval of the primary metric is narrower than `until` (relative,
    /// full width).
    Adaptive {
        /// Fewest rounds.
        min: u32,
        /// Most rounds.
        max: u32,
        /// Relative width of the interval at which the step is done.
        until: f64,
    },
}

impl Rounds {
    /// The most rounds it can take.
    #[must_use]
    pub const fn most(self) -> u32 {
        match self {
            Self::Exact(rounds) => rounds,
            Self::Adaptive { max, .. } => max,
        }
    }

    /// The fewest rounds it takes.
    #[must_use]
    pub const fn least(self) -> u32 {
        match self {
            Self::Exact(rounds) => rounds,
            Self::Adaptive { min, .. } => min,
        }
    }
}

/// How much is thrown away before the first round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// Detected: rounds are run and dropped until two in a row agree, three at most.
    Detect,
    /// Exactly so many rounds.
    Rounds(u32),
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Runs a probe.
    Probe {
        /// The probe's id.
        id: String,
        /// Its checked options.
        args: Args,
    },
    /// Runs script code; the index counts the `custom` declarations of the scenario.
    Custom {
        /// Which declaration.
        index: usize,
        /// Names of the metrics that it says it records.
        metrics: Vec<String>,
    },
    /// Runs a load: virtual users against a target.
    Load {
        /// Which `load` declaration of the scenario.
        index: usize,
        /// What it will do.
        shape: LoadShape,
    },
    /// Searches the highest rate at which a load meets a service level.
    Capacity {
        /// Which load of the scenario is sent.
        index: usize,
        /// What a trial will do.
        shape: LoadShape,
        /// How it is searched.
        search: CapacityShape,
    },
    /// Sweeps a load over users or rates.
    Scale {
        /// Which load of the scenario is sent.
        index: usize,
        /// What the first level will do.
        shape: LoadShape,
        /// Which levels.
        sweep: ScaleShape,
    },
    /// Measures something quiet and with stressors in the background.
    Stress {
        /// What, beside what.
        shape: StressShape,
    },
    /// Breaks a victim under load, and watches it get well.
    Fault {
        /// Which load of the scenario is sent.
        index: usize,
        /// The load.
        shape: LoadShape,
        /// The fault.
        fault: Box<FaultShape>,
    },
    /// Runs the scenario's `finish` after all rounds. The session adds this step when the plan has one.
    Finish,
}

/// One step: one point of a sweep, or one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Name of the declaration, shared by all points of its sweep.
    pub name: String,
    /// Which point: sweep axes, or `case`.
    pub labels: Labels,
    /// What it does.
    pub work: Work,
    /// How often.
    pub rounds: Rounds,
    /// What is dropped first.
    pub warmup: Warmup,
    /// Whether each round gets a fresh process.
    pub isolate: bool,
    /// A round that takes longer fails the step, in seconds.
    pub timeout: f64,
    /// The step takes no new round once it has used this, in seconds.
    pub budget: Option<f64>,
    /// Version of the probe's method; 0 for script code.
    pub method: u32,
    /// A typical round, in seconds.
    pub estimate: f64,
}

impl PlannedStep {
    /// Whether it sends load: once, or in trials.
    #[must_use]
    pub const fn is_load(&self) -> bool {
        matches!(self.work, Work::Load { .. } | Work::Capacity { .. } | Work::Scale { .. } | Work::Fault { .. })
    }

    /// `name{labels}`, unique within the plan.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}{}", self.name, self.labels)
    }
}

/// An expectation as written, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectText {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub place: Option<Place>,
}

/// One declaration (`bench`, `custom`): what its points share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declaration {
    /// The steps' name.
    pub name: String,
    /// What is expected of all its points.
    pub expect: Vec<ExpectText>,
    /// The case that the others are compared with.
    pub reference: Option<String>,
    /// Tags given to the declaration.
    pub tags: Vec<String>,
    /// Where it stands.
    pub place: Option<Place>,
}

/// Everything that a run will do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the suite.
    pub suite: String,
    /// First line of the scenario's description.
    pub title: String,
    /// Tags of the suite.
    pub tags: Vec<String>,
    /// Seed of the order of rounds and of everything random.
    pub seed: u64,
    /// The profile that it was made for.
    pub profile: Profile,
    /// No new round is begun after this many seconds.
    pub budget: Option<f64>,
    /// The declarations, in order.
    pub declarations: Vec<Declaration>,
    /// The steps, in order of declaration.
    pub steps: Vec<PlannedStep>,
    /// Whether the scenario has a `setup`.
    pub setup: bool,
    /// Whether the scenario has a `teardown`.
    pub teardown: bool,
    /// Whether the scenario has a `finish`; what it records becomes the step `finish` ([`Work::Finish`]).
    pub finish: bool,
    /// Values of the scenario's parameters, as text.
    pub params: Labels,
    /// Permissions that it uses beyond the default, as flags.
    pub permissions: Vec<String>,
    /// Included scenarios that run one after another, each with a share of the time. Empty: everything interleaves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether steps take rounds until the time is used up ([`Plan::spend`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spends: bool,
}

impl Plan {
    /// The declaration of a step.
    #[must_use]
    pub fn declaration(&self, name: &str) -> Option<&Declaration> {
        self.declarations.iter().find(|declaration| declaration.name == name)
    }

    /// The order of the steps in a round: a shuffle drawn from (seed, round) alone, so that drift hits all alike and
    /// a resumed run goes on as it would have.
    #[must_use]
    pub fn order(&self, round: u32) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        Stream::new(self.seed, &[ORDER, u64::from(round)]).shuffle(&mut order);
        order
    }

    /// Estimated duration of the whole, in seconds: at most the budget.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        if self.spends {
            let seconds: f64 = self.forecast().iter().map(|group| group.seconds).sum();
            return self.budget.map_or(seconds, |budget| seconds.min(budget));
        }
        // A load has no round of warm-up, and neither has stress.
        let warms = |step: &PlannedStep| !step.is_load() && !matches!(step.work, Work::Stress { .. });
        let rounds = |step: &PlannedStep| step.rounds.most() + u32::from(warms(step));
        let steps: f64 = self.steps.iter().map(|step| step.estimate * f64::from(rounds(step))).sum();
        self.budget.map_or(steps, |budget| steps.min(budget))
    }
}

/// Key of the random stream that orders rounds.
const ORDER: u64 = 0x6f72_6465_7200_0001;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(steps: usize, seed: u64) -> Plan {
        let step = PlannedStep {
            name: "a".into(),
            labels: Labels::new(),
            work: Work::Custom { index: 0, metrics: vec![] },
            rounds: Rounds::Exact(5),
            warmup: Warmup::Detect,
            isolate: false,
            timeout: 1.0,
            budget: None,
            method: 0,
            estimate: 2.0,
        };
        Plan { steps: vec![step; steps], seed, ..Plan::default() }
    }

    #[test]
    fn every_round_has_every_step_once_in_an_order_of_its_own() {
        let plan = plan(12, 7);
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..20 {
            let mut order = plan.order(round);
            assert_eq!(order, plan.order(round), "the same seed gives the same order");
            seen.insert(order.clone());
            order.sort_unstable();
            assert_eq!(order, (0..12).collect::<Vec<_>>());
        }
        assert!(seen.len() > 15, "orders repeat: {}", seen.len());
        assert_ne!(plan.order(0), super::tests::plan(12, 8).order(0));
    }

    #[test]
    fn a_plan_survives_being_stored() {
        let plan = plan(2, 1);
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }

    #[test]
    fn the_estimate_counts_warm_up_and_stops_at_the_budget() {
        let mut plan = plan(2, 1);
        assert_eq!(plan.estimate(), 2.0 * 6.0 * 2.0);
        plan.budget = Some(10.0);
        assert_eq!(plan.estimate(), 10.0);
    }
}
