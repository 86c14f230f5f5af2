//! Several memory nodes, and nothing that places threads beside their memory.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.numa",
        title: "Threads may run far from their memory",
        looks_at: "at least `nodes` of `os.numa_nodes`, and `os.numa_balancing` off",
        needs: "a machine that tells its memory nodes: `engine run optimization`",
        model: "unknown: latency by node is not measured",
        effort: Effort::Minutes,
        wrong_when: "the program binds its threads and memory by itself",
        limits: &[LimitDef::new("nodes", 2.0, Unit::Count, "nodes from where on placement matters")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let nodes = facts.fact("os.numa_nodes", &facts.environment().os.numa_nodes)?.len() as f64;
    let balancing = *facts.fact("os.numa_balancing", &facts.environment().os.numa_balancing)?;
    if nodes < limits.of("nodes") || balancing {
        return Ok(None);
    }
    Ok(Some(
        Draft::new("memory", Resource::Memory)
            .shown(derived("os.numa_nodes", facts.id(), Range::exact(nodes), Unit::Count, limits.at_least("nodes")))
            .shown(facts.word("os.numa_balancing", "off"))
            .cause(format!("there are {nodes:.0} memory nodes, and the kernel does not move memory to its threads"))
            .action("numactl --cpunodebind=0 --membind=0 PROGRAM for what fits one node, --interleave=all for what does not")
            .gain(unknown("what a load from another node costs was not measured")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(count: u32) -> Made {
        let nodes = (0..count).map(|node| engine_core::environment::NumaNode { node, cpus: String::new() }).collect();
        Made::new().environment(|environment| {
            environment.os.numa_nodes = engine_core::fact::Fact::Known(nodes);
            environment.os.numa_balancing = engine_core::fact::Fact::Known(false);
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(2), &["2 memory nodes"]);
        quiet(&RULE, run(1));
        lacking(&RULE);
    }
}
