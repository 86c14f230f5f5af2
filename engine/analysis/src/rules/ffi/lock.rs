//! Work of several threads with the lock of the interpreter held and released, from `ffi.python`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.lock",
        title: "Threads wait for the lock of the interpreter",
        looks_at: "`ffi.python.speedup{lock=held}` against `ffi.python.speedup{lock=released}`, at least `ratio` times as much",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "the work touches objects of Python all the time, or the interpreter is built without the lock",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("ffi.python", "speedup", &[("lock", "held")]),
        fast: Side("ffi.python", "speedup", &[("lock", "released")]),
        goal: Goal::Higher,
        resource: Resource::Serial,
        of: "work in threads of Python",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "threads together do {slow} of the work of one while the lock is held and {fast} when it is released ({times} times)"
        );
        let action = "release it around work that needs no object of Python (`py.detach(|| ..)` of PyO3, `Py_BEGIN_ALLOW_THREADS`)";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("ffi.python", "lock=held", &[m("speedup", Unit::Ratio, slow)]).probe(
            "ffi.python",
            "lock=released",
            &[m("speedup", Unit::Ratio, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1.0, 2.6), &[&Unit::Ratio.format(1.0), &Unit::Ratio.format(2.6)]);
        quiet(&RULE, run(1.0, 1.261));
        lacking(&RULE);
    }
}
