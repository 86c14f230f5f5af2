//! Programs that move as much as memory can: the same work on data that the caches hold is faster. A roofline with a
//! ceiling that was measured in the same run tells it from an order of walking that the caches cannot follow.

use engine_core::quantity::Quantity;

use super::beyond_caches::beyond;
use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.bandwidth_bound",
        title: "The program waits for the bandwidth of memory",
        looks_at: "`traffic` of a program over its `wall` at least `share` of `memory.stream.rate`, and `user` with the most `data` at least `ratio` times that with the least",
        needs: "a program that does the same amount of work on data of two sizes, says what it moves, and `memory.stream` in one run: `bench(.., #{ sweep: #{ data: [\"128 KiB\", \"64 MiB\"], traffic: [\"8 GiB\"] } }, |p| command([..]))`",
        model: "overhead share: the CPU time that the same work does not need where the caches hold its data",
        effort: Effort::Hours,
        wrong_when: "each byte is needed once only, so that no block of it can be used again",
        limits: &[
            LimitDef::new("share", 0.4, Unit::Ratio, "bytes moved a second over what memory gives one thread"),
            LimitDef::new("ratio", 1.3, Unit::Count, "CPU time on the most data over that on the least"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let found = beyond(facts)?;
    let Some(reached) = share_of_stream(facts, &found.wall) else {
        return Err(Missing::of("no program with a label `traffic`, or no `memory.stream` with one thread"));
    };
    if reached.share.value < limits.of("share") || found.times.value < limits.of("ratio") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&found.wall.step, Resource::Memory)
            .on(&[&found.small, &found.large, &found.wall, &reached.ceiling])
            .shown(derived("traffic / wall / memory.stream.rate", facts.id(), reached.share, Unit::Ratio, limits.at_least("share")))
            .shown(derived("CPU time on the most data / on the least", facts.id(), found.times, Unit::Count, limits.at_least("ratio")))
            .cause(format!(
                "the program moves {} where memory gives one thread {}; the same work on {} of data takes {} instead of {}",
                Unit::BytesPerSecond.format(reached.rate),
                reached.ceiling.text(),
                found.small.labels.get("data").unwrap_or("few"),
                found.small.text(),
                found.large.text()
            ))
            .action("move less: all passes over one block that fits the second level before the next block, loops that are fused into one, smaller types; more threads do not help")
            .fit(0.9, "that all passes can be made over one block is assumed")
            .gain(found.gain()),
    ))
}

/// How near a program is to what memory gives one thread.
pub(super) struct Reached {
    pub(super) share: Range,
    rate: f64,
    ceiling: Seen,
}

/// What a program moves a second, by its label `traffic`, against the measured rate of one thread; none where one of both
/// is not known.
pub(super) fn share_of_stream(facts: &Facts<'_>, wall: &Seen) -> Option<Reached> {
    let bytes = wall.labels.get("traffic")?.parse::<Quantity>().ok()?.value;
    let ceiling = facts.seen("memory.stream", "rate", &[("threads", "1")]).ok()?;
    let rate = own_time(facts, wall).range().map(|wall| bytes / wall);
    let share = rate.over(ceiling.range());
    Some(Reached { share, rate: rate.value, ceiling })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(large: f64, traffic: &str) -> Made {
        let of = |user| [m("wall", Unit::Seconds, user + 0.1), m("user", Unit::Seconds, user)];
        Made::new()
            .command(&format!("data=128 KiB, traffic={traffic}"), &of(0.1))
            .command(&format!("data=64 MiB, traffic={traffic}"), &of(large))
            .probe("memory.stream", "kernel=triad, threads=1", &[m("rate", Unit::BytesPerSecond, 1e10)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // 4 GB in 500 ms are 80 % of the ceiling; 300 of 500 ms go.
        let found = fires(&RULE, run(0.4, "4 GB"), &["8 GB/s", "10 GB/s", "80 %", "128 KiB"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.5).abs() < 0.02);
        quiet(&RULE, run(0.4, "500 MB"));
        quiet(&RULE, run(0.11, "4 GB"));
        lacking(&RULE);
    }
}
