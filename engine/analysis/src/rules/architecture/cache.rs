//! Answers that were given before: where a scenario records which share of its requests repeats (`repeat_share`) and
//! what a hit would take (`hit_time`), a cache has a model.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.cache",
        title: "The same answers are made again",
        looks_at: "a metric `repeat_share` of any step, at least `share`; `hit_time` beside it for the gain",
        needs: "a scenario that records them: `record(\"repeat_share\", ..)` and `record(\"hit_time\", ..)` in `custom`",
        model: "Amdahl's law: the repeated share, at the time of a hit instead of that of a response",
        effort: Effort::Hours,
        wrong_when: "answers change between repetitions",
        limits: &[LimitDef::new("share", 0.2, Unit::Ratio, "requests that repeat an earlier one")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let repeated = facts.named("repeat_share");
    let share = repeated
        .iter()
        .max_by(|a, b| a.value.total_cmp(&b.value))
        .ok_or_else(|| Missing::of("no metric `repeat_share`"))?;
    if share.value < limits.of("share") {
        return Ok(None);
    }
    let hit = facts.named("hit_time").into_iter().next();
    let response = facts.loads().iter().find_map(|load| load.seen("service", Stat::Mean).ok());
    let subject = facts.loads().first().map_or_else(|| share.step.clone(), crate::advice::Load::path);
    let gain = match (&hit, &response) {
        (Some(hit), Some(response)) => amdahl(
            "a request",
            (share.range().within(0.0, 1.0), share.source.clone()),
            (response.range().over(hit.range()), format!("{} / {}", response.source, hit.source)),
            vec![],
        ),
        _ => unknown("what a hit and a request take was not measured: record `hit_time`, and run a load"),
    };
    Ok(Some(
        Draft::new(subject, Resource::Workers)
            .rests(share)
            .shown(share.against(limits.at_least("share")))
            .cause(format!("{} of the requests ask what was asked before", share.text()))
            .action("keep answers (`moka` or `lru` in Rust, `functools.lru_cache`, a proxy with Cache-Control), with a limit on their number and their age")
            .fit(0.7, "hits make misses no slower is assumed")
            .gain(gain),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(share: f64) -> Made {
        Made::new()
            .probe("memory.latency", "", &[m("repeat_share", Unit::Ratio, share), m("hit_time", Unit::Seconds, 1e-4)])
            .load("shop", &[times("service", &[(0.01, 1000)])], &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // Half of them 100 times faster: 1 / (0.5 + 0.005).
        let found = fires(&RULE, run(0.5), &["50 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 1.0 / 0.505).abs() < 0.02);
        quiet(&RULE, run(0.1));
        lacking(&RULE);
    }
}
