//! Programs that hold more than the last-level cache: what a load costs beyond it, measured here, against one within.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.working_set",
        title: "The program does not fit the caches",
        looks_at: "`peak_memory` of a program more than the measured `l3_size`, and `memory_latency` at least `ratio` times `l3_latency` of `cache.latency`",
        needs: "a program of yours and `cache.latency` to beyond all caches in one run: `engine run hardware` and `engine time PROGRAM` as one scenario",
        model: "unknown, with the ratio of both latencies as the most that a load can gain",
        effort: Effort::Days,
        wrong_when: "it reads what it holds in order: then the prefetcher hides the latency",
        limits: &[LimitDef::new("ratio", 2.0, Unit::Count, "latency beyond the caches over that of the third level")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let size = facts.seen("cache.latency", "l3_size", &[])?;
    let within = facts.seen("cache.latency", "l3_latency", &[])?;
    let beyond = facts.seen("cache.latency", "memory_latency", &[])?;
    let programs = facts.all("tool.command", "peak_memory");
    if programs.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    let times = beyond.range().over(within.range());
    let large = programs.iter().filter(|seen| seen.value > size.value).max_by(|a, b| a.value.total_cmp(&b.value));
    let Some(large) = large.filter(|_| times.value >= limits.of("ratio")) else { return Ok(None) };
    Ok(Some(
        Draft::new(&large.step, Resource::Memory)
            .on(&[large, &size, &within, &beyond])
            .shown(derived("memory_latency / l3_latency", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!(
                "the program holds {} where {} fit the third level: a load at random takes {} beyond it and {} within",
                large.text(),
                size.text(),
                beyond.text(),
                within.text()
            ))
            .action("smaller types, indices instead of pointers, structs of arrays, blocks that fit the second level; `perf stat -e LLC-load-misses PROGRAM` tells whether it misses")
            .gain(unknown(format!(
                "how many loads miss was not counted; each that would hit instead is {} times as fast",
                Unit::Count.format(times.value)
            ))),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(peak: f64) -> Made {
        let cache = [
            m("l3_size", Unit::Bytes, 32.0 * 1048576.0),
            m("l3_latency", Unit::Seconds, 1e-8),
            m("memory_latency", Unit::Seconds, 1e-7),
        ];
        Made::new().probe("cache.latency", "", &cache).command("", &[m("peak_memory", Unit::Bytes, peak)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1073741824.0), &["1 GiB", "32 MiB", "100 ns", "10 ns"]);
        quiet(&RULE, run(1048576.0));
        lacking(&RULE);
    }
}
