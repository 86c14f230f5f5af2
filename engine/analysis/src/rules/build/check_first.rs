//! A debug build against `cargo check`, from `build.debug` and `build.check`: a check leaves out code generation and
//! the linker.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.check_first",
        title: "A whole build where a check would do",
        looks_at: "`build.debug.wall` against `build.check.wall`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "the program is run after each change anyway",
        limits: &[LimitDef::new("ratio", 1.2, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("build.debug", "wall", &[("debuginfo", "profile")]),
        fast: Side("build.check", "wall", &[("debuginfo", "profile")]),
        goal: Goal::Lower,
        resource: Resource::Build,
        of: "finding the next compile error",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a debug build takes {slow}, a check {fast} ({times} times)");
        let action = "use `cargo check` (or `bacon`) while writing, and build to run";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("build.debug", "debuginfo=profile", &[m("wall", Unit::Seconds, slow)]).probe(
            "build.check",
            "debuginfo=profile",
            &[m("wall", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0024, 0.001), &[&Unit::Seconds.format(0.0024), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001164, 0.001));
        lacking(&RULE);
    }
}
