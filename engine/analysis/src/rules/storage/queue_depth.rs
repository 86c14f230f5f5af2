//! Requests in flight: random reads one at a time against the best depth that was measured, from `storage.randread`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.queue_depth",
        title: "One request at a time leaves the device idle",
        looks_at: "`storage.randread.iops` by `depth`: the best at least `ratio` times that at depth 1",
        needs: "random reads at depth 1 and deeper: `engine run optimization`",
        model: "measured ratio of both depths",
        effort: Effort::Hours,
        wrong_when: "each request needs the answer of the one before",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "requests a second at the best depth over depth 1")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let one = facts.seen("storage.randread", "iops", &[("depth", "1"), ("block", "4 KiB"), ("rate", "0")])?;
    let deep = |seen: &Seen| {
        let alike =
            ["block", "jobs", "engine", "direct"].iter().all(|name| seen.labels.get(name) == one.labels.get(name));
        alike && seen.labels.get("rate") == Some("0")
    };
    let best =
        facts.all("storage.randread", "iops").into_iter().filter(deep).max_by(|a, b| a.value.total_cmp(&b.value));
    let best = best.filter(|best| best.labels.get("depth") != Some("1"));
    let best = best.ok_or_else(|| Missing::of("no random reads deeper than 1"))?;
    let times = best.range().over(one.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let depth = best.labels.get("depth").unwrap_or("32").to_owned();
    let trial =
        |depth: &str| Trial { probe: "storage.randread".into(), options: [("depth", depth)].into_iter().collect() };
    Ok(Some(
        Draft::new(&one.step, Resource::Storage)
            .on(&[&one, &best])
            .shown(derived(format!("iops at depth {depth} / at depth 1"), facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!("one read at a time makes {}, {depth} at once {}", one.text(), best.text()))
            .action(format!("keep {depth} requests in flight (`io_uring`, `tokio::fs` with `buffer_unordered({depth})`, threads), or read ahead with `posix_fadvise(.., POSIX_FADV_WILLNEED)`"))
            .gain(ratio("random reads", &one, &best, Goal::Higher))
            .experiment(Experiment {
                before: trial("1"),
                after: trial(&depth),
                metric: "iops".into(),
                predicted: times.within(1.0, 1e6),
                changes: None,
            }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(deep: f64) -> Made {
        let iops = |value| [m("iops", Unit::PerSecond, value)];
        Made::new().probe("storage.randread", "depth=1, block=4 KiB, jobs=1, rate=0", &iops(18e3)).probe(
            "storage.randread",
            "depth=32, block=4 KiB, jobs=1, rate=0",
            &iops(deep),
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(57e3), &["18000/s", "57000/s", "32 at once"]);
        assert!((found.experiment.expect("it can be tried").predicted.value - 57.0 / 18.0).abs() < 0.02);
        quiet(&RULE, run(26e3));
        lacking(&RULE);
    }
}
