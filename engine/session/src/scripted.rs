//! Script code as the session sees it: a trait, so that the session runs and is tested without any language.

use std::time::Instant;

use engine_core::args::Args;
use engine_core::event::NoteLevel;
use engine_core::fault::DataCheck;
use engine_core::measurement::Record;
use engine_core::run::RunRecord;
use engine_core::series::Labels;
use engine_core::step::Place;
use engine_probes::ProbeError;

use crate::load::LoadRequest;

/// The code of a scenario: its `custom` steps, `setup`, `teardown` and `finish`.
///
/// Calls come from the thread that runs the session, one at a time.
pub trait Scripted {
    /// Takes one round of the `custom` declaration number `index` at the sweep point `point`.
    ///
    /// # Errors
    /// What the script raised, with its place, or a skip or failure of a probe that it measured.
    fn custom(&mut self, index: usize, point: &Labels, cx: &mut dyn CustomContext) -> Result<(), ProbeError>;

    /// Makes the load of the `load` declaration number `index` at the sweep point `point`.
    ///
    /// # Errors
    /// If there is none, or it is impossible.
    fn load(&mut self, _index: usize, _point: &Labels, _cx: &mut dyn CustomContext) -> Result<LoadRequest, ProbeError> {
        Err(ProbeError::failed("the scenario's script is not loaded"))
    }

    /// Asks for everything that was acknowledged in the last load of declaration `index`, at the address `target`.
    ///
    /// # Errors
    /// What the script raised, or that nobody was there to be asked.
    fn verify(
        &mut self,
        _index: usize,
        _point: &Labels,
        _target: &str,
        _cx: &mut dyn CustomContext,
    ) -> Result<DataCheck, ProbeError> {
        Err(ProbeError::failed("the scenario's script is not loaded"))
    }

    /// Runs `setup`, before the first round; in a plan with parts, that of the steps of none.
    ///
    /// # Errors
    /// What the script raised; the steps that it was for then take no rounds.
    fn setup(&mut self, cx: &mut dyn CustomContext) -> Result<(), ProbeError>;

    /// Runs the `setup` of a part, before its first round.
    ///
    /// # Errors
    /// What the script raised; the steps of the part then take no rounds.
    fn setup_part(&mut self, _part: &str, _cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        Ok(())
    }

    /// Runs `teardown`, after the last round, also of an interrupted run.
    ///
    /// # Errors
    /// What the script raised; noted as a warning.
    fn teardown(&mut self, cx: &mut dyn CustomContext) -> Result<(), ProbeError>;

    /// Runs `finish` with all results. What it records becomes the step `finish`... of derived metrics.
    ///
    /// # Errors
    /// What the script raised; noted as a warning.
    fn finish(&mut self, run: &RunRecord, cx: &mut dyn CustomContext) -> Result<(), ProbeError>;
}

/// What script code may do while it runs.
pub trait CustomContext {
    /// Keeps samples of a metric.
    fn record(&mut self, record: Record);

    /// Runs a probe now and returns what it recorded; nothing of it is kept.
    ///
    /// # Errors
    /// The probe's skip or failure.
    fn measure(&mut self, probe: &str, args: &Args) -> Result<Vec<Record>, ProbeError>;

    /// Leaves a message.
    fn note(&mut self, level: NoteLevel, message: &str, place: Option<Place>);

    /// Whether the run was interrupted.
    fn cancelled(&self) -> bool;

    /// Seed of this round: the same for every attempt at it, and in a resumed run.
    fn seed(&self) -> u64;

    /// When the step's time is over.
    fn deadline(&self) -> Instant;
}
