//! A round in a fresh process: new address layout, new pages, a new heap. That is the variation between runs which
//! repetition within one process never shows.
//!
//! The child is this program itself with a hidden subcommand; it reads one request as JSON on standard input and
//! writes one reply as JSON on standard output.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::measurement::Record;
use engine_core::step::{Failure, FailureKind, Skip};
use engine_core::taint::{Limits, Taint};
use engine_probes::{Probe, ProbeError};
use serde::{Deserialize, Serialize};

use crate::round::{RoundRequest, RoundResult, take};

/// What the parent asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildRequest {
    /// Id of the probe.
    pub probe: String,
    /// Its checked options.
    pub args: Args,
    /// Seed of the round.
    pub seed: u64,
    /// Whether the tiny profile runs.
    pub tiny: bool,
    /// Threads that may be used.
    pub cores: usize,
    /// Folder for test files.
    pub scratch: PathBuf,
    /// The longest it may take, in seconds.
    pub timeout: f64,
    /// From where on a round counts as tainted.
    pub limits: Limits,
}

/// What the child answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildReply {
    /// The round's result.
    Taken {
        /// What was recorded.
        records: Vec<Record>,
        /// The probe's remarks.
        notes: Vec<String>,
        /// What disturbed it.
        taints: Vec<Taint>,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// The machine lacks something.
    Skipped(Skip),
    /// Something went wrong.
    Failed(Failure),
}

/// The child's side: takes one round.
#[must_use]
pub fn answer(request: ChildRequest, find: impl Fn(&str) -> Option<&'static Probe>) -> ChildReply {
    let Some(probe) = find(&request.probe) else {
        return ChildReply::Failed(Failure::new(FailureKind::Probe, format!("no probe `{}` here", request.probe)));
    };
    let round = RoundRequest {
        args: request.args,
        seed: request.seed,
        tiny: request.tiny,
        cores: request.cores,
        scratch: request.scratch,
        timeout: Duration::from_secs_f64(request.timeout),
    };
    match take(probe, &round, &request.limits, &AtomicBool::new(false)) {
        Ok(RoundResult { records, notes, taints, took }) => {
            ChildReply::Taken { records, notes, taints, seconds: took.as_secs_f64() }
        }
        Err(ProbeError::Skip(skip)) => ChildReply::Skipped(skip),
        Err(ProbeError::Failed(failure)) => ChildReply::Failed(failure),
        Err(ProbeError::Cancelled) => ChildReply::Failed(Failure::new(FailureKind::Timeout, "interrupted")),
    }
}

/// The parent's side: starts `command` (program and arguments), asks, and reads the answer. A child that does not
/// answer in time is killed with all that it started.
///
/// # Errors
/// The probe's skip or failure, [`FailureKind::Timeout`], or [`FailureKind::Crash`] when the child died without an
/// answer.
pub fn take_in_child(
    command: &[String],
    probe: &'static Probe,
    request: &RoundRequest,
    limits: &Limits,
    interrupt: &AtomicBool,
) -> Result<RoundResult, ProbeError> {
    let message = ChildRequest {
        probe: probe.info.id.to_owned(),
        args: request.args.clone(),
        seed: request.seed,
        tiny: request.tiny,
        cores: request.cores,
        scratch: request.scratch.clone(),
        timeout: request.timeout.as_secs_f64(),
        limits: *limits,
    };
    let broken =
        |what: &str, error: &dyn std::fmt::Display| ProbeError::failed(format!("isolated round: {what}: {error}"));
    let text = serde_json::to_string(&message).map_err(|error| broken("request", &error))?;
    let (program, arguments) =
        command.split_first().ok_or_else(|| ProbeError::failed("isolated round: no command for the child"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| broken("cannot start the child", &error))?;
    volunteer(child.id());
    if let Some(mut input) = child.stdin.take() {
        // A child that is already gone shows in its missing answer.
        let _ = input.write_all(text.as_bytes());
    }
    let output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.map(|mut output| output.read_to_string(&mut text));
        text
    });
    // The child watches its own time; the parent waits a little longer for its report.
    let deadline = Instant::now() + request.timeout + Duration::from_secs(2);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if interrupt.load(Ordering::Relaxed) => {
                end(&mut child);
                return Err(ProbeError::Cancelled);
            }
            Ok(None) if Instant::now() >= deadline => {
                end(&mut child);
                let message =
                    format!("no answer within {:.1} s: the process was killed", request.timeout.as_secs_f64());
                return Err(Failure::new(FailureKind::Timeout, message).into());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => {
                end(&mut child);
                return Err(broken("waiting", &error));
            }
        }
    };
    let text = reader.join().unwrap_or_default();
    match serde_json::from_str(&text) {
        Ok(ChildReply::Taken { records, notes, taints, seconds }) => {
            Ok(RoundResult { records, notes, taints, took: Duration::from_secs_f64(seconds) })
        }
        Ok(ChildReply::Skipped(skip)) => Err(skip.into()),
        Ok(ChildReply::Failed(failure)) => Err(failure.into()),
        Err(_) => {
            // Nobody else here sends this signal to the child: its own time-out has returned above.
            let why = if status.signal() == Some(9) {
                "; killed from outside, most often because memory ran out: make the step smaller"
            } else {
                ""
            };
            let message = format!("the process of the round died without an answer ({status}{why})");
            Err(Failure::new(FailureKind::Crash, message).into())
        }
    }
}

/// When memory runs out, the kernel shall end the child and never the engine. Raising the score needs no privilege;
/// where `/proc` cannot be written, the children are as likely a victim as their size makes them.
fn volunteer(child: u32) {
    let _ = std::fs::write(format!("/proc/{child}/oom_score_adj"), "1000");
}

/// Kills the child's process group and reaps the child. The child was started as leader of its own group and is not
/// reaped yet, so the id is still its own.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}
