//! Load of the machine before the run began.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.busy_before",
        title: "The machine was busy before the run",
        looks_at: "`load.before.average_1` over the CPUs, at least `share`",
        needs: "a machine that tells its load: any run",
        model: "unknown: it makes numbers doubtful",
        effort: Effort::Minutes,
        wrong_when: "what ran before has ended",
        limits: &[LimitDef::new("share", 0.5, Unit::Ratio, "load average over CPUs")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let load = *facts.fact("load.before.average_1", &facts.environment().load.before.average_1)?;
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let share = Range::exact(load / cpus);
    if share.value < limits.of("share") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new("run", Resource::Trust)
            .shown(derived("load.before.average_1 / CPUs", facts.id(), share, Unit::Ratio, limits.at_least("share")))
            .cause(format!("the load average was {load:.2} on {cpus:.0} CPUs before the run began"))
            .action("wait until it is quiet (`uptime`), and end what runs beside (`top`)")
            .gain(unknown("it makes numbers doubtful, not slow")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(load: f64) -> Made {
        Made::new().cpus(4).environment(|environment| {
            environment.load.before.average_1 = engine_core::fact::Fact::Known(load);
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(3.0), &["3.00 on 4 CPUs", "75 %"]);
        quiet(&RULE, run(1.5));
        lacking(&RULE);
    }
}
