//! Threads that make each other slower: the same work takes more CPU time with many threads than with one. Words of
//! one cache line that several write (false sharing), and bandwidth of memory, look like this; a lock does not, its
//! waiters sleep.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.threads_fight",
        title: "Threads make each other slower",
        looks_at: "`user` of a program with the most `threads`, at least `ratio` times that with one",
        needs: "a program under `bench(.., #{ sweep: #{ threads: [1, 4] } }, |p| command([..]))`, so that the label `threads` tells its runs apart",
        model: "overhead share: the CPU time that one thread does not need for the same work",
        effort: Effort::Hours,
        wrong_when: "each thread does as much as the one alone did, so that the work grows with their number",
        limits: &[LimitDef::new("ratio", 1.4, Unit::Count, "CPU time with many threads over that with one")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let levels = levels(facts, "threads")?;
    // Threads that take turns on a processor do not fight for lines: see `cpu.too_many_threads`.
    let (n, most) = levels.up_to(facts.cpus().unwrap_or(f64::INFINITY));
    let user = |wall: &Seen| beside(facts, wall, "user").ok_or_else(|| Missing::of("no `user` of a program"));
    if levels.least().0 != 1.0 {
        return Err(Missing::of("no program was run with one and with several `threads`"));
    }
    let (one, most) = (&user(&levels.least().1)?, &user(most)?);
    let times = most.range().over(one.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let lost = times.map(|times| (1.0 - 1.0 / times.max(1.0)).clamp(0.0, 0.95));
    let memory = facts.all("tool.command", "peak_memory").into_iter().find(|seen| seen.step == most.step);
    // What fits any cache is not slowed down by bandwidth.
    let small = memory.as_ref().is_some_and(|seen| seen.value < 16.0 * 1048576.0);
    let (why, what) = if small {
        (
            "they write words of one cache line (false sharing), or spin",
            "give what each thread writes a line of its own (`crossbeam_utils::CachePadded`, `#[repr(align(128))]`), count locally and add at the end; `perf c2c record PROGRAM` names the line",
        )
    } else {
        (
            "they share the bandwidth of memory, or write words of one cache line",
            "read less memory (smaller types, fused loops, blocks that fit the second level), then fewer threads; `perf c2c record PROGRAM` tells false sharing from bandwidth",
        )
    };
    let mut draft = Draft::new(&most.step, Resource::Memory).on(&[one, most]);
    if let Some(memory) = &memory {
        draft = draft.on(&[memory]);
    }
    Ok(Some(
        draft
            .shown(derived(
                "CPU time of many threads / of one",
                facts.id(),
                times,
                Unit::Count,
                limits.at_least("ratio"),
            ))
            .cause(format!("{n:.0} threads take {} of CPU time where one takes {}: {why}", most.text(), one.text()))
            .action(what)
            .fit(0.8, "that the work is the same is assumed")
            .gain(overhead(
                "the program with all threads",
                lost,
                "1 - user of one / user of many",
                vec![one.input("user(1)"), most.input("user(N)")],
            )),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(many: f64, peak: f64) -> Made {
        let of = |user| {
            [m("wall", Unit::Seconds, user), m("user", Unit::Seconds, user), m("peak_memory", Unit::Bytes, peak)]
        };
        Made::new().command("threads=1", &of(1.0)).command("threads=4", &of(many))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(4.0, 4e6), &["4 threads take 4 s", "false sharing"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 4.0).abs() < 0.05);
        fires(&RULE, run(4.0, 1e9), &["bandwidth of memory"]);
        quiet(&RULE, run(1.3, 4e6));
        lacking(&RULE);
    }
}
