//! Hardware threads that share a core: where they are on and all of them reach little more than the cores alone, from
//! `cpu.scaling`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.smt",
        title: "Hardware threads bring little",
        looks_at: "`cpu.smt` is `on`, and `cpu.scaling.efficiency` at most `efficiency`",
        needs: "`cpu.scaling` on a machine whose SMT state is known: `engine run optimization`",
        model: "unknown: what fewer threads would reach is not measured by this run",
        effort: Effort::Minutes,
        wrong_when: "the work waits for memory: then hardware threads hide its latency",
        limits: &[LimitDef::new(
            "efficiency",
            0.65,
            Unit::Ratio,
            "rate of all hardware threads over that many times one",
        )],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let smt = facts.fact("cpu.smt", &facts.environment().cpu.smt)?;
    let efficiency = facts.seen("cpu.scaling", "efficiency", &[])?;
    if smt != "on" || efficiency.value > limits.of("efficiency") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&efficiency.step, Resource::Cpu)
            .rests(&efficiency)
            .shown(efficiency.against(limits.at_most("efficiency")))
            .shown(facts.word("cpu.smt", smt.as_str()))
            .cause(format!("with SMT on, all hardware threads reach {} of that many times one", efficiency.text()))
            .action("use as many threads as cores (`RAYON_NUM_THREADS`, `taskset -c` with one CPU of each core) and compare; to switch SMT off: echo off > /sys/devices/system/cpu/smt/control")
            .gain(unknown("what one thread a core reaches was not measured: sweep `threads` over cores and hardware threads")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(smt: &str, efficiency: f64) -> Made {
        Made::new()
            .probe("cpu.scaling", "", &[m("efficiency", Unit::Ratio, efficiency)])
            .environment(|environment| environment.cpu.smt = engine_core::fact::Fact::Known(smt.to_owned()))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("on", 0.55), &["55 %", "on"]);
        quiet(&RULE, run("on", 0.7));
        quiet(&RULE, run("off", 0.55));
        lacking(&RULE);
    }
}
