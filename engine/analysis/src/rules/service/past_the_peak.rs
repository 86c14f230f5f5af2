//! A service that is asked by more users than it does best with: throughput falls beyond the peak of the Universal
//! Scalability Law.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.past_the_peak",
        title: "More users than the service does best with",
        looks_at: "the largest level of a sweep at least `ratio` times its `peak_at`",
        needs: "a sweep over users: `scale(\"shop\", #{ .., users: [1, 2, 4, 8, 16] })`",
        model: "Universal Scalability Law: its peak over the throughput at the largest level",
        effort: Effort::Minutes,
        wrong_when: "real users come as they come: then a queue before the service is what limits them",
        limits: &[LimitDef::new("ratio", 1.2, Unit::Count, "largest level over the peak")],
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
        // Without coherency the law has no peak, and there is nothing to be past of.
        let (Ok(at), Ok(peak)) = (load.seen("peak_at", Stat::Median), load.seen("peak", Stat::Median)) else {
            continue;
        };
        let engine_core::plan::Work::Scale { sweep, .. } = &load.step.plan.work else { continue };
        let most = sweep.levels.iter().copied().fold(1.0, f64::max);
        let times = at.range().map(|at| most / at.max(1.0));
        let label = sweep.of.label(most);
        let reached = facts
            .named("throughput")
            .into_iter()
            .find(|seen| seen.step == load.path() && seen.labels.get(sweep.of.name()) == Some(label.as_str()));
        let Some(reached) = reached.filter(|_| times.value >= limits.of("ratio")) else { continue };
        drafts.push(
            Draft::new(load.path(), Resource::Serial)
                .on(&[&at, &peak, &reached])
                .shown(derived("largest level / peak_at", facts.id(), times, Unit::Count, limits.at_least("ratio")))
                .cause(format!("with {label} users the service makes {}, with {} it would make {}", reached.text(), at.text(), peak.text()))
                .action(format!("let at most {:.0} requests in at once (a semaphore, `max_connections`, the size of the pool) and queue the rest before them", at.value))
                .fit(0.8, "the law is fitted to levels of users")
                .gain(ratio("throughput", &reached, &peak, Goal::Higher)),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(peak_at: f64) -> Made {
        let metrics = [
            m("peak_at", Unit::Count, peak_at),
            m("peak", Unit::PerSecond, 500.0),
            ml("throughput", "users=64", Unit::PerSecond, 250.0),
        ];
        Made::new().sweep("shop", &[1.0, 16.0, 64.0], &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(20.0), &["64 users", "250/s", "500/s", "at most 20"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.0).abs() < 0.05);
        quiet(&RULE, run(60.0));
        lacking(&RULE);
    }
}
