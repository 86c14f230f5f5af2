//! `custom` and what stands inside it: `measure`, `timed`, `record`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use engine_core::event::NoteLevel;
use engine_core::expect::is_reserved_metric;
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::series::is_step_name;
use engine_core::unit::Unit;
use engine_session::ProbeError;
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};

use super::Spec;
use super::declare::{Filter, parts, reference};
use super::view::MeasureView;
use crate::builder::{self, Custom, Declared, Runs};
use crate::fault::{Fault, Raised};
use crate::given::Given;
use crate::host::Host;
use crate::inspect;
use crate::journey;
use crate::kept::{self, Kept};
use crate::quantity;
use crate::verb_options::{CUSTOM, TIMED, shown, whole};

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>, filter: Rc<Filter>) {
    const EXAMPLE: &str = "custom(\"name\", #{ rounds: 10 }, || ..)";
    let (h, f) = (Rc::clone(host), Rc::clone(&filter));
    engine.register_fn("custom", move |ctx: NativeCallContext<'_>, _only: Dynamic| -> Raised<()> {
        let _ = (&h, &f);
        Err(Fault::invalid("wrong-call", "`custom` needs a name: it has no probe to be called after")
            .help(format!("write `{EXAMPLE}`"))
            .raise(&ctx))
    });
    let (h, f) = (Rc::clone(host), Rc::clone(&filter));
    engine.register_fn("custom", move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic| {
        custom(&h, &ctx, &f, vec![a, b], EXAMPLE)
    });
    let (h, f) = (Rc::clone(host), filter);
    engine.register_fn("custom", move |ctx: NativeCallContext<'_>, a: Dynamic, b: Dynamic, c: Dynamic| {
        custom(&h, &ctx, &f, vec![a, b, c], EXAMPLE)
    });

    let h = Rc::clone(host);
    engine.register_fn("measure", move |ctx: NativeCallContext<'_>, what: Dynamic| measure(&h, &ctx, &what));
    let floor = Rc::new(Cell::new(None));
    let (h, fl) = (Rc::clone(host), Rc::clone(&floor));
    engine.register_fn("timed", move |ctx: NativeCallContext<'_>, name: &str, function: FnPtr| {
        timed(&h, &ctx, &fl, name, None, &function)
    });
    let h = Rc::clone(host);
    engine.register_fn("timed", move |ctx: NativeCallContext<'_>, name: &str, options: Map, function: FnPtr| {
        timed(&h, &ctx, &floor, name, Some(options), &function)
    });
    let h = Rc::clone(host);
    engine.register_fn("record", move |ctx: NativeCallContext<'_>, name: &str, value: Dynamic| {
        record(&h, &ctx, name, &value)
    });
}

fn custom(host: &Host, ctx: &NativeCallContext<'_>, filter: &Filter, args: Vec<Dynamic>, example: &str) -> Raised<()> {
    host.declaring(ctx)?;
    let parts = parts(host, ctx, args, CUSTOM, example)?;
    let given = &parts.given;
    let Some(name) = parts.name else {
        let fault = Fault::invalid("wrong-call", "`custom` needs a name: it has no probe to be called after");
        return Err(fault.help(format!("write `{example}`")).raise(ctx));
    };
    let Some(function) = parts.what.clone().try_cast::<FnPtr>() else {
        let message = format!("`custom` runs a function, got {}", shown(&parts.what));
        let help = if parts.what.is::<Spec>() {
            "a spec is run by `bench(..)`, or by `measure(spec)` inside the function".to_owned()
        } else {
            format!("write `{example}`")
        };
        return Err(Fault::invalid("wrong-call", message).help(help).or_at(Some(parts.at_what)).raise(ctx));
    };
    let points = builder::points(host, given).map_err(|(fault, key)| given.raise(fault, key))?;
    reference(given)?;
    for (item, metric) in given.texts("metrics").into_iter().enumerate() {
        let at = given.at_item(host, "metrics", item);
        metric_name(&metric).map_err(|fault| given.raise(fault.or_at(Some(at)), "metrics"))?;
    }
    let kept = Kept::new(host, ctx, &function, true, parts.at_what)?;
    let file = ctx.call_source().unwrap_or_default();
    let sites = host.sources.sites(file);
    let native = |module: &str| host.sources.native.borrow().contains(module);
    let found = sites.and_then(|sites| inspect::recorded(&sites, &function, &native));
    let mut metrics = given.texts("metrics");
    let known = found.is_some();
    for name in found.unwrap_or_default() {
        if !metrics.contains(&name) {
            metrics.push(name);
        }
    }
    let checked = known.then_some(metrics.as_slice());
    let expect = builder::expectations(host, given, None, checked).map_err(|fault| given.raise(fault, "expect"))?;
    let index = host.builder.borrow().custom.len();
    let steps =
        points.iter().map(|point| (point.labels.clone(), Runs::Custom { index, metrics: metrics.clone() })).collect();
    let shared = points.into_iter().map(|point| (point.labels, point.value)).collect();
    host.builder.borrow_mut().custom.push(Custom { kept, points: shared });
    let declared = Declared { name, at: host.at(ctx), at_name: parts.at_name, given, points: steps, expect };
    host.declare(declared, filter).map_err(|fault| fault.raise(ctx))
}

/// Whether a text may name a metric that expectations can select.
pub(crate) fn metric_name(name: &str) -> Result<(), Fault> {
    if !is_step_name(name) || name.contains('/') {
        let message = format!("`{name}` cannot name a metric: names are made of letters, digits, `_`, `.` and `-`");
        return Err(Fault::invalid("bad-name", message));
    }
    if is_reserved_metric(name) {
        let message = format!("`{name}` cannot name a metric: an expectation would read it as a statistic");
        return Err(Fault::invalid("bad-name", message));
    }
    Ok(())
}

fn measure(host: &Host, ctx: &NativeCallContext<'_>, what: &Dynamic) -> Raised<MeasureView> {
    host.running(ctx)?;
    let Some(spec) = what.clone().try_cast::<Spec>() else {
        let message = format!("`measure` takes a spec, got {}", shown(what));
        return Err(Fault::runtime("wrong-call", message).help("write `measure(memory::stream())`").raise(ctx));
    };
    if super::stress::is_stressor(spec.probe) {
        return Err(super::stress::only_stress("measure", spec.probe).raise(ctx));
    }
    let live = host.live.borrow();
    let Some(live) = live.as_ref() else {
        return Err(Fault::runtime("misplaced", "`measure` has nothing to run on here").raise(ctx));
    };
    match live.measure(spec.probe.id, spec.args) {
        Ok(records) => Ok(MeasureView::new(spec.probe.id, records)),
        Err(error) => {
            // Ends the round as what it is: a probe that cannot run here skips the step and fails nothing.
            let message = match &error {
                ProbeError::Skip(skip) => skip.reason.clone(),
                other => other.to_string(),
            };
            live.stopped.replace(Some(error));
            Err(Fault::runtime("probe", format!("`{}`: {message}", spec.probe.id)).raise(ctx))
        }
    }
}

/// What `timed` itself costs, in seconds: the median of calls of an empty closure.
fn timed_floor(call: impl Fn() -> Raised<Dynamic>) -> f64 {
    let mut costs: Vec<f64> = (0..101)
        .map(|_| {
            let start = Instant::now();
            let _ = call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    costs[50]
}

/// A section shorter than so many floors is marked.
const FLOORS: f64 = 100.0;

fn timed(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    floor: &Cell<Option<f64>>,
    name: &str,
    options: Option<Map>,
    function: &FnPtr,
) -> Raised<Dynamic> {
    host.running(ctx)?;
    let given = match options {
        Some(map) => Given::new(host, ctx, 1, map, TIMED)?,
        None => Given::none(host, ctx),
    };
    metric_name(name).map_err(|fault| fault.or_at(Some(host.at_argument(ctx, 0))).raise(ctx))?;
    if let Some(person) = host.person() {
        if given.get("times").is_some() {
            return Err(given.raise(Fault::invalid("wrong-option", "`times` has no meaning in a journey"), "times"));
        }
        return journey::timed(host, ctx, &person, name, function);
    }
    let at = host.at(ctx);
    kept::arity(host, ctx, function, &[0], &at)?;
    let times = given.get("times").and_then(whole).unwrap_or(1).max(1);
    let floor = match floor.get() {
        Some(floor) => floor,
        None => {
            let empty = Engine::new_raw().compile("fn timed_nothing() {}").map_err(Box::<rhai::EvalAltResult>::from)?;
            let nothing = FnPtr::new("timed_nothing")?;
            let measured = timed_floor(|| nothing.call::<Dynamic>(ctx.engine(), &empty, ()));
            floor.set(Some(measured));
            measured
        }
    };
    let function = kept::callable(host, ctx, function)?;
    let mut result = Dynamic::UNIT;
    let start = Instant::now();
    for _ in 0..times {
        result = function.call_raw(ctx, None, [])?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    if let Some(fault) = host.guard.tripped() {
        return Err(fault.boxed(ctx.call_position()));
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of calls is far below 2^53")]
    let seconds = elapsed / times as f64;
    let metric = Metric { id: name.to_owned(), unit: Unit::Seconds, goal: Goal::Lower, nature: Nature::Cost };
    keep(host, ctx, metric, seconds)?;
    // What one call of the clock and the closure costs weighs on each call, however many are timed together.
    if seconds < FLOORS * floor {
        let text = format!(
            "`{name}` takes {}, less than {FLOORS} times what `timed` itself costs ({}): its number is mostly that cost",
            Unit::Seconds.format(seconds),
            Unit::Seconds.format(floor)
        );
        host.note(NoteLevel::Warning, &text, Some(&at));
    }
    Ok(result)
}

fn record(host: &Host, ctx: &NativeCallContext<'_>, name: &str, value: &Dynamic) -> Raised<()> {
    host.running(ctx)?;
    metric_name(name).map_err(|fault| fault.or_at(Some(host.at_argument(ctx, 0))).raise(ctx))?;
    let read = if value.is_string() { None } else { quantity::read(value) };
    let Some(Ok(quantity)) = read else {
        let message = format!("`record` takes a number or a quantity, got {}", shown(value));
        return Err(Fault::runtime("wrong-call", message)
            .help("write `record(\"name\", 5.MiB)` or `qty(\"5 MiB\")`")
            .raise(ctx));
    };
    if let Some(person) = host.person() {
        return journey::recorded(host, &person, name, quantity);
    }
    if !quantity.value.is_finite() {
        return Err(Fault::runtime("not-finite", format!("`{name}` is not a finite number")).raise(ctx));
    }
    keep(host, ctx, Metric::scripted(name, Unit::of(quantity.dimension)), quantity.value)
}

fn keep(host: &Host, ctx: &NativeCallContext<'_>, metric: Metric, value: f64) -> Raised<()> {
    let live = host.live.borrow();
    let Some(live) = live.as_ref() else { return Ok(()) };
    let (name, unit) = (metric.id.clone(), metric.unit);
    live.record(metric, value).map_err(|known| {
        let message = format!("`{name}` was recorded in {} before and is in {unit} now", known.unit);
        Fault::runtime("unlike-units", message).raise(ctx)
    })?;
    Ok(())
}
