//! The share of rounds that were disturbed while they were taken.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "measurement.disturbed",
        title: "Many rounds were disturbed",
        looks_at: "share of rounds with a disturbance, at least `share`",
        needs: "any run",
        model: "unknown: it makes numbers doubtful, not slow",
        effort: Effort::Minutes,
        wrong_when: "the disturbance is the load that the run itself makes",
        limits: &[LimitDef::new("share", 0.2, Unit::Ratio, "rounds that were disturbed")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let rounds = || facts.run.steps.iter().flat_map(|step| &step.measurements).flat_map(|m| m.counted());
    let all = rounds().count();
    if all == 0 {
        return Err(Missing::of("the run has no rounds"));
    }
    let disturbed = rounds().filter(|round| !round.taints.is_empty()).count();
    let share = Range::exact(disturbed as f64 / all as f64);
    if share.value < limits.of("share") {
        return Ok(None);
    }
    let mut causes: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for taint in rounds().flat_map(|round| &round.taints) {
        let text = taint.to_string();
        let cause = text
            .split([':', '('])
            .next()
            .unwrap_or(&text)
            .split(|c: char| c.is_ascii_digit())
            .next()
            .unwrap_or(&text)
            .trim()
            .to_owned();
        *causes.entry(cause).or_default() += 1;
    }
    let most = causes
        .iter()
        .max_by_key(|(_, count)| **count)
        .map_or_else(String::new, |(cause, _)| format!(", most by: {cause}"));
    Ok(Some(
        Draft::new("run", Resource::Trust)
            .shown(derived("disturbed rounds / all", facts.id(), share, Unit::Ratio, limits.at_least("share")))
            .cause(format!("{disturbed} of {all} rounds were disturbed{most}"))
            .action("end other programs, or measure at a quiet time; `engine doctor` names what can be calmed")
            .gain(unknown("it makes numbers doubtful, not slow")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(disturbed: usize) -> Made {
        let taint = engine_core::taint::Taint::Steal { share: 0.1 };
        let step = m("time", Unit::Seconds, 1.0);
        Made::new().probe("cpu.primes", "", &[step]).changed(|record| {
            for round in record.steps[0].measurements[0].rounds.iter_mut().take(disturbed) {
                round.taints.push(taint);
            }
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(3), &["3 of 5", "60 %"]);
        quiet(&RULE, run(0));
        lacking(&RULE);
    }
}
