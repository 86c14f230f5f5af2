//! `engine baseline`: runs to compare with, and levels that were accepted as normal.

use engine_core::run::Timestamp;
use engine_core::selector::Selector;
use engine_report::{BaselineRow, TimeZone, text};
use engine_store::{Baseline, Filter, NewBaseline, Place, Store};

use crate::app::{self, App};
use crate::args::{AcceptArgs, BaselineCommand, CloneArgs, SetArgs};
use crate::exit::{Exit, Fatal};

/// Sets, accepts, clones, lists, shows, exports or removes.
pub(crate) fn run(app: &App, command: BaselineCommand) -> Result<Exit, Fatal> {
    match command {
        BaselineCommand::Set(args) => set(app, args)?,
        BaselineCommand::Accept(args) => accept(app, &args)?,
        BaselineCommand::Clone(args) => clone(app, &args)?,
        BaselineCommand::List => {
            let store = app.reader()?;
            let baselines = store.baselines()?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "baselines": baselines }).to_string());
            } else {
                show(app, &store, &baselines)?;
            }
        }
        BaselineCommand::Review { notify } => super::baseline_review::run(app, notify)?,
        BaselineCommand::Show { name } => details(app, plain(&name))?,
        BaselineCommand::Export { name, out } => {
            let run = app.reader()?.export_baseline(plain(&name), None, &out)?;
            app.note(&format!("wrote run {} to {}", run.short(), out.display()));
        }
        BaselineCommand::Remove { name, branch } => {
            for baseline in app.store()?.remove_baseline(plain(&name), None, branch.as_deref())? {
                app.note(&format!("@{} of {} is forgotten; its runs stay", baseline.name, place(&baseline)));
            }
        }
    }
    Ok(Exit::Pass)
}

fn plain(name: &str) -> &str {
    name.trim_start_matches('@')
}

/// Who does this: as said, else the user's name.
pub(super) fn who(asked: Option<&str>) -> String {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    asked.map_or_else(user, ToOwned::to_owned)
}

fn set(app: &App, args: SetArgs) -> Result<(), Fatal> {
    let expires = args.expires.as_deref().map(|text| after(app::time("--expires", text)?)).transpose()?;
    let mut store = app.store()?;
    let runs = match args.last {
        None => vec![app.resolve(&store, args.run.as_deref().unwrap_or("@last"))?],
        Some(last) => {
            let filter = Filter { suite: args.scenario, branch: args.branch, limit: Some(1), ..Filter::default() };
            let Some(newest) = store.list(&filter)?.into_iter().next() else {
                return Err(Fatal::usage("no run of that scenario and branch is stored, but for the tiny profile"));
            };
            let place = Place { suite: &newest.suite, machine: &newest.machine, branch: newest.branch.as_deref() };
            let runs = store.normal_runs(place, newest.profile, None, usize::try_from(last).unwrap_or(usize::MAX))?;
            if runs.is_empty() {
                let message =
                    format!("`{}` has no accepted run there: all are partial, invalid or rejected", newest.suite);
                return Err(Fatal::usage(message));
            }
            if runs.len() < usize::try_from(last).unwrap_or(usize::MAX) {
                app.note(&format!("only {} accepted runs are there", runs.len()));
            }
            runs
        }
    };
    let set = store.set_baseline(&NewBaseline {
        name: plain(&args.name).to_owned(),
        runs,
        who: who(args.who.as_deref()),
        why: args.why,
        unprotected: args.unprotected,
        expires,
        branch: None,
    })?;
    let record = store.run(set.run())?;
    if record.header.plan.profile == engine_core::plan::Profile::Tiny {
        app.note("warning: the run has the tiny profile, which measures nothing; comparisons with it are refused");
    }
    let what = match set.runs.len() {
        1 => format!("run {}", set.run().short()),
        n => format!("{n} runs, the newest {}", set.run().short()),
    };
    app.note(&engine_report::clean::line(&format!("@{} is {what} of {}", set.name, place(&set))));
    if (2..5).contains(&set.runs.len()) {
        app.note("note: fewer than 5 runs are too few to judge a run by; one run is compared by its rounds");
    }
    Ok(())
}

fn accept(app: &App, args: &AcceptArgs) -> Result<(), Fatal> {
    if args.why.trim().is_empty() {
        return Err(Fatal::usage("`--why` must say why the new level is fine"));
    }
    let series = args.series.as_deref().unwrap_or_default();
    let selector = args.series.as_ref().map(|text| text.parse::<Selector>()).transpose();
    let selector = selector.map_err(|error| Fatal::usage(format!("`--series`: {error}")))?;
    let mut store = app.store()?;
    if let Some(selector) = selector.filter(|_| !series.is_empty())
        && store.series_names(&selector)?.is_empty()
    {
        return Err(Fatal::usage(format!("`--series`: no stored series fits `{series}`")));
    }
    let run = app.resolve(&store, &args.run)?;
    let who = who(args.who.as_deref());
    let accepted = store.accept(&run, series, &who, &args.why)?;
    let what = if series.is_empty() { "all series".to_owned() } else { format!("`{series}`") };
    let branch = accepted.branch.as_deref().unwrap_or("no branch");
    app.note(&engine_report::clean::line(&format!(
        "{what} of `{}` on {branch} and machine {}: accepted from run {} on",
        accepted.suite,
        accepted.machine,
        run.short()
    )));
    if let Some(name) = &args.baseline {
        let new = NewBaseline {
            name: plain(name).to_owned(),
            runs: vec![run],
            who,
            why: args.why.clone(),
            ..NewBaseline::default()
        };
        let set = store.set_baseline(&new)?;
        app.note(&format!("@{} is run {} of {}", set.name, set.run().short(), place(&set)));
    }
    Ok(())
}

fn clone(app: &App, args: &CloneArgs) -> Result<(), Fatal> {
    let name = plain(&args.name);
    let mut store = app.store()?;
    let mut found = store.baselines_of(name, args.scenario.as_deref(), None)?;
    let branches: Vec<String> = found.iter().filter_map(|one| one.branch.clone()).collect();
    found.retain(|one| one.branch.as_deref() == Some(&args.from));
    if found.is_empty() {
        let known = match branches.len() {
            0 => "; there is none of that name".to_owned(),
            _ => format!("; there is one of: {}", branches.join(", ")),
        };
        return Err(Fatal::usage(format!("no baseline `{name}` of branch `{}`{known}", args.from)));
    }
    for one in found {
        let why = if args.why.is_empty() { format!("as on {}: {}", args.from, one.why) } else { args.why.clone() };
        let set = store.set_baseline(&NewBaseline {
            name: name.to_owned(),
            runs: one.runs,
            who: who(args.who.as_deref()),
            why,
            unprotected: !one.protected,
            expires: one.expires,
            branch: Some(args.to.clone()),
        })?;
        app.note(&engine_report::clean::line(&format!("@{} is there for {} too", set.name, place(&set))));
    }
    Ok(())
}

fn details(app: &App, name: &str) -> Result<(), Fatal> {
    let store = app.reader()?;
    let found = store.baselines_of(name, None, None)?;
    if found.is_empty() {
        return Err(store.baseline(name, None, None).err().map_or_else(|| Fatal::usage("none"), Into::into));
    }
    let accepted: Vec<_> = store
        .acceptances()?
        .into_iter()
        .filter(|one| {
            found
                .iter()
                .any(|base| (&base.suite, &base.machine, &base.branch) == (&one.suite, &one.machine, &one.branch))
        })
        .collect();
    if app.output.json {
        let document = serde_json::json!({
            "schema_version": 1, "baseline": found.first(), "baselines": found, "acceptances": accepted,
        });
        app.out(&document.to_string());
        return Ok(());
    }
    show(app, &store, &found)?;
    for baseline in &found {
        let runs: Vec<&str> = baseline.runs.iter().map(|run| run.short()).collect();
        let protected = if baseline.protected { "pruning leaves them alone" } else { "pruning may take them" };
        let line = |text: String| app.out(&engine_report::clean::line(&text));
        line(format!("{}: {}; {protected}", place(baseline), runs.join(" ")));
        for (word, text) in [("set by", &baseline.who), ("because", &baseline.why)] {
            if !text.is_empty() {
                line(format!("{word}: {text}"));
            }
        }
    }
    for one in &accepted {
        let what = if one.series.is_empty() { "all series" } else { &one.series };
        let text = format!("accepted from run {} on: {what}; by {}: {}", one.run.short(), one.who, one.why);
        app.out(&engine_report::clean::line(&text));
    }
    Ok(())
}

/// `scenario` on a branch and a machine.
fn place(baseline: &Baseline) -> String {
    let branch = baseline.branch.as_deref().unwrap_or("no branch");
    format!("`{}` on {branch} and machine {}", baseline.suite, baseline.machine)
}

fn show(app: &App, store: &Store, baselines: &[Baseline]) -> Result<(), Fatal> {
    let rows = baselines.iter().map(|baseline| row(store, baseline)).collect::<Result<Vec<_>, _>>()?;
    app.out(&text::baselines(&rows, &TimeZone::system(), app.style()));
    Ok(())
}

fn row(store: &Store, baseline: &Baseline) -> Result<BaselineRow, Fatal> {
    let record = store.run(baseline.run())?;
    Ok(BaselineRow {
        name: baseline.name.clone(),
        run: baseline.run().short().to_owned(),
        runs: baseline.runs.len(),
        scenario: baseline.suite.clone(),
        branch: baseline.branch.clone(),
        started: record.header.started,
        set: baseline.created,
        expires: baseline.expires,
        is_expired: baseline.is_expired(app::now()),
        code: record.header.code.short(),
        machine: baseline.machine.clone(),
    })
}

/// The moment in so many seconds.
fn after(seconds: f64) -> Result<Timestamp, Fatal> {
    let micros = seconds * 1e6;
    if !(1.0..=4e18).contains(&micros) {
        return Err(Fatal::usage("`--expires` must be a time to come, such as `90 d`"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in the range of a timestamp")]
    Ok(Timestamp(app::now().0.saturating_add(micros as i64)))
}
