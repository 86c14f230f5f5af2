//! The clock with all CPUs busy against that with one, from `cpu.scaling`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.clock_drop",
        title: "The clock falls when all CPUs are busy",
        looks_at: "`cpu.scaling.clock_drop` at least `drop`",
        needs: "`cpu.scaling`: `engine run optimization`",
        model: "overhead share: the clock that is lost, for work bound by the clock",
        effort: Effort::Days,
        wrong_when: "the processor is made to boost one core far: then the drop is by design",
        limits: &[LimitDef::new("drop", 0.05, Unit::Ratio, "clock that is lost")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let drop = facts.seen("cpu.scaling", "clock_drop", &[])?;
    if drop.value < limits.of("drop") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&drop.step, Resource::Cpu)
            .rests(&drop)
            .shown(drop.against(limits.at_least("drop")))
            .cause(format!("{} of the clock are lost when all CPUs are busy: power, heat or wide vectors", drop.text()))
            .action("look at limits (`turbostat`, `engine doctor`): cooling, the power limit of the firmware, the plan of the provider")
            .fit(0.6, "part of a drop is by design")
            .gain(overhead("work on all CPUs", drop.range(), &drop.source, vec![])),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(drop: f64) -> Made {
        Made::new().probe("cpu.scaling", "", &[m("clock_drop", Unit::Ratio, drop)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.2), &["20 %"]);
        quiet(&RULE, run(0.04));
        lacking(&RULE);
    }
}
