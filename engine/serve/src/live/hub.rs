//! Where updates meet watchers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_core::event::Envelope;
use engine_core::run::{RunId, RunRecord};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

use super::update::{Estimates, Told, Update, of_event};
use super::view::Live;
use crate::time;

/// Updates that wait for the server. It takes them once a second; a run tells a few a second.
const WAITING: usize = 20_000;

/// Messages that a watcher may be behind, and that can be told again to one that comes back.
const REMEMBERED: usize = 120;

/// Channels of runs that nobody watches are closed when there are more.
const CHANNELS: usize = 64;

/// Which run is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Follow {
    /// Whatever is newest.
    Newest,
    /// This one.
    Run(RunId),
}

/// See the module; clones share it.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    epoch: String,
    /// What runs of this process told. Nothing is done under this lock but pushing and taking.
    inbox: Mutex<VecDeque<Told>>,
    estimates: Estimates,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Runs that are under way, and the last that ended.
    views: BTreeMap<RunId, Live>,
    /// Runs whose view was made since the last time: who watches them needs all of it.
    fresh: BTreeSet<RunId>,
    /// Ends that are to be told.
    ended: Vec<RunId>,
    channels: HashMap<Follow, Channel>,
    site: Option<Arc<str>>,
    site_sender: Option<broadcast::Sender<Arc<str>>>,
    quiet: u32,
}

/// A numbered stream of messages.
#[derive(Debug)]
struct Channel {
    number: u64,
    run: Option<RunId>,
    recent: VecDeque<(u64, Arc<str>)>,
    sender: broadcast::Sender<Arc<str>>,
}

/// A watcher's start: what it gets first, and where the rest comes from.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) first: Vec<Arc<str>>,
    pub(crate) resumed: bool,
    pub(crate) messages: broadcast::Receiver<Arc<str>>,
    pub(crate) site: broadcast::Receiver<Arc<str>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// A hub that nothing has been told.
    #[must_use]
    pub fn new() -> Self {
        // Without randomness it is still unlike that of another start.
        let epoch = crate::guard::fresh().unwrap_or_else(|_| format!("{:x}", time::now().0));
        Self(Arc::new(Shared {
            epoch,
            inbox: Mutex::default(),
            estimates: Estimates::default(),
            state: Mutex::default(),
        }))
    }

    /// Which start this is: numbers of another one mean nothing.
    pub(crate) fn epoch(&self) -> &str {
        &self.0.epoch
    }

    /// What plans are estimated to take.
    pub(crate) fn estimates(&self) -> &Estimates {
        &self.0.estimates
    }

    /// Takes an event of a run of this process. Never waits for a watcher.
    pub fn event(&self, envelope: &Envelope, record: &RunRecord) {
        let mut told = Vec::new();
        of_event(envelope, record, &self.0.estimates, "this", &mut |update| {
            told.push((envelope.run.clone(), envelope.at, update));
        });
        let mut inbox = self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.len() + told.len() > WAITING {
            // Nobody takes them: the server is gone. What comes first matters least.
            inbox.clear();
        }
        inbox.extend(told);
    }

    /// Takes what runs of this process told since the last time, and updates of runs of other processes.
    pub(crate) fn fold(&self, others: Vec<Told>) {
        let mut told = std::mem::take(&mut *self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        told.extend(others);
        let mut state = self.lock();
        for (run, at, update) in told {
            match update {
                Update::Started(head, steps) => {
                    state.fresh.insert(run.clone());
                    state.views.insert(run, Live::new(*head, steps));
                }
                other => {
                    let Some(view) = state.views.get_mut(&run) else { continue };
                    view.take(at, other);
                    if view.is_over() && !state.ended.contains(&run) {
                        state.ended.push(run);
                    }
                }
            }
        }
    }

    /// The runs that are under way, newest first: id, scenario, start, source.
    pub(crate) fn running(&self) -> Vec<Value> {
        let state = self.lock();
        let running = state.views.values().rev().filter(|view| !view.is_over());
        running
            .map(|view| {
                let head = &view.head;
                json!({ "run": head.run, "scenario": head.scenario, "started": head.started, "source": head.source })
            })
            .collect()
    }

    /// The runs whose view is kept here.
    pub(crate) fn known(&self) -> Vec<RunId> {
        self.lock().views.keys().cloned().collect()
    }

    /// How many watch.
    pub(crate) fn watchers(&self) -> usize {
        self.lock().channels.values().map(|channel| channel.sender.receiver_count()).sum()
    }

    /// Tells everybody what changed since the last time.
    pub(crate) fn tell(&self) {
        let mut state = self.lock();
        let state = &mut *state;
        let now = time::text(time::now());
        let newest = state.views.iter().rev().find(|(_, view)| !view.is_over()).map(|(run, _)| run.clone());
        let mut spoke = false;
        let mut deltas: HashMap<RunId, Map<String, Value>> = HashMap::new();
        for (run, view) in &mut state.views {
            let delta = view.delta().filter(|_| !state.fresh.contains(run));
            deltas.extend(delta.map(|delta| (run.clone(), delta)));
        }
        for (follow, channel) in &mut state.channels {
            if channel.run.as_ref().is_some_and(|run| state.fresh.contains(run)) {
                channel.send_snapshot(&state.views, &now);
                spoke = true;
            } else if let Some(delta) = channel.run.as_ref().and_then(|run| deltas.get(run)) {
                let mut body = Map::new();
                body.insert("type".to_owned(), json!("delta"));
                body.insert("n".to_owned(), json!(channel.number + 1));
                body.insert("at".to_owned(), json!(now));
                body.insert("run".to_owned(), json!(channel.run));
                body.extend(delta.clone());
                channel.send(&Value::Object(body));
                spoke = true;
            }
            if let Some(run) = channel.run.as_ref().filter(|run| state.ended.contains(run))
                && let Some(view) = state.views.get(run)
            {
                let end = json!({ "type": "end", "n": channel.number + 1, "at": now, "run": run, "state": view.state,
                                  "validity": view.validity });
                channel.send(&end);
                spoke = true;
            }
            // Whoever watches the newest goes over to it once the run that it saw has ended.
            let over = channel.run.as_ref().is_none_or(|run| state.views.get(run).is_none_or(Live::is_over));
            if *follow == Follow::Newest && over && newest.is_some() && channel.run != newest {
                channel.run.clone_from(&newest);
                channel.send_snapshot(&state.views, &now);
                spoke = true;
            }
        }
        state.ended.clear();
        state.fresh.clear();
        let over: Vec<RunId> =
            state.views.iter().filter(|(_, view)| view.is_over()).map(|(run, _)| run.clone()).collect();
        for run in over.iter().rev().skip(1) {
            state.views.remove(run);
        }
        if state.channels.len() > CHANNELS {
            state.channels.retain(|_, channel| channel.sender.receiver_count() > 0);
        }
        state.quiet = if spoke { 0 } else { state.quiet + 1 };
        if state.quiet >= 5 {
            state.quiet = 0;
            let beat: Arc<str> = json!({ "type": "beat", "at": now }).to_string().into();
            state.site_sender().send(beat).ok();
        }
    }

    /// Tells everybody about the site, when it is not what it was.
    pub(crate) fn tell_site(&self, site: &Value) {
        let text: Arc<str> = site.to_string().into();
        let mut state = self.lock();
        if state.site.as_ref() != Some(&text) {
            state.site = Some(Arc::clone(&text));
            state.site_sender().send(text).ok();
        }
    }

    /// A new watcher. `from` is the epoch and the number of the last message that it has; `view` the view of a run that is
    /// not under way here.
    pub(crate) fn join(&self, follow: &Follow, from: Option<(&str, u64)>, view: Option<Live>) -> Joined {
        let mut state = self.lock();
        let state = &mut *state;
        let now = time::text(time::now());
        let newest = || {
            let running = state.views.iter().rev().find(|(_, view)| !view.is_over());
            running.or_else(|| state.views.iter().next_back()).map(|(run, _)| run.clone())
        };
        let run = match follow {
            Follow::Newest => newest(),
            Follow::Run(run) => Some(run.clone()),
        };
        let channel = state.channels.entry(follow.clone()).or_insert_with(|| Channel::new(run.clone()));
        if channel.run.is_none() {
            channel.run = run;
        }
        let site = state.site_sender.get_or_insert_with(|| broadcast::channel(REMEMBERED).0).subscribe();
        let mut joined = Joined { first: Vec::new(), resumed: false, messages: channel.sender.subscribe(), site };
        if let Some((_, after)) = from.filter(|(epoch, _)| *epoch == self.0.epoch)
            && let Some(missed) = channel.missed(after)
        {
            joined.resumed = true;
            joined.first = missed;
        } else {
            let own = channel.run.as_ref().and_then(|run| state.views.get(run));
            let shown = own.or(view.as_ref());
            joined.first.push(snapshot(channel.number, &now, shown));
            if let Some(view) = shown.filter(|view| view.is_over()) {
                let end = json!({ "type": "end", "n": channel.number, "at": now, "run": view.head.run,
                                  "state": view.state, "validity": view.validity });
                joined.first.push(end.to_string().into());
            }
        }
        joined.first.extend(state.site.clone());
        joined
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn site_sender(&mut self) -> &broadcast::Sender<Arc<str>> {
        self.site_sender.get_or_insert_with(|| broadcast::channel(REMEMBERED).0)
    }
}

impl Channel {
    fn new(run: Option<RunId>) -> Self {
        Self { number: 0, run, recent: VecDeque::new(), sender: broadcast::channel(REMEMBERED).0 }
    }

    fn send(&mut self, message: &Value) {
        self.keep(message.to_string().into());
    }

    fn send_snapshot(&mut self, views: &BTreeMap<RunId, Live>, now: &str) {
        let view = self.run.as_ref().and_then(|run| views.get(run));
        self.keep(snapshot(self.number + 1, now, view));
    }

    fn keep(&mut self, text: Arc<str>) {
        self.number += 1;
        self.recent.push_back((self.number, Arc::clone(&text)));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        self.sender.send(text).ok();
    }

    /// The messages after a number; none when they are not all here.
    fn missed(&self, after: u64) -> Option<Vec<Arc<str>>> {
        let oldest = self.recent.front().map_or(self.number + 1, |(number, _)| *number);
        if after > self.number || after + 1 < oldest {
            return None;
        }
        Some(self.recent.iter().filter(|(number, _)| *number > after).map(|(_, text)| Arc::clone(text)).collect())
    }
}

fn snapshot(number: u64, now: &str, view: Option<&Live>) -> Arc<str> {
    json!({ "type": "snapshot", "n": number, "at": now, "live": view }).to_string().into()
}
