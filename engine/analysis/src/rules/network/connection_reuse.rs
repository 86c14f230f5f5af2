//! Time that a load spends making connections, over all of its response time.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.connection_reuse",
        title: "Requests make connections of their own",
        looks_at: "sum of `connect` over all connections of a load, at least `share` of the sum of `response`; where `tool.ladder` measured calls over a new and over a kept connection, the greater of their difference and `connect`, and at most the sum",
        needs: "a load: `engine run load`",
        model: "overhead share: time in it over the time of all requests",
        effort: Effort::Minutes,
        wrong_when: "real clients come once each, so that each must make a connection",
        limits: &[LimitDef::new("share", 0.1, Unit::Ratio, "time in it over response time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let part = RequestPart {
        metric: "connect",
        did: "made a connection",
        action: "keep connections (`Connection: keep-alive`, a pool in the client: `reqwest::Client`, `requests.Session`), raise the keep-alive time and the number of requests for each connection at the server",
        whole: both_sides,
    };
    part_of_requests(facts, limits, &part)
}

/// What a call over a new connection takes longer than one over a kept one, as `tool.ladder` measured it: with what the server
/// does to take the connection, and both to end it.
fn both_sides(facts: &Facts<'_>) -> Option<Seen> {
    let layer = |layer| facts.seen("tool.ladder", "latency", &[("layer", layer)]).ok();
    let (new, kept) = (layer("http_new")?, layer("http_keepalive")?);
    let (slow, fast) = (new.range(), kept.range());
    Some(Seen {
        source: format!("{} - {}", new.source, kept.source),
        value: new.value - kept.value,
        interval: None,
        ends: (slow.low - fast.high, slow.high - fast.low),
        ..new
    })
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
        // Both sides of a connection take 3 ms: without them 1 / 0.4 times as fast.
        let layer = |made: Made, name: &str, latency| {
            made.probe("tool.ladder", &format!("layer={name}"), &[m("latency", Unit::Seconds, latency)])
        };
        let both = layer(layer(run(1000), "http_new", 3.1e-3), "http_keepalive", 1e-4);
        let found = fires(&RULE, both, &["2 ms", "3 ms with the other side"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.5).abs() < 0.02);
        lacking(&RULE);
    }
}
