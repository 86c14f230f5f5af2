//! The hardware scenario on machines that lack something: each run ends with 0 and names what is missing, and the
//! engine is never killed for want of memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use crate::sandbox::Sandbox;

/// What every deprivation runs in the end.
const RUN: &str = r#""$ENGINE" --json run hardware --profile tiny"#;

/// Runs a shell script in the sandbox: `$ENGINE` is the binary, `$DEPRIVE` the program that takes things away.
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

/// Runs the scenario under a script that ends in [`RUN`]; the report, after the checks that hold everywhere.
#[track_caller]
fn run(script: &str) -> serde_json::Value {
    // One at a time: each is a machine of its own, and not the others' neighbour.
    static MACHINE: Mutex<()> = Mutex::new(());
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let sandbox = Sandbox::new();
    let output = shell(&sandbox, script);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{script}\n{err}\n{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    let steps = report["steps"].as_array().unwrap();
    for step in steps {
        let outcome = &step["outcome"];
        match outcome["status"].as_str().unwrap() {
            "measured" => {}
            "skipped" => {
                let said = |key: &str| outcome[key].as_str().is_some_and(|text| !text.is_empty());
                assert!(said("class") && said("reason") && said("remedy"), "{script}: {step}");
            }
            other => panic!("{script}: {other}: {step}"),
        }
    }
    let measured = steps.iter().filter(|step| step["outcome"]["status"] == "measured").count();
    assert!(measured > steps.len() / 2, "{script}: {measured} of {} steps were measured", steps.len());
    report
}

/// Labels of the first measurement of a metric in a step whose name starts so.
fn labels<'a>(report: &'a serde_json::Value, step: &str) -> &'a serde_json::Value {
    let found = report["steps"].as_array().unwrap().iter().find(|s| s["name"].as_str().unwrap().starts_with(step));
    &found.unwrap_or_else(|| panic!("no step `{step}`"))["metrics"][0]["labels"]
}

#[test]
fn where_io_uring_is_refused() {
    let report = run(&format!("python3 $DEPRIVE refuse-io-uring -- {RUN}"));
    assert_ne!(labels(&report, "randread")["engine"], "io_uring");
}

#[test]
fn where_io_uring_kills() {
    let report = run(&format!("python3 $DEPRIVE kill-io-uring -- {RUN}"));
    assert_ne!(labels(&report, "randread")["engine"], "io_uring");
}

#[test]
fn with_64_kib_of_locked_memory() {
    run(&format!("prlimit --memlock=65536:65536 -- {RUN}"));
}

#[test]
fn on_one_processor() {
    run(&format!("taskset -c 0 {RUN}"));
}

#[test]
fn without_counters_and_huge_pages() {
    run(&format!("python3 $DEPRIVE refuse-perf no-huge-pages -- {RUN}"));
}

#[test]
fn without_a_graphics_card() {
    let report = run(&format!("VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent {RUN}"));
    let gpu = report["steps"].as_array().unwrap().iter().filter(|s| s["name"].as_str().unwrap().starts_with("gpu"));
    assert!(gpu.clone().count() > 0 && gpu.clone().all(|step| step["outcome"]["class"] == "hardware"));
}

#[test]
fn where_sys_cannot_be_read() {
    run(&format!("unshare -rm sh -euc 'mount -t tmpfs none /sys; exec {RUN}'"));
}

#[test]
fn as_an_unprivileged_user() {
    run(&format!(
        "chmod 711 .; mkdir -m 777 home; cp \"$ENGINE\" home/engine; export ENGINE=$PWD/home/engine HOME=$PWD/home TMPDIR=$PWD/home
         cd home; setpriv --reuid=65534 --regid=65534 --clear-groups {RUN}"
    ));
}

#[test]
fn with_test_files_in_memory() {
    run(&format!(
        "unshare -rm sh -euc 'mkdir t; mount -t tmpfs -o size=512m none t; TMPDIR=$PWD/t; export TMPDIR; exec {RUN}'"
    ));
}

#[test]
fn in_a_control_group_of_256_mib() {
    let group = Path::new("/sys/fs/cgroup/memory").join(format!("engine-test-{}", std::process::id()));
    fs::create_dir(&group).unwrap_or_else(|error| panic!("{}: {error}", group.display()));
    let removed = Group(&group);
    fs::write(group.join("memory.limit_in_bytes"), "268435456").unwrap();
    for _ in 0..3 {
        run(&format!("echo $$ > {}/cgroup.procs; exec {RUN}", group.display()));
    }
    let control = fs::read_to_string(group.join("memory.oom_control")).unwrap();
    // Children may be ended, the engine not: it has exited with 0 each time.
    println!("{control}");
    drop(removed);
    assert!(!group.exists());
}

/// A control group that is removed in the end.
struct Group<'a>(&'a Path);

impl Drop for Group<'_> {
    fn drop(&mut self) {
        // The last child of the run may take a moment to be gone.
        for _ in 0..3000 {
            if fs::remove_dir(self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
