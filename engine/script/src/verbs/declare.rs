//! Verbs that declare: `suite`, `bench`, `param`, `setup`, `teardown`, `finish`.

use std::rc::Rc;

use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};

use super::Spec;
pub(crate) use crate::builder::Filter;
use crate::builder::{self, Declared, Runs};
use crate::fault::{At, Fault, Raised};
use crate::given::Given;
use crate::host::{Host, Phase};
use crate::kept::{self, Kept};
use crate::params::Asked;
use crate::verb_options::{self, BENCH, PARAM, SUITE, shown};

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>, filter: &Rc<Filter>) {
    let h = Rc::clone(host);
    engine.register_fn("suite", move |ctx: NativeCallContext<'_>, name: &str| suite(&h, &ctx, name, Map::new()));
    let h = Rc::clone(host);
    engine.register_fn("suite", move |ctx: NativeCallContext<'_>, name: &str, options: Map| {
        suite(&h, &ctx, name, options)
    });

    let (h, f) = (Rc::clone(host), Rc::clone(filter));
    engine.register_fn("bench", move |ctx: NativeCallContext<'_>, a: Dynamic| bench(&h, &ctx, &f, vec![a]));
    let (h, f) = (Rc::clone(host), Rc::clone(filter));
    engine.register_fn("bench", move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic| {
        bench(&h, &ctx, &f, vec![a, b])
    });
    let (h, f) = (Rc::clone(host), Rc::clone(filter));
    engine.register_fn("bench", move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic, c: Dynamic| {
        bench(&h, &ctx, &f, vec![a, b, c])
    });

    let h = Rc::clone(host);
    engine.register_fn("param", move |ctx: NativeCallContext<'_>, name: &str| read_param(&h, &ctx, name));
    let h = Rc::clone(host);
    engine.register_fn("param", move |ctx: NativeCallContext<'_>, name: &str, default: Dynamic| {
        param(&h, &ctx, name, default, Map::new())
    });
    let h = Rc::clone(host);
    engine.register_fn("param", move |ctx: NativeCallContext<'_>, name: &str, default: Dynamic, options: Map| {
        param(&h, &ctx, name, default, options)
    });

    for verb in ["setup", "teardown", "finish"] {
        let h = Rc::clone(host);
        engine.register_fn(verb, move |ctx: NativeCallContext<'_>, function: FnPtr| around(&h, &ctx, verb, &function));
    }
}

/// The parts of a call `verb(name?, options?, what)`.
pub(crate) struct Parts {
    pub(crate) name: Option<String>,
    pub(crate) at_name: At,
    pub(crate) given: Given,
    pub(crate) what: Dynamic,
    pub(crate) at_what: At,
}

/// Takes a call apart. The order is fixed, so that a scenario reads the same everywhere.
pub(crate) fn parts(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    mut args: Vec<Dynamic>,
    table: &[verb_options::OptionDef],
    example: &str,
) -> Raised<Parts> {
    let verb = ctx.fn_name();
    let last = args.len() - 1;
    let what = args.pop().unwrap_or_default().flatten();
    let mut parts = Parts {
        name: None,
        at_name: host.at(ctx),
        given: Given::none(host, ctx),
        what,
        at_what: host.at_argument(ctx, last),
    };
    let mut had_options = false;
    for (index, value) in args.into_iter().enumerate() {
        let value = value.flatten();
        if value.is_string() && index == 0 {
            parts.name = Some(value.to_string());
            parts.at_name = host.at_argument(ctx, 0);
        } else if value.is_map() && !had_options {
            had_options = true;
            parts.given = Given::new(host, ctx, index, value.cast::<Map>(), table)?;
        } else {
            let message =
                format!("`{verb}` takes a name, options and what it runs, in this order; got {}", shown(&value));
            let fault = Fault::invalid("wrong-call", message).help(format!("write `{example}`"));
            return Err(fault.or_at(Some(host.at_argument(ctx, index))).raise(ctx));
        }
    }
    Ok(parts)
}

fn suite(host: &Host, ctx: &NativeCallContext<'_>, name: &str, options: Map) -> Raised<()> {
    host.declaring(ctx)?;
    let given = Given::new(host, ctx, 1, options, SUITE)?;
    let at = host.at(ctx);
    let mut frames = host.frames.borrow_mut();
    let Some(frame) = frames.last_mut() else { return Ok(()) };
    if !engine_core::series::is_step_name(name) || name.contains('/') {
        let message = format!("`{name}` cannot name a suite: names are made of letters, digits, `_`, `.` and `-`");
        return Err(Fault::invalid("bad-name", message).or_at(Some(host.at_argument(ctx, 0))).raise(ctx));
    }
    if frame.named.is_some() {
        return Err(Fault::invalid("duplicate", "`suite` stands here for the second time").raise(ctx));
    }
    if frame.declared > 0 {
        return Err(Fault::invalid("misplaced", "`suite` comes before the first step: it sets what steps start from")
            .raise(ctx));
    }
    frame.named = Some(at);
    frame.suite = name.to_owned();
    frame.defaults.rounds = given.get("rounds").cloned();
    frame.defaults.until = given.get("until").and_then(|value| verb_options::share(value).ok());
    frame.defaults.warmup = given.get("warmup").and_then(|value| verb_options::warmup(value).ok());
    frame.defaults.timeout = given.get("timeout").and_then(|value| verb_options::time(value).ok());
    if !frame.included {
        let mut builder = host.builder.borrow_mut();
        builder.suite = name.to_owned();
        builder.tags = given.texts("tags");
        builder.budget = given.get("budget").and_then(|value| verb_options::time(value).ok());
    }
    Ok(())
}

fn bench(host: &Host, ctx: &NativeCallContext<'_>, filter: &Filter, args: Vec<Dynamic>) -> Raised<()> {
    host.declaring(ctx)?;
    let parts = parts(host, ctx, args, BENCH, "bench(\"name\", #{ rounds: 10 }, memory::stream())")?;
    let given = &parts.given;
    let points = builder::points(host, given).map_err(|(fault, key)| given.raise(fault, key))?;
    reference(given)?;
    let mut specs = Vec::with_capacity(points.len());
    if let Some(spec) = parts.what.clone().try_cast::<Spec>() {
        if given.get("sweep").is_some() || given.get("cases").is_some() {
            let key = if given.get("sweep").is_some() { "sweep" } else { "cases" };
            let fault = Fault::invalid("wrong-call", format!("`{key}` needs a function from the point to a spec"))
                .help("write `bench(\"name\", #{ sweep: #{ n: [1, 2] } }, |p| ..)`, with `p.n` for the value");
            return Err(given.raise(fault, key));
        }
        specs.extend(points.iter().map(|point| (point.labels.clone(), spec.clone())));
    } else if let Some(function) = parts.what.clone().try_cast::<FnPtr>() {
        let takes = kept::arity(host, ctx, &function, &[0, 1], &parts.at_what)?;
        for point in &points {
            let values = if takes == 1 { vec![Dynamic::from_map(point.value.clone())] } else { Vec::new() };
            host.phase.set(Phase::Point);
            let result = kept::call(host, ctx, &function, values);
            host.phase.set(Phase::Plan);
            let result = result?;
            let Some(spec) = result.clone().try_cast::<Spec>() else {
                let message = format!("the function of `bench` must return a spec, got {}", shown(&result));
                let fault = Fault::invalid("wrong-call", message)
                    .help("end it with `memory::stream(#{ .. })` or `command([..])`, without a semicolon; script code is run by `custom`");
                return Err(fault.or_at(Some(parts.at_what)).raise(ctx));
            };
            specs.push((point.labels.clone(), spec));
        }
    } else {
        let message = format!("`bench` runs a spec or a function that returns one, got {}", shown(&parts.what));
        let fault =
            Fault::invalid("wrong-call", message).help("write `bench(\"name\", #{ rounds: 10 }, memory::stream())`");
        return Err(fault.or_at(Some(parts.at_what)).raise(ctx));
    }
    let Some(first) = specs.first().map(|(_, spec)| spec.probe) else { return Ok(()) };
    if let Some((_, spec)) = specs.iter().find(|(_, spec)| super::stress::is_stressor(spec.probe)) {
        return Err(super::stress::only_stress("bench", spec.probe).or_at(Some(parts.at_what)).raise(ctx));
    }
    let name = match parts.name {
        Some(name) => name,
        None if specs.iter().all(|(_, spec)| spec.probe.id == first.id) => first.id.to_owned(),
        None => {
            let fault = Fault::invalid("bad-name", "this `bench` runs several probes and needs a name");
            return Err(fault.help("write `bench(\"name\", ..)`").raise(ctx));
        }
    };
    let expect = builder::expectations(host, given, Some(first), None).map_err(|fault| given.raise(fault, "expect"))?;
    let points = specs.into_iter().map(|(labels, spec)| (labels, Runs::Probe(spec.probe, spec.args))).collect();
    let declared = Declared { name, at: host.at(ctx), at_name: parts.at_name, given, points, expect };
    host.declare(declared, filter).map_err(|fault| fault.raise(ctx))
}

/// `reference` names one of the cases.
pub(crate) fn reference(given: &Given) -> Raised<()> {
    let Some(reference) = given.text("reference") else { return Ok(()) };
    let cases = given.list("cases");
    let names: Vec<String> = cases
        .iter()
        .filter_map(|case| case.read_lock::<Map>().and_then(|map| map.get("name").map(ToString::to_string)))
        .collect();
    if names.contains(&reference) {
        return Ok(());
    }
    let message = if names.is_empty() {
        format!("`reference` is `{reference}`, and there are no `cases`")
    } else {
        let near = engine_core::nearest::hint(&reference, names.iter().map(String::as_str));
        format!("no case is called `{reference}`{near}")
    };
    Err(given.raise(Fault::invalid("wrong-option", message), "reference"))
}

fn around(host: &Host, ctx: &NativeCallContext<'_>, verb: &str, function: &FnPtr) -> Raised<()> {
    host.declaring(ctx)?;
    let at = host.at_argument(ctx, 0);
    let kept = if verb == "finish" {
        Kept::with_value(host, ctx, function, at)?
    } else {
        Kept::around(host, ctx, function, at)?
    };
    let mut builder = host.builder.borrow_mut();
    match verb {
        "setup" => builder.setup.push(kept),
        "teardown" => builder.teardown.push(kept),
        _ => builder.finish.push(kept),
    }
    Ok(())
}

/// The prefix of the scenario whose code runs.
fn prefix(host: &Host) -> String {
    host.frames.borrow().last().map_or_else(String::new, |frame| frame.prefix())
}

fn read_param(host: &Host, ctx: &NativeCallContext<'_>, name: &str) -> Raised<Dynamic> {
    let key = format!("{}{name}", prefix(host));
    host.params.get(&key).ok_or_else(|| {
        let near = host.params.near(&key);
        let fault = Fault::invalid("unknown-param", format!("there is no parameter `{name}`{near}"));
        fault.help(format!("declare it first: `let {name} = param(\"{name}\", \"value\");`")).raise(ctx)
    })
}

fn param(host: &Host, ctx: &NativeCallContext<'_>, name: &str, default: Dynamic, options: Map) -> Raised<Dynamic> {
    host.declaring(ctx)?;
    let given = Given::new(host, ctx, 2, options, PARAM)?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.');
    if !plain {
        let message = format!("`{name}` cannot name a parameter: names are made of letters, digits, `_`, `.` and `-`");
        return Err(Fault::invalid("bad-name", message).or_at(Some(host.at_argument(ctx, 0))).raise(ctx));
    }
    let included = {
        let mut frames = host.frames.borrow_mut();
        frames.last_mut().and_then(|frame| {
            let value = frame.params.get(name).cloned();
            if value.is_some() {
                frame.used.push(name.to_owned());
            }
            value
        })
    };
    let at = host.at(ctx);
    let asked = Asked {
        key: format!("{}{name}", prefix(host)),
        default: default.flatten(),
        options: &given.map,
        included,
        place: host.place(&at),
    };
    host.params.declare(&asked, &host.options.params, host.options.profile).map_err(|fault| fault.raise(ctx))
}
