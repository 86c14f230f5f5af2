//! `engine advise`: findings of runs that real probes made, silence where all is well, and what it writes.

use std::collections::BTreeSet;

use crate::sandbox::Sandbox;

/// Limits that whatever was measured passes: zero where a value must be at least so large, huge where it must be at most so
/// large. What this proves is that the metrics which the rules name exist in real runs, and that the rules read them.
fn lowered() -> String {
    let mut limits = Vec::new();
    for rule in engine_analysis::rules::rules() {
        let about = rule.about();
        for limit in about.limits {
            let most = format!("at most `{}`", limit.name);
            let value = if about.looks_at.contains(&most) { "1000000000000" } else { "0" };
            limits.push(format!("\"{}.{} = {value}\"", about.id, limit.name));
        }
    }
    format!("[advice]\nlimits = [{}]\n", limits.join(", "))
}

#[test]
fn rules_fire_on_a_run_that_real_probes_made() {
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["run", "optimization", "--profile", "tiny"]);
    sandbox.file("low.toml", lowered());
    let advice = sandbox.expect(0, &["--config", "low.toml", "--json", "advise", "@last"]).json();
    let fired: BTreeSet<&str> =
        advice["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    let missing: Vec<String> = advice["not_assessed"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert!(fired.len() >= 25, "{} rules: {fired:?}\nnot assessed: {}", fired.len(), missing.join("\n"));
    // With their own limits, a run of the machine alone is nobody's work: what is found is not urgent.
    let text = sandbox.expect(0, &["advise", "@last"]).out;
    for part in ["Findings", "objective: the time of", "Bottleneck", "were not assessed", "Total potential"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let bottlenecks = advice["bottlenecks"].as_array().unwrap();
    assert!(bottlenecks.iter().any(|view| view["step"] == "service"), "each load has a view");
}

#[test]
fn a_healthy_run_against_itself_is_silent() {
    let sandbox = Sandbox::new();
    let same = r#"
        bench("same", #{ rounds: 5, cases: [#{ name: "a" }, #{ name: "b" }], reference: "a" }, |c| cpu::primes(#{ limit: 100000 }));
        load("calm", #{ target: demo_target(), journey: |user| user.get("/feed"), arrivals: "50/s", duration: "3 s" });
    "#;
    sandbox.file("same.rhai", same);
    sandbox.run(&["run", "same.rhai"]);
    let advice = sandbox.expect(0, &["--json", "advise", "@last"]).json();
    for finding in advice["findings"].as_array().unwrap() {
        // What other programs on this machine do is no finding about the run.
        let about_the_machine = ["measurement.", "storage.waiting", "memory.pressure"];
        let rule = finding["rule"].as_str().unwrap();
        if !about_the_machine.iter().any(|front| rule.starts_with(front)) {
            assert_eq!(finding["priority"]["level"], "low", "{finding:#}");
        }
    }
}

#[test]
fn both_files_are_written_and_read_back() {
    let sandbox = Sandbox::new();
    sandbox.tiny(0, "bench(tool::ladder(#{ layer: \"spawn\" })); bench(\"b\", tool::ladder(#{ layer: \"stdio\" }));");
    let low = ["--limit", "tool.persistent.ratio=0"];
    sandbox.expect(0, &[&["advise", "-o", "out", "--share", "tool.persistent=30%"], low.as_slice()].concat());
    sandbox.expect(0, &[&["advise", "-o", "out"], low.as_slice()].concat());
    let mut names: Vec<String> = std::fs::read_dir(sandbox.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 4, "an earlier one stays: {names:?}");
    let of = |front: &str, suffix: &str| {
        let name = names.iter().find(|name| name.starts_with(front) && name.ends_with(suffix) && !name.contains("-2"));
        std::fs::read_to_string(sandbox.path("out").join(name.unwrap())).unwrap()
    };
    let report = of("optimization_report_", ".md");
    assert!(report.contains("tool.persistent") && report.contains("## Total potential"), "{report}");
    let json: serde_json::Value = serde_json::from_str(&of("optimization_recommendations_", ".json")).unwrap();
    assert_eq!((json["kind"].as_str(), json["schema_version"].as_u64()), (Some("advice"), Some(1)));
    let findings = json["findings"].as_array().unwrap();
    let first = findings.iter().find(|finding| finding["rule"] == "tool.persistent").unwrap();
    for field in ["evidence", "cause", "action", "effort", "gain", "wrong_when", "confidence", "priority", "experiment"]
    {
        assert!(!first[field].is_null(), "{field}: {first:#}");
    }
    sandbox.expect(2, &["advise", "--share", "tool.persistant=30%"]).says(&["did you mean `tool.persistent`?"]);
    sandbox.expect(2, &["advise", "--limit", "tool.persistent.ratio=fast"]).says(&["tool.persistent.ratio=fast"]);
    sandbox.expect(2, &["advise", "--only", "nothing.*"]).says(&["no rule matches"]);
}

#[test]
fn reports_have_the_findings() {
    let sandbox = Sandbox::new();
    let ran =
        sandbox.run(&["--json", "run", "-e", "bench(cpu::primes(#{ limit: 1000 }));", "--profile", "tiny"]).json();
    assert!(ran["advice"]["objective"].as_str().unwrap().starts_with("none:"), "{}", ran["advice"]);
    assert!(ran["advice"]["not_assessed"].as_array().unwrap().len() > 10);
    let report = std::fs::read_to_string(&sandbox.reports("md")[0]).unwrap();
    assert!(report.contains("## Findings") && report.contains("Total potential: not known"), "{report}");
}

/// A rule of the user's, with its tests.
const OWN: &str = r#"
rule("tool.slow_start", #{
    title: "The tool starts slowly", looks_at: "`tool.spawn.latency` at least `start`", needs: "`engine run quick`",
    model: "unknown", effort: "hours", wrong_when: "it is started once", limits: #{ start: "1 ns" },
    check: |facts, limits| {
        let start = facts.seen("tool.spawn", "latency");
        if start.value < limits.start { return; }
        #{ resource: "boundary", evidence: [start], against: "start", cause: `a start takes ${start}`, action: "keep it running" }
    },
    tests: [
        #{ name: "slow", steps: [#{ probe: "tool.spawn", metrics: #{ latency: "1 ms" } }], fires: true, says: ["1 ms"] },
        #{ name: "fast", steps: [#{ probe: "tool.spawn", metrics: #{ latency: "0.1 ns" } }], fires: false },
    ],
});
"#;

#[test]
fn rules_of_the_users_own_are_asked_and_tested() {
    let sandbox = Sandbox::new();
    sandbox.file("config/engine.toml", "");
    sandbox.file("config/rules/own.rhai", OWN);
    sandbox.tiny(0, "bench(tool::spawn());");
    let advice = sandbox.expect(0, &["--json", "advise", "--only", "tool.slow_start"]).json();
    let found = &advice["findings"][0];
    assert!(found["cause"].as_str().unwrap().starts_with("a start takes "), "{found}");
    assert_eq!(found["evidence"][0]["against"]["setting"], "tool.slow_start.start");
    let tested = sandbox.expect(0, &["advise", "--test-rules"]);
    assert!(tested.out.contains("ok      tool.slow_start / slow"), "{}", tested.out);
    sandbox.file("elsewhere/own.rhai", OWN.replace("fires: false", "fires: true"));
    sandbox.file("other.toml", "[advice]\nrules = \"elsewhere\"\n");
    let failed = sandbox.expect(10, &["--config", "other.toml", "advise", "--test-rules"]);
    assert!(failed.out.contains("FAILED  tool.slow_start / fast: it does not fire"), "{}", failed.out);
    sandbox.file("elsewhere/own.rhai", "\n  rule(\"tool.x\", #{ titel: 1 });");
    let broken = sandbox.expect(3, &["--config", "other.toml", "advise"]);
    assert!(broken.err.contains("own.rhai:2:3") && broken.err.contains("did you mean `title`?"), "{}", broken.err);
}

#[test]
fn predictions_are_tried_and_kept() {
    let sandbox = Sandbox::new();
    let script = "bench(tool::ladder(#{ layer: \"spawn\" })); bench(\"b\", tool::ladder(#{ layer: \"stdio\" }));
        bench(\"one\", cpu::primes(#{ threads: 1 })); bench(\"all\", cpu::primes(#{ threads: \"all\" }));";
    sandbox.tiny(0, script);
    let only = ["--limit", "tool.persistent.ratio=0", "--limit", "cpu.threads.ratio=0"];
    let verify = [&["--json", "advise", "@last", "--verify", "--profile", "tiny"], only.as_slice()].concat();
    let verified = sandbox.expect(0, &verify).json();
    let rows = verified["experiments"].as_array().unwrap();
    let rules: BTreeSet<&str> = rows.iter().map(|row| row["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, BTreeSet::from(["cpu.threads", "tool.persistent"]), "{verified}");
    assert!(rows.iter().all(|row| row["measured"]["value"].as_f64().unwrap() > 0.0), "{verified}");
    let run = verified["run"].as_str().unwrap();
    sandbox.expect(0, &["report", run]);
    // The next estimate says how the last one held.
    let first = sandbox.expect(0, &["--json", "runs", "list", "--all"]).json();
    let first = first["runs"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let text = sandbox.expect(0, &[&["advise", &first], only.as_slice()].concat()).out;
    assert!(text.contains("one experiment so far"), "{text}");
    let left: Vec<_> = std::fs::read_dir(sandbox.path(".")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("engine-")), "nothing is left behind: {left:?}");
    sandbox.expect(4, &["advise", &first, "--verify", "--only", "measurement.*"]).says(&["has an experiment"]);
}
