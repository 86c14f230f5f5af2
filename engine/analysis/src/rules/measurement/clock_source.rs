//! A clock that must be read by a system call (a clock source other than the time stamp counter), from
//! `cpu.system_call`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.clock_source",
        title: "Reading the clock is slow",
        looks_at: "`cpu.system_call.clock` at least `read`",
        needs: "`cpu.system_call`: `engine run optimization`",
        model: "measured ratio: a reading by the system call and as programs do it are alike where the fast way is off, so the gain is that of a usual 25 ns; unknown here",
        effort: Effort::Minutes,
        wrong_when: "the program reads the clock rarely",
        limits: &[LimitDef::new("read", 0.0000001, Unit::Seconds, "a reading of the clock")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let clock = facts.seen("cpu.system_call", "clock", &[])?;
    if clock.value < limits.of("read") {
        return Ok(None);
    }
    let source = facts.environment().os.clock_source.as_deref().unwrap_or("unknown").to_owned();
    Ok(Some(
        Draft::new(&clock.step, Resource::Trust)
            .rests(&clock)
            .shown(clock.against(limits.at_least("read")))
            .shown(facts.word("os.clock_source", source.as_str()))
            .cause(format!("reading the clock takes {} with the clock source `{source}`", clock.text()))
            .action("echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource (as root), where it is offered")
            .gain(unknown("the other clock source was not measured")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(read: f64) -> Made {
        Made::new()
            .probe("cpu.system_call", "", &[m("clock", Unit::Seconds, read)])
            .environment(|environment| environment.os.clock_source = engine_core::fact::Fact::Known("hpet".to_owned()))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1.2e-6), &["1.200 us", "hpet"]);
        quiet(&RULE, run(3e-8));
        lacking(&RULE);
    }
}
