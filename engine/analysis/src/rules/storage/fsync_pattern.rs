//! How a small write is made safe: the measured ways against each other, from `storage.fsync`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.fsync_pattern",
        title: "Writes are made safe in a slow way",
        looks_at: "`storage.fsync.latency` by `method` and `pattern`: the slowest at least `ratio` times the fastest",
        needs: "`storage.fsync` by two methods: `engine run optimization`",
        model: "measured ratio of both ways",
        effort: Effort::Hours,
        wrong_when: "the application must use the way it uses; writes that are not made safe one by one gain more",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "slowest over fastest way")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let all: Vec<Seen> = facts.all("storage.fsync", "latency");
    let alike = |seen: &&Seen| all.first().is_some_and(|first| first.labels.get("block") == seen.labels.get("block"));
    let by = |a: &&Seen, b: &&Seen| a.value.total_cmp(&b.value);
    let (Some(slow), Some(fast)) = (all.iter().filter(alike).max_by(by), all.iter().filter(alike).min_by(by)) else {
        return Err(Missing::of("no `latency` of `storage.fsync`"));
    };
    let way = |seen: &Seen| {
        format!(
            "{} ({})",
            seen.labels.get("method").unwrap_or("fdatasync"),
            seen.labels.get("pattern").unwrap_or("append")
        )
    };
    if way(slow) == way(fast) {
        return Err(Missing::of("only one way to make a write safe was measured"));
    }
    let times = slow.range().over(fast.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let trial = |seen: &Seen| Trial {
        probe: "storage.fsync".into(),
        options: ["method", "pattern"].iter().filter_map(|name| Some((*name, seen.labels.get(name)?))).collect(),
    };
    Ok(Some(
        Draft::new(&slow.step, Resource::Storage)
            .on(&[slow, fast])
            .shown(derived("slowest / fastest way", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!("a safe write takes {} by {}, and {} by {}", slow.text(), way(slow), fast.text(), way(fast)))
            .action(format!("use {} and collect writes: one sync for a batch (a group commit; in SQLite `PRAGMA journal_mode=WAL` and larger transactions)", way(fast)))
            .gain(ratio("a safe write", slow, fast, Goal::Lower))
            .experiment(Experiment {
                before: trial(slow),
                after: trial(fast),
                metric: "latency".into(),
                predicted: times.within(1.0, 1e6),
                changes: None,
            }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(dsync: f64) -> Made {
        let latency = |value| [m("latency", Unit::Seconds, value)];
        Made::new().probe("storage.fsync", "method=fdatasync, pattern=append, block=4 KiB", &latency(1e-3)).probe(
            "storage.fsync",
            "method=dsync, pattern=append, block=4 KiB",
            &latency(dsync),
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(3e-3), &["3 ms by dsync", "1 ms by fdatasync"]);
        quiet(&RULE, run(1.2e-3));
        lacking(&RULE);
    }
}
