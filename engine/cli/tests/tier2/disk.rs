//! A full disk and a read-only place end with exit code 30 and a clear message, and lose nothing stored earlier.

use std::process::{Command, Output};

use crate::sandbox::Sandbox;

/// Runs a shell script as root of a user and mount namespace of its own; `$ENGINE` is the binary, `$PWD` the sandbox.
fn in_namespace(sandbox: &Sandbox, script: &str) -> Output {
    Command::new("unshare")
        .args(["-rm", "sh", "-euc", script])
        .current_dir(sandbox.path(""))
        .env("ENGINE", assert_cmd::cargo::cargo_bin("engine"))
        .env("HOME", sandbox.path(""))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_full_disk_loses_nothing_stored_earlier() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(cpu::primes(#{ limit: 1000 }));");
    sandbox.file("long.rhai", "bench(#{ rounds: 1_000_000 }, cpu::primes(#{ limit: 1000 }));");
    let output = in_namespace(
        &sandbox,
        "mkdir disk; mount -t tmpfs -o size=3m none disk
         \"$ENGINE\" --db disk/p.db run s.rhai --profile tiny >/dev/null 2>&1
         head -c 4m /dev/zero >disk/ballast 2>/dev/null || true
         truncate -s -200k disk/ballast
         code=0; \"$ENGINE\" --db disk/p.db --quiet run long.rhai --max-time '60 s' --out reports || code=$?
         echo code=$code
         \"$ENGINE\" --db disk/p.db db check
         \"$ENGINE\" --db disk/p.db --json runs list --all
         \"$ENGINE\" --db disk/p.db --quiet runs show @-2 && echo earlier=ok",
    );
    let text = text(&output);
    assert!(text.contains("code=30"), "{text}");
    assert!(text.contains("no space left"), "{text}");
    assert!(text.contains("earlier=ok"), "{text}");
}

#[test]
fn a_disk_that_fills_up_during_a_load_keeps_what_was_measured() {
    let sandbox = Sandbox::new();
    // Many endpoints: a second of it is large.
    sandbox.file(
        "s.rhai",
        "fn buyer(user) { let n = user.random(1..=60); user.get(\"/products/\" + n, #{ name: \"product \" + n }); }\n\
         load(\"shop\", #{ target: demo_target(), journey: buyer, arrivals: constant(\"400/s\"), duration: \"120 s\" });",
    );
    let output = in_namespace(
        &sandbox,
        "mkdir disk; mount -t tmpfs -o size=6m none disk
         code=0; \"$ENGINE\" --db disk/p.db --quiet run s.rhai --out reports & engine=$!
         sleep 8; head -c 6m /dev/zero >disk/ballast 2>/dev/null || true; truncate -s -150k disk/ballast
         wait $engine || code=$?
         echo code=$code
         rm disk/ballast
         \"$ENGINE\" --db disk/p.db db check && echo whole=ok
         \"$ENGINE\" --db disk/p.db --json report @last >report.json",
    );
    let text = text(&output);
    assert!(text.contains("code=30"), "{text}");
    assert!(text.contains("no space left"), "{text}");
    assert!(text.contains("whole=ok"), "{text}");
    let report = std::fs::read_to_string(sandbox.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["run"]["state"], "partial");
    // At least the seconds before the disk was filled, the engine's own start apart.
    let kept = report["steps"][0]["load"]["total"]["requests"].as_u64().unwrap();
    assert!(kept >= 1200, "{kept}");
}

#[test]
fn a_read_only_place_is_refused_before_anything_is_measured() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(cpu::primes(#{ limit: 1000 }));");
    let output = in_namespace(
        &sandbox,
        "mkdir disk; mount -t tmpfs -o size=8m none disk
         \"$ENGINE\" --db disk/p.db run s.rhai --profile tiny >/dev/null 2>&1
         mount -o remount,ro disk
         code=0; \"$ENGINE\" --db disk/p.db run s.rhai --profile tiny || code=$?
         echo code=$code
         code=0; \"$ENGINE\" --db disk/new.db run s.rhai --profile tiny || code=$?
         echo new=$code",
    );
    let text = text(&output);
    assert!(text.contains("code=30") && text.contains("new=30"), "{text}");
    assert!(text.contains("--db"), "the remedy is named: {text}");
}
