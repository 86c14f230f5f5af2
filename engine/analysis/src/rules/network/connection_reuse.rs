//! Time that a load spends making connections, over all of its response time.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.connection_reuse",
        title: "Requests make connections of their own",
        looks_at: "sum of `connect` over all connections of a load, at least `share` of the sum of `response`",
        needs: "a load: `engine run load`",
        model: "overhead share: time in it over the time of all requests",
        effort: Effort::Minutes,
        wrong_when: "real clients come once each, so that each must make a connection",
        limits: &[LimitDef::new("share", 0.1, Unit::Ratio, "time in it over response time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let (Ok(part), Ok(count)) = (load.seen("connect", Stat::Mean), load.seen("connect", Stat::Count)) else {
            continue;
        };
        let (response, requests) = (load.seen("response", Stat::Mean)?, load.seen("response", Stat::Count)?);
        let often = count.value / requests.value.max(1.0);
        let share = part.range().over(response.range()).map(|share| (share * often).clamp(0.0, 0.95));
        if share.value < limits.of("share") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Network)
                .on(&[&part, &response])
                .shown(derived("connect x how often / response", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!(
                    "{} of the requests made a connection, in {} on average, of a response of {}",
                    Unit::Ratio.format(often.min(1.0)),
                    part.text(),
                    response.text()
                ))
                .action("keep connections (`Connection: keep-alive`, a pool in the client: `reqwest::Client`, `requests.Session`), raise the keep-alive time and the number of requests for each connection at the server")
                .gain(overhead("a request", share, "connect x how often / response", vec![part.input("connect"), response.input("response")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(each: u64) -> Made {
        let metrics = [times("connect", &[(2e-3, each)]), times("response", &[(5e-3, 1000)])];
        Made::new().load("shop", &metrics, &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // Each of 1000 requests, 2 of 5 ms: without them 1 / 0.6 times as fast.
        let found = fires(&RULE, run(1000), &["2 ms", "5 ms", "100 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 1.667).abs() < 0.01);
        quiet(&RULE, run(10));
        lacking(&RULE);
    }
}
