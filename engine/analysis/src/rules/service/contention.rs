//! What requests do one at a time, by the Universal Scalability Law that was fitted to a sweep over users: a lock,
//! one connection, one thread.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.contention",
        title: "Requests wait for something that only one has at a time",
        looks_at: "`alpha` of a sweep with its whole interval at least `alpha`",
        needs: "a sweep over users: `scale(\"shop\", #{ .., users: [1, 2, 4, 8, 16] })`",
        model: "Universal Scalability Law at the largest level without its contention",
        effort: Effort::Days,
        wrong_when: "users wait for each other by design, or the generator shares the CPUs of the target",
        limits: &[LimitDef::new("alpha", 0.02, Unit::Ratio, "contention, lower end")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let sweeps = facts.sweeps();
    if sweeps.is_empty() {
        return Err(Missing::of("the run has no sweep over users"));
    }
    let (mut drafts, mut lacking) = (Vec::new(), None);
    for load in sweeps {
        let (alpha, beta) = match (coefficient(&load, "alpha"), coefficient(&load, "beta")) {
            (Ok(alpha), Ok(beta)) => (alpha, beta),
            (Err(missing), _) | (_, Err(missing)) => {
                lacking = Some(missing);
                continue;
            }
        };
        let engine_core::plan::Work::Scale { sweep, .. } = &load.step.plan.work else { continue };
        let n = sweep.levels.iter().copied().fold(1.0, f64::max);
        if alpha.range.low < limits.of("alpha") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Serial)
                .rests(&load.seen("alpha", Stat::Median)?)
                .shown(derived(alpha.from.clone(), facts.id(), alpha.range, Unit::Ratio, limits.at_least("alpha")))
                .cause(format!("{} of the work of a request is done one at a time", Unit::Ratio.format(alpha.range.value)))
                .action("find the lock (`perf lock record`, a profile of futex waits), take slow work out of it, split it by key, or give each worker its own connection")
                .fit(0.8, "the law is fitted to levels of users")
                .gain(usl_without("throughput at the most users", n, &alpha, &beta, "alpha")),
        );
    }
    match (Draft::strongest(drafts), lacking) {
        (None, Some(missing)) => Err(missing),
        (found, _) => Ok(found),
    }
}

/// A coefficient with the interval that the fit gave it.
fn coefficient(load: &crate::advice::Load<'_>, name: &str) -> Result<Input, Missing> {
    let value = load.seen(name, Stat::Median)?;
    let end = |end: &str| load.seen(&format!("{name}_{end}"), Stat::Median).map_or(value.value, |seen| seen.value);
    let range = Range::new(value.value, end("low"), end("high"));
    Ok(Input { name: name.to_owned(), range, unit: value.unit, from: value.source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(alpha: f64) -> Made {
        let metrics = [
            m("alpha", Unit::Ratio, alpha),
            m("alpha_low", Unit::Ratio, 0.9 * alpha),
            m("alpha_high", Unit::Ratio, 1.1 * alpha),
            m("beta", Unit::Ratio, 0.0),
        ];
        Made::new().sweep("shop", &[1.0, 2.0, 4.0, 11.0], &metrics)
    }

    #[test]
    fn a_tenth_one_at_a_time_halves_eleven_users() {
        let found = fires(&RULE, run(0.1), &["10 %", "N = 11"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.0).abs() < 0.02);
        quiet(&RULE, run(0.021));
        lacking(&RULE);
    }
}
