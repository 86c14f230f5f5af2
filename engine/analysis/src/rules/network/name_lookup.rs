//! Time that a load spends looking up addresses, over all of its response time.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.name_lookup",
        title: "Names are looked up again and again",
        looks_at: "sum of `dns` over all connections of a load, at least `share` of the sum of `response`",
        needs: "a load: `engine run load`",
        model: "overhead share: time in it over the time of all requests",
        effort: Effort::Minutes,
        wrong_when: "the name must be looked up each time: its address changes",
        limits: &[LimitDef::new("share", 0.05, Unit::Ratio, "time in it over response time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let part = RequestPart {
        metric: "dns",
        did: "looked up a name",
        action: "cache addresses in the client (`hickory-resolver`, `nscd`, `systemd-resolved`), or name the address",
        other: |_| None,
    };
    part_of_requests(facts, limits, &part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(each: u64) -> Made {
        let metrics = [times("dns", &[(2e-3, each)]), times("response", &[(5e-3, 1000)])];
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
