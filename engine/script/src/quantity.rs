//! Quantities in scripts: a number with its unit, in arithmetic and comparison.
//!
//! Every comparison is registered in every pairing: where one is missing, the language answers `false` in silence.

use std::cmp::Ordering;

use engine_core::quantity::{Quantity, QuantityError};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, Position};

use crate::fault::{Fault, Raised};

/// The script's `Quantity`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Qty(pub(crate) Quantity);

impl std::fmt::Display for Qty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A side of an operator: a quantity, a number, or a text with a unit.
trait Side: Clone + 'static {
    fn quantity(&self) -> Result<Quantity, QuantityError>;
}

impl Side for Qty {
    fn quantity(&self) -> Result<Quantity, QuantityError> {
        Ok(self.0)
    }
}

impl Side for i64 {
    fn quantity(&self) -> Result<Quantity, QuantityError> {
        #[expect(clippy::cast_precision_loss, reason = "scripts count far below 2^53")]
        let value = *self as f64;
        Ok(Quantity::number(value))
    }
}

impl Side for f64 {
    fn quantity(&self) -> Result<Quantity, QuantityError> {
        Ok(Quantity::number(*self))
    }
}

impl Side for ImmutableString {
    fn quantity(&self) -> Result<Quantity, QuantityError> {
        self.parse()
    }
}

fn fault(error: &QuantityError) -> Box<EvalAltResult> {
    let bare = matches!(error, QuantityError::Unlike { left, right, .. } if left == "a plain number" || right == "a plain number");
    let fault = Fault::runtime("quantity", error.to_string());
    let fault = if bare { fault.help("give the number its unit: \"5 ms\", `qty(5, \"ms\")` or `5.ms`") } else { fault };
    fault.boxed(Position::NONE)
}

fn compare<L: Side, R: Side>(left: &L, right: &R) -> Raised<Ordering> {
    let sides = left.quantity().and_then(|l| right.quantity().map(|r| (l, r)));
    sides.and_then(|(l, r)| l.compare(r)).map_err(|e| fault(&e))
}

fn pair<L: Side, R: Side>(l: &L, r: &R, of: fn(Quantity, Quantity) -> Result<Quantity, QuantityError>) -> Raised<Qty> {
    let result = l.quantity().and_then(|l| r.quantity().and_then(|r| of(l, r)));
    result.map(Qty).map_err(|e| fault(&e))
}

macro_rules! comparisons {
    ($engine:ident: $($left:ty, $right:ty;)+) => {$(
        $engine.register_fn("==", |l: $left, r: $right| Ok::<_, Box<EvalAltResult>>(compare(&l, &r)?.is_eq()));
        $engine.register_fn("!=", |l: $left, r: $right| Ok::<_, Box<EvalAltResult>>(compare(&l, &r)?.is_ne()));
        $engine.register_fn("<", |l: $left, r: $right| Ok::<_, Box<EvalAltResult>>(compare(&l, &r)?.is_lt()));
        $engine.register_fn("<=", |l: $left, r: $right| Ok::<_, Box<EvalAltResult>>(compare(&l, &r)?.is_le()));
        $engine.register_fn(">", |l: $left, r: $right| Ok::<_, Box<EvalAltResult>>(compare(&l, &r)?.is_gt()));
        $engine.register_fn(">=", |l: $left, r: $right| Ok::<_, Box<EvalAltResult>>(compare(&l, &r)?.is_ge()));
    )+};
}

macro_rules! arithmetic {
    ($engine:ident: $($left:ty, $right:ty;)+) => {$(
        $engine.register_fn("+", |l: $left, r: $right| pair(&l, &r, Quantity::plus));
        $engine.register_fn("-", |l: $left, r: $right| pair(&l, &r, Quantity::minus));
        $engine.register_fn("*", |l: $left, r: $right| pair(&l, &r, |l, r| Ok(l.times(r))));
        $engine.register_fn("/", |l: $left, r: $right| pair(&l, &r, |l, r| Ok(l.per(r))));
    )+};
}

macro_rules! getters {
    ($engine:ident: $($name:literal)+) => {$(
        $engine.register_get($name, |n: &mut i64| unit(n, $name));
        $engine.register_get($name, |n: &mut f64| unit(n, $name));
    )+};
}

fn unit<N: Side>(number: &N, unit: &str) -> Raised<Qty> {
    let one: Quantity = format!("1 {unit}").parse().map_err(|e| fault(&e))?;
    number.quantity().map(|n| Qty(n.times(one))).map_err(|e| fault(&e))
}

/// Gives scripts the type, its operators, `qty(..)` and the unit getters (`10.ms`, `64.MiB`).
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Qty>("Quantity");
    comparisons! { engine:
        Qty, Qty; Qty, ImmutableString; ImmutableString, Qty; Qty, i64; i64, Qty; Qty, f64; f64, Qty;
    }
    arithmetic! { engine: Qty, Qty; Qty, i64; i64, Qty; Qty, f64; f64, Qty; }
    engine.register_fn("-", |q: Qty, text: ImmutableString| pair(&q, &text, Quantity::minus));
    engine.register_fn("-", |text: ImmutableString, q: Qty| pair(&text, &q, Quantity::minus));
    // A text after a quantity is one too where it reads as one; else the two are joined, as for every other value.
    engine.register_fn("+", |q: Qty, text: ImmutableString| -> Raised<Dynamic> {
        match text.quantity() {
            Ok(_) => pair(&q, &text, Quantity::plus).map(Dynamic::from),
            Err(_) => Ok(Dynamic::from(format!("{q}{text}"))),
        }
    });
    engine.register_fn("+", |text: ImmutableString, q: Qty| format!("{text}{q}"));
    engine.register_fn("-", |q: Qty| Qty(Quantity { value: -q.0.value, ..q.0 }));
    engine.register_fn("abs", |q: Qty| Qty(Quantity { value: q.0.value.abs(), ..q.0 }));
    engine
        .register_fn("min", |l: Qty, r: Qty| Ok::<_, Box<EvalAltResult>>(if compare(&l, &r)?.is_le() { l } else { r }));
    engine
        .register_fn("max", |l: Qty, r: Qty| Ok::<_, Box<EvalAltResult>>(if compare(&l, &r)?.is_ge() { l } else { r }));
    engine.register_fn("to_string", |q: &mut Qty| q.to_string());
    engine.register_fn("to_debug", |q: &mut Qty| q.to_string());
    engine.register_get("value", |q: &mut Qty| q.0.value);
    engine.register_fn("to", |q: &mut Qty, unit: &str| q.0.to(unit).map_err(|e| fault(&e)));
    engine.register_fn("qty", |ctx: NativeCallContext<'_>, n: i64, name: &str| at(&ctx, unit_of(&n, name)));
    engine.register_fn("qty", |ctx: NativeCallContext<'_>, n: f64, name: &str| at(&ctx, unit_of(&n, name)));
    engine.register_fn("qty", |ctx: NativeCallContext<'_>, text: ImmutableString| at(&ctx, text.quantity()));
    getters! { engine: "ns" "us" "ms" "s" "min" "h" "d" "B" "kB" "MB" "GB" "TB" "KiB" "MiB" "GiB" "TiB" "Hz" "kHz" "MHz" "GHz" }
}

fn unit_of<N: Side>(number: &N, unit: &str) -> Result<Quantity, QuantityError> {
    let one: Quantity = format!("1 {unit}").parse()?;
    Ok(number.quantity()?.times(one))
}

fn at(ctx: &NativeCallContext<'_>, quantity: Result<Quantity, QuantityError>) -> Raised<Qty> {
    quantity.map(Qty).map_err(|e| Fault::invalid("quantity", e.to_string()).raise(ctx))
}

/// A value that a script gives where a quantity is wanted.
pub(crate) fn read(value: &Dynamic) -> Option<Result<Quantity, QuantityError>> {
    if let Some(qty) = value.clone().try_cast::<Qty>() {
        return Some(Ok(qty.0));
    }
    if let Ok(n) = value.as_int() {
        return Some(n.quantity());
    }
    if let Ok(n) = value.as_float() {
        return Some(Ok(Quantity::number(n)));
    }
    value.clone().into_immutable_string().ok().map(|text| text.quantity())
}
