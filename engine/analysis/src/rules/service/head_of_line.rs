//! Short requests behind long ones: an endpoint that is fast by itself and now and then takes as long as the slow
//! one.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.head_of_line",
        title: "Short requests wait behind long ones",
        looks_at: "p95 of `service` of a fast endpoint, at least `ratio` times its median, and about the median of the slowest endpoint",
        needs: "a load with two endpoints or more: `engine run load`",
        model: "overhead share of the fast endpoint: its mean beyond its median",
        effort: Effort::Days,
        wrong_when: "the fast endpoint is slow now and then by itself (a cache that misses)",
        limits: &[LimitDef::new("ratio", 10.0, Unit::Count, "p95 over median of the fast endpoint")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let middles = load.endpoints("service", Stat::Median);
        let Some(slow) = middles.iter().max_by(|a, b| a.value.total_cmp(&b.value)) else { continue };
        let Some(fast) = middles.iter().min_by(|a, b| a.value.total_cmp(&b.value)) else { continue };
        let of = |stat| load.endpoints("service", stat).into_iter().find(|seen| seen.labels == fast.labels);
        let (Some(tail), Some(mean)) = (of(Stat::Percentile(95.0)), of(Stat::Mean)) else { continue };
        let times = tail.range().over(fast.range());
        let alike = tail.value / slow.value;
        if slow.labels == fast.labels || times.value < limits.of("ratio") || !(0.3..=3.0).contains(&alike) {
            continue;
        }
        let name = |seen: &Seen| seen.labels.get("name").unwrap_or("?").to_owned();
        let lost = Range::new(
            1.0 - fast.value / mean.value,
            0.5 * (1.0 - fast.value / mean.value),
            1.0 - fast.value / mean.value,
        );
        drafts.push(
            Draft::new(format!("{} ({})", load.path(), name(fast)), Resource::Workers)
                .on(&[fast, &tail, slow])
                .shown(derived("p95 / median of the fast endpoint", facts.id(), times, Unit::Count, limits.at_least("ratio")))
                .cause(format!("half of `{}` take {} or less, one in twenty {} or longer, about as long as `{}` ({})", name(fast), fast.text(), tail.text(), name(slow), slow.text()))
                .action("give long requests workers and a queue of their own, or cut them into pieces; HTTP/2 or several connections where one is shared")
                .fit(0.6, "a cache that misses looks the same")
                .gain(overhead("the fast endpoint", lost.within(0.0, 0.95), "1 - median / mean", vec![fast.input("median"), mean.input("mean")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(tail: f64) -> Made {
        let metrics = [at("ping", "service", &[(1e-3, 900), (tail, 100)]), at("export", "service", &[(0.05, 100)])];
        Made::new().load("shop", &metrics, &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.045), &["ping", "export", "1 ms", "50"]);
        quiet(&RULE, run(0.008));
        // Far longer than the slow one: something else.
        quiet(&RULE, run(0.9));
        lacking(&RULE);
    }
}
