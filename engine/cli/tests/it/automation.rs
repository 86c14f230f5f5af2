//! Pins, two builds side by side, continuous integration, and the first minute.

use std::process::Command;

use crate::sandbox::{Sandbox, root};

const QUICK: &str = "bench(#{ rounds: 5 }, cpu::primes(#{ limit: 1000 }));";

#[test]
fn a_run_under_a_lock_refuses_what_has_changed_and_names_it() {
    let sandbox = Sandbox::new();
    sandbox.file("s/main.rhai", "import \"lib/n\" as n;\nbench(cpu::primes(#{ limit: n::limit() }));");
    sandbox.file("s/lib/n.rhai", "fn limit() { 1000 }");
    sandbox.file("s/other.rhai", QUICK);
    let run = ["run", "s/main.rhai", "--profile", "tiny"];
    sandbox.expect(2, &[&run[..], &["--locked"]].concat()).says(&["cannot read the lock", "engine pin"]);
    sandbox.expect(0, &["pin", "s/main.rhai", "quick"]);
    let lock = std::fs::read_to_string(sandbox.path("s/engine.lock")).unwrap();
    for name in ["main.rhai", "lib/n.rhai", "embedded:quick"] {
        assert!(lock.contains(&format!("\"{name}\"")), "{lock}");
    }
    sandbox.expect(0, &run);
    sandbox.expect(0, &[&run[..], &["--locked"]].concat());
    // A lock beside it obliges also a run that does not ask for it, from any folder.
    sandbox.file("s/lib/n.rhai", "fn limit() { 1001 }");
    sandbox.expect(3, &run).says(&["`lib/n.rhai` has changed", "engine pin"]);
    let mut elsewhere = sandbox.command(&["run", "main.rhai", "--profile", "tiny"]);
    assert_eq!(elsewhere.current_dir(sandbox.path("s")).output().unwrap().status.code(), Some(3));
    sandbox.expect(3, &["pin", "s/main.rhai", "--check"]).says(&["`lib/n.rhai` has changed"]);
    // What it does not name is only refused when asked.
    let other = ["run", "s/other.rhai", "--profile", "tiny"];
    sandbox.expect(0, &other);
    sandbox.expect(3, &[&other[..], &["--locked"]].concat()).says(&["`other.rhai` is not in it"]);
    // Pinning anew keeps what was pinned, and a lock of another engine is drift of all.
    sandbox.expect(0, &["pin", "s/other.rhai"]);
    sandbox.expect(0, &[&run[..], &["--locked"]].concat());
    let lock = std::fs::read_to_string(sandbox.path("s/engine.lock")).unwrap();
    let version = format!("engine = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(lock.contains(&version), "{lock}");
    sandbox.file("s/engine.lock", lock.replace(&version, "engine = \"0.0.0\""));
    sandbox.expect(3, &run).says(&["engine 0.0.0 is pinned"]);
    sandbox.file("s/engine.lock", "nonsense = [");
    sandbox.expect(3, &run).says(&["is damaged"]);
}

#[test]
fn several_report_formats_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file("q.rhai", QUICK);
    let run = ["run", "q.rhai", "--profile", "tiny", "--out", "r"];
    sandbox.expect(0, &[&run[..], &["--format", "junit,md", "--format", "csv"]].concat());
    let mut suffixes: Vec<String> = std::fs::read_dir(sandbox.path("r"))
        .unwrap()
        .map(|entry| entry.unwrap().path().extension().unwrap().to_string_lossy().into_owned())
        .collect();
    suffixes.sort();
    assert_eq!(suffixes, ["csv", "md", "xml"]);
    sandbox.expect(2, &[&run[..], &["--format", "junt"]].concat()).says(&["no report format `junt`", "junit"]);
}

#[test]
fn a_gate_says_in_junit_and_on_the_page_of_the_job_what_is_worse() {
    let sandbox = Sandbox::new();
    let script = "\n\nbench(\"cmd\", #{ rounds: 6 }, command([\"sh\", \"-c\", \". ./work.sh\"]));";
    sandbox.file("c.rhai", script);
    sandbox.file("work.sh", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done");
    sandbox.expect(0, &["run", "c.rhai", "--allow-run=sh"]);
    sandbox.expect(0, &["baseline", "set", "main"]);
    sandbox.file("work.sh", "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done");
    let args = [
        "run",
        "c.rhai",
        "--allow-run=sh",
        "--baseline",
        "main",
        "--fail-on",
        "regression,inconclusive",
        "--format",
        "junit,md",
        "--out",
        "r",
    ];
    let mut command = sandbox.command(&args);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", sandbox.path("page.md"));
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(11), "{err}");
    assert!(err.contains("::error file=c.rhai,line=3,col=1,title=regression::cmd.wall"), "{err}");
    let page = std::fs::read_to_string(sandbox.path("page.md")).unwrap();
    assert!(page.contains("## Against the baseline") && page.contains("| worse | `cmd.wall"), "{page}");
    let xml = std::fs::read_dir(sandbox.path("r")).unwrap().map(|entry| entry.unwrap().path());
    let xml = xml.into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "xml")).unwrap();
    let xml = std::fs::read_to_string(xml).unwrap();
    assert!(xml.contains("<testsuite name=\"baseline\"") && xml.contains("type=\"regression\""), "{xml}");
    let comment = sandbox.expect(0, &["ci", "comment", "--baseline", "main"]).out;
    assert!(comment.starts_with("<!-- engine -->\n") && comment.contains("| worse | `cmd.wall"), "{comment}");
}

#[test]
fn two_builds_alternate_and_the_verdict_decides() {
    let sandbox = Sandbox::new();
    let loops = |count: u32| format!("sh -c 'i=0; while [ $i -lt {count} ]; do i=$((i+1)); done'");
    let (fast, slow) = (loops(1000), loops(500_000));
    let ran = sandbox.expect(11, &["ab", &fast, &slow, "--rounds", "6", "--fail-on", "regression"]);
    assert!(ran.out.contains("worse"), "{}", ran.out);
    sandbox.expect(0, &["ab", &slow, &fast, "--rounds", "6", "--fail-on", "regression,inconclusive"]);
    sandbox.expect(0, &["ab", &fast, &slow, "--rounds", "6"]);
    // A scenario takes the command as its parameter; rounds of both alternate.
    sandbox.file(
        "s/b.rhai",
        "suite(\"b\", #{ rounds: 6 });\nlet c = param(\"command\", \"true\");\nlet more = param(\"more\", 1);\n\
         bench(\"x\", command([\"sh\", \"-c\", c], #{ ignore_failure: true }));",
    );
    let (fast, slow) =
        ("i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done", "i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done");
    let ab = ["--json", "ab", fast, slow, "s/b.rhai", "--allow-run=sh", "-p", "more=3", "--fail-on", "regression"];
    let report = sandbox.expect(11, &ab).json();
    let paths: Vec<&str> = report["steps"].as_array().unwrap().iter().map(|s| s["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["x{case=A}", "x{case=B}"]);
    assert_eq!(report["plan"]["params"]["B/more"], "3", "{}", report["plan"]);
    let at = |step: usize| -> Vec<f64> {
        let rounds = report["steps"][step]["metrics"][0]["rounds"].as_array().unwrap();
        rounds.iter().map(|round| round["at_seconds"].as_f64().unwrap_or_default()).collect()
    };
    let (a, b) = (at(0), at(1));
    // A disturbed round is taken again later, so a round of one may come after two of the other; but the middle of each
    // lies within the other, which it does not where one command is measured after the other.
    let within = |inner: &[f64], outer: &[f64]| {
        let middle = inner[inner.len() / 2];
        outer[0] < middle && middle < outer[outer.len() - 1]
    };
    assert!(within(&a, &b) && within(&b, &a), "the rounds alternate: {a:?} {b:?}");
    sandbox.expect(3, &["ab", "true", "false", "s/b.rhai", "--into", "comand", "--allow-run=sh"]).says(&["`comand`"]);
    let script = sandbox.expect(0, &["ab", "true", "false", "s/b.rhai", "--print-scenario"]).out;
    assert!(script.contains("include(\"b.rhai\", #{ case: \"A\""), "{script}");
}

#[test]
fn a_project_is_made_and_nothing_is_overwritten() {
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["init", "p", "--dry-run"]);
    assert!(!sandbox.path("p").exists());
    sandbox.file("p/.gitignore", "target/\n");
    sandbox.expect(0, &["init", "p"]).says(&["stays as it is", "add `.engine/`"]);
    assert_eq!(std::fs::read_to_string(sandbox.path("p/.gitignore")).unwrap(), "target/\n");
    for name in ["config/engine.toml", "scenarios/first.rhai", ".github/workflows/engine.yml"] {
        assert!(sandbox.path("p").join(name).is_file(), "{name}");
        sandbox.file(&format!("p/{name}"), "mine");
    }
    sandbox.expect(0, &["init", "p"]);
    assert_eq!(std::fs::read_to_string(sandbox.path("p/scenarios/first.rhai")).unwrap(), "mine");
    sandbox.expect(0, &["init", "q"]);
    let mut inside = sandbox.command(&["run", "scenarios/first.rhai", "--profile", "tiny"]);
    let output = inside.current_dir(sandbox.path("q")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_kind_of_new_scenario_checks_and_runs() {
    let sandbox = Sandbox::new();
    for kind in ["probe", "command", "http", "capacity", "stress", "custom", "ci"] {
        let name = format!("my-{kind}");
        let file = format!("{name}.rhai");
        sandbox.expect(0, &["new", "scenario", kind, &name]);
        let text = std::fs::read_to_string(sandbox.path(&file)).unwrap();
        assert!(!text.contains('@') || !text.contains("@NAME@"), "{text}");
        sandbox.expect(0, &["check", &file, "--allow-run=sort"]);
        sandbox.expect(0, &["run", &file, "--profile", "tiny", "--allow-run=sort"]);
        sandbox.expect(2, &["new", "scenario", kind, &name]).says(&["is there already"]);
    }
    sandbox.expect(2, &["new", "scenario", "probe", "a b"]).says(&["cannot name a scenario"]);
    std::fs::create_dir(sandbox.path("scenarios")).unwrap();
    sandbox.expect(0, &["new", "scenario", "ci", "gate"]);
    assert!(sandbox.path("scenarios/gate.rhai").is_file());
}

#[test]
fn the_demo_needs_nothing_and_says_where_its_report_is() {
    let sandbox = Sandbox::new();
    let ran = sandbox.expect(0, &["demo", "--profile", "tiny", "--no-open"]);
    let path = ran.err.lines().find_map(|line| line.strip_prefix("the report: ")).unwrap();
    let report = std::fs::read_to_string(path).unwrap();
    assert!(report.contains("shop"), "{report}");
    sandbox.expect(2, &["demo", "--duration", "2 MiB"]).says(&["--duration"]);
}

/// Runs git in a sandbox without anything of the user's.
fn git(sandbox: &Sandbox, args: &[&str]) -> std::process::Output {
    let engine = assert_cmd::cargo::cargo_bin("engine");
    let path = format!("{}:{}", engine.parent().unwrap().display(), std::env::var("PATH").unwrap());
    Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=n@example.org"])
        .args(args)
        .current_dir(sandbox.path(""))
        .env_clear()
        .env("PATH", path)
        .env("HOME", sandbox.path(""))
        .env("TMPDIR", sandbox.path(""))
        .output()
        .unwrap()
}

#[test]
fn the_hook_lets_a_good_commit_pass_and_stops_a_bad_one() {
    let sandbox = Sandbox::new();
    let text = "bench(#{ rounds: 5, expect: [\"time < 1 min\"] }, cpu::primes(#{ limit: 1000 }));";
    sandbox.file("fast.rhai", text);
    sandbox.expect(0, &["ci", "init", "pre-commit", "--scenario", "fast.rhai", "--budget", "20 s"]);
    for args in [&["init", "-q"][..], &["config", "core.hooksPath", ".githooks"], &["add", "-A"]] {
        assert!(git(&sandbox, args).status.success());
    }
    let good = git(&sandbox, &["commit", "-m", "good"]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    sandbox.file("fast.rhai", text.replace("1 min", "1 ns"));
    let bad = git(&sandbox, &["commit", "-a", "-m", "bad"]);
    let said = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(!bad.status.success() && said.contains("fast.rhai ended with 10"), "{said}");
    let count = git(&sandbox, &["rev-list", "--count", "HEAD"]);
    assert_eq!(String::from_utf8(count.stdout).unwrap().trim(), "1");
    sandbox.expect(2, &["ci", "init", "github", "--scenario", "$(reboot)"]).says(&["--scenario"]);
}

#[test]
fn ci_files_are_shown_before_they_are_written() {
    let sandbox = Sandbox::new();
    for provider in ["github", "gitlab", "pre-commit"] {
        let shown = sandbox.expect(0, &["ci", "init", provider, "--dry-run"]).out;
        assert!(shown.contains("engine run"), "{shown}");
        assert!(!shown.contains("@SCENARIOS@") && !shown.contains("@INSTALL@") && !shown.contains("@BUDGET@"));
    }
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 0);
    sandbox.expect(0, &["ci", "init", "github", "--scenario", "quick,hardware", "--install", "make engine"]);
    let written = std::fs::read_to_string(sandbox.path(".github/workflows/engine.yml")).unwrap();
    assert!(written.contains("for scenario in quick hardware; do") && written.contains("make engine"), "{written}");
}

#[test]
fn the_full_run_foretells_its_parts_and_heads_its_report_with_a_summary() {
    let sandbox = Sandbox::new();
    let check = sandbox.expect(0, &["--json", "check", "full"]).json();
    let parts = check["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names[..4], ["hardware", "code", "load", "stress"]);
    let total = check["estimate_s"].as_f64().unwrap();
    assert!(total <= 20.0 * 60.0, "{total}");
    for part in parts {
        assert!(part["estimate_s"].as_f64() <= part["budget_s"].as_f64(), "its first rounds do not fit: {part}");
    }
    let more = sandbox.expect(0, &["--json", "check", "full", "--budget", "45m"]).json();
    assert!(more["estimate_s"].as_f64().unwrap() > 2.0 * total && more["estimate_s"].as_f64().unwrap() <= 2700.0);
    sandbox.expect(2, &["check", "full", "--budget", "45"]).says(&["--budget"]);
    let file = sandbox.file(
        "f.rhai",
        "suite(\"f\");\ninclude(\"one\", #{ budget: \"1 min\" });\ninclude(\"two\", #{ budget: \"1 min\" });",
    );
    sandbox.file("one.rhai", "custom(\"bad\", || throw \"no\");");
    sandbox.file("two.rhai", QUICK);
    let ran = sandbox.expect(20, &["run", &file.to_string_lossy(), "--profile", "tiny", "--format", "md,json"]);
    assert!(ran.out.contains("Summary") && ran.out.contains("one/bad"), "{}", ran.out);
    let markdown = std::fs::read_to_string(&sandbox.reports("md")[0]).unwrap();
    assert!(markdown.contains("## Summary") && markdown.contains("| `one` | ✗ **failed** |"), "{markdown}");
    let json = std::fs::read_to_string(&sandbox.reports("json")[0]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["summary"]["parts"][1]["result"], "ok", "the other part ran: {}", json["summary"]);
    assert_eq!(json["summary"]["findings"][0]["subject"], "one/bad");
}

#[test]
fn only_what_was_interrupted_is_resumed() {
    let sandbox = Sandbox::new();
    sandbox.file("q.rhai", QUICK);
    sandbox.expect(0, &["run", "q.rhai"]);
    sandbox.expect(2, &["run", "--resume", "@last"]).says(&["is complete"]);
    sandbox.expect(2, &["run", "--resume", "@last", "--seed", "3"]).says(&["leave out"]);
    sandbox.expect(2, &["run", "--resume", "zzzz"]);
    assert!(root().join("scenarios/full.rhai").is_file());
}
