//! Every kind of bad input: a message that names the place and the remedy, and the exit code of its class.

use crate::sandbox::Sandbox;

#[test]
fn a_scenario_that_is_not_utf8() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", b"bench(cpu::primes());\n\xff\xfe");
    sandbox.expect(3, &["run", "s.rhai"]).says(&["s.rhai", "UTF-8"]);
}

#[test]
fn an_empty_scenario_declares_nothing() {
    Sandbox::new().tiny(4, "").says(&["s.rhai", "bench("]);
}

#[test]
fn a_scenario_that_declares_nothing() {
    Sandbox::new().tiny(4, "let x = 1 + 1;").says(&["s.rhai", "bench("]);
}

#[test]
fn a_scenario_of_ten_megabytes() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "// padding\n".repeat(1_000_000));
    sandbox.expect(21, &["run", "s.rhai"]).says(&["s.rhai", "1048576", "data("]);
}

#[test]
fn endless_recursion() {
    let ran = Sandbox::new().tiny(21, "fn f(n) { 1 + f(n + 1) }\nf(0);\nbench(cpu::primes());");
    ran.says(&["s.rhai:", "calls itself"]);
}

#[test]
fn endless_recursion_inside_a_step() {
    let script = "fn f(n) { 1 + f(n + 1) }\ncustom(\"deep\", || { f(0); });";
    let ran = Sandbox::new().tiny(21, script);
    assert!((ran.out + &ran.err).contains("s.rhai:2"), "the place is named");
}

#[test]
fn endless_recursion_on_a_small_stack() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "fn f(n) { 1 + f(n + 1) }\nf(0);\nbench(cpu::primes());");
    let engine = assert_cmd::cargo::cargo_bin("engine");
    let line = format!("ulimit -s 256; exec {} run s.rhai --profile tiny", engine.display());
    let output = std::process::Command::new("sh")
        .args(["-c", &line])
        .current_dir(sandbox.path(""))
        .env("HOME", sandbox.path(""))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(21), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn endless_allocation() {
    let ran = Sandbox::new().tiny(21, "let s = \"x\";\nloop { s += s; }\nbench(cpu::primes());");
    ran.says(&["s.rhai:2"]);
}

#[test]
fn an_endless_loop() {
    let ran = Sandbox::new().tiny(21, "while true { }\nbench(cpu::primes());");
    ran.says(&["s.rhai:1"]);
}

#[test]
fn what_panics_the_interpreter() {
    let ran = Sandbox::new().tiny(3, "const C = #{a: 1};\nC.a = 2;\nbench(cpu::primes());");
    ran.says(&["s.rhai:2"]);
}

#[test]
fn a_scenario_that_imports_itself() {
    Sandbox::new().tiny(3, "import \"s\" as s;\nbench(cpu::primes());").says(&["s.rhai:1", "itself"]);
}

#[test]
fn an_import_from_outside_the_scenarios_folder() {
    let ran = Sandbox::new().tiny(3, "import \"../../etc/x\" as x;\nbench(cpu::primes());");
    ran.says(&["s.rhai:1", "../../etc/x", "folder"]);
}

#[test]
fn two_benches_with_one_name() {
    let ran = Sandbox::new().tiny(3, "bench(\"a\", cpu::primes());\nbench(\"a\", cpu::primes());");
    ran.says(&["s.rhai:2", "`a`"]);
}

#[test]
fn impossible_sizes() {
    let sandbox = Sandbox::new();
    for (size, words) in [
        ("\"-1 MiB\"", &["at least"][..]),
        ("\"0 B\"", &["at least"]),
        ("\"NaN\"", &["NaN"]),
        ("0.0/0.0", &["size"]),
        ("\"1e30 TiB\"", &["at most"]),
        ("\"4 furlong\"", &["unknown unit `furlong`"]),
        ("\"4 gib\"", &["GiB"]),
        ("4096", &["unit"]),
    ] {
        let script = format!("bench(memory::stream(#{{ size: {size} }}));");
        let ran = sandbox.tiny(3, &script);
        ran.says(words);
        ran.says(&["s.rhai:1"]);
    }
}

#[test]
fn unknown_names_come_with_the_nearest() {
    let sandbox = Sandbox::new();
    sandbox.tiny(3, "bench(memory::stream(#{ thraeds: 4 }));").says(&["s.rhai:1:", "`thraeds`", "`threads`", "^"]);
    sandbox.tiny(3, "bench(memory::strem());").says(&["s.rhai:1:", "strem", "stream"]);
    sandbox.tiny(3, "bench(#{ rouns: 3 }, cpu::primes());").says(&["`rouns`", "`rounds`"]);
    sandbox.tiny(3, "bench(#{ expect: [\"tme < 1 s\"] }, cpu::primes());").says(&["tme", "`time`"]);
    sandbox.tiny(3, "bench(#{ expect: [\"time < 1 MiB\"] }, cpu::primes());").says(&["a time", "a size"]);
}

#[test]
fn unknown_files_modes_and_parameters() {
    let sandbox = Sandbox::new();
    sandbox.file("mine.rhai", "let n = param(\"limit\", 100);\nbench(cpu::primes(#{ limit: n }));");
    sandbox.expect(2, &["run", "mien.rhai"]).says(&["mien.rhai", "mine.rhai"]);
    sandbox.expect(2, &["run", "quik"]).says(&["quik", "quick"]);
    sandbox.expect(2, &["run", "mine.rhai", "-p", "limt=5"]).says(&["limt", "limit"]);
    sandbox.expect(2, &["run", "mine.rhai", "-p", "limit=soon"]).says(&["limit", "soon"]);
    sandbox.expect(2, &["run", "mine.rhai", "-p", "limit"]).says(&["NAME=VALUE"]);
    sandbox.expect(2, &["run", "mine.rhai", "--profile", "tny"]).says(&["tny", "tiny"]);
    sandbox.expect(2, &["probe", "memory.strem"]).says(&["memory.strem", "memory.stream"]);
    sandbox.expect(2, &["probe", "memory.stream", "sise=4KiB"]).says(&["sise", "size"]);
    sandbox.expect(2, &["run"]);
}

#[test]
fn a_program_that_was_not_allowed() {
    let script = "bench(command([\"sh\", \"-c\", \"true\"]));";
    Sandbox::new().tiny(21, script).says(&["s.rhai:1", "--allow-run=sh"]);
}

#[test]
fn a_baseline_that_does_not_exist() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(cpu::primes());");
    let ran = sandbox.run(&["run", "s.rhai", "--profile", "tiny", "--baseline", "@main"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    ran.says(&["`main`", "baseline set"]);
}

#[test]
fn a_database_from_a_newer_version() {
    let sandbox = Sandbox::new();
    sandbox.tiny(0, "bench(cpu::primes());");
    let db = sandbox.path(".local/share/engine/performance.db");
    // The version stands in the header of the file, big-endian at offset 60.
    let mut bytes = std::fs::read(&db).unwrap();
    bytes[60..64].copy_from_slice(&9999u32.to_be_bytes());
    std::fs::write(&db, &bytes).unwrap();
    sandbox.expect(30, &["runs", "list"]).says(&["performance.db", "9999", "newer"]);
    assert_eq!(std::fs::read(&db).unwrap(), bytes, "nothing was touched");
}

#[test]
fn a_truncated_database_and_one_that_is_none() {
    let sandbox = Sandbox::new();
    sandbox.tiny(0, "bench(cpu::primes());");
    let db = sandbox.path(".local/share/engine/performance.db");
    let bytes = std::fs::read(&db).unwrap();
    std::fs::write(&db, &bytes[..bytes.len() / 2]).unwrap();
    sandbox.expect(30, &["runs", "list", "--all"]).says(&["performance.db"]);
    std::fs::write(&db, "this is not a database, it is a letter to the editor").unwrap();
    sandbox.expect(30, &["runs", "list"]).says(&["performance.db", "not a database"]);
}

#[test]
fn a_configuration_with_an_unknown_key() {
    let sandbox = Sandbox::new();
    let config = sandbox.file("c.toml", "[run]\nronds = 3\n");
    let ran = sandbox.expect(3, &["--config", config.to_str().unwrap(), "config", "show"]);
    ran.says(&["c.toml:2", "run.ronds", "run.rounds"]);
}

#[test]
fn errors_are_json_when_asked() {
    let sandbox = Sandbox::new();
    let ran = sandbox.expect(2, &["--json", "run", "quik"]);
    assert_eq!(ran.json()["error"]["exit_code"], 2);
}
