//! Calls across a boundary times what one costs here: the share of a program's time that is crossing, and not work.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.call_share",
        title: "The program crosses into another language for each item",
        looks_at: "`calls` of a program times `ffi.python.latency{kind=int}`, at least `share` of its `wall`",
        needs: "a program that says how often it crosses, and `ffi.python`, in one run: `bench(.., #{ sweep: #{ calls: [400_000] } }, |p| command([..]))`",
        model: "overhead share: calls x measured cost of one, over wall time",
        effort: Effort::Hours,
        wrong_when: "items are not there together, or each answer decides the next call",
        limits: &[LimitDef::new("share", 0.1, Unit::Ratio, "time in crossings over wall time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let calls = |wall: &Seen| wall.labels.get("calls").and_then(|text| text.parse::<f64>().ok());
    let walls = facts.all("tool.command", "wall").into_iter();
    let walls: Vec<(f64, Seen)> = walls.filter_map(|wall| Some((calls(&wall)?, wall))).collect();
    if walls.is_empty() {
        return Err(Missing::of("no program has a label `calls`"));
    }
    // Of several bindings that were measured, the cheapest: the program is promised no more.
    let costs = facts.all("ffi.python", "latency").into_iter().filter(|seen| seen.labels.get("kind") == Some("int"));
    let cost = costs.min_by(|a, b| a.value.total_cmp(&b.value));
    let cost = cost.ok_or_else(|| Missing::of("no `latency` of `ffi.python` for one number"))?;
    let mut drafts = Vec::new();
    for (calls, wall) in &walls {
        let own = own_time(facts, wall);
        let share = cost.range().map(|cost| cost * calls).over(own.range()).within(0.0, 0.95);
        if share.value < limits.of("share") {
            continue;
        }
        drafts.push(
            Draft::new(&wall.step, Resource::Boundary)
                .on(&[&cost, &own])
                .shown(derived("calls x latency / wall", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!(
                    "{calls:.0} calls of {} each are {} of {}",
                    cost.text(),
                    Unit::Ratio.format(share.value),
                    own.text()
                ))
                .action("cross once with all items (a buffer, an array of numpy, `ctypes.c_double * n`) instead of once for each; or move the loop to the other side")
                .fit(0.9, "a call with one number stands for all calls")
                .gain(overhead("the program", share, "calls x latency / wall", vec![cost.input("latency"), own.input("wall")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(calls: u32) -> Made {
        let cost = [
            ml("latency", "binding=ctypes, kind=int", Unit::Seconds, 5e-7),
            ml("latency", "binding=cffi, kind=list", Unit::Seconds, 1e-9),
        ];
        let wall = [m("wall", Unit::Seconds, 1.0)];
        Made::new().probe("ffi.python", "", &cost).command(&format!("calls={calls}"), &wall)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(1_000_000), &["1000000 calls of 500 ns", "50"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.0).abs() < 0.02);
        quiet(&RULE, run(180_000));
        lacking(&RULE);
    }
}
