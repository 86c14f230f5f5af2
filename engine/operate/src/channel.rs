//! The channels by which notices reach people.

mod command;
mod email;
mod http;
mod slack;
mod webhook;

use engine_core::notice::{Message, Notice, NoticeKind};

use crate::secret::{SecretError, Secrets};
use crate::settings::{Settings, Wanted};

pub use slack::blocks;
pub use webhook::{body, signature};

/// Why a channel did not take a message. It never holds a secret, and is tried again: what is refused today for a wrong
/// password is taken tomorrow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SendError(pub String);

impl From<SecretError> for SendError {
    fn from(error: SecretError) -> Self {
        Self(error.to_string())
    }
}

/// A way to reach people.
pub trait Channel: std::fmt::Debug {
    /// Its name in settings, lists and the outbox.
    fn name(&self) -> &'static str;

    /// What it is told of.
    fn only(&self) -> &Wanted;

    /// After how many seconds a message is not worth sending any more; none where the settings say it.
    fn stale_after(&self) -> Option<u32> {
        None
    }

    /// Sends; returns when the other side has taken it.
    ///
    /// # Errors
    /// When it did not, or it is not known whether it did.
    fn send(&self, message: &Message, secrets: &dyn Secrets) -> Result<(), SendError>;
}

/// The names of all channels.
pub const NAMES: [&str; 5] = ["email", "slack", "webhook", "command", "desktop"];

/// The channels that are enabled; with `also`, that one too.
#[must_use]
pub fn enabled(settings: &Settings, also: Option<&str>) -> Vec<Box<dyn Channel>> {
    let on = |name: &str, enabled: bool| enabled || also == Some(name);
    let mut all: Vec<Box<dyn Channel>> = Vec::new();
    if on("email", settings.email.enabled) {
        all.push(Box::new(email::Mail::new(settings.email.clone())));
    }
    if on("slack", settings.slack.enabled) {
        all.push(Box::new(slack::Hook(settings.slack.clone())));
    }
    if on("webhook", settings.webhook.enabled) {
        all.push(Box::new(webhook::Hook(settings.webhook.clone())));
    }
    if on("command", settings.command.enabled) {
        all.push(Box::new(command::Hook(settings.command.clone())));
    }
    // Where there is no desktop, nobody looks at one.
    if also == Some("desktop") || (settings.desktop.enabled && command::has_desktop()) {
        all.push(Box::new(command::Desktop(settings.desktop.clone())));
    }
    all
}

/// The part of a notice that a channel is told of; none when that is nothing.
#[must_use]
pub fn part(notice: &Notice, only: &Wanted) -> Option<Notice> {
    if matches!(notice.kind, NoticeKind::Test) {
        return Some(notice.clone());
    }
    let fits = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
    if !fits(&only.scenarios, &notice.suite) {
        return None;
    }
    if !only.branches.is_empty() && !fits(&only.branches, notice.branch.as_deref().unwrap_or_default()) {
        return None;
    }
    if notice.items.is_empty() {
        return Some(notice.clone());
    }
    let items: Vec<_> = notice.items.iter().filter(|item| fits(&only.rules, item.rule.name())).cloned().collect();
    (!items.is_empty()).then(|| Notice { items, ..notice.clone() })
}
