//! More threads than processors, and slower for it: threads that poll, wait at barriers or hand over locks take the
//! processors from those that work.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.too_many_threads",
        title: "More workers than processors make it slower",
        looks_at: "`wall` of a program with the most `threads`, more than there are CPUs, at least `ratio` times its shortest with fewer",
        needs: "a program under `bench(.., #{ sweep: #{ threads: [1, 2, 16] } }, |p| command([..]))` on fewer CPUs than the most threads",
        model: "measured ratio of both numbers of threads",
        effort: Effort::Minutes,
        wrong_when: "each thread does as much as the one alone did, so that the work grows with their number",
        limits: &[LimitDef::new("ratio", 1.2, Unit::Count, "wall with the most threads over the shortest")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let levels = levels(facts, "threads")?;
    let (n, most) = levels.most();
    let by_time = |a: &&(f64, Seen), b: &&(f64, Seen)| a.1.value.total_cmp(&b.1.value);
    let Some((best, fast)) = levels.walls.iter().min_by(by_time).filter(|_| *n > cpus) else { return Ok(None) };
    let times = most.range().over(fast.range());
    if best >= n || times.value < limits.of("ratio") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&most.step, Resource::Workers)
            .on(&[most, fast])
            .shown(derived("wall with the most threads / shortest", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!(
                "{n:.0} threads on {cpus:.0} CPUs take {}, {best:.0} take {}: those that poll or hand over take the processors from those that work",
                most.text(),
                fast.text()
            ))
            .action(format!(
                "as many workers as processors ({cpus:.0}; `std::thread::available_parallelism()`, `RAYON_NUM_THREADS`, `OMP_NUM_THREADS`), and waits that sleep instead of polling"
            ))
            .gain(ratio("the program with the most threads", most, fast, Goal::Lower)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cpus: u32, many: f64) -> Made {
        let wall = |value| [m("wall", Unit::Seconds, value)];
        let run = Made::new().cpus(cpus).command("threads=1", &wall(1.8)).command("threads=2", &wall(1.0));
        run.command("threads=16", &wall(many))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        let found = fires(&RULE, run(2, 2.5), &["16 threads on 2 CPUs take 2.500 s", "2 take 1 s"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.5).abs() < 0.02);
        quiet(&RULE, run(2, 1.15));
        // With as many processors it is no matter of their number.
        quiet(&RULE, run(16, 2.5));
        lacking(&RULE);
    }
}
