//! Lines of cron: a block between two marks in the user's table, or a file of its own under `/etc/cron.d`.
//!
//! Cron knows no time zones (Debian's reads `TZ` for the command alone), no jitter and no catching up: a schedule of
//! another zone than the machine's is refused, and a jitter is left out.

use engine_core::schedule::Schedule;

use super::calendar::{self, Unlike};
use super::{Planned, Program};

/// First line of our block.
pub const BEGIN: &str =
    "# BEGIN engine schedules: written by `engine schedule install`, removed by `engine schedule uninstall`";

/// Last line of our block.
pub const END: &str = "# END engine schedules";

/// The lines for schedules: for each one, and for the look for runs that did not come. `user` is the column that a file
/// of the system has and a user's table has not.
///
/// # Errors
/// When a pattern is not of real cron, or a zone is not the machine's.
pub fn lines(program: &Program, schedules: &[Schedule], zone: &str, user: Option<&str>) -> Result<String, Unlike> {
    let column = user.map(|user| format!("{user} ")).unwrap_or_default();
    let mut all = vec![BEGIN.to_owned()];
    for schedule in schedules {
        calendar::fields(&schedule.cron)?;
        if schedule.zone != zone {
            return Err(Unlike(format!(
                "`{}` is in {}, and cron goes by the machine's zone, {zone}",
                schedule.name, schedule.zone
            )));
        }
        let command = program.command(&["--quiet", "schedule", "run-now", &schedule.name, "--scheduled"]);
        all.push(format!("{} {column}{}", plain(&schedule.cron), shell(&with_path(program, command))));
    }
    let watch = program.command(&["--quiet", "schedule", "watch"]);
    all.push(format!("17 * * * * {column}{}", shell(&with_path(program, watch))));
    all.push(END.to_owned());
    Ok(all.join("\n") + "\n")
}

/// The file of the system.
///
/// # Errors
/// Those of [`lines`].
pub fn system(program: &Program, schedules: &[Schedule], zone: &str, user: &str) -> Result<Planned, Unlike> {
    let lines = lines(program, schedules, zone, Some(user))?;
    Ok(Planned { path: "/etc/cron.d/engine-schedules".into(), text: lines })
}

/// A table with our block in place of an earlier one, or without it when `block` is empty. Every other line stays as it is.
#[must_use]
pub fn replaced(table: &str, block: &str) -> String {
    let mut kept = String::new();
    let mut ours = false;
    for line in table.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN => ours = true,
            END if ours => ours = false,
            _ if !ours => kept += line,
            _ => {}
        }
    }
    if !block.is_empty() {
        if !kept.is_empty() && !kept.ends_with('\n') {
            kept.push('\n');
        }
        kept += block;
    }
    kept
}

/// Cron's own search path has little in it.
fn with_path(program: &Program, command: Vec<String>) -> Vec<String> {
    let path = program.environment.iter().find(|(name, _)| name == "PATH");
    let before = path.map(|(name, value)| vec!["/usr/bin/env".to_owned(), format!("{name}={value}")]);
    before.into_iter().flatten().chain(command).collect()
}

fn plain(pattern: &str) -> String {
    pattern.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A command for `sh`, in which cron reads a percent sign as the end of a line.
fn shell(command: &[String]) -> String {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    shell_words::join(words).replace('%', "\\%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_block_comes_and_goes() {
        let block = format!("{BEGIN}\n0 2 * * * engine\n{END}\n");
        for table in ["", "# mine\n5 4 * * * backup\n", "MAILTO=me\n\n1 2 3 4 5 x"] {
            let with = replaced(table, &block);
            assert!(with.contains("0 2 * * * engine"));
            assert_eq!(replaced(&with, &block), with, "twice is once");
            let without = replaced(&with, "");
            assert_eq!(without.trim_end(), table.trim_end());
        }
        let between = format!("a\n{block}b\n");
        assert_eq!(replaced(&between, ""), "a\nb\n");
        // An end without a beginning is a line of the user's.
        assert_eq!(replaced(&format!("{END}\nx\n"), ""), format!("{END}\nx\n"));
    }
}
