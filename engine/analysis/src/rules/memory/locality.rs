//! What order and layout are worth at each size of the data, from `cache::locality`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.locality",
        title: "Memory is walked against its layout",
        looks_at: "`cache.locality.gain` at least `ratio`",
        needs: "`cache.locality`: `engine run optimization`",
        model: "measured ratio of the poor and the good order",
        effort: Effort::Hours,
        wrong_when: "your data fit the first level, or are walked in order already",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "time of the poor order over the good one")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let gain = facts.seen("cache.locality", "gain", &[])?;
    if gain.value < limits.of("ratio") {
        return Ok(None);
    }
    let pattern = gain.labels.get("pattern").unwrap_or("traversal").to_owned();
    let model = amdahl(
        "a walk through data beyond the caches",
        (Range::exact(0.999), "all of such a walk".to_owned()),
        (gain.range(), gain.source.clone()),
        vec![],
    );
    Ok(Some(
        Draft::new(&gain.step, Resource::Memory)
            .rests(&gain)
            .shown(gain.against(limits.at_least("ratio")))
            .cause(format!("the poor order of `{pattern}` is {} times slower than the good one", gain.text()))
            .action("walk rows in the inner loop, keep together what is read together (struct of arrays), and work in blocks that fit the second level")
            .gain(model),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(gain: f64) -> Made {
        Made::new().probe("cache.locality", "pattern=traversal", &[m("gain", Unit::Count, gain)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(6.0), &["6 times", "traversal"]);
        quiet(&RULE, run(1.4));
        lacking(&RULE);
    }
}
