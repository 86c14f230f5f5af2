//! Services that make each request safe by itself: the measured cost of a safe write over the service time, where the
//! target writes.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.fsync_share",
        title: "Each request waits for a sync of its own",
        looks_at: "the target writes at least `written` and `storage.fsync.latency` is at least `share` of the median `service` of the load",
        needs: "a load of a watched target, and `storage.fsync`, in one run",
        model: "Amdahl's law: the share of the sync in the service time, made `batch` times cheaper by requests that share one",
        effort: Effort::Hours,
        wrong_when: "the target writes without syncing (logs), or syncs in the background already",
        limits: &[
            LimitDef::new("share", 0.2, Unit::Ratio, "a sync over the service time"),
            LimitDef::new("written", 4096.0, Unit::BytesPerSecond, "what a target that writes writes at least"),
            LimitDef::new("batch", 8.0, Unit::Count, "requests that share one sync after the change"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let loads = facts.some_loads()?;
    let sync = facts.seen("storage.fsync", "latency", &[("method", "fdatasync")])?;
    let (mut drafts, mut asked) = (Vec::new(), false);
    for load in loads {
        let Ok(written) = load.seen("target.written", Stat::Mean) else { continue };
        let service = load.seen("service", Stat::Median)?;
        asked = true;
        let share = sync.range().over(service.range()).within(0.0, 0.95);
        if written.value < limits.of("written") || share.value < limits.of("share") {
            continue;
        }
        let batch = limits.of("batch").max(1.0);
        let gain = amdahl(
            "a request",
            (share, format!("{} / {}", sync.source, service.source)),
            (Range::exact(batch), "requests that share one sync".to_owned()),
            vec![sync.input("sync"), service.input("service")],
        );
        drafts.push(
            Draft::new(load.path(), Resource::Storage)
                .on(&[&written, &sync, &service])
                .shown(derived("sync / service", facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!("a request takes {}, a safe write here {}, and the target writes {}", service.text(), sync.text(), written.text()))
                .action("collect writes of several requests and sync once for all (group commit), or answer when the write is queued if losing the last moments is allowed")
                .fit(0.7, "that the target syncs once a request is inferred from times alone")
                .gain(gain),
        );
    }
    if asked {
        Ok(Draft::strongest(drafts))
    } else {
        Err(Missing::of("no load has `target.written`: its target was not watched"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(written: f64) -> Made {
        Made::new().probe("storage.fsync", "method=fdatasync", &[m("latency", Unit::Seconds, 2e-3)]).load(
            "orders",
            &[times("service", &[(2.5e-3, 1500)]), ones("target.written", Unit::BytesPerSecond, &[written; 5])],
            &[400.0],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // 80 % of the time eight times cheaper: 1 / (0.2 + 0.1) = 3.33.
        let found = fires(&RULE, run(1e6), &["2 ms", "2.500 ms"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 3.33).abs() < 0.1);
        quiet(&RULE, run(100.0));
        lacking(&RULE);
    }
}
