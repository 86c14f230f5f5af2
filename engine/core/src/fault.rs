//! A fault on a victim under load, as the plan and the record know it: what will be broken and when, and what became of the
//! service.

use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::demo_target::DemoTarget;
use crate::metric::MetricDef;
use crate::unit::Unit;

mod recovery;

pub use recovery::{Baseline, Criteria, Recovery, Seen, Window};

/// Phases of the load around a fault, in order: labels of its metrics, and bands of its course.
pub const PHASES: [&str; 3] = ["before", "fault", "after"];

/// What one repetition of a fault will do. Times in seconds since the load's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultShape {
    /// What is broken.
    pub victim: VictimShape,
    /// By which fault, with its checked options.
    pub inject: Injection,
    /// Time at the front that counts in no baseline.
    #[serde(default)]
    pub warmup: f64,
    /// When: the time before, without the warm-up, is the baseline.
    pub after: f64,
    /// How long it stays; nothing for a crash, which is over when it has happened.
    pub lasts: f64,
    /// Within which time after its removal the service must be well again.
    pub within: f64,
    /// Length of a window.
    pub window: f64,
    /// What counts as well, and as steady.
    pub criteria: Criteria,
    /// Whether everything that was acknowledged is read again afterwards.
    pub verify: bool,
    /// Whether a service that is not well again in time, or was not steady before, decides how the run ends. Under the tiny
    /// profile it does not.
    pub judged: bool,
}

/// A fault and its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Injection {
    /// Its id, such as `faults.memory`.
    pub id: String,
    /// Its checked options.
    pub args: Args,
}

/// A victim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VictimShape {
    /// What it is.
    pub what: VictimKind,
    /// When it is ready; none for a process that is not ours to start.
    pub ready: ReadyShape,
    /// How long it may take to get ready, in seconds.
    pub within: f64,
    /// Pause before it is started again when it ends, in seconds; none to leave it down.
    pub restart: Option<f64>,
    /// The most memory that it may have, in bytes; needs a memory cgroup.
    pub memory: Option<u64>,
    /// The port that it needs; none for any free one.
    pub port: Option<u16>,
}

/// What a victim is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VictimKind {
    /// The demo target.
    Demo(Box<DemoTarget>),
    /// A program that serves: `{port}` in its arguments is its port, `{data}` a folder that survives its restarts.
    Service(Vec<String>),
    /// A process that runs already, by its id and the name of its program: both must be right.
    Process {
        /// Its id.
        pid: u32,
        /// What its program is called.
        name: String,
    },
}

/// When a victim is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadyShape {
    /// When its port takes a connection.
    #[default]
    Tcp,
    /// When a request for a path is answered with a status.
    Http {
        /// The path.
        path: String,
        /// The status.
        status: u16,
    },
}

impl VictimShape {
    /// One line.
    #[must_use]
    pub fn describe(&self) -> String {
        let what = match &self.what {
            VictimKind::Demo(_) => "the demo target".to_owned(),
            VictimKind::Service(command) => format!("`{}`", command.join(" ")),
            VictimKind::Process { pid, name } => format!("process {pid} (`{name}`)"),
        };
        match self.restart {
            Some(pause) => format!("{what}, started again after {pause} s"),
            None => what,
        }
    }
}

impl FaultShape {
    /// How long one repetition sends load, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a handful of windows")]
        let row = self.criteria.consecutive as f64 * self.window;
        whole_micros(self.after + self.lasts + self.within + row)
    }

    /// When it is taken away.
    #[must_use]
    pub fn removed(&self) -> f64 {
        whole_micros(self.after + self.lasts)
    }

    /// One line.
    #[must_use]
    pub fn describe(&self) -> String {
        let stays = if self.lasts > 0.0 { format!(" for {} s", self.lasts) } else { String::new() };
        format!(
            "{} on {} after {} s{stays}; well again within {} s, or not recovered; {} s in all",
            self.inject.id,
            self.victim.describe(),
            self.after,
            self.within,
            (self.seconds() * 10.0).round() / 10.0
        )
    }
}

/// A sum of decimal fractions without the noise of its last bits: an arrival that is due at the very end must not fall on both
/// sides of it.
fn whole_micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// What came of one repetition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Index of the step in the plan.
    pub step: usize,
    /// Number of the round, from 0.
    pub round: u32,
    /// By which mechanism.
    pub mechanism: String,
    /// What was passed over, and why, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// What happened, in order of time.
    pub marks: Vec<Mark>,
    /// What became of the service.
    pub recovery: Recovery,
    /// What was acknowledged, and whether it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataCheck>,
}

/// A moment of a repetition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// When, in seconds since the load's start.
    pub at: f64,
    /// What happened.
    pub what: String,
}

/// Whether what was acknowledged is still there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCheck {
    /// What was acknowledged.
    pub acknowledged: u64,
    /// What was asked for afterwards.
    pub checked: u64,
    /// What of it was gone.
    pub lost: u64,
    /// Some of what was gone, by their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl FaultRecord {
    /// How it ended, in a word: `recovered`, `not recovered` or `inconclusive`.
    #[must_use]
    pub const fn verdict(&self) -> FaultVerdict {
        match &self.recovery {
            Recovery::Inconclusive { .. } => FaultVerdict::Inconclusive,
            Recovery::Seen(seen) if seen.recover.is_some() => FaultVerdict::Recovered,
            Recovery::Seen(_) => FaultVerdict::NotRecovered,
        }
    }
}

/// How a repetition ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultVerdict {
    /// Well again in time.
    Recovered,
    /// Not well again in time.
    NotRecovered,
    /// Nothing can be said.
    Inconclusive,
}

impl FaultVerdict {
    /// As reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::NotRecovered => "not recovered",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Metrics of a fault; beside them come those of its load, with the phases `before`, `fault` and `after` as labels.
pub const FAULT_METRICS: &[MetricDef] = &[
    MetricDef::cost("recover", Unit::Seconds, "from the removal to the first of the windows in a row that are well"),
    MetricDef::cost("detect", Unit::Seconds, "from the fault to the first window that is not well"),
    MetricDef::cost(
        "worst",
        Unit::Seconds,
        "highest 95th percentile of the response time in a window from the fault on",
    ),
    MetricDef::fact("worst_rate", Unit::PerSecond, "lowest rate of good answers in a window from the fault on"),
    MetricDef::cost("failures", Unit::Count, "requests that failed from the fault on"),
    MetricDef::cost("area", Unit::Count, "good answers that did not come, from the fault to the recovery or the end"),
    MetricDef::cost("lost", Unit::Count, "what was acknowledged and is gone"),
    MetricDef::fact("restarts", Unit::Count, "how often the victim was started again"),
    MetricDef::fact("reached", Unit::Count, "messages or connections that met a fault of the network"),
    MetricDef::fact("hit", Unit::Count, "how many of these it hit, by its probability"),
];

/// A metric of a fault by its name.
#[must_use]
pub fn fault_metric(id: &str) -> Option<&'static MetricDef> {
    FAULT_METRICS.iter().find(|metric| metric.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> FaultShape {
        FaultShape {
            victim: VictimShape {
                what: VictimKind::Demo(Box::default()),
                ready: ReadyShape::Tcp,
                within: 10.0,
                restart: Some(1.0),
                memory: None,
                port: None,
            },
            inject: Injection { id: "faults.hang".into(), args: Args::default() },
            warmup: 0.0,
            after: 30.0,
            lasts: 5.0,
            within: 20.0,
            window: 1.0,
            criteria: Criteria::default(),
            verify: false,
            judged: true,
        }
    }

    #[test]
    fn a_shape_says_how_long_it_takes_and_survives_being_stored() {
        let shape = shape();
        assert!((shape.seconds() - 60.0).abs() < 1e-9 && (shape.removed() - 35.0).abs() < 1e-9);
        assert!(
            shape.describe().contains("faults.hang on the demo target, started again after 1 s after 30 s for 5 s")
        );
        let tiny = FaultShape { after: 0.8, lasts: 0.3, within: 1.0, window: 0.1, ..shape.clone() };
        assert!((tiny.seconds() - 2.6).abs() <= f64::EPSILON && (tiny.removed() - 1.1).abs() <= f64::EPSILON);
        let text = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<FaultShape>(&text).unwrap(), shape);
    }

    #[test]
    fn a_verdict_follows_from_what_was_seen() {
        let seen = |recover| Recovery::Seen(Seen { recover, ..Seen::default() });
        let of = |recovery| {
            let mechanism = String::new();
            FaultRecord { step: 0, round: 0, mechanism, passed_over: vec![], marks: vec![], recovery, data: None }
        };
        assert_eq!(of(seen(Some(1.0))).verdict().name(), "recovered");
        assert_eq!(of(seen(None)).verdict().name(), "not recovered");
        assert_eq!(of(Recovery::Inconclusive { reason: "x".into() }).verdict().name(), "inconclusive");
    }
}
