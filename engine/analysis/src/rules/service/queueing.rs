//! Requests that wait: the mean response against what a request takes where nobody waits, at the lowest load of the same
//! run (the first seconds of a ramp, or the first level of a sweep).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.queueing",
        title: "Requests spend most of their time waiting",
        looks_at: "mean `response` of a load: the part beyond a response at the lowest load, at least `share`",
        needs: "a load with a part of low load (a ramp), or a sweep over users in the same run: `engine run load`",
        model: "overhead share of the wait",
        effort: Effort::Days,
        wrong_when: "the target was cold at the lowest load, or did other work there",
        limits: &[LimitDef::new("share", 0.6, Unit::Ratio, "wait over response")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let (mut drafts, mut lacking) = (Vec::new(), None);
    for load in facts.some_loads()? {
        let (_, response, part) = load.loaded()?;
        let floor = match load.unloaded(facts) {
            Ok(floor) => floor,
            Err(missing) => {
                lacking = Some(missing);
                continue;
            }
        };
        let share = floor.range().over(response.range()).map(|share| (1.0 - share).clamp(0.0, 0.99));
        if share.value < limits.of("share") {
            continue;
        }
        let inputs = vec![response.input("response"), floor.input("unloaded")];
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .on(&[&response, &floor])
                .shown(derived("1 - unloaded / response", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!(
                    "a response takes {} on average and {} where nobody waits: the rest is waiting",
                    response.text(),
                    floor.text()
                ))
                .action("see the bottleneck view for the resource; more workers, or less work for each request; `engine plan` says how many it takes")
                .fit(0.8, "some waiting is left at any load")
                .gain(part_of(
                    overhead("a response", share, "1 - unloaded / response", inputs),
                    part,
                    "of the response time is at the highest rates",
                )),
        );
    }
    match (Draft::strongest(drafts), lacking) {
        (None, Some(missing)) => Err(missing),
        (found, _) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(wait: f64) -> Made {
        let sweep = [ml("response", "users=1", Unit::Seconds, 0.005)];
        let metrics = [times("response", &[(wait, 1000)]), m("rate", Unit::PerSecond, 100.0)];
        Made::new().sweep("users", &[1.0, 8.0], &sweep).load("shop", &metrics, &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(0.05), &["50 ms", "5 ms"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 10.0).abs() < 0.2);
        quiet(&RULE, run(0.009));
        lacking(&RULE);
    }

    #[test]
    fn without_a_part_of_low_load_it_is_not_guessed() {
        let metrics = [times("response", &[(0.05, 1000)]), m("rate", Unit::PerSecond, 100.0)];
        let run = Made::new().load("shop", &metrics, &[100.0; 12]).record();
        assert!(ask(&RULE, &run).expect_err("nothing to compare with").contains("low load"));
    }
}
