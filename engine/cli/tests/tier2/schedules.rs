//! Units and lines that systemd's and cron's own programs read, and a scheduler that is killed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::Sandbox;

const GOOD: &str = "bench(\"p\", #{ rounds: 2 }, cpu::primes(#{ limit: 1000 }));";

fn added(sandbox: &Sandbox) {
    sandbox.file("s.rhai", GOOD);
    for (name, pattern) in [("quick", "0 */6 * * *"), ("full", "0 2 * * *"), ("odd", "*/20 8-18 1,15 * 1-5")] {
        sandbox.expect(0, &["schedule", "add", name, pattern, "s.rhai", "--zone", "UTC", "--jitter", "30s"]);
    }
}

#[test]
fn systemd_verifies_our_units_and_means_the_same_times() {
    let sandbox = Sandbox::new();
    added(&sandbox);
    sandbox.expect(0, &["schedule", "install", "--systemd", "--into", "units"]);
    sandbox.expect(0, &["schedule", "install", "--systemd", "--service", "--into", "units"]);
    let mut units: Vec<_> =
        std::fs::read_dir(sandbox.path("units")).unwrap().map(|entry| entry.unwrap().path()).collect();
    units.sort();
    assert_eq!(units.len(), 2 * 4 + 1);
    assert!(units.iter().any(|unit| unit.ends_with("benchmarking-automation.service")));
    let verified = Command::new("systemd-analyze").arg("verify").args(&units).output().unwrap();
    let said = String::from_utf8([verified.stdout, verified.stderr].concat()).unwrap();
    // What it says of units that are not ours, and of a machine without systemd, is not about these.
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("engine-schedule") || line.contains("benchmarking-automation"))
        .collect();
    assert!(verified.status.success() && ours.is_empty(), "{said}");
    for name in ["quick", "full", "odd"] {
        let text = std::fs::read_to_string(sandbox.path(format!("units/engine-schedule-{name}.timer"))).unwrap();
        let mut theirs: Vec<String> = Vec::new();
        for event in text.lines().filter_map(|line| line.strip_prefix("OnCalendar=")) {
            // It lists what comes after its base, the base itself left out.
            let output = Command::new("systemd-analyze")
                .args(["calendar", "--iterations=400", "--base-time=2027-12-31 23:59:59 UTC", event])
                .env("TZ", "UTC")
                .output()
                .unwrap();
            assert!(output.status.success(), "{event}: {}", String::from_utf8_lossy(&output.stderr));
            let times = String::from_utf8(output.stdout).unwrap();
            theirs.extend(times.lines().filter_map(|line| {
                let line = line.trim();
                let time = line.strip_prefix("Next elapse: ").or_else(|| {
                    line.split_once(": ").filter(|(name, _)| name.starts_with("Iter")).map(|(_, time)| time)
                })?;
                Some(time.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" "))
            }));
        }
        theirs.sort();
        theirs.dedup();
        let pattern = match name {
            "quick" => "0 */6 * * *",
            "full" => "0 2 * * *",
            _ => "*/20 8-18 1,15 * 1-5",
        };
        let cron = engine_operate::Cron::new(pattern, "UTC").unwrap();
        let base = engine_core::run::Timestamp(1_830_297_600_000_000 - 1);
        let own: Vec<String> =
            cron.times(base).take(300).map(|time| cron.local(time).trim_end_matches(" UTC").to_owned()).collect();
        assert_eq!(own[..300], theirs[..300], "{name}");
    }
    let removed = sandbox.expect(0, &["schedule", "uninstall"]);
    removed.says(&["removed"]);
    assert_eq!(std::fs::read_dir(sandbox.path("units")).unwrap().count(), 0);
}

#[test]
fn cron_reads_our_lines() {
    let sandbox = Sandbox::new();
    added(&sandbox);
    let zone = engine_operate::cron::system_zone();
    let shown = sandbox.run(&["schedule", "install", "--cron", "--user", "--dry-run"]);
    if zone != "UTC" {
        assert_eq!(shown.code, 2, "a zone that is not the machine's");
        return;
    }
    assert_eq!(shown.code, 0, "{}", shown.err);
    let table = sandbox.file("table", &shown.out);
    let checked = Command::new("crontab").arg("-n").arg(&table).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let wrong = sandbox.file("wrong", "61 2 * * * engine\n");
    let checked = Command::new("crontab").arg("-n").arg(wrong).output().unwrap();
    assert!(!checked.status.success(), "this check can fail");
}

#[test]
fn a_killed_scheduler_leaves_no_lock_and_an_honest_history() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "slow.rhai",
        "custom(\"c\", #{ rounds: 1, metrics: [\"x\"] }, || { sleep(\"15 s\"); record(\"x\", 1); });",
    );
    sandbox.expect(0, &["schedule", "add", "slow", "* * * * *", "slow.rhai", "--zone", "UTC"]);
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_engine"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", sandbox.path(""))
            .current_dir(sandbox.path(""))
            .args(["schedule", "run-now", "slow"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let history = || -> Vec<Value> {
        let found = sandbox.expect(0, &["schedule", "history", "slow", "--limit", "1000", "--json"]).json();
        found["occurrences"].as_array().unwrap().clone()
    };
    let mut scheduler = start();
    let began = Instant::now();
    while history().first().is_none_or(|one| one["ending"] != "running") {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    // The occurrence is noted before its run begins.
    let runs = || sandbox.expect(0, &["runs", "list", "--json"]).json()["runs"].as_array().unwrap().len();
    while runs() == 0 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    scheduler.kill().unwrap();
    scheduler.wait().unwrap();
    // Its run goes on and still keeps others away.
    let second = sandbox.expect(4, &["schedule", "run-now", "slow"]);
    second.says(&["another scheduled run is going"]);
    // When it has ended, the lock is free, whoever died.
    let began = Instant::now();
    loop {
        let ran = sandbox.run(&["schedule", "run-now", "slow"]);
        if ran.code == 0 {
            break;
        }
        assert!(ran.code == 4 && began.elapsed() < Duration::from_secs(120), "{}", ran.err);
        std::thread::sleep(Duration::from_millis(500));
    }
    sandbox.run(&["schedule", "watch"]);
    let endings: Vec<String> = history().iter().map(|one| one["ending"].as_str().unwrap().to_owned()).collect();
    assert!(endings.contains(&"lost".to_owned()) && endings.contains(&"ran".to_owned()), "{endings:?}");
    assert_eq!(runs(), 2, "the run of the killed scheduler is stored too");
}
