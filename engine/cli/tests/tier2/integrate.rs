//! The examples of `docs/integrate.md`, each run as it stands against a server with a few runs. Needs curl and Python.

use std::process::Command;

use crate::client::{TOKEN, get};
use crate::sandbox::Sandbox;
use crate::server::Serving;

const GUIDE: &str = include_str!("../../../../docs/integrate.md");

const RESULTS: &str = r#"{"results":[{"command":"sleep 0","mean":0.002,"stddev":0.0001,"median":0.002,"user":0.001,
    "system":0.001,"min":0.0019,"max":0.0021,"times":[0.0019,0.002,0.0021,0.002,0.002],"exit_codes":[0,0,0,0,0]}]}"#;

/// Language and text of each fenced example.
fn examples() -> Vec<(&'static str, &'static str)> {
    let mut parts = GUIDE.split("\n```");
    parts.next();
    let mut found = Vec::new();
    while let (Some(code), Some(_)) = (parts.next(), parts.next()) {
        found.push(code.split_once('\n').unwrap());
    }
    found
}

#[test]
fn every_example_of_the_guide_runs() {
    let sandbox = Sandbox::new();
    sandbox.file("hyperfine.json", RESULTS);
    for _ in 0..2 {
        sandbox
            .expect(0, &["run", "-e", "bench(#{ rounds: 5 }, cpu::primes(#{ limit: 1000 }));", "--profile", "short"]);
    }
    let serving = Serving::start(&sandbox, &["serve", "--port", "0"]);
    let url = format!("http://{}", serving.at);
    let mut ran = 0;
    for (language, text) in examples() {
        let program = match language {
            "sh" => ["bash", "-euo", "pipefail", "-c"].as_slice(),
            "python" => ["python3", "-c"].as_slice(),
            "yaml" => continue,
            other => panic!("an example in {other}, which nothing runs"),
        };
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(text).current_dir(sandbox.path(""));
        let done = command.env("ENGINE_URL", &url).env("ENGINE_TOKEN", TOKEN).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{text}\n--- stdout\n{out}\n--- stderr\n{err}");
        ran += 1;
    }
    assert!(ran >= 7, "{ran}");
    let runs = get(serving.at, "/api/v1/runs").json();
    let scenarios: Vec<&str> =
        runs["items"].as_array().unwrap().iter().map(|row| row["scenario"].as_str().unwrap()).collect();
    assert!(scenarios.contains(&"sleeping") && scenarios.contains(&"nightly"), "{scenarios:?}");
}
