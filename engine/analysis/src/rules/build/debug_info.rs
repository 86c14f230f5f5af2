//! A debug build with and without debug information, from `build.debug`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.debug_info",
        title: "Debug information that nobody reads",
        looks_at: "`build.debug.wall{debuginfo=profile}` against `build.debug.wall{debuginfo=none}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "a debugger or a profiler is used on the program",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("build.debug", "wall", &[("debuginfo", "profile")]),
        fast: Side("build.debug", "wall", &[("debuginfo", "none")]),
        goal: Goal::Lower,
        resource: Resource::Build,
        of: "a debug build",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a debug build takes {slow} with the debug information of its profile and {fast} without ({times} times)"
        );
        let action = "set `debug = \"line-tables-only\"` (or `false`) in `[profile.dev]`, and `[profile.dev.package.\"*\"] debug = false`";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("build.debug", "debuginfo=profile", &[m("wall", Unit::Seconds, slow)]).probe(
            "build.debug",
            "debuginfo=none",
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
