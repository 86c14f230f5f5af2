//! First touch of fresh memory in small and in huge pages, from `memory.allocate`: a fault for each 4 KiB, or one for
//! 2 MiB.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.page_faults",
        title: "Fresh memory in small pages",
        looks_at: "`memory.allocate.first_touch{pages=small}` against `memory.allocate.first_touch{pages=huge}`, at least `ratio` times as much",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "the program touches little new memory, or keeps what it has",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("memory.allocate", "first_touch", &[("pages", "small")]),
        fast: Side("memory.allocate", "first_touch", &[("pages", "huge")]),
        goal: Goal::Higher,
        resource: Resource::Memory,
        of: "first touch of memory",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("fresh memory comes at {slow} in small pages and at {fast} in huge ones ({times} times)");
        let action = "allow huge pages where memory is large (`madvise(MADV_HUGEPAGE)`, `GLIBC_TUNABLES=glibc.malloc.hugetlb=1 PROGRAM`), and keep buffers instead of mapping new ones";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("memory.allocate", "pages=small", &[m("first_touch", Unit::BytesPerSecond, slow)]).probe(
            "memory.allocate",
            "pages=huge",
            &[m("first_touch", Unit::BytesPerSecond, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(
            &RULE,
            run(1e+09, 2.6e+09),
            &[&Unit::BytesPerSecond.format(1e+09), &Unit::BytesPerSecond.format(2.6e+09)],
        );
        quiet(&RULE, run(1e+09, 1.261e+09));
        lacking(&RULE);
    }
}
