//! `engine baseline review`: which baselines no longer say what is normal, and which alerts nobody has judged.

use engine_core::alert::Alert;
use engine_core::notice::{Notice, NoticeKind};
use engine_core::run::Timestamp;
use engine_operate::{channel, gather};
use engine_report::clean;
use engine_store::{AlertFilter, Baseline, Filter, Store};

use crate::app::{self, App};
use crate::exit::Fatal;
use crate::notify;

/// A baseline that is older is looked at again. Microseconds.
const OLD: i64 = 90 * DAY;

/// An alert that ended longer ago is not asked after.
const LATELY: i64 = 30 * DAY;

const DAY: i64 = 86_400_000_000;

/// Lists what there is to do; with `tell`, puts it into the outbox as well.
pub(super) fn run(app: &App, tell: bool) -> Result<(), Fatal> {
    let store = app.reader()?;
    let now = app::now();
    let found = findings(&store, now)?;
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "findings": found }).to_string());
    } else if found.is_empty() {
        app.out("the baselines are in order");
    } else {
        app.out(&found.iter().map(|line| clean::line(line)).collect::<Vec<_>>().join("\n"));
    }
    if tell && !found.is_empty() {
        let settings = notify::settings(app)?;
        let channels = channel::enabled(&settings, None);
        let plural = if found.len() == 1 { "" } else { "s" };
        let notice = Notice {
            kind: NoticeKind::Review,
            title: format!("{} thing{plural} to look at in the baselines", found.len()),
            suite: "baselines".to_owned(),
            machine: crate::machine::id(),
            branch: None,
            run: None,
            at: now,
            remarks: found.iter().take(40).cloned().chain(["look closer: engine baseline review".to_owned()]).collect(),
            items: Vec::new(),
            link: (!settings.alerts.link.is_empty()).then(|| settings.alerts.link.clone()),
        };
        // The same findings are told once a day at most.
        let key = gather::key_of(&format!("review {} {}", now.0 / DAY, found.join("\n")));
        let news = gather::messages(&notice, &key, &channels);
        app.store()?.enqueue(now, &news, &[], settings.outbox.most)?;
    }
    Ok(())
}

fn findings(store: &Store, now: Timestamp) -> Result<Vec<String>, Fatal> {
    let mut all = Vec::new();
    for baseline in store.baselines()? {
        all.extend(of_baseline(store, &baseline, now)?);
    }
    let alerts = store.alerts(&AlertFilter { resolved: true, ..AlertFilter::default() })?;
    let open = alerts.iter().filter(|alert| alert.state.name() == "firing").count();
    let lately = |alert: &&Alert| alert.label.is_none() && now.0.saturating_sub(alert.raised.0) < LATELY;
    let unlabelled = alerts.iter().filter(lately).count();
    if open > 0 {
        all.push(format!("{open} alerts are firing: `engine alerts list`"));
    }
    if unlabelled > 0 {
        all.push(format!(
            "{unlabelled} alerts of the last 30 days have no label: `engine alerts label ID --as true|false` lets `engine accuracy` count"
        ));
    }
    Ok(all)
}

fn of_baseline(store: &Store, baseline: &Baseline, now: Timestamp) -> Result<Vec<String>, Fatal> {
    let branch = baseline.branch.as_deref().map(|branch| format!(", branch {branch}")).unwrap_or_default();
    let name = format!("@{} of {} on {}{branch}", baseline.name, baseline.suite, baseline.machine);
    let filter = Filter {
        suite: Some(baseline.suite.clone()),
        machine: Some(baseline.machine.clone()),
        branch: baseline.branch.clone(),
        limit: Some(1),
        ..Filter::default()
    };
    let newest = store.list(&filter)?.into_iter().next();
    let environments = store.environments([baseline.run()])?;
    let mut all = Vec::new();
    if baseline.is_expired(now) {
        all.push(format!("{name} is over: set it anew, or remove it"));
    }
    let age = now.0.saturating_sub(baseline.created.0);
    if age > OLD {
        all.push(format!("{name} is {} days old: is its level still the wanted one?", age / DAY));
    }
    if let Some(newest) = newest {
        let idle = now.0.saturating_sub(newest.started.0);
        if idle > LATELY {
            all.push(format!("{name} has had nothing to be compared with for {} days", idle / DAY));
        }
        let before = environments.get(baseline.run());
        if before.is_some_and(|environment| environment.class_id() != newest.class) {
            all.push(format!(
                "{name} is of another environment than run {}: `engine compare {} {}` shows in what",
                newest.id.short(),
                baseline.run().short(),
                newest.id.short()
            ));
        }
    }
    Ok(all)
}
