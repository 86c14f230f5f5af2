//! The engine measures with code of its own: a debug build of it measures itself.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.debug_build",
        title: "The engine is a debug build",
        looks_at: "`binary.profile` of the environment is `debug`",
        needs: "any run",
        model: "unknown: kernels of the engine are slower by a factor that differs from each to each",
        effort: Effort::Minutes,
        wrong_when: "only programs and services of yours are measured",
        limits: &[],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let profile = facts.fact("binary.profile", &facts.environment().binary.profile)?;
    let _ = limits;
    if profile != "debug" {
        return Ok(None);
    }
    Ok(Some(
        Draft::new("run", Resource::Trust)
            .shown(facts.word("binary.profile", profile.as_str()))
            .cause("the engine is a debug build: what it measures with code of its own is too slow")
            .action("cargo build --release, and run target/release/engine")
            .fit(0.95, "")
            .gain(unknown("each kernel is slower by a factor of its own")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(profile: &str) -> Made {
        Made::new().environment(|environment| {
            environment.binary.profile = engine_core::fact::Fact::Known(profile.to_owned());
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("debug"), &["debug"]);
        quiet(&RULE, run("release"));
        lacking(&RULE);
    }
}
