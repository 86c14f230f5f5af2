//! Checking arguments against a schema that is compiled once, and at each call, from `tool.ladder`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "tool.schema",
        title: "The schema of a tool is compiled for each call",
        looks_at: "`tool.ladder.latency{layer=schema_compile}` against `tool.ladder.latency{layer=schema_cached}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "schemas change from call to call",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("tool.ladder", "latency", &[("layer", "schema_compile")]),
        fast: Side("tool.ladder", "latency", &[("layer", "schema_cached")]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "a checked call",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a call takes {slow} when its schema is compiled each time and {fast} when it is kept ({times} times)"
        );
        let action = "compile the validator when the tool is registered, and keep it";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("tool.ladder", "layer=schema_compile", &[m("latency", Unit::Seconds, slow)]).probe(
            "tool.ladder",
            "layer=schema_cached",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0022, 0.001), &[&Unit::Seconds.format(0.0022), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001067, 0.001));
        lacking(&RULE);
    }
}
