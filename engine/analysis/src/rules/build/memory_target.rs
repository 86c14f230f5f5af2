//! A build into the scratch folder against one into memory, from `build.release`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.memory_target",
        title: "Build results on a slow disk",
        looks_at: "`build.release.wall{target=scratch, codegen_units=0, lto=profile, opt_level=profile}` against `build.release.wall{target=memory}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "memory is short: a target folder easily takes 10 GiB",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side(
            "build.release",
            "wall",
            &[("target", "scratch"), ("codegen_units", "0"), ("lto", "profile"), ("opt_level", "profile")],
        ),
        fast: Side("build.release", "wall", &[("target", "memory")]),
        goal: Goal::Lower,
        resource: Resource::Storage,
        of: "a build",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a build takes {slow} on disk and {fast} in memory ({times} times)");
        let action = "build in memory (`CARGO_TARGET_DIR=/dev/shm/target cargo build`)";
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
                "target=scratch, codegen_units=0, lto=profile, opt_level=profile",
                &[m("wall", Unit::Seconds, slow)],
            )
            .probe("build.release", "target=memory", &[m("wall", Unit::Seconds, fast)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0022, 0.001), &[&Unit::Seconds.format(0.0022), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001067, 0.001));
        lacking(&RULE);
    }
}
