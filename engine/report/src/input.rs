//! What a report is made from: the record of a run, and what others found out about it.

use engine_core::comparison::{CaseRatio, Comparison};
use engine_core::finding::Advice;
use engine_core::health::Health;
use engine_core::plan::Profile;
use engine_core::run::{RunRecord, RunState, Timestamp, ValidityLevel};
use jiff::tz::TimeZone;

/// Everything that a report shows. All but the record may be left out.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// The run.
    pub record: &'a RunRecord,
    /// Cases against their references.
    pub cases: &'a [CaseRatio],
    /// The run against its baseline, where it was held against one.
    pub comparison: Option<&'a Comparison>,
    /// The health of the machine, where the user's limits were checked.
    pub health: Option<&'a Health>,
    /// What the rules found, where they were asked.
    pub advice: Option<&'a Advice>,
    /// How the command ends, and every cause for it.
    pub exit: Option<&'a Exit>,
    /// Where the reports were written.
    pub written: &'a [String],
    /// What an unsure expectation counts as.
    pub unsure: Unsure,
    /// The zone in which times are shown. JSON, CSV and JUnit always use UTC.
    pub zone: TimeZone,
}

impl<'a> Report<'a> {
    /// A report of the record alone, with times in UTC.
    #[must_use]
    pub fn of(record: &'a RunRecord) -> Self {
        Self {
            record,
            cases: &[],
            comparison: None,
            health: None,
            advice: None,
            exit: None,
            written: &[],
            unsure: Unsure::default(),
            zone: TimeZone::UTC,
        }
    }

    /// What stands above everything else, when the numbers are not what they seem.
    pub(crate) fn banners(&self) -> Vec<String> {
        let record = self.record;
        let done = record.steps.iter().filter(|step| step.outcome.is_some()).count();
        let steps = record.steps.len();
        let mut banners = Vec::new();
        match record.state {
            RunState::Complete => {}
            RunState::Running => banners.push(format!("running: {done} of {steps} steps are done so far")),
            RunState::Partial => {
                banners.push(format!(
                    "partial: the run ended early; {done} of {steps} steps ended, what they had is here"
                ));
            }
            RunState::Crashed => banners.push(format!(
                "crashed: the engine itself failed; {done} of {steps} steps ended, what they had is here"
            )),
        }
        if record.header.plan.profile == Profile::Tiny {
            banners.push("tiny profile: not judged, kept out of history".to_owned());
        }
        if record.validity.level == ValidityLevel::Invalid {
            banners.push(format!("invalid: do not use these numbers: {}", record.validity.reasons.join("; ")));
        }
        banners
    }
}

/// How a command ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The code that is returned.
    pub code: u8,
    /// Every cause that applies, the one that decided first.
    pub causes: Vec<Cause>,
}

/// One cause of an exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The code that it asks for.
    pub code: u8,
    /// One sentence.
    pub reason: String,
}

/// What an unsure expectation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsure {
    /// As unsure: neither passed nor failed, and an error where a format knows no third word.
    #[default]
    Unsure,
    /// As passed.
    Pass,
    /// As failed.
    Fail,
}

/// One line of a list of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Short id.
    pub id: String,
    /// Name of its suite.
    pub scenario: String,
    /// When it started.
    pub started: Timestamp,
    /// How long it took, in seconds.
    pub duration: f64,
    /// Whether everything is there.
    pub state: RunState,
    /// How far it can be trusted.
    pub validity: ValidityLevel,
    /// The profile that it ran under.
    pub profile: Profile,
    /// Expectations that passed, failed, and were unsure.
    pub expectations: [usize; 3],
    /// Commit in short form.
    pub code: Option<String>,
    /// Branch.
    pub branch: Option<String>,
    /// Tags, as `key=value`.
    pub tags: Vec<String>,
}

/// One line of a list of baselines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineRow {
    /// Name of the baseline.
    pub name: String,
    /// Short id of its newest run.
    pub run: String,
    /// How many runs it has.
    pub runs: usize,
    /// Name of the run's suite.
    pub scenario: String,
    /// Branch that it stands for.
    pub branch: Option<String>,
    /// When the run started.
    pub started: Timestamp,
    /// When the baseline was set.
    pub set: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Whether it has ended.
    pub is_expired: bool,
    /// Commit in short form.
    pub code: Option<String>,
    /// Stable id of the machine.
    pub machine: String,
}
