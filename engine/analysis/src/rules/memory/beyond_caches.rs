//! The same work on data that the caches hold and on data that they do not: what it takes longer is waiting for memory.
//! Where the program says how much it moves and that is near what memory can, `memory.bandwidth_bound` tells it; here it is
//! the order in which memory is walked.

use super::bandwidth_bound::share_of_stream;
use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.beyond_caches",
        title: "The caches do not help: memory is walked against its layout",
        looks_at: "`user` of a program with the most `data`, at least `ratio` times that with the least, while its `traffic` over its `wall`, where it is known, is at most `share` of `memory.stream.rate`",
        needs: "a program that does the same amount of work on data of two sizes: `bench(.., #{ sweep: #{ data: [\"256 KiB\", \"64 MiB\"] } }, |p| command([..]))`",
        model: "overhead share: the CPU time that the same work does not need where the caches hold its data",
        effort: Effort::Hours,
        wrong_when: "the work grows with the data, or no order of it can keep to lines and pages (a hash table, a graph)",
        limits: &[
            LimitDef::new("ratio", 1.5, Unit::Count, "CPU time on the most data over that on the least"),
            LimitDef::new("share", 0.4, Unit::Ratio, "bytes moved a second over what memory gives one thread"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let found = beyond(facts)?;
    let near = share_of_stream(facts, &found.wall).is_some_and(|reached| reached.share.value > limits.of("share"));
    if near || found.times.value < limits.of("ratio") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&found.wall.step, Resource::Memory)
            .on(&[&found.small, &found.large, &found.wall])
            .shown(derived("CPU time on the most data / on the least", facts.id(), found.times, Unit::Count, limits.at_least("ratio")))
            .cause(format!(
                "the same work takes {} of CPU time on {} of data and {} on {}: the rest is waiting for lines and pages that are not in the caches",
                found.small.text(),
                found.small.labels.get("data").unwrap_or("few"),
                found.large.text(),
                found.large.labels.get("data").unwrap_or("much")
            ))
            .action("walk memory in the order in which it lies (the row in the inner loop), keep together what is read together (struct of arrays), and work in blocks that fit the second level")
            .fit(0.9, "that an order exists which the caches follow is assumed")
            .gain(found.gain()),
    ))
}

/// What the same work takes on the least and on the most data.
pub(super) struct Beyond {
    pub(super) small: Seen,
    pub(super) large: Seen,
    pub(super) wall: Seen,
    own: Seen,
    pub(super) times: Range,
}

impl Beyond {
    /// Without the CPU time that is waiting for memory; what it takes in the kernel, and what waits otherwise, stays.
    pub(super) fn gain(&self) -> engine_core::finding::Gain {
        let (small, large) = (self.small.range(), self.large.range());
        let lost = Range::new(large.value - small.value, large.low - small.high, large.high - small.low);
        let share = |lost: f64| (lost / self.own.value).clamp(0.0, 0.98);
        let inputs = vec![self.large.input("large"), self.small.input("small"), self.own.input("wall")];
        overhead(
            "the program on the most data",
            lost.map(share),
            "(user on the most data - user on the least) / wall",
            inputs,
        )
    }
}

/// What a program takes on the least and on the most data that it was given.
///
/// # Errors
/// When no program was run on two sizes of data.
pub(super) fn beyond(facts: &Facts<'_>) -> Result<Beyond, Missing> {
    let levels = levels(facts, "data")?;
    let user = |wall: &Seen| beside(facts, wall, "user").ok_or_else(|| Missing::of("no `user` of a program"));
    let wall = levels.most().1.clone();
    let (small, large) = (user(&levels.least().1)?, user(&wall)?);
    let times = large.range().over(small.range());
    let own = own_time(facts, &wall);
    Ok(Beyond { small, large, wall, own, times })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(large: f64, traffic: &str) -> Made {
        let of = |user| [m("wall", Unit::Seconds, user + 0.1), m("user", Unit::Seconds, user)];
        Made::new()
            .command(&format!("data=256 KiB, traffic={traffic}"), &of(0.1))
            .command(&format!("data=64 MiB, traffic={traffic}"), &of(large))
            .probe("memory.stream", "kernel=triad, threads=1", &[m("rate", Unit::BytesPerSecond, 1e10)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // Of 500 ms, 300 go: 2.5 times.
        let found = fires(&RULE, run(0.4, "500 MB"), &["100 ms of CPU time on 256 KiB", "400 ms on 64 MiB"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.5).abs() < 0.02);
        quiet(&RULE, run(0.14, "500 MB"));
        // Near what memory can: the amount is the matter, not the order.
        quiet(&RULE, run(0.4, "4 GB"));
        lacking(&RULE);
    }
}
