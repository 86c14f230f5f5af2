//! `engine serve`: the dashboard until Ctrl-C.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::app::App;
use crate::args::ServeArgs;
use crate::exit::{Exit, Fatal};
use crate::{serving, signals};

/// Answers until a signal comes.
pub(crate) fn run(app: &App, args: &ServeArgs) -> Result<Exit, Fatal> {
    let interrupt = signals::interrupt();
    let dashboard = serving::start(app, args)?;
    dashboard.announce(app);
    while !interrupt.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(dashboard);
    // To be stopped is how it ends.
    Ok(Exit::Pass)
}
