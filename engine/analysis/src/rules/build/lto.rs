//! A release build with thin link-time optimisation against that of the profile, from `build.release`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.lto",
        title: "Link-time optimisation in every build",
        looks_at: "`build.release.wall{lto=thin}` against `build.release.wall{lto=profile, codegen_units=0, opt_level=profile, target=scratch}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "the program that is shipped needs it: measure its run time with both",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("build.release", "wall", &[("lto", "thin")]),
        fast: Side(
            "build.release",
            "wall",
            &[("lto", "profile"), ("codegen_units", "0"), ("opt_level", "profile"), ("target", "scratch")],
        ),
        goal: Goal::Lower,
        resource: Resource::Build,
        of: "a release build",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a build takes {slow} with thin LTO and {fast} without ({times} times)");
        let action = "keep `lto` to a profile of its own (`[profile.dist] inherits = \"release\"; lto = \"thin\"`) and build with it only what is shipped";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("build.release", "lto=thin", &[m("wall", Unit::Seconds, slow)]).probe(
            "build.release",
            "lto=profile, codegen_units=0, opt_level=profile, target=scratch",
            &[m("wall", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0026, 0.001), &[&Unit::Seconds.format(0.0026), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001261, 0.001));
        lacking(&RULE);
    }
}
