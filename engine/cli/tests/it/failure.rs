//! Faults from a script to an exit code: the embedded scenario, verdicts, the check of data, and victims that misbehave.

use crate::sandbox::{Ran, Sandbox};

/// A fault with a victim and options of its own.
fn scenario(victim: &str, more: &str) -> String {
    format!(
        "fn order(user) {{ let r = user.post(\"/orders\", #{{ json: #{{ sku: \"P-0007\", n: 1 }}, status: [200, 201] }}); if r.ok {{ ack(r.json(\"order.id\")); }} }}
         fault(\"f\", #{{ victim: {victim}, steady: #{{ arrivals: \"200/s\", journey: order }}, {more} }});"
    )
}

/// A report without the breaks of its lines.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Nothing of a fault is active, and no file of one is left.
#[track_caller]
fn clean(sandbox: &Sandbox) {
    assert_eq!(sandbox.expect(0, &["faults", "status"]).out.lines().next(), Some("no fault is active"));
    let mut open = vec![sandbox.path("")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(!name.starts_with("engine-fault-"), "{name} is left");
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
}

#[test]
fn the_failure_scenario_runs_tiny_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let report = sandbox.expect(0, &["--json", "run", "failure", "--profile", "tiny"]).json();
    assert_eq!(report["run"]["state"], "complete");
    for step in report["steps"].as_array().unwrap() {
        let status = step["outcome"]["status"].as_str().unwrap();
        assert!(
            status == "measured" || step["outcome"]["remedy"].as_str().is_some_and(|text| !text.is_empty()),
            "{step}"
        );
        if status == "measured" {
            let once = &step["fault"]["repetitions"][0];
            assert!(!once["mechanism"].as_str().unwrap().is_empty(), "{once}");
            assert!(
                once["marks"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|mark| mark["what"].as_str().unwrap().starts_with("fault:"))
            );
        }
        if step["name"] == "network" && status == "measured" {
            let metrics = step["metrics"].as_array().unwrap();
            let value = |name: &str| {
                let metric = metrics.iter().find(|metric| metric["metric"] == name).unwrap();
                metric["estimate"]["value"].as_f64().unwrap()
            };
            assert!(value("reached") > 0.0 && value("hit") <= value("reached"), "what it hit is counted: {step}");
        }
    }
    clean(&sandbox);
}

#[test]
fn what_was_acknowledged_before_it_was_written_is_found_to_be_lost() {
    let sandbox = Sandbox::new();
    let lost = |store: &str| {
        let victim = format!("demo_target(#{{ service: \"1 ms\", store: \"{store}\" }})");
        let more = "inject: faults::crash(), verify: |user, id| user.get(`/orders/${id}`, #{ status: [200, 404] }).status == 200";
        sandbox.file("s.rhai", scenario(&victim, more));
        let report = sandbox.expect(0, &["--json", "run", "s.rhai", "--profile", "tiny"]).json();
        let once = report["steps"][0]["fault"]["repetitions"][0].clone();
        (once["acknowledged"].as_u64().unwrap(), once["lost"].as_u64().unwrap())
    };
    let (acknowledged, none) = lost("right");
    assert!(acknowledged > 0 && none == 0, "{none} of {acknowledged}");
    let (acknowledged, some) = lost("wrong");
    assert!(some > 0 && some <= acknowledged, "{some} of {acknowledged}");
    clean(&sandbox);
}

/// A band so wide that a busy machine is no unsteady start.
const WIDE: &str =
    "after: \"6 s\", repeat: 1, recovers: \"response.p95[500 ms] <= 1000 * baseline for 3 windows within 3 s\"";

#[test]
fn a_victim_that_stays_down_did_not_recover() {
    let sandbox = Sandbox::new();
    let victim = "service(demo_target(#{ service: \"1 ms\" }), #{ restart: \"never\" })";
    sandbox.file("s.rhai", scenario(victim, &format!("inject: faults::crash(), {WIDE}")));
    let ran = sandbox.expect(14, &["run", "s.rhai"]);
    assert!(unwrapped(&ran.out).contains("not recovered in 1 of 1"), "{}", ran.out);
    clean(&sandbox);
}

#[test]
fn a_victim_that_was_not_steady_before_is_inconclusive() {
    let sandbox = Sandbox::new();
    let victim = "demo_target(#{ service: \"1 ms\", stalls: [#{ at: \"0.5 s\", lasts: \"4 s\" }] })";
    let more = format!("inject: faults::hang(), duration: \"1 s\", {WIDE}");
    sandbox.file("s.rhai", scenario(victim, &more));
    let ran = sandbox.expect(12, &["run", "s.rhai"]);
    assert!(ran.out.contains("inconclusive in 1 of 1"), "{}", ran.out);
    clean(&sandbox);
}

/// Runs a fault on a program that is no honest service.
fn bad(program: &[&str], within: &str, options: &str) -> (Sandbox, Ran) {
    let sandbox = Sandbox::new();
    let words: Vec<String> = program.iter().map(|word| format!("{word:?}")).collect();
    let victim = format!("service([{}], #{{ ready: \"within {within}\"{options} }})", words.join(", "));
    sandbox.file("s.rhai", scenario(&victim, "inject: faults::crash(), repeat: 1"));
    let allowed = format!("--allow-run={}", program[0]);
    let ran = sandbox.run(&["run", "s.rhai", "--profile", "tiny", &allowed]);
    (sandbox, ran)
}

#[test]
fn victims_that_misbehave_are_clear_errors_and_leave_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!(", port: {}", taken.local_addr().unwrap().port());
    let deaf = "trap '' TERM INT HUP; while :; do sleep 1; done";
    // Those that show what they are have a minute for it.
    for (program, within, options, says) in [
        (vec!["/no/such/program"], "1 min", "", "does not start"),
        (vec!["sh", "-c", "echo no database >&2; exit 7"], "1 min", "", "ended with code 7"),
        (vec!["sh", "-c", "setsid sleep 600 & exit 0"], "1 min", "", "foreground"),
        (vec!["sh", "-c", deaf], "1 s", "", "not ready within 1 s"),
        (vec!["sh", "-c", "while :; do sleep 600 & done"], "1 min", "", "processes without end"),
        (vec!["yes", "for ever"], "1 s", "", "not ready within 1 s"),
        (vec!["sleep", "600"], "1 min", port.as_str(), "in use by another program"),
    ] {
        let (sandbox, ran) = bad(&program, within, options);
        assert_eq!(ran.code, 13, "{program:?}: {}\n{}", ran.err, ran.out);
        assert!(unwrapped(&ran.out).contains(says), "{program:?}: {}", ran.out);
        clean(&sandbox);
    }
}

#[test]
fn what_cannot_be_meant_is_an_error_with_its_place() {
    let sandbox = Sandbox::new();
    let demo = "demo_target()";
    for (victim, more, says) in [
        (demo, "inject: faults::hang(), duration: \"-1 s\"", "duration"),
        (demo, "inject: faults::hang(), duration: \"inf s\"", "duration"),
        (demo, "inject: faults::hang(), duration: \"1 h\"", "at most 500 s"),
        (demo, "inject: faults::crash(), duration: \"1 s\"", "it has no `duration`"),
        (demo, "inject: faults::hang(), after: \"1 s\"", "make a baseline"),
        (demo, "inject: \"crash\"", "must be a fault such as"),
        (demo, "inject: faults::latency(#{ delay: \"1 s\", jitter: \"2 s\" })", "back in time"),
        (demo, "inject: faults::memory(#{ lft: \"1 MiB\" })", "did you mean `left`"),
        (demo, "inject: faults::hang(), recovers: \"response.p99 < 1 s\"", "`recovers`"),
        (demo, "inject: faults::hang(), repaet: 2", "did you mean `repeat`"),
        (demo, "inject: faults::hang(), verify: |id| true", "with two values"),
        ("\"http://127.0.0.1:1\"", "inject: faults::hang()", "`victim` must be"),
        ("process(1234)", "inject: faults::hang()", "is named by its program"),
    ] {
        sandbox.file("s.rhai", scenario(victim, more));
        let ran = sandbox.expect(3, &["check", "s.rhai"]);
        assert!(ran.err.contains(says) && ran.err.contains("s.rhai:"), "{more}: {}", ran.err);
    }
    sandbox.file("s.rhai", "fault(\"f\", #{ victim: demo_target(), inject: faults::hang(), steady: #{ users: 5, journey: |u| u.get(\"/\") } });");
    assert!(sandbox.expect(3, &["check", "s.rhai"]).err.contains("`steady` has no option `users`"));
    sandbox.file("s.rhai", "fault(\"f\", #{ victim: demo_target(), inject: faults::hang(), steady: #{ arrivals: poisson(\"100/s\"), journey: |u| u.get(\"/\") } });");
    assert!(sandbox.expect(3, &["check", "s.rhai"]).err.contains("evenly spaced"));
    let own = scenario("service([\"./shop\", \"{port}\"])", "inject: faults::crash()");
    sandbox.file("s.rhai", own);
    assert!(sandbox.expect(21, &["check", "s.rhai"]).err.contains("--allow-run=./shop"));
}

#[test]
fn another_process_is_broken_only_when_script_and_user_agree_on_it() {
    let sandbox = Sandbox::new();
    let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let text = |name: &str| {
        format!(
            "fault(\"f\", #{{ victim: process(\"{name}\"), inject: faults::crash(), repeat: 1,
                 steady: #{{ target: \"http://{address}\", arrivals: \"100/s\", journey: |user| user.get(\"/\") }} }});"
        )
    };
    sandbox.file("s.rhai", text("sleep"));
    let run = |flags: &[&str]| {
        let args: Vec<&str> = ["run", "s.rhai", "--profile", "tiny"].iter().chain(flags).copied().collect();
        sandbox.run(&args)
    };
    let refused = run(&[]);
    assert_eq!(refused.code, 21, "{}", refused.err);
    assert!(refused.err.contains("--allow-fault=pid:N"), "{}", refused.err);
    let flag = format!("--allow-fault=pid:{}", other.id());
    sandbox.file("s.rhai", text("nginx"));
    let wrong = run(&[&flag]);
    assert_eq!(wrong.code, 21, "{}\n{}", wrong.err, wrong.out);
    assert!(unwrapped(&wrong.out).contains("and not `nginx`"), "{}", wrong.out);
    assert!(other.try_wait().unwrap().is_none(), "it is unharmed");
    sandbox.file("s.rhai", text("sleep"));
    run(&[&flag]);
    assert!(!other.wait().unwrap().success(), "it was killed");
    clean(&sandbox);
}

#[test]
fn check_shows_what_will_be_done_and_how_long_it_takes() {
    let sandbox = Sandbox::new();
    let shown = sandbox.expect(0, &["check", "failure"]).out;
    assert!(
        shown.contains("fault crash: faults.crash on the demo target, started again after 1 s after 9 s"),
        "{shown}"
    );
    let seconds: f64 = shown.split("about ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(seconds < 330.0, "about five minutes: {shown}");
    assert!(sandbox.expect(0, &["doc", "faults"]).out.contains("### `faults::noisy_neighbour`"));
}
