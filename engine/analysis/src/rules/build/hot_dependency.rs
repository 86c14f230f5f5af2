//! The crate that takes most of the time of the longest chain of a build, from `cargo --timings` (`build.crates`).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.hot_dependency",
        title: "One crate is most of the build",
        looks_at: "the largest `build.crates.time`, at least `share` of `critical_path`",
        needs: "`build.crates`: `engine run optimization`, with `-p manifest=Cargo.toml` for a crate of yours",
        model: "unknown, with the bound that Amdahl's law sets: how much of it can go was not measured",
        effort: Effort::Hours,
        wrong_when: "the crate is not part of the longest chain, or is the program itself",
        limits: &[LimitDef::new("share", 0.4, Unit::Ratio, "time of one crate over the longest chain")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let path = facts.seen("build.crates", "critical_path", &[])?;
    let units = facts.seen("build.crates", "units", &[])?;
    let times = facts.all("build.crates", "time");
    let most = times
        .iter()
        .max_by(|a, b| a.value.total_cmp(&b.value))
        .ok_or_else(|| Missing::of("no `time` of `build.crates`"))?;
    let share = most.range().over(path.range()).within(0.0, 1.0);
    if units.value < 2.0 || share.value < limits.of("share") {
        return Ok(None);
    }
    let name = most.labels.get("crate").unwrap_or("a crate").to_owned();
    Ok(Some(
        Draft::new(&path.step, Resource::Build)
            .on(&[most, &path])
            .shown(derived(format!("time of `{name}` / critical path"), facts.id(), share, Unit::Ratio, limits.at_least("share")))
            .cause(format!("`{name}` takes {} of the {} of the longest chain", most.text(), path.text()))
            .action(format!("see `cargo build --timings` and `cargo tree -e features -i {name}`: switch off features of `{}` that are not used, split a crate of your own, or choose a lighter one", name.split(' ').next().unwrap_or(&name)))
            .gain(bound("the build", share, "time of the crate / critical path")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(hot: f64) -> Made {
        let metrics = [
            ml("time", "crate=regex", Unit::Seconds, hot),
            ml("time", "crate=app", Unit::Seconds, 1.0),
            m("critical_path", Unit::Seconds, 10.0),
            m("units", Unit::Count, 12.0),
        ];
        Made::new().probe("build.crates", "kind=debug", &metrics)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(6.0), &["regex", "6 s", "10 s", "60 %"]);
        quiet(&RULE, run(3.9));
        lacking(&RULE);
    }
}
