//! What keeps threads from scaling: the serial share of a program by Amdahl, from the speed-up that was measured
//! (Karp and Flatt, 1990: `e = (N / S - 1) / (N - 1)`).

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.scaling_limit",
        title: "Threads do not bring what they should",
        looks_at: "wall time of a program by `threads`: serial share (Karp and Flatt) at least `serial`",
        needs: "a program under `bench(.., #{ sweep: #{ threads: [1, 2] } }, |p| command([..]))`, so that the label `threads` tells its runs apart",
        model: "Amdahl's law: without the serial share, N threads would reach N",
        effort: Effort::Days,
        wrong_when: "threads wait for input or for each other by design, or CPUs are shared with others",
        limits: &[LimitDef::new("serial", 0.10, Unit::Ratio, "share that is done one at a time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let levels = levels(facts, "threads")?;
    let cpus = facts.cpus().unwrap_or(f64::INFINITY);
    // More threads than processors cannot be faster than as many: they tell of `cpu.too_many_threads`.
    let ((least, one), (n, most)) = (levels.least(), levels.up_to(cpus));
    if *least != 1.0 {
        return Err(Missing::of("no program was run with one and with several `threads`"));
    }
    let crowded = facts.pressure_of(&most.step, |sample| sample.pressure_cpu).is_some_and(|seen| seen.value >= CROWDED);
    if crowded {
        return Err(Missing::of(
            "tasks waited for a processor while the threads ran, so that others had it: a quiet machine",
        ));
    }
    let n = n.min(cpus);
    if n <= 1.0 {
        return Ok(None);
    }
    let speedup = one.range().over(most.range());
    let serial = speedup.map(|s| ((n / s - 1.0) / (n - 1.0)).clamp(0.0, 1.0));
    // What waits is no matter of processors: `architecture.wait_in_lock` tells it.
    let cpu = |metric: &str| beside(facts, most, metric).map_or(f64::INFINITY, |seen| seen.value);
    if serial.value < limits.of("serial") || cpu("user") + cpu("system") < 0.6 * most.value {
        return Ok(None);
    }
    let input = Input {
        name: "S(N)".into(),
        range: speedup,
        unit: Unit::Count,
        from: format!("{} / {}", one.source, most.source),
    };
    let lost = speedup.map(|s| (1.0 - s / n).clamp(0.0, 1.0));
    Ok(Some(
        Draft::new(&most.step, Resource::Serial)
            .on(&[one, most])
            .shown(derived("serial share (N / S - 1) / (N - 1)", facts.id(), serial, Unit::Ratio, limits.at_least("serial")))
            .cause(format!(
                "{n:.0} threads are {} times as fast as one: {} of the work is done one at a time",
                Unit::Count.format(speedup.value),
                Unit::Ratio.format(serial.value)
            ))
            .action("find what all threads wait for (`perf lock`, `perf record -g` and its futex calls): split the lock, give each thread data of its own, and merge at the end")
            .fit(0.8, "what is serial for other reasons stays")
            .gain(overhead("the program with all threads", lost, "1 - S / N, what N threads lose", vec![input])),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(one: f64, four: f64) -> Made {
        Made::new()
            .command("threads=1", &[m("wall", Unit::Seconds, one)])
            .command("threads=4", &[m("wall", Unit::Seconds, four)])
    }

    #[test]
    fn the_serial_share_is_that_of_karp_and_flatt() {
        // S = 1.6 with four threads: e = (4 / 1.6 - 1) / 3 = 50 %, and four threads could be 2.5 times as fast.
        let found = fires(&RULE, run(1.6, 1.0), &["50 %", "1.600 times"]);
        let gain = found.gain.modelled().expect("a model").speedup.value;
        assert!((gain - 2.5).abs() < 0.01, "{gain}");
        // S = 3.2: e = 8.3 %.
        quiet(&RULE, run(3.2, 1.0));
        // Two processors are all that four threads can use.
        quiet(&RULE, run(1.95, 1.0).cpus(2));
        // Others had the processors: then it cannot be told.
        let crowded = run(1.6, 1.0).host(50, |sample| sample.pressure_cpu = Some(0.6)).record();
        assert!(ask(&RULE, &crowded).expect_err("not assessed").contains("others"));
        lacking(&RULE);
    }
}
