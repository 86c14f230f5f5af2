//! A buffer of Python copied by Rust against a view of it, from `ffi.python`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.views",
        title: "Bytes are copied across the boundary",
        looks_at: "`ffi.python.latency{binding=pyo3, kind=bytes_copied}` against `ffi.python.latency{binding=pyo3, kind=buffer_viewed}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "the buffer is small, or must outlive the call",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("ffi.python", "latency", &[("binding", "pyo3"), ("kind", "bytes_copied")]),
        fast: Side("ffi.python", "latency", &[("binding", "pyo3"), ("kind", "buffer_viewed")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "handing over a buffer",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("handing over a buffer takes {slow} by a copy and {fast} by a view ({times} times)");
        let action =
            "take a view (`PyBuffer<u8>`, `&[u8]` of `PyBytes`, `numpy` arrays by reference) instead of `Vec<u8>`";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("ffi.python", "binding=pyo3, kind=bytes_copied", &[m("latency", Unit::Seconds, slow)]).probe(
            "ffi.python",
            "binding=pyo3, kind=buffer_viewed",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0026, 0.001), &[&Unit::Seconds.format(0.0026), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001261, 0.001));
        lacking(&RULE);
    }
}
