//! A release build in one unit a crate against the profile's number, from `build.release`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.codegen_units",
        title: "More code generation units than help",
        looks_at: "`build.release.wall{codegen_units=0, lto=profile, opt_level=profile, target=scratch}` against `build.release.wall{codegen_units=1}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "crates are few and large and CPUs many: then units are what keeps CPUs busy",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side(
            "build.release",
            "wall",
            &[("codegen_units", "0"), ("lto", "profile"), ("opt_level", "profile"), ("target", "scratch")],
        ),
        fast: Side("build.release", "wall", &[("codegen_units", "1")]),
        goal: Goal::Lower,
        resource: Resource::Build,
        of: "a release build",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("a build takes {slow} with the profile's units and {fast} with one a crate ({times} times)");
        let action = "set `codegen-units = 1` in `[profile.release]`; programs become a little faster too";
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
                "codegen_units=0, lto=profile, opt_level=profile, target=scratch",
                &[m("wall", Unit::Seconds, slow)],
            )
            .probe("build.release", "codegen_units=1", &[m("wall", Unit::Seconds, fast)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0022, 0.001), &[&Unit::Seconds.format(0.0022), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001067, 0.001));
        lacking(&RULE);
    }
}
