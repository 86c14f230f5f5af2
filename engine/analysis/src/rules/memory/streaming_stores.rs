//! Copies with plain and with streaming (non-temporal) stores, from `memory.stream`. A plain store of a line first
//! reads it from memory (write allocate), a third of the traffic of a copy.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.streaming_stores",
        title: "Plain stores read what they overwrite",
        looks_at: "`memory.stream.rate{stores=plain, kernel=copy}` against `memory.stream.rate{stores=streaming, kernel=copy}`, at least `ratio` times as much",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "what is written is read again soon, so that it had better stay in the cache",
        limits: &[LimitDef::new("ratio", 1.15, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("memory.stream", "rate", &[("stores", "plain"), ("kernel", "copy")]),
        fast: Side("memory.stream", "rate", &[("stores", "streaming"), ("kernel", "copy")]),
        goal: Goal::Higher,
        resource: Resource::Memory,
        of: "copies that do not fit the caches",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "copies beyond the caches reach {slow} with plain stores and {fast} with streaming ones ({times} times)"
        );
        let action = "write large results with streaming stores (`_mm256_stream_ps` and a fence; `memcpy` of the C library does it by itself from a few MiB on)";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("memory.stream", "stores=plain, kernel=copy", &[m("rate", Unit::BytesPerSecond, slow)]).probe(
            "memory.stream",
            "stores=streaming, kernel=copy",
            &[m("rate", Unit::BytesPerSecond, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(
            &RULE,
            run(1e+09, 2.3e+09),
            &[&Unit::BytesPerSecond.format(1e+09), &Unit::BytesPerSecond.format(2.3e+09)],
        );
        quiet(&RULE, run(1e+09, 1.1155e+09));
        lacking(&RULE);
    }
}
