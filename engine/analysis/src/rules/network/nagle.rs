//! Answers that wait 40 ms: the algorithm of Nagle holds a small packet back until the other side acknowledges, and
//! that waits 40 ms (RFC 896, RFC 1122).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.nagle",
        title: "Answers wait 40 ms for an acknowledgement",
        looks_at: "at least `share` of a load has a `service` of 38 to 48 ms, while half of it takes at most `median` and those before and after are fewer by `peak`",
        needs: "a load: `engine run load`",
        model: "overhead share: 40 ms for that share of the requests, over the mean service time",
        effort: Effort::Minutes,
        wrong_when: "the work itself takes 40 ms",
        limits: &[
            LimitDef::new("share", 0.05, Unit::Ratio, "requests of 38 to 48 ms"),
            LimitDef::new("median", 0.02, Unit::Seconds, "half of the requests take at most this"),
            LimitDef::new("peak", 3.0, Unit::Count, "requests of 38 to 48 ms over those shortly before and after"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let middle = load.seen("service", Stat::Median)?;
        let mean = load.seen("service", Stat::Mean)?;
        let Some(histogram) = load.total("service").and_then(engine_core::measurement::Measurement::histogram) else {
            continue;
        };
        let all = histogram.count().max(1) as f64;
        let between = |from: u64, to: u64| -> u64 {
            let inside = histogram.buckets().filter(|bucket| bucket.low >= from && bucket.high <= to);
            inside.map(|bucket| bucket.count).sum()
        };
        let held = between(38_000_000, 48_500_000);
        // A peak of its own, and no slope: beside it there are few.
        let beside = between(26_000_000, 38_000_000) + between(48_500_000, 60_000_000);
        if (held as f64) < limits.of("peak") * beside as f64 {
            continue;
        }
        let share = held as f64 / all;
        if share < limits.of("share") || middle.value > limits.of("median") {
            continue;
        }
        let lost = mean.range().map(|mean| (0.040 * share / mean).clamp(0.0, 0.95));
        drafts.push(
            Draft::new(load.path(), Resource::Network)
                .on(&[&middle, &mean])
                .shown(derived("requests of 38 to 48 ms", facts.id(), Range::exact(share), Unit::Ratio, limits.at_least("share")))
                .cause(format!("{} of the requests take 40 ms, half take {} or less: the time of a delayed acknowledgement", Unit::Ratio.format(share), middle.text()))
                .action("set TCP_NODELAY at the server and the client (`stream.set_nodelay(true)`), and write head and body in one call")
                .fit(0.8, "40 ms may be something else")
                .gain(overhead("a request", lost, "40 ms x share / mean service", vec![mean.input("service")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(held: u64) -> Made {
        Made::new().load("shop", &[times("service", &[(1e-3, 1000 - held), (0.0405, held)])], &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(200), &["20 %", "1 ms"]);
        quiet(&RULE, run(30));
        // All of them: then it is the work.
        quiet(&RULE, run(900));
        // A slope has as many before and after.
        let slope = [(1e-3, 600), (0.030, 150), (0.0405, 150), (0.050, 100)];
        quiet(&RULE, Made::new().load("shop", &[times("service", &slope)], &[100.0]));
        lacking(&RULE);
    }
}
