//! Faults for real: on machines that lack something, and with the engine killed in the middle of each. Nothing is left.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

const RUN: &str = r#""$ENGINE" --json run failure --profile tiny"#;

/// One at a time: each is a machine of its own, and not the others' neighbour.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shell(sandbox: &Sandbox, script: &str) -> Output {
    Command::new("sh")
        .args(["-euc", script])
        .current_dir(sandbox.path(""))
        .env("ENGINE", assert_cmd::cargo::cargo_bin("engine"))
        .env("DEPRIVE", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tier2/deprive.py"))
        .env("HOME", sandbox.path(""))
        .env("TMPDIR", sandbox.path(""))
        .output()
        .unwrap()
}

/// What faults leave when they leave something: marked processes, mounts, cgroups, loop devices, files.
pub(crate) fn left(sandbox: &Sandbox) -> Vec<String> {
    let mut found = Vec::new();
    let home = sandbox.path("").to_string_lossy().into_owned();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let text = String::from_utf8_lossy(&environment);
        if text.contains("ENGINE_FAULT_MARK=") && text.contains(&home) {
            found.push(format!("process {}", entry.file_name().to_string_lossy()));
        }
    }
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(&home)).map(str::to_owned));
    // The kernel names a device's file as it is now: with its folder gone, too.
    for device in std::fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let file = std::fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        if file.contains(&home) {
            found.push(format!("{} has {file}", device.file_name().to_string_lossy()));
        }
    }
    for hierarchy in ["memory", "freezer", "pids", "cpu", ""] {
        let Ok(groups) = std::fs::read_dir(Path::new("/sys/fs/cgroup").join(hierarchy)) else { continue };
        let names = groups.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| abandoned(name)).map(|name| format!("cgroup {name}")));
    }
    let mut open = vec![sandbox.path("")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("engine-fault-") {
                found.push(format!("{}/{name}", folder.display()));
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    found
}

/// Whether a control group is of a run that is gone (`engine-fault-TIME-PROCESS-..`): one of a run that goes on, in another
/// test or of somebody else, is not left behind.
fn abandoned(group: &str) -> bool {
    let owner = group.strip_prefix("engine-fault-").and_then(|rest| rest.split('-').nth(1));
    owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists())
}

/// Runs the scenario: it ends with 0, each step is measured or names what is missing, and nothing is left.
#[track_caller]
fn run(script: &str) -> serde_json::Value {
    let _alone = alone();
    let sandbox = Sandbox::new();
    let output = shell(&sandbox, script);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{script}\n{err}\n{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    for step in report["steps"].as_array().unwrap() {
        let outcome = &step["outcome"];
        match outcome["status"].as_str().unwrap() {
            "measured" => {
                let mechanism = step["fault"]["repetitions"][0]["mechanism"].as_str().unwrap_or_default();
                assert!(!mechanism.is_empty(), "{script}: {step}");
            }
            "skipped" => {
                let said = |key: &str| outcome[key].as_str().is_some_and(|text| !text.is_empty());
                assert!(said("class") && said("reason") && said("remedy"), "{script}: {step}");
            }
            other => panic!("{script}: {other}: {step}"),
        }
    }
    assert_eq!(left(&sandbox), Vec::<String>::new());
    report
}

/// By which mechanism a step broke its victim.
fn mechanism(report: &serde_json::Value, step: &str) -> String {
    let found = report["steps"].as_array().unwrap().iter().find(|one| one["name"] == step).unwrap();
    found["fault"]["repetitions"][0]["mechanism"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn as_it_is() {
    // Three times in a row; `benches/claims/faults_leave_nothing` has it fifty times.
    for _ in 0..3 {
        let report = run(RUN);
        if Path::new("/sys/fs/cgroup/memory").is_dir() {
            assert_eq!(mechanism(&report, "memory"), "memory cgroup, version 1");
        }
    }
}

#[test]
fn without_cgroups() {
    let report = run(&format!("unshare -m sh -euc 'umount -l -R /sys/fs/cgroup; exec {RUN}'"));
    assert_eq!(mechanism(&report, "memory"), "address space limit by prlimit");
    assert_eq!(mechanism(&report, "hang"), "SIGSTOP by pidfd");
}

/// As a user who may nothing in particular.
const USER: &str = "chmod 711 .; mkdir -m 777 home; cp \"$ENGINE\" home/engine
     export ENGINE=$PWD/home/engine HOME=$PWD/home TMPDIR=$PWD/home; cd home";

const AS_NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

#[test]
fn as_an_unprivileged_user() {
    let report = run(&format!("{USER}; exec {AS_NOBODY} {RUN}"));
    for step in ["memory", "disk", "crash", "hang", "contention", "neighbour"] {
        assert!(!mechanism(&report, step).is_empty(), "{step} works for everybody");
    }
}

#[test]
fn in_a_sandbox_without_new_namespaces() {
    let report = run(&format!("{USER}; exec python3 \"$DEPRIVE\" refuse-namespaces -- {AS_NOBODY} {RUN}"));
    assert_eq!(mechanism(&report, "disk"), "file size limit by prlimit");
}

/// A fault that lasts, in the middle of which the engine is killed.
fn scenario(fault: &str) -> String {
    format!(
        "fault(\"f\", #{{ victim: service(demo_target(#{{ service: \"2 ms\" }}), #{{ memory: \"512 MiB\" }}),
             steady: #{{ arrivals: \"500/s\", journey: |user| user.get(\"/\") }}, inject: {fault}, after: \"2 s\", duration: \"60 s\",
             recovers: \"response.p95[100 ms] <= 100 * baseline for 3 windows within 5 s\", repeat: 1 }});"
    )
}

#[test]
fn a_kill_in_the_middle_of_each_fault_leaves_nothing() {
    let _alone = alone();
    for (fault, word) in [
        ("faults::hang()", "fault hang"),
        ("faults::memory(#{ left: \"64 MiB\" })", "fault memory"),
        ("faults::disk()", "fault disk"),
        ("faults::disk(#{ mechanism: \"loop\" })", "fault disk"),
        ("faults::cpu(#{ share: \"50 %\" })", "fault cpu"),
        ("faults::io()", "fault contention"),
        ("faults::noisy_neighbour()", "fault noisy"),
        ("faults::descriptors(#{ left: 64 })", "fault descriptors"),
        ("faults::processes(#{ left: 8 })", "fault processes"),
        ("faults::dns()", "fault dns"),
        ("faults::clock()", "fault clock"),
        // Of the network nothing is left but the victim: the proxy is the engine itself.
        ("faults::latency(#{ delay: \"10 ms\" })", "victim "),
    ] {
        let sandbox = Sandbox::new();
        sandbox.file("s.rhai", scenario(fault));
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("engine"))
            .args(["run", "s.rhai", "--quiet"])
            .current_dir(sandbox.path(""))
            .env("HOME", sandbox.path(""))
            .env("TMPDIR", sandbox.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = || sandbox.expect(0, &["--json", "faults", "status"]).json();
        let active = |status: &serde_json::Value| -> Vec<String> {
            let all = status["faults"]["active"].as_array().unwrap();
            all.iter().map(|record| record["what"].as_str().unwrap().to_owned()).collect()
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut skipped = false;
        while !active(&status()).iter().any(|what| what.starts_with(word)) {
            assert!(Instant::now() < deadline, "{fault} never came");
            // Where a mechanism was asked for it may be missing: then the run ends with nothing measured.
            skipped = child.try_wait().unwrap().is_some_and(|status| {
                assert!(
                    fault.contains("mechanism") && status.code() == Some(4),
                    "{fault}: the run ended with {status}"
                );
                true
            });
            if skipped {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if skipped {
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let killed = Instant::now();
        // Its owner is gone, so the deadline is now.
        while !active(&status()).is_empty() || !left(&sandbox).is_empty() {
            let still = (active(&status()), left(&sandbox));
            assert!(killed.elapsed() < Duration::from_secs(60), "{fault}: after a minute there is {still:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = &status()["faults"]["ended"];
        let by = |record: &serde_json::Value| record["ended"]["by"].as_str().unwrap().to_owned();
        assert!(ended.as_array().unwrap().iter().any(|record| by(record) == "janitor"), "{fault}: {ended}");
        for folder in std::fs::read_dir(sandbox.path("")).unwrap().flatten() {
            // A killed run cannot remove its scratch folder; what faults made in it must be gone.
            if folder.file_name().to_string_lossy().starts_with("engine-") {
                let inside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
                assert!(inside.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("engine-fault-")));
            }
        }
    }
}
