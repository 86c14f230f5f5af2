//! `capacity` and `scale`: the same load again and again, at rates that a search chooses or at levels that are given.

use engine_core::arrivals::Spacing;
use engine_core::fault::FaultShape;
use engine_core::load::{CapacityShape, ScaleShape, Varied};
use engine_core::plan::ExpectText;
use engine_core::series::Labels;
use engine_load::model::UserPhase;
use engine_load::spec::Iterations;
use rhai::{Array, Dynamic, NativeCallContext};

use super::arrivals::{Coming, Shape, rate};
use super::load::{LoadPoint, point_of};
use super::load_model::{Model, WHOLE, scaled};
use crate::fault::{Fault, Raised};
use crate::given::Given;
use crate::host::Host;
use crate::load_expect;
use crate::trial_options::{CAPACITY, SCALE};
use crate::verb_options::{OptionDef, shown, time, whole};

/// What a point does with its load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TrialsOf {
    /// Sends it once.
    None,
    /// Searches the highest rate that meets a service level.
    Capacity(CapacityShape),
    /// Sweeps it over users or rates.
    Scale(ScaleShape),
    /// Breaks its target.
    Fault(Box<FaultShape>),
}

/// What is read of one point of a declaration, and what is expected of it.
pub(super) type Read = (LoadPoint, Vec<ExpectText>);

/// A verb that sends load.
#[derive(Clone, Copy)]
pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) table: &'static [OptionDef],
    pub(super) example: &'static str,
    pub(super) point: fn(&Host, &NativeCallContext<'_>, &Given, &Labels) -> Raised<Read>,
}

pub(super) const CAPACITY_VERB: Verb = Verb {
    name: "capacity",
    table: CAPACITY,
    example: "capacity(\"name\", #{ target: demo_target(), journey: buyer, slo: [\"response.p99 < 200 ms\"], from: \"50/s\", to: \"5000/s\" })",
    point: capacity,
};

pub(super) const SCALE_VERB: Verb = Verb {
    name: "scale",
    table: SCALE,
    example: "scale(\"name\", #{ target: demo_target(), journey: buyer, users: [1, 2, 4, 8, 16] })",
    point: scale,
};

/// Trials and levels under the tiny profile: enough to see that everything works.
const TINY: usize = 3;

/// Most levels of a sweep.
const MOST_LEVELS: usize = 100;

/// Most users of a level.
const MOST_USERS: i64 = 1_000_000;

fn wrong(message: impl Into<String>) -> Fault {
    Fault::invalid("wrong-option", message)
}

/// One rate of the options.
fn rate_of(given: &Given, key: &str, usual: f64) -> Raised<f64> {
    let Some(value) = given.get(key) else { return Ok(usual) };
    let read = rate(value).map_err(|message| given.raise(wrong(format!("`{key}` {message}")), key))?;
    if read > 0.0 { Ok(read) } else { Err(given.raise(wrong(format!("`{key}` must be above 0/s")), key)) }
}

fn seconds(host: &Host, given: &Given, key: &str, usual: f64) -> f64 {
    scaled(host.options.profile, given.get(key).and_then(|value| time(value).ok()).unwrap_or(usual))
}

fn spacing(given: &Given) -> Raised<Spacing> {
    match given.text("spacing").as_deref() {
        None | Some("even") => Ok(Spacing::Even),
        Some("poisson") => Ok(Spacing::Poisson),
        Some(other) => {
            let near = engine_core::nearest::hint(other, ["even", "poisson"]);
            let message = format!("`spacing` must be `\"even\"` or `\"poisson\"`, got `\"{other}\"`{near}");
            Err(given.raise(wrong(message), "spacing"))
        }
    }
}

fn max_users(given: &Given) -> Option<usize> {
    given.get("max_users").and_then(whole).and_then(|most| usize::try_from(most).ok())
}

/// The model of the first load; each trial gets its own from it.
fn arriving(rate: f64, spacing: Spacing, duration: f64) -> Model {
    Model::Arrivals { coming: Coming { shape: Shape::Constant(rate), spacing }, duration }
}

/// A point of `capacity`.
fn capacity(host: &Host, ctx: &NativeCallContext<'_>, given: &Given, labels: &Labels) -> Raised<Read> {
    let (from, to) = (rate_of(given, "from", 10.0)?, rate_of(given, "to", 100_000.0)?);
    if from > to {
        return Err(given.raise(wrong(format!("`from` must not be above `to`, got {from}/s and {to}/s")), "from"));
    }
    let (step, spacing) = (seconds(host, given, "step", 20.0), spacing(given)?);
    let precision = given.get("precision").and_then(|value| crate::verb_options::share(value).ok()).unwrap_or(0.02);
    let most = given.get("most").and_then(whole).and_then(|most| usize::try_from(most).ok()).unwrap_or(60);
    let most = if host.tiny() { most.min(TINY) } else { most };
    let mut point = point_of(host, ctx, given, labels, arriving(from, spacing, step))?;
    let slo = load_expect::slo(host, given, &point).map_err(|fault| given.raise(fault, "slo"))?;
    let max_users = max_users(given);
    point.trials = TrialsOf::Capacity(CapacityShape { slo, from, to, step, precision, most, spacing, max_users });
    let expect = load_expect::expectations(host, given, &point, &[]).map_err(|fault| given.raise(fault, "expect"))?;
    if host.options.once {
        // Tried once, it is a load like any other.
        point.trials = TrialsOf::None;
    }
    Ok((point, expect))
}

/// A point of `scale`.
fn scale(host: &Host, ctx: &NativeCallContext<'_>, given: &Given, labels: &Labels) -> Raised<Read> {
    let help = "write `users: [1, 2, 4, 8, 16]`, or `rates: [\"100/s\", \"200/s\", \"400/s\"]`";
    let (of, mut levels) = match (given.get("users"), given.get("rates")) {
        (Some(value), None) => (Varied::Users, users(given, value)?),
        (None, Some(_)) => (Varied::Rate, rates(host, given)?),
        (Some(_), Some(_)) => {
            return Err(given.raise(wrong("`scale` takes one of `users` and `rates`").help(help), "rates"));
        }
        (None, None) => {
            return Err(given.raise(wrong("`scale` needs one of `users` and `rates`").help(help), "journey"));
        }
    };
    let key = if of == Varied::Users { "users" } else { "rates" };
    let mut sorted = levels.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    if levels.is_empty() || sorted.len() != levels.len() || levels.len() > MOST_LEVELS {
        let message = format!("`{key}` must be 1 to {MOST_LEVELS} different levels");
        return Err(given.raise(wrong(message).help(help), key));
    }
    if host.tiny() {
        levels.truncate(TINY);
    }
    let (hold, spacing, max_users) = (seconds(host, given, "hold", 15.0), spacing(given)?, max_users(given));
    let longest = given.get("most").map_or(4.0 * hold, |_| seconds(host, given, "most", 60.0));
    let most = if host.tiny() { hold } else { longest };
    if most < hold {
        return Err(given.raise(wrong(format!("`most` must not be below `hold`, got {most} s and {hold} s")), "most"));
    }
    let largest = sorted.last().copied().unwrap_or(1.0);
    let model = match of {
        Varied::Users => {
            let phase = UserPhase { name: WHOLE.to_owned(), from: largest, to: largest, duration: most };
            Model::Users { phases: vec![phase], iterations: Iterations::Endless, spread: 0.0 }
        }
        Varied::Rate => arriving(largest, spacing, most),
    };
    let mut point = point_of(host, ctx, given, labels, model)?;
    point.trials = TrialsOf::Scale(ScaleShape { of, levels, hold, most, spacing, max_users });
    let expect = load_expect::expectations(host, given, &point, &[]).map_err(|fault| given.raise(fault, "expect"))?;
    if host.options.once {
        // Tried once, it is a load like any other.
        point.trials = TrialsOf::None;
    }
    Ok((point, expect))
}

/// Numbers of users: a list, or a range.
fn users(given: &Given, value: &Dynamic) -> Raised<Vec<f64>> {
    let fail = |got: &Dynamic| {
        let message =
            format!("`users` must be whole numbers from 1 to {MOST_USERS}, `[1, 2, 4]` or `1..=4`, got {}", shown(got));
        given.raise(wrong(message), "users")
    };
    let range = value
        .read_lock::<std::ops::RangeInclusive<i64>>()
        .map(|range| range.clone())
        .or_else(|| value.read_lock::<std::ops::Range<i64>>().map(|range| range.start..=range.end - 1));
    let numbers: Vec<Dynamic> = match (range, value.read_lock::<Array>()) {
        (Some(range), _) => range.take(MOST_LEVELS + 1).map(Dynamic::from_int).collect(),
        (None, Some(list)) => list.clone(),
        (None, None) => return Err(fail(value)),
    };
    let read = |number: &Dynamic| {
        let count = number.as_int().ok().filter(|count| (1..=MOST_USERS).contains(count));
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        count.map(|count| count as f64).ok_or_else(|| fail(number))
    };
    numbers.iter().map(read).collect()
}

/// Rates: a list.
fn rates(host: &Host, given: &Given) -> Raised<Vec<f64>> {
    let read = |(number, value): (usize, Dynamic)| {
        let found =
            rate(&value).and_then(|rate| if rate > 0.0 { Ok(rate) } else { Err("must be above 0/s".to_owned()) });
        found.map_err(|message| {
            let fault = wrong(format!("`rates` {message}")).or_at(Some(given.at_item(host, "rates", number)));
            given.raise(fault, "rates")
        })
    };
    given.list("rates").into_iter().enumerate().map(read).collect()
}
