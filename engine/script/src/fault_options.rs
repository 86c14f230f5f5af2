//! The options of `fault`, of its steady load, and of `service`.

use crate::trial_options::load;
use crate::verb_options::{Kind, OptionDef, option};

/// Options of `fault`.
pub(crate) const FAULT: &[OptionDef] = &[
    option(
        "victim",
        Kind::Any,
        "what is broken: `demo_target()`, `service([..], #{ .. })`, or `process(\"name\")` with `--allow-fault=pid:N`",
    ),
    option(
        "steady",
        Kind::Map,
        "the load that comes all the time, in an open loop: `#{ arrivals: constant(\"100/s\"), journey: order }`, and more options of `load`",
    ),
    option("inject", Kind::Any, "the fault: `faults::crash()`, `faults::memory(#{ left: \"16 MiB\" })`, .."),
    option("warmup", Kind::Time, "time at the front that counts in no baseline; none by default"),
    option("after", Kind::Time, "how long the baseline is, before the fault comes; `\"30 s\"` by default"),
    option("duration", Kind::Time, "how long it stays, `\"10 s\"` by default; a crash has none"),
    option(
        "recovers",
        Kind::Any,
        "what counts as well, and by when: `\"response.p95 <= 1.10 * baseline within 20 s\"` (the default is within 30 s), or a list with `\"rate >= 0.95 * baseline\"`, `\"errors <= 0.1 %\"` (above the baseline's) and `for N windows` (5 by default), which takes the length of a window: `\"response.p95[1 s] <= 1.10 * baseline for 5 windows\"`",
    ),
    option("window", Kind::Time, "length of a window, `\"1 s\"` by default"),
    option("watch", Kind::Map, "processes to watch: `#{ database: process(\"postgres\") }`"),
    option(
        "verify",
        Kind::Any,
        "`|user, key| ..`, called afterwards for every key that a journey gave to `ack(key)`; false counts as lost",
    ),
    option("repeat", Kind::Count, "repetitions, each with a fresh victim; 3 by default"),
    load("tags"),
    load("sweep"),
    load("cases"),
    load("reference"),
    load("expect"),
];

/// Options of the load of a fault.
pub(crate) const STEADY: &[OptionDef] = &[
    load("target"),
    load("journey"),
    load("journeys"),
    load("data"),
    option("arrivals", Kind::Any, "evenly spaced arrivals, `\"100/s\"` or `constant(\"100/s\")`"),
    load("max_users"),
    option("timeout", Kind::Time, "time until the whole answer of a request must be there, `\"2 s\"` by default"),
    load("counters"),
    load("headers"),
    load("ca"),
    load("insecure"),
    load("seed"),
    load("threads"),
];

/// Options of `service`.
pub(crate) const SERVICE: &[OptionDef] = &[
    option(
        "ready",
        Kind::Text,
        "when it is ready: `\"GET /health == 200 within 10 s\"`, or `\"within 10 s\"` for a port that takes connections (the default)",
    ),
    option(
        "restart",
        Kind::Any,
        "`\"after 1 s\"`: it is started again when it ends; `\"never\"` (the default, but for the demo target)",
    ),
    option("memory", Kind::Any, "the most memory that it may have, where there is a memory cgroup: `\"256 MiB\"`"),
    option("port", Kind::Count, "a port that it needs, instead of any free one for `{port}`"),
];
