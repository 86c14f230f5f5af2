//! Requests that take far longer than most: p99 of random reads against their median.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.tail",
        title: "Some requests take far longer than most",
        looks_at: "p99 of `storage.randread.latency` at depth 1, at least `ratio` times its median",
        needs: "random reads at depth 1: `engine run optimization`",
        model: "unknown: what the tail costs depends on who waits for it",
        effort: Effort::Days,
        wrong_when: "somebody else uses the device at the same time",
        limits: &[LimitDef::new("ratio", 10.0, Unit::Count, "p99 over median")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let wanted = [("depth", "1")];
    let middle = facts.statistic("storage.randread", "latency", &wanted, Stat::Median)?;
    let tail = facts.statistic("storage.randread", "latency", &wanted, Stat::Percentile(99.0))?;
    let times = tail.range().over(middle.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&middle.step, Resource::Storage)
            .on(&[&middle, &tail])
            .shown(derived("p99 / median", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!("one read in a hundred takes {} or longer, where half take {} or less", tail.text(), middle.text()))
            .action("look for what else uses the device (`iotop`, `biolatency`), for a drive that collects garbage (`fstrim -av`), and for the limits of a virtual disk")
            .gain(unknown("a tail has no model without the work that waits for it")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(tail: f64) -> Made {
        let mut latency = m("latency", Unit::Seconds, 1e-4);
        for round in &mut latency.rounds {
            round.values = (0..1000).map(|at| if at < 980 { 1e-4 } else { tail }).collect();
        }
        Made::new().probe("storage.randread", "depth=1", &[latency])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(5e-3), &["5 ms", "100 us"]);
        quiet(&RULE, run(9e-4));
        lacking(&RULE);
    }
}
