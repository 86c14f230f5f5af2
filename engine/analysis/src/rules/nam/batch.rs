//! Rows a second by batch, from `nam.map`: a batch reads the weights once for all its rows.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "nam.batch",
        title: "Rows go through the network one by one",
        looks_at: "`nam.map.rate{batch=1}` against `nam.map.rate{batch=64}`, at least `ratio` times as much",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "each answer is needed before the next row is there",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("nam.map", "rate", &[("batch", "1")]),
        fast: Side("nam.map", "rate", &[("batch", "64")]),
        goal: Goal::Higher,
        resource: Resource::Cpu,
        of: "rows through the network",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("{slow} rows go through one at a time and {fast} in batches of 64 ({times} times)");
        let action = "collect rows to batches of 64 before the pass (for a service: what arrives within a millisecond)";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("nam.map", "batch=1", &[m("rate", Unit::PerSecond, slow)]).probe(
            "nam.map",
            "batch=64",
            &[m("rate", Unit::PerSecond, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(10000.0, 30000.0), &[&Unit::PerSecond.format(10000.0), &Unit::PerSecond.format(30000.0)]);
        quiet(&RULE, run(10000.0, 14550.0));
        lacking(&RULE);
    }
}
