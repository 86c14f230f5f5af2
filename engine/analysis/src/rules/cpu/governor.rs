//! Frequency governors that start low: the clock of the first milliseconds after idling against the best, from
//! `cpu.clock`, where the governor is not `performance`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.governor",
        title: "The clock starts low after a pause",
        looks_at: "`cpu.governor` of the environment, and `cpu.clock.start` at most `start` of `cpu.clock.clock`",
        needs: "the governor of the machine and `cpu.clock`: `engine run optimization`",
        model: "measured ratio of the best clock and that after idling: an upper bound, for work shorter than the ramp",
        effort: Effort::Minutes,
        wrong_when: "the work runs for much longer than the clock takes to rise, or the machine must save power",
        limits: &[LimitDef::new("start", 0.9, Unit::Ratio, "clock after idling over the best")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let governor = facts.fact("cpu.governor", &facts.environment().cpu.governor)?;
    let best = facts.seen("cpu.clock", "clock", &[])?;
    let start = facts.seen("cpu.clock", "start", &[])?;
    let share = start.range().over(best.range());
    if governor == "performance" || share.value > limits.of("start") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&best.step, Resource::Cpu)
            .on(&[&start, &best])
            .shown(facts.word("cpu.governor", governor.as_str()))
            .shown(derived("start / clock", facts.id(), share, Unit::Ratio, limits.at_most("start")))
            .cause(format!(
                "with the governor `{governor}` the clock is {} after a pause and rises to {} only then",
                start.text(),
                best.text()
            ))
            .action("cpupower frequency-set -g performance (as root; for one measurement: `engine pin` in front of it)")
            .fit(0.7, "short work gains all of it, long work nothing")
            .gain(ratio("work shorter than the ramp", &start, &best, Goal::Higher)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(governor: &str, start: f64) -> Made {
        let metrics = [m("clock", Unit::Hertz, 4e9), m("start", Unit::Hertz, start)];
        Made::new()
            .probe("cpu.clock", "", &metrics)
            .environment(|environment| environment.cpu.governor = engine_core::fact::Fact::Known(governor.to_owned()))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("powersave", 1.2e9), &["powersave", "1.200 GHz", "4 GHz"]);
        quiet(&RULE, run("powersave", 3.9e9));
        quiet(&RULE, run("performance", 1.2e9));
        lacking(&RULE);
    }
}
