//! Functions that a scenario hands over and the engine calls later.
//!
//! In the plain language all closures of a loop see the last value of what they captured, because captures are shared
//! cells: a wrong number under a right name. So every captured value is copied when the function is handed over. And a
//! function can be called later only in the context in which it was handed over, so that is kept with it.

#![expect(
    deprecated,
    reason = "the language marks stored contexts volatile; its version is pinned and tests hold each use"
)]

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext, Position};

use crate::builder::Frame;
use crate::diagnostic::ErrorClass;
use crate::fault::{At, Fault, Raised};
use crate::host::{Host, Loaded};
use crate::resolve;

type Context = rhai::NativeCallContextStore;

/// A function with everything that calling it takes.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    function: FnPtr,
    context: Context,
    /// Whether it takes the sweep point.
    pub(crate) takes_point: bool,
    /// Prefix of the scenario in which it stands.
    pub(crate) prefix: String,
    pub(crate) at: At,
}

/// Most values that a function may capture, values inside values counted.
const MOST_VALUES: usize = 1 << 20;

/// A copy that shares nothing with the original, captured values of functions included; `left` bounds their number,
/// because two captures of one closure that captures two are four.
fn unshared(value: &Dynamic, left: &mut usize) -> Result<Dynamic, Fault> {
    *left = left.checked_sub(1).ok_or_else(|| {
        Fault::new(ErrorClass::Limit, "too-large", format!("this function captures more than {MOST_VALUES} values"))
    })?;
    let mut value = value.flatten_clone();
    if let Some(mut items) = value.write_lock::<Array>() {
        for item in items.iter_mut() {
            *item = unshared(item, left)?;
        }
    } else if let Some(mut map) = value.write_lock::<Map>() {
        for item in map.values_mut() {
            *item = unshared(item, left)?;
        }
    } else if let Some(mut function) = value.write_lock::<FnPtr>() {
        detach(&mut function, left)?;
    }
    Ok(value)
}

/// Copies what a function captured.
fn detach(function: &mut FnPtr, left: &mut usize) -> Result<(), Fault> {
    for captured in function.iter_curry_mut() {
        *captured = unshared(captured, left)?;
    }
    Ok(())
}

impl Kept {
    /// Keeps a function that takes no value, or the sweep point.
    pub(crate) fn new(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, point: bool, at: At) -> Raised<Self> {
        let allowed: &[usize] = if point { &[0, 1] } else { &[0] };
        let takes = arity(host, ctx, function, allowed, &at)?;
        Self::with(host, ctx, function, takes == 1, at)
    }

    /// Keeps a function that takes one value.
    pub(crate) fn with_value(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, at: At) -> Raised<Self> {
        arity(host, ctx, function, &[1], &at)?;
        Self::with(host, ctx, function, true, at)
    }

    /// Keeps the function of a journey, which takes the user.
    pub(crate) fn journey(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, at: At) -> Raised<Self> {
        arity(host, ctx, function, &[1], &at)?;
        Self::with(host, ctx, function, true, at)
    }

    /// Keeps a function that takes a user and what was acknowledged.
    pub(crate) fn verify(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, at: At) -> Raised<Self> {
        arity(host, ctx, function, &[2], &at)?;
        Self::with(host, ctx, function, true, at)
    }

    /// Keeps a function that takes nothing, or a user.
    pub(crate) fn around(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, at: At) -> Raised<Self> {
        let takes = arity(host, ctx, function, &[0, 1], &at)?;
        Self::with(host, ctx, function, takes == 1, at)
    }

    /// The function's name.
    pub(crate) fn name(&self) -> &str {
        self.function.fn_name()
    }

    fn with(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr, takes_point: bool, at: At) -> Raised<Self> {
        let mut function = callable(host, ctx, function)?;
        detach(&mut function, &mut { MOST_VALUES }).map_err(|fault| fault.or_at(Some(at.clone())).raise(ctx))?;
        let mut context = ctx.store_data();
        context.global.level = 0;
        context.global.num_operations = 0;
        let prefix = host.frames.borrow().last().map_or_else(String::new, Frame::prefix);
        Ok(Self { function, context, takes_point, prefix, at })
    }

    /// The function, and the context in which it was handed over.
    pub(crate) const fn parts(&self) -> (&FnPtr, &Context) {
        (&self.function, &self.context)
    }

    /// Calls it.
    pub(crate) fn call(&self, engine: &Engine, value: Option<Dynamic>) -> Result<Dynamic, Box<EvalAltResult>> {
        self.call_with(engine, value.filter(|_| self.takes_point).into_iter().collect())
    }

    /// Calls it with these values.
    pub(crate) fn call_with(&self, engine: &Engine, values: Vec<Dynamic>) -> Result<Dynamic, Box<EvalAltResult>> {
        let ctx = self.context.create_context(engine);
        // Captured values are copied for each call: what one round changes, the next does not see.
        let mut function = self.function.clone();
        detach(&mut function, &mut { MOST_VALUES }).map_err(|fault| fault.boxed(self.at.pos))?;
        function.call_raw(&ctx, None, values)
    }
}

/// The source of the module in which a closure was made, when that is not the calling one: the language does not look
/// there.
fn home(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr) -> Option<String> {
    if !function.is_anonymous()
        || !own_arities(host, ctx, function).is_empty()
        || !known_arities(ctx.namespaces().iter().map(|m| &**m), function).is_empty()
    {
        return None;
    }
    let modules = host.modules.borrow();
    let made = |loaded: &Loaded| !known_arities(std::iter::once(&**loaded.ast.shared_lib()), function).is_empty();
    modules.iter().find(|(_, loaded)| made(loaded)).map(|(file, _)| file.clone())
}

/// The function in a form that can be called from here.
pub(crate) fn callable(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr) -> Raised<FnPtr> {
    match (home(host, ctx, function), host.this.upgrade()) {
        (Some(file), Some(host)) => resolve::homed(&host, &file, function.clone()),
        _ => Ok(function.clone()),
    }
}

/// Calls a function now, wherever it was made.
pub(crate) fn call(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    function: &FnPtr,
    values: Vec<Dynamic>,
) -> Raised<Dynamic> {
    callable(host, ctx, function)?.call_raw(ctx, None, values)
}

/// How many values a function of the calling source takes: the usual case, and a look-up.
fn own_arities(host: &Host, ctx: &NativeCallContext<'_>, function: &FnPtr) -> Vec<usize> {
    let sites = ctx.call_source().and_then(|file| host.sources.sites(file));
    let captured = function.curry().len();
    let counts = sites.iter().flat_map(|sites| sites.counts(function.fn_name()));
    counts.filter_map(|n| n.checked_sub(captured)).collect()
}

/// How many values a function takes beyond those it captured, by each definition of its name.
fn known_arities<'a>(modules: impl Iterator<Item = &'a rhai::Module>, function: &FnPtr) -> Vec<usize> {
    const MOST: usize = 24;
    let captured = function.curry().len();
    let modules: Vec<_> = modules.collect();
    (captured..MOST)
        .filter(|n| modules.iter().any(|module| module.get_script_fn(function.fn_name(), *n).is_some()))
        .map(|n| n - captured)
        .collect()
}

/// The number of values to call it with: one of `allowed`. A native function has none to tell and gets the first.
pub(crate) fn arity(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    function: &FnPtr,
    allowed: &[usize],
    at: &At,
) -> Raised<usize> {
    let mut known = own_arities(host, ctx, function);
    if known.is_empty() {
        known = known_arities(ctx.namespaces().iter().map(|m| &**m), function);
    }
    if known.is_empty() {
        let modules = host.modules.borrow();
        let libs: Vec<_> = modules.values().map(|loaded| loaded.ast.shared_lib().clone()).collect();
        known = known_arities(libs.iter().map(|m| &**m), function);
    }
    // The most values first: a function that takes the point gets it.
    if let Some(n) = allowed.iter().rev().find(|n| known.contains(n)) {
        return Ok(*n);
    }
    let Some(takes) = known.first() else { return Ok(allowed.last().copied().unwrap_or(0)) };
    let wanted = match allowed {
        [0] => "without values".to_owned(),
        [1] => "with one value".to_owned(),
        [2] => "with two values, a user and a key".to_owned(),
        _ if matches!(ctx.fn_name(), "setup" | "teardown") => "without values, or with a user".to_owned(),
        _ => "without values, or with the point of its sweep".to_owned(),
    };
    let subject = if function.is_anonymous() { "this closure".to_owned() } else { format!("`{}`", function.fn_name()) };
    let verb = ctx.fn_name();
    let user = matches!(verb, "load" | "setup" | "teardown");
    let example = match (allowed, user) {
        ([1], true) => "|user| ..",
        ([1], false) => "|p| ..",
        _ => "|| ..",
    };
    let message = format!("`{verb}` calls its function {wanted}, {subject} takes {takes}");
    Err(Fault::invalid("wrong-arity", message)
        .help(format!("write `{example}`"))
        .or_at(Some(at.clone()))
        .boxed(Position::NONE))
}
