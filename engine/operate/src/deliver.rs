//! Sends what waits in the outbox: at least once, with growing pauses, and never more than a channel is to have.

use std::time::Duration;

use engine_core::clock::Clock;
use engine_core::notice::{Delivery, Message, Notice, NoticeKind};
use engine_core::run::Timestamp;
use engine_core::stats::Stream;
use engine_store::{Error, Store};

use crate::channel::Channel;
use crate::secret::Secrets;
use crate::settings::Settings;

/// For so long a message belongs to the process that sends it: longer than any channel waits.
const LEASE: Duration = Duration::from_secs(120);

/// The first pause, doubled at every failure.
const FIRST_PAUSE: f64 = 30.0;

/// The longest pause.
const LONGEST_PAUSE: f64 = 3600.0;

/// At most so many messages become one.
const MERGED: usize = 100;

/// What delivering did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Messages that their channels took.
    pub sent: usize,
    /// What went wrong, as `channel: reason`.
    pub failed: Vec<String>,
    /// Messages that were given up.
    pub dead: usize,
    /// Messages that wait for the hour to pass.
    pub held: usize,
}

/// Sends what is due, channel by channel, for at most `time`. A channel that fails is left alone until its message is
/// due again.
///
/// # Errors
/// Those of the store. What was sent before is noted.
pub fn deliver(
    store: &mut Store,
    settings: &Settings,
    channels: &[Box<dyn Channel>],
    secrets: &dyn Secrets,
    clock: &dyn Clock,
    time: Duration,
) -> Result<Delivered, Error> {
    let began = clock.now();
    let mut report = Delivered::default();
    for channel in channels {
        while clock.now().saturating_sub(began) < time {
            let now = clock.wall();
            if !has_room(store, settings, channel.name(), now, &mut report)? {
                break;
            }
            let lease = after(now, LEASE.as_secs_f64());
            let Some(message) = store.take_message(channel.name(), now, lease)? else { break };
            let result = channel.send(&message, secrets);
            let now = clock.wall();
            match result {
                Ok(()) => {
                    store.settle_message(message.id, Delivery::Sent, now, now, "")?;
                    report.sent += 1;
                }
                Err(error) => {
                    tracing::warn!(channel = channel.name(), message = message.id, %error, "a notice was not taken");
                    let age = now.0.saturating_sub(message.created.0);
                    let days = settings.outbox.give_up_days;
                    let most = channel.stale_after().unwrap_or_else(|| days.saturating_mul(86_400));
                    let dead = age > i64::from(most) * 1_000_000;
                    let state = if dead { Delivery::Dead } else { Delivery::Pending };
                    let due = after(now, pause(&message));
                    store.settle_message(message.id, state, now, due, &error.to_string())?;
                    report.failed.push(format!("{}: {error}", channel.name()));
                    report.dead += usize::from(dead);
                    break;
                }
            }
        }
    }
    Ok(report)
}

/// Whether a channel may have another message this hour. Where it may not, or the last of the hour is next, what waits
/// becomes one message.
fn has_room(
    store: &mut Store,
    settings: &Settings,
    channel: &str,
    now: Timestamp,
    report: &mut Delivered,
) -> Result<bool, Error> {
    let most = usize::try_from(settings.alerts.per_hour).unwrap_or(usize::MAX);
    let load = store.channel_load(channel, after(now, -3600.0))?;
    if load.sent + load.pending > most && load.pending > 1 {
        let mut waiting = store.outbox(Some(channel), Some(Delivery::Pending), MERGED)?;
        waiting.retain(|message| message.attempts == 0);
        // The newest come first; the first of what becomes one is the oldest.
        waiting.reverse();
        if let Some(notice) = merged(&waiting, now) {
            let ids: Vec<i64> = waiting.iter().map(|message| message.id).collect();
            store.merge_messages(&ids, &notice, now)?;
        }
    }
    let load = store.channel_load(channel, after(now, -3600.0))?;
    if load.sent >= most {
        report.held += load.pending;
        return Ok(false);
    }
    Ok(true)
}

/// Several notices as one.
fn merged(messages: &[Message], now: Timestamp) -> Option<Notice> {
    let (first, rest) = messages.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let notices = || messages.iter().map(|message| &message.notice);
    let mut suites: Vec<&str> = notices().map(|notice| notice.suite.as_str()).collect();
    suites.sort_unstable();
    suites.dedup();
    let items: Vec<_> = notices().flat_map(|notice| notice.items.clone()).collect();
    let remarks = notices()
        .take(20)
        .map(|notice| notice.title.clone())
        .chain(std::iter::once(format!("{} notices came within an hour and stand here together", messages.len())));
    Some(Notice {
        kind: if notices().all(|notice| notice.kind == first.notice.kind) {
            first.notice.kind
        } else {
            NoticeKind::Alert
        },
        title: format!("{} notices about {}", messages.len(), suites.join(", ")),
        suite: suites.join(", "),
        branch: None,
        run: None,
        at: now,
        remarks: remarks.collect(),
        items,
        ..first.notice.clone()
    })
}

/// How long until the next try, in seconds: doubled each time, a little apart from others'.
fn pause(message: &Message) -> f64 {
    let doubled = FIRST_PAUSE * 2.0_f64.powi(i32::try_from(message.attempts.min(20)).unwrap_or(20) - 1);
    let apart = Stream::new(Stream::key_of(&message.key), &[u64::from(message.attempts)]).unit_f64();
    doubled.min(LONGEST_PAUSE) * (0.75 + 0.5 * apart)
}

fn after(now: Timestamp, seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "pauses of at most some hours")]
    Timestamp(now.0.saturating_add((seconds * 1e6) as i64))
}
