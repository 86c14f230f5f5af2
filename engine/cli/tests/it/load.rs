//! Loads from a scenario's text to exit code, files and stored record.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::sandbox::Sandbox;

/// A service on a port of its own that answers everything with 200 at once; its threads end with the test's process.
fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = |stream: TcpStream| {
        let Ok(mut out) = stream.try_clone() else { return };
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        while let Some(first) = lines.next() {
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let status = if first.contains("/bad") { "500 No" } else { "200 OK" };
            if out.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").as_bytes()).is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

/// A scenario of one load.
fn scenario(port: u16, journey: &str, options: &str) -> String {
    format!(
        "suite(\"shop\", #{{}});\nfn buyer(user) {{ {journey} }}\n\
         load(\"shop\", #{{ target: \"http://127.0.0.1:{port}\", journey: buyer, {options} }});"
    )
}

const SHORT: &str = "arrivals: constant(\"50/s\"), duration: \"2 s\"";

#[test]
fn a_load_is_stored_reported_in_files_of_its_own_and_told_on_the_terminal() {
    let sandbox = Sandbox::new();
    let text = scenario(service(), "user.get(\"/a\", #{ name: \"first\" });", SHORT);
    sandbox.file("s.rhai", text.replace("suite(\"shop\"", "suite(\"load\""));
    let ran = sandbox.expect(0, &["run", "s.rhai"]);
    assert!(ran.out.contains("Load shop") && ran.out.contains("first") && ran.out.contains("Next: "), "{}", ran.out);
    let names = |suffix: &str| -> Vec<String> {
        sandbox.reports(suffix).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert!(names("json").iter().all(|name| name.starts_with("load_test_results_2")), "{:?}", names("json"));
    assert!(names("md").iter().any(|name| name.starts_with("load_test_report_2")), "{:?}", names("md"));
    let stored = std::fs::read_to_string(&sandbox.reports("json")[0]).unwrap();
    let document: serde_json::Value = serde_json::from_str(&stored).unwrap();
    let load = &document["steps"][0]["load"];
    assert_eq!(load["total"]["requests"], 100);
    assert_eq!(load["total"]["intended_per_second"], 50.0);
    assert!(load["windows"].as_array().unwrap().len() >= 2);
    // What is stored gives the same report again.
    let again = sandbox.expect(0, &["--json", "report", "@last"]).json();
    assert_eq!(again["steps"][0]["load"]["windows"], load["windows"]);
    assert_eq!(again["steps"][0]["load"]["total"], load["total"]);
}

#[test]
fn a_target_that_is_not_there_is_exit_13() {
    let sandbox = Sandbox::new();
    // A port that was free a moment ago may be another test's by now; nobody is given this one.
    sandbox.file("s.rhai", scenario(1, "user.get(\"/a\");", SHORT));
    let ran = sandbox.expect(13, &["run", "s.rhai"]);
    assert!(ran.out.contains("never reached") && ran.out.contains("connection refused"), "{}", ran.out);
}

#[test]
fn an_error_in_the_journeys_code_is_exit_20() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", scenario(service(), "user.get(\"/a\"); let list = []; let x = list[5];", SHORT));
    sandbox.expect(20, &["run", "s.rhai"]);
}

#[test]
fn a_broken_expectation_is_exit_10_and_an_abort_ends_the_load() {
    let sandbox = Sandbox::new();
    let abort = "arrivals: constant(\"50/s\"), duration: \"60 s\", expect: [\"errors < 5 % @abort\"]";
    sandbox.file("s.rhai", scenario(service(), "user.get(\"/bad\");", abort));
    let ran = sandbox.expect(10, &["--json", "run", "s.rhai"]);
    let document = ran.json();
    assert_eq!(document["steps"][0]["stop"], "aborted");
    assert!(document["steps"][0]["load"]["windows"].as_array().unwrap().len() < 40);
}

#[test]
fn a_generator_without_descriptors_is_exit_40() {
    let sandbox = Sandbox::new();
    let many = "users: 150, duration: \"1 s\"";
    sandbox.file("s.rhai", scenario(service(), "user.get(\"/a\"); user.think(\"1 s\");", many));
    let engine = assert_cmd::cargo::cargo_bin("engine");
    let command = format!("ulimit -n 64; exec '{}' run s.rhai", engine.display());
    let ran = std::process::Command::new("sh")
        .args(["-c", &command])
        .env("HOME", sandbox.path(""))
        .env("XDG_DATA_HOME", sandbox.path("data"))
        .current_dir(sandbox.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(40), "{out}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(out.contains("out of descriptors") && out.contains("give the generator more room"), "{out}");
}

#[test]
fn check_and_list_show_what_a_load_will_do() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", scenario(1, "user.get(\"/a\");", SHORT));
    let checked = sandbox.expect(0, &["check", "s.rhai"]);
    assert!(checked.out.contains("load shop: ") && checked.out.contains("50/s"), "{}", checked.out);
    let listed = sandbox.expect(0, &["list", "steps", "s.rhai"]);
    assert!(listed.out.contains("load: "), "{}", listed.out);
}

/// A closed load of so many requests, whatever the machine can do.
fn counted(port: u16) -> String {
    let options = "users: 4, iterations: 1200, duration: \"60 s\", threads: 1";
    scenario(port, "user.get(\"/a\", #{ name: \"first\" });", options)
}

#[test]
fn the_tail_of_a_load_has_a_history_a_verdict_and_a_baseline() {
    let sandbox = Sandbox::new();
    let text = counted(service());
    sandbox.file("s.rhai", &text);
    for _ in 0..6 {
        sandbox.expect(0, &["run", "s.rhai"]);
    }
    // Of all requests together, and not of one endpoint.
    let whole = |all: &serde_json::Value, key: &str| -> serde_json::Value {
        let named = |one: &&serde_json::Value| {
            one[key].as_str().is_some_and(|name| name.contains("shop.response.p99{driver") && !name.contains("name="))
        };
        let found = all["series"].as_array().and_then(|series| series.iter().find(named));
        found.unwrap_or_else(|| panic!("{all}")).clone()
    };
    let trend = sandbox.expect(0, &["--json", "trend", "shop.response.p99"]).json();
    let series = whole(&trend, "name");
    assert_eq!((&series["n"], &series["unit"]), (&6.into(), &"s".into()), "{trend}");
    let all = sandbox.expect(0, &["--json", "compare", "@-6,@-5,@-4,@-3,@-2", "@last"]).json();
    let p99 = whole(&all, "series");
    assert_eq!((&p99["old"]["rounds"], &p99["unit"]), (&5.into(), &"s".into()), "{p99}");
    // What the last run's report says is what the history has.
    let last = sandbox.expect(0, &["--json", "report", "@last"]).json();
    let shown = last["steps"][0]["load"]["total"]["response"].as_array().unwrap().clone();
    let shown = shown.iter().find(|one| one["statistic"] == "p99").unwrap()["seconds"].as_f64();
    assert_eq!(p99["new"]["value"].as_f64(), shown, "{last}");
    // As a baseline of expectations: the percentile of the runs' own latencies, and no percentile of their medians.
    sandbox.expect(0, &["baseline", "set", "normal", "--last", "6"]);
    let wide = text.replace("users: 4", "expect: [\"response.p99 <= 1000 * baseline\"], users: 4");
    sandbox.file("s.rhai", wide);
    let ran = sandbox.expect(0, &["--json", "run", "s.rhai", "--baseline", "normal"]).json();
    let judged = &ran["expectations"][0];
    assert_eq!(judged["judgement"], "pass", "{ran}");
}

#[test]
fn a_load_says_what_a_second_of_a_processor_does() {
    let sandbox = Sandbox::new();
    let text = "suite(\"shop\", #{});\nfn buyer(user) { user.get(\"/\"); }\n\
                load(\"shop\", #{ target: demo_target(), users: 4, duration: \"3 s\", journey: buyer });";
    sandbox.file("s.rhai", text);
    let ran = sandbox.run(&["--json", "run", "s.rhai"]);
    let document = ran.json();
    let metrics = document["steps"][0]["metrics"].as_array().unwrap_or_else(|| panic!("{document}"));
    for metric in ["generator.requests_per_cpu_second", "target.requests_per_cpu_second"] {
        let found = metrics.iter().find(|one| one["metric"] == metric);
        let value = found.and_then(|one| one["estimate"]["value"].as_f64());
        assert!(value.is_some_and(|value| value > 0.0), "{metric}: {metrics:?}");
    }
}
