//! A finding in the making: what a rule says, before it is ranked among the others.

use engine_core::finding::{
    Confidence, Evidence, Experiment, Finding, Gain, Level, Modelled, Priority, Resource, Share,
};
use engine_core::plan::Profile;
use engine_core::run::ValidityLevel;

use super::verify::as_measured;
use super::{About, Facts, Seen, given};

/// What a rule says.
#[derive(Debug, Clone)]
pub struct Draft {
    subject: String,
    resource: Resource,
    evidence: Vec<Evidence>,
    cause: String,
    action: String,
    gain: Gain,
    fit: (f64, String),
    data: Vec<(f64, &'static str)>,
    tainted: bool,
    experiment: Option<Experiment>,
    also: Vec<String>,
}

impl Draft {
    /// A finding at a step, about a resource. Its gain is unknown until it is given one.
    #[must_use]
    pub fn new(subject: impl Into<String>, resource: Resource) -> Self {
        Self {
            subject: subject.into(),
            resource,
            evidence: Vec::new(),
            cause: String::new(),
            action: String::new(),
            gain: Gain::Unknown { reason: "there is no model for it".to_owned() },
            fit: (0.9, String::new()),
            data: Vec::new(),
            tainted: false,
            experiment: None,
            also: Vec::new(),
        }
    }

    /// Numbers that it rests on.
    #[must_use]
    pub fn on(mut self, seen: &[&Seen]) -> Self {
        for seen in seen {
            self = self.rests(seen);
            self.evidence.push(seen.evidence());
        }
        self
    }

    /// A number that it rests on, shown as something else is.
    #[must_use]
    pub fn rests(mut self, seen: &Seen) -> Self {
        self.data.push(seen.sureness());
        self.tainted |= seen.tainted;
        self
    }

    /// A number with its limit, or a field of the environment.
    #[must_use]
    pub fn shown(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Why it is so, in one sentence.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// What to do: the exact command or change.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = action.into();
        self
    }

    /// What it should bring.
    #[must_use]
    pub fn gain(mut self, gain: Gain) -> Self {
        self.gain = gain;
        self
    }

    /// How well the model fits the case, 0 to 1, and why.
    #[must_use]
    pub fn fit(mut self, fit: f64, because: impl Into<String>) -> Self {
        self.fit = (fit, because.into());
        self
    }

    /// How it can be tried.
    #[must_use]
    pub fn experiment(mut self, experiment: Experiment) -> Self {
        self.experiment = Some(experiment);
        self
    }

    /// Other steps at which the same was found.
    #[must_use]
    pub fn also(mut self, also: Vec<String>) -> Self {
        self.also = also;
        self
    }

    /// Share of the objective's time that it would save, as the order of findings has it: at least, then expected.
    fn strength(&self) -> (f64, f64) {
        let saved = |speedup: f64| if speedup > 1.0 { 1.0 - 1.0 / speedup } else { 0.0 };
        self.gain.modelled().map_or((0.0, 0.0), |gain| (saved(gain.speedup.low), saved(gain.speedup.value)))
    }

    /// The strongest of several of one rule, which names the others; none of none.
    #[must_use]
    pub fn strongest(drafts: Vec<Self>) -> Option<Self> {
        let order = |a: (f64, f64), b: (f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
        let best = (0..drafts.len()).max_by(|a, b| order(drafts[*a].strength(), drafts[*b].strength()))?;
        let others =
            drafts.iter().enumerate().filter(|(at, _)| *at != best).map(|(_, draft)| draft.subject.clone()).collect();
        drafts.into_iter().nth(best).map(|draft| draft.also(others))
    }

    /// The finding, with confidence and share of the objective; ranked later.
    pub(super) fn finish(self, about: &About<'_>, facts: &Facts<'_>, share: Option<f64>) -> Finding {
        let confidence = self.confidence(facts);
        let gain = match self.gain {
            Gain::Modelled(modelled) => Gain::Modelled(Box::new(shared(*modelled, &self.subject, facts, share))),
            unknown @ Gain::Unknown { .. } => unknown,
        };
        Finding {
            rule: about.id.to_owned(),
            family: about.family(),
            title: about.title.to_owned(),
            subject: self.subject,
            resource: self.resource,
            evidence: self.evidence,
            cause: self.cause,
            action: self.action,
            effort: about.effort,
            gain,
            wrong_when: about.wrong_when.to_owned(),
            confidence,
            priority: Priority { level: Level::Low, score: 0.0, calculation: String::new() },
            experiment: self.experiment.map(|experiment| as_measured(experiment, facts)),
            also: self.also,
        }
    }

    fn confidence(&self, facts: &Facts<'_>) -> Confidence {
        let mut value = self.fit.0;
        let mut because = Vec::new();
        if !self.fit.1.is_empty() {
            because.push(format!("{:.2}: {}", self.fit.0, self.fit.1));
        }
        let mut times = |factor: f64, why: &str| {
            value *= factor;
            because.push(format!("x {factor:.2}: {why}"));
        };
        if let Some((factor, why)) = self.data.iter().min_by(|a, b| a.0.total_cmp(&b.0)) {
            times(*factor, why);
        }
        if self.tainted {
            times(0.8, "some rounds were disturbed");
        }
        match facts.run.validity.level {
            ValidityLevel::Valid => {}
            ValidityLevel::Degraded => times(0.9, "the run is degraded"),
            ValidityLevel::Invalid => times(0.3, "the run is invalid"),
        }
        if facts.run.header.plan.profile == Profile::Tiny {
            times(0.5, "the tiny profile measures next to nothing");
        }
        Confidence { value, because }
    }
}

/// The share of the objective that the operation is: all of it where it was found at the user's own work, else what the user
/// says, else unknown.
fn shared(mut modelled: Modelled, subject: &str, facts: &Facts<'_>, share: Option<f64>) -> Modelled {
    if modelled.share == Share::Unknown {
        modelled.share = match share {
            Some(share) => Share::Part {
                range: given(share),
                from: "of your work is this operation, as you said".to_owned(),
                given: true,
            },
            None if facts.is_workload_at(subject) => Share::Whole,
            None => Share::Unknown,
        };
    }
    modelled
}
