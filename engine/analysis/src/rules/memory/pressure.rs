//! Time in which tasks waited for memory, by the pressure counters of the kernel.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.pressure",
        title: "Tasks wait for memory",
        looks_at: "`monitor.pressure_memory`, mean, at least `share`",
        needs: "the system monitor on a kernel with pressure counters: any run of a few seconds",
        model: "overhead share of the time with tasks waiting: an upper bound",
        effort: Effort::Hours,
        wrong_when: "another program caused it and has gone",
        limits: &[LimitDef::new("share", 0.02, Unit::Ratio, "time with tasks waiting for memory")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let waits = facts.monitor("pressure_memory", Unit::Ratio, 0.5, |sample| sample.pressure_memory)?;
    let used =
        facts.monitor("memory", Unit::Ratio, 1.0, |sample| (sample.memory_total > 0).then(|| sample.memory()))?;
    if waits.value < limits.of("share") {
        return Ok(None);
    }
    let saved = Range::new(waits.value, 0.0, waits.ends.1);
    Ok(Some(
        Draft::new("machine", Resource::Capacity)
            .rests(&waits)
            .shown(waits.against(limits.at_least("share")))
            .on(&[&used])
            .cause(format!("tasks waited for memory in {} of the time, with up to {} of it in use", waits.text(), used.text()))
            .action("find what holds it (`ps aux --sort=-rss | head`), give the run less (`size`, `live` of probes; limits of services) or the machine more")
            .fit(0.6, "pressure counts any task")
            .gain(overhead("what waits for memory", saved, &waits.source, vec![])),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(waits: f64) -> Made {
        Made::new().host(10, |sample| {
            (sample.pressure_memory, sample.memory_total, sample.memory_used) = (Some(waits), 100, 97);
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.2), &["20 %", "97 %"]);
        quiet(&RULE, run(0.01));
        lacking(&RULE);
    }
}
