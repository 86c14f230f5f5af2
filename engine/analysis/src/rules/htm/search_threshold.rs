//! Searching the nearest tensor with and without a least likeness, from `htm.tensor_search`: a threshold cuts off
//! most of the index.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "htm.search_threshold",
        title: "A search without a threshold",
        looks_at: "`htm.tensor_search.latency{least=any}` against `htm.tensor_search.latency{least=0.45}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "matches below the threshold are wanted too",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("htm.tensor_search", "latency", &[("least", "any")]),
        fast: Side("htm.tensor_search", "latency", &[("least", "0.45")]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "a search for the nearest",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("a search takes {slow} without a least likeness and {fast} with one of 0.45 ({times} times)");
        let action = "ask with the likeness below which a match is worth nothing to you";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("htm.tensor_search", "least=any", &[m("latency", Unit::Seconds, slow)]).probe(
            "htm.tensor_search",
            "least=0.45",
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
