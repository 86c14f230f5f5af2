//! `engine faults`: what a killed run left is shown, undone by hand, and swept by the next start.

use crate::sandbox::Sandbox;

/// An entry of a process that is gone, with a file that it left.
fn leftover(sandbox: &Sandbox) -> std::path::PathBuf {
    let left = sandbox.file("engine-fault-left", "x");
    let record = serde_json::json!({
        "version": 1, "id": "0000-1-0", "what": "a full disk", "created": 1.0, "ended": null,
        "owner": { "pid": 4_000_000, "start": 7, "boot": "another" },
        "deadline": { "since_boot": 1.0, "boot": "another", "calendar": 2.0 },
        "actions": [{ "remove_file": { "path": left } }],
    });
    let file = sandbox.file(".local/state/engine/faults/0000-1-0.json", record.to_string());
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file.parent().unwrap(), std::fs::Permissions::from_mode(0o700)).unwrap();
    left
}

#[test]
fn without_faults_there_is_nothing_to_show_or_undo() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.expect(0, &["faults", "status"]).out.trim(), "no fault is active");
    sandbox.expect(0, &["faults", "undo", "--all"]);
    sandbox.expect(2, &["faults", "undo"]);
}

#[test]
fn what_a_killed_run_left_is_shown_and_undone_by_hand() {
    let sandbox = Sandbox::new();
    let left = leftover(&sandbox);
    let shown = sandbox.expect(0, &["faults", "status"]).out;
    assert!(shown.contains("a full disk") && shown.contains("is gone") && shown.contains("overdue"), "{shown}");
    assert!(sandbox.expect(0, &["faults", "undo", "--all"]).out.contains("undone: a full disk by hand"));
    assert!(!left.exists());
    let json: serde_json::Value =
        serde_json::from_str(&sandbox.expect(0, &["--json", "faults", "status"]).out).unwrap();
    assert_eq!(json["faults"]["ended"][0]["ended"]["by"], "user");
    assert_eq!(json["faults"]["active"].as_array().unwrap().len(), 0);
}

#[test]
fn the_next_start_sweeps() {
    let sandbox = Sandbox::new();
    let left = leftover(&sandbox);
    let ran = sandbox.run(&["run", "-e", "bench(cpu::primes());", "--profile", "tiny"]);
    assert!(ran.err.contains("undone: a full disk by a later start"), "{}", ran.err);
    assert!(!left.exists());
}
