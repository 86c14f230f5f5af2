//! Loads of one run that fill different resources at different rates: only then are parts of a service worth scaling
//! by themselves.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.split",
        title: "Parts of the service fill different resources",
        looks_at: "two loads whose first busy resource differs, with rates that differ by at least `ratio`",
        needs: "two loads of different journeys, each until something is busy: `engine run load`",
        model: "unknown: what each part would reach by itself follows from a run of each",
        effort: Effort::Days,
        wrong_when: "both loads use the same code, and differ in their rate alone",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "rate of one load over the other when each is full")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    if facts.loads().len() < 2 {
        return Err(Missing::of("the run has fewer than two loads"));
    }
    let views = crate::advice::bottlenecks(facts);
    let firsts: Vec<_> = views.iter().filter_map(|view| Some((view.step.as_str(), view.first.as_ref()?))).collect();
    let pairs = || firsts.iter().enumerate().flat_map(|(at, a)| firsts[at + 1..].iter().map(move |b| (a, b)));
    let far = |a: f64, b: f64| (a / b.max(1e-9)).max(b / a.max(1e-9));
    let found = pairs().find(|(a, b)| a.1.name != b.1.name && far(a.1.rate, b.1.rate) >= limits.of("ratio"));
    let Some((a, b)) = found else { return Ok(None) };
    let times = Range::exact(far(a.1.rate, b.1.rate).min(1e6));
    Ok(Some(
        Draft::new(a.0, Resource::Workers)
            .shown(derived(
                format!("rate of `{}` / `{}` when each is full", a.0, b.0),
                facts.id(),
                times,
                Unit::Count,
                limits.at_least("ratio"),
            ))
            .cause(format!(
                "`{}` fills {} at {}, `{}` fills {} at {}",
                a.0,
                a.1.name,
                Unit::PerSecond.format(a.1.rate),
                b.0,
                b.1.name,
                Unit::PerSecond.format(b.1.rate)
            ))
            .action("give each part workers or a service of its own, and scale it by the resource that it fills")
            .fit(0.5, "first to be busy is not always what limits")
            .gain(unknown("run each part by itself to see what it reaches")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(second: f64) -> Made {
        let busy =
            |metric: &str, value: f64| [times("response", &[(0.01, 100)]), ones(metric, Unit::Ratio, &[value; 5])];
        Made::new()
            .cpus(2)
            .load("search", &busy("target.cpu", 1.9), &[900.0; 5])
            .load("upload", &busy("other", 0.1), &[second; 5])
            .host(10, |sample| sample.pressure_io = Some(0.5))
            .changed(|record| {
                // The second load runs alone with a busy disk; the first has ended before the monitor began.
                for round in record.steps[0].measurements.iter_mut().flat_map(|m| &mut m.rounds) {
                    (round.at, round.seconds) = (-20.0, 5.0);
                }
            })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(50.0), &["search", "target at 900/s", "upload", "storage at 50/s"]);
        quiet(&RULE, run(800.0));
        lacking(&RULE);
    }
}
