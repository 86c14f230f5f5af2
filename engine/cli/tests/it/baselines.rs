//! Baselines: named, by branch, of one run or a window, automatic, accepted, cloned, with an end.

use engine_core::run::ValidityLevel;

use crate::sandbox::Sandbox;
use crate::simulated::Run;

fn compared(sandbox: &Sandbox, old: &str, new: &str) -> serde_json::Value {
    sandbox.expect(0, &["compare", old, new, "--json"]).json()
}

#[test]
fn a_window_of_runs_is_a_set_in_which_each_run_counts_as_one() {
    let sandbox = Sandbox::new();
    let ids = sandbox.stored((0..12).map(|day| Run::of(day, 1.0)));
    sandbox.expect(0, &["baseline", "set", "good", "--last", "10", "--why", "quiet week", "--who", "ann"]);
    let shown = sandbox.expect(0, &["baseline", "show", "good", "--json"]).json();
    assert_eq!(shown["baseline"]["runs"].as_array().unwrap().len(), 10);
    assert_eq!((&shown["baseline"]["who"], &shown["baseline"]["why"]), (&"ann".into(), &"quiet week".into()));
    assert_eq!(
        (&shown["baseline"]["branch"], &shown["baseline"]["runs"][0]),
        (&"main".into(), &ids[11].as_str().into())
    );
    let text = sandbox.expect(0, &["baseline", "list"]).out;
    assert!(text.contains(" +9") && text.contains("good"), "{text}");
    // The same code: runs lie 1 % apart, so 1 % more or less is no news. Comparing rounds would call it worse.
    let aa = sandbox.stored([Run::of(20, 1.015)]).remove(0);
    let found = compared(&sandbox, "@good", &aa);
    assert_eq!(
        (&found["series"][0]["verdict"], &found["old"]["others"].as_array().unwrap().len()),
        (&"inconclusive".into(), &9)
    );
    let by_rounds = compared(&sandbox, &ids[11], &aa);
    assert_ne!(by_rounds["series"][0]["verdict"], "equivalent");
    let slow = sandbox.stored([Run::of(21, 1.10)]).remove(0);
    let ran = sandbox.expect(11, &["compare", "@good", &slow, "--json", "--fail-on", "regression"]);
    let one = &ran.json()["series"][0];
    assert_eq!((&one["verdict"], &one["series"]), (&"worse".into(), &"sort.time".into()));
    assert!(one["reason"].as_str().unwrap().contains("against 10 runs that lie"), "{one}");
    assert!(one["p"].as_f64().unwrap() < 0.001 && one["old"]["rounds"] == 10, "{one}");
    // Two sets of runs.
    let old = ids[..6].join(",");
    let new = sandbox.stored((30..36).map(|day| Run::of(day, 1.08))).join(",");
    assert_eq!(compared(&sandbox, &old, &new)["series"][0]["verdict"], "worse");
    let same = sandbox.stored((40..46).map(|day| Run::of(day, 1.0))).join(",");
    assert_ne!(compared(&sandbox, &old, &same)["series"][0]["verdict"], "worse");
}

#[test]
fn the_automatic_baseline_follows_what_was_accepted() {
    let sandbox = Sandbox::new();
    let ids = sandbox.stored((0..12).map(|day| Run::of(day, 1.0)));
    sandbox.stored([Run { validity: ValidityLevel::Invalid, ..Run::of(12, 9.0) }]);
    let slow = sandbox.stored((13..20).map(|day| Run::of(day, 1.2)));
    let ran = sandbox.expect(11, &["compare", "@auto:12", &slow[0], "--fail-on", "regression"]);
    ran.says(&["held against 12 accepted runs on branch `main`"]);
    // From the new level on.
    sandbox.expect(2, &["baseline", "accept", &slow[0]]).says(&["--why"]);
    sandbox.expect(2, &["baseline", "accept", &slow[0], "--why", " "]).says(&["--why"]);
    sandbox.expect(0, &["baseline", "accept", &slow[0], "--why", "a check more", "--who", "ann", "--baseline", "now"]);
    let found = compared(&sandbox, "auto", &slow[6]);
    assert_eq!(found["old"]["others"].as_array().unwrap().len(), 5, "{}", found["old"]);
    assert_ne!(found["series"][0]["verdict"], "worse");
    let shown = sandbox.expect(0, &["baseline", "show", "now"]).out;
    assert!(shown.contains("accepted from run") && shown.contains("by ann: a check more"), "{shown}");
    // The history restarts there.
    let trend = sandbox.expect(0, &["trend", "time", "--json", "--fail-on", "regression"]).json();
    let series = &trend["series"][0];
    assert_eq!(
        (&series["accepted"], series["change_points"].as_array().unwrap().len()),
        (&serde_json::json!([12]), 0),
        "{series}"
    );
    assert_eq!(
        sandbox.expect(0, &["baseline", "show", "now", "--json"]).json()["acceptances"][0]["run"],
        slow[0].as_str()
    );
    // A branch without runs has nothing, and may take that of another.
    let topic = sandbox.stored([Run { branch: Some("topic"), ..Run::of(25, 1.2) }]).remove(0);
    sandbox.expect(4, &["compare", "auto", &topic]).says(&["no accepted run of `night` on branch `topic`"]);
    assert_ne!(compared(&sandbox, "auto@main", &topic)["series"][0]["verdict"], "worse");
    sandbox.expect(2, &["compare", "auto:0", &topic]).says(&["1 to 1000"]);
    sandbox.expect(2, &["compare", "autumn", &ids[0]]).says(&["autumn"]);
}

#[test]
fn a_baseline_is_cloned_for_a_branch_and_ends() {
    let sandbox = Sandbox::new();
    sandbox.stored((0..6).map(|day| Run::of(day, 1.0)));
    sandbox.expect(0, &["baseline", "set", "good", "--last", "6", "--expires", "1000d"]);
    let topic = sandbox.stored([Run { branch: Some("topic"), ..Run::of(10, 1.3) }]).remove(0);
    let other = ["compare", "good", &topic, "--fail-on", "regression"];
    sandbox.expect(11, &other).says(&["baseline `good` is of branch `main`"]);
    sandbox
        .expect(2, &["baseline", "clone", "good", "--from", "gone", "--to", "topic"])
        .says(&["there is one of: main"]);
    sandbox.expect(0, &["baseline", "clone", "good", "--from", "main", "--to", "topic"]);
    let ran = sandbox.expect(11, &other);
    assert!(!ran.err.contains("is of branch"), "{}", ran.err);
    let list = sandbox.expect(0, &["baseline", "list", "--json"]).json();
    let branches: Vec<&str> =
        list["baselines"].as_array().unwrap().iter().map(|one| one["branch"].as_str().unwrap()).collect();
    assert_eq!(branches, ["main", "topic"]);
    sandbox.expect(0, &["baseline", "remove", "good", "--branch", "main"]);
    // Pruning leaves the window of the other alone.
    sandbox.expect(0, &["runs", "prune", "--keep", "0", "--older-than", "0s"]);
    assert_eq!(sandbox.expect(0, &["runs", "list", "--json"]).json()["runs"].as_array().unwrap().len(), 6);
    sandbox.expect(0, &["baseline", "set", "brief", "--expires", "1ms"]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    sandbox.expect(2, &["compare", "brief", "@last"]).says(&["baseline `brief` of `night` has expired"]);
    for bad in ["0s", "soon", "-3d"] {
        sandbox.expect(2, &["baseline", "set", "x", &format!("--expires={bad}")]).says(&["--expires"]);
    }
    sandbox.expect(2, &["baseline", "set", "auto"]).says(&["auto"]);
}

#[test]
fn a_gate_holds_real_runs_against_the_automatic_baseline() {
    let sandbox = Sandbox::new();
    let script = "bench(\"cmd\", #{ rounds: 5 }, command([\"sh\", \"-c\", \". ./work.sh\"]));";
    sandbox.file("c.rhai", script);
    sandbox.file("work.sh", "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done");
    let gate = ["run", "c.rhai", "--allow-run=sh", "--baseline", "auto", "--fail-on", "regression"];
    sandbox.expect(0, &gate).says(&["there is nothing to compare with"]);
    for _ in 0..4 {
        // Whatever the machine does meanwhile: too few runs to judge.
        sandbox.expect(0, &gate);
    }
    sandbox.file("work.sh", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done");
    let ran = sandbox.expect(11, &gate);
    assert!(ran.out.contains("worse"), "{}", ran.out);
    // What was worse is no part of the next baseline.
    sandbox.expect(11, &gate).says(&["held against 5 accepted runs"]);
    sandbox.expect(0, &["baseline", "accept", "--why", "more work"]);
    sandbox.expect(0, &gate).says(&["held against 1 accepted runs"]);
}
