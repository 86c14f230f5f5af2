//! The options of `capacity` and `scale`: most are those of `load`.

use crate::verb_options::{Kind, LOAD, OptionDef, option};

/// An option of `load` by its name; one that is not there does not compile.
pub(crate) const fn load(name: &str) -> OptionDef {
    let mut at = 0;
    while at < LOAD.len() {
        if same(LOAD[at].name.as_bytes(), name.as_bytes()) {
            return LOAD[at];
        }
        at += 1;
    }
    panic!("`load` has no such option")
}

pub(crate) const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

const SPACING: OptionDef = option(
    "spacing",
    Kind::Text,
    "`\"even\"` (the default), or `\"poisson\"` for arrivals as independent users make them",
);

/// What both share with `load`, in front of their own options.
const FRONT: &[OptionDef] = &[load("target"), load("journey"), load("journeys"), load("data")];

/// What both share with `load`, behind their own options.
const BEHIND: &[OptionDef] = &[
    SPACING,
    load("watch"),
    load("counters"),
    load("max_users"),
    load("timeout"),
    load("graceful"),
    load("headers"),
    load("ca"),
    load("insecure"),
    load("seed"),
    load("threads"),
    load("rounds"),
    load("tags"),
    load("sweep"),
    load("cases"),
    load("reference"),
    load("expect"),
];

/// A verb's own options between those that both have.
const fn between<const N: usize>(own: &[OptionDef]) -> [OptionDef; N] {
    let mut all = [SPACING; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < FRONT.len() {
            FRONT[at]
        } else if at < FRONT.len() + own.len() {
            own[at - FRONT.len()]
        } else {
            BEHIND[at - FRONT.len() - own.len()]
        };
        at += 1;
    }
    all
}

const OWN_CAPACITY: &[OptionDef] = &[
    option(
        "slo",
        Kind::Texts,
        "the service level, expectations that each trial is judged by: `[\"response.p99 < 200 ms\", \"errors < 0.1 %\"]`; that the target keeps up is always asked",
    ),
    option("from", Kind::Any, "the first rate that is tried, `\"10/s\"` by default"),
    option("to", Kind::Any, "the highest rate that is tried, `\"100000/s\"` by default"),
    option("step", Kind::Time, "length of a trial, `\"20 s\"` by default"),
    option("precision", Kind::Share, "width of the final bracket, `\"2 %\"` by default"),
    option("most", Kind::Count, "trials at most, 60 by default"),
];

const OWN_SCALE: &[OptionDef] = &[
    option("users", Kind::Any, "closed model: numbers of users, `[1, 2, 4, 8]` or `1..=8`"),
    option("rates", Kind::List, "open model: rates, `[\"100/s\", \"200/s\"]`"),
    option(
        "hold",
        Kind::Time,
        "how long a level is held at once, and before it is looked at again; `\"15 s\"` by default",
    ),
    option("most", Kind::Time, "longest time of a level that does not become steady; four times `hold` by default"),
];

/// Options of `capacity`.
pub(crate) const CAPACITY: &[OptionDef] = &between::<{ FRONT.len() + OWN_CAPACITY.len() + BEHIND.len() }>(OWN_CAPACITY);

/// Options of `scale`.
pub(crate) const SCALE: &[OptionDef] = &between::<{ FRONT.len() + OWN_SCALE.len() + BEHIND.len() }>(OWN_SCALE);
