//! A file system that is nearly full: it writes in pieces, and a drive has no room to collect garbage.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.space",
        title: "The file system is nearly full",
        looks_at: "free bytes over size of `storage.scratch`, at most `free`",
        needs: "a machine that tells the room of its disk: any run",
        model: "unknown: the disk was not measured empty",
        effort: Effort::Minutes,
        wrong_when: "the device is much larger than the file system on it",
        limits: &[LimitDef::new("free", 0.10, Unit::Ratio, "share that is free")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let disk = &facts.environment().storage.scratch;
    let free = *facts.fact("storage.scratch.free_bytes", &disk.free_bytes)? as f64;
    let size = *facts.fact("storage.scratch.size_bytes", &disk.size_bytes)? as f64;
    let share = Range::exact(free / size.max(1.0));
    if share.value > limits.of("free") {
        return Ok(None);
    }
    Ok(Some(
        Draft::new("storage", Resource::Storage)
            .shown(derived(
                "storage.scratch.free_bytes / size_bytes",
                facts.id(),
                share,
                Unit::Ratio,
                limits.at_most("free"),
            ))
            .cause(format!("of {} only {} are free", Unit::Bytes.format(size), Unit::Bytes.format(free)))
            .action("make room (`du -xh / | sort -h | tail`, `engine runs prune`), then `fstrim -av`")
            .gain(unknown("what a fuller or emptier disk does was not measured")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(free: u64) -> Made {
        use engine_core::fact::Fact::Known;
        Made::new().environment(|environment| {
            let disk = &mut environment.storage.scratch;
            (disk.free_bytes, disk.size_bytes) = (Known(free << 30), Known(100 << 30));
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(5), &["5 GiB", "100 GiB", "5 %"]);
        quiet(&RULE, run(12));
        lacking(&RULE);
    }
}
