//! The one place through which every event passes: it is numbered, folded into the run's record, and given to the sinks.
//!
//! Events are sent between rounds and by the monitor's thread, never while a clock runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine_core::event::{Envelope, Event, Note, NoteLevel};
use engine_core::run::{RunHeader, RunRecord};
use engine_core::step::Place;

/// What takes events: the store, the terminal, later the dashboard. Must not block.
pub trait Sink: Send {
    /// Takes one event; `record` is the run with the event already applied.
    fn event(&mut self, envelope: &Envelope, record: &RunRecord);
}

/// A handle on the bus; clones share it.
#[derive(Clone)]
pub struct Bus {
    state: Arc<Mutex<State>>,
    started: Instant,
}

struct State {
    record: RunRecord,
    sinks: Vec<Box<dyn Sink>>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Bus {
    /// The bus of a run. `record` is fresh, or what an interrupted run left; times go on from where it ended.
    #[must_use]
    pub fn new(record: RunRecord, sinks: Vec<Box<dyn Sink>>) -> Self {
        let elapsed = std::time::Duration::from_secs_f64(record.duration.max(0.0));
        let now = Instant::now();
        let started = now.checked_sub(elapsed).unwrap_or(now);
        Self { state: Arc::new(Mutex::new(State { record, sinks })), started }
    }

    /// Seconds since the run's start.
    #[must_use]
    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Seconds from the run's start to `moment`.
    #[must_use]
    pub fn at(&self, moment: Instant) -> f64 {
        moment.saturating_duration_since(self.started).as_secs_f64()
    }

    /// Sends an event.
    pub fn send(&self, event: Event) {
        let at = self.elapsed();
        let mut state = self.lock();
        let state = &mut *state;
        let envelope = Envelope {
            run: state.record.header.id.clone(),
            source: "engine".to_owned(),
            sequence: state.record.sequence + 1,
            at,
            event,
        };
        state.record.apply(&envelope);
        for sink in &mut state.sinks {
            sink.event(&envelope, &state.record);
        }
    }

    /// Sends a note, unless the run has it already: what every round would say is said once.
    pub fn note(&self, level: NoteLevel, step: Option<String>, message: impl Into<String>, place: Option<Place>) {
        let note = Note { level, step, message: message.into(), place, at: None };
        if !self.with(|record| record.notes.contains(&note)) {
            self.send(Event::Note(note));
        }
    }

    /// Looks at the record.
    pub fn with<R>(&self, look: impl FnOnce(&RunRecord) -> R) -> R {
        look(&self.lock().record)
    }

    /// The header, cloned.
    #[must_use]
    pub fn header(&self) -> RunHeader {
        self.with(|record| record.header.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A sink that panicked has told its error already; the record is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
