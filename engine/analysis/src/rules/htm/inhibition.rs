//! A step of the spatial pooler with local and with global inhibition, from `htm.sp_step`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "htm.inhibition",
        title: "Local inhibition where global would do",
        looks_at: "`htm.sp_step.time{inhibition=local}` against `htm.sp_step.time{inhibition=global}`, at least `ratio` times as long",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Minutes,
        wrong_when: "neighbouring columns mean neighbouring inputs (images, sound): then local inhibition keeps what global one loses",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("htm.sp_step", "time", &[("inhibition", "local")]),
        fast: Side("htm.sp_step", "time", &[("inhibition", "global")]),
        goal: Goal::Lower,
        resource: Resource::Cpu,
        of: "a step of the spatial pooler",
        tried: true,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("a step takes {slow} with local inhibition and {fast} with global ({times} times)");
        let action = "set `global_inhibition` where the input has no topology";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("htm.sp_step", "inhibition=local", &[m("time", Unit::Seconds, slow)]).probe(
            "htm.sp_step",
            "inhibition=global",
            &[m("time", Unit::Seconds, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.0026, 0.001), &[&Unit::Seconds.format(0.0026), &Unit::Seconds.format(0.001)]);
        quiet(&RULE, run(0.001261, 0.001));
        lacking(&RULE);
    }
}
