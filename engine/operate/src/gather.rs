//! From what people have not been told yet to notices in the outbox: grouped, held back while it may pass, and told once.
//!
//! * One notice for a scenario, machine and branch at a time: everything that a run changed stands in it.
//! * An alert is told when it fires and enough runs said so; what is pending, acknowledged or silenced is not.
//! * It is told to be well again when enough runs said so. Back before that, it was never away: what flaps is told once.
//! * A change of level is told when two runs in a row agree on where it began.
//! * When the machine or its software changed, that is one notice. What moved in that run, and changes of level that are
//!   found later to begin there, are counted in with it, unless a series moves apart from the others (`environment.rs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_core::alert::{Alert, Rule};
use engine_core::evidence::{Evidence, Unit};
use engine_core::notice::{Item, Notice, NoticeKind};
use engine_core::run::{RunId, Timestamp};
use engine_store::{Enqueued, Error, New, Store, Told, ToldState, Untold};
use sha2::{Digest, Sha256};

use crate::advice::Findings;
use crate::channel::{self, Channel};
use crate::environment::{Fate, fate};
use crate::observe::STEADY;
use crate::settings::Settings;

/// How often it is tried again when another process is doing the same.
const TRIES: usize = 5;

/// What gathering did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gathered {
    /// Messages that were put into the outbox.
    pub messages: usize,
    /// Whether there was no room for some: they are gathered again when there is.
    pub full: bool,
}

/// Puts what people have not been told yet into the outbox, a message for each channel that is told of it. Without a
/// channel nothing is done, so that it can be told when there is one.
///
/// # Errors
/// Those of the store. What was put there before stays.
pub fn gather(
    store: &mut Store,
    settings: &Settings,
    channels: &[Box<dyn Channel>],
    now: Timestamp,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    if channels.is_empty() {
        return Ok(gathered);
    }
    'again: for _ in 0..TRIES {
        for (_, group) in grouped(store.untold()?) {
            let Some((notice, told)) = notice(store, settings, group, now)? else { continue };
            let news: Vec<New> = match &notice {
                None => Vec::new(),
                Some((notice, key)) => messages(notice, key, channels),
            };
            match store.enqueue(now, &news, &told, settings.outbox.most)? {
                Enqueued::Done(added) => gathered.messages += added,
                Enqueued::Full => gathered.full = true,
                Enqueued::Conflict => continue 'again,
            }
        }
        break;
    }
    Ok(gathered)
}

/// A message of a notice for each channel that is told of it.
#[must_use]
pub fn messages(notice: &Notice, key: &str, channels: &[Box<dyn Channel>]) -> Vec<New> {
    let of = |channel: &dyn Channel| {
        let notice = channel::part(notice, channel.only())?;
        Some(New { key: format!("{key}-{}", channel.name()), channel: channel.name().to_owned(), notice })
    };
    channels.iter().filter_map(|channel| of(channel.as_ref())).collect()
}

/// A key for a text: the same for the same.
#[must_use]
pub fn key_of(text: &str) -> String {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    hash.get(..24).unwrap_or(&hash).to_owned()
}

type Place = (String, String, Option<String>);

fn grouped(all: Vec<Untold>) -> BTreeMap<Place, Vec<Untold>> {
    let mut groups: BTreeMap<Place, Vec<Untold>> = BTreeMap::new();
    for one in all {
        let place = (one.alert.suite.clone(), one.alert.machine.clone(), one.alert.branch.clone());
        groups.entry(place).or_default().push(one);
    }
    groups
}

/// A notice with its key.
type Keyed = Option<(Notice, String)>;

/// The notice of a group, and what is told by it; nothing when nothing of it is ripe.
fn notice(
    store: &Store,
    settings: &Settings,
    group: Vec<Untold>,
    now: Timestamp,
) -> Result<Option<(Keyed, Vec<Told>)>, Error> {
    let mut ripe = Vec::new();
    for one in group.into_iter().filter(|one| is_ripe(one, settings)) {
        if one.state == ToldState::Resolved || one.alert.rule != Rule::ChangePoint || is_steady(store, &one.alert)? {
            ripe.push(one);
        }
    }
    let moved = ripe.iter().any(|one| one.alert.rule == Rule::Environment && one.state == ToldState::Firing);
    let (mut told, mut spoken) = (Vec::new(), Vec::new());
    let mut counted_in = 0;
    for one in ripe {
        let fate = fate_of(store, &one, moved)?;
        if fate == Fate::Waits {
            continue;
        }
        told.push(one.told(fate == Fate::CountedIn));
        match fate {
            Fate::Told(remark) => spoken.push((one, remark)),
            _ if one.state == ToldState::Firing => counted_in += 1,
            _ => {}
        }
    }
    if told.is_empty() {
        return Ok(None);
    }
    let Some((first, _)) = spoken.first() else { return Ok(Some((None, told))) };
    let run = spoken.iter().map(|(one, _)| run_of(one)).max().filter(|_| first.alert.rule != Rule::MissingRun);
    let mut findings = Findings::default();
    let mut items = Vec::new();
    for (one, remark) in &spoken {
        let mut item = item(store, one, &mut findings)?;
        if let Some(remark) = remark {
            item.causes.insert(0, remark.clone());
        }
        items.push(item);
    }
    // What is wrong stands before what is well again, and the environment before all.
    items.sort_by_key(|item| (item.rule != Rule::Environment, item.recovered, item.rule, item.subject.clone()));
    let kind = kind(&items);
    let mut remarks = Vec::new();
    if counted_in > 0 && moved {
        remarks.push(format!(
            "{counted_in} series that moved in the same run are counted in with this; `engine alerts list` has them"
        ));
    }
    if moved {
        remarks.push(
            "changes of level that begin here are not told again one by one; `engine baseline accept` makes the new level normal"
                .to_owned(),
        );
    }
    let alert = &first.alert;
    let link = link(&settings.alerts.link, &items, run.as_ref());
    let notice = Notice {
        kind,
        title: title(kind, &alert.suite, &items),
        suite: alert.suite.clone(),
        machine: alert.machine.clone(),
        branch: alert.branch.clone(),
        run,
        at: now,
        remarks,
        items,
        link,
    };
    let parts: Vec<String> =
        spoken.iter().map(|(one, _)| format!("{} {:?} {:?}", one.alert.id, one.state, one.before)).collect();
    Ok(Some((Some((notice, key_of(&parts.join("\n")))), told)))
}

/// Whether it is time to tell it.
fn is_ripe(one: &Untold, settings: &Settings) -> bool {
    let at_once = matches!(one.alert.rule, Rule::MissingRun | Rule::Environment);
    match one.state {
        ToldState::Firing => at_once || one.alert.times >= settings.alerts.fire_after,
        ToldState::Resolved => {
            let runs = usize::try_from(settings.alerts.recover_after).unwrap_or(usize::MAX);
            at_once || one.silent || one.by_person || one.runs_since >= runs
        }
    }
}

/// Whether the last runs agree on where it began. What nobody has looked for a place of is as it is.
fn is_steady(store: &Store, alert: &Alert) -> Result<bool, Error> {
    Ok(store.place_of(&alert.id)?.is_none_or(|(_, agreed)| agreed >= STEADY))
}

/// Whether it is told, counted in with another notice or known already, or to be looked at again with a later run.
fn fate_of(store: &Store, one: &Untold, moved: bool) -> Result<Fate, Error> {
    let silent = |silent: bool| if silent { Fate::CountedIn } else { Fate::Told(None) };
    match (one.state, one.alert.rule) {
        // A new environment is no fault that ends; and who said that it is over knows.
        (ToldState::Resolved, rule) => Ok(silent(one.silent || one.by_person || rule == Rule::Environment)),
        (ToldState::Firing, Rule::ChangePoint) => fate(store, &one.alert),
        (ToldState::Firing, Rule::Verdict) => Ok(silent(moved)),
        (ToldState::Firing, _) => Ok(Fate::Told(None)),
    }
}

/// The page that shows what a notice tells: the one alert, the run, or all alerts.
fn link(dashboard: &str, items: &[Item], run: Option<&RunId>) -> Option<String> {
    let dashboard = dashboard.trim_end_matches('/');
    if dashboard.is_empty() {
        return None;
    }
    let page = match (items, run) {
        ([one], _) => format!("alerts?id={}", one.alert),
        (_, Some(run)) => format!("run/{}", run.0),
        _ => "alerts".to_owned(),
    };
    Some(format!("{dashboard}/{page}"))
}

/// The run by which it is told.
fn run_of(one: &Untold) -> RunId {
    let resolved = one.alert.steps.iter().rev().find_map(|step| step.run.clone());
    match one.state {
        ToldState::Resolved => resolved.unwrap_or_else(|| one.alert.last_run.clone()),
        ToldState::Firing => one.alert.last_run.clone(),
    }
}

fn kind(items: &[Item]) -> NoticeKind {
    let wrong = |rule: Rule| items.iter().any(|item| item.rule == rule && !item.recovered);
    if items.iter().all(|item| item.recovered) {
        NoticeKind::Recovery
    } else if wrong(Rule::Environment) {
        NoticeKind::Environment
    } else if wrong(Rule::MissingRun) {
        NoticeKind::Missing
    } else {
        NoticeKind::Alert
    }
}

fn title(kind: NoticeKind, suite: &str, items: &[Item]) -> String {
    let first = items.first();
    let subject = first.map_or("", |item| item.subject.as_str());
    let size = first.and_then(|item| item.size.as_deref()).map(|size| format!(" {size}")).unwrap_or_default();
    let more = if items.len() > 1 { format!(" and {} more", items.len() - 1) } else { String::new() };
    match kind {
        NoticeKind::Environment => {
            format!("{suite}: {}{more}", first.map_or("", |item| item.what.as_str()))
        }
        NoticeKind::Missing => format!("{suite}: {}{more}", first.map_or("", |item| item.what.as_str())),
        _ => format!("{suite}: {subject}{size}{more}"),
    }
}

/// What a message says of one alert.
fn item(store: &Store, one: &Untold, findings: &mut Findings) -> Result<Item, Error> {
    let alert = &one.alert;
    let recovered = one.state == ToldState::Resolved;
    let mut item = Item {
        alert: alert.id.clone(),
        rule: alert.rule,
        subject: alert.subject.clone(),
        recovered,
        what: if recovered { format!("it is well again; it was: {}", alert.summary) } else { alert.summary.clone() },
        size: None,
        since: None,
        against: None,
        causes: Vec::new(),
        look: vec![format!("engine alerts show {}", alert.id)],
    };
    if alert.rule == Rule::MissingRun {
        item.look.push(format!("engine schedule history {}", alert.suite));
        return Ok(item);
    }
    if recovered {
        // The place was looked for again with every run since it was told: the better one is told now.
        if let Some(began) = alert.began.as_ref().filter(|_| alert.rule == Rule::ChangePoint) {
            let _ = write!(item.what, "; it had begun with run {}", began.short());
        }
        item.since =
            alert.steps.iter().rev().find_map(|step| step.run.as_ref()).map(|run| format!("run {}", run.short()));
        return Ok(item);
    }
    let evidence = match &alert.verdict {
        Some(id) => store.verdict(id)?.map(|verdict| (id.clone(), verdict.evidence)),
        None => None,
    };
    let mut sides: Option<(RunId, RunId)> = None;
    if let Some((id, evidence)) = &evidence {
        described(&mut item, evidence, &mut sides);
        item.look.insert(0, format!("engine explain {id}"));
    }
    if item.since.is_none() {
        let run = alert.began.as_ref().unwrap_or(&alert.first_run);
        item.since = Some(format!("run {}", run.short()));
    }
    if let Some((old, new)) = sides {
        item.causes.extend(differences(store, &old, &new)?);
        item.look.push(format!("engine compare {} {}", old.short(), new.short()));
    }
    if alert.rule != Rule::Environment {
        item.causes.extend(beside(store, alert)?);
    }
    let found = findings.about(store, alert)?;
    if !found.is_empty() {
        item.look.push(format!("engine advise {}", alert.last_run.short()));
    }
    item.causes.extend(found);
    Ok(item)
}

/// Size, since when, against what, by the evidence.
fn described(item: &mut Item, evidence: &Evidence, sides: &mut Option<(RunId, RunId)>) {
    match evidence {
        Evidence::Changed(found) => {
            let change = &found.change;
            if change.size.is_finite() {
                item.size = Some(interval(change.size, change.size_low, change.size_high));
            }
            let named = |side: &Option<(RunId, Option<String>)>| {
                side.as_ref().map(|(run, code)| {
                    let code = code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
                    format!("run {}{code}", run.short())
                })
            };
            item.since = named(&found.between[1]);
            let runs = found.change.index.saturating_sub(found.offset);
            item.against =
                named(&found.between[0]).map(|last| format!("the level of the {runs} runs before, up to {last}"));
            if let [Some((old, before)), Some((new, after))] = &found.between {
                if let (Some(before), Some(after)) = (before, after)
                    && before != after
                {
                    item.causes.push(format!("the code changed: {before}..{after}"));
                }
                *sides = Some((old.clone(), new.clone()));
            }
            item.causes.extend(found.remarks.iter().cloned());
            item.look.push(format!("engine trend '{}'", found.key.selector()));
        }
        Evidence::Compared(found) => {
            if let Some(change) = &found.change {
                let ends = change.interval.map_or((f64::NAN, f64::NAN), |interval| (interval.low, interval.high));
                item.size = Some(interval(change.ratio - 1.0, ends.0 - 1.0, ends.1 - 1.0));
            }
            let newest = found.old.runs.last();
            let code = found.old.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
            let what = match found.unit {
                Unit::Round => "its rounds".to_owned(),
                Unit::Run => format!("{} runs", found.old.runs.len()),
            };
            item.against = newest.map(|run| format!("{what} up to run {}{code}", run.short()));
            if let (Some(old), Some(new)) = (&found.old.code, &found.new.code)
                && old != new
            {
                item.causes.push(format!("the code changed: {old}..{new}"));
            }
            if let (Some(old), Some(new)) = (newest, found.new.runs.last()) {
                *sides = Some((old.clone(), new.clone()));
            }
        }
    }
}

fn interval(size: f64, low: f64, high: f64) -> String {
    let percent = |value: f64| format!("{:+.1}", value * 100.0);
    if low.is_finite() && high.is_finite() {
        format!("{} % (95 %: {} to {} %)", percent(size), percent(low), percent(high))
    } else {
        format!("{} %", percent(size))
    }
}

/// In what the machines of two runs differ, as causes.
fn differences(store: &Store, old: &RunId, new: &RunId) -> Result<Vec<String>, Error> {
    let found = store.environments([old, new])?;
    let (Some(before), Some(after)) = (found.get(old), found.get(new)) else { return Ok(Vec::new()) };
    let text = |one: engine_core::environment::Difference| {
        format!("the environment changed: `{}` was {} and is {}", one.field, one.a, one.b)
    };
    Ok(before.notable(after).into_iter().take(3).map(text).collect())
}

/// What else is wrong in the same run: a machine that was busy explains more than any commit.
fn beside(store: &Store, alert: &Alert) -> Result<Vec<String>, Error> {
    let filter = engine_store::AlertFilter {
        suite: Some(alert.suite.clone()),
        rule: Some(Rule::Health),
        ..engine_store::AlertFilter::default()
    };
    let same = |other: &Alert| {
        other.machine == alert.machine
            && other.branch == alert.branch
            && other.last_run == alert.last_run
            && other.id != alert.id
    };
    let others = store.alerts(&filter)?;
    Ok(others
        .iter()
        .filter(|other| same(other))
        .take(2)
        .map(|other| format!("the machine was not healthy in this run: {}: {}", other.subject, other.summary))
        .collect())
}
