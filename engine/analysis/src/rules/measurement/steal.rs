//! Time that the hypervisor gave to others, as the rounds saw it.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.steal",
        title: "The hypervisor takes CPU time away",
        looks_at: "largest steal of any round, at least `share`",
        needs: "any run of a virtual machine",
        model: "overhead share of the time that is stolen",
        effort: Effort::Days,
        wrong_when: "the neighbour has gone",
        limits: &[LimitDef::new("share", 0.02, Unit::Ratio, "time stolen over time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let rounds = || facts.run.steps.iter().flat_map(|step| &step.measurements).flat_map(|m| m.counted());
    if rounds().next().is_none() {
        return Err(Missing::of("the run has no rounds"));
    }
    let steal = |taint: &engine_core::taint::Taint| match taint {
        engine_core::taint::Taint::Steal { share } => Some(*share),
        _ => None,
    };
    let stolen: Vec<f64> = rounds().map(|round| round.taints.iter().find_map(steal).unwrap_or(0.0)).collect();
    let most = stolen.iter().copied().fold(0.0, f64::max);
    let mean = stolen.iter().sum::<f64>() / stolen.len() as f64;
    if most < limits.of("share") {
        return Ok(None);
    }
    let share = Range::new(mean, 0.0, most).within(0.0, 0.95);
    Ok(Some(
        Draft::new("run", Resource::Cpu)
            .shown(derived(
                "most steal of a round",
                facts.id(),
                Range::exact(most),
                Unit::Ratio,
                limits.at_least("share"),
            ))
            .cause(format!(
                "the hypervisor gave up to {} of a round to others, {} on average",
                Unit::Ratio.format(most),
                Unit::Ratio.format(mean)
            ))
            .action("measure at another time, or on a machine of its own (dedicated CPUs)")
            .gain(overhead("everything on this machine", share, "mean steal over all rounds", vec![])),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(share: f64) -> Made {
        let taint = engine_core::taint::Taint::Steal { share };
        Made::new().probe("cpu.primes", "", &[m("time", Unit::Seconds, 1.0)]).changed(|record| {
            record.steps[0].measurements[0].rounds[0].taints.push(taint);
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.1), &["10 %", "2 %"]);
        quiet(&RULE, run(0.01));
        lacking(&RULE);
    }
}
