//! `engine alerts test|send|outbox`: the channels by which people are told.

use std::time::Duration;

use engine_core::nearest::hint;
use engine_core::notice::{Delivery, Message, Notice, NoticeKind};
use engine_operate::channel;
use engine_report::clean;

use crate::app::{self, App};
use crate::exit::{Exit, Fatal};
use crate::{notify, scheduling};

/// Sending by hand waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

fn known(name: &str) -> Result<(), Fatal> {
    if channel::NAMES.contains(&name) {
        return Ok(());
    }
    let near = hint(name, channel::NAMES);
    Err(Fatal::usage(format!("there is no channel `{name}`{near}; there are {}", channel::NAMES.join(", "))))
}

/// Sends a notice by one channel, past the outbox, and says what came of it.
pub(super) fn test(app: &App, name: &str) -> Result<Exit, Fatal> {
    known(name)?;
    let settings = notify::settings(app)?;
    let found = channel::enabled(&settings, Some(name)).into_iter().find(|channel| channel.name() == name);
    let Some(channel) = found else {
        return Err(Fatal::new(Exit::Internal, format!("the channel `{name}` has no way to send")));
    };
    let now = app::now();
    let machine = crate::machine::id();
    let notice = Notice {
        kind: NoticeKind::Test,
        title: format!("this is how `{name}` is told"),
        suite: "test".to_owned(),
        machine: machine.clone(),
        branch: None,
        run: None,
        at: now,
        remarks: vec![
            format!("sent by `engine alerts test {name}` on machine {machine}"),
            "nothing is wrong: this shows that notices arrive".to_owned(),
        ],
        items: Vec::new(),
        link: (!settings.alerts.link.is_empty()).then(|| settings.alerts.link.clone()),
    };
    let message = Message {
        id: 0,
        key: format!("test-{}-{name}", now.0),
        channel: name.to_owned(),
        created: now,
        state: Delivery::Pending,
        attempts: 1,
        due: now,
        sent: None,
        error: String::new(),
        notice,
    };
    match channel.send(&message, &notify::Surroundings) {
        Ok(()) => {
            app.note(&format!("`{name}` took the notice"));
            Ok(Exit::Pass)
        }
        Err(error) => Err(Fatal::new(Exit::Unreachable, clean::line(&format!("{name}: {error}")))),
    }
}

/// Tells people now.
pub(super) fn send(app: &App, retry: bool) -> Result<Exit, Fatal> {
    let settings = notify::settings(app)?;
    if channel::enabled(&settings, None).is_empty() {
        return Err(Fatal::usage("no channel is enabled: see the commented `config/notify.toml`"));
    }
    if retry {
        let number = app.store()?.retry_messages(app::now())?;
        app.note(&format!("{number} waiting notices are tried again"));
    }
    let delivered = notify::now(app, &settings, PATIENCE)?;
    notify::report(app, &delivered);
    if app.output.json {
        let data = serde_json::json!({ "sent": delivered.sent, "failed": delivered.failed, "held": delivered.held });
        app.out(&serde_json::json!({ "schema_version": 1, "delivered": data }).to_string());
    }
    Ok(if delivered.failed.is_empty() { Exit::Pass } else { Exit::Unreachable })
}

/// What is on its way.
pub(super) fn outbox(app: &App, limit: usize, only: Option<&str>) -> Result<(), Fatal> {
    if let Some(name) = only {
        known(name)?;
    }
    let messages = app.reader()?.outbox(only, None, limit)?;
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "messages": messages }).to_string());
        return Ok(());
    }
    if messages.is_empty() {
        app.out("no notices yet");
        return Ok(());
    }
    let line = |message: &Message| {
        let tries = match message.attempts {
            0 => String::new(),
            1 => ", 1 try".to_owned(),
            tries => format!(", {tries} tries"),
        };
        let next = if message.state == Delivery::Pending && message.attempts > 0 {
            format!(", next {}", scheduling::moment(message.due))
        } else {
            String::new()
        };
        let error = if message.error.is_empty() { String::new() } else { format!(": {}", message.error) };
        let made = scheduling::moment(message.created);
        clean::line(&format!(
            "{made} {} {}{tries}{next}: {}{error}",
            message.channel,
            message.state.name(),
            message.notice.title
        ))
    };
    app.out(&messages.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}
