//! Bandwidth that does not grow with threads: memory is the limit, and not the processors.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.bandwidth_limit",
        title: "More threads bring no more bandwidth",
        looks_at: "`memory.stream.rate` with all threads over that of one, at most `share` of their number",
        needs: "`memory.stream` with one and with all threads: `engine run optimization`",
        model: "unknown: what a program would gain depends on how far its traffic can be cut",
        effort: Effort::Days,
        wrong_when: "the working set fits the caches, so that the program does not read memory at all",
        limits: &[LimitDef::new("share", 0.6, Unit::Ratio, "speed-up over threads")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let wanted = |threads| [("kernel", "triad"), ("stores", "plain"), ("threads", threads)];
    let one = facts.seen("memory.stream", "rate", &wanted("1"))?;
    let all = facts.seen("memory.stream", "rate", &wanted("all"))?;
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let share = all.range().over(one.range()).map(|speedup| speedup / cpus);
    if cpus < 2.0 || share.value > limits.of("share") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&all.step, Resource::Memory)
            .on(&[&one, &all])
            .shown(derived("rate of all / rate of one / CPUs", facts.id(), share, Unit::Ratio, limits.at_most("share")))
            .cause(format!("{cpus:.0} CPUs reach {} where one reaches {}: memory is the limit", all.text(), one.text()))
            .action(
                "read less memory: smaller types, fused loops, blocks that fit the caches; more threads do not help",
            )
            .gain(unknown("how far the traffic can be cut is not known")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(all: f64) -> Made {
        let rate = |value| [m("rate", Unit::BytesPerSecond, value)];
        Made::new().cpus(8).probe("memory.stream", "kernel=triad, stores=plain, threads=1", &rate(20e9)).probe(
            "memory.stream",
            "kernel=triad, stores=plain, threads=all",
            &rate(all),
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(40e9), &["20 GB/s", "40 GB/s", "25 %"]);
        quiet(&RULE, run(110e9));
        lacking(&RULE);
    }
}
