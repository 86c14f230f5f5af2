//! A run that is killed half-way and resumed is one complete run.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

/// A scenario of two parts and a load; slow enough to be killed in any of them.
const PARTS: &str = "suite(\"parts\", #{ budget: \"40 s\" });\n\
     include(\"one\", #{ budget: \"6 s\" });\ninclude(\"two\", #{ budget: \"20 s\" });\n\
     finish(|run| record(\"steps\", 3.0));";
const ONE: &str = "bench(\"a\", cpu::primes(#{ limit: 200_000 }));\nbench(\"b\", cpu::primes(#{ limit: 300_000 }));";
const TWO: &str = "bench(\"c\", cpu::primes(#{ limit: 200_000 }));\n\
     load(\"d\", #{ target: demo_target(), arrivals: \"50/s\", duration: \"3 s\",\n    journey: |user| user.get(\"/\") });";

#[test]
fn killed_twice_and_resumed_it_is_one_complete_run() {
    let sandbox = Sandbox::new();
    for (name, text) in [("parts.rhai", PARTS), ("one.rhai", ONE), ("two.rhai", TWO)] {
        sandbox.file(name, text);
    }
    kill_after(&sandbox, &["run", "parts.rhai", "--seed", "7", "--trace"], Duration::from_secs(3));
    let first = report(&sandbox);
    assert_eq!(first["run"]["state"], "partial");
    let id = first["run"]["id"].as_str().unwrap().to_owned();
    assert!(rounds(&first) > 0, "{first}");
    // Another scenario is not this run's.
    sandbox.file("one.rhai", format!("{ONE}\n"));
    sandbox.expect(3, &["run", "--resume", &id]).says(&["has changed"]);
    sandbox.file("one.rhai", ONE);
    kill_after(&sandbox, &["run", "--resume", &id, "--trace"], Duration::from_secs(6));
    let second = report(&sandbox);
    assert_eq!((&second["run"]["id"], &second["run"]["state"]), (&first["run"]["id"], &"partial".into()));
    assert!(rounds(&second) >= rounds(&first));
    let ran = sandbox.run(&["run", "--resume", &id[..14]]);
    let whole = report(&sandbox);
    assert_eq!(whole["run"]["state"], "complete", "{} {}", ran.out, ran.err);
    assert_eq!(whole["run"]["id"], first["run"]["id"]);
    let steps = whole["steps"].as_array().unwrap();
    assert!(steps.len() == 5 && steps.iter().all(|step| step["outcome"]["status"] == "measured"), "{whole}");
    assert!(!whole["run"]["validity"]["reasons"].to_string().contains("without finishing"), "{whole}");
    // What the first part had measured is there once, as it was.
    for step in first["steps"].as_array().unwrap() {
        let later = steps.iter().find(|later| later["path"] == step["path"]).unwrap();
        for (metric, later) in pairs(step, later) {
            for round in metric["rounds"].as_array().unwrap() {
                let same = later["rounds"].as_array().unwrap().iter().filter(|later| *later == round).count();
                assert_eq!(same, 1, "{round} of {}", step["path"]);
            }
        }
    }
    let list = sandbox.expect(0, &["--json", "runs", "list", "--all"]).json();
    assert_eq!(list["runs"].as_array().unwrap().len(), 1);
    sandbox.expect(2, &["run", "--resume", &id]).says(&["is complete"]);
    sandbox.expect(0, &["db", "check"]);
}

/// The metrics of a step in two reports.
fn pairs<'a>(
    step: &'a serde_json::Value,
    later: &'a serde_json::Value,
) -> Vec<(&'a serde_json::Value, &'a serde_json::Value)> {
    let metrics = |step: &'a serde_json::Value| step["metrics"].as_array().unwrap().iter();
    let find = |metric: &serde_json::Value| {
        metrics(later).find(|later| later["metric"] == metric["metric"] && later["labels"] == metric["labels"])
    };
    metrics(step).filter(|metric| metric["rounds"].is_array()).map(|metric| (metric, find(metric).unwrap())).collect()
}

fn report(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.expect(0, &["--json", "report", "@last"]).json()
}

/// Rounds in a report.
fn rounds(report: &serde_json::Value) -> usize {
    let steps = report["steps"].as_array().unwrap().iter();
    let metrics = steps.flat_map(|step| step["metrics"].as_array().unwrap());
    metrics.filter_map(|metric| metric["rounds"].as_array()).map(Vec::len).sum()
}

/// Starts a run and kills it some time after its first round.
fn kill_after(sandbox: &Sandbox, args: &[&str], after: Duration) {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("engine"))
        .args(args)
        .current_dir(sandbox.path(""))
        .env("HOME", sandbox.path(""))
        .env("TMPDIR", sandbox.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let _ = lines.by_ref().map_while(Result::ok).find(|line| line.contains(" attempt "));
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let end = Instant::now() + after;
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
}
