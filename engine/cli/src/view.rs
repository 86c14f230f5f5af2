//! The drawn terminal as a sink of events, and what the user asks of the program there.

use engine_core::event::Envelope;
use engine_core::run::{RunHeader, RunRecord};
use engine_session::Sink;
use engine_tui::{Live, Screen, Updater, Wish};
use rustix::process::{self, Signal};

use crate::app::App;
use crate::exit::{Exit, Fatal};
use crate::signals;

/// Draws a run. Without a terminal the reason is said, and the run has lines.
pub(crate) fn start(app: &App, header: &RunHeader) -> Result<Option<Screen>, Fatal> {
    let title = format!("{} · run {}", header.plan.suite, header.id.short());
    match engine_tui::possible(std::env::var_os("TERM").as_deref()) {
        Ok(()) => screen(Live::new(&title)).map(Some),
        Err(reason) => {
            app.note(&format!("`--tui`: {reason}; lines instead"));
            Ok(None)
        }
    }
}

/// Takes the terminal. What ends the run there is the signal that Ctrl-C would be, so that it ends in the same way.
pub(crate) fn screen(live: Live) -> Result<Screen, Fatal> {
    let wish = |wish| {
        let signal = match wish {
            Wish::End => Signal::INT,
            Wish::Suspend => Signal::TSTP,
        };
        // To ourselves: there is nothing that could refuse it.
        let _ = process::kill_process(process::getpid(), signal);
    };
    Screen::start(live, signals::interrupt(), wish).map_err(|error| Fatal::new(Exit::Internal, error.to_string()))
}

/// A run's events on their way to the screen.
pub(crate) struct Drawn(Updater);

impl Drawn {
    pub(crate) fn on(screen: &Screen) -> Self {
        Self(screen.updater())
    }
}

impl Sink for Drawn {
    fn event(&mut self, envelope: &Envelope, record: &RunRecord) {
        self.0.update(|live| live.event(envelope, record));
    }
}
