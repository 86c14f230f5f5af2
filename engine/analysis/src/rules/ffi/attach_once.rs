//! Attaching to Python's interpreter against a call within one attachment, from `ffi.python`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.attach_once",
        title: "The interpreter is attached for each call",
        looks_at: "`ffi.python.latency{binding=pyo3, kind=attach}` against `ffi.python.latency{binding=pyo3, kind=call}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "the thread does long work between calls and must not hold the interpreter meanwhile",
        limits: &[LimitDef::new("ratio", 2.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("ffi.python", "latency", &[("binding", "pyo3"), ("kind", "attach")]),
        fast: Side("ffi.python", "latency", &[("binding", "pyo3"), ("kind", "call")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "a call of Python from Rust",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("attaching to the interpreter takes {slow}, a call within an attachment {fast} ({times} times)");
        let action =
            "attach once around the loop (`Python::attach(|py| for .. { f.call1(py, ..) })`) instead of within it";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("ffi.python", "binding=pyo3, kind=attach", &[m("latency", Unit::Seconds, slow)]).probe(
            "ffi.python",
            "binding=pyo3, kind=call",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.004, 0.001), &[&Unit::Seconds.format(0.004), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.00194, 0.001));
        lacking(&RULE);
    }
}
