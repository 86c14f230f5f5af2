//! What all threads reach against one: the sieve of `cpu.primes`, which shares nothing. The ratio is a ceiling for
//! work that can be split.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.threads",
        title: "Work that scales, done by one thread",
        looks_at: "`cpu.primes.rate{threads=1}` against `cpu.primes.rate{threads=all}`, at least `ratio` times as much",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Days,
        wrong_when: "the work cannot be split, waits for something else than a processor, or shares data that all threads write",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("cpu.primes", "rate", &[("threads", "1")]),
        fast: Side("cpu.primes", "rate", &[("threads", "all")]),
        goal: Goal::Higher,
        resource: Resource::Cpu,
        of: "work that can be split",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "all threads do {fast} where one does {slow}: {times} times as much is there for work that can be split"
        );
        let action = "split the work over threads (`rayon`: `.par_iter()` for `.iter()`), then check it with `bench(.., #{ sweep: #{ threads: [1, 2, 4] } }, ..)`";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("cpu.primes", "threads=1", &[m("rate", Unit::PerSecond, slow)]).probe(
            "cpu.primes",
            "threads=all",
            &[m("rate", Unit::PerSecond, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(10000.0, 30000.0), &[&Unit::PerSecond.format(10000.0), &Unit::PerSecond.format(30000.0)]);
        quiet(&RULE, run(10000.0, 14550.0));
        lacking(&RULE);
    }
}
