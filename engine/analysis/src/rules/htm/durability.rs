//! Putting a pattern into the store with and without a file, from `htm.store_put`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "htm.durability",
        title: "Each pattern is written out by itself",
        looks_at: "`htm.store_put.latency{durability=process}` against `htm.store_put.latency{durability=none}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "a pattern must survive the end of the process as soon as it is put",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("htm.store_put", "latency", &[("durability", "process")]),
        fast: Side("htm.store_put", "latency", &[("durability", "none")]),
        goal: Goal::Lower,
        resource: Resource::Storage,
        of: "a put",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a put takes {slow} when it survives the process and {fast} when it is kept in memory only ({times} times)"
        );
        let action = "put in batches and make them durable at their end";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("htm.store_put", "durability=process", &[m("latency", Unit::Seconds, slow)]).probe(
            "htm.store_put",
            "durability=none",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.003, 0.001), &[&Unit::Seconds.format(0.003), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001455, 0.001));
        lacking(&RULE);
    }
}
