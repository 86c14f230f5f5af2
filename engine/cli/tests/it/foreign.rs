//! What other tools measured: taken into the store, compared, followed and exported like any other run.

use std::path::PathBuf;

use crate::sandbox::{Sandbox, root};

fn sample(name: &str) -> PathBuf {
    root().join("engine/analysis/src/import/samples").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(sample(name)).unwrap()
}

#[test]
fn every_format_is_taken_by_itself() {
    let sandbox = Sandbox::new();
    for (file, format) in [
        ("hyperfine.json", "hyperfine"),
        ("pytest.json", "pytest"),
        ("fio.json", "fio"),
        ("go.txt", "go"),
        ("libtest.txt", "libtest"),
        ("criterion.txt", "criterion"),
        ("criterion_sample.json", "criterion"),
        ("google.json", "google"),
        ("jmh.json", "jmh"),
        ("k6.json", "k6"),
        ("bmf.json", "bmf"),
    ] {
        let path = sample(file);
        let ran = sandbox.expect(0, &["--json", "runs", "import", path.to_str().unwrap()]);
        let told = &ran.json()["imported"][0];
        assert_eq!((&told["format"], &told["new"]), (&format.into(), &true.into()), "{file}");
        let again = sandbox.expect(0, &["runs", "import", "--format", format, path.to_str().unwrap()]);
        again.says(&["was there already"]);
    }
    let rows = sandbox.expect(0, &["--json", "runs", "list", "-n", "50"]).json();
    assert_eq!(rows["runs"].as_array().unwrap().len(), 11, "{rows}");
    let shown = sandbox.expect(0, &["--json", "runs", "list", "--scenario", "hyperfine"]).out;
    assert!(shown.contains("imported") && shown.contains("hyperfine"), "{shown}");
}

#[test]
fn imported_runs_are_compared_followed_and_exported() {
    let sandbox = Sandbox::new();
    // Ten times of a command, then of one that takes 20 % longer; the noise is in the third digit.
    let file = |factor: f64| {
        let times: Vec<String> = (0..10).map(|i| (factor * (1.0 + 0.001 * f64::from(i % 3))).to_string()).collect();
        format!(r#"{{"results": [{{"command": "sleep 0.1", "times": [{}]}}]}}"#, times.join(","))
    };
    sandbox.file("old.json", file(0.1));
    sandbox.file("new.json", file(0.12));
    let import = |file: &str, commit: &str| {
        let args = ["--json", "runs", "import", "--scenario", "cmd", "--commit", commit, "--branch", "main", file];
        sandbox.expect(0, &args).json()["imported"][0]["run"].as_str().unwrap().to_owned()
    };
    let (old, new) = (import("old.json", "aaa"), import("new.json", "bbb"));
    let compared = sandbox.run(&["--json", "compare", &old, &new, "--fail-on", "regression"]);
    assert_eq!(compared.code, 11, "{} {}", compared.out, compared.err);
    assert!(compared.out.contains("sleep.0.1") && compared.out.contains("worse"), "{}", compared.out);
    let report = sandbox.expect(0, &["report", &old]).out;
    assert!(report.contains("sleep.0.1") && report.contains("wall"), "{report}");
    sandbox.expect(0, &["runs", "export", &new, "-o", "kept.run"]);
    let other = sandbox.path("other.db");
    sandbox.expect(0, &["--db", other.to_str().unwrap(), "runs", "import", "kept.run"]);
    let back = sandbox.expect(0, &["--db", other.to_str().unwrap(), "report", &new]).out;
    assert!(back.contains("wall"), "{back}");
}

#[test]
fn files_of_several_processes_are_rounds_of_one_run() {
    let sandbox = Sandbox::new();
    let google = text("google.json");
    let mut names = Vec::new();
    for i in 0..5 {
        // Another process: another date.
        let name = format!("g{i}.json");
        sandbox.file(&name, google.replace("17:09:05", &format!("17:0{i}:05")));
        names.push(name);
    }
    let files: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = sandbox.expect(0, &[&["--json", "runs", "import", "--together"], files.as_slice()].concat()).json();
    assert_eq!(told["imported"].as_array().unwrap().len(), 1, "{told}");
    let report = sandbox.expect(0, &["report", "@last", "-o", "r.json"]);
    assert!(report.err.is_empty() || report.code == 0);
    let written = std::fs::read_to_string(sandbox.path("r.json")).unwrap();
    assert!(written.contains("Copy.64"), "{written}");
    sandbox.file("h.json", text("hyperfine.json"));
    sandbox.expect(2, &["runs", "import", "--together", "g0.json", "h.json"]).says(&["google", "hyperfine"]);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.file("cut.json", &text("hyperfine.json")[..300]);
    sandbox.expect(2, &["runs", "import", "--format", "hyperfine", "cut.json"]).says(&[
        "cut.json",
        "line 1",
        "ends too early",
    ]);
    sandbox.file("odd.json", r#"{"results": [{"command": "a", "times": [1, "x"]}]}"#);
    sandbox.expect(2, &["runs", "import", "odd.json"]).says(&["results[0].times[1]", "a number is expected"]);
    sandbox.file("other.txt", "hello\n");
    sandbox.expect(2, &["runs", "import", "other.txt"]).says(&["in none of the formats", "`hello`"]);
    sandbox.expect(2, &["runs", "import", "--format", "hyperfin", "other.txt"]).says(&["did you mean `hyperfine`?"]);
    sandbox.expect(2, &["runs", "import", "."]).says(&["is a folder"]);
    sandbox.expect(2, &["runs", "import", "no.json"]).says(&["no.json"]);
    sandbox.file("bytes.bin", [0xff, 0xfe, 0x00]);
    sandbox.expect(2, &["runs", "import", "bytes.bin"]).says(&["is no text"]);
}
