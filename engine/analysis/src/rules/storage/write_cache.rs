//! A device that writes through its cache: each write waits for the medium.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.write_cache",
        title: "The write cache of the device is off",
        looks_at: "`storage.scratch.write_cache` is `write through`, and a safe write takes at least `latency`",
        needs: "a machine that tells the write cache, and `storage.fsync`: `engine run optimization`",
        model: "unknown: the device was measured one way only",
        effort: Effort::Minutes,
        wrong_when: "the device keeps its cache over a power cut and says so: then it is on",
        limits: &[LimitDef::new("latency", 0.002, Unit::Seconds, "a safe write of a device with a cache takes less")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let cache = facts.fact("storage.scratch.write_cache", &facts.environment().storage.scratch.write_cache)?;
    let sync = facts.seen("storage.fsync", "latency", &[])?;
    if cache != "write through" || sync.value < limits.of("latency") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new(&sync.step, Resource::Storage)
            .rests(&sync)
            .shown(sync.against(limits.at_least("latency")))
            .shown(facts.word("storage.scratch.write_cache", cache.as_str()))
            .cause(format!("the device writes through its cache, and a safe write takes {}", sync.text()))
            .action("hdparm -W1 DEVICE (or `nvme set-feature -f 6 -v 1`), where a power cut may lose what was not synced; a device with power-loss protection needs no choice")
            .gain(unknown("the device was measured with its cache off only")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(cache: &str, latency: f64) -> Made {
        Made::new().probe("storage.fsync", "method=fdatasync", &[m("latency", Unit::Seconds, latency)]).environment(
            |environment| {
                environment.storage.scratch.write_cache = engine_core::fact::Fact::Known(cache.to_owned());
            },
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("write through", 0.008), &["8 ms"]);
        quiet(&RULE, run("write through", 0.001));
        quiet(&RULE, run("write back", 0.008));
        lacking(&RULE);
    }
}
