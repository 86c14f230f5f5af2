//! Resident memory of a watched target that grows over a load, with the interval of `growth` (Perron and Yabu), and
//! how long memory lasts at that.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.leak",
        title: "Memory of the target grows without end",
        looks_at: "growth of `target.rss` above zero with its whole interval, and memory full within `horizon`",
        needs: "a load of a minute or more whose target is watched: `engine run load`",
        model: "linear trend: the share of the horizon that is left when memory is full",
        effort: Effort::Days,
        wrong_when: "a cache fills up to its limit: leave out the warm-up, or run longer",
        limits: &[LimitDef::new("horizon", 604800.0, Unit::Seconds, "a service should last so long")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let loads = facts.some_loads()?;
    let free = facts.environment().memory.available_bytes.copied().map(|bytes| bytes as f64);
    let free = free.ok_or_else(|| Missing::of("`memory.available_bytes` is unknown"))?;
    let mut asked = false;
    let mut drafts = Vec::new();
    for load in loads {
        let course = load.course("target.rss");
        let Some(growth) = crate::growth::growth(&course) else { continue };
        asked = true;
        let horizon = limits.of("horizon");
        if !growth.grows() || free / growth.per_second > horizon {
            continue;
        }
        let seen = load.seen("target.rss", Stat::Max)?;
        let rate = Range::new(growth.per_second, growth.interval.low, growth.interval.high);
        let until = rate.map(|rate| free / rate.max(1e-9));
        let inputs = vec![
            Input {
                name: "growth".into(),
                range: rate,
                unit: Unit::BytesPerSecond,
                from: format!("growth of {}", seen.source),
            },
            Input {
                name: "free".into(),
                range: Range::exact(free),
                unit: Unit::Bytes,
                from: "memory.available_bytes".into(),
            },
        ];
        drafts.push(
            Draft::new(load.path(), Resource::Capacity)
                .on(&[&seen])
                .shown(derived("time until memory is full", facts.id(), until, Unit::Seconds, limits.at_most("horizon")))
                .cause(format!(
                    "the target grows by {} (at least {}), so that {} of free memory last {}",
                    Unit::BytesPerSecond.format(rate.value),
                    Unit::BytesPerSecond.format(rate.low),
                    Unit::Bytes.format(free),
                    Unit::Seconds.format(until.value)
                ))
                .action("find what holds on to memory (`heaptrack PROGRAM`, `bytehound`, `tracemalloc` in Python): unbounded maps, caches without a limit, lists that only grow")
                .fit(0.8, "growth may end by itself")
                .gain(trend("the time in which the service is up", until, horizon, inputs)),
        );
    }
    if asked { Ok(Draft::strongest(drafts)) } else { Err(Missing::of("no load has 30 samples of `target.rss`")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(per_second: f64) -> Made {
        let noise = |second: u32| f64::from(second * 7919 % 13) * 1e3;
        let values: Vec<f64> = (0..120).map(|second| 1e8 + per_second * f64::from(second) + noise(second)).collect();
        Made::new()
            .load("soak", &[ones("target.rss", Unit::Bytes, &values)], &[100.0])
            .environment(|environment| environment.memory.available_bytes = engine_core::fact::Fact::Known(4 << 30))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1e6), &["MB/s", "4 GiB"]);
        // At a kilobyte a second memory lasts 50 days.
        quiet(&RULE, run(1e3));
        quiet(&RULE, run(0.0));
        lacking(&RULE);
    }
}
