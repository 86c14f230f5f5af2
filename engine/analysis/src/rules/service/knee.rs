//! A sweep that goes beyond its knee: users only wait longer there.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.knee",
        title: "Beyond the knee users only wait longer",
        looks_at: "the largest level of a sweep at least `ratio` times its `knee`",
        needs: "a sweep over users: `scale(\"shop\", #{ .., users: [1, 2, 4, 8, 16] })`",
        model: "measured ratio of response times at the largest level and at the one next to the knee",
        effort: Effort::Minutes,
        wrong_when: "the levels beyond the knee were meant to overload it",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "largest level over the knee")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let sweeps = facts.sweeps();
    if sweeps.is_empty() {
        return Err(Missing::of("the run has no sweep over users"));
    }
    let mut drafts = Vec::new();
    for load in sweeps {
        let Ok(knee) = load.seen("knee", Stat::Median) else { continue };
        let engine_core::plan::Work::Scale { sweep, .. } = &load.step.plan.work else { continue };
        let most = sweep.levels.iter().copied().fold(1.0, f64::max);
        let near = sweep.levels.iter().copied().filter(|level| *level <= knee.value).fold(f64::NEG_INFINITY, f64::max);
        let responses = facts.named("response");
        let at = |level: f64| {
            let label = sweep.of.label(level);
            responses
                .iter()
                .find(|seen| seen.step == load.path() && seen.labels.get(sweep.of.name()) == Some(label.as_str()))
        };
        let (Some(slow), Some(fast)) = (at(most), at(near)) else { continue };
        let times = knee.range().map(|knee| most / knee.max(1e-9));
        if times.value < limits.of("ratio") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .on(&[&knee, slow, fast])
                .shown(derived("largest level / knee", facts.id(), times, Unit::Count, limits.at_least("ratio")))
                .cause(format!("the knee is at {}: at {} a response takes {}, at {} {}", sweep.of.label(knee.value.round()), sweep.of.label(near), fast.text(), sweep.of.label(most), slow.text()))
                .action(format!("plan for at most {} (`engine plan`), limit what is let in at once, and raise the knee by what limits there", sweep.of.label(knee.value.round())))
                .gain(ratio("a response", slow, fast, Goal::Lower)),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(knee: f64) -> Made {
        let metrics = [
            m("knee", Unit::Count, knee),
            ml("response", "users=8", Unit::Seconds, 0.01),
            ml("response", "users=32", Unit::Seconds, 0.04),
        ];
        Made::new().sweep("shop", &[1.0, 8.0, 32.0], &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(10.0), &["knee is at 10", "10 ms", "40 ms"]);
        quiet(&RULE, run(30.0));
        lacking(&RULE);
    }
}
