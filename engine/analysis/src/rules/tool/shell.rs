//! A call through `sh -c` against the program itself, from `tool.ladder`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "tool.shell",
        title: "A shell between the caller and the program",
        looks_at: "`tool.ladder.latency{layer=shell}` against `tool.ladder.latency{layer=spawn}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "the command needs the shell: pipes, globs, variables",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("tool.ladder", "latency", &[("layer", "shell")]),
        fast: Side("tool.ladder", "latency", &[("layer", "spawn")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "starting a program",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a program takes {slow} to start through a shell and {fast} by itself ({times} times)");
        let action = "start the program itself (`Command::new(\"grep\").args([..])`, `subprocess.run([..])` without `shell=True`)";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("tool.ladder", "layer=shell", &[m("latency", Unit::Seconds, slow)]).probe(
            "tool.ladder",
            "layer=spawn",
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
