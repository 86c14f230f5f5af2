//! Requests that end with an error: their work is thrown away, and what asks again makes more of it (a retry storm).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.wasted_work",
        title: "Work is thrown away on requests that fail",
        looks_at: "`errors` of a load at least `share`",
        needs: "a load: `engine run load`",
        model: "overhead share of the requests that failed",
        effort: Effort::Hours,
        wrong_when: "the errors are what is tested",
        limits: &[LimitDef::new("share", 0.01, Unit::Ratio, "requests that did not end well")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let errors = load.seen("errors", Stat::Median)?;
        if errors.value < limits.of("share") {
            continue;
        }
        let per = match (load.seen("requests", Stat::Median), load.seen("iterations", Stat::Median)) {
            (Ok(requests), Ok(iterations)) if iterations.value > 0.0 => {
                format!("; {} requests for each iteration", Unit::Count.format(requests.value / iterations.value))
            }
            _ => String::new(),
        };
        let classes = load.step.windows.iter().filter_map(|window| window.total()).flat_map(|row| &row.errors);
        let mut counts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
        classes.for_each(|(class, count)| *counts.entry(class).or_default() += count);
        let most = counts
            .iter()
            .max_by_key(|(_, count)| **count)
            .map_or_else(String::new, |(class, _)| format!(", most of them `{class}`"));
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .rests(&errors)
                .shown(errors.against(limits.at_least("share")))
                .cause(format!("{} of the requests did not end well{most}{per}", errors.text()))
                .action("find the first error and not the last; retry at most once, with a pause that grows and varies, and only while less than a tenth of requests are retries (a budget)")
                .gain(overhead("requests that end well", errors.range().within(0.0, 0.95), &errors.source, vec![])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(errors: f64) -> Made {
        Made::new().load("shop", &[m("errors", Unit::Ratio, errors)], &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(0.5), &["50 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.0).abs() < 0.02);
        quiet(&RULE, run(0.009));
        lacking(&RULE);
    }
}
