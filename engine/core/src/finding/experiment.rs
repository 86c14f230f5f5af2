//! Experiments: how an advice can be tried, as data that a run can be made from.

use serde::{Deserialize, Serialize};

use super::Range;
use crate::series::Labels;

/// One side of an experiment: a probe with options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Id of the probe.
    pub probe: String,
    /// Its options, as a script writes them (`depth` to `32`, `pages` to `small`); quotes are added where they are needed.
    pub options: Labels,
}

/// A setting of the machine that an experiment changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemChange {
    /// The file of the setting.
    pub path: String,
    /// What is written to it for the second side. Whatever was there before is put back.
    pub value: String,
}

/// Two step specs that are run interleaved and compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// As it is now.
    pub before: Trial,
    /// As advised.
    pub after: Trial,
    /// The metric that is compared; lower or higher is better as its definition says.
    pub metric: String,
    /// How many times as good `after` should be, by the finding's own model.
    pub predicted: Range,
    /// What it changes on the machine, with permission; none where it changes nothing.
    pub changes: Option<SystemChange>,
}

impl Experiment {
    /// One sentence: what is run, and what it touches.
    #[must_use]
    pub fn describe(&self) -> String {
        let side = |trial: &Trial| format!("{}{}", trial.probe, trial.options);
        let changes = self.changes.as_ref().map_or_else(
            || "changes nothing on the machine".to_owned(),
            |change| format!("writes `{}` to {} and puts back what was there", change.value, change.path),
        );
        format!("{} against {}, interleaved, by `{}`; {changes}", side(&self.before), side(&self.after), self.metric)
    }
}
