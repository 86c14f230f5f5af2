//! The measured clock against the highest that the system declares, from `cpu.clock`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.declared_clock",
        title: "The processor does not reach the clock that it declares",
        looks_at: "`cpu.clock.clock` at most `share` of `cpu.max_mhz` of the environment",
        needs: "`cpu.clock` and a machine that tells its highest clock: `engine run optimization`",
        model: "measured ratio, for work bound by the clock",
        effort: Effort::Minutes,
        wrong_when: "the declared clock is one that only one core reaches, for moments",
        limits: &[LimitDef::new("share", 0.9, Unit::Ratio, "measured over declared clock")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let clock = facts.seen("cpu.clock", "clock", &[])?;
    let most = 1e6 * *facts.fact("cpu.max_mhz", &facts.environment().cpu.max_mhz)?;
    let declared = Seen::plain("cpu.max_mhz", facts.id(), &[most; 5], most, Unit::Hertz);
    let share = clock.range().map(|clock| clock / most);
    if share.value > limits.of("share") {
        return Ok(None);
    }
    let limit = facts.environment().cpu.limit_mhz.copied().filter(|limit| 1e6 * limit < 0.99 * most);
    let cause =
        limit.map_or_else(String::new, |limit| format!("; a limit is set at {}", Unit::Hertz.format(1e6 * limit)));
    Ok(Some(
        Draft::new(&clock.step, Resource::Cpu)
            .on(&[&clock])
            .shown(facts.word("cpu.max_mhz", Unit::Hertz.format(most)))
            .shown(derived("clock / cpu.max_mhz", facts.id(), share, Unit::Ratio, limits.at_most("share")))
            .cause(format!("the clock reaches {} of the declared {}{cause}", clock.text(), declared.text()))
            .action("cpupower frequency-set -u MAX and the governor `performance` (as root); in the firmware: power limits and boost")
            .fit(0.6, "the declared clock may be one for moments only")
            .gain(ratio("work bound by the clock", &clock, &declared, Goal::Higher)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(clock: f64) -> Made {
        Made::new()
            .probe("cpu.clock", "", &[m("clock", Unit::Hertz, clock)])
            .environment(|environment| environment.cpu.max_mhz = engine_core::fact::Fact::Known(5000.0))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(3e9), &["3 GHz", "5 GHz"]);
        quiet(&RULE, run(4.6e9));
        lacking(&RULE);
    }
}
