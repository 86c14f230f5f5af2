//! The options of verbs: one table for their checks, their documents and their hints.

use engine_core::plan::{Rounds, Warmup};
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;
use rhai::{Dynamic, Map};

use crate::quantity;

/// An option of a verb.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionDef {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) doc: &'static str,
}

/// What values an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// True or false.
    Flag,
    /// A time above zero.
    Time,
    /// A whole number above zero.
    Count,
    /// `20` or `[5, 30]`.
    Rounds,
    /// A number of rounds, or `"detect"`.
    Warmup,
    /// A share above 0 and below 1: `"2 %"`.
    Share,
    /// `#{ axis: [values] }`.
    Sweep,
    /// `[#{ name: .. }, ..]`.
    Cases,
    /// A map.
    Map,
    /// A list of anything.
    List,
    /// Anything.
    Any,
}

pub(crate) const fn option(name: &'static str, kind: Kind, doc: &'static str) -> OptionDef {
    OptionDef { name, kind, doc }
}

const BUDGET: OptionDef = option("budget", Kind::Time, "no new round is begun after this time");
const ROUNDS: OptionDef =
    option("rounds", Kind::Rounds, "`20` for exactly so many, `[5, 30]` for as many as `until` asks for");
const UNTIL: OptionDef =
    option("until", Kind::Share, "width of the interval at which adaptive rounds stop, `\"2 %\"` by default");
const WARMUP: OptionDef = option("warmup", Kind::Warmup, "rounds thrown away first, or `\"detect\"` (the default)");
const TAGS: OptionDef = option("tags", Kind::Texts, "words to find it by");
const TIMEOUT: OptionDef = option("timeout", Kind::Time, "a round that takes longer fails the step");
const SWEEP: OptionDef =
    option("sweep", Kind::Sweep, "axes with their values; one step for each combination, axes in alphabetical order");
const CASES: OptionDef = option("cases", Kind::Cases, "maps with a `name` each; one step for each");
const REFERENCE: OptionDef = option("reference", Kind::Text, "name of the case that the others are compared with");
const ISOLATE: OptionDef =
    option("isolate", Kind::Flag, "a fresh process for each round; the default where there is a `reference`");
const EXPECT: OptionDef = option("expect", Kind::Texts, "expectations: `\"median < 50 ms\"`");

/// Options of `suite`.
pub(crate) const SUITE: &[OptionDef] = &[BUDGET, ROUNDS, UNTIL, WARMUP, TAGS, TIMEOUT];
/// Options of `bench`.
pub(crate) const BENCH: &[OptionDef] =
    &[BUDGET, ROUNDS, UNTIL, WARMUP, TAGS, TIMEOUT, SWEEP, CASES, REFERENCE, ISOLATE, EXPECT];
/// Options of `custom`.
pub(crate) const CUSTOM: &[OptionDef] = &[
    BUDGET,
    ROUNDS,
    UNTIL,
    WARMUP,
    TAGS,
    TIMEOUT,
    SWEEP,
    CASES,
    REFERENCE,
    EXPECT,
    option("metrics", Kind::Texts, "names of what it records, where they cannot be read from the script"),
];
/// Options of `timed`.
pub(crate) const TIMED: &[OptionDef] =
    &[option("times", Kind::Count, "calls between start and stop of the clock; the sample is the time of one")];
/// Options of `load`; `capacity` and others that send load share them.
pub(crate) const LOAD: &[OptionDef] = &[
    option(
        "target",
        Kind::Any,
        "an address (`\"http://host:port\"`), or `demo_target()`; without it requests need full addresses",
    ),
    option("journey", Kind::Any, "the function that each user runs again and again: `|user| ..`"),
    option(
        "journeys",
        Kind::List,
        "several with their shares: `[#{ run: buyer, share: 70 }, #{ run: browser, share: 30 }]`",
    ),
    option("data", Kind::Map, "what users find in `user.data`: rows of files, or any values"),
    option(
        "arrivals",
        Kind::Any,
        "open model: users arrive at a rate, `\"200/s\"` or `poisson(\"200/s\")`, `ramp(..)`, ..",
    ),
    option("users", Kind::Any, "closed model: so many users at the same time, or `\"0 -> 100\"`"),
    option(
        "phases",
        Kind::List,
        "named phases: `[#{ name: \"ramp\", rate: \"0/s -> 200/s\", duration: \"30 s\" }, ..]`, or with `users`",
    ),
    option("duration", Kind::Time, "how long users arrive, or begin iterations"),
    option("iterations", Kind::Count, "with `users`: so many iterations in all"),
    option("iterations_per_user", Kind::Count, "with `users`: so many iterations by each"),
    option("spread", Kind::Time, "with `users`: those that are due together begin over this time"),
    option("warmup", Kind::Time, "time at the front that counts in no total"),
    option(
        "max_users",
        Kind::Count,
        "with arrivals: users at the same time, at most; five seconds' worth by default, 50 to 10,000",
    ),
    option(
        "late",
        Kind::Text,
        "arrivals that find no user free: `\"burst\"` (all at once when users are free, the default), `\"2x\"` (at twice the rate), `\"skip\"` (dropped and counted)",
    ),
    option("timeout", Kind::Time, "time until the whole answer of a request must be there, `\"30 s\"` by default"),
    option("graceful", Kind::Time, "how long iterations may go on after the end, `\"30 s\"` by default"),
    option("watch", Kind::Map, "processes to watch beside the target: `#{ shop: process(\"shop\") }`"),
    option("counters", Kind::Text, "address of the target's own counters, Prometheus or JSON"),
    option("headers", Kind::Map, "headers of every request"),
    option("ca", Kind::Text, "file with the authorities that are trusted, in PEM, instead of this machine's"),
    option("insecure", Kind::Flag, "accept any certificate"),
    option("seed", Kind::Any, "seed of arrivals, think times and what users draw; follows from the run's by default"),
    option("threads", Kind::Count, "threads that generate; half the processors by default"),
    ROUNDS,
    TAGS,
    SWEEP,
    CASES,
    REFERENCE,
    EXPECT,
];
/// Options of a phase.
pub(crate) const PHASE: &[OptionDef] = &[
    option("name", Kind::Text, "what rows and expectations call it"),
    option("rate", Kind::Any, "open model: arrivals, `\"200/s\"` or `\"0/s -> 200/s\"`"),
    option("users", Kind::Any, "closed model: users, `100` or `\"0 -> 100\"`"),
    option("duration", Kind::Time, "how long it lasts"),
    option("spacing", Kind::Text, "`\"even\"` (the default) or `\"poisson\"`; the same in all phases"),
    option("expect", Kind::Texts, "expectations that hold in this phase"),
];
/// Options of a journey among several.
pub(crate) const JOURNEY: &[OptionDef] = &[
    option("run", Kind::Any, "the function: `|user| ..`"),
    option("share", Kind::Any, "its weight among the journeys, 1 by default"),
    option("name", Kind::Text, "what rows call it; the function's name by default"),
];
/// Options of `demo_target`.
pub(crate) const DEMO_TARGET: &[OptionDef] = &[
    option(
        "service",
        Kind::Any,
        "how long a request holds a worker: a time, or `exponential(\"5 ms\")`, `lognormal(\"2 ms\", 0.5)`, `uniform(..)`",
    ),
    option("workers", Kind::Count, "requests served at the same time; others wait in order of arrival"),
    option("queue", Kind::Count, "requests that may wait; one more is refused with 503"),
    option("cpu_bound", Kind::Flag, "whether service takes a processor's time instead of sleeping"),
    option("errors", Kind::Any, "share of requests answered with 500"),
    option("body", Kind::Any, "size that pages have at least"),
    option("stalls", Kind::List, "when it is frozen: `[#{ at: \"3 s\", lasts: \"1 s\", every: \"10 s\" }]`"),
    option("start_delay", Kind::Time, "time until it listens"),
    option("warmup", Kind::Map, "slow at first: `#{ factor: 5, time: \"10 s\" }`"),
    option("leak", Kind::Any, "memory that each request leaves behind"),
    option("orders", Kind::Text, "file in which orders survive a crash"),
    option(
        "store",
        Kind::Text,
        "orders are kept in SQLite: `\"right\"` acknowledges what was written, `\"wrong\"` acknowledges before it writes",
    ),
    option("admin", Kind::Text, "what the header `X-Admin` must hold for `POST /admin/reset`"),
    option("down", Kind::Flag, "whether its port refuses connections"),
    option("seed", Kind::Any, "decides service times and errors"),
];
/// Options of a request.
pub(crate) const REQUEST: &[OptionDef] = &[
    option("name", Kind::Text, "the row that it is counted in; method and path by default, with `:id` for numbers"),
    option("status", Kind::Any, "statuses that are no error, one or a list; all below 400 by default"),
    option("timeout", Kind::Time, "time until the whole answer must be there; that of the load by default"),
    option("redirects", Kind::Any, "redirects that are followed, 10 by default; 0 for none"),
    option("headers", Kind::Map, "headers by name; a secret may stand there"),
    option("query", Kind::Map, "what is appended to the address, encoded"),
    option("json", Kind::Any, "a value to send as JSON"),
    option("form", Kind::Map, "fields to send as a form"),
    option("body", Kind::Any, "a text or a blob to send as it is"),
    option("file", Kind::Text, "a file to send; needs `--allow-read=FOLDER`"),
];
/// Options of `include`.
pub(crate) const INCLUDE: &[OptionDef] = &[
    option("only", Kind::Texts, "globs of the step names to take"),
    option("params", Kind::Map, "values of its parameters"),
    option("case", Kind::Text, "its steps become this case of steps without a prefix: include it once for each case"),
    option("reference", Kind::Text, "with `case`: the case that the others are held against"),
    option(
        "budget",
        Kind::Time,
        "makes it a part: its steps run together, after the parts before, and take rounds until this time is used up",
    ),
];
/// Options of `param`.
pub(crate) const PARAM: &[OptionDef] = &[
    option("tiny", Kind::Any, "value under the tiny profile"),
    option("short", Kind::Any, "value under the short profile"),
    option("thorough", Kind::Any, "value under the long profile"),
    option("one_of", Kind::List, "all values that it may have"),
    option("help", Kind::Text, "one line for people"),
];

/// Why a verb does not have an option that a reader may expect of it.
pub(crate) fn refused(verb: &str, option: &str) -> Option<&'static str> {
    match (verb, option) {
        // Script code has captured values and a session around it, which another process would not have.
        ("custom", "isolate") => Some(
            "the function of `custom` runs in the engine's own process, on the session's thread; what needs a fresh \
             process for each round is a probe or a command: `bench(..)` them with `isolate: true`, or start one inside \
             with `measure(command([..]))`",
        ),
        _ => None,
    }
}

/// The options of a verb, by its name.
pub(crate) fn of_verb(verb: &str) -> Option<&'static [OptionDef]> {
    Some(match verb {
        "suite" => SUITE,
        "bench" => BENCH,
        "custom" => CUSTOM,
        "timed" => TIMED,
        "load" => LOAD,
        "capacity" => crate::trial_options::CAPACITY,
        "scale" => crate::trial_options::SCALE,
        "stress" => crate::stress_options::STRESS,
        "fault" => crate::fault_options::FAULT,
        "service" => crate::fault_options::SERVICE,
        "demo_target" => DEMO_TARGET,
        "request" => REQUEST,
        "include" => INCLUDE,
        "param" => PARAM,
        _ => return None,
    })
}

/// A value that does not fit: what is wrong, and in which item of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) message: String,
    pub(crate) item: Option<usize>,
}

impl OptionDef {
    /// Whether a value fits.
    pub(crate) fn check(&self, value: &Dynamic) -> Result<(), Unfit> {
        let unfit = |message: String, item| Unfit { message: format!("`{}` {message}", self.name), item };
        let wrong = |wanted: &str| Err(unfit(format!("must be {wanted}, got {}", shown(value)), None));
        match self.kind {
            Kind::Any => Ok(()),
            Kind::Text if value.is_string() => Ok(()),
            Kind::Text => wrong("a text"),
            Kind::Flag if value.is_bool() => Ok(()),
            Kind::Flag => wrong("`true` or `false`"),
            Kind::Map if value.is_map() => Ok(()),
            Kind::Map => wrong("a map `#{ name: value }`"),
            Kind::List if value.is_array() => Ok(()),
            Kind::List => wrong("a list `[..]`"),
            Kind::Texts => {
                let Some(items) = list(value) else { return wrong("a list of texts") };
                match items.iter().position(|item| !item.is_string()) {
                    Some(at) => {
                        Err(unfit(format!("must be a list of texts, got {} in it", shown(&items[at])), Some(at)))
                    }
                    None => Ok(()),
                }
            }
            Kind::Time => time(value).map(drop).map_err(|message| unfit(message, None)),
            Kind::Count => match whole(value) {
                Some(n) if n > 0 => Ok(()),
                _ => wrong("a whole number above 0"),
            },
            Kind::Share => share(value).map(drop).map_err(|message| unfit(message, None)),
            Kind::Rounds => rounds(value, 0.02).map(drop).map_err(|message| unfit(message, None)),
            Kind::Warmup => warmup(value).map(drop).map_err(|message| unfit(message, None)),
            Kind::Sweep => {
                let Some(axes) = value.read_lock::<Map>() else {
                    return wrong("a map of axes: `#{ threads: [1, 8] }`");
                };
                for (axis, values) in axes.iter() {
                    let full = list(values).is_some_and(|values| !values.is_empty());
                    if !full {
                        return Err(unfit(format!("needs a list of values for `{axis}`: `{axis}: [1, 8]`"), None));
                    }
                }
                if axes.is_empty() {
                    Err(unfit("has no axis: `#{ threads: [1, 8] }`".to_owned(), None))
                } else {
                    Ok(())
                }
            }
            Kind::Cases => {
                let Some(items) = list(value).filter(|items| !items.is_empty()) else {
                    return wrong("a list of cases: `[#{ name: \"old\" }, #{ name: \"new\" }]`");
                };
                let named = |item: &Dynamic| {
                    item.read_lock::<Map>().is_some_and(|map| map.get("name").is_some_and(Dynamic::is_string))
                };
                match items.iter().position(|item| !named(item)) {
                    Some(at) => Err(unfit("needs a `name` in each case: `#{ name: \"old\" }`".to_owned(), Some(at))),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A value as a message shows it.
pub(crate) fn shown(value: &Dynamic) -> String {
    if value.is_string() {
        return format!("`\"{value}\"`");
    }
    if value.is_map() {
        return "a map".to_owned();
    }
    if value.is_array() {
        return "a list".to_owned();
    }
    if value.is_fnptr() {
        return "a function".to_owned();
    }
    if value.is::<crate::verbs::Spec>() {
        return "a spec".to_owned();
    }
    if value.is_unit() {
        return "nothing".to_owned();
    }
    // What has no text of its own shows the name of its type, which says nothing to the user.
    match value.to_string() {
        text if text.contains("::") => "something else".to_owned(),
        text => format!("`{text}`"),
    }
}

fn list(value: &Dynamic) -> Option<Vec<Dynamic>> {
    value.read_lock::<rhai::Array>().map(|items| items.clone())
}

/// A whole number that is not negative.
pub(crate) fn whole(value: &Dynamic) -> Option<u64> {
    value.as_int().ok().and_then(|n| u64::try_from(n).ok())
}

/// Seconds above zero, at most thirty years.
pub(crate) fn time(value: &Dynamic) -> Result<f64, String> {
    let wanted = |got: String| format!("must be a time above zero such as `\"5 min\"`, got {got}");
    let quantity: Quantity = match quantity::read(value) {
        Some(Ok(quantity)) => quantity,
        Some(Err(error)) => return Err(format!("must be a time: {error}")),
        None => return Err(wanted(shown(value))),
    };
    if quantity.dimension != Dimension::TIME || quantity.value.is_nan() || quantity.value <= 0.0 {
        return Err(wanted(shown(value)));
    }
    if quantity.value > 1e9 {
        return Err(format!("must be at most thirty years, got {}", shown(value)));
    }
    Ok(quantity.value)
}

/// A share strictly between 0 and 1.
pub(crate) fn share(value: &Dynamic) -> Result<f64, String> {
    match quantity::read(value) {
        Some(Ok(q)) if q.dimension == Dimension::NONE && q.value > 0.0 && q.value < 1.0 => Ok(q.value),
        Some(Err(error)) => Err(format!("must be a share such as `\"2 %\"`: {error}")),
        _ => Err(format!("must be a share such as `\"2 %\"`, got {}", shown(value))),
    }
}

/// Most rounds that a step can have.
const MOST_ROUNDS: u64 = 1_000_000;

/// Rounds, exact or adaptive.
pub(crate) fn rounds(value: &Dynamic, until: f64) -> Result<Rounds, String> {
    let wrong = || format!("must be a whole number above 0 or `[fewest, most]`, got {}", shown(value));
    let count = |value: &Dynamic| {
        let n = whole(value).filter(|n| (1..=MOST_ROUNDS).contains(n));
        n.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| {
            if whole(value).is_some_and(|n| n > MOST_ROUNDS) {
                format!("must be at most {MOST_ROUNDS}, got {}", shown(value))
            } else {
                wrong()
            }
        })
    };
    match list(value) {
        None => count(value).map(Rounds::Exact),
        Some(ends) => match ends.as_slice() {
            [min, max] => {
                let (min, max) = (count(min)?, count(max)?);
                if min <= max {
                    Ok(Rounds::Adaptive { min, max, until })
                } else {
                    Err(format!("must be `[fewest, most]`, got [{min}, {max}]"))
                }
            }
            _ => Err(format!("must be `[fewest, most]`, got a list of {}", ends.len())),
        },
    }
}

/// Warm-up: a number of rounds, or `"detect"`.
pub(crate) fn warmup(value: &Dynamic) -> Result<Warmup, String> {
    if value.is_string() && value.to_string() == "detect" {
        return Ok(Warmup::Detect);
    }
    let rounds = whole(value).filter(|n| *n <= MOST_ROUNDS).and_then(|n| u32::try_from(n).ok());
    rounds
        .map(Warmup::Rounds)
        .ok_or_else(|| format!("must be a number of rounds or `\"detect\"`, got {}", shown(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_exact_or_adaptive() {
        let pair = |a: i64, b: i64| Dynamic::from_array(vec![a.into(), b.into()]);
        assert_eq!(rounds(&20_i64.into(), 0.02), Ok(Rounds::Exact(20)));
        assert_eq!(rounds(&pair(5, 30), 0.05), Ok(Rounds::Adaptive { min: 5, max: 30, until: 0.05 }));
        for bad in [0_i64, -1, 2_000_000] {
            assert!(rounds(&bad.into(), 0.02).is_err(), "{bad}");
        }
        assert!(rounds(&pair(9, 5), 0.02).is_err());
        assert!(rounds(&Dynamic::from(2.5), 0.02).is_err());
    }

    #[test]
    fn times_have_units_and_bounds() {
        assert_eq!(time(&"5 min".into()), Ok(300.0));
        for bad in ["0 s", "-1 s", "5", "5 MiB", "1e300 s", "NaN s", "5 mins"] {
            assert!(time(&bad.into()).is_err(), "{bad}");
        }
        assert!(time(&5_i64.into()).unwrap_err().contains("such as `\"5 min\"`"));
    }
}
