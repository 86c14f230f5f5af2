//! The scheduler of this process: what `engine schedule run` waits in, and what the dashboard starts beside itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use engine_core::clock::Clock;
use engine_core::schedule::{Ending, Occurrence};
use engine_operate::child::Children;
use engine_operate::conditions::Machine;
use engine_operate::cron;
use engine_operate::scheduler::{Scheduler, Tick};
use engine_session::SystemClock;

use crate::app::{self, App};
use crate::exit::{Exit, Fatal};
use crate::notify;

/// The longest time between two looks: a schedule that was added, and a clock that was set, are seen by then.
const LOOK: Duration = Duration::from_secs(30);

/// After a look nobody waits longer for channels.
const SEND: Duration = Duration::from_secs(60);

/// What starts runs: this binary with the same database and configuration.
pub(crate) fn children(app: &App, stop: Arc<AtomicBool>) -> Result<Children, Fatal> {
    let myself = std::env::current_exe().map_err(|error| Fatal::new(Exit::Internal, error.to_string()))?;
    let absolute = |path: &std::path::Path| {
        std::path::absolute(path)
            .map(|path| path.display().to_string())
            .map_err(|error| Fatal::usage(error.to_string()))
    };
    let mut command = vec![myself.display().to_string(), "--db".to_owned(), absolute(&app.database()?)?];
    if let Some(config) = app.config_path() {
        command.extend(["--config".to_owned(), absolute(config)?]);
    }
    Ok(Children { command, stop })
}

/// The lock that keeps scheduled runs apart.
pub(crate) fn lock() -> Result<std::path::PathBuf, Fatal> {
    Ok(app::state_home()?.join("scheduled-run.lock"))
}

/// One look at the schedules: runs what is due, tells people, and gives what came of it.
pub(crate) fn look(app: &App, stop: &Arc<AtomicBool>) -> Result<Tick, Fatal> {
    let clock = SystemClock::start();
    let machine = Machine::new(&clock);
    let mut scheduler = Scheduler::new(&clock, &machine, &lock()?, &crate::machine::id());
    look_with(app, &mut scheduler, stop)
}

fn look_with(app: &App, scheduler: &mut Scheduler<'_>, stop: &Arc<AtomicBool>) -> Result<Tick, Fatal> {
    let mut children = children(app, Arc::clone(stop))?;
    let tick = scheduler.tick(&mut app.store()?, &mut children)?;
    if !stop.load(Ordering::Relaxed) {
        tell(app)?;
    }
    Ok(tick)
}

/// Tells people what they have not been told.
pub(crate) fn tell(app: &App) -> Result<(), Fatal> {
    let settings = notify::settings(app)?;
    let delivered = notify::now(app, &settings, SEND)?;
    notify::report(app, &delivered);
    Ok(())
}

/// Follows the schedules until `stop` is set. What goes wrong is said once and tried again: a full disk today is no
/// reason for no runs tomorrow.
fn follow(app: &App, stop: &Arc<AtomicBool>) -> Result<(), Fatal> {
    let clock = SystemClock::start();
    let machine = Machine::new(&clock);
    let mut scheduler = Scheduler::new(&clock, &machine, &lock()?, &crate::machine::id());
    let mut said = String::new();
    while !stop.load(Ordering::Relaxed) {
        let mut wait = LOOK;
        match look_with(app, &mut scheduler, stop) {
            Ok(tick) => {
                said.clear();
                for note in &tick.noted {
                    app.note(&engine_report::clean::line(&sentence(note)));
                }
                if let Some(next) = tick.next {
                    let micros = u64::try_from(next.0.saturating_sub(clock.wall().0)).unwrap_or(0);
                    wait = wait.min(Duration::from_micros(micros));
                }
            }
            Err(error) => {
                if error.message != said {
                    app.output.err(&engine_report::clean::line(&format!("error: {}", error.message)));
                    said = error.message;
                }
            }
        }
        let until = clock.now() + wait.max(Duration::from_millis(200));
        while clock.now() < until && !stop.load(Ordering::Relaxed) {
            clock.sleep(Duration::from_millis(500).min(until.saturating_sub(clock.now())));
        }
    }
    Ok(())
}

/// Follows the schedules in a thread of its own, until `stop` is set: for a process that has something else to do.
pub(crate) fn start(app: &App, stop: &Arc<AtomicBool>) -> Result<JoinHandle<()>, Fatal> {
    let (app, stop) = (app.clone(), Arc::clone(stop));
    std::thread::Builder::new()
        .name("scheduler".to_owned())
        .spawn(move || {
            if let Err(error) = follow(&app, &stop) {
                app.output.err(&engine_report::clean::line(&format!("error: the scheduler ended: {}", error.message)));
            }
        })
        .map_err(|error| Fatal::new(Exit::Internal, format!("no thread for the scheduler: {error}")))
}

/// What came of one time of a schedule.
pub(crate) fn sentence(note: &Occurrence) -> String {
    let at = moment(note.started);
    let run = note.run.as_ref().map(|run| format!(", run {}", run.short())).unwrap_or_default();
    let code = note.exit.map(|exit| format!(", exit code {exit}")).unwrap_or_default();
    let times = if note.times > 1 { format!(" ({} times)", note.times) } else { String::new() };
    let reason = if note.reason.is_empty() { String::new() } else { format!(": {}", note.reason) };
    let ending = if note.ending == Ending::Running { "started" } else { note.ending.name() };
    format!("{at} {} {ending}{times} ({}){run}{code}{reason}", note.schedule, note.cause.name())
}

/// A moment in the machine's time zone.
pub(crate) fn moment(at: engine_core::run::Timestamp) -> String {
    match engine_operate::Cron::new("0 0 * * *", &cron::system_zone()) {
        Ok(cron) => cron.local(at),
        Err(_) => format!("{} us", at.0),
    }
}
