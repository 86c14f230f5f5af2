//! Little's law as a check of what a sweep measured: users over rate times time.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.little",
        title: "Users, rates and times do not agree",
        looks_at: "`little` of a sweep, further from 1 than `off`",
        needs: "a sweep over users: `scale(\"shop\", #{ .., users: [1, 2, 4, 8, 16] })`",
        model: "Little's law; no gain",
        effort: Effort::Hours,
        wrong_when: "the sweep was never steady",
        limits: &[LimitDef::new("off", 0.05, Unit::Ratio, "distance from 1")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let sweeps = facts.sweeps();
    if sweeps.is_empty() {
        return Err(Missing::of("the run has no sweep over users"));
    }
    let mut drafts = Vec::new();
    for load in sweeps {
        let Ok(ratio) = load.seen("little", Stat::Median) else { continue };
        let off = Range::exact((ratio.value - 1.0).abs());
        if off.value < limits.of("off") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Trust)
                .on(&[&ratio])
                .shown(derived("|little - 1|", facts.id(), off, Unit::Ratio, limits.at_least("off")))
                .cause(format!(
                    "users over rate times time is {} and should be 1: something was not counted, or counted twice",
                    ratio.text()
                ))
                .action("hold levels longer (`hold:`), and see time-outs and pauses of users")
                .gain(unknown("it is a check of the measurement")),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(ratio: f64) -> Made {
        Made::new().sweep("shop", &[1.0, 2.0], &[m("little", Unit::Ratio, ratio)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1.4), &["140 %", "40 %"]);
        quiet(&RULE, run(1.03));
        lacking(&RULE);
    }
}
