//! The thread that reads and runs a scenario.
//!
//! Scripts run on a thread of their own: its stack has a size that we chose, so the guard knows where it ends, whatever
//! the caller's stack is. The language's values never leave it; plans, records and messages do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use engine_core::event::Note;
use engine_core::plan::Plan;
use engine_core::run::RunRecord;
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::{Failure, FailureKind};
use engine_session::ProbeError;
use rhai::{Dynamic, Engine, EvalAltResult, Map};

use crate::builder::Frame;
use crate::diagnostic::{Diagnostic, ErrorClass};
use crate::files::Files;
use crate::guard::Guard;
use crate::host::{Host, Phase};
use crate::journey::{Acks, Blueprint, Purpose};
use crate::kept::Kept;
use crate::live::{Answer, Live, Request};
use crate::options::{Options, Source};
use crate::params::ParamDoc;
use crate::plain::Plain;
use crate::read;
use crate::scenario::SourceHash;
use crate::translate;
use crate::verbs::RunView;

mod users;
mod verify;

/// What reading a scenario gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) plan: Option<Plan>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) params: Vec<ParamDoc>,
    pub(crate) flags: Vec<String>,
    pub(crate) notes: Vec<Note>,
    pub(crate) hash: String,
    pub(crate) sources: Vec<SourceHash>,
    pub(crate) source: String,
}

/// What a kept function is called for.
#[derive(Debug)]
pub(crate) enum Entry {
    Custom(usize, Labels),
    Load(usize, Labels),
    /// `setup` of a part; of the scenarios that are no part without one.
    Setup(Option<String>),
    Verify(usize, Labels, String),
    Teardown,
    Finish(Box<RunRecord>),
}

/// One call.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) entry: Entry,
    pub(crate) deadline: Instant,
    pub(crate) seed: u64,
    pub(crate) requests: Sender<Request>,
    pub(crate) answers: Receiver<Answer>,
}

/// What copies of the program on other threads are made from.
#[derive(Debug)]
pub(crate) struct Copies {
    source: Source,
    options: Options,
    files: Arc<Files>,
    cancel: Arc<AtomicBool>,
    /// What users said, until somebody listens again.
    notes: Arc<Mutex<Vec<Note>>>,
    /// What the users of the last load acknowledged.
    acks: Arc<Acks>,
}

impl Copies {
    fn blueprint(&self, purpose: Purpose, setup: Plain) -> Blueprint {
        Blueprint {
            source: self.source.clone(),
            options: self.options.clone(),
            files: Arc::clone(&self.files),
            cancel: Arc::clone(&self.cancel),
            purpose,
            setup,
            notes: Arc::clone(&self.notes),
            acks: Arc::clone(&self.acks),
            returned: Mutex::new(None),
        }
    }
}

/// Reads the scenario and, when `jobs` are to follow, stays to run its functions.
pub(crate) fn work(
    source: &Source,
    options: Options,
    cancel: Arc<AtomicBool>,
    told: &Sender<Outcome>,
    jobs: Option<Receiver<Job>>,
) {
    let guard = Rc::new(Guard::new(options.limits.stack, Arc::clone(&cancel)));
    let files = Arc::new(Files::default());
    let copies = Copies {
        source: source.clone(),
        options: options.clone(),
        files: Arc::clone(&files),
        cancel,
        notes: Arc::default(),
        acks: Arc::default(),
    };
    let (host, engine, outcome) = read::read(source, options, guard, files);
    // Nobody waits for it only when the caller is gone.
    let good = outcome.plan.is_some();
    if told.send(outcome).is_err() || !good {
        return;
    }
    let Some((host, engine)) = host.zip(engine) else { return };
    for job in jobs.into_iter().flatten() {
        let requests = job.requests.clone();
        let (records, result) = run(&host, &engine, &copies, job);
        let _ = requests.send(Request::Done(records, result));
    }
}

fn run(
    host: &Host,
    engine: &Engine,
    copies: &Copies,
    job: Job,
) -> (Vec<engine_core::measurement::Record>, Result<(), ProbeError>) {
    let limits = &host.options.limits;
    host.guard.enter(limits.call_operations, job.deadline);
    let live = Live { requests: job.requests, answers: job.answers, records: Vec::new().into(), stopped: None.into() };
    for note in std::mem::take(&mut *copies.notes.lock().unwrap_or_else(PoisonError::into_inner)) {
        live.note(note.level, note.message, note.place);
    }
    host.live.replace(Some(live));
    let result = match job.entry {
        Entry::Custom(index, labels) => custom(host, engine, index, &labels, job.seed),
        Entry::Load(index, labels) => load(host, copies, index, &labels, job.seed),
        Entry::Verify(index, labels, target) => {
            verify::verify(host, copies, (index, &labels), &target, job.seed, job.deadline)
        }
        Entry::Setup(part) => users::setup(host, engine, copies, part.as_deref(), (job.seed, job.deadline)),
        Entry::Teardown => users::teardown(host, engine, copies, job.seed, job.deadline),
        Entry::Finish(run) => {
            let view = Dynamic::from(RunView(Rc::new(*run)));
            all(host, engine, Phase::Finish, &host.builder.borrow().finish.clone(), Some(view))
        }
    };
    let live = host.live.replace(None);
    let (records, stopped) =
        live.map(|live| (live.records.into_inner(), live.stopped.into_inner())).unwrap_or_default();
    match (result, stopped) {
        // What a probe lacks or breaks ends the round as that, unless the script caught it.
        (Err(_), Some(stopped)) => (Vec::new(), Err(stopped)),
        (result, _) => (records, result),
    }
}

fn custom(host: &Host, engine: &Engine, index: usize, labels: &Labels, seed: u64) -> Result<(), ProbeError> {
    let custom = host.builder.borrow().custom.get(index).cloned();
    let Some(custom) = custom else {
        return Err(ProbeError::failed(format!("the scenario has no custom step number {index}")));
    };
    host.random.replace(Stream::new(seed, &[Stream::key_of("script")]));
    let value = custom.points.iter().find(|(known, _)| known == labels).map(|(_, value)| value.clone());
    let value = Dynamic::from_map(value.unwrap_or_else(Map::new));
    call(host, engine, Phase::Round, &custom.kept, Some(value)).map(drop)
}

/// Makes a load and hands it over.
fn load(host: &Host, copies: &Copies, index: usize, labels: &Labels, seed: u64) -> Result<(), ProbeError> {
    let builder = host.builder.borrow();
    let gone = || ProbeError::failed(format!("the scenario has no load number {index} at `{labels}`"));
    let point = builder.load_point(index, labels).ok_or_else(gone)?;
    let setup = host.setups.borrow().get(&point.prefix).cloned().unwrap_or_default();
    copies.acks.begin(point.verify.is_some());
    let blueprint = copies.blueprint(Purpose::Load(index, labels.clone()), setup);
    let request = point.request(&Arc::new(blueprint), seed).map_err(ProbeError::failed)?;
    if let Some(live) = &*host.live.borrow() {
        let _ = live.requests.send(Request::Load(Box::new(request)));
    }
    Ok(())
}

fn all(host: &Host, engine: &Engine, phase: Phase, kept: &[Kept], value: Option<Dynamic>) -> Result<(), ProbeError> {
    kept.iter().try_for_each(|kept| call(host, engine, phase, kept, value.clone()).map(drop))
}

fn call(
    host: &Host,
    engine: &Engine,
    phase: Phase,
    kept: &Kept,
    value: Option<Dynamic>,
) -> Result<Dynamic, ProbeError> {
    host.phase.set(phase);
    let suite = kept.prefix.trim_end_matches('/').to_owned();
    let included = !suite.is_empty();
    host.frames.borrow_mut().push(Frame { file: kept.at.file.clone(), suite, included, ..Frame::default() });
    let result = catch_unwind(AssertUnwindSafe(|| kept.call(engine, value)));
    host.frames.borrow_mut().pop();
    let error = match result {
        Ok(Ok(value)) => match host.guard.tripped() {
            None => return Ok(value),
            Some(fault) => fault.boxed(kept.at.pos),
        },
        Ok(Err(error)) => error,
        Err(panic) => return Err(ProbeError::Failed(Failure::new(FailureKind::Panic, panicked(&*panic)))),
    };
    Err(failure(host, &kept.at.file, &error))
}

/// A script error as the session's.
fn failure(host: &Host, file: &str, error: &EvalAltResult) -> ProbeError {
    let told = translate::eval(&host.sources, file, error);
    let kind = match (told.class, told.code) {
        (_, "interrupted") => return ProbeError::Cancelled,
        (_, "out-of-time") => FailureKind::Timeout,
        (ErrorClass::Limit, _) => FailureKind::Limit,
        (ErrorClass::Permission, _) => FailureKind::Permission,
        _ => FailureKind::Script,
    };
    let mut message = host.vault.redact(&told.message);
    if let Some(help) = &told.help {
        message = format!("{message}: {}", host.vault.redact(help));
    }
    for link in &told.chain {
        message = format!("{message} ({} {})", link.how, link.place);
    }
    ProbeError::Failed(Failure { kind, message, place: Some(told.place) })
}

/// What a panic said.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the script language failed: {}", said.unwrap_or_else(|| "no reason given".to_owned()))
}
