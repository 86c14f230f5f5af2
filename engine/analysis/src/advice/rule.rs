//! Rules: what each is, and how it is asked. A built-in rule is a static in a file of its own; a user's rule comes from a
//! script. Both are asked the same way.

use engine_core::finding::{Effort, Family};

use super::{Draft, Facts, LimitDef, Limits};

/// What is known of a rule without asking it.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// `family.name`.
    pub id: &'a str,
    /// One line: what is wrong when it fires.
    pub title: &'a str,
    /// The metrics and facts that it reads, and its predicate in words.
    pub looks_at: &'a str,
    /// What a run must have for it, and the command that makes such a run.
    pub needs: &'a str,
    /// How the gain is computed.
    pub model: &'a str,
    /// What its action takes.
    pub effort: Effort,
    /// When it is wrong.
    pub wrong_when: &'a str,
    /// Its limits with their defaults.
    pub limits: &'a [LimitDef],
}

impl About<'_> {
    /// The family: the part of the id before the dot.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.id.split('.').next().unwrap_or_default()).unwrap_or(Family::Measurement)
    }
}

/// What a run lacks for a rule, in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub String);

impl Missing {
    /// It lacks this.
    #[must_use]
    pub fn of(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// What comes of asking: a finding, nothing, or what is missing.
pub type Checked = Result<Option<Draft>, Missing>;

/// Something that can be asked about a run.
pub trait Assess {
    /// What it is.
    fn about(&self) -> About<'_>;

    /// Asks it.
    ///
    /// # Errors
    /// What the run lacks.
    fn check(&self, facts: &Facts<'_>, limits: &Limits<'_>) -> Checked;
}

/// A built-in rule.
#[derive(Debug)]
pub struct Rule {
    /// What it is.
    pub about: About<'static>,
    /// How it is asked.
    pub check: fn(&Facts<'_>, &Limits<'_>) -> Checked,
}

impl Assess for Rule {
    fn about(&self) -> About<'_> {
        self.about
    }

    fn check(&self, facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
        (self.check)(facts, limits)
    }
}
