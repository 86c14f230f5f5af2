//! The same endpoint asked again and again within one iteration of a user: N + 1 requests where one would do.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.n_plus_one",
        title: "One iteration asks the same endpoint again and again",
        looks_at: "`rate` of an endpoint over `iterations` of the load, at least `requests`",
        needs: "a load whose requests have names: `engine run load`",
        model: "overhead share: all but one of these requests, at the endpoint's median each, over the time of an iteration",
        effort: Effort::Hours,
        wrong_when: "each request needs the answer of the one before",
        limits: &[LimitDef::new("requests", 5.0, Unit::Count, "requests of one name for each iteration")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let Ok(iterations) = load.seen("iterations", Stat::Median) else { continue };
        let rates = load.endpoints("rate", Stat::Median);
        let means = load.endpoints("service", Stat::Mean);
        let floors = load.endpoints("service", Stat::Median);
        let named = |all: &[Seen], seen: &Seen| all.iter().find(|other| other.labels == seen.labels).cloned();
        // Seconds of requests in one iteration.
        let whole: f64 = rates.iter().filter_map(|rate| Some(rate.value * named(&means, rate)?.value)).sum::<f64>()
            / iterations.value;
        for rate in &rates {
            let Some(floor) = named(&floors, rate) else { continue };
            let each = rate.range().over(iterations.range());
            if each.value < limits.of("requests") || whole <= 0.0 {
                continue;
            }
            let name = rate.labels.get("name").unwrap_or("?").to_owned();
            let share = |each_takes: f64| ((each.value - 1.0) * each_takes / whole).clamp(0.0, 0.95);
            let saved = share(floor.value);
            let most = named(&means, rate).map_or(saved, |mean| share(mean.value));
            drafts.push(
                Draft::new(load.path(), Resource::Network)
                    .on(&[rate, &iterations, &floor])
                    .shown(derived(
                        format!("requests of `{name}` for each iteration"),
                        facts.id(),
                        each,
                        Unit::Count,
                        limits.at_least("requests"),
                    ))
                    .cause(format!(
                        "an iteration asks `{name}` {} times, each {}",
                        Unit::Count.format(each.value),
                        floor.text()
                    ))
                    .action(format!("ask for all at once (`{name}?ids=..`, a join, `IN (..)`), or send them together"))
                    .fit(0.7, "one larger request costs more than one small one")
                    .gain(overhead(
                        "an iteration",
                        Range::new(saved, 0.6 * saved, most),
                        "(N - 1) x median of service / time of an iteration",
                        vec![rate.input("rate"), iterations.input("iterations"), floor.input("floor")],
                    )),
            );
        }
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(rate: f64) -> Made {
        let metrics = [
            m("iterations", Unit::PerSecond, 10.0),
            ml("rate", "name=item", Unit::PerSecond, rate),
            ml("rate", "name=list", Unit::PerSecond, 10.0),
            at("item", "service", &[(0.002, 1000)]),
            at("list", "service", &[(0.010, 1000)]),
        ];
        Made::new().load("shop", &metrics, &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // 20 of 2 ms and one of 10: 38 of 50 ms go.
        let found = fires(&RULE, run(200.0), &["item", "20 times", "2"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 50.0 / 12.0).abs() < 0.1);
        quiet(&RULE, run(45.0));
        lacking(&RULE);
    }
}
