//! Round trips over TCP on loopback against a Unix socket, from `network.latency`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.unix_sockets",
        title: "TCP between processes of one machine",
        looks_at: "`network.latency.rtt{transport=tcp, size=64 B}` against `network.latency.rtt{transport=unix, size=64 B}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "both sides may run on different machines one day, or something between them speaks TCP only",
        limits: &[LimitDef::new("ratio", 1.15, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("network.latency", "rtt", &[("transport", "tcp"), ("size", "64 B")]),
        fast: Side("network.latency", "rtt", &[("transport", "unix"), ("size", "64 B")]),
        goal: Goal::Lower,
        resource: Resource::Network,
        of: "a round trip within the machine",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a round trip takes {slow} over TCP and {fast} over a Unix socket ({times} times)");
        let action =
            "let services of one machine talk over a Unix socket (`listen unix:/run/app.sock`, `UnixStream::connect`)";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("network.latency", "transport=tcp, size=64 B", &[m("rtt", Unit::Seconds, slow)]).probe(
            "network.latency",
            "transport=unix, size=64 B",
            &[m("rtt", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0023, 0.001), &[&Unit::Seconds.format(0.0023), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.0011155, 0.001));
        lacking(&RULE);
    }
}
