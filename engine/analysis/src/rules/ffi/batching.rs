//! Calls one by one against a list in one call, from `ffi.python`: what a boundary costs once for all.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.batching",
        title: "The boundary is crossed for each item",
        looks_at: "the time of as many calls with one number as the list has items, at least `ratio` times that of one call with the list",
        needs: "`ffi.python` of all kinds: `engine run optimization`",
        model: "measured ratio: items x latency of one call over the latency of one call with the list",
        effort: Effort::Hours,
        wrong_when: "items are not there together, or each answer decides the next call",
        limits: &[LimitDef::new("ratio", 1.3, Unit::Count, "single calls over one call with a list")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let wanted = |kind| [("binding", "pyo3"), ("kind", kind)];
    let single = facts.seen("ffi.python", "latency", &wanted("int"))?;
    let list = facts.seen("ffi.python", "latency", &wanted("list"))?;
    let items = list.labels.get("items").and_then(|text| text.parse::<f64>().ok()).unwrap_or(100.0);
    let many = Seen {
        source: format!("{items:.0} x {}", single.source),
        value: items * single.value,
        interval: single.interval.map(|i| engine_core::stats::Interval::new(items * i.low, items * i.high)),
        ends: (items * single.ends.0, items * single.ends.1),
        ..single.clone()
    };
    let times = many.range().over(list.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let trial = |kind: &str| Trial {
        probe: "ffi.python".into(),
        options: [("binding", "pyo3"), ("kind", kind)].into_iter().collect(),
    };
    // The metric of an experiment is the latency of one call: a call with the list takes so many times a single one.
    let predicted = single.range().over(list.range());
    Ok(Some(
        Draft::new(&single.step, Resource::Boundary)
            .on(&[&single, &list])
            .shown(derived("items x single / list", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!(
                "{items:.0} calls of {} take {}, one call with all {} takes {}",
                single.text(),
                many.text(),
                items,
                list.text()
            ))
            .action("cross once with all items (a list, better a buffer or an array of numpy) instead of once for each")
            .gain(ratio("handing over items", &many, &list, Goal::Lower))
            .experiment(Experiment {
                before: trial("int"),
                after: trial("list"),
                metric: "latency".into(),
                predicted,
                changes: None,
            }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(list: f64) -> Made {
        let metrics = [
            ml("latency", "binding=pyo3, kind=int", Unit::Seconds, 5e-8),
            ml("latency", "binding=pyo3, kind=list", Unit::Seconds, list),
        ];
        Made::new().probe("ffi.python", "items=100", &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(2e-6), &["100 calls", "50 ns", "5 us", "2 us"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.5).abs() < 0.05);
        quiet(&RULE, run(4.5e-6));
        lacking(&RULE);
    }
}
