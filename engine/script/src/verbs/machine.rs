//! What scripts can ask about the machine and the run: `host::*`, `env`, `secret`, `random`, `profile`.

use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use engine_core::quantity::Quantity;
use engine_core::stats::Stream;
use rhai::{Array, Dynamic, Engine, FuncRegistration, NativeCallContext};

use super::Modules;
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::quantity::Qty;
use crate::secret::Secret;

pub(crate) fn register(engine: &mut Engine, modules: &mut Modules, host: &Rc<Host>) {
    let module = modules.entry("host".to_owned()).or_default();
    let function = |name: &'static str| FuncRegistration::new(name).with_volatility(true);
    let h = Rc::clone(host);
    function("cores").set_into_module(module, move || i64::try_from(h.options.facts.cores).unwrap_or(i64::MAX));
    let h = Rc::clone(host);
    #[expect(clippy::cast_precision_loss, reason = "a machine's memory is far below 2^53 bytes")]
    function("memory").set_into_module(module, move || Qty(Quantity::bytes(h.options.facts.memory as f64)));
    let h = Rc::clone(host);
    function("os").set_into_module(module, move || h.options.facts.os.clone());
    let h = Rc::clone(host);
    function("arch").set_into_module(module, move || h.options.facts.arch.clone());
    let h = Rc::clone(host);
    function("has").set_into_module(module, move |part: &str| h.options.facts.has.contains(part));

    let h = Rc::clone(host);
    engine.register_fn("profile", move || h.options.profile.name());
    let h = Rc::clone(host);
    engine.register_fn("env", move |ctx: NativeCallContext<'_>, name: &str| -> Raised<Dynamic> {
        Ok(variable(&h, &ctx, name)?.map_or(Dynamic::UNIT, Into::into))
    });
    let h = Rc::clone(host);
    engine.register_fn("env", move |ctx: NativeCallContext<'_>, name: &str, other: Dynamic| -> Raised<Dynamic> {
        Ok(variable(&h, &ctx, name)?.map_or(other, Into::into))
    });
    let h = Rc::clone(host);
    engine.register_fn("secret", move |ctx: NativeCallContext<'_>, name: &str| -> Raised<Secret> {
        let granted = h.options.permissions.allows_env(name);
        let value = variable(&h, &ctx, name)?;
        if value.is_none() && granted {
            let fault = Fault::runtime("no-secret", format!("the environment has no variable `{name}`"));
            return Err(fault.help(format!("set it: `{name}=.. engine run ..`")).raise(&ctx));
        }
        let secret = Secret::new(name, &value.unwrap_or_default());
        h.vault.keep(&secret);
        Ok(secret)
    });

    let h = Rc::clone(host);
    engine.register_fn("random", move |ctx: NativeCallContext<'_>, range: RangeInclusive<i64>| {
        draw(&h, &ctx, *range.start(), range.end().checked_sub(*range.start()).and_then(|n| n.checked_add(1)))
    });
    let h = Rc::clone(host);
    engine.register_fn("random", move |ctx: NativeCallContext<'_>, range: Range<i64>| {
        draw(&h, &ctx, range.start, range.end.checked_sub(range.start))
    });
    let h = Rc::clone(host);
    engine.register_fn("random", move || match h.person() {
        Some(person) => person.user.with_random(Stream::unit_f64),
        None => h.random.borrow_mut().unit_f64(),
    });
    let h = Rc::clone(host);
    engine.register_fn("pick", move |ctx: NativeCallContext<'_>, items: Array| -> Raised<Dynamic> {
        let length = i64::try_from(items.len()).ok();
        let at = draw(&h, &ctx, 0, length)?;
        Ok(usize::try_from(at).ok().and_then(|at| items.get(at).cloned()).unwrap_or_default())
    });
}

/// An environment variable, with permission. While a plan is made without it, it is as if it were not set.
fn variable(host: &Host, ctx: &NativeCallContext<'_>, name: &str) -> Raised<Option<String>> {
    let granted = host.options.permissions.allows_env(name);
    let what = format!("may not read the environment variable `{name}`");
    host.permit(granted, &format!("--allow-env={name}"), &what, host.at_argument(ctx, 0))?;
    Ok(if granted { (host.options.env)(name) } else { None })
}

/// A whole number from `start` on, out of `count`.
fn draw(host: &Host, ctx: &NativeCallContext<'_>, start: i64, count: Option<i64>) -> Raised<i64> {
    match count.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0) {
        Some(count) => {
            let drawn = match host.person() {
                Some(person) => person.user.with_random(|stream| stream.below(count)),
                None => host.random.borrow_mut().below(count),
            };
            Ok(start.wrapping_add_unsigned(drawn))
        }
        None => {
            let verb = ctx.fn_name();
            let fault = Fault::runtime("wrong-call", format!("`{verb}` has nothing to choose from"));
            Err(fault.help("a range goes from the smaller to the larger number: `random(1..=500)`").raise(ctx))
        }
    }
}
