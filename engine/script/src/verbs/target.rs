//! Where loads go: `demo_target(#{..})`, addresses; and `process(..)`, what is watched meanwhile.

use engine_core::load::{DemoTarget, ServiceTime, Stall, Store, Warmup};
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use engine_load::http::{Origin, Url};
use engine_load::model::Think;
use engine_session::load::Watched;
use rhai::{Dynamic, Engine, Map, NativeCallContext};
use std::rc::Rc;

use crate::fault::{Fault, Raised};
use crate::given::Given;
use crate::host::Host;
use crate::journey::Pause;
use crate::quantity;
use crate::verb_options::{DEMO_TARGET, shown, time, whole};

/// A demo target as scripts hand it on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Demo(pub(crate) DemoTarget);

/// A process to watch.
#[derive(Debug, Clone)]
pub(crate) struct Process(pub(crate) Watched);

/// Where a load goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// Address, its origin, and the path in front of all paths.
    Url(String, Origin, String),
    Demo(DemoTarget),
    /// The victim of a fault, wherever it will listen.
    Victim,
    None,
}

impl Place {
    /// Reads `target`.
    pub(crate) fn of(value: Option<&Dynamic>) -> Result<Self, String> {
        let Some(value) = value else { return Ok(Self::None) };
        if let Some(demo) = value.read_lock::<Demo>() {
            return Ok(Self::Demo(demo.0.clone()));
        }
        let Ok(text) = value.clone().into_immutable_string() else {
            return Err(format!("must be an address or `demo_target()`, got {}", shown(value)));
        };
        let url = Url::parse(&text)
            .map_err(|error| format!("must be an address such as `\"http://127.0.0.1:8080\"`: {error}"))?;
        let base = url.path.split('?').next().unwrap_or("/").trim_end_matches('/').to_owned();
        Ok(Self::Url(text.to_string(), url.origin, base))
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Url(text, ..) => text.clone(),
            Self::Demo(_) => "demo target".to_owned(),
            Self::Victim => "the victim".to_owned(),
            Self::None => "full addresses".to_owned(),
        }
    }
}

fn service(value: &Dynamic) -> Result<ServiceTime, String> {
    let Some(pause) = value.read_lock::<Pause>() else {
        return time(value).map(|mean| ServiceTime::Constant { mean });
    };
    Ok(match &*pause.0 {
        Think::Constant(mean) => ServiceTime::Constant { mean: *mean },
        Think::Exponential { mean } => ServiceTime::Exponential { mean: *mean },
        Think::Uniform { from, to } => ServiceTime::Uniform { from: *from, to: *to },
        // The demo target takes the mean, scripts give the median, as for think times.
        Think::LogNormal { median, sigma } => {
            ServiceTime::LogNormal { mean: median * (0.5 * sigma * sigma).exp(), sigma: *sigma }
        }
        _ => return Err("must be constant, exponential, uniform or log-normal".to_owned()),
    })
}

fn quantity(value: &Dynamic, dimension: Dimension, example: &str) -> Result<f64, String> {
    match quantity::read(value) {
        Some(Ok(Quantity { value, dimension: found })) if found == dimension => Ok(value),
        Some(Err(error)) => Err(format!("must be written like `{example}`: {error}")),
        _ => Err(format!("must be written like `{example}`, got {}", shown(value))),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole size from 0 on")]
fn bytes(value: &Dynamic) -> Result<u64, String> {
    let size = quantity(value, Dimension::DATA, "\"4 KiB\"")?;
    if size >= 0.0 { Ok(size.round() as u64) } else { Err("must not be negative".to_owned()) }
}

fn fields<'a>(map: &'a Map, what: &str, known: &[&str]) -> Result<&'a Map, String> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("has {what} with an unknown `{key}`: it takes `{}`", known.join("`, `"))),
        None => Ok(map),
    }
}

fn stall(value: &Dynamic) -> Result<Stall, String> {
    let map =
        value.read_lock::<Map>().ok_or_else(|| "must be a list of `#{ at: \"3 s\", lasts: \"1 s\" }`".to_owned())?;
    let map = fields(&map, "a stall", &["at", "lasts", "every"])?;
    let seconds = |key: &str| map.get(key).map(|value| quantity(value, Dimension::TIME, "\"3 s\"")).transpose();
    let need = |key: &str| seconds(key)?.ok_or_else(|| format!("needs `{key}` in each stall"));
    Ok(Stall { at: need("at")?, lasts: need("lasts")?, every: seconds("every")? })
}

fn warmup(value: &Dynamic) -> Result<Warmup, String> {
    let map = value.read_lock::<Map>().ok_or_else(|| "must be `#{ factor: 5, time: \"10 s\" }`".to_owned())?;
    let map = fields(&map, "values", &["factor", "time"])?;
    let factor = map.get("factor").and_then(|value| {
        value.as_float().ok().or_else(|| {
            value.as_int().ok().map(|n| {
                #[expect(clippy::cast_precision_loss, reason = "a factor is small")]
                let n = n as f64;
                n
            })
        })
    });
    let seconds = map.get("time").map(time).transpose()?;
    match (factor, seconds) {
        (Some(factor), Some(seconds)) => Ok(Warmup { factor, seconds }),
        _ => Err("must be `#{ factor: 5, time: \"10 s\" }`".to_owned()),
    }
}

fn demo_target(host: &Host, ctx: &NativeCallContext<'_>, options: Map) -> Raised<Demo> {
    let given = Given::new(host, ctx, 0, options, DEMO_TARGET)?;
    let mut demo = DemoTarget::default();
    for (key, value) in &given.map {
        let set = || -> Result<(), String> {
            match key.as_str() {
                "service" => demo.service = service(value)?,
                "workers" => demo.workers = whole(value).and_then(|n| u32::try_from(n).ok()).ok_or("is too large")?,
                "queue" => demo.queue = whole(value),
                "cpu_bound" => demo.cpu_bound = value.as_bool().unwrap_or_default(),
                "errors" => demo.errors = quantity(value, Dimension::NONE, "\"1 %\"")?,
                "body" => demo.body = bytes(value)?,
                "stalls" => demo.stalls = given.list("stalls").iter().map(stall).collect::<Result<_, _>>()?,
                "start_delay" => demo.start_delay = time(value)?,
                "warmup" => demo.warmup = Some(warmup(value)?),
                "leak" => demo.leak = bytes(value)?,
                "orders" => demo.orders = given.text("orders"),
                "store" => {
                    let word = given.text("store").unwrap_or_default();
                    let store = match word.as_str() {
                        "right" => Store::Right,
                        "wrong" => Store::Wrong,
                        _ => return Err(format!("must be `\"right\"` or `\"wrong\"`, got `\"{word}\"`")),
                    };
                    demo.store = Some(store);
                }
                "admin" => demo.admin = given.text("admin"),
                "down" => demo.down = value.as_bool().unwrap_or_default(),
                "seed" => demo.seed = whole(value).ok_or("must be a whole number from 0 on")?,
                _ => {}
            }
            Ok(())
        };
        let mut set = set;
        set().map_err(|message| given.raise(Fault::invalid("wrong-option", format!("`{key}` {message}")), key))?;
    }
    if let Some(orders) = &demo.orders {
        let path = host.base.join(orders);
        let granted = host.options.permissions.allows_write(&path);
        let flag = format!("--allow-write={}", path.display());
        host.permit(granted, &flag, &format!("may not write `{orders}`"), given.at("orders"))?;
    }
    demo.check().map_err(|error| given.raise(Fault::invalid("wrong-option", error.to_string()), error.name))?;
    Ok(Demo(demo))
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Demo>("Target");
    engine.register_type_with_name::<Process>("Process");
    engine.register_fn("to_string", |_: &mut Demo| "demo target");
    let h = Rc::clone(host);
    engine.register_fn("demo_target", move |ctx: NativeCallContext<'_>| demo_target(&h, &ctx, Map::new()));
    let h = Rc::clone(host);
    engine.register_fn("demo_target", move |ctx: NativeCallContext<'_>, options: Map| demo_target(&h, &ctx, options));
    engine.register_fn("process", |ctx: NativeCallContext<'_>, name: &str| -> Raised<Process> {
        if name.trim().is_empty() {
            return Err(Fault::invalid("wrong-call", "`process` needs the name of a program").raise(&ctx));
        }
        Ok(Process(Watched::Name(name.to_owned())))
    });
    engine.register_fn("process", |ctx: NativeCallContext<'_>, pid: i64| -> Raised<Process> {
        match u32::try_from(pid) {
            Ok(pid) if pid > 0 => Ok(Process(Watched::Pid(pid))),
            _ => {
                Err(Fault::invalid("wrong-call", format!("`process` takes a name or a number of a process, got {pid}"))
                    .raise(&ctx))
            }
        }
    });
}
