//! Programs that wait for storage: wall time that is no CPU time, while the pressure counters of the kernel say that
//! tasks wait for I/O.
//!
//! What a write that must be safe costs is the wait for the device, and the kernel's own work on it. The first is sure to go with it; the
//! second is expected to, since a program that computes has little else to do in the kernel.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.program_waits",
        title: "The program waits for storage",
        looks_at: "time of a program that is no CPU time at least `waits` of its `wall`, and mean `monitor.pressure_io` while it runs at least `pressure` of that share",
        needs: "a program of yours that runs for seconds, with the system monitor",
        model: "overhead share of the time that is not `user`; its lower end is the time that is no CPU time at all, less that in which tasks waited for a processor",
        effort: Effort::Hours,
        wrong_when: "another program caused the pressure, or the program spends much time in the kernel for other reasons",
        limits: &[
            LimitDef::new("waits", 0.05, Unit::Ratio, "time that is no CPU time over wall time"),
            LimitDef::new("pressure", 0.5, Unit::Ratio, "time with tasks waiting for I/O, over that"),
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
        let (Some(user), Some(system)) = (beside(facts, wall, "user"), beside(facts, wall, "system")) else { continue };
        let Some(pressure) = facts.pressure_of(&wall.step, |sample| sample.pressure_io) else { continue };
        asked = true;
        let share = |of: &Seen| of.range().over(wall.range()).within(0.0, 1.0);
        // User and system are one clock that the kernel divides: together they are surer than each alone.
        let (own, all) = (share(&user), (user.value + system.value) / wall.value);
        let waits = (1.0 - all).clamp(0.0, 0.95);
        let explained = pressure.value / waits.max(f64::MIN_POSITIVE);
        if waits < limits.of("waits") || explained < limits.of("pressure") {
            continue;
        }
        let crowd = facts.pressure_of(&wall.step, |sample| sample.pressure_cpu).map_or(0.0, |seen| seen.value);
        let most = (1.0 - own.low).clamp(0.0, 0.95);
        let gone = Range::new((1.0 - own.value).clamp(0.0, 0.95), (waits - crowd).max(0.0), most);
        drafts.push(
            Draft::new(&wall.step, Resource::Storage)
                .on(&[wall, &user, &system])
                .shown(derived("1 - (user + system) / wall", facts.id(), Range::exact(waits), Unit::Ratio, limits.at_least("waits")))
                .shown(pressure.evidence())
                .shown(derived("pressure / that share", facts.id(), Range::exact(explained), Unit::Ratio, limits.at_least("pressure")))
                .cause(format!(
                    "of {} {} is no CPU time, and tasks wait for storage in {} of it; {} more is the kernel's",
                    wall.text(),
                    Unit::Ratio.format(waits),
                    pressure.text(),
                    Unit::Ratio.format(system.value / wall.value)
                ))
                .action("see the calls (`strace -f -c -w -e trace=fsync,fdatasync,pwrite64,read PROGRAM`): one sync for many writes, larger requests, several at once")
                .fit(0.8, "pressure counts any task of the machine")
                .gain(overhead("the program", gone, "1 - user / wall; at least 1 - (user + system) / wall", vec![wall.input("wall"), user.input("user"), system.input("system")])),
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
    use engine_core::finding::Level;

    fn of(user: f64, system: f64, pressure: f64, crowd: f64) -> Made {
        let metrics =
            [m("wall", Unit::Seconds, 1.0), m("user", Unit::Seconds, user), m("system", Unit::Seconds, system)];
        Made::new().command("", &metrics).host(50, |sample| {
            sample.pressure_io = Some(pressure);
            sample.pressure_cpu = Some(crowd);
        })
    }

    fn run(user: f64, pressure: f64) -> Made {
        of(user, 0.1, pressure, 0.0)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(0.1, 0.7), &["1 s", "80 %", "70 %", "10 %"]);
        let gain = found.gain.modelled().expect("a model").speedup;
        // All but the program's own tenth; the kernel's tenth may stay.
        assert!((gain.value - 10.0).abs() < 0.1 && gain.low < 4.0, "{gain:?}");
        quiet(&RULE, run(0.1, 0.3));
        // It hardly waits.
        quiet(&RULE, run(0.86, 0.7));
        lacking(&RULE);
    }

    #[test]
    fn a_fault_that_costs_little_is_found_too() {
        // A sync that costs 1.23 times: a tenth of waiting, a sixteenth in the kernel, and pressure to match.
        let found = fires(&RULE, of(0.834, 0.064, 0.088, 0.0), &["10.2", "8.8"]);
        let gain = found.gain.modelled().expect("a model").speedup;
        assert!((gain.value - 1.0 / 0.834).abs() < 0.01 && gain.low > 1.05 && gain.high > 1.2, "{gain:?}");
    }

    #[test]
    fn where_others_had_the_processors_the_wait_may_be_for_them() {
        let found = fires(&RULE, of(0.4, 0.1, 0.5, 0.5), &["50 %"]);
        assert_eq!((found.priority.level, found.priority.score), (Level::Low, 0.0));
    }
}
