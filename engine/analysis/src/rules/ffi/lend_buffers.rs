//! A buffer lent to C against one that is copied for it, from `ffi.buffer`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.lend_buffers",
        title: "Buffers are copied for C",
        looks_at: "`ffi.buffer.latency{kind=copied}` against `ffi.buffer.latency{kind=lent}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "C keeps the buffer after the call has returned",
        limits: &[LimitDef::new("ratio", 2.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("ffi.buffer", "latency", &[("kind", "copied")]),
        fast: Side("ffi.buffer", "latency", &[("kind", "lent")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "handing a buffer to C",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a buffer takes {slow} when it is copied for C and {fast} when it is lent ({times} times)");
        let action = "pass `slice.as_ptr()` and `slice.len()` for the time of the call, and copy only what C keeps";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("ffi.buffer", "kind=copied", &[m("latency", Unit::Seconds, slow)]).probe(
            "ffi.buffer",
            "kind=lent",
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
