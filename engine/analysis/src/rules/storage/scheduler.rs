//! A scheduler of requests before a device that orders them itself.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.scheduler",
        title: "The kernel orders requests for a device that does so itself",
        looks_at: "`storage.scratch.scheduler` is not `none`, the device does not rotate, and it is not virtual",
        needs: "a machine that tells the scheduler of its disk: any run",
        model: "unknown: other schedulers were not measured",
        effort: Effort::Minutes,
        wrong_when: "fairness between processes matters more than rate",
        limits: &[],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let disk = &facts.environment().storage.scratch;
    let scheduler = facts.fact("storage.scratch.scheduler", &disk.scheduler)?;
    let rotational = *facts.fact("storage.scratch.rotational", &disk.rotational)?;
    let device = facts.fact("storage.scratch.device", &disk.device)?;
    let _ = limits;
    if rotational || scheduler == "none" || !(device.starts_with("nvme") || device.starts_with("sd")) {
        return Ok(None);
    }
    Ok(Some(
        Draft::new("storage", Resource::Storage)
            .shown(facts.word("storage.scratch.scheduler", scheduler.as_str()))
            .shown(facts.word("storage.scratch.device", device.as_str()))
            .cause(format!("`{scheduler}` orders requests of {device}, which orders them by itself"))
            .action(format!("as root: echo none > /sys/block/{device}/queue/scheduler; to keep it: a udev rule"))
            .gain(unknown(
                "other schedulers were not measured: `engine probe storage.randread depth=32` before and after",
            )),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(scheduler: &str, rotational: bool) -> Made {
        use engine_core::fact::Fact::Known;
        Made::new().environment(|environment| {
            let disk = &mut environment.storage.scratch;
            (disk.scheduler, disk.rotational, disk.device) =
                (Known(scheduler.into()), Known(rotational), Known("nvme0n1".into()));
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("mq-deadline", false), &["mq-deadline", "nvme0n1"]);
        quiet(&RULE, run("none", false));
        quiet(&RULE, run("mq-deadline", true));
        lacking(&RULE);
    }
}
