//! `engine run`: read, plan, measure, store, judge, report.

use std::path::PathBuf;

use engine_core::plan::{Profile, Rounds, Warmup};

use crate::app::{self, App};
use crate::args::{Reading, RunArgs};
use crate::exit::{Exit, Fatal};
use crate::pipeline::{self, Request};
use crate::source;

/// Runs every scenario named; the worst ending counts.
pub(crate) fn run(app: &App, args: &RunArgs) -> Result<Exit, Fatal> {
    if let Some(reference) = &args.resume {
        let request = crate::resume::request(app, args, reference)?;
        return pipeline::run(app, with_options(request, args)?);
    }
    let sources = match &args.eval {
        Some(text) => vec![source::given(text)],
        None => args.scenarios.iter().map(|name| source::named(name)).collect::<Result<_, _>>()?,
    };
    let dashboard = args.dashboard.as_deref().map(|port| crate::serving::beside_run(app, port)).transpose()?;
    let mut exits = Vec::new();
    for source in sources {
        let mut request = with_options(Request::new(app, source, &args.reading)?, args)?;
        request.hub = dashboard.as_ref().map(crate::serving::Dashboard::hub);
        exits.push(pipeline::run(app, request)?);
        if crate::signals::received().is_some() {
            break;
        }
    }
    Ok(Exit::of(&exits))
}

/// What the command line says beside the scenario.
fn with_options(mut request: Request, args: &RunArgs) -> Result<Request, Fatal> {
    request.storing = args.storing.clone();
    request.baseline.clone_from(&args.baseline);
    request.machine.clone_from(&args.machine);
    request.fail_on.clone_from(&args.fail_on);
    request.unsure = args.unsure.unwrap_or(request.unsure);
    request.budget = args.max_time.as_deref().map(|text| app::time("--max-time", text)).transpose()?;
    request.trace = args.trace;
    request.once = args.once;
    request.tui = args.tui;
    request.journal = !args.no_journal;
    request.lock = Some(crate::lock::Asked { file: args.lock.clone(), must: args.locked || args.lock.is_some() });
    Ok(request)
}

/// `--budget` of the command line on a plan.
pub(crate) fn spend(reading: &Reading, plan: &mut engine_core::plan::Plan) -> Result<(), Fatal> {
    let Some(text) = &reading.budget else { return Ok(()) };
    let total = app::time("--budget", text)?;
    if total <= 0.0 {
        return Err(Fatal::usage("`--budget` must be longer than nothing"));
    }
    plan.spend(Some(total));
    Ok(())
}

/// The profile, also where `--once` asks for one round of everything.
pub(crate) fn once(plan: &mut engine_core::plan::Plan) {
    for step in &mut plan.steps {
        step.rounds = Rounds::Exact(1);
        step.warmup = Warmup::Rounds(0);
    }
    for declaration in &mut plan.declarations {
        declaration.expect.clear();
    }
}

/// The folder under which scratch folders are made.
pub(crate) fn scratch_base(app: &App) -> PathBuf {
    let set = &app.config().run.scratch;
    if set.is_empty() { std::env::temp_dir() } else { PathBuf::from(set) }
}

/// What the scenario is read with.
pub(crate) fn options(app: &App, reading: &Reading) -> Result<engine_script::Options, Fatal> {
    let facts = engine_probes::host::facts(&std::env::var("PATH").unwrap_or_default());
    let has = engine_probes::host::Facts::NAMES
        .iter()
        .filter(|name| facts.has(name) == Some(true))
        .map(|name| (*name).to_owned())
        .collect();
    let config = app.config();
    let registry = engine_probes::registry::registry().iter().map(|probe| probe.info).collect();
    let mut options = engine_script::Options::new(registry);
    options.profile = app.profile(reading.profile.as_deref())?;
    options.params = params(reading)?;
    options.seed = reading.seed.unwrap_or_else(fresh_seed);
    options.permissions = app.permissions(&reading.allow);
    options.facts = engine_script::HostFacts {
        cores: usize::try_from(facts.cores).unwrap_or(1),
        memory: facts.memory,
        os: facts.os.to_owned(),
        arch: facts.arch.to_owned(),
        has,
    };
    options.env = std::sync::Arc::new(|name| std::env::var(name).ok());
    let stdlib = reading.stdlib.clone().or_else(|| Some(PathBuf::from(&config.script.stdlib)));
    options.stdlib_dir = stdlib.filter(|path| !path.as_os_str().is_empty());
    options.limits.call_operations = config.script.operations;
    options.limits.string = config.script.string_bytes;
    options.limits.array = config.script.array_items;
    options.limits.map = config.script.array_items;
    options.limits.plan_time = std::time::Duration::from_secs_f64(
        crate::config::seconds(&config.script.time).map_err(|message| Fatal::new(Exit::Invalid, message))?,
    );
    options.rounds = Some(config.run.rounds).filter(|rounds| *rounds > 0);
    options.timeout =
        Some(crate::config::seconds(&config.run.timeout).map_err(|message| Fatal::new(Exit::Invalid, message))?);
    options.embedded = crate::embedded::SCENARIOS;
    options.only.clone_from(&reading.only);
    options.skip.clone_from(&reading.skip);
    if options.profile == Profile::Tiny {
        // The tiny profile repeats itself: tests compare what they see.
        options.seed = reading.seed.unwrap_or(1);
    }
    Ok(options)
}

/// Parameters from the file, over them those of the command line.
fn params(reading: &Reading) -> Result<std::collections::BTreeMap<String, String>, Fatal> {
    let mut params = std::collections::BTreeMap::new();
    if let Some(path) = &reading.params_file {
        let wrong = |error: &dyn std::fmt::Display| Fatal::usage(format!("`--params`: {}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let table: toml::Table = if path.extension().is_some_and(|suffix| suffix == "json") {
            serde_json::from_str(&text).map_err(|error| wrong(&error))?
        } else {
            text.parse().map_err(|error: toml::de::Error| wrong(&error))?
        };
        for (name, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Table(_) | toml::Value::Array(_) => {
                    return Err(wrong(&format!("`{name}` must be a text, a number or a truth value")));
                }
                other => other.to_string(),
            };
            params.insert(name, text);
        }
    }
    for given in &reading.params {
        let (name, value) = app::pair("-p", given)?;
        params.insert(name, value);
    }
    Ok(params)
}

/// A seed from the clock; it is printed and stored.
fn fresh_seed() -> u64 {
    let now = u64::try_from(app::now().0).unwrap_or(1);
    // Short seeds are easier to type again.
    engine_core::stats::Stream::new(now, &[u64::from(std::process::id())]).below(1 << 32)
}
