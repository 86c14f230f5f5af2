//! What capturing all activations adds to a pass, from `nam.map`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "nam.capture",
        title: "Capturing activations costs much of the pass",
        looks_at: "`nam.map.overhead` at least `share`",
        needs: "`nam.map`: `engine run optimization`",
        model: "overhead share of the capture",
        effort: Effort::Hours,
        wrong_when: "all activations are needed for each row",
        limits: &[LimitDef::new("share", 0.2, Unit::Ratio, "time that capture adds to the plain pass")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let all = facts.all("nam.map", "overhead");
    let most = all
        .iter()
        .max_by(|a, b| a.value.total_cmp(&b.value))
        .ok_or_else(|| Missing::of("no `overhead` of `nam.map`"))?;
    if most.value < limits.of("share") {
        return Ok(None);
    }
    // What is added to one is a share of x / (1 + x) of the whole.
    let share = most.range().map(|added| (added / (1.0 + added)).clamp(0.0, 0.95));
    Ok(Some(
        Draft::new(&most.step, Resource::Memory)
            .rests(most)
            .shown(most.against(limits.at_least("share")))
            .cause(format!("capturing activations adds {} to the pass", most.text()))
            .action("capture the layers that you look at, or one row in so many; fold statistics in the pass instead of keeping rows")
            .gain(overhead("a capturing pass", share, "overhead / (1 + overhead)", vec![most.input("overhead")])),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(share: f64) -> Made {
        Made::new().probe("nam.map", "batch=64", &[m("overhead", Unit::Ratio, share)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(1.0), &["100 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.0).abs() < 0.02);
        quiet(&RULE, run(0.19));
        lacking(&RULE);
    }
}
