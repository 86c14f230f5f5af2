//! Threads that wait one after another: a program that waits most of its time, and that more threads do not make faster.
//! Waits of different threads overlap by themselves, unless each is made while something is held that only one has at a
//! time.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "architecture.wait_in_lock",
        title: "Threads wait one after another, as with a wait inside a lock",
        looks_at: "CPU time of a program with the most `threads` at most `busy` of its `wall`, and the serial share (Karp and Flatt) of that wall at least `serial`",
        needs: "a program under `bench(.., #{ sweep: #{ threads: [1, 8] } }, |p| command([..]))`, so that the label `threads` tells its runs apart",
        model: "overhead share: the time that is no CPU time, but for what so many threads cannot share out further",
        effort: Effort::Hours,
        wrong_when: "what it waits for serves one at a time itself (one disk, one connection), or other programs took the CPUs",
        limits: &[
            LimitDef::new("busy", 0.6, Unit::Ratio, "CPU time over wall time"),
            LimitDef::new("serial", 0.5, Unit::Ratio, "share that is done one at a time"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let levels = levels(facts, "threads")?;
    let ((least, one), (n, most)) = (levels.least(), levels.most());
    let (Some(user), Some(system)) = (beside(facts, most, "user"), beside(facts, most, "system")) else {
        return Err(Missing::of("no `user` and `system` of a program"));
    };
    let cpu = Range::new(
        user.value + system.value,
        user.range().low + system.range().low,
        user.range().high + system.range().high,
    );
    let busy = cpu.over(most.range());
    let serial = one.range().over(most.range()).map(|s| ((n / s - 1.0) / (n - 1.0)).clamp(0.0, 1.0));
    if *least > 1.0
        || busy.value > limits.of("busy")
        || serial.value < limits.of("serial")
        || others_waited(facts, &most.step)
    {
        return Ok(None);
    }
    // However well they overlap, so many threads wait for a share of it each.
    let waits = busy.map(|busy| (1.0 - busy.max(1.0 / n)).clamp(0.0, 0.98));
    Ok(Some(
        Draft::new(&most.step, Resource::Serial)
            .on(&[one, most, &user, &system])
            .shown(derived("(user + system) / wall", facts.id(), busy, Unit::Ratio, limits.at_most("busy")))
            .shown(derived("serial share (N / S - 1) / (N - 1)", facts.id(), serial, Unit::Ratio, limits.at_least("serial")))
            .cause(format!(
                "{n:.0} threads take {} where one takes {}, and only {} of that is CPU time: they wait one after another",
                most.text(),
                one.text(),
                Unit::Seconds.format(cpu.value)
            ))
            .action("take the wait out of the lock: wait first (sleep, call, read), then lock for the work alone; `perf lock report`, `offcputime` of bcc or `strace -f -c -w PROGRAM` show what is waited for")
            .fit(0.9, "what only serves one at a time by itself looks the same")
            .gain(overhead("the program with all threads", waits, "1 - (user + system) / wall, at most 1 - 1 / threads", vec![most.input("wall"), user.input("user"), system.input("system")])),
    ))
}

/// Whether tasks waited for a processor or for storage while the step ran: then a program's waits say nothing of its locks.
pub(super) fn others_waited(facts: &Facts<'_>, step: &str) -> bool {
    let over = |pressure: Option<Seen>| pressure.is_some_and(|seen| seen.value >= CROWDED);
    over(facts.pressure_of(step, |sample| sample.pressure_io))
        || over(facts.pressure_of(step, |sample| sample.pressure_cpu))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(eight: f64, user: f64) -> Made {
        let of = |wall, user| {
            [m("wall", Unit::Seconds, wall), m("user", Unit::Seconds, user), m("system", Unit::Seconds, 0.0)]
        };
        Made::new().command("threads=1", &of(1.0, user)).command("threads=8", &of(eight, user))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(1.0, 0.25), &["8 threads take 1 s where one takes 1 s", "250 ms", "25 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 4.0).abs() < 0.05);
        // With next to no work eight threads still wait for an eighth each.
        let found = fires(&RULE, run(1.0, 0.01), &["10 ms"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 8.0).abs() < 0.1);
        // The waits overlap, or it computes.
        quiet(&RULE, run(0.3, 0.1));
        quiet(&RULE, run(1.0, 0.7));
        // Somebody else had the processors.
        quiet(&RULE, run(1.0, 0.25).host(50, |sample| sample.pressure_cpu = Some(0.6)));
        lacking(&RULE);
    }
}
