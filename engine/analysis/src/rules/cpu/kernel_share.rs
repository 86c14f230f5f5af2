//! Programs that spend their CPU time in the kernel: system calls, page faults, small reads and writes.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.kernel_share",
        title: "Much of the CPU time is spent in the kernel",
        looks_at: "`system` of a program at least `share` of its `wall`",
        needs: "a program of yours: `engine time PROGRAM`, or `bench(.., command([..]))`",
        model: "unknown, with the bound that Amdahl's law sets: how much of it can go was not measured",
        effort: Effort::Hours,
        wrong_when: "the work is what the kernel does: copying files, talking to the network",
        limits: &[LimitDef::new("share", 0.3, Unit::Ratio, "time in the kernel over wall time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let mut drafts = Vec::new();
    let walls = facts.all("tool.command", "wall");
    if walls.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    for wall in walls {
        let Ok(system) = same(facts, &wall, "system") else { continue };
        let share = system.range().over(wall.range());
        if share.value < limits.of("share") || share.value > 1.5 {
            continue;
        }
        drafts.push(
            Draft::new(&wall.step, Resource::Cpu)
                .on(&[&system, &wall])
                .shown(derived("system / wall", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!("{} of {} are spent in the kernel", system.text(), wall.text()))
                .action("see which calls: `strace -c PROGRAM`, `perf trace -s PROGRAM`; then larger reads and writes, fewer allocations of fresh memory, `io_uring` or batches")
                .gain(bound("the program", share, "system / wall")),
        );
    }
    Ok(Draft::strongest(drafts))
}

/// Another metric of the same run of the same program.
fn same(facts: &Facts<'_>, wall: &Seen, metric: &str) -> Result<Seen, Missing> {
    let found = facts.all("tool.command", metric).into_iter().find(|seen| seen.step == wall.step);
    found.ok_or_else(|| Missing(format!("no `{metric}` of `{}`", wall.step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(system: f64) -> Made {
        Made::new().command("", &[m("wall", Unit::Seconds, 1.0), m("system", Unit::Seconds, system)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.6), &["600 ms", "1 s", "60 %"]);
        quiet(&RULE, run(0.29));
        lacking(&RULE);
    }
}
