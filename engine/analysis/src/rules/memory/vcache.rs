//! Processors with third-level caches of unequal size (3D V-Cache on one die): what is sensitive to the cache should
//! run on the larger.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.vcache",
        title: "Third-level caches of unequal size",
        looks_at: "`cpu.l3_groups` of the environment: the largest at least `ratio` times the smallest",
        needs: "a machine that tells its third-level caches: `engine run optimization`",
        model: "unknown: the working set of your program is not known",
        effort: Effort::Minutes,
        wrong_when: "the program fits the smaller cache, or needs the higher clock of the other die",
        limits: &[LimitDef::new("ratio", 1.5, Unit::Count, "largest over smallest third-level cache")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let groups = facts.fact("cpu.l3_groups", &facts.environment().cpu.l3_groups)?;
    let Some(large) = groups.iter().max_by_key(|group| group.size_bytes) else { return Ok(None) };
    let small = groups.iter().map(|group| group.size_bytes).min().unwrap_or(large.size_bytes).max(1);
    let times = large.size_bytes as f64 / small as f64;
    if times < limits.of("ratio") {
        return Ok(None);
    }
    let mode = facts.environment().cpu.x3d_mode.as_deref().unwrap_or("unknown").to_owned();
    Ok(Some(
        Draft::new("processor", Resource::Memory)
            .shown(derived("largest / smallest L3", facts.id(), Range::exact(times), Unit::Count, limits.at_least("ratio")))
            .shown(facts.word("cpu.x3d_mode", mode))
            .cause(format!("CPUs {} share {} of third-level cache, others {}", large.cpus, Unit::Bytes.format(large.size_bytes as f64), Unit::Bytes.format(small as f64)))
            .action(format!("taskset -c {} PROGRAM for what is sensitive to the cache; as root for all: echo cache > /sys/bus/platform/drivers/amd_x3d_vcache/AMDI0101:00/amd_x3d_mode", large.cpus))
            .gain(unknown("the working set of your program was not measured; run it under `taskset` on both and compare")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(second: u64) -> Made {
        let group =
            |cpus: &str, size: u64| engine_core::environment::L3Group { cpus: cpus.to_owned(), size_bytes: size << 20 };
        let groups = vec![group("0-7", 96), group("8-15", second)];
        Made::new().environment(|environment| environment.cpu.l3_groups = engine_core::fact::Fact::Known(groups))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(32), &["96 MiB", "32 MiB", "taskset -c 0-7"]);
        quiet(&RULE, run(96));
        lacking(&RULE);
    }
}
