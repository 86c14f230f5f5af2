//! Responses whose tail is far from their middle: what asks several services waits for the slowest (Dean and Barroso,
//! "The Tail at Scale", 2013).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.tail",
        title: "The tail is far from the middle",
        looks_at: "p99 of `response` of a load, at least `ratio` times its median",
        needs: "a load: `engine run load`",
        model: "unknown: it depends on how many requests a user waits for; with ten at once one user in ten meets the slowest of a hundred",
        effort: Effort::Days,
        wrong_when: "endpoints of unlike work are in one load: see each by itself",
        limits: &[LimitDef::new("ratio", 20.0, Unit::Count, "p99 over median")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let (middle, tail) = (load.seen("response", Stat::Median)?, load.seen("response", Stat::Percentile(99.0))?);
        let times = tail.range().over(middle.range());
        if times.value < limits.of("ratio") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .on(&[&middle, &tail])
                .shown(derived("p99 / median", facts.id(), times, Unit::Count, limits.at_least("ratio")))
                .cause(format!("one response in a hundred takes {} or longer, half take {} or less; who waits for ten at once meets such a one in {} of the cases", tail.text(), middle.text(), Unit::Ratio.format(1.0 - 0.99_f64.powi(10))))
                .action("see which endpoint it is (`engine report`), whether it comes at even distances (pauses) or with load (queueing); then time-outs with one hedged request after the p95")
                .gain(unknown("what a user waits for is not known")),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(tail: f64) -> Made {
        Made::new().load("shop", &[times("response", &[(2e-3, 980), (tail, 20)])], &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.2), &["200", "2.001 ms", "9.562 %"]);
        quiet(&RULE, run(0.03));
        lacking(&RULE);
    }
}
