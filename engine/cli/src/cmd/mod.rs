//! The commands, one file each.

mod ab;
mod accuracy;
mod advise;
mod alerts;
mod alerts_channel;
mod anomaly;
mod baseline;
mod baseline_review;
mod check;
mod check_stress;
mod ci;
mod compare;
mod compare_files;
mod configure;
mod database;
mod demo;
mod doc;
mod doctor;
mod explain;
mod faults;
mod foreign;
mod import;
mod init;
mod liners;
mod list;
mod new;
mod pages;
mod patterns;
mod pin;
mod plan;
mod report;
mod round;
mod run;
mod runs;
mod schedule;
mod schedule_install;
mod serve;
mod simulate;
mod target;
mod tool;
mod top;
mod trend;
mod trend_stored;
mod trouble;

pub(crate) use ab::against_reference;
pub(crate) use check::checked;
pub(crate) use faults::setup as stress_and_faults;
pub(crate) use foreign::from_text as import_text;
pub(crate) use run::{once, options as run_options, scratch_base, spend};
pub(crate) use trend_stored::analysed;

use crate::app::App;
use crate::args::{Cli, Command};
use crate::exit::{Exit, Fatal};
use crate::output::Output;

/// Runs the command and shows what went wrong.
pub(crate) fn main(cli: Cli) -> Exit {
    let plain = Output { quiet: cli.global.quiet, json: cli.global.json, color: false, width: 100 };
    let json = cli.global.json;
    match dispatch(cli) {
        Ok(exit) => exit,
        Err(fatal) => {
            if json {
                let error = serde_json::json!({
                    "schema_version": 1,
                    "error": { "exit_code": fatal.exit.code(), "class": fatal.exit.meaning().name, "message": fatal.message },
                });
                plain.out(&error.to_string());
            }
            plain.err(&format!("error: {}", fatal.message));
            fatal.exit
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Fatal> {
    let Some(command) = cli.command else { return Ok(pages::welcome(cli.global.quiet)) };
    tool::lend();
    let command = match command {
        Command::Round => return round::run(),
        Command::Tool { protocol } => return tool::run(&protocol),
        Command::FaultsChild { role } => return faults::child(&role),
        // It has no results to keep, and a child must not fail for a configuration that its parent does not use.
        Command::Target(args) => return target::run(&args),
        other => other,
    };
    let app = App::new(cli.global)?;
    log(&app)?;
    if matches!(command, Command::Run(_) | Command::Probe(_) | Command::Time(_) | Command::Ab(_) | Command::Demo(_)) {
        faults::sweep(&app);
    }
    match command {
        Command::Run(args) => run::run(&app, &args),
        Command::Time(args) => liners::time(&app, &args),
        Command::Probe(args) => liners::probe(&app, &args),
        Command::Http(args) => liners::http(&app, &args),
        Command::Ab(args) => ab::run(&app, &args),
        Command::Pin(args) => pin::run(&app, &args),
        Command::Ci(command) => ci::run(&app, &command),
        Command::Init(args) => init::run(&app, &args),
        Command::New(command) => new::run(&app, &command),
        Command::Demo(args) => demo::run(&app, &args),
        Command::Import(command) => import::run(&app, command),
        Command::Check(args) => check::run(&app, &args),
        Command::List(args) => list::run(&app, &args),
        Command::Doc(args) => doc::run(&app, &args),
        Command::Doctor(args) => doctor::run(&app, &args),
        Command::Compare(args) => compare::run(&app, &args),
        Command::Trend(args) => trend::run(&app, &args),
        Command::Plan(args) => plan::run(&app, &args),
        Command::Anomaly(args) => anomaly::run(&app, &args),
        Command::Accuracy(args) => accuracy::run(&app, &args),
        Command::Patterns(args) => patterns::run(&app, &args),
        Command::Simulate(args) => simulate::run(&app, &args),
        Command::Alerts(command) => alerts::run(&app, command),
        Command::Schedule(command) => schedule::run(&app, command),
        Command::Baseline(command) => baseline::run(&app, command),
        Command::Runs(command) => runs::run(&app, command),
        Command::Advise(args) => advise::run(&app, &args),
        Command::Serve(args) => serve::run(&app, &args),
        Command::Report(args) => report::run(&app, &args),
        Command::Top(args) => top::run(&app, &args),
        Command::Config(command) => configure::run(&app, command),
        Command::Db(command) => database::run(&app, command),
        Command::Faults(command) => faults::run(&app, &command),
        Command::Explain { markdown: true, .. } => {
            app.out(&trouble::page());
            Ok(Exit::Pass)
        }
        Command::Explain { what, .. } => explain::run(&app, what.as_deref()),
        Command::Completions { shell } => Ok(pages::completions(shell)),
        Command::Man { out } => pages::man(&app, out.as_deref()),
        Command::Round => round::run(),
        Command::Tool { protocol } => tool::run(&protocol),
        Command::FaultsChild { role } => faults::child(&role),
        Command::Target(args) => target::run(&args),
    }
}

/// `--log FILE`: what the engine does, as JSON lines.
fn log(app: &App) -> Result<(), Fatal> {
    let Some(path) = &app.global.log else { return Ok(()) };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Fatal::usage(format!("`--log`: cannot write `{}`: {error}", path.display())))?;
    let level = match app.global.verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::sync::Mutex::new(file))
        .try_init()
        .map_err(|error| Fatal::new(Exit::Internal, error.to_string()))
}
