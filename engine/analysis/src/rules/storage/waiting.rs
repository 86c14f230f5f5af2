//! Time in which tasks waited for storage while a load ran, by the pressure counters of the kernel.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.waiting",
        title: "Storage holds up the load",
        looks_at: "mean `monitor.pressure_io` while a load runs, at least `share`; a target that is watched reads or writes at least `moved`",
        needs: "a load of some seconds with the system monitor: `engine run load`",
        model: "overhead share of the time with tasks waiting: an upper bound",
        effort: Effort::Hours,
        wrong_when: "somebody else than the target waited",
        limits: &[
            LimitDef::new("share", 0.15, Unit::Ratio, "time with tasks waiting for I/O"),
            LimitDef::new("moved", 65536.0, Unit::BytesPerSecond, "what a watched target reads or writes at least"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let loads = facts.some_loads()?;
    let (mut drafts, mut asked) = (Vec::new(), false);
    for load in loads {
        let Some((from, to)) = load.times() else { continue };
        let within = |at: f64| at >= from && at <= to + 1.0;
        let samples = facts.run.host.iter().filter(|sample| within(sample.at));
        let values: Vec<f64> = samples.filter_map(|sample| sample.pressure_io).collect();
        if values.is_empty() {
            continue;
        }
        asked = true;
        // A target that is watched, and neither reads nor writes, waits for nothing: it was somebody else.
        let moved =
            ["target.read", "target.written"].map(|metric| load.seen(metric, Stat::Mean).map(|seen| seen.value));
        if moved.iter().all(|moved| moved.as_ref().is_ok_and(|bytes| *bytes < limits.of("moved"))) {
            continue;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if mean < limits.of("share") {
            continue;
        }
        let seen = Seen {
            times: Some((from, to)),
            ..Seen::plain("mean of monitor.pressure_io", facts.id(), &values, mean, Unit::Ratio)
        };
        drafts.push(
            Draft::new(load.path(), Resource::Storage)
                .rests(&seen)
                .shown(seen.against(limits.at_least("share")))
                .cause(format!("tasks waited for storage in {} of the time while `{}` ran", seen.text(), load.path()))
                .action("see who: `pidstat -d 1`, `biolatency`; fewer syncs, larger writes, a queue before the disk; then `engine run optimization` for what the device can do")
                .fit(0.5, "pressure counts any task of the machine")
                .gain(overhead("the load", Range::new(mean, 0.0, mean * 1.2).within(0.0, 0.95), &seen.source, vec![])),
        );
    }
    if asked {
        Ok(Draft::strongest(drafts))
    } else {
        Err(Missing::of("the monitor has no sample of `pressure_io` while a load ran"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(waits: f64) -> Made {
        Made::new()
            .load("shop", &[times("response", &[(0.01, 100)])], &[100.0])
            .host(4, |sample| sample.pressure_io = Some(waits))
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.4), &["40 %", "shop"]);
        quiet(&RULE, run(0.14));
        // The target itself touches no disk: somebody else waited.
        let watched = |bytes| {
            let of = |metric| ones(metric, Unit::BytesPerSecond, &[bytes; 5]);
            let metrics = [times("response", &[(0.01, 100)]), of("shop.read"), of("shop.written"), of("shop.cpu")];
            Made::new().load("shop", &metrics, &[100.0]).host(4, |sample| sample.pressure_io = Some(0.4))
        };
        fires(&RULE, watched(1e6), &["40 %"]);
        quiet(&RULE, watched(0.0));
        lacking(&RULE);
    }
}
