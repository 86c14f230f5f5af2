//! Faults as specs, one function for each that there is; and `service(..)`, what is broken.

use std::rc::Rc;

use engine_core::fault::{Injection, ReadyShape, VictimKind, VictimShape};
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use engine_faults::fault::{FaultDef, fault_registry, find_fault};
use engine_session::load::Watched;
use rhai::{Array, Dynamic, Engine, FuncRegistration, Map, NativeCallContext};

use super::Modules;
use super::spec::{Spec, spec};
use super::target::{Demo, Process};
use crate::fault::{At, Fault, Raised};
use crate::fault_options::SERVICE;
use crate::given::Given;
use crate::host::Host;
use crate::quantity;
use crate::verb_options::{shown, time, whole};

/// A fault with its checked options.
#[derive(Debug, Clone)]
pub(super) struct Broken(pub(super) Spec);

/// What is broken.
#[derive(Debug, Clone)]
pub(super) struct Victim(pub(super) VictimShape);

/// How long a victim may take to get ready where nothing is said, in seconds: on a machine with other work a start takes some.
const READY: f64 = 30.0;

/// Pause before the demo target is started again where nothing is said, in seconds.
const RESTART: f64 = 1.0;

pub(super) fn register(engine: &mut Engine, modules: &mut Modules, host: &Rc<Host>) {
    engine.register_type_with_name::<Broken>("Fault");
    engine.register_type_with_name::<Victim>("Service");
    engine.register_fn("to_string", |broken: &mut Broken| format!("fault {}", broken.0.probe.id));
    engine.register_fn("to_string", |victim: &mut Victim| victim.0.describe());
    for def in fault_registry() {
        let module = modules.entry(def.info.area().to_owned()).or_default();
        let with = Rc::clone(host);
        FuncRegistration::new(def.info.name())
            .with_volatility(true)
            .set_into_module(module, move |ctx: NativeCallContext<'_>, options: Dynamic| {
                broken(&with, &ctx, def, options)
            });
        let without = Rc::clone(host);
        FuncRegistration::new(def.info.name())
            .with_volatility(true)
            .set_into_module(module, move |ctx: NativeCallContext<'_>| {
                broken(&without, &ctx, def, Dynamic::from_map(Map::new()))
            });
    }
    let one = Rc::clone(host);
    engine.register_fn("service", move |ctx: NativeCallContext<'_>, what: Dynamic| {
        service(&one, &ctx, &what, Map::new())
    });
    let two = Rc::clone(host);
    engine.register_fn("service", move |ctx: NativeCallContext<'_>, what: Dynamic, options: Map| {
        service(&two, &ctx, &what, options)
    });
}

fn broken(host: &Host, ctx: &NativeCallContext<'_>, def: &'static FaultDef, options: Dynamic) -> Raised<Broken> {
    let spec = spec(host, ctx, def.info, options)?;
    if let Err(wrong) = def.plan(&spec.args) {
        let shape = host.argument(ctx, 0);
        let pos = shape.as_ref().and_then(|shape| shape.key(wrong.option)).map(|(pos, _)| pos);
        let at = pos.filter(|pos| !pos.is_none()).map(|pos| At {
            pos,
            length: wrong.option.chars().count(),
            ..host.at(ctx)
        });
        return Err(Fault::invalid("wrong-option", wrong.to_string()).or_at(at).raise(ctx));
    }
    Ok(Broken(spec))
}

impl Broken {
    /// As the plan has it.
    pub(super) fn injection(&self) -> Injection {
        Injection { id: self.0.probe.id.to_owned(), args: self.0.args.clone() }
    }

    pub(super) fn def(&self) -> Option<&'static FaultDef> {
        find_fault(self.0.probe.id)
    }
}

/// The demo target as a victim.
fn demo(demo: &Demo) -> VictimShape {
    VictimShape {
        what: VictimKind::Demo(Box::new(demo.0.clone())),
        ready: ReadyShape::Tcp,
        within: READY + demo.0.start_delay,
        restart: Some(RESTART),
        memory: None,
        port: None,
    }
}

/// `service([program, arguments..], #{ options })`, or of the demo target.
fn service(host: &Host, ctx: &NativeCallContext<'_>, what: &Dynamic, options: Map) -> Raised<Victim> {
    let given = Given::new(host, ctx, 1, options, SERVICE)?;
    let at = host.at_argument(ctx, 0);
    let mut victim = if let Some(target) = what.read_lock::<Demo>() {
        demo(&target)
    } else {
        let items = what.read_lock::<Array>().map(|items| items.clone()).unwrap_or_default();
        let words: Option<Vec<String>> = items.iter().map(|item| item.is_string().then(|| item.to_string())).collect();
        let words = words.filter(|words| words.first().is_some_and(|program| !program.is_empty()));
        let Some(words) = words else {
            let message =
                format!("`service` takes a program and its arguments as a list of texts, got {}", shown(what));
            let fault = Fault::invalid("wrong-option", message);
            let help = "write `service([\"target/release/shop\", \"--port\", \"{port}\"], #{ ready: \"GET /health == 200 within 10 s\" })`";
            return Err(fault.help(help).or_at(Some(at)).raise(ctx));
        };
        let program = words[0].clone();
        let granted = host.options.permissions.allows_run(&program);
        host.permit(granted, &format!("--allow-run={program}"), &format!("may not run `{program}`"), at)?;
        VictimShape {
            what: VictimKind::Service(words),
            ready: ReadyShape::Tcp,
            within: READY,
            restart: None,
            memory: None,
            port: None,
        }
    };
    let refuse =
        |key: &str, message: String| given.raise(Fault::invalid("wrong-option", format!("`{key}` {message}")), key);
    if let Some(text) = given.text("ready") {
        (victim.ready, victim.within) = ready(&text, victim.within).map_err(|message| refuse("ready", message))?;
    }
    if let Some(value) = given.get("restart") {
        victim.restart = restart(value).map_err(|message| refuse("restart", message))?;
    }
    if let Some(value) = given.get("memory") {
        victim.memory = Some(bytes(value).map_err(|message| refuse("memory", message))?);
    }
    if let Some(value) = given.get("port") {
        let port = whole(value).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        victim.port =
            Some(port.ok_or_else(|| refuse("port", format!("must be from 1 to 65535, got {}", shown(value))))?);
    }
    if host.tiny() {
        victim.restart = victim.restart.map(|pause| pause.min(0.2));
    }
    Ok(Victim(victim))
}

/// `"GET /health == 200 within 10 s"`, any part of which may be left out at the end or, before `within`, at the front.
fn ready(text: &str, usual: f64) -> Result<(ReadyShape, f64), String> {
    let wrong = || format!("must be like `\"GET /health == 200 within 10 s\"`, got `\"{text}\"`");
    let (what, within) = match text.split_once("within") {
        Some((what, time_text)) => {
            let seconds = time(&time_text.trim().into()).map_err(|message| format!("`within` {message}"))?;
            (what.trim(), seconds)
        }
        None => (text.trim(), usual),
    };
    if what.is_empty() || what == "port" {
        return Ok((ReadyShape::Tcp, within));
    }
    let request = what.strip_prefix("GET ").ok_or_else(wrong)?;
    let (path, status) = match request.split_once("==") {
        Some((path, status)) => (path.trim(), status.trim().parse().map_err(|_| wrong())?),
        None => (request.trim(), 200),
    };
    if !path.starts_with('/') || path.contains(char::is_whitespace) || !(100..600).contains(&status) {
        return Err(wrong());
    }
    Ok((ReadyShape::Http { path: path.to_owned(), status }, within))
}

/// `"after 1 s"`, a time, or `"never"`.
fn restart(value: &Dynamic) -> Result<Option<f64>, String> {
    let text = value.to_string();
    if text == "never" {
        return Ok(None);
    }
    let pause = text.strip_prefix("after").map(|rest| Dynamic::from(rest.trim().to_owned()));
    time(pause.as_ref().unwrap_or(value))
        .map(Some)
        .map_err(|message| format!("is `\"after 1 s\"` or `\"never\"`: {message}"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a size above 0")]
fn bytes(value: &Dynamic) -> Result<u64, String> {
    match quantity::read(value) {
        Some(Ok(Quantity { value: size, dimension })) if dimension == Dimension::DATA && size >= 1.0 => Ok(size as u64),
        Some(Err(error)) => Err(format!("must be a size such as `\"256 MiB\"`: {error}")),
        _ => Err(format!("must be a size such as `\"256 MiB\"`, got {}", shown(value))),
    }
}

/// What `victim` names.
pub(super) fn victim(host: &Host, given: &Given) -> Raised<VictimShape> {
    let value = given.get("victim").cloned().unwrap_or_default();
    if let Some(victim) = value.read_lock::<Victim>() {
        return Ok(victim.0.clone());
    }
    if let Some(target) = value.read_lock::<Demo>() {
        let mut victim = demo(&target);
        if host.tiny() {
            victim.restart = victim.restart.map(|pause| pause.min(0.2));
        }
        return Ok(victim);
    }
    if let Some(process) = value.read_lock::<Process>() {
        return foreign(host, given, &process.0);
    }
    let help =
        "write `victim: demo_target()`, or `victim: service([\"./shop\", \"{port}\"], #{ restart: \"after 1 s\" })`";
    let message = if value.is_unit() {
        "`fault` needs a `victim`".to_owned()
    } else {
        format!("`victim` must be `demo_target()`, `service(..)` or `process(\"name\")`, got {}", shown(&value))
    };
    Err(given.raise(Fault::invalid("wrong-option", message).help(help), "victim"))
}

/// A process that was there before: the scenario says its name, whoever runs it says its id.
fn foreign(host: &Host, given: &Given, process: &Watched) -> Raised<VictimShape> {
    let Watched::Name(name) = process else {
        let message = "a victim that is not started here is named by its program: `process(\"nginx\")`";
        let help = "its id is given by whoever runs the scenario: `--allow-fault=pid:1234`; both must be right";
        return Err(given.raise(Fault::invalid("wrong-option", message).help(help), "victim"));
    };
    let pid = host.options.permissions.fault_process();
    host.permit(
        pid.is_some(),
        "--allow-fault=pid:N",
        &format!("may not break the process of `{name}`"),
        given.at("victim"),
    )?;
    Ok(VictimShape {
        what: VictimKind::Process { pid: pid.unwrap_or(0), name: name.clone() },
        ready: ReadyShape::Tcp,
        within: READY,
        restart: None,
        memory: None,
        port: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_read_as_it_is_written() {
        let http = |path: &str, status| ReadyShape::Http { path: path.to_owned(), status };
        assert_eq!(ready("GET /health == 200 within 10 s", 5.0), Ok((http("/health", 200), 10.0)));
        assert_eq!(ready("GET /up == 204", 5.0), Ok((http("/up", 204), 5.0)));
        assert_eq!(ready("within 3 s", 5.0), Ok((ReadyShape::Tcp, 3.0)));
        assert_eq!(ready("GET /", 5.0), Ok((http("/", 200), 5.0)));
        for bad in ["POST /x == 200", "GET health", "GET /x == ok", "GET /x within -1 s", "soon", "GET /x == 99"] {
            assert!(ready(bad, 5.0).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_restart_is_a_time_or_never() {
        assert_eq!(restart(&"after 500 ms".into()), Ok(Some(0.5)));
        assert_eq!(restart(&"2 s".into()), Ok(Some(2.0)));
        assert_eq!(restart(&"never".into()), Ok(None));
        assert!(restart(&"after lunch".into()).is_err() && restart(&"after -1 s".into()).is_err());
    }
}
