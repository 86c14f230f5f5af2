//! `load`: virtual users against a target. `capacity` and `scale`, which send the same load again and again, share all of it.

use std::rc::Rc;
use std::sync::Arc;

use engine_core::load::LoadShape;
use engine_core::series::Labels;
use engine_load::http::Url;
use engine_load::model::UserPhase;
use engine_load::spec::{CatchUp, Iterations, Load, Permit, Workload};
use engine_load::tls::{Ca, TlsOptions};
use engine_load::{Journey, clock};
use engine_session::load::{LoadRequest, TargetAt, Watched};
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};

use super::declare::{Filter, reference};
use super::fault::FAULT_VERB;
use super::load_model::{Model, late, scaled};
use super::target::{Place, Process};
use super::trials::{CAPACITY_VERB, Read, SCALE_VERB, TrialsOf, Verb};
use crate::builder::{self, Declared, Runs};
use crate::fault::{At, Fault, Raised};
use crate::given::{self, Given};
use crate::host::{Host, Phase};
use crate::journey::{Blueprint, Conditions, ScriptJourney};
use crate::kept::{self, Kept};
use crate::load_expect;
use crate::verb_options::{JOURNEY, LOAD, shown, time, whole};

/// A journey of a load.
#[derive(Debug, Clone)]
pub(crate) struct JourneyOf {
    pub(crate) name: String,
    pub(crate) share: f64,
    pub(crate) kept: Kept,
}

/// One point of a `load` declaration.
#[derive(Debug, Clone)]
pub(crate) struct LoadPoint {
    pub(crate) labels: Labels,
    pub(crate) prefix: String,
    pub(crate) target: Place,
    pub(crate) journeys: Vec<JourneyOf>,
    pub(crate) model: Model,
    pub(crate) conditions: Conditions,
    pub(crate) trials: TrialsOf,
    /// What asks for everything that was acknowledged.
    pub(crate) verify: Option<Kept>,
    max_users: usize,
    late: CatchUp,
    grace: f64,
    warmup: f64,
    watch: Vec<(String, Watched)>,
    counters: Option<String>,
    seed: Option<u64>,
    threads: usize,
    tls: TlsOptions,
}

const VERB: Verb = Verb {
    name: "load",
    table: LOAD,
    example: "load(\"name\", #{ target: demo_target(), arrivals: \"200/s\", duration: \"1 min\", journey: buyer })",
    point,
};

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>, filter: &Rc<Filter>) {
    for verb in [VERB, CAPACITY_VERB, SCALE_VERB, FAULT_VERB] {
        let (h, f) = (Rc::clone(host), Rc::clone(filter));
        engine
            .register_fn(verb.name, move |ctx: NativeCallContext<'_>, a: Dynamic| declare(&h, &ctx, &f, verb, vec![a]));
        let (h, f) = (Rc::clone(host), Rc::clone(filter));
        engine.register_fn(verb.name, move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic| {
            declare(&h, &ctx, &f, verb, vec![a, b])
        });
        let (h, f) = (Rc::clone(host), Rc::clone(filter));
        engine.register_fn(verb.name, move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic, c: Dynamic| {
            declare(&h, &ctx, &f, verb, vec![a, b, c])
        });
    }
}

/// The parts of `load(name?, #{ options }, |point| #{ more }?)`.
struct Parts {
    name: Option<String>,
    at_name: At,
    given: Given,
    more: Option<(FnPtr, At)>,
}

fn parts(host: &Host, ctx: &NativeCallContext<'_>, verb: Verb, args: Vec<Dynamic>) -> Raised<Parts> {
    let Verb { name, table, example, .. } = verb;
    let mut parts = Parts { name: None, at_name: host.at(ctx), given: Given::none(host, ctx), more: None };
    let mut had = false;
    for (index, value) in args.into_iter().enumerate() {
        let value = value.flatten();
        let at = host.at_argument(ctx, index);
        if value.is_string() && index == 0 {
            parts.name = Some(value.to_string());
            parts.at_name = at;
        } else if value.is_map() && !had && parts.more.is_none() {
            had = true;
            parts.given = Given::new(host, ctx, index, value.cast::<Map>(), table)?;
        } else if let (true, None, Some(function)) = (had, &parts.more, value.clone().try_cast::<FnPtr>()) {
            parts.more = Some((function, at));
        } else {
            let message = format!("`{name}` takes a name and options, in this order; got {}", shown(&value));
            return Err(Fault::invalid("wrong-call", message)
                .help(format!("write `{example}`"))
                .or_at(Some(at))
                .raise(ctx));
        }
    }
    if !had {
        return Err(Fault::invalid("wrong-call", format!("`{name}` takes its options as a map"))
            .help(format!("write `{example}`"))
            .raise(ctx));
    }
    Ok(parts)
}

fn declare(host: &Host, ctx: &NativeCallContext<'_>, filter: &Filter, verb: Verb, args: Vec<Dynamic>) -> Raised<()> {
    host.declaring(ctx)?;
    let Parts { name, at_name, given, more } = parts(host, ctx, verb, args)?;
    let name = name.unwrap_or_else(|| verb.name.to_owned());
    let places = builder::points(host, &given).map_err(|(fault, key)| given.raise(fault, key))?;
    reference(&given)?;
    if more.is_none() && (given.get("sweep").is_some() || given.get("cases").is_some()) {
        let key = if given.get("sweep").is_some() { "sweep" } else { "cases" };
        let fault = Fault::invalid("wrong-call", format!("`{key}` needs a function from the point to more options"))
            .help(format!(
                "write `{}(\"name\", #{{ sweep: #{{ kib: [1, 64] }}, .. }}, |p| #{{ data: #{{ kib: p.kib }} }})`",
                verb.name
            ));
        return Err(given.raise(fault, key));
    }
    let mut points = Vec::with_capacity(places.len());
    let mut expect = Vec::new();
    for place in &places {
        let whole = match &more {
            None => given.clone(),
            Some((function, at)) => joined(host, ctx, verb, &given, function, at, &place.value)?,
        };
        let (point, texts) = (verb.point)(host, ctx, &whole, &place.labels)?;
        if points.is_empty() {
            expect = texts;
        }
        points.push(point);
    }
    let index = host.builder.borrow().loads.len();
    let steps =
        points.iter().map(|point: &LoadPoint| (point.labels.clone(), point.runs(index, host.options.once))).collect();
    host.builder.borrow_mut().loads.push(points);
    let declared = Declared { name, at: host.at(ctx), at_name, given: &given, points: steps, expect };
    host.declare(declared, filter).map_err(|fault| fault.raise(ctx))
}

/// The options of a point: those of all, and over them what the function gives.
fn joined(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    verb: Verb,
    given: &Given,
    function: &FnPtr,
    at: &At,
    value: &Map,
) -> Raised<Given> {
    let takes = kept::arity(host, ctx, function, &[0, 1], at)?;
    let values = if takes == 1 { vec![Dynamic::from_map(value.clone())] } else { Vec::new() };
    host.phase.set(Phase::Point);
    let result = kept::call(host, ctx, function, values);
    host.phase.set(Phase::Plan);
    let result = result?.flatten();
    let Some(map) = result.clone().try_cast::<Map>() else {
        let message = format!("the function of `{}` must return more options, got {}", verb.name, shown(&result));
        return Err(Fault::invalid("wrong-call", message)
            .help("write `|p| #{ users: p.users }`")
            .or_at(Some(at.clone()))
            .raise(ctx));
    };
    let mut all = given.map.clone();
    all.extend(map);
    Given::joined(host, ctx, given, all, verb.table)
}

/// Everything about one point, and what is expected of it.
fn point(host: &Host, ctx: &NativeCallContext<'_>, given: &Given, labels: &Labels) -> Raised<Read> {
    let (model, phases) = Model::of(host, given)?;
    let point = point_of(host, ctx, given, labels, model)?;
    let expect =
        load_expect::expectations(host, given, &point, &phases).map_err(|fault| given.raise(fault, "expect"))?;
    Ok((point, expect))
}

/// A point with its model.
pub(super) fn point_of(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    given: &Given,
    labels: &Labels,
    model: Model,
) -> Raised<LoadPoint> {
    let refuse =
        |key: &str, message: String| given.raise(Fault::invalid("wrong-option", format!("`{key}` {message}")), key);
    let target = Place::of(given.get("target")).map_err(|message| refuse("target", message))?;
    if let Place::Url(_, origin, _) = &target {
        permit(host, origin, given.at("target"))?;
    }
    let journeys = journeys(host, ctx, given)?;
    let seconds = |key: &str| given.get(key).and_then(|value| time(value).ok());
    let profile = host.options.profile;
    let max_users = given
        .get("max_users")
        .and_then(whole)
        .map_or_else(|| model.usual_users(), |n| usize::try_from(n).unwrap_or(usize::MAX));
    if max_users > 1_000_000 {
        return Err(refuse("max_users", "must be at most 1,000,000".to_owned()));
    }
    let warmup = seconds("warmup").map_or(0.0, |warmup| {
        // Something must be left to count.
        if host.tiny() { scaled(profile, warmup).min(model.seconds() / 2.0) } else { warmup }
    });
    if warmup >= model.seconds() {
        return Err(refuse("warmup", format!("leaves nothing of the {} s of the load", model.seconds())));
    }
    let watch = watched(given)?;
    let data = given.inner_map("data");
    let counters = counters(host, given)?;
    let users = match &model {
        Model::Users { .. } => model.usual_users() as u64,
        // An arrival is a user of its own with one iteration.
        _ => 0,
    };
    let conditions = Conditions {
        timeout: seconds("timeout").map_or(engine_load::http::TIMEOUT, clock::nanos),
        headers: headers(given)?,
        base: if let Place::Url(_, _, base) = &target { base.clone() } else { String::new() },
        data,
        users,
        shared: model.is_shared(),
        hurried: host.tiny() || host.options.once,
    };
    let tls = tls(host, given)?;
    let grace = seconds("graceful").unwrap_or(30.0);
    let threads = given.get("threads").and_then(whole).and_then(|n| usize::try_from(n).ok());
    let threads = threads.unwrap_or(host.options.facts.cores / 2).clamp(1, 1024);
    let seed = given
        .get("seed")
        .map(|value| whole(value).ok_or_else(|| refuse("seed", "must be a whole number from 0 on".to_owned())));
    let prefix = host.frames.borrow().last().map_or_else(String::new, |frame| frame.prefix());
    Ok(LoadPoint {
        labels: labels.clone(),
        trials: TrialsOf::None,
        verify: None,
        prefix,
        late: late(given.text("late").as_deref()).map_err(|message| refuse("late", message))?,
        grace: if host.tiny() { grace.min(1.0) } else { grace },
        seed: seed.transpose()?,
        target,
        journeys,
        model,
        conditions,
        max_users,
        warmup,
        watch,
        counters,
        threads,
        tls,
    })
}

/// A host that is not this machine's loopback needs a permission.
pub(crate) fn permit(host: &Host, origin: &engine_load::http::Origin, at: At) -> Raised<()> {
    let (name, port) = (&origin.host, origin.port);
    let granted = host.options.permissions.allows_net(name, port);
    if granted && crate::permissions::is_loopback(name) {
        return Ok(());
    }
    host.permit(granted, &format!("--allow-net={name}:{port}"), &format!("may not send traffic to `{name}:{port}`"), at)
}

fn journeys(host: &Host, ctx: &NativeCallContext<'_>, given: &Given) -> Raised<Vec<JourneyOf>> {
    let refuse = |key: &str, message: String| given.raise(Fault::invalid("wrong-option", message), key);
    let one = |function: &FnPtr, at: At| Kept::journey(host, ctx, function, at);
    let named = |function: &FnPtr, number: usize| match (function.is_anonymous(), number) {
        (false, _) => function.fn_name().to_owned(),
        (true, 0) => "journey".to_owned(),
        (true, more) => format!("journey {}", more + 1),
    };
    match (given.get("journey"), given.get("journeys")) {
        (Some(value), None) => {
            let function = value.clone().try_cast::<FnPtr>();
            let function = function.ok_or_else(|| {
                refuse("journey", format!("`journey` must be a function `|user| ..`, got {}", shown(value)))
            })?;
            let kept = one(&function, given.at("journey"))?;
            Ok(vec![JourneyOf { name: named(&function, 0), share: 1.0, kept }])
        }
        (None, Some(_)) => {
            let mut all: Vec<JourneyOf> = Vec::new();
            let mut closures: Vec<FnPtr> = Vec::new();
            for (number, item) in given.list("journeys").into_iter().enumerate() {
                let at = given.at_item(host, "journeys", number);
                let raise = |message: String| {
                    given.raise(Fault::invalid("wrong-option", message).or_at(Some(at.clone())), "journeys")
                };
                let (function, share, name) =
                    entry(&item).map_err(|fault| given.raise(fault.or_at(Some(at.clone())), "journeys"))?;
                let name = name.unwrap_or_else(|| named(&function, number));
                if all.iter().any(|known| known.name == name) {
                    return Err(raise(format!("two journeys are called `{name}`: give one a `name`")));
                }
                if function.is_anonymous() && closures.iter().any(|known| same(known, &function)) {
                    let fault = Fault::invalid(
                        "captured",
                        "these journeys are the same closure with the same values: all closures made in a loop see the last value of its variable",
                    );
                    let help = "let a function make each, so that each has its own: `fn made(n) { |user| .. }`, `run: made(n)`";
                    return Err(given.raise(fault.help(help).or_at(Some(at)), "journeys"));
                }
                closures.push(function.clone());
                all.push(JourneyOf { name, share, kept: one(&function, at.clone())? });
            }
            if all.is_empty() || all.iter().all(|journey| journey.share == 0.0) {
                return Err(refuse("journeys", "`journeys` needs at least one with a share above 0".to_owned()));
            }
            Ok(all)
        }
        (Some(_), Some(_)) => {
            Err(refuse("journeys", format!("`{}` takes one of `journey` and `journeys`", ctx.fn_name())))
        }
        (None, None) => {
            let message = format!("`{}` needs a `journey`: the function that each user runs", ctx.fn_name());
            let fault = Fault::invalid("wrong-option", message).help("write `journey: |user| user.get(\"/\")`");
            Err(given.raise(fault, "journey"))
        }
    }
}

/// Whether two closures are one, with the same captured values.
fn same(one: &FnPtr, other: &FnPtr) -> bool {
    let values =
        |function: &FnPtr| function.curry().iter().map(|value| value.flatten_clone().to_string()).collect::<Vec<_>>();
    one.fn_name() == other.fn_name() && values(one) == values(other)
}

/// One of `journeys`: a function, or `#{ run, share, name }`.
fn entry(item: &Dynamic) -> Result<(FnPtr, f64, Option<String>), Fault> {
    let wrong = |message: String| Fault::invalid("wrong-option", message);
    if let Some(function) = item.clone().try_cast::<FnPtr>() {
        return Ok((function, 1.0, None));
    }
    let Some(map) = item.read_lock::<Map>() else {
        return Err(wrong(format!("a journey is a function or `#{{ run: buyer, share: 70 }}`, got {}", shown(item))));
    };
    if let Some(key) = map.keys().find(|key| !JOURNEY.iter().any(|option| option.name == key.as_str())) {
        return Err(given::unknown("journeys", key, JOURNEY));
    }
    let function = map.get("run").and_then(|run| run.clone().try_cast::<FnPtr>());
    let function = function.ok_or_else(|| wrong("a journey needs `run`, a function `|user| ..`".to_owned()))?;
    let share = match map.get("share").map(crate::quantity::read) {
        None => 1.0,
        Some(Some(Ok(q)))
            if q.dimension == engine_core::unit::Dimension::NONE && q.value >= 0.0 && q.value.is_finite() =>
        {
            q.value
        }
        _ => return Err(wrong("`share` must be a number from 0 on".to_owned())),
    };
    Ok((function, share, map.get("name").map(ToString::to_string)))
}

fn watched(given: &Given) -> Raised<Vec<(String, Watched)>> {
    let refuse = |message: String| given.raise(Fault::invalid("wrong-option", message), "watch");
    given
        .inner_map("watch")
        .into_iter()
        .map(|(name, value)| {
            super::metric_name(&name).map_err(|fault| given.raise(fault, "watch"))?;
            match value.read_lock::<Process>() {
                Some(process) => Ok((name.to_string(), process.0.clone())),
                None => Err(refuse(format!(
                    "`{name}` must be `process(\"name\")` or `process(pid)`, got {}",
                    shown(&value)
                ))),
            }
        })
        .collect()
}

fn counters(host: &Host, given: &Given) -> Raised<Option<String>> {
    let Some(text) = given.text("counters") else { return Ok(None) };
    let url = Url::parse(&text)
        .map_err(|error| given.raise(Fault::invalid("wrong-option", format!("`counters` {error}")), "counters"))?;
    permit(host, &url.origin, given.at("counters"))?;
    Ok(Some(text))
}

fn tls(host: &Host, given: &Given) -> Raised<TlsOptions> {
    let mut tls = TlsOptions { insecure: given.flag("insecure").unwrap_or_default(), ..TlsOptions::default() };
    if let Some(path) = given.text("ca") {
        let (granted, flag) = host.read_permission(&path);
        host.permit(granted, &flag, &format!("may not read `{path}`"), given.at("ca"))?;
        tls.ca = Some(Ca::File(host.base.join(path)));
    }
    Ok(tls)
}

fn headers(given: &Given) -> Raised<Vec<(String, String)>> {
    let text = |(name, value): (rhai::Identifier, Dynamic)| match crate::journey::wire(&value) {
        Some(text) => Ok((name.to_string(), text)),
        None => Err(given.raise(
            Fault::invalid("wrong-option", format!("header `{name}` must be a text, got {}", shown(&value))),
            "headers",
        )),
    };
    given.inner_map("headers").into_iter().map(text).collect()
}

impl LoadPoint {
    /// What its step runs.
    pub(super) fn runs(&self, index: usize, once: bool) -> Runs {
        let shape = LoadShape {
            target: self.target.describe(),
            model: self.model.describe(),
            journeys: self.journeys.iter().map(|journey| journey.name.clone()).collect(),
            phases: match &self.trials {
                TrialsOf::Fault(fault) => super::fault::phases(fault, &self.model),
                _ => self.model.shapes(),
            },
        };
        let seconds = self.model.seconds();
        // Tried once it takes what its requests take.
        let seconds = if once {
            1.0
        } else if seconds.is_finite() {
            seconds
        } else {
            60.0
        };
        match &self.trials {
            TrialsOf::None => Runs::Load { index, shape, seconds, grace: self.grace },
            TrialsOf::Capacity(search) => Runs::Capacity { index, shape, search: search.clone(), grace: self.grace },
            TrialsOf::Scale(sweep) => Runs::Scale { index, shape, sweep: sweep.clone(), grace: self.grace },
            TrialsOf::Fault(fault) => Runs::Fault { index, shape, fault: fault.clone(), grace: self.grace },
        }
    }

    /// Names of the watched processes.
    pub(crate) fn watches(&self) -> impl Iterator<Item = &str> {
        self.watch.iter().map(|(name, _)| name.as_str())
    }

    /// The load, its journeys made from the blueprint.
    pub(crate) fn request(&self, blueprint: &Arc<Blueprint>, seed: u64) -> Result<LoadRequest, String> {
        let seed = self.seed.unwrap_or(seed);
        let journey = |(number, journey): (usize, &JourneyOf)| {
            let made = ScriptJourney { blueprint: Arc::clone(blueprint), number, name: journey.name.clone() };
            (Arc::new(made) as Arc<dyn Journey>, journey.share)
        };
        let journeys: Vec<_> = self.journeys.iter().enumerate().map(journey).collect();
        let (workload, journeys) = if blueprint.options.once {
            once(journeys)
        } else {
            (self.model.workload(seed, self.max_users, self.late)?, journeys)
        };
        let first = journeys.first().map(|(journey, _)| Arc::clone(journey)).ok_or("the load has no journey")?;
        let permissions = blueprint.options.permissions.clone();
        let load = Load {
            journeys,
            seed,
            threads: if blueprint.options.once { 1 } else { self.threads },
            grace: self.grace,
            tls: self.tls.clone(),
            permit: Permit::new(move |origin| permissions.allows_net(&origin.host, origin.port)),
            ..Load::new(first, workload)
        };
        let at = match &self.target {
            Place::Url(text, ..) => TargetAt::Url(text.clone()),
            Place::Demo(demo) => TargetAt::Demo(demo.clone()),
            Place::Victim | Place::None => TargetAt::None,
        };
        let warmup = if blueprint.options.once { 0.0 } else { self.warmup };
        Ok(LoadRequest { load, at, watch: self.watch.clone(), counters: self.counters.clone(), warmup })
    }
}

/// Journeys with their shares.
type Shared = Vec<(Arc<dyn Journey>, f64)>;

/// Each journey once, by one user.
fn once(journeys: Shared) -> (Workload, Shared) {
    #[expect(clippy::cast_precision_loss, reason = "a handful of journeys")]
    let users = journeys.len() as f64;
    let phase = UserPhase { name: super::load_model::WHOLE.to_owned(), from: users, to: users, duration: 60.0 };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::PerUser(1), spread: 0.0 };
    (workload, journeys.into_iter().map(|(journey, _)| (journey, 1.0)).collect())
}
