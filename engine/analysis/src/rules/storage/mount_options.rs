//! Options of the file system that cost writes: synchronous mounts, journalled data, access times, discards within
//! each deletion.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.mount_options",
        title: "The file system is mounted with costly options",
        looks_at: "`storage.scratch.mount_options` has `sync`, `data=journal`, `strictatime` or `discard`",
        needs: "a machine that tells its mount options: any run",
        model: "unknown: the other options were not measured",
        effort: Effort::Minutes,
        wrong_when: "the option is wanted: safety over speed",
        limits: &[],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let options = facts.fact("storage.scratch.mount_options", &facts.environment().storage.scratch.mount_options)?;
    let _ = limits;
    let costly = [
        ("sync", "each write waits for the device: mount with `async` and sync where it matters"),
        ("dirsync", "each change of a folder waits for the device: mount without `dirsync`"),
        ("data=journal", "data are written twice: mount with `data=ordered`"),
        ("strictatime", "each read writes an access time: mount with `relatime` or `noatime`"),
        ("discard", "each deletion tells the device at once: mount without `discard` and enable `fstrim.timer`"),
    ];
    let found: Vec<_> =
        costly.iter().filter(|(name, _)| options.split([',', ' ']).any(|option| option == *name)).collect();
    let Some((name, what)) = found.first() else { return Ok(None) };
    Ok(Some(
        Draft::new("storage", Resource::Storage)
            .shown(facts.word("storage.scratch.mount_options", options.as_str()))
            .cause(format!("the file system is mounted with `{name}`: {}", what.split(": ").next().unwrap_or(what)))
            .action(format!("{} (`mount -o remount,..`, and /etc/fstab)", what.split(": ").nth(1).unwrap_or(what)))
            .fit(0.6, "how often it matters is not known")
            .gain(unknown("the run measured this mount only")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(options: &str) -> Made {
        Made::new().environment(|environment| {
            environment.storage.scratch.mount_options = engine_core::fact::Fact::Known(options.to_owned());
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run("rw,relatime,data=journal"), &["data=journal", "data=ordered"]);
        quiet(&RULE, run("rw,relatime,async,resv_strict"));
        lacking(&RULE);
    }
}
