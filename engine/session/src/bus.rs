//! The one place through which every event passes: it is numbered, folded into the run's record, and given to the sinks.
//!
//! Events are sent between rounds and by the monitor's thread, never while a clock runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine_core::event::{Envelope, Event, Note, NoteLevel};
use engine_core::load::keep;
use engine_core::run::{RunHeader, RunRecord};
use engine_core::step::Place;

use crate::load::Shelf;

/// What takes events: the store, the terminal, later the dashboard. Must not block.
pub trait Sink: Send {
    /// Takes one event; `record` is the run with the event already applied.
    fn event(&mut self, envelope: &Envelope, record: &RunRecord);
}

/// Samples of the machine for which there is room from the start, two hours of them. It is no memory before it is used; a list
/// that grows leaves holes as large as itself, and a load's memory is to stay flat.
const SAMPLES: usize = 7200;

/// A handle on the bus; clones share it.
#[derive(Clone)]
pub struct Bus {
    state: Arc<Mutex<State>>,
    started: Instant,
}

struct State {
    record: RunRecord,
    sinks: Vec<Box<dyn Sink>>,
    /// The windows of the load that runs, and whose they are.
    shelf: Option<(usize, Shelf)>,
    /// Where a shelf's file may be.
    folder: PathBuf,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Bus {
    /// The bus of a run. `record` is fresh, or what an interrupted run left; times go on from where it ended. Windows of the
    /// load that runs wait in a file in `folder` for its end, and the record has none of them until then.
    #[must_use]
    pub fn new(mut record: RunRecord, sinks: Vec<Box<dyn Sink>>, folder: &Path) -> Self {
        record.host.reserve(SAMPLES);
        let elapsed = std::time::Duration::from_secs_f64(record.duration.max(0.0));
        let now = Instant::now();
        let started = now.checked_sub(elapsed).unwrap_or(now);
        Self { state: Arc::new(Mutex::new(State { record, sinks, shelf: None, folder: folder.to_owned() })), started }
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
        // Others than these come after a load, or before one.
        if !matches!(event, Event::Window(_) | Event::Host(_) | Event::Note(_)) {
            state.gather();
        }
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
        if let Event::Window(window) = &envelope.event {
            state.shelve(window.step);
        }
    }

    /// Puts the windows of the load that has just ended into the record.
    pub(crate) fn gather(&self) {
        self.lock().gather();
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

impl State {
    /// Puts a step's last window out of memory; where no disk takes it, it stays.
    fn shelve(&mut self, step: usize) {
        if self.shelf.as_ref().is_none_or(|(of, _)| *of != step) {
            self.gather();
            self.shelf = Shelf::new(&self.folder).ok().map(|shelf| (step, shelf));
        }
        let Some((_, shelf)) = &mut self.shelf else { return };
        let Some(windows) = self.record.steps.get_mut(step).map(|step| &mut step.windows) else { return };
        if let Some(Err(window)) = windows.pop().map(|window| shelf.put(window)) {
            windows.push(window);
        }
    }

    /// See [`Bus::gather`].
    fn gather(&mut self) {
        let Some((step, shelf)) = self.shelf.take() else { return };
        let Some(step) = self.record.steps.get_mut(step) else { return };
        match shelf.windows() {
            Ok(mut windows) => {
                // What the disk did not take is from between them, or from after them.
                let round = windows.first().map(|window| window.round);
                let later = step.windows.iter().position(|window| Some(window.round) == round);
                windows.extend(step.windows.split_off(later.unwrap_or(step.windows.len())));
                windows.sort_by(|a, b| a.at.total_cmp(&b.at));
                windows.into_iter().for_each(|window| {
                    keep(&mut step.windows, window);
                });
            }
            Err(error) => tracing::warn!(%error, "the windows of a load cannot be read back from the disk"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::load::{LoadWindow, WindowRow};
    use engine_core::plan::Rounds;
    use engine_core::step::Outcome;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The most windows that the record had when an event came.
    struct Most(Arc<AtomicUsize>);

    impl Sink for Most {
        fn event(&mut self, _: &Envelope, record: &RunRecord) {
            self.0.fetch_max(record.steps[0].windows.len(), Ordering::Relaxed);
        }
    }

    fn window(round: u32, at: u32) -> Event {
        let rows = vec![WindowRow { ok: u64::from(at), ..WindowRow::default() }];
        let window =
            LoadWindow { step: 0, round, at: f64::from(at), seconds: 1.0, rows, users: 1, phase: "all".into() };
        Event::Window(Box::new(window))
    }

    /// Two rounds of a load of 30 seconds; gives its record, and the most windows that it had meanwhile.
    fn two_rounds(folder: &Path) -> (RunRecord, usize) {
        let most = Arc::new(AtomicUsize::new(0));
        let header = crate::tests::header(vec![crate::tests::step("shop", Rounds::Exact(2))]);
        let bus = Bus::new(RunRecord::new(header), vec![Box::new(Most(Arc::clone(&most)))], folder);
        let mut seen = 0;
        for round in 0..2 {
            bus.send(Event::RoundStarted { step: 0, round: Some(round) });
            for at in 0..30 {
                bus.send(window(round, at));
                bus.note(NoteLevel::Info, None, format!("{round} {at}"), None);
            }
            if round == 0 {
                seen = most.load(Ordering::Relaxed);
                bus.gather();
            }
        }
        bus.send(Event::StepFinished { step: 0, outcome: Outcome::Measured, stop: None });
        (bus.with(Clone::clone), seen)
    }

    #[test]
    fn windows_are_on_disk_while_the_load_runs_and_in_the_record_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let (record, most) = two_rounds(folder.path());
        assert_eq!(most, 1, "the one that has just come");
        for round in 0..2 {
            let oks: Vec<u64> = record.steps[0].windows_of(round).iter().map(|window| window.rows[0].ok).collect();
            assert_eq!(oks, (0..30).collect::<Vec<_>>());
        }
        assert_eq!(record.steps[0].windows.len(), 60);
        // Where there is no place on disk they stay in memory.
        let (other, most) = two_rounds(&folder.path().join("missing"));
        assert_eq!(most, 30);
        assert_eq!(other.steps[0].windows, record.steps[0].windows);
    }
}
