//! `kill -9` at random moments: the database is whole, at most the last second is lost, the run is `partial`, its
//! report opens.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engine_core::stats::Stream;

use crate::sandbox::Sandbox;

/// How often; `benches/claims/kill` asks for 1,000.
fn kills() -> u32 {
    std::env::var("ENGINE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// A round that the killed run told of.
struct Seen {
    /// When, in seconds since the run's start.
    at: f64,
    /// Step, round and attempt.
    round: String,
    /// When the line was read.
    read: Instant,
}

/// What one kill left.
#[derive(Debug)]
struct Left {
    /// Age in seconds, at the kill, of the oldest round that was seen and is not stored.
    lost: f64,
    rounds: usize,
}

#[test]
fn a_killed_run_is_partial_and_loses_at_most_a_second() {
    let total = kills();
    // Many kills are spread over a few sandboxes; more would only starve each other.
    let workers = if total > 100 { 3 } else { 1 };
    let results: Vec<(f64, u32)> = std::thread::scope(|scope| {
        let count = |worker| total / workers + u32::from(worker < total % workers);
        let started: Vec<_> = (0..workers).map(|worker| scope.spawn(move || several(worker, count(worker)))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let worst = results.iter().map(|(worst, _)| *worst).fold(0.0, f64::max);
    let stored: u32 = results.iter().map(|(_, stored)| stored).sum();
    println!("kills {total} with_rounds {stored} worst_loss_s {worst:.3}");
    assert!(stored > total / 3, "the kills came too early to prove anything: {stored}");
}

/// So many kills in one sandbox: the longest loss, and how often rounds were stored.
fn several(worker: u32, count: u32) -> (f64, u32) {
    let sandbox = Sandbox::new();
    sandbox.file(
        "s.rhai",
        "bench(#{ rounds: 1_000_000 }, cpu::primes(#{ limit: 1000 }));\n\
         bench(\"b\", #{ rounds: 1_000_000 }, cpu::primes(#{ limit: 2000 }));",
    );
    let mut random = Stream::new(20_261_123, &[1, u64::from(worker)]);
    let (mut worst, mut stored) = (0.0f64, 0);
    for number in 0..count {
        let after = Duration::from_secs_f64(0.02 + 1.2 * random.unit_f64());
        if let Some(left) = one(&sandbox, after, false) {
            assert!(left.lost <= 1.0, "sandbox {worker}, kill {number} after {after:?}: {left:?}");
            worst = worst.max(left.lost);
            stored += u32::from(left.rounds > 0);
        }
    }
    (worst, stored)
}

/// Another process that holds the store's lock, so that no commit gets through, until it is dropped.
struct Lock(std::process::Child);

impl Lock {
    fn take(sandbox: &Sandbox) -> Self {
        // It ends without closing the file, which would write to it.
        let script = "import os, sqlite3, sys\n\
             store = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)\n\
             store.execute('BEGIN IMMEDIATE')\n\
             print('locked', flush=True)\n\
             sys.stdin.read()\n\
             os._exit(0)";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(sandbox.path(".local/share/engine/performance.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_run_killed_while_nothing_can_be_stored_loses_at_most_a_second() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(#{ rounds: 1_000_000 }, cpu::primes(#{ limit: 1000 }));");
    let left = one(&sandbox, Duration::from_secs(3), true).unwrap();
    assert!(left.lost <= 1.0, "{left:?}");
}

/// Starts a run, kills it `after` its first sign of life, and looks at what is left; with `locked`, the store takes
/// nothing between the two. None when it was killed before the run began.
fn one(sandbox: &Sandbox, after: Duration, locked: bool) -> Option<Left> {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("engine"))
        .args(["run", "s.rhai", "--trace", "--max-time", "60 s"])
        .current_dir(sandbox.path(""))
        .env("HOME", sandbox.path(""))
        .env("TMPDIR", sandbox.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (sender, seen) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // `   0.123 s  cpu.primes round 3 attempt 0: time = ..`
            let Some((seen, _)) = line.split_once(": ").filter(|(seen, _)| seen.contains(" attempt ")) else {
                continue;
            };
            let Some((at, round)) = seen.trim_start().split_once(" s  ") else { continue };
            let seen = Seen { at: at.parse().unwrap(), round: round.to_owned(), read: Instant::now() };
            if sender.send(seen).is_err() {
                break;
            }
        }
    });
    let first = seen.recv_timeout(Duration::from_secs(60)).ok();
    let lock = if locked { Some(Lock::take(sandbox)) } else { None };
    let end = Instant::now() + after;
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    let killed = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(lock);
    reader.join().unwrap();
    for folder in std::fs::read_dir(sandbox.path("")).unwrap().flatten() {
        // A killed run cannot remove its scratch folder.
        if folder.file_name().to_string_lossy().starts_with("engine-") {
            std::fs::remove_dir_all(folder.path()).unwrap();
        }
    }
    sandbox.expect(0, &["db", "check"]);
    let rounds_seen: Vec<Seen> = first.into_iter().chain(seen.try_iter()).collect();
    let last_seen = rounds_seen.last()?.at;
    let list = sandbox.expect(0, &["--json", "runs", "list", "--all", "-n", "1"]).json();
    assert_eq!(list["runs"][0]["state"], "partial", "{list}");
    let report = sandbox.expect(0, &["--json", "report", "@last"]).json();
    let mut stored = BTreeSet::new();
    for step in report["steps"].as_array().unwrap() {
        for round in step["metrics"].as_array().unwrap().iter().flat_map(|metric| metric["rounds"].as_array().unwrap())
        {
            stored.insert(format!(
                "{} round {} attempt {}",
                step["path"].as_str().unwrap(),
                round["round"],
                round["attempt"]
            ));
        }
    }
    // By name and not by time: on a loaded machine a round is told of long after its end.
    let oldest = rounds_seen.iter().find(|seen| !stored.contains(&seen.round));
    // A line may be read late, so its own time counts too.
    let lost =
        oldest.map_or(0.0, |seen| killed.saturating_duration_since(seen.read).as_secs_f64().max(last_seen - seen.at));
    let rounds = stored.len();
    Some(Left { lost, rounds })
}

#[test]
fn ctrl_c_keeps_and_reports_what_there_is() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(#{ rounds: 1_000_000 }, cpu::primes(#{ limit: 1000 }));");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("engine"))
            .args(["run", "s.rhai", "--trace"])
            .current_dir(sandbox.path(""))
            .env("HOME", sandbox.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains(" attempt ")), "it ended before its first round");
        // What it says further is read away.
        let reader = std::thread::spawn(move || lines.for_each(drop));
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        reader.join().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("partial") && text.contains("cpu.primes"), "{text}");
        let list = sandbox.expect(0, &["--json", "runs", "list", "-n", "1"]).json();
        assert_eq!(list["runs"][0]["state"], "partial");
    }
    assert_eq!(sandbox.reports("md").len(), 2, "reports are written");
}
