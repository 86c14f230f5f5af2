//! How much rounds of one step differ: half of their range over their median.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.spread",
        title: "Rounds differ much from each other",
        looks_at: "`spread` of the first metric of a step, at least `share`, with at least five rounds",
        needs: "a run with five rounds or more",
        model: "unknown: it makes changes hard to see, not slow",
        effort: Effort::Minutes,
        wrong_when: "the step measures something that changes by itself",
        limits: &[LimitDef::new("share", 0.10, Unit::Ratio, "half of the range over the median")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut worst: Option<Seen> = None;
    for step in facts.run.steps.iter().filter(|step| step.rounds() >= 5 && !step.plan.is_load()) {
        let Some(primary) = step.primary() else { continue };
        let seen = Seen::of(facts.id(), step, primary, Stat::Spread, engine_core::series::Labels::new());
        if let Some(seen) = seen.filter(|seen| worst.as_ref().is_none_or(|worst| seen.value > worst.value)) {
            worst = Some(seen);
        }
    }
    let mut worst = worst.ok_or_else(|| Missing::of("no step has five rounds"))?;
    worst.unit = Unit::Ratio;
    worst.interval = None;
    if worst.value < limits.of("share") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&worst.step, Resource::Trust)
            .rests(&worst)
            .shown(worst.against(limits.at_least("share")))
            .cause(format!("rounds of `{}` differ by {} either way, so that smaller changes cannot be seen", worst.step, worst.text()))
            .action("more rounds (`--profile long`), `engine pin` for CPU and governor, `isolate: true` for a fresh process each round")
            .gain(unknown("it makes changes hard to see, not slow")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(last: f64) -> Made {
        Made::new().probe("cpu.primes", "", &[m("time", Unit::Seconds, 1.0)]).changed(|record| {
            record.steps[0].measurements[0].rounds[4].values = vec![last];
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1.5), &["25", "cpu.primes"]);
        quiet(&RULE, run(1.05));
        lacking(&RULE);
    }
}
