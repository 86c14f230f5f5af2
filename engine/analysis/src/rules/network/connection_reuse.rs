//! Time that a load spends making connections, over all of its response time.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.connection_reuse",
        title: "Requests make connections of their own",
        looks_at: "sum of `connect` over all connections of a load, at least `share` of the sum of `response`; where `tool.ladder` measured calls over a new and over a kept connection, their mean difference without the caller's own part (`tool.ladder.connect`) is added for the target's side",
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
        other: their_side,
    };
    part_of_requests(facts, limits, &part)
}

/// What a server does to take a connection, as `tool.ladder` measured it: what a call over a new connection takes longer than one
/// over a kept one, without the caller's own part of that, which a load measures of its own target. Means, since the mean of a
/// load's responses is what it becomes a part of.
fn their_side(facts: &Facts<'_>) -> Option<Seen> {
    let mean = |metric, layer| facts.statistic("tool.ladder", metric, &[("layer", layer)], Stat::Mean).ok();
    let (new, kept) = (mean("latency", "http_new")?, mean("latency", "http_keepalive")?);
    let own = mean("connect", "http_new")?;
    let (slow, fast, part) = (new.truth(), kept.truth(), own.truth());
    let value = new.value - kept.value - own.value;
    let (low, high) = (slow.low - fast.high - part.high, slow.high - fast.low - part.low);
    Some(Seen {
        source: format!("{} - {} - {}", new.source, kept.source, own.source),
        value,
        interval: (new.rounds >= 5).then(|| engine_core::stats::Interval::new(low, high)),
        ends: (low, high),
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
        // A new connection takes 3 ms, 2 of them the caller's own: 1 ms is the server's, and without both 1 / 0.4 times as fast.
        let layer = |made: Made, name: &str, metrics: &[engine_core::measurement::Measurement]| {
            made.probe("tool.ladder", &format!("layer={name}"), metrics)
        };
        let new = [m("latency", Unit::Seconds, 3.1e-3), m("connect", Unit::Seconds, 2e-3)];
        let kept = [m("latency", Unit::Seconds, 1e-4)];
        let both = layer(layer(run(1000), "http_new", &new), "http_keepalive", &kept);
        let found = fires(&RULE, both, &["2 ms on average and 1 ms on the other side"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.5).abs() < 0.02);
        // Without the caller's part the server's is not known, and only what the load saw counts.
        let both = layer(layer(run(1000), "http_new", &new[..1]), "http_keepalive", &kept);
        let found = fires(&RULE, both, &["2 ms on average, of"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 1.667).abs() < 0.01);
        lacking(&RULE);
    }
}
