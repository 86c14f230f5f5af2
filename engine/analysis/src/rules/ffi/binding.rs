//! The same call through `ctypes` and through an extension module, from `ffi.python`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.binding",
        title: "Calls go through ctypes",
        looks_at: "`ffi.python.latency{binding=ctypes, kind=int}` against `ffi.python.latency{binding=pyo3, kind=int}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Days,
        wrong_when: "the work of each call is long against the call",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("ffi.python", "latency", &[("binding", "ctypes"), ("kind", "int")]),
        fast: Side("ffi.python", "latency", &[("binding", "pyo3"), ("kind", "int")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "a call of native code from Python",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("a call takes {slow} through ctypes and {fast} through an extension module ({times} times)");
        let action = "build an extension module (PyO3 with `maturin develop --release`) for what is called often";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("ffi.python", "binding=ctypes, kind=int", &[m("latency", Unit::Seconds, slow)]).probe(
            "ffi.python",
            "binding=pyo3, kind=int",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.003, 0.001), &[&Unit::Seconds.format(0.003), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001455, 0.001));
        lacking(&RULE);
    }
}
