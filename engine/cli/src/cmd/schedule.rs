//! `engine schedule`: what runs when nobody watches.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use engine_core::nearest::hint;
use engine_core::quantity::Quantity;
use engine_core::schedule::{Ending, Occurrence, REVIEW, Schedule};
use engine_core::unit::Dimension;
use engine_operate::conditions::Machine;
use engine_operate::scheduler::Scheduler;
use engine_operate::{Cron, CronError, cron, step};
use engine_report::clean;
use engine_session::SystemClock;
use engine_store::{Error, Followed, Store};

use crate::app::{self, App};
use crate::args::{AddArgs, Cli, Command, ScheduleCommand};
use crate::exit::{Exit, Fatal};
use crate::{scheduling, signals, source};

/// A timer waits so long for the run of another one.
const WAIT: Duration = Duration::from_secs(6 * 3600);

/// Adds, lists, removes, switches, runs, follows or installs.
pub(crate) fn run(app: &App, command: ScheduleCommand) -> Result<Exit, Fatal> {
    match command {
        ScheduleCommand::Add(args) => add(app, &args)?,
        ScheduleCommand::List => list(app)?,
        ScheduleCommand::Remove { name } => {
            let schedule = app.store()?.remove_schedule(&name)?;
            app.note(&format!("`{}` is forgotten; its runs stay", schedule.name));
        }
        ScheduleCommand::Enable { name } => switch(app, &name, true)?,
        ScheduleCommand::Disable { name } => switch(app, &name, false)?,
        ScheduleCommand::RunNow { name, scheduled } => return run_now(app, &name, scheduled),
        ScheduleCommand::History { name, limit } => history(app, name.as_deref(), limit)?,
        ScheduleCommand::Run { once } => return follow(app, once),
        ScheduleCommand::Watch => watch(app)?,
        ScheduleCommand::Defaults { zone } => defaults(app, zone.as_deref())?,
        ScheduleCommand::Install(args) => super::schedule_install::install(app, &args)?,
        ScheduleCommand::Uninstall => super::schedule_install::uninstall(app)?,
    }
    Ok(Exit::Pass)
}

impl From<CronError> for Fatal {
    fn from(error: CronError) -> Self {
        Self::usage(error.to_string())
    }
}

fn add(app: &App, args: &AddArgs) -> Result<(), Fatal> {
    let schedule = wanted(app, args)?;
    app.store()?.add_schedule(&schedule, schedule.created)?;
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "schedule": schedule }).to_string());
    } else {
        app.note(&clean::line(&format!("`{}` is followed from now on; {}", schedule.name, upcoming(&schedule)?)));
        app.note("runs need something that follows the schedules: `engine schedule run`, or `engine schedule install`");
    }
    Ok(())
}

/// The schedule that arguments describe; everything about it is checked here and not at two in the morning.
fn wanted(app: &App, args: &AddArgs) -> Result<Schedule, Fatal> {
    if !Schedule::is_name(&args.name) {
        return Err(Fatal::usage(format!(
            "`{}` is no name of a schedule: letters, digits and `_ . -`, at most 64, not beginning with `.` or `-`",
            clean::clip(&args.name, 80)
        )));
    }
    let zone = args.zone.clone().unwrap_or_else(cron::system_zone);
    let pattern = Cron::new(&args.cron, &zone)?;
    let now = app::now();
    let jitter = app::time("--jitter", &args.jitter)?;
    let gap = pattern.shortest_gap(now);
    if jitter > gap / 2.0 {
        return Err(Fatal::usage(format!(
            "`--jitter` must be at most half of the shortest time between two runs, {:.0} s",
            gap / 2.0
        )));
    }
    let limit = app::time("--limit", &args.limit)?;
    let missing_after = app::time("--missing-after", &args.missing_after)?;
    if limit < 1.0 || missing_after < 60.0 {
        return Err(Fatal::usage("`--limit` must be at least a second, and `--missing-after` a minute"));
    }
    let folder = args.folder.clone().map_or_else(std::env::current_dir, std::fs::canonicalize);
    let folder = folder.map_err(|error| Fatal::usage(format!("`--folder`: {error}")))?;
    let schedule = Schedule {
        name: args.name.clone(),
        cron: args.cron.clone(),
        zone,
        scenario: scenario(app, &args.scenario, &args.run, &folder)?,
        args: args.run.clone(),
        folder: folder.display().to_string(),
        enabled: true,
        jitter,
        catch_up: !args.no_catch_up,
        limit,
        busy: args.skip_busy.as_deref().map(share).transpose()?,
        battery: args.skip_on_battery,
        missing_after,
        confirm: args.confirm,
        created: now,
    };
    Ok(schedule)
}

fn share(text: &str) -> Result<f64, Fatal> {
    let quantity: Quantity = text.parse().map_err(|error| Fatal::usage(format!("`--skip-busy`: {error}")))?;
    if quantity.dimension != Dimension::NONE || !(0.0..=1.0).contains(&quantity.value) {
        return Err(Fatal::usage(format!("`--skip-busy` must be a share such as `30 %`, got `{text}`")));
    }
    Ok(quantity.value)
}

/// A scenario that exists and can be read with the given arguments; a file by its absolute path.
fn scenario(app: &App, name: &str, arguments: &[String], folder: &Path) -> Result<String, Fatal> {
    if name == REVIEW {
        return if arguments.is_empty() {
            Ok(name.to_owned())
        } else {
            Err(Fatal::usage(format!("`{REVIEW}` takes no arguments after `--`")))
        };
    }
    if name == "-" {
        return Err(Fatal::usage("a schedule cannot read standard input: write the scenario into a file"));
    }
    let file = name.contains('/') || Path::new(name).extension().is_some_and(|suffix| suffix == "rhai");
    let known = if file {
        let path = folder.join(name);
        std::fs::canonicalize(&path).map_or(path, |path| path).display().to_string()
    } else if crate::embedded::SCENARIOS.iter().any(|(known, _)| *known == name) {
        name.to_owned()
    } else {
        let all = crate::embedded::SCENARIOS.iter().map(|(known, _)| *known).chain([REVIEW]);
        let hint = hint(name, all.clone());
        let list = all.collect::<Vec<_>>().join(", ");
        return Err(Fatal::usage(format!(
            "no built-in scenario `{name}`{hint}; there are {list}; a file needs a `/` or the suffix `.rhai`"
        )));
    };
    let read = source::named(&known)?;
    let words = ["engine", "run", &known].map(str::to_owned).into_iter().chain(arguments.iter().cloned());
    let parsed = Cli::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Fatal::usage(format!("arguments after `--`: {line}"))
    })?;
    let Some(Command::Run(run)) = parsed.command else {
        return Err(Fatal::usage("arguments after `--` must be those of `engine run`"));
    };
    if run.scenarios.len() > 1 {
        return Err(Fatal::usage("a schedule runs one scenario; add a schedule for each"));
    }
    let options = super::run_options(app, &run.reading)?;
    engine_script::load(&read, options).map_err(|diagnostics| app.diagnosed(&diagnostics))?;
    Ok(known)
}

fn upcoming(schedule: &Schedule) -> Result<String, Fatal> {
    let pattern = Cron::new(&schedule.cron, &schedule.zone)?;
    let next: Vec<String> = pattern.times(app::now()).take(3).map(|time| pattern.local(time)).collect();
    Ok(format!("next: {}", next.join(", ")))
}

fn switch(app: &App, name: &str, on: bool) -> Result<(), Fatal> {
    let schedule = app.store()?.enable_schedule(name, on, app::now())?;
    let text = if on {
        format!("`{name}` is followed; {}", upcoming(&schedule)?)
    } else {
        format!("`{name}` is not followed any more; `engine schedule enable {name}` follows it again")
    };
    app.note(&text);
    Ok(())
}

fn list(app: &App) -> Result<(), Fatal> {
    let store = app.reader()?;
    let all = store.schedules()?;
    let mut rows = Vec::new();
    let mut data = Vec::new();
    for Followed { schedule, mark } in &all {
        let last = store.occurrences(Some(&schedule.name), 1)?.into_iter().next();
        let next = Cron::new(&schedule.cron, &schedule.zone).ok().and_then(|pattern| {
            let start = step::next_start(schedule, &pattern, *mark).filter(|_| schedule.enabled)?;
            Some((start, pattern.local(start)))
        });
        let came = last.as_ref().map_or_else(|| "never".to_owned(), |one| one.ending.name().to_owned());
        let when = match &next {
            Some((start, _)) if start.0 < app::now().0 => "due".to_owned(),
            Some((_, local)) => local.clone(),
            None if schedule.enabled => "never".to_owned(),
            None => "disabled".to_owned(),
        };
        let cells = [
            schedule.name.clone(),
            schedule.cron.clone(),
            schedule.zone.clone(),
            when,
            came,
            schedule.scenario.clone(),
        ];
        rows.push(cells.map(|cell| clean::clip(&cell, 60)));
        data.push(serde_json::json!({
            "schedule": schedule, "next": next.map(|(start, _)| start), "last": last,
        }));
    }
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "schedules": data }).to_string());
    } else if rows.is_empty() {
        app.out("no schedules yet: `engine schedule add NAME CRON SCENARIO`, or `engine schedule defaults`");
    } else {
        app.out(&table(["name", "cron", "zone", "next", "last", "scenario"], &rows));
    }
    Ok(())
}

/// Columns as wide as what is in them.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| width(&row[at])).chain([width(head[at])]).max().unwrap_or(0)).collect();
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head)];
    lines.extend(rows.iter().map(|row| line(std::array::from_fn(|at| row[at].as_str()))));
    lines.join("\n")
}

fn history(app: &App, name: Option<&str>, limit: usize) -> Result<(), Fatal> {
    let store = app.reader()?;
    let all = store.occurrences(name, limit)?;
    if let Some(name) = name.filter(|_| all.is_empty()) {
        // A schedule that never ran has an empty history; a name that means none is an error.
        store.schedule(name)?;
    }
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "occurrences": all }).to_string());
    } else if all.is_empty() {
        app.out("nothing has come of any schedule yet");
    } else {
        let lines: Vec<String> = all.iter().map(|one| clean::line(&scheduling::sentence(one))).collect();
        app.out(&lines.join("\n"));
    }
    Ok(())
}

fn run_now(app: &App, name: &str, scheduled: bool) -> Result<Exit, Fatal> {
    let (clock, stop) = (SystemClock::start(), signals::interrupt());
    let machine = Machine::new(&clock);
    let mut scheduler = Scheduler::new(&clock, &machine, &scheduling::lock()?, &crate::machine::id());
    let mut children = scheduling::children(app, stop)?;
    let mut store = app.store()?;
    let noted = if scheduled {
        scheduler.run_due(&mut store, &mut children, name, WAIT)?
    } else {
        scheduler.run_now(&mut store, &mut children, name)?
    };
    if signals::received().is_none() {
        scheduler.watch(&mut store)?;
        scheduling::tell(app)?;
    }
    shown(app, &noted);
    if scheduled && noted.is_empty() {
        app.note("nothing is due: another process has taken it, or its time has not come");
        return Ok(signals::received().unwrap_or(Exit::Pass));
    }
    Ok(ending(&noted))
}

fn shown(app: &App, noted: &[Occurrence]) {
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "occurrences": noted }).to_string());
    } else {
        for note in noted {
            app.note(&clean::line(&scheduling::sentence(note)));
        }
    }
}

/// The exit code of the last run; what was skipped ran nothing.
fn ending(noted: &[Occurrence]) -> Exit {
    if let Some(exit) = signals::received() {
        return exit;
    }
    let Some(last) = noted.last() else { return Exit::NothingRan };
    let known = |code: i32| crate::exit::MEANINGS.iter().find(|meaning| i32::from(meaning.code) == code);
    match (last.ending, last.exit) {
        (Ending::Skipped | Ending::Missed, _) => Exit::NothingRan,
        (Ending::TimedOut, _) => Exit::Partial,
        (_, Some(code)) => known(code).map_or(Exit::Internal, |meaning| meaning.exit),
        _ => Exit::Internal,
    }
}

fn follow(app: &App, once: bool) -> Result<Exit, Fatal> {
    let stop = signals::interrupt();
    if once {
        let tick = scheduling::look(app, &stop)?;
        shown(app, &tick.noted);
        return Ok(signals::received().unwrap_or(Exit::Pass));
    }
    let number = app.store()?.schedules()?.len();
    app.note(&format!("following {number} schedules; Ctrl-C ends it"));
    if scheduling::start(app, &stop)?.join().is_err() {
        return Err(Fatal::new(Exit::Internal, "the scheduler panicked"));
    }
    // Being asked to end is how it ends.
    Ok(Exit::Pass)
}

fn watch(app: &App) -> Result<(), Fatal> {
    let clock = SystemClock::start();
    let machine = Machine::new(&clock);
    let scheduler = Scheduler::new(&clock, &machine, &scheduling::lock()?, &crate::machine::id());
    let mut store = app.store()?;
    for lost in store.settle_occurrences(app::now())? {
        app.note(&clean::line(&scheduling::sentence(&lost)));
    }
    scheduler.watch(&mut store)?;
    scheduling::tell(app)
}

fn defaults(app: &App, zone: Option<&str>) -> Result<(), Fatal> {
    let zone = zone.map_or_else(cron::system_zone, ToOwned::to_owned);
    let folder = std::env::current_dir().map_err(|error| Fatal::usage(error.to_string()))?.display().to_string();
    let mut store = app.store()?;
    for (name, pattern, scenario, limit) in [
        ("quick", "0 */6 * * *", "quick", 3600.0),
        ("full", "0 2 * * *", "full", 4.0 * 3600.0),
        ("review", "0 7 * * 1", REVIEW, 600.0),
    ] {
        Cron::new(pattern, &zone)?;
        let schedule = Schedule {
            name: name.to_owned(),
            cron: pattern.to_owned(),
            zone: zone.clone(),
            scenario: scenario.to_owned(),
            args: Vec::new(),
            folder: folder.clone(),
            enabled: true,
            jitter: 0.0,
            catch_up: true,
            limit,
            busy: (scenario != REVIEW).then_some(0.5),
            battery: scenario != REVIEW,
            missing_after: 3600.0,
            confirm: false,
            created: app::now(),
        };
        match store.add_schedule(&schedule, schedule.created) {
            Ok(()) => app.note(&format!("`{name}` is followed; {}", upcoming(&schedule)?)),
            Err(Error::BadSchedule { .. }) => app.note(&kept(&store, name)?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn kept(store: &Store, name: &str) -> Result<String, Fatal> {
    let own = store.schedule(name)?.schedule;
    Ok(clean::line(&format!("`{name}` is there already (`{}` {}) and stays as it is", own.cron, own.scenario)))
}
