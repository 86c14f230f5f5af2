//! A build after one change with incremental compilation off and on, from `build.touch`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.incremental",
        title: "Builds after a change start anew",
        looks_at: "`build.touch.wall{incremental=off}` against `build.touch.wall{incremental=on}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "a CI job builds once from nothing: there it costs time and room",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("build.touch", "wall", &[("incremental", "off")]),
        fast: Side("build.touch", "wall", &[("incremental", "on")]),
        goal: Goal::Lower,
        resource: Resource::Build,
        of: "a build after a change",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "after a change a build takes {slow} without incremental compilation and {fast} with it ({times} times)"
        );
        let action = "unset `CARGO_INCREMENTAL=0` for work at the desk, and set it in CI only";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("build.touch", "incremental=off", &[m("wall", Unit::Seconds, slow)]).probe(
            "build.touch",
            "incremental=on",
            &[m("wall", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0022, 0.001), &[&Unit::Seconds.format(0.0022), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001067, 0.001));
        lacking(&RULE);
    }
}
