//! Programs that wait: wall time that is no CPU time, of a program that nobody else held up. What it waits for is a
//! lock, a sleep, the disk or the network.

use super::wait_in_lock::others_waited;
use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.waiting_program",
        title: "The program waits most of the time",
        looks_at: "CPU time of a program (`user` + `system`) at most `busy` of its `wall`, of at least the limit `wall`",
        needs: "a program of yours: `engine time PROGRAM`, or `bench(.., command([..]))`",
        model: "overhead share of the time that is no CPU time, if all waits overlap with work",
        effort: Effort::Days,
        wrong_when: "it waits for something that must be waited for (a person, a clock), or other programs took the CPUs",
        limits: &[
            LimitDef::new("busy", 0.6, Unit::Ratio, "CPU time over wall time"),
            LimitDef::new("wall", 0.01, Unit::Seconds, "shorter programs are start-up alone"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let walls = facts.all("tool.command", "wall");
    if walls.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    let of =
        |metric: &str, wall: &Seen| facts.all("tool.command", metric).into_iter().find(|seen| seen.step == wall.step);
    // Of a sweep over threads the most threads count: waits of fewer overlap less by design.
    let most = levels(facts, "threads").ok().map(|levels| levels.most().1.step.clone());
    let fewer =
        |wall: &Seen| most.as_ref().is_some_and(|most| wall.labels.get("threads").is_some() && wall.step != *most);
    let mut drafts = Vec::new();
    for wall in walls.iter().filter(|wall| !fewer(wall)).filter(|wall| wall.value >= limits.of("wall")) {
        let (Some(user), Some(system)) = (of("user", wall), of("system", wall)) else { continue };
        let cpu = Range::new(
            user.value + system.value,
            user.range().low + system.range().low,
            user.range().high + system.range().high,
        );
        let busy = cpu.over(wall.range());
        // Waiting for storage is told by `storage.program_waits`; where tasks wait for a processor, others had it.
        if others_waited(facts, &wall.step) || busy.value > limits.of("busy") {
            continue;
        }
        let waits = busy.map(|busy| (1.0 - busy).clamp(0.0, 0.99));
        drafts.push(
            Draft::new(&wall.step, Resource::Serial)
                .on(&[&user, &system, wall])
                .shown(derived("(user + system) / wall", facts.id(), busy, Unit::Ratio, limits.at_most("busy")))
                .cause(format!("of {} only {} are CPU time: the rest is waiting", wall.text(), Unit::Seconds.format(cpu.value)))
                .action("find what it waits for (`strace -c -w PROGRAM`, `perf trace -s`, `offcputime` of bcc): take sleeps and slow calls out of locks, and let waits overlap (async, several requests at once)")
                .fit(0.8, "that all waits can overlap is assumed")
                .gain(overhead("the program", waits, "1 - (user + system) / wall", vec![wall.input("wall")])),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(user: f64) -> Made {
        let metrics = [m("wall", Unit::Seconds, 1.0), m("user", Unit::Seconds, user), m("system", Unit::Seconds, 0.05)];
        Made::new().command("", &metrics)
    }

    #[test]
    fn a_program_that_waits_four_fifths_could_be_five_times_as_fast() {
        let found = fires(&RULE, run(0.15), &["200 ms", "1 s"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 5.0).abs() < 0.05);
        quiet(&RULE, run(0.6));
        // Somebody else had the processors.
        quiet(&RULE, run(0.15).host(50, |sample| sample.pressure_cpu = Some(0.6)));
        // One thread waits, eight overlap their waits.
        let of =
            |wall| [m("wall", Unit::Seconds, wall), m("user", Unit::Seconds, 0.15), m("system", Unit::Seconds, 0.0)];
        quiet(&RULE, Made::new().command("threads=1", &of(1.0)).command("threads=8", &of(0.2)));
        lacking(&RULE);
    }
}
