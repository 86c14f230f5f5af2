//! Notices as plain data: what people are told of alerts. Who gathers them, who keeps them and who sends them know only
//! this.

use serde::{Deserialize, Serialize};

use crate::alert::Rule;
use crate::run::{RunId, Timestamp};

/// What kind of notice it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Something is wrong.
    Alert,
    /// All that it speaks of is well again.
    Recovery,
    /// The machine is another one, or its software.
    Environment,
    /// A scheduled run did not come.
    Missing,
    /// A regular look at baselines.
    Review,
    /// Sent to see whether it arrives.
    Test,
}

impl NoticeKind {
    /// The word in JSON and in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Recovery => "recovery",
            Self::Environment => "environment",
            Self::Missing => "missing",
            Self::Review => "review",
            Self::Test => "test",
        }
    }
}

/// One thing that a notice tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Id of the alert.
    pub alert: String,
    /// What raised it.
    pub rule: Rule,
    /// What it is about.
    pub subject: String,
    /// Whether it is well again.
    pub recovered: bool,
    /// One sentence: what, and how much.
    pub what: String,
    /// How much, with the interval, where there is one: `+5.2 % (95 %: +4.1 .. +6.3 %)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Compared with what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// What may be the cause, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Commands to look closer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look: Vec<String>,
}

/// What people are told at once: everything that one run changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What kind.
    pub kind: NoticeKind,
    /// One line.
    pub title: String,
    /// Scenario.
    pub suite: String,
    /// Machine.
    pub machine: String,
    /// Branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// When the notice was made.
    pub at: Timestamp,
    /// Sentences before the items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What it tells.
    pub items: Vec<Item>,
    /// Address of the dashboard's page, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Where a notice to one channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// To be sent.
    Pending,
    /// The channel took it.
    Sent,
    /// Given up: the channel refuses it, or it was tried for too long.
    Dead,
}

impl Delivery {
    /// The word in lists and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}

/// A notice on its way to one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number in the outbox; 0 before it is kept.
    pub id: i64,
    /// The same at every try: a receiver that keeps it can drop what it has had.
    pub key: String,
    /// Name of the channel.
    pub channel: String,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands.
    pub state: Delivery,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Timestamp,
    /// When the channel took it.
    pub sent: Option<Timestamp>,
    /// What went wrong last; never with a secret.
    pub error: String,
    /// What it says.
    pub notice: Notice,
}
