//! The arithmetic that a capturing pass reaches against the peak of one thread of this machine, from `nam.map` and
//! `cpu.fma`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "nam.peak",
        title: "The network uses little of the processor",
        looks_at: "`nam.map.work` at most `share` of `cpu.fma.rate` in f32 with one thread",
        needs: "`nam.map` and `cpu.fma` in one run: `engine run optimization`",
        model: "roofline with the measured ceiling of one thread; an upper bound",
        effort: Effort::Days,
        wrong_when: "weights come from memory and not from a cache: then its bandwidth is the ceiling",
        limits: &[LimitDef::new("share", 0.3, Unit::Ratio, "reached over peak")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let single = |seen: &Seen| seen.labels.get("precision") == Some("f32") && seen.labels.get("threads") == Some("1");
    let rates = facts.all("cpu.fma", "rate").into_iter().filter(single);
    let peak = rates.max_by(|a, b| a.value.total_cmp(&b.value));
    let peak = peak.ok_or_else(|| Missing::of("no `rate` of `cpu.fma` in f32 with one thread"))?;
    let all = facts.all("nam.map", "work");
    let best =
        all.iter().max_by(|a, b| a.value.total_cmp(&b.value)).ok_or_else(|| Missing::of("no `work` of `nam.map`"))?;
    let share = best.range().over(peak.range());
    if share.value > limits.of("share") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&best.step, Resource::Cpu)
            .on(&[best, &peak])
            .shown(derived("work / peak of one thread", facts.id(), share, Unit::Ratio, limits.at_most("share")))
            .cause(format!("the pass reaches {} of a measured peak of {}", best.text(), peak.text()))
            .action("larger batches, layers padded to multiples of 16, weights in the order in which they are read; `perf stat -d` tells arithmetic from waiting")
            .fit(0.4, "an upper bound: few networks come near the peak")
            .gain(roofline("a pass through the network", best, &peak)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(work: f64) -> Made {
        Made::new().probe("cpu.fma", "precision=f32, threads=1", &[m("rate", Unit::FlopsPerSecond, 250e9)]).probe(
            "nam.map",
            "batch=64",
            &[m("work", Unit::FlopsPerSecond, work)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(50e9), &["50 GFLOP/s", "250 GFLOP/s"]);
        quiet(&RULE, run(100e9));
        lacking(&RULE);
    }
}
