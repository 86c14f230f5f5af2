//! A release build with `opt-level = 1` against that of the profile, from `build.release`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.opt_level",
        title: "Full optimisation where half would do",
        looks_at: "`build.release.wall{opt_level=profile, codegen_units=0, lto=profile, target=scratch}` against `build.release.wall{opt_level=1}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "what is built is what is measured or shipped",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side(
            "build.release",
            "wall",
            &[("opt_level", "profile"), ("codegen_units", "0"), ("lto", "profile"), ("target", "scratch")],
        ),
        fast: Side("build.release", "wall", &[("opt_level", "1")]),
        goal: Goal::Lower,
        resource: Resource::Build,
        of: "an optimised build",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a build takes {slow} at the profile's level and {fast} at level 1 ({times} times)");
        let action =
            "use `opt-level = 1` in `[profile.dev.package.\"*\"]` and for test builds; keep 3 for what is shipped";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new()
            .probe(
                "build.release",
                "opt_level=profile, codegen_units=0, lto=profile, target=scratch",
                &[m("wall", Unit::Seconds, slow)],
            )
            .probe("build.release", "opt_level=1", &[m("wall", Unit::Seconds, fast)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0022, 0.001), &[&Unit::Seconds.format(0.0022), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001067, 0.001));
        lacking(&RULE);
    }
}
