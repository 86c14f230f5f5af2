//! A hot function of Python moved to Rust: what a call costs on each side, and across, all measured here. The share
//! of your time in that function is yours to give (`--share architecture.hot_function=30%`).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.hot_function",
        title: "Small functions are interpreted",
        looks_at: "`ffi.python.latency{binding=python, kind=int}` at least `ratio` times `ffi.native.latency{kind=rust}`",
        needs: "`ffi.python` and `ffi.native` in one run: `engine run optimization`",
        model: "measured ratio of a call on both sides; with your share it becomes Amdahl's law",
        effort: Effort::Days,
        wrong_when: "the function calls libraries that are native already (numpy), or is called with little work each time: crossing costs more than it saves",
        limits: &[LimitDef::new("ratio", 4.0, Unit::Count, "a call in Python over one in Rust")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let cross = facts.seen("ffi.python", "latency", &[("binding", "pyo3"), ("kind", "int")])?;
    let variants = Pair {
        slow: Side("ffi.python", "latency", &[("binding", "python"), ("kind", "int")]),
        fast: Side("ffi.native", "latency", &[("kind", "rust")]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "small functions",
        tried: false,
    };
    let draft = pair(facts, limits, &variants, |slow, fast, times| {
        let cause =
            format!("a call takes {slow} in Python and {fast} in Rust ({times} times), and {} across", cross.text());
        let action = format!(
            "profile (`py-spy record`), and move to Rust what takes most, so that one crossing ({}) does much work: a loop, not its body",
            cross.text()
        );
        (cause, action)
    })?;
    Ok(draft.map(|draft| draft.on(&[&cross]).fit(0.5, "a call stands for interpreted code in general")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(python: f64) -> Made {
        let metrics = [
            ml("latency", "binding=python, kind=int", Unit::Seconds, python),
            ml("latency", "binding=pyo3, kind=int", Unit::Seconds, 4.4e-8),
        ];
        Made::new().probe("ffi.python", "", &metrics).probe(
            "ffi.native",
            "",
            &[ml("latency", "kind=rust", Unit::Seconds, 1e-9)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1.6e-8), &["16 ns", "1 ns", "44 ns"]);
        quiet(&RULE, run(3.9e-9));
        lacking(&RULE);
    }
}
