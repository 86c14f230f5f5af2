//! Programs that wait for storage: wall time that is no CPU time, while the pressure counters of the kernel say that
//! tasks wait for I/O.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.program_waits",
        title: "The program waits for storage",
        looks_at: "CPU time of a program at most `busy` of its `wall`, and mean `monitor.pressure_io` while it runs at least `pressure`",
        needs: "a program of yours that runs for seconds, with the system monitor",
        model: "overhead share of the time that is no CPU time: an upper bound, if no write had to wait",
        effort: Effort::Hours,
        wrong_when: "another program caused the pressure",
        limits: &[
            LimitDef::new("busy", 0.6, Unit::Ratio, "CPU time over wall time"),
            LimitDef::new("pressure", 0.3, Unit::Ratio, "time with tasks waiting for I/O"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let walls = facts.all("tool.command", "wall");
    if walls.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    let (mut drafts, mut asked) = (Vec::new(), false);
    for wall in &walls {
        let same = |metric: &str| facts.all("tool.command", metric).into_iter().find(|seen| seen.step == wall.step);
        let (Some(user), Some(system)) = (same("user"), same("system")) else { continue };
        let Some(pressure) = facts.pressure_of(&wall.step, |sample| sample.pressure_io) else { continue };
        asked = true;
        let busy = Range::new(
            user.value + system.value,
            user.range().low + system.range().low,
            user.range().high + system.range().high,
        )
        .over(wall.range());
        if busy.value > limits.of("busy") || pressure.value < limits.of("pressure") {
            continue;
        }
        let waits = busy.map(|busy| (1.0 - busy).clamp(0.0, 0.95));
        drafts.push(
            Draft::new(&wall.step, Resource::Storage)
                .on(&[wall, &user, &system])
                .shown(derived("(user + system) / wall", facts.id(), busy, Unit::Ratio, limits.at_most("busy")))
                .shown(pressure.against(limits.at_least("pressure")))
                .cause(format!("of {} only {} is CPU time, and tasks wait for storage in {} of it", wall.text(), Unit::Ratio.format(busy.value), pressure.text()))
                .action("see the calls (`strace -f -c -w -e trace=fsync,fdatasync,pwrite64,read PROGRAM`): one sync for many writes, larger requests, several at once")
                .fit(0.8, "pressure counts any task of the machine")
                .gain(overhead("the program", waits, "1 - (user + system) / wall", vec![wall.input("wall"), user.input("user"), system.input("system")])),
        );
    }
    if asked {
        Ok(Draft::strongest(drafts))
    } else {
        Err(Missing::of("the monitor has no sample of `pressure_io` while a program ran"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(user: f64, pressure: f64) -> Made {
        let metrics = [m("wall", Unit::Seconds, 1.0), m("user", Unit::Seconds, user), m("system", Unit::Seconds, 0.1)];
        Made::new().command("", &metrics).host(50, |sample| sample.pressure_io = Some(pressure))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(0.1, 0.7), &["1 s", "20 %", "70 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 5.0).abs() < 0.05);
        quiet(&RULE, run(0.1, 0.05));
        quiet(&RULE, run(0.8, 0.7));
        lacking(&RULE);
    }
}
