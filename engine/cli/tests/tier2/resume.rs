//! A run that is killed half-way and resumed is one complete run.

use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::failure::left;
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

/// A stressed measurement, of which a round takes about three seconds.
const STRESS: &str = "stress(\"s\", #{ background: [stress::cpu(), stress::timers()], hold: \"1 s\", rounds: 4 });";

/// A fault of which a repetition takes about eight seconds, with a band that a busy machine does not leave.
const FAULT: &str =
    "fault(\"s\", #{ victim: demo_target(#{ service: \"2 ms\" }), inject: faults::hang(), after: \"2 s\",
     duration: \"2 s\", repeat: 4, recovers: \"response.p95[100 ms] <= 1000 * baseline for 3 windows within 4 s\",
     steady: #{ arrivals: \"500/s\", journey: |user| user.get(\"/\") } });";

#[test]
fn stress_and_faults_killed_in_the_middle_are_resumed_and_leave_nothing() {
    for (text, word) in [(STRESS, "stress."), (FAULT, "fault hang")] {
        let sandbox = Sandbox::new();
        sandbox.file("s.rhai", text);
        kill_in(&sandbox, &["run", "s.rhai", "--trace"], word);
        let killed = Instant::now();
        while !active(&sandbox).is_empty() || !left(&sandbox).is_empty() {
            assert!(killed.elapsed() < Duration::from_secs(60), "{:?} {:?}", active(&sandbox), left(&sandbox));
            std::thread::sleep(Duration::from_millis(20));
        }
        let first = report(&sandbox);
        assert_eq!(first["run"]["state"], "partial", "{first}");
        let before = rounds_of(&first);
        assert!(
            !before.is_empty() && before.len() < 4,
            "{word}: killed after the first round and before the last ended: {before:?}"
        );
        let id = first["run"]["id"].as_str().unwrap();
        let ran = sandbox.run(&["run", "--resume", id]);
        assert!(matches!(ran.code, 0 | 12), "{}\n{}\n{}", ran.code, ran.out, ran.err);
        let whole = report(&sandbox);
        assert_eq!((&whole["run"]["id"], &whole["run"]["state"]), (&first["run"]["id"], &"complete".into()));
        let step = &whole["steps"][0];
        assert_eq!(step["outcome"]["status"], "measured", "{step}");
        // What was there is there as it was, and what was cut off is there once.
        let after = rounds_of(&whole);
        assert_eq!(after.len(), 4, "{word}: {after:?}");
        assert_eq!(after[..before.len()], before[..], "{word}");
        if text == FAULT {
            let repetitions = step["fault"]["repetitions"].as_array().unwrap();
            assert_eq!(repetitions.len(), 4, "{step}");
            assert!(repetitions.iter().all(|once| once["mechanism"].as_str().is_some_and(|how| !how.is_empty())));
        } else {
            let rows = step["interference"]["rows"].as_array().unwrap();
            let checked = |row: &serde_json::Value| row["stressors"][0]["checked"].as_f64().unwrap() > 0.0;
            assert!(rows.len() == 2 && rows.iter().all(checked), "{step}");
        }
        assert!(active(&sandbox).is_empty() && left(&sandbox).is_empty());
        // The killed run's own folder went with the start of the next.
        let folders = std::fs::read_dir(sandbox.path("")).unwrap().flatten();
        let folders: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(!folders.iter().any(|name| name.starts_with("engine-")), "{folders:?}");
        sandbox.expect(0, &["db", "check"]);
    }
}

/// What is broken now, by name.
fn active(sandbox: &Sandbox) -> Vec<String> {
    let status = sandbox.expect(0, &["--json", "faults", "status"]).json();
    let active = status["faults"]["active"].as_array().unwrap().iter();
    active.map(|record| record["what"].as_str().unwrap().to_owned()).collect()
}

/// The counted rounds of the first step's first metric.
fn rounds_of(report: &serde_json::Value) -> Vec<serde_json::Value> {
    report["steps"][0]["metrics"][0]["rounds"].as_array().cloned().unwrap_or_default()
}

/// Starts a run and kills it while something of this name is active, after the first round.
fn kill_in(sandbox: &Sandbox, args: &[&str], word: &str) {
    let (mut child, reader) = start(sandbox, args);
    // A killed run may lose its last second; the first round shall be there.
    std::thread::sleep(Duration::from_millis(1200));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !active(sandbox).iter().any(|what| what.starts_with(word)) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "`{word}` never came");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
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
    let (mut child, reader) = start(sandbox, args);
    let end = Instant::now() + after;
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
}

/// Starts a run, and waits for its first round. What it says further is read away.
fn start(sandbox: &Sandbox, args: &[&str]) -> (Child, JoinHandle<()>) {
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
    (child, reader)
}
