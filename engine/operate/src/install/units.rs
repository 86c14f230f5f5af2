//! Units of systemd: one service and timer for each schedule and one that watches for runs that do not come, or one
//! service that follows the schedules by itself.
//!
//! Hardened as far as a benchmark allows: the system is read-only but for the folders of results, nothing gains
//! privileges, there are no new kernel modules and no writes to kernel settings. What measuring needs is left open:
//! devices, performance counters, namespaces and real-time scheduling.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use engine_core::schedule::Schedule;

use super::calendar::{self, Unlike};
use super::{Planned, Program};

/// The service that follows the schedules by itself.
pub const SERVICE: &str = "benchmarking-automation.service";

/// What all our units begin with, so that they are known.
const PREFIX: &str = "engine-schedule";

/// Where units go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The folder.
    pub folder: PathBuf,
    /// Whether it is the user's own systemd.
    pub user: bool,
}

/// A service and a timer for each schedule, and for the look for runs that did not come.
///
/// # Errors
/// When a pattern means something that systemd cannot say.
pub fn timers(program: &Program, schedules: &[Schedule], target: &Target) -> Result<Vec<Planned>, Unlike> {
    let mut all = Vec::new();
    for schedule in schedules {
        let name = format!("{PREFIX}-{}", schedule.name);
        let command = program.command(&["schedule", "run-now", &schedule.name, "--scheduled"]);
        let describe = format!("Engine: scheduled run of {}", schedule.name);
        // Beyond the limit of the run itself: reading, storing and reporting take time too.
        let limit = format!("TimeoutStartSec={}\n", (schedule.limit + 900.0).ceil());
        all.push(service(&name, &describe, program, &command, &schedule.folder, "oneshot", &limit, target));
        let events = calendar::events(&schedule.cron, &schedule.zone)?;
        all.push(timer(
            &name,
            &format!("Engine: times of {}", schedule.name),
            &events,
            schedule.jitter,
            schedule.catch_up,
            target,
        ));
    }
    let name = format!("{PREFIX}-watch");
    let command = program.command(&["schedule", "watch"]);
    all.push(service(
        &name,
        "Engine: look for scheduled runs that did not come",
        program,
        &command,
        "/",
        "oneshot",
        "TimeoutStartSec=600\n",
        target,
    ));
    all.push(timer(&name, "Engine: times of the look for missing runs", &["hourly".to_owned()], 60.0, true, target));
    Ok(all)
}

/// The service that follows the schedules by itself; `arguments` are those of the engine.
#[must_use]
pub fn service_alone(program: &Program, arguments: &[&str], folder: &str, target: &Target) -> Vec<Planned> {
    let command = program.command(arguments);
    let name = SERVICE.trim_end_matches(".service");
    // A run that goes on is ended gracefully, and what it had is stored.
    let rest = "Restart=on-failure\nRestartSec=30\nTimeoutStopSec=120\nKillMode=mixed\n";
    let mut planned =
        service(name, "Engine: scheduled runs, alerts and dashboard", program, &command, folder, "exec", rest, target);
    let wanted = if target.user { "default.target" } else { "multi-user.target" };
    let _ = write!(planned.text, "\n[Install]\nWantedBy={wanted}\n");
    vec![planned]
}

#[expect(clippy::too_many_arguments, reason = "the parts of one text")]
fn service(
    name: &str,
    describe: &str,
    program: &Program,
    command: &[String],
    folder: &str,
    kind: &str,
    rest: &str,
    target: &Target,
) -> Planned {
    let mut writable: Vec<PathBuf> = program.database.parent().map(Path::to_owned).into_iter().collect();
    writable.extend(program.writable.iter().cloned());
    writable.sort();
    writable.dedup();
    let writable: Vec<String> = writable.iter().map(|path| quoted(&format!("-{}", path.display()))).collect();
    let network = if target.user { "" } else { "After=network-online.target\nWants=network-online.target\n" };
    let environment: String = program
        .environment
        .iter()
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    // What a user's own systemd may not do, it must not be asked to.
    let system = if target.user {
        ""
    } else {
        "ProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectControlGroups=yes\nProtectClock=yes\nProtectHostname=yes\n"
    };
    let text = format!(
        "# Written by `engine schedule install`; `engine schedule uninstall` removes it.\n\
         [Unit]\nDescription={}\nDocumentation=man:engine(1)\n{network}\n\
         [Service]\nType={kind}\nExecStart={}\nWorkingDirectory={}\n{rest}\
         {environment}UMask=0077\n\
         NoNewPrivileges=yes\nPrivateTmp=yes\nProtectSystem=strict\nReadWritePaths={}\n{system}\
         RestrictSUIDSGID=yes\nLockPersonality=yes\nSystemCallArchitectures=native\n",
        escaped(describe),
        command.iter().map(|word| quoted(&word.replace('$', "$$"))).collect::<Vec<_>>().join(" "),
        escaped(folder),
        writable.join(" "),
    );
    Planned { path: target.folder.join(format!("{name}.service")), text }
}

fn timer(name: &str, describe: &str, events: &[String], jitter: f64, catch_up: bool, target: &Target) -> Planned {
    let events: String = events.iter().map(|event| format!("OnCalendar={event}\n")).collect();
    let jitter = if jitter > 0.0 {
        format!("RandomizedDelaySec={}\nFixedRandomDelay=true\n", jitter.ceil())
    } else {
        String::new()
    };
    let catch_up = if catch_up { "yes" } else { "no" };
    let text = format!(
        "# Written by `engine schedule install`; `engine schedule uninstall` removes it.\n\
         [Unit]\nDescription={}\n\n[Timer]\n{events}{jitter}AccuracySec=1s\nPersistent={catch_up}\nUnit={name}.service\n\n\
         [Install]\nWantedBy=timers.target\n",
        escaped(describe)
    );
    Planned { path: target.folder.join(format!("{name}.timer")), text }
}

/// A percent sign begins a specifier of systemd.
fn escaped(text: &str) -> String {
    text.replace('%', "%%").replace(['\n', '\r'], " ")
}

/// A word of a setting of systemd, which expands `%` and reads quotes and backslashes; command lines expand `$` as well.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:@,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let inner = escaped(word).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{inner}\"")
}
