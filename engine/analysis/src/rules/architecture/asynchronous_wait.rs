//! Requests that wait within the target: the CPU time of a request against its service time. What it waits for (a
//! database, a disk, a sleep) can be waited for together.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.asynchronous_wait",
        title: "Requests wait inside the service",
        looks_at: "CPU time of a request (`target.cpu` over `rate`) at most `busy` of the median `service`",
        needs: "a load of a watched target: `engine run load`",
        model: "unknown, with the bound that Amdahl's law sets: how much of it can go was not measured",
        effort: Effort::Days,
        wrong_when: "the waits need each other: the second asks with the answer of the first",
        limits: &[
            LimitDef::new("busy", 0.2, Unit::Ratio, "CPU time over service time"),
            LimitDef::new("service", 0.002, Unit::Seconds, "shorter requests are the network alone"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let (mut drafts, mut asked) = (Vec::new(), false);
    for load in facts.some_loads()? {
        let Ok(cpu) = load.seen("target.cpu", Stat::Mean) else { continue };
        asked = true;
        let (rate, service) = (load.seen("rate", Stat::Median)?, load.seen("service", Stat::Median)?);
        let each = cpu.range().over(rate.range());
        let busy = each.over(service.range());
        if busy.value > limits.of("busy") || service.value < limits.of("service") {
            continue;
        }
        let waits = 1.0 - busy.value;
        drafts.push(
            Draft::new(load.path(), Resource::Serial)
                .on(&[&cpu, &rate, &service])
                .shown(derived("CPU time of a request / service", facts.id(), busy, Unit::Ratio, limits.at_most("busy")))
                .cause(format!("a request takes {}, of which {} are CPU time", service.text(), Unit::Seconds.format(each.value)))
                .action("see what it waits for (traces of its calls, `strace -f -c -w -p PID`): start waits together (`join!`, `asyncio.gather`), and hold no lock meanwhile")
                .gain(bound("a request", Range::exact(waits), "1 - CPU time / service")),
        );
    }
    if asked {
        Ok(Draft::strongest(drafts))
    } else {
        Err(Missing::of("no load has `target.cpu`: its target was not watched"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cpu: f64) -> Made {
        let metrics = [
            times("service", &[(0.02, 1000)]),
            m("rate", Unit::PerSecond, 100.0),
            ones("target.cpu", Unit::Ratio, &[cpu; 5]),
        ];
        Made::new().load("shop", &metrics, &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.1), &["20 ms", "1 ms"]);
        quiet(&RULE, run(0.5));
        lacking(&RULE);
    }
}
