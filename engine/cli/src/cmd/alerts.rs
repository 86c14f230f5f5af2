//! `engine alerts`: what is wrong now, since when, and who knows.

use engine_core::alert::{Alert, Label, Rule};
use engine_core::nearest::hint;
use engine_core::run::Timestamp;
use engine_report::{TimeZone, text};
use engine_store::{AlertFilter, Deed, Miss};

use crate::app::{self, App};
use crate::args::{AlertsCommand, DeedArgs, LabelName, WhichRuns};
use crate::exit::{Exit, Fatal};

/// Lists, shows, or does what a person says.
pub(crate) fn run(app: &App, command: AlertsCommand) -> Result<Exit, Fatal> {
    match command {
        AlertsCommand::List { all, scenario, branch, rule } => {
            let filter =
                AlertFilter { resolved: all, suite: scenario, branch, rule: rule.as_deref().map(named).transpose()? };
            let alerts = app.reader()?.alerts(&filter)?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "alerts": alerts }).to_string());
            } else {
                app.out(&text::alerts(&alerts, &TimeZone::system(), app.style()));
            }
        }
        AlertsCommand::Show { id } => {
            let alert = app.reader()?.alert(&id)?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "alert": alert }).to_string());
            } else {
                app.out(&text::alert(&alert, &TimeZone::system(), app.style()));
            }
        }
        AlertsCommand::Ack(deed) => act(app, &deed, Deed::Acknowledge)?,
        AlertsCommand::Silence { deed, time } => {
            let seconds = app::time("--for", &time)?;
            if !(1e-6..=4e12).contains(&seconds) {
                return Err(Fatal::usage("`--for` must be a time to come, such as `7 d`"));
            }
            #[expect(clippy::cast_possible_truncation, reason = "checked to be in the range of a timestamp")]
            let until = Timestamp(app::now().0.saturating_add((seconds * 1e6) as i64));
            act(app, &deed, Deed::Silence(until))?;
        }
        AlertsCommand::Resolve(deed) => act(app, &deed, Deed::Resolve)?,
        AlertsCommand::Label { deed, label } => {
            let label = match label {
                LabelName::True => Label::True,
                LabelName::False => Label::False,
                LabelName::Ignored => Label::Ignored,
            };
            act(app, &deed, Deed::Label(label))?;
        }
        AlertsCommand::Test { channel } => return super::alerts_channel::test(app, &channel),
        AlertsCommand::Send { retry } => return super::alerts_channel::send(app, retry),
        AlertsCommand::Outbox { limit, channel } => super::alerts_channel::outbox(app, limit, channel.as_deref())?,
        AlertsCommand::Missed { metric, run, branch, machine, why, who } => {
            let which = WhichRuns { branch, machine, ..WhichRuns::default() };
            missed(app, &metric, &run, &which, (super::baseline::who(who.as_deref()), why))?;
        }
    }
    Ok(Exit::Pass)
}

fn named(name: &str) -> Result<Rule, Fatal> {
    Rule::named(name).ok_or_else(|| {
        let known = Rule::ALL.map(Rule::name);
        let hint = hint(name, known);
        Fatal::usage(format!("`--rule` must be {}, got `{name}`{hint}", known.join(", ")))
    })
}

fn act(app: &App, args: &DeedArgs, deed: Deed) -> Result<(), Fatal> {
    let mut store = app.store()?;
    let who = super::baseline::who(args.who.as_deref());
    // All ids are looked up before anything is done to one.
    let ids = args.id.iter().map(|id| Ok(store.alert(id)?.id)).collect::<Result<Vec<String>, Fatal>>()?;
    let mut done: Vec<Alert> = Vec::new();
    for id in ids {
        done.push(store.act(&id, deed, &who, &args.why)?);
    }
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "alerts": done }).to_string());
        return Ok(());
    }
    for alert in &done {
        let what = match deed {
            Deed::Label(label) => format!("labelled {}", label.name()),
            _ => alert.state.name().to_owned(),
        };
        app.note(&engine_report::clean::line(&format!("{} is {what}: {}", alert.id, alert.subject)));
    }
    Ok(())
}

fn missed(app: &App, metric: &str, run: &str, which: &WhichRuns, (who, why): (String, String)) -> Result<(), Fatal> {
    let mut store = app.store()?;
    let run = app.resolve(&store, run)?;
    let histories = super::trend_stored::histories(app, &store, &[metric.to_owned()], which)?;
    let mut own = histories.iter().filter(|history| history.points.iter().any(|point| point.run == run));
    let (Some(history), None) = (own.next(), own.next()) else {
        let number = histories.iter().filter(|history| history.points.iter().any(|point| point.run == run)).count();
        let message =
            format!("`{metric}` must mean one series with a value of run {}, but there are {number}", run.short());
        return Err(Fatal::usage(message));
    };
    let key = &history.key;
    store.note_miss(&Miss {
        subject: key.series.to_string(),
        suite: key.suite.clone(),
        machine: key.machine.clone(),
        branch: key.branch.clone(),
        began: run.clone(),
        who,
        why,
    })?;
    app.note(&engine_report::clean::line(&format!("noted: {} got worse with run {}", key.selector(), run.short())));
    Ok(())
}
