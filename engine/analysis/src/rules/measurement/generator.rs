//! A generator that is late or out of CPU measures itself.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.generator",
        title: "The load generator is busy or late",
        looks_at: "`generator.cpu` of a load at least `busy`, or p99 of `lag` at least `lag` of p99 of `response`",
        needs: "a load: `engine run load`",
        model: "unknown: it makes numbers doubtful",
        effort: Effort::Minutes,
        wrong_when: "the load was meant to find the limit of the generator",
        limits: &[
            LimitDef::new("busy", 0.9, Unit::Ratio, "CPU that the busiest thread used"),
            LimitDef::new("lag", 0.2, Unit::Ratio, "lateness over response"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let cpu = load.seen("generator.cpu", Stat::Median)?;
        let late = load.seen("lag", Stat::Percentile(99.0)).ok();
        let response = load.seen("response", Stat::Percentile(99.0)).ok();
        let share = match (&late, &response) {
            (Some(late), Some(response)) => late.value / response.value.max(1e-12),
            _ => 0.0,
        };
        if cpu.value < limits.of("busy") && share < limits.of("lag") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Trust)
                .rests(&cpu)
                .shown(cpu.against(limits.at_least("busy")))
                .shown(derived("p99 of lag / p99 of response", facts.id(), Range::exact(share), Unit::Ratio, limits.at_least("lag")))
                .cause(format!("the busiest thread of the generator used {} of a CPU, and requests went out up to {} of their response time late", cpu.text(), Unit::Ratio.format(share)))
                .action("lower the rate, give the generator more threads (`threads:`), or run the target on another machine")
                .gain(unknown("the numbers are about the generator, not about the target")),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cpu: f64) -> Made {
        Made::new().load("shop", &[m("generator.cpu", Unit::Ratio, cpu)], &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.98), &["98 %"]);
        quiet(&RULE, run(0.85));
        lacking(&RULE);
    }
}
