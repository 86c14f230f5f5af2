//! A tool as a new process against one that stays and answers over its standard streams, from `tool.ladder`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "tool.persistent",
        title: "A process is started for each call",
        looks_at: "`tool.ladder.latency{layer=spawn}` against `tool.ladder.latency{layer=stdio}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "the tool is called a few times only, or must not keep state from one call to the next",
        limits: &[LimitDef::new("ratio", 2.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("tool.ladder", "latency", &[("layer", "spawn")]),
        fast: Side("tool.ladder", "latency", &[("layer", "stdio")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "a tool call",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("starting a process for a call takes {slow}, a call of one that stays {fast} ({times} times)");
        let action = "start the tool once and speak JSON-RPC over its standard streams (a server of the Model Context Protocol), or call it in the process";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("tool.ladder", "layer=spawn", &[m("latency", Unit::Seconds, slow)]).probe(
            "tool.ladder",
            "layer=stdio",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.004, 0.001), &[&Unit::Seconds.format(0.004), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.00194, 0.001));
        lacking(&RULE);
    }
}
