//! The plan as it grows: declarations become steps, one for each point of their sweep or each case.

mod runs;
mod stress;

use std::collections::BTreeMap;

use engine_core::expect::Expectation;
use engine_core::plan::{Declaration, ExpectText, Part, Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::probe::{ProbeInfo, RoundProcess};
use engine_core::series::{Labels, is_step_name};
use globset::{Glob, GlobSet, GlobSetBuilder};
use rhai::{Dynamic, Map};

use crate::fault::{At, Fault};
use crate::given::Given;
use crate::host::Host;
use crate::journey::Conditions;
use crate::kept::Kept;
use crate::verb_options;
use crate::verbs::{self, LoadPoint, Place};

pub(crate) use runs::{Custom, Point, Runs};

/// What `suite(..)` sets for the steps of its file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) rounds: Option<Dynamic>,
    pub(crate) until: Option<f64>,
    pub(crate) warmup: Option<Warmup>,
    pub(crate) timeout: Option<f64>,
}

/// A file being read: the scenario itself, or one that it includes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    pub(crate) file: String,
    /// Name of the suite, from `suite(..)` or from the file's name.
    pub(crate) suite: String,
    pub(crate) named: Option<At>,
    pub(crate) defaults: Defaults,
    /// Whether it is included: its steps and parameters get the suite's name in front.
    pub(crate) included: bool,
    pub(crate) only: Option<GlobSet>,
    pub(crate) params: BTreeMap<String, Dynamic>,
    /// Names in `params` that were asked for.
    pub(crate) used: Vec<String>,
    /// Where it is included as a case: the case, and the one that it is held against.
    pub(crate) case: Option<(String, String)>,
    pub(crate) declared: usize,
}

impl Frame {
    /// `hardware/` for an included file, nothing for the scenario itself. A case keeps its parameters and its `setup` apart.
    pub(crate) fn prefix(&self) -> String {
        match &self.case {
            Some((case, _)) => format!("{case}/"),
            None if self.included => format!("{}/", self.suite),
            None => String::new(),
        }
    }
}

/// The plan as it grows.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub(crate) suite: String,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    pub(crate) budget: Option<f64>,
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) steps: Vec<PlannedStep>,
    /// The functions of `custom` declarations, by index.
    pub(crate) custom: Vec<Custom>,
    /// The points of `load` declarations, by index.
    pub(crate) loads: Vec<Vec<LoadPoint>>,
    pub(crate) setup: Vec<Kept>,
    pub(crate) teardown: Vec<Kept>,
    pub(crate) finish: Vec<Kept>,
    /// Included scenarios with a share of the time.
    pub(crate) parts: Vec<Part>,
    /// Steps that `only` and `skip` left out.
    pub(crate) filtered: usize,
}

/// Repetitions of a fault where nothing is said.
const REPETITIONS: u32 = 3;

/// Trials that a search usually makes.
const USUAL_TRIALS: usize = 15;

/// Seconds between two trials, to start, to end and to drain.
const DRAIN: f64 = 0.5;

impl Builder {
    /// A point of a `load` declaration.
    pub(crate) fn load_point(&self, index: usize, labels: &Labels) -> Option<&LoadPoint> {
        self.loads.get(index)?.iter().find(|point| point.labels == *labels)
    }

    /// The load with whose target the users of `setup` and `teardown` talk: the first of the same scenario that has an
    /// address.
    pub(crate) fn around(&self, prefix: &str) -> Option<&LoadPoint> {
        let mut own = self.loads.iter().flatten().filter(|point| point.prefix == prefix);
        own.find(|point| matches!(point.target, Place::Url(..)))
    }

    /// The conditions for users of `setup` and `teardown`.
    pub(crate) fn around_conditions(&self, prefix: &str) -> Conditions {
        let usual = || Conditions { timeout: engine_load::http::TIMEOUT, users: 1, ..Conditions::default() };
        self.around(prefix).map_or_else(usual, |point| point.conditions.clone())
    }
}

/// A declaration before its steps are made.
pub(crate) struct Declared<'a> {
    pub(crate) name: String,
    pub(crate) at: At,
    pub(crate) at_name: At,
    pub(crate) given: &'a Given,
    pub(crate) points: Vec<(Labels, Runs)>,
    pub(crate) expect: Vec<ExpectText>,
}

/// All points: the cross product of the axes, in alphabetical order of the axes, for each case.
#[expect(clippy::result_large_err, reason = "an error ends the reading: it is made once")]
pub(crate) fn points(host: &Host, given: &Given) -> Result<Vec<Point>, (Fault, &'static str)> {
    let most = host.options.limits.steps;
    let case = host.frames.borrow().last().and_then(|frame| frame.case.clone());
    let labels = match &case {
        Some(_) if given.get("cases").is_some() => {
            let message = "a scenario that is included as a case cannot have cases of its own";
            return Err((Fault::invalid("wrong-option", message), "cases"));
        }
        Some((case, _)) => Labels::new().with("case", case.clone()),
        None => Labels::new(),
    };
    let mut points = vec![Point { labels, value: Map::new() }];
    let grow = |points: &[Point], values: &[(String, Map)], label: &str| -> Vec<Point> {
        points
            .iter()
            .flat_map(|point| {
                values.iter().map(|(text, fields)| {
                    let mut value = point.value.clone();
                    value.extend(fields.clone());
                    Point { labels: point.labels.clone().with(label, text.clone()), value }
                })
            })
            .collect()
    };
    if given.get("cases").is_some() {
        let cases: Vec<(String, Map)> = given
            .list("cases")
            .into_iter()
            .filter_map(Dynamic::try_cast::<Map>)
            .map(|case| (case.get("name").map_or_else(String::new, ToString::to_string), case))
            .collect();
        points = grow(&points, &cases, "case");
    }
    for (axis, values) in given.inner_map("sweep") {
        let values = values.into_array().unwrap_or_default();
        let named: Vec<(String, Map)> =
            values.into_iter().map(|value| (label(&value), Map::from([(axis.clone(), value)]))).collect();
        if points.len().saturating_mul(named.len()) > most {
            let message = format!("the sweep has more than the {most} points that a plan can hold");
            return Err((Fault::new(crate::diagnostic::ErrorClass::Limit, "too-many-steps", message), "sweep"));
        }
        points = grow(&points, &named, &axis);
    }
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = points.iter().find(|point| !seen.insert(point.labels.clone())) {
        let key = if given.get("sweep").is_some() { "sweep" } else { "cases" };
        return Err((Fault::invalid("duplicate", format!("the point `{}` is there twice", twice.labels)), key));
    }
    Ok(points)
}

/// A value as a label: as written.
fn label(value: &Dynamic) -> String {
    value.to_string()
}

/// Globs over step names.
pub(crate) fn globs(patterns: &[String]) -> Result<Option<GlobSet>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|error| format!("`{pattern}` is not a glob: {}", error.kind()))?);
    }
    set.build().map(Some).map_err(|error| error.to_string())
}

impl Host {
    /// Adds a declaration with its steps to the plan.
    pub(crate) fn declare(&self, declared: Declared<'_>, only: &Filter) -> Result<(), Fault> {
        let (prefix, local_only, defaults, case) = {
            let mut frames = self.frames.borrow_mut();
            let Some(frame) = frames.last_mut() else { return Ok(()) };
            frame.declared += 1;
            // Both cases of a step have its one name.
            let prefix = if frame.case.is_some() { String::new() } else { frame.prefix() };
            (prefix, frame.only.clone(), frame.defaults.clone(), frame.case.clone())
        };
        if !is_step_name(&declared.name) || declared.name.contains('/') {
            let message =
                format!("`{}` cannot name a step: names are made of letters, digits, `_`, `.` and `-`", declared.name);
            return Err(Fault::invalid("bad-name", message).or_at(Some(declared.at_name)));
        }
        if declared.name == "finish" {
            let message = "`finish` is the step of what `finish(..)` records: take another name";
            return Err(Fault::invalid("bad-name", message).or_at(Some(declared.at_name)));
        }
        let name = format!("{prefix}{}", declared.name);
        let place = self.place(&declared.at);
        let mut builder = self.builder.borrow_mut();
        let other_case = case.is_some()
            && !declared
                .points
                .iter()
                .any(|(labels, _)| builder.steps.iter().any(|step| step.name == name && step.labels == *labels));
        let known = builder.declarations.iter().find(|known| known.name == name);
        let is_known = known.is_some();
        if let Some(first) = known.filter(|_| !other_case) {
            let first = first.place.as_ref().map_or_else(String::new, |place| format!(", first at {place}"));
            let message = format!("two steps are called `{name}`{first}");
            return Err(Fault::invalid("duplicate", message)
                .help("give one of them another name: `bench(\"name\", ..)`")
                .or_at(Some(declared.at_name)));
        }
        if local_only.is_some_and(|globs| !globs.is_match(&declared.name)) || !only.keeps(&name) {
            builder.filtered += 1;
            return Ok(());
        }
        let given = declared.given;
        let faults = declared.points.iter().any(|(_, runs)| matches!(runs, Runs::Fault { .. }));
        let sends = declared.points.iter().any(|(_, runs)| runs.beyond().is_some());
        let stresses = matches!(declared.points.first(), Some((_, Runs::Stress { .. })));
        let rule = if stresses {
            StepRule::of_stress(self, given, &defaults)?
        } else if sends {
            StepRule::of_load(self, given, if faults { REPETITIONS } else { 1 })?
        } else {
            StepRule::new(self, given, &defaults)?
        };
        for (labels, runs) in declared.points {
            if builder.steps.len() >= self.options.limits.steps {
                let message = format!("the plan has more than {} steps", self.options.limits.steps);
                return Err(Fault::new(crate::diagnostic::ErrorClass::Limit, "too-many-steps", message));
            }
            builder.steps.push(rule.step(self, name.clone(), labels, runs));
        }
        if is_known {
            return Ok(());
        }
        builder.declarations.push(Declaration {
            name,
            expect: declared.expect,
            reference: case.map(|(_, reference)| reference).or_else(|| given.text("reference")),
            tags: given.texts("tags"),
            place: Some(place),
        });
        Ok(())
    }

    /// The finished plan.
    pub(crate) fn plan(&self) -> Plan {
        let builder = self.builder.borrow();
        let has = |part: &&Part| builder.steps.iter().any(|step| step.name.starts_with(&format!("{}/", part.name)));
        let mut plan = Plan {
            suite: builder.suite.clone(),
            title: builder.title.clone(),
            tags: builder.tags.clone(),
            seed: self.options.seed,
            profile: self.options.profile,
            budget: builder.budget.map(|seconds| self.scaled(seconds)),
            declarations: builder.declarations.clone(),
            steps: builder.steps.clone(),
            setup: !builder.setup.is_empty(),
            teardown: !builder.teardown.is_empty(),
            finish: !builder.finish.is_empty(),
            params: self.params.labels(),
            permissions: self.flags.borrow().iter().cloned().collect(),
            parts: builder.parts.iter().filter(has).cloned().collect(),
            spends: false,
        };
        plan.spend(None);
        plan
    }

    /// A budget under the profile.
    pub(crate) fn scaled(&self, seconds: f64) -> f64 {
        match self.options.profile {
            Profile::Short => seconds / 2.0,
            // Under the tiny profile everything runs: one round each is short enough.
            Profile::Tiny | Profile::Default => seconds,
            Profile::Long => seconds * 2.0,
        }
    }
}

/// `--only` and `--skip`.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) only: Option<GlobSet>,
    pub(crate) skip: Option<GlobSet>,
}

impl Filter {
    fn keeps(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|globs| globs.is_match(name))
            && !self.skip.as_ref().is_some_and(|globs| globs.is_match(name))
    }
}

/// What all steps of a declaration share.
struct StepRule {
    rounds: Rounds,
    warmup: Warmup,
    timeout: Option<f64>,
    budget: Option<f64>,
    isolate: Option<bool>,
    reference: bool,
}

/// Width of the interval at which adaptive rounds stop, unless `until` says otherwise.
const UNTIL: f64 = 0.02;

impl StepRule {
    fn new(host: &Host, given: &Given, defaults: &Defaults) -> Result<Self, Fault> {
        let read = |key: &'static str, message: String| {
            Fault::invalid("wrong-option", format!("`{key}` {message}")).or_at(Some(given.at(key)))
        };
        let until = match given.get("until") {
            Some(value) => Some(verb_options::share(value).map_err(|m| read("until", m))?),
            None => defaults.until,
        };
        let own = given.get("rounds");
        let rounds = match own.or(defaults.rounds.as_ref()) {
            Some(value) => verb_options::rounds(value, until.unwrap_or(UNTIL)).map_err(|m| read("rounds", m))?,
            None if until.is_some() => Rounds::Adaptive { min: 5, max: 30, until: until.unwrap_or(UNTIL) },
            None => match host.options.rounds {
                Some(rounds) => Rounds::Exact(rounds),
                None => Rounds::Adaptive { min: 5, max: 20, until: UNTIL },
            },
        };
        if given.get("until").is_some() && own.is_some() && matches!(rounds, Rounds::Exact(_)) {
            return Err(Fault::invalid("wrong-option", "`until` needs rounds from .. to: `rounds: [5, 30]`")
                .or_at(Some(given.at("until"))));
        }
        let warmup = match given.get("warmup") {
            Some(value) => verb_options::warmup(value).map_err(|m| read("warmup", m))?,
            None => defaults.warmup.unwrap_or(Warmup::Detect),
        };
        let time = |key: &'static str| {
            given.get(key).map(|value| verb_options::time(value).map_err(|m| read(key, m))).transpose()
        };
        Ok(Self {
            rounds: scaled(rounds, host.options.profile),
            warmup: if host.tiny() { Warmup::Rounds(0) } else { warmup },
            timeout: time("timeout")?.or(defaults.timeout).or(host.options.timeout),
            budget: time("budget")?.map(|seconds| host.scaled(seconds)),
            isolate: given.flag("isolate"),
            reference: given.get("reference").is_some(),
        })
    }

    /// A load runs once, for as long as it says; what `warmup` and `timeout` mean there is its own.
    fn of_load(host: &Host, given: &Given, usual: u32) -> Result<Self, Fault> {
        let read = |message: String| {
            Fault::invalid("wrong-option", format!("`rounds` {message}")).or_at(Some(given.at("rounds")))
        };
        let rounds = given.get("rounds").map(|value| verb_options::rounds(value, UNTIL).map_err(read)).transpose()?;
        let rounds = rounds.or_else(|| verbs::repetitions(given).map(Rounds::Exact));
        let rounds = if host.options.once { None } else { rounds };
        Ok(Self {
            rounds: scaled(rounds.unwrap_or(Rounds::Exact(usual)), host.options.profile),
            warmup: Warmup::Rounds(0),
            timeout: None,
            budget: None,
            isolate: Some(false),
            reference: false,
        })
    }

    fn step(&self, host: &Host, name: String, labels: Labels, runs: Runs) -> PlannedStep {
        // What a load may take beyond its end: its grace, and a minute to start and stop a target.
        let own = runs.beyond();
        let own = own.or(stress::timeout(&runs));
        let (work, isolate, method, estimate) = match runs {
            Runs::Probe(probe, args) => {
                // A fresh process for each round, where comparing is the purpose and the probe starts none itself.
                let isolate = self.isolate.unwrap_or(self.reference && probe.process != RoundProcess::Starts);
                (Work::Probe { id: probe.id.to_owned(), args }, isolate, probe.method, probe.round_seconds)
            }
            Runs::Custom { index, metrics } => (Work::Custom { index, metrics }, false, 0, 0.1),
            Runs::Load { index, shape, seconds, .. } => (Work::Load { index, shape }, false, 1, seconds),
            Runs::Capacity { index, shape, search, .. } => {
                let seconds = USUAL_TRIALS.min(search.most) as f64 * (search.step + DRAIN);
                (Work::Capacity { index, shape, search }, false, 1, seconds)
            }
            Runs::Fault { index, shape, fault, .. } => {
                // To start a victim and to end it takes a moment.
                let seconds = fault.seconds() + 1.0;
                (Work::Fault { index, shape, fault }, false, 1, seconds)
            }
            Runs::Scale { index, shape, sweep, .. } => {
                let seconds = sweep.levels.len() as f64 * (sweep.hold + DRAIN);
                (Work::Scale { index, shape, sweep }, false, 1, seconds)
            }
            Runs::Stress { shape, method, starts } => {
                let seconds = shape.seconds();
                (Work::Stress { shape }, self.isolate.unwrap_or(false) && !starts, method, seconds)
            }
        };
        let estimate = if host.tiny() && own.is_none() { estimate.min(0.2) } else { estimate };
        PlannedStep {
            name,
            labels,
            work,
            rounds: self.rounds,
            warmup: self.warmup,
            isolate,
            timeout: self.timeout.or(own).unwrap_or_else(|| (estimate * 20.0).max(60.0)),
            budget: self.budget,
            method,
            estimate,
        }
    }
}

/// Rounds under the profile. The short one never goes below the five that a judgement needs.
fn scaled(rounds: Rounds, profile: Profile) -> Rounds {
    let scale = |n: u32| match profile {
        Profile::Tiny => 1,
        Profile::Short => (n / 2).max(n.min(5)),
        Profile::Default => n,
        Profile::Long => n.saturating_mul(2),
    };
    match rounds {
        Rounds::Exact(n) => Rounds::Exact(scale(n)),
        Rounds::Adaptive { .. } if profile == Profile::Tiny => Rounds::Exact(1),
        Rounds::Adaptive { min, max, until } => Rounds::Adaptive { min, max: scale(max).max(min), until },
    }
}

/// Reads and checks the expectations of a declaration, each fault at its place in the text.
pub(crate) fn expectations(
    host: &Host,
    given: &Given,
    probe: Option<&ProbeInfo>,
    metrics: Option<&[String]>,
) -> Result<Vec<ExpectText>, Fault> {
    let mut out = Vec::new();
    for (item, text) in given.texts("expect").into_iter().enumerate() {
        let at_item = given.at_item(host, "expect", item);
        let fault = |error: engine_core::expect::ExpectError| {
            let at = given.at_text(host, "expect", item, error.column);
            Fault::invalid("expectation", format!("in expectation `{text}`: {}", error.problem)).or_at(Some(at))
        };
        let parsed = Expectation::parse(&text).map_err(fault)?;
        let names: Option<Vec<&str>> = match (probe, metrics) {
            (Some(probe), _) => Some(probe.metrics.iter().map(|metric| metric.id).collect()),
            (None, Some(names)) => Some(names.iter().map(String::as_str).collect()),
            (None, None) => None,
        };
        if let Some(names) = names {
            parsed.check_metrics(&names).map_err(fault)?;
        }
        if let Some(probe) = probe {
            let unit = |metric: Option<&str>| match metric {
                Some(name) => probe.metric(name).map(|metric| metric.unit),
                None => probe.primary().map(|metric| metric.unit),
            };
            parsed.check_units(unit).map_err(fault)?;
        }
        if parsed.needs_reference() && given.get("reference").is_none() {
            let message = format!("in expectation `{text}`: `reference` needs a case to compare with");
            return Err(Fault::invalid("expectation", message)
                .help("add `cases: [#{ name: \"old\" }, ..], reference: \"old\"`")
                .or_at(Some(at_item)));
        }
        let place = (!at_item.pos.is_none()).then(|| host.place(&at_item));
        out.push(ExpectText { text, place });
    }
    Ok(out)
}
