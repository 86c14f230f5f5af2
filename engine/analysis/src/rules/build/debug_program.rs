//! Programs that were built without optimisation: their path says so, and where the run has the optimised twin as a
//! case, the ratio of both is the gain.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.debug_program",
        title: "A debug build is run",
        looks_at: "the path of a program holds `/debug/`, and its `wall` is at least `ratio` times that of its twin in `/release/` where there is one",
        needs: "a program of yours: `engine time target/debug/app target/release/app`",
        model: "measured ratio of both builds where both were run; else unknown",
        effort: Effort::Minutes,
        wrong_when: "the program is run to be debugged",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "debug over release")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let walls = facts.all("tool.command", "wall");
    if walls.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    let path = |seen: &Seen| {
        seen.labels.get("command").and_then(|words| words.split(' ').next()).unwrap_or_default().to_owned()
    };
    let debug = walls.iter().find(|seen| path(seen).contains("/debug/"));
    let Some(debug) = debug else { return Ok(None) };
    let twin = path(debug).replace("/debug/", "/release/");
    let release = walls.iter().find(|seen| path(seen) == twin);
    let draft = Draft::new(&debug.step, Resource::Build)
        .on(&[debug])
        .shown(facts.word("program", path(debug)))
        .action("cargo build --release, and run target/release; debug builds are for finding errors");
    let Some(release) = release else {
        return Ok(Some(
            draft
                .cause(format!("`{}` was built without optimisation", path(debug)))
                .gain(unknown("the optimised build was not run: `engine time target/debug/app target/release/app`")),
        ));
    };
    let times = debug.range().over(release.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    Ok(Some(
        draft
            .on(&[release])
            .shown(derived("debug / release", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!("the debug build takes {}, the release build {}", debug.text(), release.text()))
            .gain(ratio("the program", debug, release, Goal::Lower)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(debug: f64, twin: bool) -> Made {
        let wall = |value| [m("wall", Unit::Seconds, value)];
        let run = Made::new().probe("tool.command", "command=./target/debug/app -x", &wall(debug));
        if twin { run.probe("tool.command", "command=./target/release/app -x", &wall(1.0)) } else { run }
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(8.0, true), &["8 s", "1 s"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 8.0).abs() < 0.1);
        fires(&RULE, run(8.0, false), &["target/debug/app"]);
        quiet(&RULE, run(1.02, true));
        lacking(&RULE);
    }
}
