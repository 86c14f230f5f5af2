//! Processors on battery are slowed down by the system.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.battery",
        title: "The machine runs on battery",
        looks_at: "`power.source` of the environment is `battery`",
        needs: "a machine that tells its power supply: any run",
        model: "unknown: the run measured one state only",
        effort: Effort::Minutes,
        wrong_when: "the program is meant to run on battery",
        limits: &[],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let source = facts.fact("power.source", &facts.environment().power.source)?;
    let _ = limits;
    if source != "battery" {
        return Ok(None);
    }
    Ok(Some(
        Draft::new("run", Resource::Trust)
            .shown(facts.word("power.source", source.as_str()))
            .cause("the machine runs on battery, where systems lower clock and power")
            .action("plug it in, and run again")
            .gain(unknown("the run measured one state only")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(source: &str) -> Made {
        Made::new().environment(|environment| {
            environment.power.source = engine_core::fact::Fact::Known(source.to_owned());
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("battery"), &["battery"]);
        quiet(&RULE, run("mains"));
        lacking(&RULE);
    }
}
