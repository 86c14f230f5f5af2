//! A run as who watches it sees it: a state that updates are folded into, and what changed since it was last told.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::load::LoadWindow;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::update::{Current, Head, LiveExpectation, Update};
use crate::shape::{HostPoint, LiveStep, Mark, ValidityText, Window, heat_bounds};

/// Points of the machine, and windows of a load, that are kept: from there on neighbours are joined, so that a run of a day
/// takes no more room than one of ten minutes.
const KEPT: usize = 600;

/// Marks that are kept.
const MARKS: usize = 500;

/// Everything of a run that is under way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Live {
    /// What was known before its first step.
    #[serde(flatten)]
    pub(crate) head: Head,
    /// `running`, `complete`, `partial` or `crashed`.
    pub(crate) state: &'static str,
    /// How far it can be trusted.
    pub(crate) validity: ValidityText,
    /// Seconds since its start, at the last event.
    pub(crate) elapsed_seconds: f64,
    /// How much is done, 0 to 1.
    pub(crate) progress: f64,
    /// Seconds that are left, roughly; null before anything is known.
    pub(crate) eta_seconds: Option<f64>,
    /// What runs at the moment; null between rounds.
    pub(crate) current: Option<Current>,
    /// The steps, as planned.
    pub(crate) steps: Vec<LiveStep>,
    /// The machine.
    pub(crate) host: Vec<HostPoint>,
    /// The loads.
    pub(crate) loads: Vec<LiveLoad>,
    /// Bounds of the buckets of the heat maps, in seconds.
    pub(crate) heat_bounds_seconds: Vec<f64>,
    /// What happened when.
    pub(crate) marks: Vec<Mark>,
    /// Expectations that were judged.
    pub(crate) expectations: Vec<LiveExpectation>,
    #[serde(skip)]
    raw: BTreeMap<usize, Vec<LoadWindow>>,
    #[serde(skip)]
    sampled: f64,
    #[serde(skip)]
    news: News,
}

/// A load that is under way, or was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LiveLoad {
    /// Index in the plan.
    pub(crate) step: usize,
    /// `name{labels}`.
    pub(crate) path: String,
    /// Its course.
    pub(crate) windows: Vec<Window>,
}

/// What was not yet told.
#[derive(Debug, Clone, Default)]
struct News {
    fields: BTreeSet<&'static str>,
    steps: BTreeSet<usize>,
    host: Vec<HostPoint>,
    windows: Vec<(usize, String, Window)>,
    marks: Vec<Mark>,
    finished: bool,
}

impl Live {
    pub(crate) fn new(head: Head, steps: Vec<LiveStep>) -> Self {
        Self {
            head,
            state: "running",
            validity: ValidityText { level: "valid", reasons: Vec::new() },
            elapsed_seconds: 0.0,
            progress: 0.0,
            eta_seconds: None,
            current: None,
            steps,
            host: Vec::new(),
            loads: Vec::new(),
            heat_bounds_seconds: heat_bounds(),
            marks: Vec::new(),
            expectations: Vec::new(),
            raw: BTreeMap::new(),
            sampled: 0.0,
            news: News::default(),
        }
    }

    /// Whether its end has come.
    pub(crate) fn is_over(&self) -> bool {
        self.state != "running"
    }

    /// Folds an update in.
    pub(crate) fn take(&mut self, at: f64, update: Update) {
        if at.is_finite() && at > self.elapsed_seconds {
            self.elapsed_seconds = at;
            self.news.fields.insert("elapsed_seconds");
        }
        match update {
            Update::Started(..) => {}
            Update::Current(current) => {
                let same = |known: &Current| (known.step, known.round) == (current.step, current.round);
                if !self.current.as_ref().is_some_and(same) {
                    self.current = Some(current);
                    self.news.fields.insert("current");
                }
            }
            Update::Step(step) => self.step(*step),
            Update::Progress(share, left) => {
                (self.progress, self.eta_seconds) = (share, left);
                self.news.fields.extend(["progress", "eta_seconds"]);
            }
            Update::Host(sample) => {
                let point = HostPoint::of(&sample, self.sampled);
                self.sampled = sample.at;
                push(&mut self.news.host, point.clone());
                push(&mut self.host, point);
            }
            Update::Window(path, window) => self.window(path, *window),
            Update::Mark(mark) => {
                let same = |other: &Mark| {
                    (other.kind, &other.step, &other.text) == (mark.kind, &mark.step, &mark.text)
                        && (other.at - mark.at).abs() < 0.5
                };
                let known = self.marks.iter().position(same).map(|place| self.marks.remove(place));
                if known.as_ref() == Some(&mark) {
                    self.marks.push(mark);
                } else if self.marks.len() < MARKS {
                    self.marks.push(mark.clone());
                    self.news.marks.push(mark);
                }
            }
            Update::Judged(all) => {
                self.expectations = all;
                self.news.fields.insert("expectations");
            }
            Update::Finished(state, validity) => {
                (self.state, self.validity) = (state, validity);
                (self.current, self.eta_seconds) = (None, None);
                self.news.fields.extend(["state", "validity", "current", "eta_seconds"]);
                self.news.finished = true;
            }
        }
    }

    fn step(&mut self, step: LiveStep) {
        if self.current.as_ref().is_some_and(|current| current.step == step.step) && step.status != "running" {
            self.current = None;
            self.news.fields.insert("current");
        }
        let index = step.step;
        if let Some(known) = self.steps.get_mut(index) {
            *known = step;
            self.news.steps.insert(index);
        }
    }

    fn window(&mut self, path: String, window: LoadWindow) {
        let step = window.step;
        let shown = Window::of(&window);
        if self.news.windows.len() < KEPT {
            self.news.windows.push((step, path.clone(), shown.clone()));
        }
        let place = match self.loads.iter().position(|load| load.step == step) {
            Some(place) => place,
            None => {
                self.loads.push(LiveLoad { step, path, windows: Vec::new() });
                self.loads.len() - 1
            }
        };
        let (raw, load) = (self.raw.entry(step).or_default(), &mut self.loads[place]);
        raw.push(window);
        load.windows.push(shown);
        if raw.len() > KEPT {
            let joined = crate::shape::thinned(std::mem::take(raw), KEPT * 3 / 4);
            load.windows = joined.iter().map(Window::of).collect();
            *raw = joined;
        }
    }

    /// The members of a delta: what changed since the last call; none when nothing did.
    pub(crate) fn delta(&mut self) -> Option<Map<String, Value>> {
        let news = std::mem::take(&mut self.news);
        let mut body = Map::new();
        let mut set = Map::new();
        for name in &news.fields {
            let value = match *name {
                "elapsed_seconds" => json!(self.elapsed_seconds),
                "progress" => json!(self.progress),
                "eta_seconds" => json!(self.eta_seconds),
                "current" => json!(self.current),
                "expectations" => json!(self.expectations),
                "state" => json!(self.state),
                _ => json!(self.validity),
            };
            set.insert((*name).to_owned(), value);
        }
        if !set.is_empty() {
            body.insert("set".to_owned(), Value::Object(set));
        }
        let steps: Vec<&LiveStep> = news.steps.iter().filter_map(|step| self.steps.get(*step)).collect();
        if !steps.is_empty() {
            body.insert("steps".to_owned(), json!(steps));
        }
        if !news.host.is_empty() {
            body.insert("host".to_owned(), json!(news.host));
        }
        if !news.windows.is_empty() {
            let windows = news.windows.iter().map(|(step, path, window)| {
                let mut value = json!(window);
                value["step"] = json!(step);
                value["path"] = json!(path);
                value
            });
            body.insert("windows".to_owned(), windows.collect());
        }
        if !news.marks.is_empty() {
            body.insert("marks".to_owned(), json!(news.marks));
        }
        (!body.is_empty()).then_some(body)
    }

    /// Forgets what was not told: nobody is there.
    pub(crate) fn forget_news(&mut self) {
        self.news = News::default();
    }
}

/// Adds a point; when there are too many, neighbours are joined.
fn push(points: &mut Vec<HostPoint>, point: HostPoint) {
    points.push(point);
    if points.len() > KEPT {
        *points = crate::shape::thinned(std::mem::take(points), KEPT * 3 / 4);
    }
}
