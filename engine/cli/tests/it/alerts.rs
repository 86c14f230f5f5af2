//! Alerts of real runs, and what people do to them; `engine explain` of a verdict.

use crate::sandbox::Sandbox;
use crate::simulated::Run;

fn alerts(sandbox: &Sandbox, args: &[&str]) -> Vec<serde_json::Value> {
    let found = sandbox.expect(0, &[&["alerts", "list", "--json"], args].concat()).json();
    found["alerts"].as_array().unwrap().clone()
}

const EXPECTS: &str = "bench(\"p\", #{ rounds: 5, expect: [\"time < 1 ns\"] }, cpu::primes(#{ limit: 1000 }));";

#[test]
fn an_alert_lives_through_runs_and_people() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", EXPECTS);
    let ran = sandbox.expect(10, &["run", "s.rhai"]);
    let of = |args: &[&str]| -> Vec<serde_json::Value> {
        let rule = ["--rule", "expectation"];
        alerts(&sandbox, &[&rule, args].concat())
    };
    let raised = of(&[]);
    assert_eq!((raised.len(), &raised[0]["state"]), (1, &"firing".into()));
    let id = raised[0]["id"].as_str().unwrap().to_owned();
    ran.says(&[&format!("alert {id} firing: p: time < 1 ns")]);
    sandbox.expect(10, &["run", "s.rhai"]);
    assert_eq!((of(&[]).len(), &of(&[])[0]["times"]), (1, &2.into()), "raised once");
    sandbox.expect(0, &["alerts", "ack", &id[..6], "--why", "on it", "--who", "ann"]).says(&["is acknowledged"]);
    let shown = sandbox.expect(0, &["alerts", "show", &id]).out;
    assert!(shown.contains("acknowledged by ann: on it") && shown.contains("firing by engine"), "{shown}");
    let explained = sandbox.expect(0, &["explain", &id]).out;
    assert!(explained.contains("acknowledged by ann") && explained.contains("a run in which it holds"), "{explained}");
    sandbox.expect(0, &["alerts", "silence", &id, "--for", "7d"]);
    assert!(sandbox.expect(0, &["alerts", "list"]).out.contains("silenced until"));
    // It is well again: the same expectation holds.
    sandbox.file("s.rhai", EXPECTS.replace("1 ns", "1000 s"));
    sandbox.expect(0, &["run", "s.rhai"]);
    assert_eq!(of(&[]).len(), 1, "another text is another expectation, and says nothing of the first");
    sandbox.expect(0, &["alerts", "resolve", &id, "--why", "the limit was wrong"]);
    assert!(of(&[]).is_empty());
    assert_eq!(of(&["--all"]).len(), 1);
    sandbox.expect(2, &["alerts", "ack", &id]).says(&["resolved already"]);
    sandbox.expect(0, &["alerts", "label", &id, "--as", "false"]).says(&["labelled false"]);
    sandbox.expect(2, &["alerts", "ack", "azzzzzzz"]).says(&["no alert `azzzzzzz`"]);
    sandbox.expect(2, &["alerts", "list", "--rule", "health!"]).says(&["did you mean `health`"]);
    sandbox.expect(2, &["alerts", "silence", &id, "--for", "soon"]).says(&["--for"]);
    // The tiny profile measures nothing, and says nothing.
    sandbox.tiny(0, EXPECTS);
    assert!(of(&[]).is_empty());
}

#[test]
fn a_failed_step_raises_an_alert_and_a_good_one_resolves_it() {
    let sandbox = Sandbox::new();
    let script = |body: &str| format!("custom(\"c\", #{{ rounds: 1 }}, || {{ {body} }});");
    sandbox.file("s.rhai", script("let m = #{ a: 1 }; m.b + 1;"));
    sandbox.expect(20, &["run", "s.rhai"]).says(&["firing: c: the step failed"]);
    sandbox.file("s.rhai", script("record(\"x\", 1);").replace("rounds: 1", "rounds: 1, metrics: [\"x\"]"));
    sandbox.expect(0, &["run", "s.rhai"]).says(&["resolved: c: it is well again"]);
    assert!(alerts(&sandbox, &["--rule", "failure"]).is_empty());
}

#[test]
fn a_machine_that_is_not_well_raises_an_alert_and_one_that_is_resolves_it() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(\"chase\", #{ rounds: 2 }, memory::latency(#{ size: \"64 KiB\" }));");
    let health = || -> Vec<serde_json::Value> {
        let all = alerts(&sandbox, &["--rule", "health", "--all"]);
        all.into_iter().filter(|alert| alert["subject"] == "latency").collect()
    };
    sandbox.file("config/engine.toml", "[thresholds]\nlatency_warning_ms = 0\n");
    sandbox.expect(0, &["run", "s.rhai"]).says(&["firing: latency: "]);
    let raised = health();
    assert_eq!((raised.len(), &raised[0]["state"]), (1, &"firing".into()), "{raised:?}");
    assert!(raised[0]["summary"].as_str().unwrap().contains("the limit is 0"), "{raised:?}");
    assert!(sandbox.expect(0, &["alerts", "list"]).out.contains("latency"));
    sandbox.file("config/engine.toml", "[thresholds]\nlatency_warning_ms = 1000000\n");
    sandbox.expect(0, &["run", "s.rhai"]).says(&["resolved: latency: it is well again"]);
    let raised = health();
    assert_eq!((raised.len(), &raised[0]["state"]), (1, &"resolved".into()), "{raised:?}");
}

#[test]
fn a_verdict_that_was_shown_can_be_explained() {
    let sandbox = Sandbox::new();
    sandbox.stored((0..45).map(|day| Run::of(day, if day < 30 { 1.0 } else { 1.08 })));
    let trend = sandbox.expect(0, &["trend", "time", "--json"]).json();
    let id = trend["series"][0]["change_points"][0]["id"].as_str().unwrap().to_owned();
    let text = sandbox.expect(0, &["explain", &id]).out;
    for word in ["night/sort.time: confirmed step, worse", "old level: points", "between run", "engine baseline accept"]
    {
        assert!(text.contains(word), "`{word}` is not in\n{text}");
    }
    assert!(sandbox.expect(0, &["trend", "time"]).out.contains(&id), "the same verdict has the same id");
    let found = sandbox.expect(11, &["compare", "@-40", "@last", "--json", "--fail-on", "regression"]).json();
    let id = found["series"][0]["id"].as_str().unwrap().to_owned();
    let text = sandbox.expect(0, &["explain", &id]).out;
    for word in ["night/sort.time is worse", "5 rounds, median", "Hodges and Lehmann", "the same", "p = "] {
        assert!(text.contains(word), "`{word}` is not in\n{text}");
    }
    let json = sandbox.expect(0, &["explain", &id, "--json"]).json();
    assert_eq!(
        (&json["id"], &json["shown_by"], &json["series"]),
        (&id.as_str().into(), &"compare".into(), &"night/sort.time".into())
    );
    // It outlives its runs.
    sandbox.expect(0, &["runs", "prune", "--keep", "0", "--older-than", "0s"]);
    assert_eq!(sandbox.expect(0, &["explain", &id]).out, text);
    let mut wrong = id.clone();
    wrong.replace_range(7..8, if id.ends_with('0') { "1" } else { "0" });
    sandbox.expect(2, &["explain", &wrong]).says(&[&format!("did you mean `{id}`")]);
}

#[test]
fn a_history_that_gets_worse_raises_one_alert_with_its_verdict() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(\"p\", #{ rounds: 5 }, cpu::primes(#{ limit: 20_000 }));");
    sandbox.expect(0, &["run", "s.rhai"]);
    sandbox.expect(0, &["runs", "export", "@last", "-o", "run.json"]);
    // Days on which the same machine was fifty times as fast: no neighbour makes such a difference.
    let text = std::fs::read_to_string(sandbox.path("run.json")).unwrap();
    let template: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut files = Vec::new();
    for day in 1..=15_i64 {
        let mut run = template.clone();
        let header = &mut run["record"]["header"];
        let started = header["started"].as_i64().unwrap() - (16 - day) * 86_400_000_000;
        header["started"] = started.into();
        let started = engine_core::run::Timestamp(started);
        header["id"] = engine_core::run::RunId::new(started, day.unsigned_abs()).0.into();
        for measurement in run["record"]["steps"][0]["measurements"].as_array_mut().unwrap() {
            let factor = if measurement["metric"]["goal"] == "higher" { 50.0 } else { 0.02 };
            for round in measurement["rounds"].as_array_mut().unwrap() {
                for value in round["values"].as_array_mut().unwrap() {
                    *value = (value.as_f64().unwrap() * factor * (1.0 + 0.01 * (day % 4) as f64)).into();
                }
            }
        }
        let name = format!("day{day}.json");
        sandbox.file(&name, run.to_string());
        files.push(name);
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    sandbox.expect(0, &[&["runs", "import"], files.as_slice()].concat());
    for _ in 0..3 {
        sandbox.expect(0, &["run", "s.rhai"]);
    }
    let found = alerts(&sandbox, &["--rule", "change-point"]);
    let one = found.iter().find(|one| one["subject"] == "p.time").unwrap_or_else(|| panic!("{found:?}"));
    assert!(one["state"] == "pending" || one["state"] == "firing", "{one}");
    let explained = sandbox.expect(0, &["explain", one["id"].as_str().unwrap()]).out;
    for word in ["pending while a few runs show it", "old level: points", "s/p.time"] {
        assert!(explained.contains(word), "`{word}` is not in\n{explained}");
    }
    // Accepted, it is over.
    sandbox.expect(0, &["baseline", "accept", "@-4", "--why", "another machine", "--who", "ann"]);
    sandbox.expect(0, &["run", "s.rhai"]).says(&["resolved: p.time"]);
}

#[test]
fn a_run_that_is_worse_fires_and_the_next_good_one_resolves() {
    let sandbox = Sandbox::new();
    // Far beyond what a busy machine adds to a sleep.
    let script =
        |time: &str| format!("custom(\"c\", #{{ rounds: 7 }}, || {{ timed(\"wait\", || sleep(\"{time}\")); }});");
    sandbox.file("s.rhai", script("300 ms"));
    sandbox.expect(0, &["run", "s.rhai"]);
    sandbox.expect(0, &["baseline", "set", "normal"]);
    sandbox.file("s.rhai", script("2 s"));
    sandbox.expect(11, &["run", "s.rhai", "--baseline", "normal", "--fail-on", "regression"]).says(&["firing: c.wait"]);
    let firing = alerts(&sandbox, &["--rule", "verdict"]);
    assert_eq!((firing.len(), &firing[0]["state"]), (1, &"firing".into()), "{firing:?}");
    sandbox.file("s.rhai", script("1 ms"));
    sandbox.expect(0, &["run", "s.rhai", "--baseline", "normal"]).says(&["resolved: c.wait"]);
    assert!(alerts(&sandbox, &["--rule", "verdict"]).is_empty());
}
