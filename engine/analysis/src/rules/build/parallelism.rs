//! A build whose longest chain of crates is most of its time: CPUs wait for crates that wait for others.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.parallelism",
        title: "The build waits for a chain of crates",
        looks_at: "`build.crates.critical_path` at least `share` of `wall`, and CPUs at most `busy` used",
        needs: "`build.crates`: `engine run optimization`, with `-p manifest=Cargo.toml` for a crate of yours",
        model: "unknown, with the bound that Amdahl's law sets: how much of it can go was not measured",
        effort: Effort::Days,
        wrong_when: "the build is small, so that cargo itself is what takes time",
        limits: &[
            LimitDef::new("share", 0.8, Unit::Ratio, "longest chain over wall time"),
            LimitDef::new("busy", 0.6, Unit::Ratio, "CPUs that are used"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let path = facts.seen("build.crates", "critical_path", &[])?;
    let wall = facts.seen("build.crates", "wall", &[])?;
    let cpu = facts.seen("build.crates", "cpu", &[])?;
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let share = path.range().over(wall.range());
    let busy = cpu.range().over(wall.range()).map(|busy| busy / cpus);
    if cpus < 2.0 || share.value < limits.of("share") || busy.value > limits.of("busy") {
        return Ok(None);
    }
    let lost = busy.map(|busy| (1.0 - busy).clamp(0.0, 0.95));
    Ok(Some(
        Draft::new(&wall.step, Resource::Build)
            .on(&[&path, &wall, &cpu])
            .shown(derived("critical_path / wall", facts.id(), share, Unit::Ratio, limits.at_least("share")))
            .shown(derived("cpu / wall / CPUs", facts.id(), busy, Unit::Ratio, limits.at_most("busy")))
            .cause(format!("the longest chain of crates takes {} of {}, and {} of the CPUs are used", path.text(), wall.text(), Unit::Ratio.format(busy.value)))
            .action("shorten the chain (`cargo build --timings` shows it): split the crate in its middle, let crates depend on small ones for their types")
            .gain(bound("the build", lost, "1 - cpu / wall / CPUs")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cpu: f64) -> Made {
        let metrics =
            [m("critical_path", Unit::Seconds, 9.0), m("wall", Unit::Seconds, 10.0), m("cpu", Unit::Seconds, cpu)];
        Made::new().cpus(4).probe("build.crates", "kind=debug", &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(12.0), &["9 s", "10 s", "30 %"]);
        quiet(&RULE, run(30.0));
        lacking(&RULE);
    }
}
