//! `malloc` here and `free` in another thread against both in one, from `memory.allocate`: an allocator with caches
//! for each thread must hand the block back.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.allocator",
        title: "Memory is freed by another thread than allocated it",
        looks_at: "`memory.allocate.cross_thread{size=1 KiB}` against `memory.allocate.batch{size=1 KiB}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "the program allocates little: see the share of `malloc` and `free` in `perf record`",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("memory.allocate", "cross_thread", &[("size", "1 KiB")]),
        fast: Side("memory.allocate", "batch", &[("size", "1 KiB")]),
        goal: Goal::Lower,
        resource: Resource::Memory,
        of: "allocating and freeing",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("a block that another thread frees costs {slow}, one of the same thread {fast} ({times} times)");
        let action = "try another allocator (`LD_PRELOAD=libmimalloc.so PROGRAM`, or `#[global_allocator]` with `mimalloc` in Rust), or give buffers back to the thread that made them";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        let metrics = [m("cross_thread", Unit::Seconds, slow), m("batch", Unit::Seconds, fast)];
        Made::new().probe("memory.allocate", "size=1 KiB", &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.003, 0.001), &[&Unit::Seconds.format(0.003), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001455, 0.001));
        lacking(&RULE);
    }
}
