//! A call of C with a text against one with a number, from `ffi.native`: a text is checked and copied to end in a
//! zero.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.text",
        title: "Text is converted for each call",
        looks_at: "`ffi.native.latency{kind=text_in}` against `ffi.native.latency{kind=c_static}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "texts differ from call to call and are short",
        limits: &[LimitDef::new("ratio", 3.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("ffi.native", "latency", &[("kind", "text_in")]),
        fast: Side("ffi.native", "latency", &[("kind", "c_static")]),
        goal: Goal::Lower,
        resource: Resource::Boundary,
        of: "a call of C with a text",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a call with a text takes {slow}, one without {fast} ({times} times): the text is checked and copied"
        );
        let action = "make the `CString` once and keep it, use literals (`c\"text\"`), or pass pointer and length";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("ffi.native", "kind=text_in", &[m("latency", Unit::Seconds, slow)]).probe(
            "ffi.native",
            "kind=c_static",
            &[m("latency", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.006, 0.001), &[&Unit::Seconds.format(0.006), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.00291, 0.001));
        lacking(&RULE);
    }
}
