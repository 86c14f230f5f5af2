//! The options of `stress`.

use crate::verb_options::{BENCH, Kind, OptionDef, option};

/// An option of `bench` by its name; one that is not there does not compile.
const fn bench(name: &str) -> OptionDef {
    let mut at = 0;
    while at < BENCH.len() {
        if crate::trial_options::same(BENCH[at].name.as_bytes(), name.as_bytes()) {
            return BENCH[at];
        }
        at += 1;
    }
    panic!("`bench` has no such option")
}

/// Options of `stress`.
pub(crate) const STRESS: &[OptionDef] = &[
    option(
        "background",
        Kind::List,
        "the stressors, one after the other: `[stress::cpu(), stress::memory(#{ mode: \"bandwidth\" })]`; a list within the \
         list runs several at the same time, `#{ name: \"busy\", run: stress::cpu(), intensity: [50, 100] }` gives a name",
    ),
    option(
        "intensity",
        Kind::Any,
        "percent, for every stressor of the background: `50`, or `[25, 50, 100]` for each in turn",
    ),
    option(
        "measure",
        Kind::Any,
        "what is measured in the quiet and beside each background: a spec, the options of a load, or `|p|` and one of them; \
         without it the stressors themselves are",
    ),
    option(
        "of",
        Kind::Text,
        "the figure that is compared: a metric, or a metric and its statistic; the probe's first metric by default, and \
         `\"response.p95\"` of a load",
    ),
    option(
        "settle",
        Kind::Time,
        "wait between a change of the background and the measurement, `\"200 ms\"` by default",
    ),
    option("hold", Kind::Time, "without `measure`: how long each background is held, `\"5 s\"` by default"),
    bench("rounds"),
    bench("until"),
    bench("budget"),
    bench("timeout"),
    bench("isolate"),
    bench("tags"),
    bench("sweep"),
    bench("cases"),
    bench("expect"),
];

/// Options of a background with a name.
pub(crate) const BACKGROUND: &[OptionDef] = &[
    option("name", Kind::Text, "what rows and expectations call it"),
    option("run", Kind::Any, "a stressor, or a list of stressors that run at the same time"),
    option("intensity", Kind::Any, "percent: `50`, or `[25, 50, 100]` for each in turn"),
];
