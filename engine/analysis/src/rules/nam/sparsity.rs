//! A network pruned to half against the dense one, from `nam.tradeoff`: sparse products pay for their indices until
//! little is left.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "nam.sparsity",
        title: "Sparse weights that are slower than dense ones",
        looks_at: "`nam.tradeoff.time{precision=sparse, pruned=50 %}` against `nam.tradeoff.time{precision=f32, pruned=0 %}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "memory and not time is what is short",
        limits: &[LimitDef::new("ratio", 1.1, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("nam.tradeoff", "time", &[("precision", "sparse"), ("pruned", "50 %")]),
        fast: Side("nam.tradeoff", "time", &[("precision", "f32"), ("pruned", "0 %")]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "a row through the network",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!(
            "a row takes {slow} through a network pruned by half and {fast} through the dense one ({times} times)"
        );
        let action = "keep weights dense up to the share from where on `nam.tradeoff` shows sparse ones faster, and use int8 for size";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("nam.tradeoff", "precision=sparse, pruned=50 %", &[m("time", Unit::Seconds, slow)]).probe(
            "nam.tradeoff",
            "precision=f32, pruned=0 %",
            &[m("time", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0022, 0.001), &[&Unit::Seconds.format(0.0022), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001067, 0.001));
        lacking(&RULE);
    }
}
