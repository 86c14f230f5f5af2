//! The commands as a user meets them.

use crate::sandbox::Sandbox;

const ONE: &str = "bench(cpu::primes());";

#[test]
fn bare_engine_shows_five_commands() {
    let ran = Sandbox::new().expect(0, &[]);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("  engine ")).count(), 5);
}

#[test]
fn data_goes_to_standard_output_and_all_else_to_standard_error() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    let ran = sandbox.expect(0, &["--json", "run", "s.rhai", "--profile", "tiny"]);
    let report = ran.json();
    assert_eq!(report["schema_version"], 1);
    assert!(ran.err.contains("seed"));
    let quiet = sandbox.expect(0, &["--quiet", "run", "s.rhai", "--profile", "tiny"]);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    let plain = sandbox.expect(0, &["run", "s.rhai", "--profile", "tiny"]);
    assert!(!plain.out.contains('\u{1b}') && !plain.err.contains('\u{1b}'), "no escapes without a terminal");
    assert!(plain.out.contains("cpu.primes"));
}

#[test]
fn a_script_comes_from_the_command_line_or_standard_input() {
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["run", "-e", ONE, "--profile", "tiny"]);
    let output = sandbox.command(&["run", "-", "--profile", "tiny"]).write_stdin(ONE).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn only_and_skip_choose_steps() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(\"a.x\", cpu::primes());\nbench(\"b\", cpu::primes());");
    let steps = |args: &[&str]| -> Vec<String> {
        let all = [&["--json", "run", "s.rhai", "--profile", "tiny"], args].concat();
        let report = sandbox.expect(0, &all).json();
        report["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(steps(&["--only", "a.*"]), ["a.x"]);
    assert_eq!(steps(&["--skip", "a.*"]), ["b"]);
    sandbox.expect(4, &["run", "s.rhai", "--only", "zz"]);
}

#[test]
fn a_seed_makes_the_plan_reproducible() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    let report = sandbox.expect(0, &["--json", "run", "s.rhai", "--profile", "tiny", "--seed", "42"]).json();
    assert_eq!(report["plan"]["seed"], 42);
}

#[test]
fn one_liners_store_a_run_and_print_their_scenario() {
    let sandbox = Sandbox::new();
    let ran = sandbox.expect(0, &["--json", "time", "true", "sh -c 'exit 0'", "--rounds", "5", "--profile", "tiny"]);
    assert_eq!(ran.json()["steps"].as_array().unwrap().len(), 2);
    let script = sandbox.expect(0, &["time", "sort a", "--print-scenario"]).out;
    assert!(script.contains("command(") && script.contains("\"sort\", \"a\""), "{script}");
    sandbox.file("printed.rhai", script);
    sandbox.expect(0, &["check", "printed.rhai", "--allow-run=sort"]);
    sandbox.expect(0, &["probe", "cpu.primes", "limit=1000", "--profile", "tiny"]);
    let script = sandbox.expect(0, &["probe", "memory.stream", "kernel=copy", "size=4MiB", "--print-scenario"]).out;
    assert!(script.contains("memory::stream(#{ kernel: \"copy\", size: \"4MiB\" })"), "{script}");
    let swept = sandbox.expect(0, &["time", "sh -c 'exit 0; {n}'", "-L", "n", "1,2,3", "--print-scenario"]).out;
    assert_eq!(swept.matches("argv:").count(), 3);
    sandbox.expect(2, &["time", "true", "true"]).says(&["twice"]);
    sandbox.expect(2, &["time", "true 'unbalanced"]);
    assert_eq!(sandbox.expect(0, &["--json", "runs", "list", "--all"]).json()["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_failing_command_is_named() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["time", "sh -c 'echo broken pipe dream >&2; exit 3'", "--profile", "tiny"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let text = ran.out + &ran.err;
    assert!(text.contains("sh") && text.contains('3'), "{text}");
    sandbox.expect(0, &["time", "-i", "sh -c 'exit 3'", "--profile", "tiny"]);
}

#[test]
fn runs_are_listed_shown_exported_imported_and_pruned() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    for _ in 0..3 {
        sandbox.expect(0, &["run", "s.rhai", "--profile", "tiny", "--tag", "pr=7"]);
    }
    let list = |args: &[&str]| -> usize {
        let all = [&["--json", "runs", "list"], args].concat();
        sandbox.expect(0, &all).json()["runs"].as_array().unwrap().len()
    };
    assert_eq!(
        (list(&[]), list(&["--all"]), list(&["--all", "--tag", "pr=7"]), list(&["--all", "--tag", "pr=8"])),
        (0, 3, 3, 0)
    );
    assert!(sandbox.expect(0, &["runs", "show", "@last"]).out.contains("cpu.primes"));
    sandbox.expect(0, &["runs", "annotate", "@last", "new kernel"]);
    let file = sandbox.path("run.json");
    let file = file.to_str().unwrap();
    sandbox.expect(0, &["runs", "export", "@-2", "-o", file]);
    assert!(sandbox.expect(0, &["runs", "show", file]).out.contains("cpu.primes"), "a file is as good as a run");
    let other = sandbox.path("other.db");
    sandbox.expect(0, &["--db", other.to_str().unwrap(), "runs", "import", file]);
    let again = sandbox.expect(0, &["--db", other.to_str().unwrap(), "runs", "import", file]);
    assert!((again.out + &again.err).contains("already"));
    sandbox.expect(2, &["runs", "show", "@-9"]);
    sandbox.expect(2, &["runs", "show", "zzz"]);
    sandbox.expect(0, &["runs", "prune", "--keep", "0", "--older-than", "0s", "--dry-run"]);
    assert_eq!(list(&["--all"]), 3);
    sandbox.expect(0, &["runs", "prune", "--keep", "0", "--older-than", "0s"]);
    assert_eq!(list(&["--all"]), 1, "the annotated run stays");
    sandbox.file("bad.json", "{\"format\": \"engine-run\"");
    sandbox.expect(30, &["runs", "import", "bad.json"]).says(&["bad.json"]);
}

#[test]
fn every_report_format_is_written_by_its_suffix() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    sandbox
        .expect(0, &["run", "s.rhai", "--profile", "tiny", "--report", "r.xml", "--report", "r.csv", "--out", "here"]);
    assert_eq!(std::fs::read_dir(sandbox.path("here")).unwrap().count(), 2);
    for suffix in ["json", "md", "csv", "xml", "txt", "html"] {
        let name = format!("again.{suffix}");
        sandbox.expect(0, &["report", "@last", "-o", &name]);
        assert!(std::fs::metadata(sandbox.path(&name)).unwrap().len() > 50, "{suffix}");
    }
    assert!(std::fs::read_to_string(sandbox.path("r.xml")).unwrap().starts_with("<?xml"));
    let page = sandbox.expect(0, &["report", "@last", "--format", "html", "--lite"]).out;
    assert!(page.starts_with("<!doctype html>") && !page.contains("<script"));
    sandbox.expect(0, &["compare", "@last", "@last", "--allow-unlike", "-o", "c.html"]);
    assert!(std::fs::read_to_string(sandbox.path("c.html")).unwrap().contains("Comparison of two runs"));
    sandbox.expect(2, &["report", "@last", "-o", "r.docx"]).says(&[".json", ".md"]);
}

#[test]
fn the_json_report_fits_its_schema() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(#{ expect: [\"time < 1 h\"] }, cpu::primes());\nbench(cache::latency());");
    let report = sandbox.expect(0, &["--json", "run", "s.rhai", "--profile", "tiny"]).json();
    let schema = std::fs::read_to_string(crate::sandbox::root().join("docs/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let environment = report["environment"].as_object().unwrap();
    assert!(environment.len() >= 40, "{} fields", environment.len());
}

#[test]
fn doctor_has_a_row_for_everything() {
    let ran = Sandbox::new().expect(0, &["--json", "doctor"]);
    let report = ran.json();
    let rows: Vec<&str> = report["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(rows.len() >= 13, "{rows:?}");
    for row in report["rows"].as_array().unwrap() {
        if row["status"] != "ok" {
            assert!(row["fix"].is_string(), "{row}");
        }
    }
}

#[test]
fn everything_is_explained() {
    let sandbox = Sandbox::new();
    assert!(sandbox.expect(0, &["explain", "12"]).out.contains("inconclusive"));
    for word in ["regression", "unsure", "degraded", "0", "143", "tainted", "partial results"] {
        sandbox.expect(0, &["explain", word]);
    }
    sandbox.expect(2, &["explain", "regresion"]).says(&["regression"]);
    assert!(sandbox.expect(0, &["help"]).out.contains("130/143"));
}

#[test]
fn completions_and_manual_pages_are_generated() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(sandbox.expect(0, &["completions", shell]).out.contains("baseline"), "{shell}");
    }
    assert!(sandbox.expect(0, &["man"]).out.contains(".TH"));
    sandbox.expect(0, &["man", "--out", "pages"]);
    assert!(sandbox.path("pages/engine-run.1").exists());
    let inner = std::fs::read_to_string(sandbox.path("pages/engine-runs-import.1")).unwrap();
    assert!(inner.contains("engine\\-runs\\-import") && !sandbox.path("pages/engine-__round.1").exists(), "{inner}");
}

#[test]
fn lists_and_documents() {
    let sandbox = Sandbox::new();
    assert!(sandbox.expect(0, &["list", "probes"]).out.contains("memory.stream"));
    assert!(sandbox.expect(0, &["list", "metrics"]).out.contains("storage.fsync.latency"));
    assert!(sandbox.expect(0, &["list", "scenarios"]).out.contains("quick"));
    assert!(sandbox.expect(0, &["list", "steps", "quick"]).out.contains("triad"));
    assert!(sandbox.expect(0, &["list", "params", "quick"]).out.contains("limit"));
    assert!(sandbox.expect(0, &["doc", "memory::stream"]).out.contains("kernel"));
    assert!(sandbox.expect(0, &["doc", "bench"]).out.contains("rounds"));
    sandbox.expect(2, &["doc", "benhc"]).says(&["bench"]);
}

#[test]
fn the_log_is_json_lines() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    sandbox.expect(0, &["--log", "log.jsonl", "-v", "run", "s.rhai", "--profile", "tiny"]);
    let text = std::fs::read_to_string(sandbox.path("log.jsonl")).unwrap();
    assert!(text.lines().count() > 0);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn once_and_trace_show_one_round_with_its_values() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(#{ rounds: 9, expect: [\"time < 1 ns\"] }, cpu::primes(#{ limit: 1000 }));");
    let ran = sandbox.expect(0, &["run", "s.rhai", "--once", "--trace"]);
    assert_eq!(ran.err.matches("round 0 attempt 0: time").count(), 1, "{}", ran.err);
    assert!(!ran.err.contains("round 1 ") && !ran.err.contains("attempt 1"));
}
