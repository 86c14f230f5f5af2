//! `kill -9` and Ctrl-C during a load: what was measured is kept.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

const LOAD: &str = "fn buyer(user) { user.get(\"/products\"); }\n\
    load(\"shop\", #{ target: demo_target(), journey: buyer, arrivals: constant(\"100/s\"), duration: \"120 s\" });";

/// Runs the load for at least `seconds`, counted from its first stored second, then ends it with `signal`.
fn ended_by(sandbox: &Sandbox, signal: &str, seconds: u64) -> Option<i32> {
    sandbox.file("s.rhai", LOAD);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("engine"))
        .args(["run", "s.rhai", "--trace"])
        .env("HOME", sandbox.path(""))
        .current_dir(sandbox.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let mut first = None;
    for line in lines.map_while(Result::ok) {
        if line.contains("lag p99") {
            first.get_or_insert_with(Instant::now);
        }
        if first.is_some_and(|first| first.elapsed() >= Duration::from_secs(seconds)) {
            break;
        }
    }
    assert!(first.is_some(), "the load told of no second");
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    child.wait().unwrap().code()
}

fn requests(sandbox: &Sandbox) -> u64 {
    let report = sandbox.expect(0, &["--json", "report", "@last"]).json();
    assert_eq!(report["run"]["state"], "partial");
    report["steps"][0]["load"]["total"]["requests"].as_u64().unwrap()
}

#[test]
fn a_killed_load_keeps_all_but_its_last_seconds() {
    let sandbox = Sandbox::new();
    assert_eq!(ended_by(&sandbox, "-KILL", 8), None);
    // Seen for eight seconds or more at 100/s: the second under way and the one that was being stored may be lost, and a busy
    // machine may be behind.
    let kept = requests(&sandbox);
    assert!(kept >= 300, "{kept}");
}

#[test]
fn an_interrupted_load_is_stored_and_reported() {
    let sandbox = Sandbox::new();
    assert_eq!(ended_by(&sandbox, "-INT", 4), Some(130));
    assert!(requests(&sandbox) >= 200);
    assert!(sandbox.reports("md").len() == 1, "the report is written");
}
