//! Weights in full precision where eight bits lose nothing, from `nam.tradeoff`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "nam.precision",
        title: "Full precision where int8 loses nothing",
        looks_at: "`nam.tradeoff.time` in f32 at least `ratio` times that in int8, with at most `loss` of accuracy lost",
        needs: "`nam.tradeoff`: `engine run optimization`",
        model: "measured ratio of both precisions",
        effort: Effort::Hours,
        wrong_when: "the network was not trained for it: check accuracy on data of your own",
        limits: &[
            LimitDef::new("ratio", 1.1, Unit::Count, "f32 over int8"),
            LimitDef::new("loss", 0.005, Unit::Ratio, "accuracy that is lost"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let full = [("precision", "f32"), ("pruned", "0 %")];
    let small = [("precision", "int8"), ("pruned", "0 %")];
    let lost =
        facts.seen("nam.tradeoff", "accuracy", &full)?.value - facts.seen("nam.tradeoff", "accuracy", &small)?.value;
    let variants = Pair {
        slow: Side("nam.tradeoff", "time", &full),
        fast: Side("nam.tradeoff", "time", &small),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "a row through the network",
        tried: false,
    };
    if lost > limits.of("loss") {
        return Ok(None);
    }
    let draft = pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a row takes {slow} in f32 and {fast} in int8 ({times} times)");
        (cause, "keep weights in int8 with a scale for each row; `nam.tradeoff` shows time, size and accuracy of each precision".to_owned())
    })?;
    Ok(draft.map(|draft| {
        draft.shown(derived("accuracy lost", facts.id(), Range::exact(lost), Unit::Ratio, limits.at_most("loss")))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(full: f64, accuracy: f64) -> Made {
        let metrics = [
            ml("time", "precision=f32, pruned=0 %", Unit::Seconds, full),
            ml("time", "precision=int8, pruned=0 %", Unit::Seconds, 1e-7),
            ml("accuracy", "precision=f32, pruned=0 %", Unit::Ratio, 0.96),
            ml("accuracy", "precision=int8, pruned=0 %", Unit::Ratio, accuracy),
        ];
        Made::new().probe("nam.tradeoff", "", &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(2.5e-7, 0.96), &["250 ns", "100 ns"]);
        quiet(&RULE, run(1.05e-7, 0.96));
        quiet(&RULE, run(2.5e-7, 0.9));
        lacking(&RULE);
    }
}
