//! More threads than CPUs that take each other off: context switches of the target times what one costs here.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.too_many_workers",
        title: "Workers take each other off the processors",
        looks_at: "`target.switches` times `cpu.context_switch.latency`, at least `share` of `target.cpu`, with at least `threads` times as many threads as CPUs",
        needs: "a load of a watched target, and `cpu.context_switch`, in one run",
        model: "overhead share: switches x measured cost of one, over the CPU time of the target",
        effort: Effort::Minutes,
        wrong_when: "threads wait most of the time, so that their number costs nothing",
        limits: &[
            LimitDef::new("share", 0.1, Unit::Ratio, "time in switches over CPU time"),
            LimitDef::new("threads", 4.0, Unit::Count, "threads for each CPU"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let loads = facts.some_loads()?;
    let cost = facts.seen("cpu.context_switch", "latency", &[])?;
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let (mut drafts, mut asked) = (Vec::new(), false);
    for load in loads {
        let seen = |metric| load.seen(metric, Stat::Mean);
        let (Ok(switches), Ok(cpu), Ok(threads)) =
            (seen("target.switches"), seen("target.cpu"), seen("target.threads"))
        else {
            continue;
        };
        asked = true;
        let share = switches.range().times(cost.range()).over(cpu.range()).within(0.0, 0.95);
        let each = Range::exact(threads.value / cpus);
        if share.value < limits.of("share") || each.value < limits.of("threads") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .on(&[&switches, &cost, &cpu, &threads])
                .shown(derived("switches x cost / CPU time", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .shown(derived("threads / CPUs", facts.id(), each, Unit::Count, limits.at_least("threads")))
                .cause(format!(
                    "{} threads on {cpus:.0} CPUs switch {}, which at {} each is {} of their CPU time",
                    threads.text(),
                    switches.text(),
                    cost.text(),
                    Unit::Ratio.format(share.value)
                ))
                .action(format!("as many workers as CPUs ({cpus:.0}) for work that computes, and async for what waits"))
                .fit(0.7, "some switches are waits and not takings-off")
                .gain(overhead(
                    "CPU time of the target",
                    share,
                    "switches x cost / CPU time",
                    vec![switches.input("switches"), cost.input("cost"), cpu.input("cpu")],
                )),
        );
    }
    if asked {
        Ok(Draft::strongest(drafts))
    } else {
        Err(Missing::of("no load has `target.switches`: its target was not watched"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(switches: f64) -> Made {
        let metrics = [
            ones("target.switches", Unit::PerSecond, &[switches; 5]),
            ones("target.cpu", Unit::Ratio, &[1.5; 5]),
            ones("target.threads", Unit::Count, &[64.0; 5]),
        ];
        Made::new().cpus(2).probe("cpu.context_switch", "", &[m("latency", Unit::Seconds, 3e-6)]).load(
            "shop",
            &metrics,
            &[100.0],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1e5), &["64 threads on 2 CPUs", "100000/s", "20 %"]);
        quiet(&RULE, run(2e4));
        lacking(&RULE);
    }
}
