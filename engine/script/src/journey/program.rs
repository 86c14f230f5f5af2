//! A thread's own program: an engine of the language, the scenario read once more, and the function of a journey.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use engine_core::event::Note;
use engine_core::series::Labels;
use engine_load::coroutine::{on_parent_stack, stack_low};
use engine_load::{ErrorClass, Failure, Journey, Script, User};
use rhai::{Dynamic, Engine, EvalAltResult};

use super::acks::Acks;
use super::body::Body;
use super::person::{Ended, Person};
use super::stage::Stage;
use super::trace::Trace;
use crate::files::Files;
use crate::guard::Guard;
use crate::host::{Host, Phase};
use crate::kept::Kept;
use crate::options::{Options, Source};
use crate::plain::Plain;
use crate::read;
use crate::translate;

/// Stack of a generator's thread that scripts may count on while they are read, in bytes; the thread has eight times that.
const STACK: usize = 1 << 20;

/// Failures that are told with place and help; later ones only with their place, which costs next to nothing.
const TOLD: u32 = 256;

/// What the functions are called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The journeys of a load.
    Load(usize, Labels),
    /// What asks for everything that was acknowledged.
    Verify(usize, Labels),
    /// One of the functions given to `setup`.
    Setup(usize),
    /// One of the functions given to `teardown`.
    Teardown(usize),
}

/// What every thread makes its program from.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) source: Source,
    pub(crate) options: Options,
    pub(crate) files: Arc<Files>,
    pub(crate) cancel: Arc<AtomicBool>,
    pub(crate) purpose: Purpose,
    /// What `setup` returned.
    pub(crate) setup: Plain,
    /// What users said.
    pub(crate) notes: Arc<Mutex<Vec<Note>>>,
    /// What users acknowledged.
    pub(crate) acks: Arc<Acks>,
    /// What the function returned, where that is wanted.
    pub(crate) returned: Mutex<Option<Result<Plain, Refused>>>,
}

/// Why a function returned nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It failed.
    Failed(Failure),
    /// What is in the value that is no plain data.
    NotPlain(String),
}

/// A thread's program.
#[derive(Debug)]
struct Program {
    host: Rc<Host>,
    engine: Engine,
    journeys: Vec<(Kept, Option<Body>)>,
}

thread_local! {
    /// The program of this thread, for all journeys of its load.
    static PROGRAM: RefCell<Option<(usize, Weak<Program>)>> = const { RefCell::new(None) };
}

impl Program {
    /// This thread's program for a blueprint.
    fn of_thread(blueprint: &Arc<Blueprint>) -> Result<Rc<Self>, Failure> {
        let key = Arc::as_ptr(blueprint) as usize;
        let known = PROGRAM.with_borrow(|known| match known {
            Some((of, program)) if *of == key => program.upgrade(),
            _ => None,
        });
        if let Some(program) = known {
            return Ok(program);
        }
        let program = Rc::new(Self::new(blueprint)?);
        PROGRAM.set(Some((key, Rc::downgrade(&program))));
        Ok(program)
    }

    fn new(blueprint: &Blueprint) -> Result<Self, Failure> {
        let failed = |message: String| Failure::new(ErrorClass::Script, message);
        let guard = Guard::new(STACK, Arc::clone(&blueprint.cancel));
        let guard = Rc::new(guard.for_users(blueprint.options.limits.iteration_operations));
        // All steps are declared, whichever of them are run: the functions are found by their number.
        let options = Options { only: Vec::new(), skip: Vec::new(), ..blueprint.options.clone() };
        let (host, engine) = read::program(&blueprint.source, options, guard, Arc::clone(&blueprint.files))
            .map_err(|diagnostic| failed(diagnostic.render(false)))?;
        let gone = || failed("the scenario declared other functions when it was read again".to_owned());
        let (journeys, conditions, name) = {
            let builder = host.builder.borrow();
            match &blueprint.purpose {
                Purpose::Load(index, labels) => {
                    let point = builder.load_point(*index, labels).ok_or_else(gone)?;
                    let kept = point.journeys.iter().map(|journey| journey.kept.clone()).collect();
                    (kept, point.conditions.clone(), String::new())
                }
                Purpose::Verify(index, labels) => {
                    let point = builder.load_point(*index, labels).ok_or_else(gone)?;
                    let kept = point.verify.clone().ok_or_else(gone)?;
                    (vec![kept], point.conditions.clone(), "verify: ".to_owned())
                }
                Purpose::Setup(at) => {
                    let kept = builder.setup.get(*at).cloned().ok_or_else(gone)?;
                    let conditions = builder.around_conditions(&kept.prefix);
                    (vec![kept], conditions, "setup: ".to_owned())
                }
                Purpose::Teardown(at) => {
                    let kept = builder.teardown.get(*at).cloned().ok_or_else(gone)?;
                    let conditions = builder.around_conditions(&kept.prefix);
                    (vec![kept], conditions, "teardown: ".to_owned())
                }
            }
        };
        let trace = blueprint.options.trace.clone().map(|out| Trace::new(name, out));
        let stage = Stage::new(conditions, blueprint.setup.value(), trace, Arc::clone(&blueprint.notes))
            .with_acks(Arc::clone(&blueprint.acks));
        let prefix = journeys.first().map(|kept| (kept.at.file.clone(), kept.prefix.clone()));
        host.enter_journeys(stage, prefix.unwrap_or_default());
        let ready = |kept: Kept| {
            let body = matches!(blueprint.purpose, Purpose::Load(..)).then(|| Body::of(&kept)).flatten();
            (kept, body)
        };
        let journeys = journeys.into_iter().map(ready).collect();
        Ok(Self { host, engine, journeys })
    }
}

/// A function of a scenario as a journey.
#[derive(Debug)]
pub(crate) struct ScriptJourney {
    pub(crate) blueprint: Arc<Blueprint>,
    /// Which of the load's journeys.
    pub(crate) number: usize,
    pub(crate) name: String,
}

impl Journey for ScriptJourney {
    fn name(&self) -> &str {
        &self.name
    }

    fn script(&self) -> Result<Rc<dyn Script>, Failure> {
        let program = Program::of_thread(&self.blueprint)?;
        if self.number >= program.journeys.len() {
            return Err(Failure::new(
                ErrorClass::Script,
                "the scenario declared fewer journeys when it was read again",
            ));
        }
        if matches!(self.blueprint.purpose, Purpose::Verify(..)) {
            return Ok(Rc::new(Check { program, acks: Arc::clone(&self.blueprint.acks) }));
        }
        let returns = !matches!(self.blueprint.purpose, Purpose::Load(..));
        let name = self.name.clone();
        Ok(Rc::new(Copy { program, number: self.number, name, returned: returns.then(|| Arc::clone(&self.blueprint)) }))
    }
}

/// A thread's own copy of a journey.
struct Copy {
    program: Rc<Program>,
    number: usize,
    name: String,
    returned: Option<Arc<Blueprint>>,
}

impl Script for Copy {
    fn run(&self, user: &User) -> Result<(), Failure> {
        let Program { host, engine, journeys } = &*self.program;
        let Some(stage) = host.stage.get() else { return Ok(()) };
        let person = Person::of(user);
        stage.runs(&person);
        stage.trace(|| format!("begins `{}`", self.name));
        host.guard.begin_user(stack_low());
        // A panic goes on to the scheduler, which counts it; so does the unwinding of a user that is dismissed.
        let result = match &journeys[self.number] {
            (_, Some(body)) => body.run(engine, Dynamic::from(person.clone())),
            (kept, None) => kept.call(engine, Some(Dynamic::from(person.clone()))),
        };
        stage.trace(|| format!("state: #{:?}", person.keep.state.borrow()));
        let tripped = host.guard.end_user(stack_low());
        let outcome = match (result, tripped) {
            (Ok(value), None) => Ok(value),
            (Ok(_), Some(fault)) => Err(outcome_of(host, &fault.boxed(rhai::Position::NONE))),
            (Err(error), _) => Err(outcome_of(host, &error)),
        };
        match &outcome {
            Ok(_) => stage.trace(|| "done".to_owned()),
            Err(failure) => stage.trace(|| format!("FAILED: {failure}")),
        }
        if let Some(blueprint) = &self.returned {
            let plain = match &outcome {
                Ok(value) => on_parent_stack(|| Plain::of(value)).map_err(Refused::NotPlain),
                Err(failure) => Err(Refused::Failed(failure.clone())),
            };
            blueprint.returned.lock().unwrap_or_else(PoisonError::into_inner).replace(plain);
        }
        outcome.map(drop)
    }
}

/// Asks for everything that was acknowledged, one key after the other.
struct Check {
    program: Rc<Program>,
    acks: Arc<Acks>,
}

impl Script for Check {
    fn run(&self, user: &User) -> Result<(), Failure> {
        let Program { host, engine, journeys } = &*self.program;
        let Some(stage) = host.stage.get() else { return Ok(()) };
        let person = Person::of(user);
        while let Some((at, key)) = self.acks.next() {
            stage.runs(&person);
            host.guard.begin_user(stack_low());
            let values = vec![Dynamic::from(person.clone()), key.value()];
            let result = journeys[0].0.call_with(engine, values);
            let tripped = host.guard.end_user(stack_low());
            // Whatever is not answered with true is not there: a request that fails, an error of the function too.
            let there = tripped.is_none() && result.as_ref().is_ok_and(|value| value.as_bool().unwrap_or(false));
            if let Err(error) = &result {
                self.acks.said(&outcome_of(host, error).to_string());
            }
            self.acks.found(at, there);
        }
        Ok(())
    }
}

/// How an iteration ended that raised an error: by a failure that was no error of the script, or as one.
pub(crate) fn outcome_of(host: &Host, error: &EvalAltResult) -> Failure {
    let inner = innermost(error);
    if let EvalAltResult::ErrorRuntime(value, _) = inner
        && let Some(ended) = value.read_lock::<Ended>()
    {
        return ended.0.clone();
    }
    let told = host.stage.get().map_or(0, |stage| stage.told.replace(stage.told.get().saturating_add(1)));
    if told > TOLD {
        return Failure::new(ErrorClass::Script, format!("at {}", inner.position()));
    }
    on_parent_stack(|| {
        let file = host.frames.borrow().last().map_or_else(String::new, |frame| frame.file.clone());
        let told = translate::eval(&host.sources, &file, error);
        let mut message = format!("{}: {}", told.place, told.message);
        if let Some(help) = &told.help {
            message = format!("{message}: {help}");
        }
        Failure::new(ErrorClass::Script, host.vault.redact(&message))
    })
}

fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, cause, _) | EvalAltResult::ErrorInModule(_, cause, _) = inner {
        inner = cause;
    }
    inner
}

impl Host {
    /// From now on users run.
    fn enter_journeys(&self, stage: Stage, (file, prefix): (String, String)) {
        let suite = prefix.trim_end_matches('/').to_owned();
        let included = !suite.is_empty();
        let frame = crate::builder::Frame { file, suite, included, ..crate::builder::Frame::default() };
        self.frames.borrow_mut().push(frame);
        self.notes.borrow_mut().clear();
        self.phase.set(Phase::Journey);
        // Set once: the program is new.
        let _ = self.stage.set(stage);
    }
}
