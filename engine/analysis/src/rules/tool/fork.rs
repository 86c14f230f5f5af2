//! `fork` and `exec` against `posix_spawn` from a process that holds much memory, from `tool.ladder`: a fork copies
//! the page tables.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "tool.fork",
        title: "A large process forks to start others",
        looks_at: "`tool.ladder.latency{layer=fork_large}` against `tool.ladder.latency{layer=spawn_large}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "the process that starts others is small",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("tool.ladder", "latency", &[("layer", "fork_large")]),
        fast: Side("tool.ladder", "latency", &[("layer", "spawn_large")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "starting a program from a large process",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("from a large process a fork takes {slow} and `posix_spawn` {fast} ({times} times)");
        let action = "use `posix_spawn` (`Command` in Rust does unless it has a `pre_exec`; Python's `subprocess` with `close_fds=False`), or let a small helper start programs";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("tool.ladder", "layer=fork_large", &[m("latency", Unit::Seconds, slow)]).probe(
            "tool.ladder",
            "layer=spawn_large",
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
