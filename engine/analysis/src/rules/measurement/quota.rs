//! A control group that may use fewer CPUs than the program sees: threads are stopped in the middle of their work.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.quota",
        title: "A quota holds the processors back",
        looks_at: "`cgroup.cpu_quota` of the environment, at most `share` of the CPUs",
        needs: "a machine that tells its control group: any run",
        model: "unknown: how often it was hit is not known",
        effort: Effort::Minutes,
        wrong_when: "the program asks for the quota and makes as many threads",
        limits: &[LimitDef::new("share", 0.95, Unit::Ratio, "CPUs of the quota over CPUs seen")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let quota = facts.fact("cgroup.cpu_quota", &facts.environment().cgroup.cpu_quota)?;
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let Some(quota) = quota.filter(|quota| quota / cpus <= limits.of("share")) else { return Ok(None) };
    Ok(Some(
        Draft::new("run", Resource::Cpu)
            .shown(derived("cgroup.cpu_quota / CPUs", facts.id(), Range::exact(quota / cpus), Unit::Ratio, limits.at_most("share")))
            .cause(format!("the control group may use {quota:.2} CPUs where {cpus:.0} are seen"))
            .action(format!("make {:.0} threads (`GOMAXPROCS`, `RAYON_NUM_THREADS`), or raise the quota (`docker run --cpus`, `resources.limits.cpu`)", quota.ceil()))
            .gain(unknown("how often the quota stopped it was not seen")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(quota: Option<f64>) -> Made {
        Made::new().cpus(8).environment(|environment| {
            environment.cgroup.cpu_quota = engine_core::fact::Fact::Known(quota);
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(Some(2.0)), &["2.00 CPUs where 8", "25 %"]);
        quiet(&RULE, run(Some(8.0)));
        quiet(&RULE, run(None));
        lacking(&RULE);
    }
}
