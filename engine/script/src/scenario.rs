//! The public face: check a scenario, or load it to be run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use engine_core::event::Note;
use engine_core::fault::DataCheck;
use engine_core::plan::Plan;
use engine_core::run::{RunRecord, ScenarioRef};
use engine_core::series::Labels;
use engine_core::step::{Failure, FailureKind, Place};
use engine_session::load::LoadRequest;
use engine_session::{CustomContext, ProbeError, Scripted};

use crate::diagnostic::{Diagnostic, ErrorClass, Severity};
use crate::live::Request;
use crate::options::{Options, Source};
use crate::params::ParamDoc;
use crate::worker::{self, Entry, Job, Outcome};

/// A source of a scenario, or a file of data that its top level read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHash {
    /// The file as it was named, `std/NAME`, or `embedded:NAME`.
    pub name: String,
    /// SHA-256 of its text, hexadecimal.
    pub sha256: String,
}

/// What is known of a scenario without running it.
#[derive(Debug)]
pub struct Checked {
    /// The plan; none when there is an error.
    pub plan: Option<Plan>,
    /// Errors and warnings, in the order in which they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// Its parameters.
    pub params: Vec<ParamDoc>,
    /// The flags that it needs, granted or not.
    pub permissions: Vec<String>,
    /// What its top level logged.
    pub notes: Vec<Note>,
    /// Everything that was read for it, the scenario itself first.
    pub sources: Vec<SourceHash>,
}

impl Checked {
    /// Whether it can run.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.plan.is_some()
    }

    /// The class that decides the exit code: the first of usage, invalid, runtime, permission, limit, nothing declared.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        class(&self.diagnostics)
    }
}

/// The class among several errors that decides the exit code.
#[must_use]
pub fn class(diagnostics: &[Diagnostic]) -> Option<ErrorClass> {
    const ORDER: [ErrorClass; 7] = [
        ErrorClass::Internal,
        ErrorClass::Usage,
        ErrorClass::Invalid,
        ErrorClass::Runtime,
        ErrorClass::Permission,
        ErrorClass::Limit,
        ErrorClass::NothingDeclared,
    ];
    let errors = || diagnostics.iter().filter(|d| d.severity == Severity::Error);
    ORDER.into_iter().find(|class| errors().any(|d| d.class == *class))
}

fn internal(message: String) -> Diagnostic {
    let place = Place { file: String::new(), line: 0, column: 0 };
    Diagnostic::error(ErrorClass::Internal, "internal", message, place)
}

fn failed(message: String) -> Outcome {
    Outcome { diagnostics: vec![internal(message)], ..Outcome::default() }
}

/// Reads a scenario and says what is wrong with it. Its top level is evaluated, under limits, because only that tells
/// the plan; nothing is measured, started or written.
#[must_use]
pub fn check(source: &Source, options: &Options) -> Checked {
    let cancel = Arc::new(AtomicBool::new(false));
    let (told, outcome) = channel();
    let stack = options.limits.stack;
    let (source, options) = (source.clone(), options.clone());
    let thread = Builder::new()
        .name("script".to_owned())
        .stack_size(stack)
        .spawn(move || worker::work(&source, options, cancel, &told, None));
    let outcome = match thread {
        Ok(thread) => {
            let outcome =
                outcome.recv().unwrap_or_else(|_| failed("the script's thread ended without a word".to_owned()));
            let _ = thread.join();
            outcome
        }
        Err(error) => failed(format!("cannot start a thread for the script: {error}")),
    };
    Checked {
        plan: outcome.plan,
        diagnostics: outcome.diagnostics,
        params: outcome.params,
        permissions: outcome.flags,
        notes: outcome.notes,
        sources: outcome.sources,
    }
}

/// A scenario ready to run: its plan, and its functions for the session to call.
#[derive(Debug)]
pub struct Scenario {
    plan: Plan,
    reference: ScenarioRef,
    params: Vec<ParamDoc>,
    notes: Vec<Note>,
    warnings: Vec<Diagnostic>,
    sources: Vec<SourceHash>,
    cancel: Arc<AtomicBool>,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Reads a scenario to run it.
///
/// # Errors
/// All that is wrong with it, warnings included.
pub fn load(source: &Source, options: Options) -> Result<Scenario, Vec<Diagnostic>> {
    let cancel = Arc::new(AtomicBool::new(false));
    let (told, outcome) = channel();
    let (jobs, inbox) = channel();
    let (source, flag) = (source.clone(), Arc::clone(&cancel));
    let thread = Builder::new()
        .name("script".to_owned())
        .stack_size(options.limits.stack)
        .spawn(move || worker::work(&source, options, flag, &told, Some(inbox)))
        .map_err(|error| vec![internal(format!("cannot start a thread for the script: {error}"))])?;
    let outcome = outcome.recv().map_err(|_| vec![internal("the script's thread ended without a word".to_owned())])?;
    let Some(plan) = outcome.plan else {
        let _ = thread.join();
        return Err(outcome.diagnostics);
    };
    let reference = ScenarioRef { name: plan.suite.clone(), source: outcome.source, hash: outcome.hash };
    Ok(Scenario {
        plan,
        reference,
        params: outcome.params,
        notes: outcome.notes,
        warnings: outcome.diagnostics,
        sources: outcome.sources,
        cancel,
        jobs: Some(jobs),
        thread: Some(thread),
    })
}

/// What a call made beside its records.
#[derive(Debug, Default)]
struct Made {
    load: Option<LoadRequest>,
    data: Option<DataCheck>,
}

impl Scenario {
    /// Everything that a run of it will do.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Name, source and hash, as a run records them.
    #[must_use]
    pub fn reference(&self) -> &ScenarioRef {
        &self.reference
    }

    /// SHA-256 over its text and those of the sources that it reads, hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.reference.hash
    }

    /// Everything that was read for it, the scenario itself first.
    #[must_use]
    pub fn sources(&self) -> &[SourceHash] {
        &self.sources
    }

    /// Its parameters with their values.
    #[must_use]
    pub fn params(&self) -> &[ParamDoc] {
        &self.params
    }

    /// What its top level logged.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Warnings: it runs, but probably not as meant.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    fn call(&mut self, entry: Entry, cx: &mut dyn CustomContext) -> Result<Made, ProbeError> {
        /// How soon an interruption reaches the script.
        const GLANCE: Duration = Duration::from_millis(50);
        let gone = || ProbeError::Failed(Failure::new(FailureKind::Panic, "the script's thread is gone"));
        let (requests, inbox) = channel();
        let (answer, answers) = channel();
        self.cancel.store(cx.cancelled(), Ordering::Relaxed);
        let deadline = cx.deadline();
        let job = Job { entry, deadline, seed: cx.seed(), requests, answers };
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(gone)?;
        let mut made = Made::default();
        loop {
            match inbox.recv_timeout(GLANCE) {
                Ok(Request::Measure(probe, args)) => {
                    let result = cx.measure(probe, &args);
                    // The script waits for it, so it is there.
                    let _ = answer.send(result);
                }
                Ok(Request::Note(level, message, place)) => cx.note(level, &message, place),
                Ok(Request::Load(request)) => made.load = Some(*request),
                Ok(Request::Verified(data)) => made.data = Some(data),
                Ok(Request::Done(records, result)) => {
                    records.into_iter().for_each(|record| cx.record(record));
                    return result.map(|()| made);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if cx.cancelled() {
                        self.cancel.store(true, Ordering::Relaxed);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }
}

impl Scripted for Scenario {
    fn custom(&mut self, index: usize, point: &Labels, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.call(Entry::Custom(index, point.clone()), cx).map(drop)
    }

    fn load(&mut self, index: usize, point: &Labels, cx: &mut dyn CustomContext) -> Result<LoadRequest, ProbeError> {
        let load = self.call(Entry::Load(index, point.clone()), cx)?;
        load.load.ok_or_else(|| ProbeError::failed("the scenario made no load"))
    }

    fn verify(
        &mut self,
        index: usize,
        point: &Labels,
        target: &str,
        cx: &mut dyn CustomContext,
    ) -> Result<DataCheck, ProbeError> {
        let made = self.call(Entry::Verify(index, point.clone(), target.to_owned()), cx)?;
        made.data.ok_or_else(|| ProbeError::failed("the scenario verified nothing"))
    }

    fn setup(&mut self, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.call(Entry::Setup(None), cx).map(drop)
    }

    fn setup_part(&mut self, part: &str, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.call(Entry::Setup(Some(part.to_owned())), cx).map(drop)
    }

    fn teardown(&mut self, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.call(Entry::Teardown, cx).map(drop)
    }

    fn finish(&mut self, run: &RunRecord, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.call(Entry::Finish(Box::new(run.clone())), cx).map(drop)
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
