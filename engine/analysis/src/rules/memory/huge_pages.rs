//! What translation costs: loads at random over memory in small and in huge pages, from `memory.latency`, where
//! programs do not get huge pages by themselves.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.huge_pages",
        title: "Memory at random in small pages",
        looks_at: "`os.thp` is not `always`, and `memory.latency.latency` in small pages at least `ratio` times that in huge ones",
        needs: "`memory.latency` with both kinds of pages: `engine run optimization`",
        model: "measured ratio of both kinds of pages",
        effort: Effort::Minutes,
        wrong_when: "memory is read in order, or is small: then translations are in the TLB",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "small over huge pages")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let thp = facts.fact("os.thp", &facts.environment().os.thp)?;
    if thp == "always" {
        return Ok(None);
    }
    let variants = Pair {
        slow: Side("memory.latency", "latency", &[("pages", "small")]),
        fast: Side("memory.latency", "latency", &[("pages", "huge")]),
        goal: Goal::Lower,
        resource: Resource::Memory,
        of: "loads at random from memory",
        tried: true,
    };
    let draft = pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a load at random takes {slow} in small pages and {fast} in huge ones ({times} times), and `os.thp` is `{thp}`"
        );
        let action = "ask for huge pages where memory is large and read at random (`madvise(.., MADV_HUGEPAGE)`, `GLIBC_TUNABLES=glibc.malloc.hugetlb=1 PROGRAM`), or for all: echo always > /sys/kernel/mm/transparent_hugepage/enabled";
        (cause, action.to_owned())
    })?;
    Ok(draft.map(|draft| draft.shown(facts.word("os.thp", thp.as_str()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(thp: &str, small: f64) -> Made {
        Made::new()
            .probe("memory.latency", "pages=small", &[m("latency", Unit::Seconds, small)])
            .probe("memory.latency", "pages=huge", &[m("latency", Unit::Seconds, 1e-7)])
            .environment(|environment| environment.os.thp = engine_core::fact::Fact::Known(thp.to_owned()))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run("madvise", 1.5e-7), &["150 ns", "100 ns", "madvise"]);
        assert!(found.experiment.is_some());
        quiet(&RULE, run("madvise", 1.05e-7));
        quiet(&RULE, run("always", 1.5e-7));
        lacking(&RULE);
    }
}
