//! The metrics that every load step has. A script's own timers and the counters of watched processes come beside them.

use crate::metric::MetricDef;
use crate::unit::Unit;

/// All of them; the first is the primary one.
pub const METRICS: &[MetricDef] = &[
    MetricDef::cost("response", Unit::Seconds, "intended start to end: what a user would have waited"),
    MetricDef::cost("service", Unit::Seconds, "start to end: what the target took"),
    MetricDef::cost("lag", Unit::Seconds, "intended start to start: what the generator was late by"),
    MetricDef::rate("rate", Unit::PerSecond, "requests that ended well"),
    MetricDef::cost("errors", Unit::Ratio, "share of requests that did not end well"),
    MetricDef::rate("checks", Unit::Ratio, "share of checks that passed"),
    MetricDef::cost("dropped", Unit::Ratio, "share of arrivals that found no user free and were given up"),
    MetricDef::rate("iterations", Unit::PerSecond, "iterations that ended by themselves"),
    MetricDef::fact("requests", Unit::PerSecond, "requests that were started"),
    MetricDef::fact("intended", Unit::PerSecond, "iterations that the schedule asks for"),
    MetricDef::fact("users", Unit::Count, "most users within an iteration, looked at once a second"),
    MetricDef::rate("availability", Unit::Ratio, "share of seconds in which something ended and at most 5 % not well"),
    MetricDef::fact("received", Unit::BytesPerSecond, "bytes that came, heads included"),
    MetricDef::fact("sent", Unit::BytesPerSecond, "bytes that went, heads included"),
    MetricDef::cost("connect", Unit::Seconds, "making connections, where one was made"),
    MetricDef::cost("tls", Unit::Seconds, "agreeing on encryption, where that was done"),
    MetricDef::cost("dns", Unit::Seconds, "finding addresses, where one was looked up"),
    MetricDef::cost("first_byte", Unit::Seconds, "sending to the first byte of the answer"),
    MetricDef::cost("host.cpu", Unit::Ratio, "busy share of all CPUs of the generator's machine"),
    MetricDef::cost("host.memory", Unit::Ratio, "share of memory in use on the generator's machine"),
    MetricDef::fact("generator.cpu", Unit::Ratio, "share of a CPU that the busiest thread of the generator used"),
    MetricDef::fact("generator.memory", Unit::Bytes, "largest resident memory of the generator's process"),
    MetricDef::fact(
        "generator.requests_per_cpu_second",
        Unit::PerSecond,
        "requests that ended well for each second of CPU time of the generator's threads",
    ),
    MetricDef::fact("generator.connections", Unit::Count, "most connections open at the same time"),
];

/// A metric of a load by its name.
#[must_use]
pub fn metric_of(id: &str) -> Option<&'static MetricDef> {
    METRICS.iter().find(|metric| metric.id == id)
}
