//! `user`: what a journey's function gets.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use engine_core::quantity::Quantity;
use engine_core::unit::{Dimension, Unit};
use engine_load::{ErrorClass, Failure, User};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};

use super::site::CheckSite;
use super::stage::Stage;
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::quantity;

/// A virtual user as scripts see it.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) keep: Rc<Keep>,
}

/// What a user keeps from one iteration to the next.
#[derive(Debug)]
pub(crate) struct Keep {
    number: u64,
    pub(crate) state: RefCell<Map>,
}

/// An iteration ends with this failure, for a reason that is no error of the script.
#[derive(Debug, Clone)]
pub(crate) struct Ended(pub(crate) Failure);

impl Ended {
    pub(crate) fn raise(failure: Failure) -> Box<EvalAltResult> {
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(Self(failure)), Position::NONE))
    }
}

/// `user.state`.
#[derive(Debug, Clone)]
pub(crate) struct State(Rc<Keep>);

impl Person {
    /// The user with what it has kept; an open model's next arrival is somebody else, who has nothing.
    pub(crate) fn of(user: &User) -> Self {
        let known = user.attached::<Keep>().filter(|keep| keep.number == user.number());
        let keep = known.unwrap_or_else(|| {
            let keep = Rc::new(Keep { number: user.number(), state: RefCell::default() });
            user.attach(Rc::clone(&keep) as Rc<dyn std::any::Any>);
            keep
        });
        Self { user: user.clone(), keep }
    }
}

/// A failure of the user that ends the iteration as what it is.
pub(crate) fn raised(failure: Failure) -> Box<EvalAltResult> {
    match failure.class {
        ErrorClass::Script => Fault::runtime("wrong-call", failure.detail).boxed(Position::NONE),
        _ => Ended::raise(failure),
    }
}

/// The thread's stage. There is one wherever there is a user.
pub(crate) fn stage(host: &Host) -> Raised<&Stage> {
    host.stage.get().ok_or_else(|| Fault::runtime("misplaced", "there are no users here").boxed(Position::NONE))
}

/// A whole number as the language's.
fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn nothing_to_choose(verb: &str) -> Box<EvalAltResult> {
    Fault::runtime("wrong-call", format!("`{verb}` has nothing to choose from"))
        .help("a range goes from the smaller to the larger number: `user.random(1..=500)`")
        .boxed(Position::NONE)
}

/// A whole number from `start` on, out of `count`, from the user's own stream.
pub(crate) fn draw(user: &User, verb: &str, start: i64, count: Option<i64>) -> Raised<i64> {
    let count = count.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let count = count.ok_or_else(|| nothing_to_choose(verb))?;
    Ok(start.wrapping_add_unsigned(user.with_random(|stream| stream.below(count))))
}

/// One of the items.
pub(crate) fn pick(user: &User, items: &Array) -> Raised<Dynamic> {
    let at = draw(user, "pick", 0, i64::try_from(items.len()).ok())?;
    Ok(usize::try_from(at).ok().and_then(|at| items.get(at).cloned()).unwrap_or_default())
}

/// A probability: `0.2` or `"20 %"`.
fn probability(value: &Dynamic) -> Raised<f64> {
    let read = quantity::read(value);
    let quantity = match read {
        Some(Ok(q)) if q.dimension == Dimension::NONE && (0.0..=1.0).contains(&q.value) => q,
        _ => {
            let message = format!("`chance` takes a share from 0 to 1, got {}", crate::verb_options::shown(value));
            return Err(Fault::runtime("wrong-call", message)
                .help("write `user.chance(\"20 %\")`")
                .boxed(Position::NONE));
        }
    };
    Ok(quantity.value)
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Person>("User");
    engine.register_type_with_name::<State>("State");
    engine.register_type_with_name::<Ended>("Failure");
    engine.register_fn("to_string", |ended: &mut Ended| ended.0.to_string());
    engine.register_fn("to_debug", |ended: &mut Ended| ended.0.to_string());
    engine.register_get("message", |ended: &mut Ended| ended.0.detail.clone());
    engine.register_fn("to_string", |person: &mut Person| format!("user {}", person.user.number()));
    engine.register_get("id", |person: &mut Person| whole(person.user.number()));
    engine.register_get("iteration", |person: &mut Person| whole(person.user.iteration()));
    engine.register_get("wanted", |person: &mut Person| person.user.is_wanted());
    engine.register_get("state", |person: &mut Person| State(Rc::clone(&person.keep)));
    let h = Rc::clone(host);
    engine.register_get("setup", move |_: &mut Person| Ok::<_, Box<EvalAltResult>>(stage(&h)?.setup.clone()));
    state(engine);
    chances(engine);

    let h = Rc::clone(host);
    engine.register_fn("check", move |person: &mut Person, name: ImmutableString, met: bool| -> Raised<bool> {
        let stage = stage(&h)?;
        let mark = stage.checks.get(name, |name| Ok::<_, Fault>(engine_load::user::Mark::check(name)));
        let mark = mark.map_err(|fault: Fault| fault.boxed(Position::NONE))?;
        person.user.check(&mark, met);
        stage.trace(|| format!("check `{}` {}", mark.name(), if met { "met" } else { "NOT met" }));
        Ok(met)
    });
    let h = Rc::clone(host);
    engine.register_fn("check", move |person: &mut Person, at: CheckSite, met: bool| -> Raised<bool> {
        person.user.check(&at.0, met);
        stage(&h)?.trace(|| format!("check `{}` {}", at.0.name(), if met { "met" } else { "NOT met" }));
        Ok(met)
    });
    engine.register_fn("fail", |_: &mut Person, message: ImmutableString| -> Raised<()> {
        Err(Ended::raise(Failure::new(ErrorClass::Journey, message.as_str())))
    });
    engine.register_fn("stop", |person: &mut Person| person.user.stop());
}

fn state(engine: &mut Engine) {
    engine.register_indexer_get(|state: &mut State, name: ImmutableString| -> Raised<Dynamic> {
        let map = state.0.state.borrow();
        map.get(name.as_str()).cloned().ok_or_else(|| {
            let near = engine_core::nearest::hint(&name, map.keys().map(smartstring));
            let message = format!("the user's state has no `{name}`{near}");
            let fault = Fault::runtime("unknown-property", message);
            fault
                .help(format!("for one that may be missing write `user.state.get(\"{name}\", other)`"))
                .boxed(Position::NONE)
        })
    });
    engine.register_indexer_set(|state: &mut State, name: ImmutableString, value: Dynamic| {
        // The old value is dropped after the map is free again: dropping may run anything.
        let old = state.0.state.borrow_mut().insert(name.as_str().into(), value.flatten());
        drop(old);
    });
    engine.register_fn("get", |state: &mut State, name: ImmutableString, other: Dynamic| {
        state.0.state.borrow().get(name.as_str()).cloned().unwrap_or(other)
    });
    engine.register_fn("has", |state: &mut State, name: ImmutableString| {
        state.0.state.borrow().contains_key(name.as_str())
    });
    engine.register_fn("remove", |state: &mut State, name: ImmutableString| {
        state.0.state.borrow_mut().remove(name.as_str()).unwrap_or_default()
    });
    engine.register_fn("to_string", |state: &mut State| format!("{:?}", state.0.state.borrow()));
}

fn smartstring(text: &rhai::Identifier) -> &str {
    text.as_str()
}

fn chances(engine: &mut Engine) {
    engine.register_fn("chance", |person: &mut Person, share: Dynamic| -> Raised<bool> {
        let share = probability(&share)?;
        Ok(person.user.with_random(engine_core::stats::Stream::unit_f64) < share)
    });
    engine.register_fn("pick", |person: &mut Person, items: Array| pick(&person.user, &items));
    engine.register_fn("random", |person: &mut Person| person.user.with_random(engine_core::stats::Stream::unit_f64));
    engine.register_fn("random", |person: &mut Person, range: RangeInclusive<i64>| {
        let count = range.end().checked_sub(*range.start()).and_then(|n| n.checked_add(1));
        draw(&person.user, "random", *range.start(), count)
    });
    engine.register_fn("random", |person: &mut Person, range: Range<i64>| {
        draw(&person.user, "random", range.start, range.end.checked_sub(range.start))
    });
}

/// Records a value of a journey.
pub(crate) fn record(host: &Host, person: &Person, name: &ImmutableString, value: Quantity) -> Raised<()> {
    let mark = stage(host)?
        .values
        .get(name.clone(), |name| Ok::<_, Box<EvalAltResult>>(engine_load::user::Mark::value(name)))?;
    let unit = Unit::of(value.dimension);
    person.user.record(&mark, value.value, unit).map_err(raised)
}
