//! Pauses of users and their distributions; the same distributions are the demo target's service times.

use std::rc::Rc;

use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use engine_load::model::{Think, ThinkError};
use rhai::{Array, Dynamic, Engine, ImmutableString, Position};

use super::person::{Person, raised, stage};
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::quantity::{self, Qty};
use crate::verb_options::shown;

/// A distribution of times, in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Pause(pub(crate) Rc<Think>);

/// A time from 0 on, in seconds.
pub(crate) fn seconds(what: &str, value: &Dynamic) -> Raised<f64> {
    let wrong = |got: String| {
        Fault::runtime("wrong-call", format!("`{what}` takes a time such as `\"2 s\"`, got {got}"))
            .boxed(Position::NONE)
    };
    match quantity::read(value) {
        Some(Ok(Quantity { value, dimension: Dimension::TIME })) if (0.0..=1e9).contains(&value) => Ok(value),
        Some(Err(error)) => Err(wrong(format!("{}: {error}", shown(value)))),
        _ => Err(wrong(shown(value))),
    }
}

/// A plain number.
fn number(what: &str, value: &Dynamic) -> Raised<f64> {
    match quantity::read(value) {
        Some(Ok(Quantity { value, dimension: Dimension::NONE })) => Ok(value),
        _ => {
            let message = format!("`{what}` takes a plain number here, got {}", shown(value));
            Err(Fault::runtime("wrong-call", message).boxed(Position::NONE))
        }
    }
}

/// A checked distribution.
pub(crate) fn pause(think: Think) -> Raised<Pause> {
    think
        .checked()
        .map(|think| Pause(Rc::new(think)))
        .map_err(|error: ThinkError| Fault::runtime("wrong-call", error.to_string()).boxed(Position::NONE))
}

/// Lets a user think.
fn think(host: &Host, person: &Person, think: &Think) -> Raised<()> {
    // Drawn in any case, so that the stream of random numbers is the same whether or not anybody waits.
    let seconds = person.user.with_random(|stream| think.draw(stream));
    wait(host, person, seconds)
}

/// Lets a user wait; not at all where nobody thinks.
pub(crate) fn wait(host: &Host, person: &Person, seconds: f64) -> Raised<()> {
    let stage = stage(host)?;
    let hurried = stage.conditions.hurried;
    stage.trace(|| format!("thinks {seconds:.3} s{}", if hurried { ", skipped" } else { "" }));
    let result = person.user.pause(if hurried { 0.0 } else { seconds });
    stage.runs(person);
    result.map_err(raised)
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Pause>("Distribution");
    engine.register_fn("to_string", |pause: &mut Pause| format!("{:?}", pause.0));
    let h = Rc::clone(host);
    engine.register_fn("think", move |person: &mut Person, time: Pause| think(&h, person, &time.0));
    let h = Rc::clone(host);
    engine.register_fn("think", move |person: &mut Person, time: ImmutableString| {
        think(&h, person, &Think::Constant(seconds("think", &time.into())?))
    });
    let h = Rc::clone(host);
    engine.register_fn("think", move |person: &mut Person, time: Qty| {
        think(&h, person, &Think::Constant(seconds("think", &Dynamic::from(time))?))
    });
    // Bare numbers are told what they lack.
    engine.register_fn("think", |_: &mut Person, time: i64| seconds("think", &time.into()).map(drop));
    engine.register_fn("think", |_: &mut Person, time: f64| seconds("think", &time.into()).map(drop));
    let h = Rc::clone(host);
    engine.register_fn("think", move |person: &mut Person, from: Dynamic, to: Dynamic| {
        let both = Think::Uniform { from: seconds("think", &from)?, to: seconds("think", &to)? };
        think(&h, person, &pause(both)?.0)
    });
    let h = Rc::clone(host);
    engine.register_fn("pace", move |person: &mut Person, time: Dynamic| -> Raised<()> {
        let seconds = seconds("pace", &time)?;
        if !stage(&h)?.conditions.hurried {
            person.user.pace(seconds);
        }
        Ok(())
    });
    distributions(engine);
}

fn distributions(engine: &mut Engine) {
    engine.register_fn("uniform", |from: Dynamic, to: Dynamic| {
        pause(Think::Uniform { from: seconds("uniform", &from)?, to: seconds("uniform", &to)? })
    });
    engine
        .register_fn("exponential", |mean: Dynamic| pause(Think::Exponential { mean: seconds("exponential", &mean)? }));
    engine.register_fn("normal", |mean: Dynamic, deviation: Dynamic| -> Raised<Pause> {
        let (mean, deviation) = (seconds("normal", &mean)?, seconds("normal", &deviation)?);
        pause(Think::Normal { mean, deviation, min: 0.0, max: mean + 10.0 * deviation })
    });
    engine.register_fn("normal", |mean: Dynamic, deviation: Dynamic, min: Dynamic, max: Dynamic| -> Raised<Pause> {
        let of = |value: &Dynamic| seconds("normal", value);
        pause(Think::Normal { mean: of(&mean)?, deviation: of(&deviation)?, min: of(&min)?, max: of(&max)? })
    });
    engine.register_fn("lognormal", |median: Dynamic, sigma: Dynamic| {
        pause(Think::LogNormal { median: seconds("lognormal", &median)?, sigma: number("lognormal", &sigma)? })
    });
    engine.register_fn("pareto", |shortest: Dynamic, shape: Dynamic| {
        pause(Think::Pareto { scale: seconds("pareto", &shortest)?, shape: number("pareto", &shape)? })
    });
    engine.register_fn("empirical", |times: Array| -> Raised<Pause> {
        let times = times.iter().map(|time| seconds("empirical", time)).collect::<Raised<Vec<f64>>>()?;
        pause(Think::Empirical(times))
    });
}
