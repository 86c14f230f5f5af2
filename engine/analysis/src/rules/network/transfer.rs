//! Answers that take long from their first byte to their last: against the rate that a stream reaches on this machine
//! (a roofline), small writes or small socket buffers are left.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.transfer",
        title: "Large answers come in small pieces",
        looks_at: "`service` without `first_byte`, at least `ratio` times what the bytes of an answer take at the rate of `network.throughput`, and at least `share` of the service",
        needs: "a load, and `network.throughput`, in one run",
        model: "roofline: the transfer at the measured rate of one stream",
        effort: Effort::Hours,
        wrong_when: "the answer is made while it is sent, or the target is on another machine",
        limits: &[
            LimitDef::new("ratio", 4.0, Unit::Count, "transfer over what the bytes need"),
            LimitDef::new("share", 0.3, Unit::Ratio, "transfer over service"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let loads = facts.some_loads()?;
    let ceiling = facts.seen("network.throughput", "rate", &[("streams", "1")])?;
    let mut drafts = Vec::new();
    for load in loads {
        let (Ok(service), Ok(first)) = (load.seen("service", Stat::Mean), load.seen("first_byte", Stat::Mean)) else {
            continue;
        };
        let (Ok(received), Ok(rate)) = (load.seen("received", Stat::Median), load.seen("rate", Stat::Median)) else {
            continue;
        };
        let bytes = received.value / rate.value.max(1e-9);
        let (took, needed) = (service.value - first.value, bytes / ceiling.value.max(1.0));
        let share = took / service.value;
        let times = took / needed.max(1e-9);
        if times < limits.of("ratio") || share < limits.of("share") {
            continue;
        }
        let saved = ((took - needed) / service.value).clamp(0.0, 0.99);
        let range = Range::new(saved, 0.5 * saved, (1.1 * saved).min(0.99));
        drafts.push(
            Draft::new(load.path(), Resource::Network)
                .on(&[&service, &first, &received, &ceiling])
                .shown(derived("transfer / what its bytes need", facts.id(), Range::exact(times), Unit::Count, limits.at_least("ratio")))
                .cause(format!("an answer of {} takes {} from its first byte on, at the rate of this machine {} would do", Unit::Bytes.format(bytes), Unit::Seconds.format(took), Unit::Seconds.format(needed)))
                .action("write answers in large pieces (a buffer before the socket, `writev`), and leave the socket buffers to the kernel (no SO_SNDBUF or SO_RCVBUF, or 1 MiB)")
                .fit(0.7, "an answer that is made while it is sent looks the same")
                .gain(overhead("a request", range, "(transfer - bytes / ceiling) / service", vec![service.input("service"), first.input("first_byte"), ceiling.input("ceiling")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(first: f64) -> Made {
        let metrics = [
            times("service", &[(0.010, 1000)]),
            times("first_byte", &[(first, 1000)]),
            m("received", Unit::BytesPerSecond, 1e8),
            m("rate", Unit::PerSecond, 100.0),
        ];
        Made::new().probe("network.throughput", "streams=1", &[m("rate", Unit::BytesPerSecond, 4e9)]).load(
            "files",
            &metrics,
            &[100.0],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // 1 MB needs 0.25 ms and takes 8.
        fires(&RULE, run(0.002), &["8 ms", "250 us"]);
        quiet(&RULE, run(0.0095));
        lacking(&RULE);
    }
}
