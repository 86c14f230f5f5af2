//! Specs: a probe with its checked options. Making one touches nothing; every probe of the registry becomes a function
//! by a loop.

use std::collections::BTreeMap;
use std::rc::Rc;

use engine_core::args::{ArgError, ArgValue, Args};
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};
use rhai::{Array, Dynamic, Engine, FuncRegistration, Map, NativeCallContext};

use super::Modules;
use crate::fault::{At, Fault, Raised};
use crate::host::Host;
use crate::quantity::Qty;
use crate::secret::Secret;
use crate::verb_options::shown;

/// A probe with its checked options.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) probe: &'static ProbeInfo,
    pub(crate) args: Args,
}

pub(crate) fn register(engine: &mut Engine, modules: &mut Modules, host: &Rc<Host>) {
    engine.register_type_with_name::<Spec>("Spec");
    engine.register_fn("to_string", |spec: &mut Spec| format!("spec of {}", spec.probe.id));
    for probe in host.options.registry.iter().copied().chain(super::stressors()) {
        let module = modules.entry(probe.area().to_owned()).or_default();
        let with = Rc::clone(host);
        FuncRegistration::new(probe.name())
            .with_volatility(true)
            .set_into_module(module, move |ctx: NativeCallContext<'_>, options: Dynamic| {
                spec(&with, &ctx, probe, options)
            });
        let without = Rc::clone(host);
        FuncRegistration::new(probe.name())
            .with_volatility(true)
            .set_into_module(module, move |ctx: NativeCallContext<'_>| {
                spec(&without, &ctx, probe, Dynamic::from_map(Map::new()))
            });
        if command_param(probe).is_some() {
            let both = Rc::clone(host);
            let name = format!("{}::{}", probe.area(), probe.name());
            FuncRegistration::new(probe.name()).with_volatility(true).set_into_module(
                modules.entry(probe.area().to_owned()).or_default(),
                move |ctx: NativeCallContext<'_>, parts: Dynamic, options: Map| {
                    with_command(&both, &ctx, probe, &name, parts, options)
                },
            );
        }
    }
    let one = Rc::clone(host);
    engine.register_fn("command", move |ctx: NativeCallContext<'_>, parts: Dynamic| {
        command(&one, &ctx, parts, Map::new())
    });
    let two = Rc::clone(host);
    engine.register_fn("command", move |ctx: NativeCallContext<'_>, parts: Dynamic, options: Map| {
        command(&two, &ctx, parts, options)
    });
}

/// The option of a probe that a program and its arguments go to; a script may write them before the other options.
fn command_param(probe: &ProbeInfo) -> Option<&'static ParamDef> {
    probe.params.iter().find(|param| param.kind == ParamKind::Command)
}

/// The value of a probe's option as a script gives it; none when no option could take it.
pub(crate) fn probe_argument(value: &Dynamic) -> Option<ArgValue> {
    if let Ok(flag) = value.as_bool() {
        return Some(ArgValue::Flag(flag));
    }
    if let Some(qty) = value.clone().try_cast::<Qty>() {
        return Some(ArgValue::Number(qty.0));
    }
    if value.is_string() {
        return Some(ArgValue::Text(value.to_string()));
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items
            .iter()
            .map(|item| item.is_string().then(|| item.to_string()))
            .collect::<Option<_>>()
            .map(ArgValue::List);
    }
    if value.is_map() {
        return match json(value)? {
            serde_json::Value::Object(map) => Some(ArgValue::Object(map)),
            _ => None,
        };
    }
    match crate::quantity::read(value) {
        Some(Ok(quantity)) => Some(ArgValue::Number(quantity)),
        _ => None,
    }
}

/// A value as JSON; none when a part of it, such as a secret or a function, has no such form.
fn json(value: &Dynamic) -> Option<serde_json::Value> {
    if value.is_unit() {
        return Some(serde_json::Value::Null);
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().map(json).collect::<Option<Vec<_>>>().map(serde_json::Value::Array);
    }
    if let Some(map) = value.read_lock::<Map>() {
        let fields = map.iter().map(|(name, value)| Some((name.to_string(), json(value)?)));
        return fields.collect::<Option<_>>().map(serde_json::Value::Object);
    }
    if let Ok(flag) = value.as_bool() {
        return Some(flag.into());
    }
    if let Ok(number) = value.as_int() {
        return Some(number.into());
    }
    if let Ok(number) = value.as_float() {
        return serde_json::Number::from_f64(number).map(Into::into);
    }
    value.is_string().then(|| value.to_string().into())
}

pub(super) fn spec(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    probe: &'static ProbeInfo,
    options: Dynamic,
) -> Raised<Spec> {
    if options.is_array() && command_param(probe).is_some() {
        let name = format!("{}::{}", probe.area(), probe.name());
        return with_command(host, ctx, probe, &name, options, Map::new());
    }
    let Some(map) = options.clone().try_cast::<Map>() else {
        let message = format!("`{}` takes its options as a map, got {}", probe.id, shown(&options));
        let example = probe.params.first().map_or("name", |param| param.name);
        let fault = Fault::invalid("wrong-option", message).help(format!("write `#{{ {example}: .. }}`"));
        return Err(fault.or_at(Some(host.at_argument(ctx, 0))).raise(ctx));
    };
    checked(host, ctx, probe, &map, 0, None)
}

fn checked(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    probe: &'static ProbeInfo,
    map: &Map,
    index: usize,
    at_command: Option<At>,
) -> Raised<Spec> {
    let shape = host.argument(ctx, index);
    let call = host.at(ctx);
    let at_key = |key: &str| -> At {
        let pos = shape.as_ref().and_then(|shape| shape.key(key)).map(|(pos, _)| pos).filter(|pos| !pos.is_none());
        pos.map_or_else(|| call.clone(), |pos| At { pos, length: key.chars().count(), ..call.clone() })
    };
    let mut given = BTreeMap::new();
    for (name, value) in map {
        let value = value.flatten_clone();
        match probe_argument(&value) {
            Some(value) => {
                given.insert(name.to_string(), value);
            }
            None => {
                let Some(param) = probe.param(name) else {
                    // The unknown name is the greater fault: let the declaration say so.
                    given.insert(name.to_string(), ArgValue::Flag(false));
                    continue;
                };
                let why = if value.is::<Secret>() { ": a secret would be stored with the plan" } else { "" };
                let message = format!("`{name}` must be {}, got {}{why}", param.kind.describe(), shown(&value));
                return Err(Fault::invalid("wrong-option", message).or_at(Some(at_key(name))).raise(ctx));
            }
        }
    }
    let args = probe.args(&given, host.tiny()).map_err(|error| {
        let at = error.option().map(&at_key);
        let code = if matches!(error, ArgError::Unknown { .. }) { "unknown-option" } else { "wrong-option" };
        let fault = Fault::invalid(code, error.to_string());
        let fault = if matches!(error, ArgError::Unknown { .. }) && !error.to_string().contains("did you mean") {
            let names: Vec<&str> = probe.params.iter().map(|param| param.name).collect();
            fault.help(match names.as_slice() {
                [] => "it has no options".to_owned(),
                names => format!("its options are `{}`", names.join("`, `")),
            })
        } else {
            fault
        };
        fault.or_at(at).raise(ctx)
    })?;
    for param in probe.params.iter().filter(|param| param.kind == ParamKind::Command && map.contains_key(param.name)) {
        if let Some(program) = args.list(param.name).first() {
            let granted = host.options.permissions.allows_run(program);
            let at = at_command.clone().unwrap_or_else(|| at_key(param.name));
            host.permit(granted, &format!("--allow-run={program}"), &format!("may not run `{program}`"), at)?;
        }
    }
    for param in probe.params.iter().filter(|param| param.kind == ParamKind::Manifest) {
        let manifest = args.text(param.name);
        if !manifest.is_empty() {
            permit_manifest(host, manifest, at_key(param.name))?;
        }
    }
    Ok(Spec { probe, args })
}

/// Building somebody's crate runs its build scripts and macros: it is a program like any other.
pub(crate) fn permit_manifest(host: &Host, manifest: &str, at: At) -> Raised<()> {
    let granted = host.options.permissions.allows_run(manifest);
    let what = format!("may not build `{manifest}`, which runs its code");
    host.permit(granted, &format!("--allow-run={manifest}"), &what, at)
}

/// `command([..], options?)`: the spec of the probe that runs programs.
fn command(host: &Host, ctx: &NativeCallContext<'_>, parts: Dynamic, options: Map) -> Raised<Spec> {
    const ID: &str = "tool.command";
    let probe = host.probe(ID).ok_or_else(|| {
        Fault::invalid("unknown-probe", format!("`command` needs the probe `{ID}`, which this engine does not have"))
            .raise(ctx)
    })?;
    with_command(host, ctx, probe, "command", parts, options)
}

/// `NAME([program, arguments..], options?)`: the spec of a probe that runs or talks to a program.
fn with_command(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    probe: &'static ProbeInfo,
    name: &str,
    parts: Dynamic,
    mut options: Map,
) -> Raised<Spec> {
    let Some(param) = command_param(probe) else {
        return Err(Fault::invalid("unknown-probe", format!("the probe `{}` takes no command", probe.id)).raise(ctx));
    };
    let at = host.at_argument(ctx, 0);
    let items = parts.read_lock::<Array>().map(|items| items.clone());
    let texts: Option<Vec<String>> =
        items.as_ref().and_then(|items| items.iter().map(|item| item.is_string().then(|| item.to_string())).collect());
    match texts {
        Some(texts) if texts.first().is_some_and(|program| !program.is_empty()) => {}
        _ => {
            let secret = items.is_some_and(|items| items.iter().any(Dynamic::is::<Secret>));
            let why = if secret { ": a secret would be stored with the plan" } else { "" };
            let message = format!("`{name}` takes a program and its arguments as a list of texts{why}");
            let fault = Fault::invalid("wrong-option", message)
                .help(format!("write `{name}([\"grep\", \"-c\", \"x\", \"file\"])`"));
            return Err(fault.or_at(Some(at)).raise(ctx));
        }
    }
    options.insert(param.name.into(), parts);
    checked(host, ctx, probe, &options, 1, Some(at))
}
