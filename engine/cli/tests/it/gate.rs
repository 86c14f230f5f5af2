//! Judging, comparing, and failing for the right reason.

use crate::sandbox::Sandbox;

const SLOW: &str = "bench(\"work\", #{ rounds: 5 }, cpu::primes(#{ limit: 4_000_000 }));";

#[test]
fn a_broken_expectation_is_exit_10_and_a_warning_is_not() {
    let sandbox = Sandbox::new();
    let broken = "bench(#{ expect: [\"time < 1 ns\"] }, cpu::primes(#{ limit: 1000 }));";
    let ran = sandbox.expect(10, &["run", "-e", broken]);
    assert!(ran.out.contains("time < 1 ns"));
    sandbox.expect(0, &["run", "-e", &broken.replace("1 ns", "1 ns @warn")]);
    sandbox.expect(0, &["run", "-e", broken, "--profile", "tiny"]);
}

#[test]
fn a_script_error_in_a_step_is_exit_20_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "custom(\"c\", || {\n    let m = #{ a: 1 };\n    m.b + 1;\n});");
    let ran = sandbox.expect(20, &["run", "s.rhai", "--profile", "tiny"]);
    assert!((ran.out + &ran.err).contains("s.rhai:3"));
}

#[test]
fn comparing_with_a_baseline() {
    let sandbox = Sandbox::new();
    sandbox.file("w.rhai", SLOW);
    sandbox.expect(0, &["run", "w.rhai"]);
    sandbox.expect(0, &["baseline", "set", "main", "--why", "first"]);
    assert!(sandbox.expect(0, &["baseline", "list"]).out.contains("main"));
    assert!(sandbox.expect(0, &["baseline", "show", "main"]).out.contains("first"));
    // The other arguments make other work: that is not a regression, and says so.
    sandbox.file("w.rhai", SLOW.replace("4_000_000", "8_000_000"));
    let ran = sandbox.expect(12, &["run", "w.rhai", "--baseline", "main", "--fail-on", "regression"]);
    assert!((ran.out + &ran.err).contains("limit"));
    // A command that does more under the same name is one.
    let command = |loops: u32| {
        format!("bench(\"cmd\", #{{ rounds: 6 }}, command([\"sh\", \"-c\", \". ./work.sh\"])); // {loops}")
    };
    sandbox.file("work.sh", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done");
    sandbox.file("c.rhai", command(1));
    sandbox.expect(0, &["run", "c.rhai", "--allow-run=sh"]);
    sandbox.expect(0, &["baseline", "set", "cmd"]);
    sandbox.file("work.sh", "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done");
    let args = ["run", "c.rhai", "--allow-run=sh", "--baseline", "@cmd"];
    sandbox.expect(0, &args);
    sandbox.expect(11, &[&args[..], &["--fail-on", "regression"]].concat());
    let ran = sandbox.expect(11, &["compare", "@cmd", "@last", "--fail-on", "regression"]);
    assert!(ran.out.contains("worse"));
    sandbox.expect(0, &["compare", "@cmd", "@last"]);
    assert!(sandbox.expect(0, &["--json", "compare", "@cmd", "@last"]).json().to_string().contains("worse"));
    sandbox.expect(0, &["baseline", "export", "cmd", "-o", "cmd.json"]);
    let file =
        [&["run", "c.rhai", "--allow-run=sh", "--fail-on", "regression", "--baseline", "file:cmd.json"][..]].concat();
    sandbox.expect(11, &file);
    sandbox.expect(0, &["baseline", "remove", "cmd"]);
    sandbox.expect(2, &["baseline", "show", "cmd"]);
}

#[test]
fn cases_are_compared_with_their_reference() {
    let sandbox = Sandbox::new();
    let script = "let ab = [#{ name: \"old\", n: 200 }, #{ name: \"new\", n: 500000 }];\n\
        bench(\"loop\", #{ cases: ab, reference: \"old\", rounds: 8, expect: [\"wall <= 1.05 * reference\"] },\n\
        |c| command([\"sh\", \"-c\", \"i=0; while [ $i -lt \" + c.n + \" ]; do i=$((i+1)); done\"]));";
    sandbox.file("ab.rhai", script);
    let ran = sandbox.expect(10, &["run", "ab.rhai", "--allow-run=sh"]);
    assert!(ran.out.contains("wall <= 1.05 * reference"));
}

#[test]
fn a_ci_page_gets_its_summary_and_annotations() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(#{ expect: [\"time < 1 ns\"] }, cpu::primes(#{ limit: 1000 }));");
    let summary = sandbox.path("summary.md");
    let output = sandbox
        .command(&["run", "s.rhai"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
        .env("GITHUB_REF_NAME", "feature")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(10));
    assert!(std::fs::read_to_string(summary).unwrap().contains("time < 1 ns"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("::error file=s.rhai,line=1"));
}

#[test]
fn the_budget_ends_a_run_with_exit_31() {
    let sandbox = Sandbox::new();
    let ran = sandbox.expect(31, &["run", "-e", "bench(#{ rounds: 100000 }, cpu::primes());", "--max-time", "1 s"]);
    assert!(ran.out.contains("partial"));
}
