//! `engine run --resume RUN`: going on with a run that was interrupted or whose process was killed.
//!
//! A plan with its seed and the rounds done so far are enough to go on as if nothing had happened, where nothing else has:
//! the scenario, the engine and the machine must be those of the first part. What a scenario may do is asked for anew:
//! permissions are never taken from a stored run.

use std::path::{Path, PathBuf};

use engine_core::plan::{Plan, Work};
use engine_core::run::{RunHeader, RunRecord, RunState, ValidityLevel};
use engine_script::Source;

use crate::app::App;
use crate::args::{Reading, RunArgs};
use crate::exit::{Exit, Fatal};
use crate::pipeline::Request;
use crate::{machine, source};

/// The request that goes on with a run.
pub(crate) fn request(app: &App, args: &RunArgs, reference: &str) -> Result<Request, Fatal> {
    let given = &args.reading;
    let fixed =
        given.profile.is_some() || given.seed.is_some() || given.budget.is_some() || given.params_file.is_some();
    if fixed || !given.params.is_empty() || !given.only.is_empty() || !given.skip.is_empty() || args.once {
        return Err(Fatal::usage(
            "`--resume` goes on with what was begun: leave out parameters, profile, seed, budget, `--only`, `--skip` and `--once`",
        ));
    }
    let store = app.store()?;
    let id = app.resolve(&store, reference)?;
    let record = store.run(&id)?;
    let short = id.short();
    match record.state {
        RunState::Running => return Err(Fatal::usage(format!("run {short} is still running"))),
        RunState::Complete => return Err(Fatal::usage(format!("run {short} is complete: there is nothing to resume"))),
        RunState::Partial | RunState::Crashed if engine_session::is_resumable(&record) => {}
        RunState::Partial | RunState::Crashed => {
            return Err(Fatal::usage(format!(
                "run {short} was not interrupted: its steps ended by their budget or by `@abort`; run the scenario again"
            )));
        }
    }
    let plan = &record.header.plan;
    let source = match args.scenarios.as_slice() {
        [] => stored(&record.header.scenario.source, short)?,
        [one] => source::named(one)?,
        _ => return Err(Fatal::usage("`--resume` goes on with one scenario")),
    };
    let reading =
        Reading { profile: Some(plan.profile.name().to_owned()), seed: Some(plan.seed), ..args.reading.clone() };
    let mut request = Request::new(app, source, &reading)?;
    request.options.params = plan.params.0.clone();
    // What `--only` and `--skip` had left.
    request.options.only = plan.declarations.iter().map(|declaration| declaration.name.clone()).collect();
    request.resume = Some(Box::new(record));
    Ok(request)
}

/// The scenario as the run's record names it.
fn stored(label: &str, run: &str) -> Result<Source, Fatal> {
    if let Some(name) = label.strip_prefix("embedded:") {
        return source::named(name);
    }
    let path = PathBuf::from(label);
    if path.is_file() {
        return Ok(Source::File(path));
    }
    Err(Fatal::usage(format!(
        "the scenario of run {run} was `{label}`, which is no file here: name it, `engine run FILE --resume {run}`"
    )))
}

/// The run's header, when scenario, engine and machine are still those that it began with.
pub(crate) fn checked(
    app: &App,
    record: &RunRecord,
    plan: &Plan,
    hash: &str,
    scratch: &Path,
) -> Result<RunHeader, Fatal> {
    let header = &record.header;
    let run = header.id.short();
    let refuse = |what: String| {
        let message = format!("run {run} cannot go on: {what}; run the scenario again");
        Err(Fatal::new(Exit::Invalid, message))
    };
    let version = env!("CARGO_PKG_VERSION");
    if header.engine != version {
        return refuse(format!("it was begun by engine {}, this is {version}", header.engine));
    }
    if header.scenario.hash != hash {
        return refuse("the scenario, or something that it reads, has changed".to_owned());
    }
    if header.machine != machine::id() {
        return refuse("it was begun on another machine".to_owned());
    }
    let environment = machine::environment(app, scratch)?;
    if environment.class_id() != header.environment.class_id() {
        return refuse("the machine is not as it was (kernel, processors, memory or settings differ)".to_owned());
    }
    let of = |plan: &Plan| -> Vec<(String, Work)> {
        let steps = plan.steps.iter().filter(|step| step.work != Work::Finish);
        steps.map(|step| (step.path(), step.work.clone())).collect()
    };
    if of(&header.plan) != of(plan) {
        return refuse("the scenario now makes other steps of the same text".to_owned());
    }
    Ok(header.clone())
}

/// Says where the run goes on.
pub(crate) fn announce(app: &App, record: &RunRecord) {
    let rounds: usize = record.steps.iter().map(engine_core::run::StepRecord::rounds).sum();
    app.note(&format!("goes on after {:.0} s: {rounds} rounds are there and are not taken again", record.duration));
}

/// The record without the doubt that its process had ended: what was missing is measured now.
pub(crate) fn forgiven(mut record: RunRecord) -> RunRecord {
    let reasons = &mut record.validity.reasons;
    reasons.retain(|reason| reason != engine_store::ABANDONED);
    if reasons.is_empty() {
        record.validity.level = ValidityLevel::Valid;
    }
    record
}
