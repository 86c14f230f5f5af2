//! Telling people of alerts: the settings, the secrets, and what is done after a run.

mod load;

use std::path::PathBuf;
use std::time::Duration;

use engine_operate::channel::{self, Channel};
use engine_operate::deliver::Delivered;
use engine_operate::{Secrets, Settings, child, deliver, gather};
use engine_session::SystemClock;

use crate::app::{self, App};
use crate::exit::Fatal;

/// After a run nobody waits longer for channels; what is left goes with the next run, a scheduler or `engine alerts send`.
const AFTER_RUN: Duration = Duration::from_secs(20);

/// The variables and credentials of this process.
pub(crate) struct Surroundings;

impl Secrets for Surroundings {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn credentials(&self) -> Option<PathBuf> {
        std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
    }
}

/// The settings, as they are now.
pub(crate) fn settings(app: &App) -> Result<Settings, Fatal> {
    load::settings(app.notify_file()?.as_deref())
}

/// Gathers what people have not been told, and sends what waits for at most `time`.
pub(crate) fn now(app: &App, settings: &Settings, time: Duration) -> Result<Delivered, Fatal> {
    let channels = channel::enabled(settings, None);
    if channels.is_empty() {
        return Ok(Delivered::default());
    }
    let mut store = app.store()?;
    let gathered = gather(&mut store, settings, &channels, app::now())?;
    if gathered.full {
        app.note("warning: the outbox is full; what does not fit is gathered again when there is room");
    }
    send(&mut store, settings, &channels, time)
}

/// Sends what waits.
pub(crate) fn send(
    store: &mut engine_store::Store,
    settings: &Settings,
    channels: &[Box<dyn Channel>],
    time: Duration,
) -> Result<Delivered, Fatal> {
    Ok(deliver(store, settings, channels, &Surroundings, &SystemClock::start(), time)?)
}

/// Tells people of what a run found. A run of a schedule leaves that to the scheduler, which waits for a second run where
/// the schedule wants one. What goes wrong here is a warning: the run is what it is.
pub(crate) fn after_run(app: &App) {
    if std::env::var_os(child::VARIABLE).is_some() {
        return;
    }
    let told = settings(app).and_then(|settings| {
        if settings.alerts.runs == "scheduled" {
            return Ok(Delivered::default());
        }
        now(app, &settings, AFTER_RUN)
    });
    match told {
        Ok(delivered) => report(app, &delivered),
        Err(error) => app.note(&engine_report::clean::line(&format!("warning: nobody was told: {}", error.message))),
    }
}

/// Says what was sent and what was not.
pub(crate) fn report(app: &App, delivered: &Delivered) {
    if delivered.sent > 0 {
        let plural = if delivered.sent == 1 { "" } else { "s" };
        app.note(&format!("sent {} notice{plural}", delivered.sent));
    }
    for failed in &delivered.failed {
        app.note(&engine_report::clean::line(&format!("warning: {failed}; it is tried again")));
    }
    if delivered.held > 0 {
        app.note(&format!("{} notices wait: their channel has had all that it may have in an hour", delivered.held));
    }
}
