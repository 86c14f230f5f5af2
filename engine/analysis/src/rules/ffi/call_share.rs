//! Calls across a boundary times what one costs here: the share of a program's time that is crossing, and not work. What a call
//! costs depends on what it is given: a program says so by the label `kind`, else it is taken to be one number.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "ffi.call_share",
        title: "The program crosses into another language for each item",
        looks_at: "`calls` of a program times `ffi.python.latency` of their `kind` (one number, where the program does not say), at least `share` of its `wall`",
        needs: "a program that says how often it crosses, and with what, and `ffi.python`, in one run: `bench(.., #{ sweep: #{ calls: [400_000], kind: [\"str\"] } }, |p| command([..]))`",
        model: "overhead share: calls x measured cost of one, over wall time",
        effort: Effort::Hours,
        wrong_when: "items are not there together, or each answer decides the next call",
        limits: &[LimitDef::new("share", 0.1, Unit::Ratio, "time in crossings over wall time")],
    },
    check,
};

/// Kinds of a call with one number. With ctypes one of undeclared types costs half of one of declared types.
const NUMBER: [&str; 2] = ["int", "int_undeclared"];

/// What a call of such kinds costs: the cheapest of those that were measured, so that the program is promised no more; it may be as
/// much as the dearest of the same binding.
fn cost(facts: &Facts<'_>, kinds: &[&str], binding: Option<&str>) -> Option<Seen> {
    let label = |seen: &Seen, name: &str| seen.labels.get(name).unwrap_or_default().to_owned();
    let all = facts.all("ffi.python", "latency").into_iter();
    let all: Vec<Seen> = all
        .filter(|seen| kinds.contains(&label(seen, "kind").as_str()))
        .filter(|seen| binding.is_none_or(|binding| label(seen, "binding") == binding))
        .collect();
    let cheapest = all.iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    let same = all.iter().filter(|seen| label(seen, "binding") == label(cheapest, "binding"));
    let most = same.map(|seen| seen.range().high).fold(cheapest.value, f64::max);
    Some(Seen { ends: (cheapest.ends.0, cheapest.ends.1.max(most)), ..cheapest.clone() })
}

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let calls = |wall: &Seen| wall.labels.get("calls").and_then(|text| text.parse::<f64>().ok());
    let walls = facts.all("tool.command", "wall").into_iter();
    let walls: Vec<(f64, Seen)> = walls.filter_map(|wall| Some((calls(&wall)?, wall))).collect();
    if walls.is_empty() {
        return Err(Missing::of("no program has a label `calls`"));
    }
    let mut drafts = Vec::new();
    for (calls, wall) in &walls {
        let said = wall.labels.get("kind");
        let kinds = said.map_or(NUMBER.to_vec(), |kind| vec![kind]);
        let cost = cost(facts, &kinds, wall.labels.get("binding"));
        let what = said.unwrap_or("one number");
        let cost = cost.ok_or_else(|| Missing(format!("no `latency` of `ffi.python` for {what}")))?;
        let own = own_time(facts, wall);
        let each = Range { high: cost.range().high.max(cost.ends.1), ..cost.range() };
        let share = each.map(|cost| cost * calls).over(own.range()).within(0.0, 0.95);
        if share.value < limits.of("share") {
            continue;
        }
        let priced = Input { range: each, ..cost.input("latency") };
        let fit = if said.is_some() {
            (0.9, "calls may be dearer or cheaper than those measured")
        } else {
            (0.8, "that each call has one number is assumed")
        };
        drafts.push(
            Draft::new(&wall.step, Resource::Boundary)
                .on(&[&cost, &own])
                .shown(derived("calls x latency / wall", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!(
                    "{calls:.0} calls with {what} of {} each are {} of {}",
                    cost.text(),
                    Unit::Ratio.format(share.value),
                    own.text()
                ))
                .action("cross once with all items (a buffer, an array of numpy, `ctypes.c_double * n`) instead of once for each; or move the loop to the other side")
                .fit(fit.0, fit.1)
                .gain(overhead("the program", share, "calls x latency / wall", vec![priced, own.input("wall")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(labels: &str) -> Made {
        let cost = [
            ml("latency", "binding=ctypes, kind=int", Unit::Seconds, 5e-7),
            ml("latency", "binding=cffi, kind=list", Unit::Seconds, 1e-9),
            ml("latency", "binding=ctypes, kind=str", Unit::Seconds, 2.5e-7),
            ml("latency", "binding=pyo3, kind=str", Unit::Seconds, 1e-7),
        ];
        let wall = [m("wall", Unit::Seconds, 1.0)];
        Made::new().probe("ffi.python", "", &cost).command(labels, &wall)
    }

    fn gain(found: &engine_core::finding::Finding) -> Range {
        found.gain.modelled().expect("a model").speedup
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run("calls=1000000"), &["1000000 calls with one number of 500 ns", "50"]);
        assert!((gain(&found).value - 2.0).abs() < 0.02);
        quiet(&RULE, run("calls=180000"));
        lacking(&RULE);
    }

    #[test]
    fn a_call_is_priced_by_what_it_is_given() {
        let found = fires(&RULE, run("calls=1000000, kind=str, binding=ctypes"), &["with str of 250 ns", "25"]);
        assert!((gain(&found).value - 1.0 / 0.75).abs() < 0.01);
        // Without a binding it is promised no more than the cheapest.
        fires(&RULE, run("calls=2000000, kind=str"), &["of 100 ns"]);
        let other = run("calls=1000000, kind=dict").record();
        assert!(ask(&RULE, &other).expect_err("not assessed").contains("dict"));
    }

    #[test]
    fn a_number_of_undeclared_type_is_cheaper_and_the_declared_one_is_the_upper_end() {
        let cheap = ml("latency", "binding=ctypes, kind=int_undeclared", Unit::Seconds, 2.5e-7);
        let found = fires(&RULE, run("calls=1000000").probe("ffi.python", "", &[cheap]), &["of 250 ns"]);
        let gain = gain(&found);
        assert!((gain.value - 1.0 / 0.75).abs() < 0.01 && gain.high > 2.0, "{gain:?}");
    }
}
