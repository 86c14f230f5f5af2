//! A token's way to a thread on another CPU against one on the same, from `cpu.context_switch`: a wake-up across CPUs
//! pays for an interrupt and often for a CPU that sleeps.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.pinning",
        title: "Threads that talk to each other sit on different CPUs",
        looks_at: "`cpu.context_switch.cross_cpu` against `cpu.context_switch.hop`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "both threads have work to do at the same time: then two CPUs do more than one, whatever the wake-up costs",
        limits: &[LimitDef::new("ratio", 3.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("cpu.context_switch", "cross_cpu", &[]),
        fast: Side("cpu.context_switch", "hop", &[]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "handing work to another thread",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a wake-up on another CPU takes {slow}, on the same CPU {fast} ({times} times)");
        let action = "keep threads that wait for each other on one CPU (`taskset -c 2 PROGRAM`, `core_affinity` in Rust), or hand over work in batches";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        let metrics = [m("cross_cpu", Unit::Seconds, slow), m("hop", Unit::Seconds, fast)];
        Made::new().probe("cpu.context_switch", "", &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.006, 0.001), &[&Unit::Seconds.format(0.006), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.00291, 0.001));
        lacking(&RULE);
    }
}
