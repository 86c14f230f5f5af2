//! A tool server that takes calls one at a time: throughput by the number in flight, from `tool.concurrency`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "tool.serial_server",
        title: "The tool server takes calls one at a time",
        looks_at: "`tool.concurrency.throughput` with the most calls in flight, at most `speedup` times that with one",
        needs: "`tool.concurrency`: `engine run optimization`",
        model: "unknown, with the bound that Amdahl's law sets: how much of it can go was not measured",
        effort: Effort::Days,
        wrong_when: "calls are shorter than what it takes to hand them to another thread",
        limits: &[LimitDef::new("speedup", 1.2, Unit::Count, "throughput with many in flight over one")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let all = facts.all("tool.concurrency", "throughput");
    let level = |seen: &Seen| seen.labels.get("concurrency").and_then(|text| text.parse::<f64>().ok());
    let one = all.iter().find(|seen| level(seen) == Some(1.0));
    let most = all.iter().max_by(|a, b| level(a).unwrap_or(0.0).total_cmp(&level(b).unwrap_or(0.0)));
    let (Some(one), Some(most)) = (one, most.filter(|seen| level(seen).unwrap_or(0.0) > 1.0)) else {
        return Err(Missing::of("no `throughput` of `tool.concurrency` with one and with several in flight"));
    };
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let speedup = most.range().over(one.range());
    let n = level(most).unwrap_or(1.0);
    if cpus < 2.0 || speedup.value > limits.of("speedup") {
        return Ok(None);
    }
    let lost = speedup.map(|speedup| 1.0 - speedup.max(1.0) / cpus.min(n));
    Ok(Some(
        Draft::new(&most.step, Resource::Serial)
            .on(&[one, most])
            .shown(derived(format!("throughput of {n:.0} in flight / of 1"), facts.id(), speedup, Unit::Count, limits.at_most("speedup")))
            .cause(format!("with {n:.0} calls in flight the server answers {}, with one {}", most.text(), one.text()))
            .action("answer each call in a task of its own (`tokio::spawn`, a pool of threads) and write answers under one lock; or run several servers")
            .gain(bound("calls", lost, "1 - throughput / as many as there are CPUs")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(many: f64) -> Made {
        let row = |level: &str, value| ml("throughput", &format!("concurrency={level}"), Unit::PerSecond, value);
        Made::new().cpus(4).probe("tool.concurrency", "most=16", &[row("1", 1000.0), row("16", many)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1050.0), &["16 calls", "1050/s", "1000/s"]);
        quiet(&RULE, run(2500.0));
        lacking(&RULE);
    }
}
