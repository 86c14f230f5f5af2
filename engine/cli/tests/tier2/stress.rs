//! Stress where it may not do as it likes, and stress that is killed: nothing of it is left.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

/// What every deprivation runs in the end.
const RUN: &str = r#""$ENGINE" --json run stress --profile tiny"#;

/// Runs the scenario under a shell script; every step is measured or skipped with its reason, and nothing is left.
fn run(script: &str) {
    let sandbox = Sandbox::new();
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(sandbox.path(""))
        .env("ENGINE", assert_cmd::cargo::cargo_bin("engine"))
        .env("DEPRIVE", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tier2/deprive.py"))
        .env("HOME", sandbox.path(""))
        .env("TMPDIR", sandbox.path(""))
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{script}\n{err}\n{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    let steps = report["steps"].as_array().unwrap();
    for step in steps {
        let outcome = &step["outcome"];
        let told = |key: &str| outcome[key].as_str().is_some_and(|text| !text.is_empty());
        let fine = outcome["status"] == "measured" || outcome["status"] == "skipped" && told("class") && told("reason");
        assert!(fine, "{script}: {step}");
        for row in step["interference"]["rows"].as_array().unwrap() {
            let there = !row["stressors"].as_array().unwrap().is_empty() || row["missing"].is_string();
            assert!(there, "{script}: a background without figures and without a reason: {row}");
        }
    }
    assert!(steps.iter().filter(|step| step["outcome"]["status"] == "measured").count() >= 5, "{script}");
}

#[test]
fn as_this_user() {
    run(RUN);
}

#[test]
fn as_an_unprivileged_user() {
    run(&format!(
        "chmod 711 .; mkdir -m 777 home; cp \"$ENGINE\" home/engine; export ENGINE=$PWD/home/engine HOME=$PWD/home TMPDIR=$PWD/home
         cd home; setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs {RUN}"
    ));
}

#[test]
fn in_a_sandbox_without_new_namespaces() {
    run(&format!("exec python3 \"$DEPRIVE\" refuse-namespaces -- {RUN}"));
}

#[test]
fn without_control_groups() {
    run(&format!("unshare -m sh -euc 'mount -t tmpfs none /sys/fs/cgroup; exec {RUN}'"));
}

#[test]
fn on_one_processor() {
    run(&format!("taskset -c 0 {RUN}"));
}

#[test]
fn killed_in_the_middle_nothing_goes_on() {
    for (number, stressor) in
        ["cpu()", "memory(#{ mode: \"fault\" })", "io(#{ mode: \"fsync\" })", "processes()", "network()"]
            .into_iter()
            .enumerate()
    {
        let sandbox = Sandbox::new();
        sandbox.file(
            "s.rhai",
            format!("stress(\"x\", #{{ background: [stress::{stressor}], hold: \"60 s\", rounds: 1 }});"),
        );
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("engine"))
            .args(["run", "s.rhai"])
            .current_dir(sandbox.path(""))
            .env("HOME", sandbox.path(""))
            .env("TMPDIR", sandbox.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = || sandbox.expect(0, &["--json", "faults", "status"]).json();
        let deadline = Instant::now() + Duration::from_secs(60);
        while status()["faults"]["active"].as_array().unwrap().is_empty() {
            assert!(Instant::now() < deadline, "{stressor}: it never began");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mark = status()["faults"]["active"][0]["id"].as_str().unwrap().to_owned();
        std::thread::sleep(Duration::from_millis(50 * number as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let killed = Instant::now();
        while !engine_faults::process::marked(&mark).is_empty()
            || !status()["faults"]["active"].as_array().unwrap().is_empty()
        {
            assert!(killed.elapsed() < Duration::from_secs(60), "{stressor}: something goes on: {}", status());
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("{stressor} gone after {:.2} s", killed.elapsed().as_secs_f64());
        let ended = status();
        let by = ended["faults"]["ended"][0]["ended"]["by"].as_str().unwrap().to_owned();
        assert!(matches!(by.as_str(), "janitor" | "sweep"), "{stressor}: {ended}");
    }
}
