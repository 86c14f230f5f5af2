//! `tool.spawn`: what starting a process costs, and what a tool call costs at least.
//!
//! Method: `posix_spawn` (the kernel's `vfork` path) of a static program of a few hundred bytes that the engine
//! writes itself, so that no dynamic linker is in the time; its end is waited for by `wait4`. Beside it: `fork` alone,
//! which copies page tables and grows with the parent; a small exchange with the child over two pipes; a dynamically
//! linked `true` and an empty shell command for scale, since most tools are one of these. lmbench's `lat_proc` takes
//! the same `fork`, `exec` and `shell`.
//!
//! What would make the number wrong: a scheduler that puts some children on another CPU, which costs half as much again and
//! differs from process to process (parent and children share a CPU: `placement`); a child that loads libraries; a parent
//! with much memory (`fork` only); arguments and pipes prepared within the time (they lie before it); a child that did
//! nothing, so every exit code and every echoed byte is checked.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::stats::Stream;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::process::{Order, above, exit_code, fork};
use super::tiny::{Kind, Tiny};
use crate::harness::clock::{Moment, Stopwatch};
use crate::harness::pin;
use crate::network::place::sit;
use crate::{Context, Probe, ProbeError};

const SAMPLES: ParamDef = ParamDef {
    name: "samples",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("200"),
    tiny: Some("5"),
    doc: "how often each start is made in a round",
};

const PLACEMENT: ParamDef = ParamDef {
    name: "placement",
    kind: ParamKind::Choice(&["same", "free"]),
    default: Some("same"),
    tiny: None,
    doc: "children on the CPU of their parent, or wherever the scheduler puts them",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "start and end of a static program");
const FORK: MetricDef = MetricDef::cost("fork", Unit::Seconds, "copy of this process that ends at once");
const EXCHANGE: MetricDef = MetricDef::cost("exchange", Unit::Seconds, "start, 1 KiB there and back, end");
const DYNAMIC: MetricDef = MetricDef::cost("dynamic", Unit::Seconds, "start and end of a dynamically linked `true`");
const SHELL: MetricDef = MetricDef::cost("shell", Unit::Seconds, "`sh -c` of an empty command");

/// Bytes of a request and of its answer.
const MESSAGE: usize = 1024;
/// Starts that are made and not counted.
const WARMUP: u64 = 3;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "tool.spawn",
        summary: "What starting a process costs: spawn, fork, and a request to a child over pipes.",
        method: 2,
        about: "Starts by `posix_spawn` a static program of a few hundred bytes that exits at once, and waits for \
                it; beside it a bare `fork`, a start with 1 KiB sent and returned over pipes, a dynamically linked \
                `true` and an empty `sh -c`. Arguments and pipes are prepared before the clock starts. `fork` grows \
                with the memory of the engine, the others do not. Parent and children share a CPU: where the \
                scheduler is free it wakes some children on another, at half as much again. The numbers are wrong \
                when the child loads libraries, or when it does not do its work: exit codes and returned bytes are \
                checked.",
        params: &[SAMPLES, PLACEMENT],
        metrics: &[LATENCY, FORK, EXCHANGE, DYNAMIC, SHELL],
        round_seconds: 0.6,
        process: RoundProcess::Engine,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    slowed(args, cx, Duration::ZERO)
}

/// A round in which every start of the static program takes so much longer: for the check that a slower start is seen to
/// be slower.
///
/// # Errors
/// As a round of the probe.
pub fn slowed(args: &Args, cx: &mut Context<'_>, delay: Duration) -> Result<(), ProbeError> {
    if args.text(PLACEMENT.name) == "free" {
        return measure(args, cx, delay);
    }
    let cpu = pin::allowed().ok().and_then(|cpus| cpus.first().copied());
    // A thread of its own, so that nobody else is pinned afterwards. Children inherit its CPU.
    thread::scope(|scope| {
        let pinned = thread::Builder::new().spawn_scoped(scope, || {
            sit(cpu).into_iter().for_each(|note| cx.note(note));
            measure(args, cx, delay)
        });
        let pinned = pinned.map_err(|error| broken("start a thread", &error))?;
        pinned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn measure(args: &Args, cx: &mut Context<'_>, delay: Duration) -> Result<(), ProbeError> {
    let samples = args.whole(SAMPLES.name);
    let missing = |error: io::Error| {
        let reason = format!("a program of the engine's own cannot be run: {error}");
        Skip::new(SkipKind::Platform, reason, "use a scratch folder that is not mounted `noexec`")
    };
    let exit = Tiny::new(Kind::Exit, cx.scratch).map_err(missing)?;
    let echo = Tiny::new(Kind::Echo, cx.scratch).map_err(missing)?;

    let null = quiet()?;
    let files = [(null.as_raw_fd(), 0), (null.as_raw_fd(), 1), (null.as_raw_fd(), 2)];
    starts(cx, &LATENCY, samples, &order(exit.path(), &["tiny"], &files)?, delay)?;
    repeat(cx, &FORK, samples, || {
        let clock = Stopwatch::start();
        let ended = fork().map_err(|error| broken("fork", &error))?;
        let time = clock.stop();
        expect_success("a copy of the engine", ended.status).map(|()| time.as_secs_f64())
    })?;
    let mut message = [0; MESSAGE];
    let mut bytes = Stream::new(cx.seed, &[]);
    message.fill_with(|| bytes.next_u64() as u8);
    repeat(cx, &EXCHANGE, samples, || exchange(echo.path(), null.as_raw_fd(), &message))?;
    for (metric, path, arguments) in
        [(&DYNAMIC, "/bin/true", &["true"][..]), (&SHELL, "/bin/sh", &["sh", "-c", ":"][..])]
    {
        match found(path) {
            Some(program) => starts(cx, metric, samples, &order(&program, arguments, &files)?, Duration::ZERO)?,
            None => cx.note(format!("no `{path}` here: `{}` is not measured", metric.id)),
        }
    }
    Ok(())
}

/// Times the start and the end of a program that needs no input. A planted delay lies within the time.
fn starts(
    cx: &mut Context<'_>,
    metric: &MetricDef,
    samples: u64,
    order: &Order,
    delay: Duration,
) -> Result<(), ProbeError> {
    repeat(cx, metric, samples, || {
        let clock = Stopwatch::start();
        if !delay.is_zero() {
            let until = Moment::now().after(delay);
            while Moment::now() < until {
                std::hint::spin_loop();
            }
        }
        let mut child = order.start().map_err(|error| broken("start a program", &error))?;
        let ended = child.wait().map_err(|error| broken("wait for a program", &error))?;
        let time = clock.stop();
        expect_success("a started program", ended.status).map(|()| time.as_secs_f64())
    })
}

/// Starts the echo, sends the message, reads it back, closes, and waits: what a call of a command-line tool costs.
fn exchange(echo: &Path, null: i32, message: &[u8; MESSAGE]) -> Result<f64, ProbeError> {
    let failed = |error: io::Error| broken("exchange bytes with a program", &error);
    let ((to_read, to_write), (from_read, from_write)) = pipes().map_err(failed)?;
    let order = order(echo, &["tiny"], &[(to_read.as_raw_fd(), 0), (from_write.as_raw_fd(), 1), (null, 2)])?;
    let (mut request, mut answer): (PipeWriter, PipeReader) = (to_write, from_read);
    let mut back = [0; MESSAGE];

    let clock = Stopwatch::start();
    let mut child = order.start().map_err(failed)?;
    // With our copies closed, a child that dies shows as the end of its pipe and not as silence.
    drop((to_read, from_write));
    request.write_all(message).map_err(failed)?;
    answer.read_exact(&mut back).map_err(failed)?;
    drop((request, answer));
    let ended = child.wait().map_err(failed)?;
    let time = clock.stop();

    expect_success("the program that returns bytes", ended.status)?;
    if back == *message {
        Ok(time.as_secs_f64())
    } else {
        Err(ProbeError::verification("a child returned other bytes than it was sent"))
    }
}

/// A pipe to a child and one from it; the child's ends as plain descriptors.
fn pipes() -> io::Result<((OwnedFd, PipeWriter), (PipeReader, OwnedFd))> {
    let (to_read, to_write) = io::pipe()?;
    let (from_read, from_write) = io::pipe()?;
    Ok(((above(to_read)?, to_write), (from_read, above(from_write)?)))
}

/// Takes samples after a few that do not count, and records them.
fn repeat(
    cx: &mut Context<'_>,
    metric: &MetricDef,
    samples: u64,
    mut sample: impl FnMut() -> Result<f64, ProbeError>,
) -> Result<(), ProbeError> {
    let mut values = Vec::new();
    for at in 0..samples + WARMUP {
        cx.check()?;
        let value = sample()?;
        if at >= WARMUP {
            values.push(value);
        }
    }
    cx.record_all(metric, &values);
    Ok(())
}

fn order(path: &Path, arguments: &[&str], files: &[(i32, i32)]) -> Result<Order, ProbeError> {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    Order::new(path, &arguments, files).map_err(|error| broken("prepare a start", &error))
}

/// `/dev/null` for reading and writing.
fn quiet() -> Result<OwnedFd, ProbeError> {
    let file = File::options().read(true).write(true).open("/dev/null");
    file.and_then(above).map_err(|error| broken("open `/dev/null`", &error))
}

/// The file itself, so that no link is followed within the time.
fn found(path: &str) -> Option<PathBuf> {
    Path::new(path).canonicalize().ok()
}

fn expect_success(what: &str, status: i32) -> Result<(), ProbeError> {
    match exit_code(status) {
        0 => Ok(()),
        code => Err(ProbeError::verification(format!("{what} ended with exit code {code} instead of 0"))),
    }
}

fn broken(what: &str, error: &io::Error) -> ProbeError {
    ProbeError::failed(format!("cannot {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    #[test]
    fn every_start_takes_time_and_nothing_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 7, true);
        run(&PROBE.info.args(&BTreeMap::new(), true).unwrap(), &mut cx).unwrap();
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        let (records, _) = cx.finish();
        assert_eq!(records.len(), PROBE.info.metrics.len());
        for record in records {
            assert_eq!(record.values.len(), 5, "{}", record.metric.id);
            // A microsecond is less than any process takes; a minute is the deadline.
            assert!(record.values.iter().all(|value| (1e-6..60.0).contains(value)), "{record:?}");
        }
    }

    #[test]
    fn a_start_that_is_slowed_takes_that_much_longer_wherever_it_runs() {
        let scratch = tempfile::tempdir().unwrap();
        let cancel = AtomicBool::new(false);
        for placement in ["same", "free"] {
            let given = BTreeMap::from([("placement".to_owned(), engine_core::args::ArgValue::Text(placement.into()))]);
            let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 7, true);
            slowed(&PROBE.info.args(&given, true).unwrap(), &mut cx, Duration::from_millis(2)).unwrap();
            let latency = cx.finish().0.into_iter().find(|record| record.metric.id == "latency").unwrap();
            assert!(latency.values.iter().all(|time| *time >= 0.002), "{latency:?}");
        }
    }

    #[test]
    fn a_child_that_fails_or_answers_wrongly_is_no_sample() {
        let null = quiet().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let exit = Tiny::new(Kind::Exit, scratch.path()).unwrap();
        let silent = exchange(exit.path(), null.as_raw_fd(), &[1; MESSAGE]);
        assert!(matches!(silent, Err(ProbeError::Failed(_))), "{silent:?}");
        let wrong = exchange(Path::new("/usr/bin/yes"), null.as_raw_fd(), &[1; MESSAGE]);
        assert!(matches!(wrong, Err(ProbeError::Failed(_))), "{wrong:?}");
        let code = expect_success("it", 3 << 8).unwrap_err().to_string();
        assert_eq!(code, "it ended with exit code 3 instead of 0");
    }
}
