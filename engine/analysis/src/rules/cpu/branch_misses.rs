//! Branches that the processor cannot guess: the same loop over sorted and over random bytes, from `cpu.branch`. The
//! cost of a wrong guess is that of refilling the pipeline (Fog, "The microarchitecture of Intel, AMD and VIA CPUs").

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.branch_misses",
        title: "Branches on data in random order",
        looks_at: "`cpu.branch.time{order=random}` against `cpu.branch.time{order=sorted}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "the data of your loop are sorted or regular already, or the compiler has made the branch a conditional move",
        limits: &[LimitDef::new("ratio", 3.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("cpu.branch", "time", &[("order", "random")]),
        fast: Side("cpu.branch", "time", &[("order", "sorted")]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "a branch on the data",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a branch takes {slow} on data in random order and {fast} in sorted order ({times} times): each wrong guess refills the pipeline"
        );
        let action = "sort or partition the data before the loop, or write the branch as arithmetic (`min`, masks, `select`); look at the loop with `perf annotate`";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("cpu.branch", "order=random", &[m("time", Unit::Seconds, slow)]).probe(
            "cpu.branch",
            "order=sorted",
            &[m("time", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.006, 0.001), &[&Unit::Seconds.format(0.006), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.00291, 0.001));
        lacking(&RULE);
    }
}
