//! The same HTTP call over a kept and over a new connection, from `tool.ladder`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.keep_alive",
        title: "A new connection for each HTTP request",
        looks_at: "`tool.ladder.latency{layer=http_new}` against `tool.ladder.latency{layer=http_keepalive}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "requests come so rarely that the server closes idle connections before the next",
        limits: &[LimitDef::new("ratio", 1.2, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("tool.ladder", "latency", &[("layer", "http_new")]),
        fast: Side("tool.ladder", "latency", &[("layer", "http_keepalive")]),
        goal: Goal::Lower,
        resource: Resource::Network,
        of: "an HTTP call",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("an HTTP call takes {slow} with a new connection and {fast} with a kept one ({times} times)");
        let action = "keep connections: one client for all calls (`reqwest::Client`, `requests.Session`), no `Connection: close`, and a keep-alive time above the pause between calls";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("tool.ladder", "layer=http_new", &[m("latency", Unit::Seconds, slow)]).probe(
            "tool.ladder",
            "layer=http_keepalive",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0024, 0.001), &[&Unit::Seconds.format(0.0024), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001164, 0.001));
        lacking(&RULE);
    }
}
