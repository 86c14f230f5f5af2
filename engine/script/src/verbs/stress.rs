//! `stress`: something measured in the quiet and beside stressors. The stressors themselves are specs, made as those of probes
//! are: `stress::cpu(#{ intensity: 50 })`.

use std::rc::Rc;

use engine_core::args::ArgValue;
use engine_core::expect::Expectation;
use engine_core::load::METRICS as LOAD_METRICS;
use engine_core::measurement::Stat;
use engine_core::probe::{ParamKind, ProbeInfo};
use engine_core::quantity::Quantity;
use engine_core::stress::{self, Background, Measured, Of, StressShape, Stressing};
use rhai::{Array, Dynamic, Engine, FnPtr, Map, NativeCallContext};

use super::Spec;
use super::declare::Filter;
use super::load::{LoadPoint, point_of};
use super::load_model::Model;
use crate::builder::{self, Declared, Runs};
use crate::fault::{At, Fault, Raised};
use crate::given::{self, Given};
use crate::host::{Host, Phase};
use crate::kept;
use crate::stress_options::{BACKGROUND, STRESS};
use crate::verb_options::{LOAD, shown, time, whole};

const EXAMPLE: &str =
    "stress(\"name\", #{ background: [stress::cache()], intensity: [50, 100], measure: memory::latency() })";

/// Area of stressors; no probe has it.
const AREA: &str = "stress";

/// Most backgrounds of a step, each intensity on its own.
const MOST: usize = 200;

/// The longest that stressors are held without a measurement, in seconds: they end by themselves after ten minutes, the way
/// to full intensity included.
const LONGEST: f64 = 500.0;

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>, filter: &Rc<Filter>) {
    let (h, f) = (Rc::clone(host), Rc::clone(filter));
    engine.register_fn(AREA, move |ctx: NativeCallContext<'_>, a: Dynamic| declare(&h, &ctx, &f, vec![a]));
    let (h, f) = (Rc::clone(host), Rc::clone(filter));
    engine
        .register_fn(AREA, move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic| declare(&h, &ctx, &f, vec![a, b]));
    let (h, f) = (Rc::clone(host), Rc::clone(filter));
    engine.register_fn(AREA, move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic, c: Dynamic| {
        declare(&h, &ctx, &f, vec![a, b, c])
    });
}

/// The stressors, as scripts name them.
pub(crate) fn stressors() -> impl Iterator<Item = &'static ProbeInfo> {
    engine_faults::stress::registry().iter().map(|stressor| stressor.info)
}

/// Whether a spec is a stressor, which only `stress` runs.
pub(crate) fn is_stressor(probe: &ProbeInfo) -> bool {
    probe.area() == AREA
}

/// Why another verb does not run a stressor.
pub(crate) fn only_stress(verb: &str, probe: &ProbeInfo) -> Fault {
    let message = format!("`{verb}` does not run `{}`, which is a background and no measurement", probe.id);
    Fault::invalid("wrong-call", message).help(format!("write `{EXAMPLE}`"))
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::invalid("wrong-option", message)
}

/// The parts of `stress(name?, #{ options }, what?)`.
struct Parts {
    name: Option<String>,
    at_name: At,
    given: Given,
    what: Option<(Dynamic, At)>,
}

fn parts(host: &Host, ctx: &NativeCallContext<'_>, args: Vec<Dynamic>) -> Raised<Parts> {
    let mut parts = Parts { name: None, at_name: host.at(ctx), given: Given::none(host, ctx), what: None };
    let mut had = false;
    for (index, value) in args.into_iter().enumerate() {
        let value = value.flatten();
        let at = host.at_argument(ctx, index);
        if value.is_string() && index == 0 {
            parts.name = Some(value.to_string());
            parts.at_name = at;
        } else if value.is_map() && !had {
            had = true;
            parts.given = Given::new(host, ctx, index, value.cast::<Map>(), STRESS)?;
        } else if had && parts.what.is_none() {
            parts.what = Some((value, at));
        } else {
            let message =
                format!("`stress` takes a name, options and what is measured, in this order; got {}", shown(&value));
            return Err(Fault::invalid("wrong-call", message)
                .help(format!("write `{EXAMPLE}`"))
                .or_at(Some(at))
                .raise(ctx));
        }
    }
    if !had {
        return Err(Fault::invalid("wrong-call", "`stress` takes its options as a map")
            .help(format!("write `{EXAMPLE}`"))
            .raise(ctx));
    }
    if let Some(value) = parts.given.get("measure").cloned() {
        if let Some((_, at)) = &parts.what {
            return Err(Fault::invalid("wrong-call", "what is measured stands here for the second time")
                .or_at(Some(at.clone()))
                .raise(ctx));
        }
        parts.what = Some((value.flatten(), parts.given.at("measure")));
    }
    Ok(parts)
}

fn declare(host: &Host, ctx: &NativeCallContext<'_>, filter: &Filter, args: Vec<Dynamic>) -> Raised<()> {
    host.declaring(ctx)?;
    let Parts { name, at_name, given, what } = parts(host, ctx, args)?;
    let name = name.unwrap_or_else(|| AREA.to_owned());
    let places = builder::points(host, &given).map_err(|(fault, key)| given.raise(fault, key))?;
    let function = what.as_ref().and_then(|(what, _)| what.clone().try_cast::<FnPtr>());
    if function.is_none() && (given.get("sweep").is_some() || given.get("cases").is_some()) {
        let key = if given.get("sweep").is_some() { "sweep" } else { "cases" };
        let fault =
            Fault::invalid("wrong-call", format!("`{key}` needs a function from the point to what is measured"))
                .help("write `measure: |p| memory::latency(#{ size: p.size })`");
        return Err(given.raise(fault, key));
    }
    let backgrounds = backgrounds(host, &given)?;
    let settle = given.get("settle").and_then(|value| time(value).ok()).unwrap_or(0.2);
    let settle = if host.tiny() { settle.min(0.02) } else { settle };
    let index = host.builder.borrow().loads.len();
    let (mut points, mut loads, mut names) = (Vec::new(), Vec::new(), None);
    for place in &places {
        let thing = match (&function, &what) {
            (Some(function), Some((_, at))) => called(host, ctx, function, at, &place.value)?,
            (_, what) => what.as_ref().map(|(what, _)| what.clone()).unwrap_or_default(),
        };
        let at = what.as_ref().map_or_else(|| host.at(ctx), |(_, at)| at.clone());
        let found = measured(host, ctx, &given, &thing, &at, index, place)?;
        names.get_or_insert_with(|| found.names.clone());
        loads.extend(found.load);
        let shape = StressShape { backgrounds: backgrounds.clone(), measured: found.measured, settle };
        let runs = Runs::Stress { shape, method: found.method, starts: found.starts };
        points.push((place.labels.clone(), runs));
    }
    let names = names.unwrap_or_default();
    let expect =
        builder::expectations(host, &given, None, Some(&names)).map_err(|fault| given.raise(fault, "expect"))?;
    known_labels(host, &given, &backgrounds)?;
    // An empty list keeps the numbers of those that follow.
    host.builder.borrow_mut().loads.push(loads);
    let declared = Declared { name, at: host.at(ctx), at_name, given: &given, points, expect };
    host.declare(declared, filter).map_err(|fault| fault.raise(ctx))
}

/// What the function makes of a point.
fn called(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, at: &At, value: &Map) -> Raised<Dynamic> {
    let takes = kept::arity(host, ctx, function, &[0, 1], at)?;
    let values = if takes == 1 { vec![Dynamic::from_map(value.clone())] } else { Vec::new() };
    host.phase.set(Phase::Point);
    let result = kept::call(host, ctx, function, values);
    host.phase.set(Phase::Plan);
    Ok(result?.flatten())
}

/// What is measured at a point.
struct Found {
    measured: Measured,
    /// Names of metrics that expectations may ask for.
    names: Vec<String>,
    load: Option<LoadPoint>,
    method: u32,
    /// Whether it starts processes itself.
    starts: bool,
}

fn measured(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    given: &Given,
    thing: &Dynamic,
    at: &At,
    index: usize,
    place: &builder::Point,
) -> Raised<Found> {
    let mut names: Vec<String> = stress::METRICS.iter().map(|metric| metric.id.to_owned()).collect();
    if thing.is_unit() {
        if given.get("of").is_some() {
            return Err(given.raise(wrong("`of` needs something that is measured: `measure: memory::latency()`"), "of"));
        }
        let hold = given.get("hold").and_then(|value| time(value).ok()).unwrap_or(5.0);
        if hold > LONGEST {
            let message = format!("`hold` may be at most {LONGEST} s: take several `rounds` for more");
            return Err(given.raise(wrong(message), "hold"));
        }
        let hold = if host.tiny() { hold.min(0.1) } else { hold };
        names.retain(|name| name.starts_with("stressor."));
        return Ok(Found { measured: Measured::Nothing { hold }, names, load: None, method: 1, starts: true });
    }
    if given.get("hold").is_some() {
        let fault =
            wrong("`hold` is for stress without `measure`: beside a measurement the stressors last as long as it does");
        return Err(given.raise(fault, "hold"));
    }
    if let Some(Spec { probe, args }) = thing.clone().try_cast::<Spec>() {
        if is_stressor(probe) {
            let fault = wrong(format!("`{}` cannot be measured beside stressors: it is one", probe.id))
                .help("put it into `background`; without `measure` the stressors themselves are measured");
            return Err(fault.or_at(Some(at.clone())).raise(ctx));
        }
        names.extend(probe.metrics.iter().map(|metric| metric.id.to_owned()));
        let known: Vec<&str> = probe.metrics.iter().map(|metric| metric.id).collect();
        let of = of(given, probe.primary().map_or("", |metric| metric.id), None, &known)?;
        let seconds = if host.tiny() { probe.round_seconds.min(0.2) } else { probe.round_seconds };
        let starts = probe.process != engine_core::probe::RoundProcess::Engine;
        let measured = Measured::Probe { id: probe.id.to_owned(), args, of, seconds };
        return Ok(Found { measured, names, load: None, method: probe.method, starts });
    }
    if let Some(map) = thing.clone().try_cast::<Map>() {
        let inner = given.nested(host, ctx, "measure", map, LOAD)?;
        if let Some(key) =
            ["rounds", "tags", "sweep", "cases", "reference", "expect"].into_iter().find(|key| inner.get(key).is_some())
        {
            let fault = wrong(format!("`{key}` belongs to `stress` and not to the load that it measures"));
            return Err(inner.raise(fault, key));
        }
        let (model, _) = Model::of(host, &inner)?;
        let point = point_of(host, ctx, &inner, &place.labels, model)?;
        let known: Vec<&str> = LOAD_METRICS.iter().map(|metric| metric.id).collect();
        names.extend(["response", "rate", "errors"].map(str::to_owned));
        let of = of(given, "response", Some(Stat::Percentile(95.0)), &known)?;
        if !names.contains(&of.metric) {
            names.push(of.metric.clone());
        }
        let Runs::Load { shape, .. } = point.runs(index, host.options.once) else {
            return Err(wrong("`measure` takes the options of a `load`").or_at(Some(at.clone())).raise(ctx));
        };
        let measured = Measured::Load { index, shape, of };
        return Ok(Found { measured, names, load: Some(point), method: 1, starts: true });
    }
    let message = format!("`measure` takes a spec or the options of a load, got {}", shown(thing));
    Err(wrong(message)
        .help("write `measure: memory::latency()`, or `measure: #{ target: demo_target(), arrivals: \"200/s\", duration: \"5 s\", journey: buyer }`")
        .or_at(Some(at.clone()))
        .raise(ctx))
}

/// The figure that is compared.
fn of(given: &Given, usual: &str, stat: Option<Stat>, known: &[&str]) -> Raised<Of> {
    let Some(text) = given.text("of") else { return Ok(Of { metric: usual.to_owned(), stat }) };
    if known.contains(&text.as_str()) {
        return Ok(Of { metric: text, stat });
    }
    // The longest statistic first: `p99.9` has a point of its own.
    let split = text.char_indices().filter(|(_, c)| *c == '.').find_map(|(at, _)| {
        let stat: Stat = text[at + 1..].parse().ok()?;
        known.contains(&&text[..at]).then(|| (text[..at].to_owned(), stat))
    });
    match split {
        Some((metric, stat)) => Ok(Of { metric, stat: Some(stat) }),
        None => {
            let near = engine_core::nearest::hint(&text, known.iter().copied());
            let fault = wrong(format!("`of` must be a metric of what is measured, got `\"{text}\"`{near}"));
            Err(given.raise(fault.help(format!("its metrics are `{}`", known.join("`, `"))), "of"))
        }
    }
}

/// All backgrounds, each intensity on its own.
fn backgrounds(host: &Host, given: &Given) -> Raised<Vec<Background>> {
    let raise = |fault: Fault, item: Option<usize>| {
        let at = item.map(|item| given.at_item(host, "background", item));
        given.raise(fault.or_at(at), "background")
    };
    let levels = levels(given.get("intensity"), given)?;
    let mut all: Vec<Background> = Vec::new();
    for (number, item) in given.list("background").into_iter().enumerate() {
        let (name, specs, own) = entry(&item.flatten()).map_err(|fault| raise(fault, Some(number)))?;
        let levels = if own.is_empty() { levels.clone() } else { own };
        let name = name.unwrap_or_else(|| specs.iter().map(usual_name).collect::<Vec<_>>().join("+"));
        if name == stress::QUIET || !engine_core::series::is_step_name(&name.replace('+', "-")) {
            let message = format!(
                "`{name}` cannot name a background: names are made of letters, digits, `_`, `.`, `+` and `-`, and `quiet` is what has none"
            );
            return Err(raise(Fault::invalid("bad-name", message), Some(number)));
        }
        if all.iter().any(|known| known.name == name) {
            let fault = Fault::invalid("duplicate", format!("two backgrounds are called `{name}`"))
                .help("give one a name: `#{ name: \"other\", run: stress::cpu() }`");
            return Err(raise(fault, Some(number)));
        }
        let each: Vec<Option<u64>> =
            if levels.is_empty() { vec![None] } else { levels.into_iter().map(Some).collect() };
        all.extend(each.into_iter().map(|level| at_level(&name, &specs, level)));
    }
    if all.is_empty() || all.len() > MOST {
        let message = format!("`stress` needs a `background` of 1 to {MOST} stressors, each intensity counted");
        return Err(given.raise(wrong(message).help(format!("write `{EXAMPLE}`")), "background"));
    }
    Ok(all)
}

/// A background at an intensity; none for those that its stressors have.
fn at_level(name: &str, specs: &[Spec], level: Option<u64>) -> Background {
    let stressors: Vec<Stressing> = specs
        .iter()
        .map(|spec| {
            let mut args = spec.args.clone();
            #[expect(clippy::cast_precision_loss, reason = "a percentage")]
            if let Some(level) = level {
                args.0.insert("intensity".to_owned(), ArgValue::Number(Quantity::number(level as f64)));
            }
            Stressing { id: spec.probe.id.to_owned(), args }
        })
        .collect();
    let mut levels: Vec<String> = stressors.iter().map(|one| one.args.whole("intensity").to_string()).collect();
    levels.dedup();
    Background { name: name.to_owned(), intensity: levels.join("+"), stressors }
}

/// `cpu`, or with the variant where it is not the usual one: `memory.bandwidth`.
fn usual_name(spec: &Spec) -> String {
    let choice = spec.probe.params.iter().find(|param| matches!(param.kind, ParamKind::Choice(_)));
    let other = choice.filter(|param| Some(spec.args.text(param.name)) != param.default);
    let variant = other.map_or_else(String::new, |param| format!(".{}", spec.args.text(param.name)));
    format!("{}{variant}", spec.probe.name())
}

/// Name, stressors and intensities of one item.
type Entry = (Option<String>, Vec<Spec>, Vec<u64>);

fn entry(item: &Dynamic) -> Result<Entry, Fault> {
    if let Some(map) = item.read_lock::<Map>() {
        for (key, value) in map.iter() {
            let Some(option) = BACKGROUND.iter().find(|option| option.name == key.as_str()) else {
                return Err(given::unknown("background", key, BACKGROUND));
            };
            option.check(value).map_err(|unfit| wrong(unfit.message))?;
        }
        let run = map.get("run").cloned().unwrap_or_default().flatten();
        if run.is_map() {
            return Err(wrong("`run` must be a stressor or a list of stressors"));
        }
        let (_, specs, _) = entry(&run)?;
        let levels = map.get("intensity").map(percents).transpose()?.unwrap_or_default();
        return Ok((map.get("name").map(ToString::to_string), specs, levels));
    }
    let together: Array = match item.read_lock::<Array>() {
        Some(items) => items.clone(),
        None => vec![item.clone()],
    };
    let specs: Result<Vec<Spec>, Fault> = together.iter().map(|item| one(&item.flatten_clone())).collect();
    match specs? {
        specs if specs.is_empty() => Err(wrong("a background needs a stressor: `stress::cpu()`")),
        specs => Ok((None, specs, Vec::new())),
    }
}

fn one(item: &Dynamic) -> Result<Spec, Fault> {
    match item.clone().try_cast::<Spec>() {
        Some(spec) if is_stressor(spec.probe) => Ok(spec),
        Some(spec) => Err(wrong(format!("a background is made of stressors, and `{}` is a probe", spec.probe.id))
            .help("put it into `measure`, or write `stress::cpu()`")),
        None => {
            let names: Vec<&str> = stressors().map(ProbeInfo::name).collect();
            let help = format!("the stressors are `stress::{}()`", names.join("()`, `stress::"));
            Err(wrong(format!("a background is a stressor or a list of stressors, got {}", shown(item))).help(help))
        }
    }
}

fn levels(value: Option<&Dynamic>, given: &Given) -> Raised<Vec<u64>> {
    value.map(percents).transpose().map(Option::unwrap_or_default).map_err(|fault| given.raise(fault, "intensity"))
}

/// Whole percentages, each once.
fn percents(value: &Dynamic) -> Result<Vec<u64>, Fault> {
    let items: Array = match value.read_lock::<Array>() {
        Some(items) => items.clone(),
        None => vec![value.clone()],
    };
    let mut all = Vec::new();
    for item in &items {
        let level = whole(item).filter(|level| (1..=100).contains(level));
        let level = level.ok_or_else(|| {
            wrong(format!(
                "`intensity` must be whole percent from 1 to 100, `50` or `[25, 50, 100]`, got {}",
                shown(item)
            ))
        })?;
        if all.contains(&level) {
            return Err(wrong(format!("`intensity` has {level} twice")));
        }
        all.push(level);
    }
    Ok(all)
}

/// A background or an intensity that an expectation names must be there: else it could only fail when all is over.
fn known_labels(host: &Host, given: &Given, backgrounds: &[Background]) -> Raised<()> {
    for (item, text) in given.texts("expect").into_iter().enumerate() {
        let Ok(parsed) = Expectation::parse(&text) else { continue };
        for (label, known) in [
            (
                stress::BACKGROUND,
                backgrounds.iter().map(|one| one.name.as_str()).chain([stress::QUIET]).collect::<Vec<_>>(),
            ),
            (stress::INTENSITY, backgrounds.iter().map(|one| one.intensity.as_str()).collect()),
        ] {
            let Some(asked) = parsed.claim().left.labels.get(label).filter(|asked| !known.contains(asked)) else {
                continue;
            };
            let near = engine_core::nearest::hint(asked, known.iter().copied());
            let message = format!("in expectation `{text}`: no {label} is `{asked}`{near}");
            let at = given.at_item(host, "expect", item);
            return Err(given.raise(Fault::invalid("expectation", message).or_at(Some(at)), "expect"));
        }
    }
    Ok(())
}
