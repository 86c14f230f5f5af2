//! The resource that limits a load by the USE method: busy, and with work that waits for it. See the bottleneck view
//! for all resources.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.saturation",
        title: "A resource is full",
        looks_at: "the bottleneck view of a load names a resource of which at least `busy` is used",
        needs: "a load of some seconds with the system monitor: `engine run load`",
        model: "unknown: what more of the resource brings follows from a sweep (`service.contention`, `service.workers`)",
        effort: Effort::Days,
        wrong_when: "the generator on the same machine is what keeps it busy",
        limits: &[LimitDef::new("busy", 0.8, Unit::Ratio, "share of the resource in use")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    facts.some_loads()?;
    let views = crate::advice::bottlenecks(facts);
    let loads = views.iter().filter(|view| !view.step.is_empty());
    if loads.clone().all(|view| view.rows.iter().all(|row| row.utilisation.is_none())) {
        return Err(Missing::of("nothing watched the resources while a load ran"));
    }
    let mut drafts = Vec::new();
    for view in loads {
        let Some(row) = view.rows.iter().find(|row| Some(&row.name) == view.limits.as_ref()) else { continue };
        let (Some(used), Some(waits)) = (&row.utilisation, &row.saturation) else { continue };
        let share = used.value.filter(|_| used.unit == Unit::Ratio).unwrap_or(1.0);
        if share < limits.of("busy") || row.name == "generator" {
            continue;
        }
        let (resource, what) = match row.name.as_str() {
            "storage" => (Resource::Storage, "fewer and larger writes, one sync for several, a faster device"),
            "memory" => (Resource::Capacity, "a limit on caches, smaller values, more memory"),
            _ => (
                Resource::Cpu,
                "a profile of the target (`perf record -g -p PID`), less work for each request, more processors; the generator on another machine",
            ),
        };
        drafts.push(
            Draft::new(&view.step, resource)
                .shown(used.clone())
                .shown(waits.clone())
                .shown(derived(
                    format!("{} in use", row.name),
                    facts.id(),
                    Range::exact(share),
                    Unit::Ratio,
                    limits.at_least("busy"),
                ))
                .cause(view.verdict.clone())
                .action(what)
                .fit(0.6, "the monitor sees the whole machine, the generator included")
                .gain(unknown("what more of it brings follows from a sweep over users")),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cpu: f64) -> Made {
        Made::new().cpus(2).load("shop", &[times("response", &[(0.01, 100)])], &[200.0; 5]).host(4, |sample| {
            (sample.cpu, sample.pressure_cpu, sample.pressure_io) = (cpu, Some(0.4), Some(0.0));
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.97), &["processors limits", "97 %", "40 %"]);
        quiet(&RULE, run(0.7));
        lacking(&RULE);
    }
}
