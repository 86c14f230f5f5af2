//! `engine serve`: the dashboard, and the scheduler beside it, until Ctrl-C.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::app::App;
use crate::args::ServeArgs;
use crate::exit::{Exit, Fatal};
use crate::{scheduling, serving, signals};

/// Answers until a signal comes.
pub(crate) fn run(app: &App, args: &ServeArgs) -> Result<Exit, Fatal> {
    let interrupt = signals::interrupt();
    let dashboard = serving::start(app, args)?;
    dashboard.announce(app);
    let scheduler = (!args.no_schedules).then(|| scheduling::start(app, &interrupt)).transpose()?;
    while !interrupt.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(dashboard);
    // A run that is going is ended gracefully, and stored.
    if scheduler.is_some_and(|thread| thread.join().is_err()) {
        return Err(Fatal::new(Exit::Internal, "the scheduler panicked"));
    }
    // To be stopped is how it ends.
    Ok(Exit::Pass)
}
