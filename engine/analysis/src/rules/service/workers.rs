//! Too few workers: requests wait while CPUs idle. How many work at once is Little's law (rate times service time);
//! what more of them bring is the M/M/c queue.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.workers",
        title: "Requests wait for a worker while processors idle",
        looks_at: "wait of a load at least `wait` of its response, and `target.cpu` at most `busy` of the CPUs",
        needs: "a load of a watched target with a part of low load (a ramp), or a sweep over users in the same run: `engine run load`",
        model: "M/M/c: the measured response over that of twice the workers at the same arrivals and service time; of a fixed number of users at most twice the throughput",
        effort: Effort::Minutes,
        wrong_when: "what limits is one lock: then more workers wait for it too (a sweep over users tells: `service.contention`)",
        limits: &[
            LimitDef::new("wait", 0.5, Unit::Ratio, "wait over response"),
            LimitDef::new("busy", 0.7, Unit::Ratio, "CPUs that the target uses"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let cpus = facts.cpus().ok_or_else(|| Missing::of("the number of CPUs is unknown"))?;
    let (mut drafts, mut asked) = (Vec::new(), false);
    for load in facts.some_loads()? {
        let Ok(cpu) = load.seen("target.cpu", Stat::Mean) else { continue };
        let Ok(service) = load.unloaded(facts) else { continue };
        asked = true;
        let (rate, response, part) = load.loaded()?;
        let busy = cpu.range().map(|cpu| cpu / cpus);
        let wait = Range::exact(1.0 - service.value / response.value.max(1e-12)).within(0.0, 1.0);
        // Workers that are just about busy all the time are so many and not one more, although the mean of both is not exact.
        let inside = rate.value * service.value;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of workers, clamped")]
        let now = (inside - 0.1).ceil().clamp(1.0, 1e4) as u32;
        if wait.value < limits.of("wait") || busy.value > limits.of("busy") || inside < 0.7 * f64::from(now) {
            continue;
        }
        // A fixed number of users asks no faster than it is answered: there the workers set the pace, and no queue of arrivals.
        let closed = load.is_closed();
        let twice = Range::new(0.5, 0.25, 0.5);
        let gain = if closed {
            let from = "1 - workers / twice the workers, of a fixed number of users";
            overhead("a response", twice, from, vec![rate.input("lambda"), service.input("service")])
        } else {
            queue("a response", (now, 2 * now), &rate, &service, &response)
        };
        drafts.push(
            Draft::new(load.path(), Resource::Workers)
                .on(&[&response, &service, &rate])
                .shown(derived("1 - unloaded / mean response", facts.id(), wait, Unit::Ratio, limits.at_least("wait")))
                .shown(derived(format!("{} / {cpus:.0} CPUs", cpu.source), facts.id(), busy, Unit::Ratio, limits.at_most("busy")))
                .cause(format!(
                    "{} of {} each keep {:.2} workers busy (Little's law), so that about {now} are there; the target uses {} of the CPUs and a response takes {}",
                    rate.text(),
                    service.text(),
                    inside,
                    Unit::Ratio.format(busy.value),
                    response.text()
                ))
                .action(format!("give the service more workers, {} to begin with (`--workers`, the size of its thread pool or of its pool of connections)", 2 * now))
                .fit(0.7, "a lock looks the same from outside")
                .gain(part_of(
                    gain,
                    part, "of the response time is at the highest rates")),
        );
    }
    if asked {
        Ok(Draft::strongest(drafts))
    } else {
        Err(Missing::of("no load has `target.cpu` (a watched target) and a part of low load to compare with"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cpu: f64) -> Made {
        at_rate(cpu, 90.0)
    }

    fn at_rate(cpu: f64, rate: f64) -> Made {
        let sweep = [ml("response", "users=1", Unit::Seconds, 0.01)];
        let metrics = [
            times("response", &[(0.1, 1000)]),
            m("rate", Unit::PerSecond, rate),
            ones("target.cpu", Unit::Ratio, &[cpu; 5]),
        ];
        Made::new().cpus(4).sweep("users", &[1.0, 8.0], &sweep).load("shop", &metrics, &[90.0])
    }

    #[test]
    fn a_pool_of_one_wants_a_second_worker() {
        // M/M/2 at 0.45: 10 ms / (1 - 0.2025) = 12.5 ms; measured 100 ms.
        let found = fires(&RULE, run(0.9), &["90/s", "10 ms", "about 1 are there", "2 to begin with"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 7.975).abs() < 0.1);
        quiet(&RULE, run(3.5));
        // Ten users that wait for each other's answers: two workers give them twice as many.
        let closed = |record: &mut engine_core::run::RunRecord| {
            let step = record.steps.iter_mut().find(|step| step.plan.name == "shop").expect("the load");
            let engine_core::plan::Work::Load { shape, .. } = &mut step.plan.work else { panic!("a load") };
            let phase = engine_core::load::PhaseShape { users: Some(10.0), ..Default::default() };
            shape.phases = vec![phase];
        };
        let found = fires(&RULE, at_rate(0.9, 102.0).changed(closed), &["about 1 are there"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 2.0).abs() < 1e-9);
        lacking(&RULE);
    }
}
