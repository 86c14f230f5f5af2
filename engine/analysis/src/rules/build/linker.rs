//! The share of a build that is the linker, and how much faster the best linker is that was measured, from
//! `build.link`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "build.linker",
        title: "Linking takes much of the build",
        looks_at: "`build.link.time` with the default linker, at least `share` of `wall`; `k` from other linkers measured",
        needs: "`build.link` with the default and another linker: `engine run optimization`",
        model: "Amdahl's law: the linker's share of the build, as many times faster as the best linker measured; without another its bound only is given as an interval",
        effort: Effort::Minutes,
        wrong_when: "the program is linked for a debugger that needs what the other linker leaves out",
        limits: &[LimitDef::new("share", 0.05, Unit::Ratio, "linker over build")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let time = facts.seen("build.link", "time", &[("linker", "default")])?;
    let wall = facts.seen("build.link", "wall", &[("linker", "default")])?;
    let share = time.range().over(wall.range()).within(0.0, 1.0);
    if share.value < limits.of("share") {
        return Ok(None);
    }
    let others =
        facts.all("build.link", "time").into_iter().filter(|seen| seen.labels.get("linker") != Some("default"));
    let best = others.min_by(|a, b| a.value.total_cmp(&b.value)).filter(|best| best.value < time.value);
    let mut draft = Draft::new(&time.step, Resource::Build)
        .on(&[&time, &wall])
        .shown(derived("time / wall", facts.id(), share, Unit::Ratio, limits.at_least("share")))
        .cause(format!("the linker takes {} of a build of {}", time.text(), wall.text()));
    draft = match best {
        Some(best) => {
            let name = best.labels.get("linker").unwrap_or("lld").to_owned();
            let k = time.range().over(best.range());
            let gain = amdahl(
                "the build",
                (share, format!("{} / {}", time.source, wall.source)),
                (k, format!("{} / {}", time.source, best.source)),
                vec![],
            );
            draft
                .on(&[&best])
                .action(format!("link with {name}: in .cargo/config.toml `[build] rustflags = [\"-C\", \"link-arg=-fuse-ld={name}\"]`"))
                .gain(gain)
        }
        None => draft
            .action("try `lld` or `mold`: .cargo/config.toml `[build] rustflags = [\"-C\", \"link-arg=-fuse-ld=lld\"]`")
            .gain(bound("the build", share, "time / wall; no faster linker was measured")),
    };
    Ok(Some(draft))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(time: f64) -> Made {
        let of = |time| [m("time", Unit::Seconds, time), m("wall", Unit::Seconds, 10.0)];
        Made::new().probe("build.link", "linker=default", &of(time)).probe("build.link", "linker=lld", &of(0.25 * time))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // 40 % four times as fast: 1 / (0.6 + 0.1).
        let found = fires(&RULE, run(4.0), &["4 s", "10 s", "fuse-ld=lld"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 1.0 / 0.7).abs() < 0.02);
        quiet(&RULE, run(0.4));
        lacking(&RULE);
    }
}
