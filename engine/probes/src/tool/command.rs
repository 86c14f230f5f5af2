//! `tool.command`: what running a program costs.
//!
//! Method: start the program by `vfork` and `exec`, wait for it by `wait4`, and take the time between; CPU time and
//! peak memory are what `wait4` tells of the program and of the children it waited for. No shell, no terminal, as
//! `hyperfine -N` does it; standard input is empty unless a file is named.
//!
//! What would make the number wrong: a shell's start in the time (none is used); the engine's own memory counted as
//! the program's (a tiny process starts it, see `launch`); a program that does less because its output is thrown away
//! (`grep` stops at the first match when it writes to `/dev/null`: `output: "pipe"`); a cold cache in the first run;
//! counters of the processor, which cost a little at every start (they are off by default); a program that forks and does not wait, whose children's CPU time is not in the numbers and which are ended with
//! it; and much text on standard error, which goes through a pipe.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::nearest::hint;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::counters::{Counters, Counts};
use super::launch::{Command, Launcher, Usage};
use super::process::exit_code;
use crate::{Context, Probe, ProbeError};

const COMMAND: ParamDef = ParamDef {
    name: "command",
    kind: ParamKind::Command,
    default: None,
    tiny: None,
    doc: "program and arguments; a program with a `/` is looked for from `cwd`, others in PATH",
};
const CWD: ParamDef = ParamDef {
    name: "cwd",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "working folder; the engine's own when empty",
};
const INPUT: ParamDef = ParamDef {
    name: "input",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "file for standard input, seen from `cwd`; empty input when not given",
};
const OUTPUT: ParamDef = ParamDef {
    name: "output",
    kind: ParamKind::Choice(&["null", "pipe"]),
    default: Some("null"),
    tiny: None,
    doc: "where standard output goes: `/dev/null`, or a pipe that is read and dropped",
};
const IGNORE_FAILURE: ParamDef = ParamDef {
    name: "ignore_failure",
    kind: ParamKind::Flag,
    default: Some("false"),
    tiny: None,
    doc: "whether another exit code than 0 is a result and not a failure",
};
const RUNS: ParamDef = ParamDef {
    name: "runs",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("1"),
    tiny: Some("1"),
    doc: "how often to run it in each round",
};
const COUNTERS: ParamDef = ParamDef {
    name: "counters",
    kind: ParamKind::Flag,
    default: Some("false"),
    tiny: None,
    doc: "whether to read the processor's counters of the program (user mode): cycles, instructions, misses, stalls, shares of the pipeline",
};

const WALL: MetricDef = MetricDef::cost("wall", Unit::Seconds, "time from start to end");
const USER: MetricDef = MetricDef::cost("user", Unit::Seconds, "CPU time in the program");
const SYSTEM: MetricDef = MetricDef::cost("system", Unit::Seconds, "CPU time in the kernel");
const PEAK_MEMORY: MetricDef = MetricDef::cost("peak_memory", Unit::Bytes, "largest resident memory");
const PAGE_FAULTS: MetricDef = MetricDef::cost("page_faults", Unit::Count, "page faults");
const EXIT: MetricDef = MetricDef::fact("exit", Unit::Count, "exit code, or 128 and the signal's number");
const CYCLES: MetricDef = MetricDef::fact("cycles", Unit::Count, "cycles in user mode, by the counters");
const INSTRUCTIONS: MetricDef =
    MetricDef::fact("instructions", Unit::Count, "instructions in user mode, by the counters");
const BRANCH_MISSES: MetricDef = MetricDef::fact("branch_misses", Unit::Count, "branches that were guessed wrongly");
const CACHE_MISSES: MetricDef = MetricDef::fact("cache_misses", Unit::Count, "loads that no cache had");
const FRONTEND_STALLS: MetricDef =
    MetricDef::fact("frontend_stalls", Unit::Count, "cycles in which the front of the pipeline stood still");
const BACKEND_STALLS: MetricDef =
    MetricDef::fact("backend_stalls", Unit::Count, "cycles in which the back of the pipeline stood still");
const RETIRING: MetricDef = MetricDef::fact("retiring", Unit::Ratio, "slots of the pipeline that did work");
const BAD_SPECULATION: MetricDef =
    MetricDef::fact("bad_speculation", Unit::Ratio, "slots whose work was thrown away after a wrong guess");
const FRONTEND_BOUND: MetricDef = MetricDef::fact("frontend_bound", Unit::Ratio, "slots that waited for instructions");
const BACKEND_BOUND: MetricDef = MetricDef::fact("backend_bound", Unit::Ratio, "slots that waited for data or units");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "tool.command",
        summary: "What running a program costs: time, CPU time, memory.",
        method: 1,
        about: "Starts the program without a shell and waits for it; the clock runs from just before the start to \
                the end of waiting, like `hyperfine -N`. CPU time and peak memory come from `wait4` and include \
                children that the program waited for. With `counters: true` the processor's counters are read too, in \
                user mode, where it has them. What it leaves running in its process group is ended. The \
                numbers are wrong when the program does less because its output is thrown away (`output: \"pipe\"`), \
                when the first run finds cold caches, or when its work is done by children it does not wait for.",
        params: &[COMMAND, CWD, INPUT, OUTPUT, IGNORE_FAILURE, RUNS, COUNTERS],
        metrics: &[
            WALL,
            USER,
            SYSTEM,
            PEAK_MEMORY,
            PAGE_FAULTS,
            EXIT,
            CYCLES,
            INSTRUCTIONS,
            BRANCH_MISSES,
            CACHE_MISSES,
            FRONTEND_STALLS,
            BACKEND_STALLS,
            RETIRING,
            BAD_SPECULATION,
            FRONTEND_BOUND,
            BACKEND_BOUND,
        ],
        round_seconds: 0.1,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    },
    run,
};

/// Why a program cannot be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("no program `{name}` in PATH{hint}")]
    NotInPath { name: String, hint: String },
    #[error("no program `{}`: no such file", .0.display())]
    NoFile(PathBuf),
    #[error("`{}` is not executable: `chmod +x` it, or name the interpreter first", .0.display())]
    NotExecutable(PathBuf),
    #[error("no folder `{}` to work in", .0.display())]
    NoFolder(PathBuf),
    #[error("`{command}` {how}: fix the command, or accept any exit code with `ignore_failure: true`{said}")]
    Failed { command: String, how: String, said: String },
}

impl From<CommandError> for ProbeError {
    fn from(error: CommandError) -> Self {
        Self::failed(error.to_string())
    }
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let launcher = Launcher::new(cx.scratch);
    if !launcher.is_apart() {
        cx.note("programs cannot be written here: peak memory is given only where it exceeds the engine's own");
    }
    runs(args, cx, &launcher)
}

fn runs(args: &Args, cx: &mut Context<'_>, launcher: &Launcher) -> Result<(), ProbeError> {
    let command = command(args)?;
    let counters = if args.flag(COUNTERS.name) {
        Counters::of_this_machine().map_err(|why| cx.note(format!("no counters are read: {why}"))).ok()
    } else {
        None
    };
    for _ in 0..args.whole(RUNS.name) {
        cx.check()?;
        let mut counting = counters.as_ref().map(Counters::open);
        let usage = launcher.run(&command, cx)?;
        if usage.status != 0 && !args.flag(IGNORE_FAILURE.name) {
            return Err(failed(args.list(COMMAND.name), &usage).into());
        }
        cx.record(&WALL, usage.wall);
        cx.record(&USER, usage.user);
        cx.record(&SYSTEM, usage.system);
        if let Some(peak) = usage.peak_memory {
            cx.record(&PEAK_MEMORY, peak);
        }
        cx.record(&PAGE_FAULTS, usage.page_faults);
        cx.record(&EXIT, f64::from(exit_code(usage.status)));
        if let Some(counting) = &mut counting {
            counted(&counting.read(), cx);
        }
    }
    Ok(())
}

/// What this processor counts.
fn counted(counts: &Counts, cx: &mut Context<'_>) {
    let pipeline = counts.pipeline.as_ref();
    for (metric, value) in [
        (&CYCLES, counts.cycles),
        (&INSTRUCTIONS, counts.instructions),
        (&BRANCH_MISSES, counts.branch_misses),
        (&CACHE_MISSES, counts.cache_misses),
        (&FRONTEND_STALLS, counts.frontend_stalls),
        (&BACKEND_STALLS, counts.backend_stalls),
        (&RETIRING, pipeline.map(|shares| shares.retiring)),
        (&BAD_SPECULATION, pipeline.map(|shares| shares.bad_speculation)),
        (&FRONTEND_BOUND, pipeline.map(|shares| shares.frontend_bound)),
        (&BACKEND_BOUND, pipeline.map(|shares| shares.backend_bound)),
    ] {
        if let Some(value) = value {
            cx.record(metric, value);
        }
    }
}

/// The command with its program found and its paths made absolute.
fn command(args: &Args) -> Result<Command, CommandError> {
    let words = args.list(COMMAND.name);
    let name = words.first().map_or("", String::as_str);
    let folder = PathBuf::from(args.text(CWD.name));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Err(CommandError::NoFolder(folder));
    }
    let program = program(name, &folder)?;
    let input = match args.text(INPUT.name) {
        "" => PathBuf::from("/dev/null"),
        file => folder.join(file),
    };
    let arguments = words.iter().map(OsString::from).collect();
    Ok(Command { program, arguments, folder, input, piped: args.text(OUTPUT.name) == "pipe" })
}

/// Where a program lies, as an absolute path: one with a `/` is looked for from `folder`, others in PATH.
pub(super) fn program(name: &str, folder: &Path) -> Result<PathBuf, CommandError> {
    if name.contains('/') {
        let path = absolute(&folder.join(name));
        match std::fs::metadata(&path) {
            Err(_) => Err(CommandError::NoFile(path)),
            Ok(_) if !is_executable(&path) => Err(CommandError::NotExecutable(path)),
            Ok(_) => Ok(path),
        }
    } else {
        let mut places = search_path().into_iter().map(|place| place.join(name));
        places.find(|path| is_executable(path)).map(|path| absolute(&path)).ok_or_else(|| not_in_path(name))
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folders of `PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Whether it is a file that may be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn not_in_path(name: &str) -> CommandError {
    let listed = search_path().into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let programs: Vec<String> = listed.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let hint = hint(name, programs.iter().map(String::as_str));
    let hint = if hint.is_empty() { ": install it or give its path".to_owned() } else { hint };
    CommandError::NotInPath { name: name.to_owned(), hint }
}

fn failed(words: &[String], usage: &Usage) -> CommandError {
    let how = if libc::WIFSIGNALED(usage.status) {
        format!("was killed by signal {}", libc::WTERMSIG(usage.status))
    } else {
        format!("ended with exit code {}", exit_code(usage.status))
    };
    let said = if usage.said.is_empty() { String::new() } else { format!("; it said:\n{}", usage.said) };
    CommandError::Failed { command: words.join(" "), how, said }
}

#[cfg(test)]
mod tests;
