//! What it costs that threads write words of one cache line, from `cpu.atomics`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.false_sharing",
        title: "Counters of several threads share a cache line",
        looks_at: "`cpu.atomics.false_sharing` at least `ratio`",
        needs: "`cpu.atomics` on two CPUs or more: `engine run optimization`",
        model: "measured ratio of both layouts",
        effort: Effort::Hours,
        wrong_when: "threads write rarely, or to data of their own already",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "times slower on words of one line")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let times = facts.seen("cpu.atomics", "false_sharing", &[])?;
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let one = Seen {
        value: 1.0,
        interval: None,
        ends: (1.0, 1.0),
        source: "words on lines of their own".into(),
        ..times.clone()
    };
    let gain = amdahl(
        "writes to words that threads share a line for",
        (Range::exact(0.999), "all of such a write".to_owned()),
        (times.range(), times.source.clone()),
        vec![],
    );
    Ok(Some(
        Draft::new(&times.step, Resource::Memory)
            .rests(&times)
            .shown(times.against(limits.at_least("ratio")))
            .shown(one.evidence())
            .cause(format!("writes of several threads to words of one cache line are {} times slower than on lines of their own", times.text()))
            .action("give what each thread writes a line of its own (`#[repr(align(128))]`, `crossbeam_utils::CachePadded`), or count locally and add at the end; `perf c2c` finds such lines")
            .gain(gain),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(times: f64) -> Made {
        Made::new().probe("cpu.atomics", "", &[m("false_sharing", Unit::Count, times)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(3.2), &["3.200 times"]);
        quiet(&RULE, run(1.4));
        lacking(&RULE);
    }
}
