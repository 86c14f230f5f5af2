//! Each setting is changed once, and the behaviour that it stands for is seen to change.

use crate::sandbox::{Ran, Sandbox};

const ONE: &str = "bench(cpu::primes(#{ limit: 1000 }));";

fn with(sandbox: &Sandbox, settings: &str, args: &[&str]) -> Ran {
    sandbox.file("set.toml", settings);
    sandbox.file("s.rhai", ONE);
    sandbox.run(&[&["--config", "set.toml"], args].concat())
}

fn tiny(sandbox: &Sandbox, settings: &str) -> Ran {
    with(sandbox, settings, &["--json", "run", "s.rhai", "--profile", "tiny"])
}

#[test]
fn every_key_is_tested_here() {
    let source = include_str!("configuration.rs");
    let shown = Sandbox::new().expect(0, &["--json", "config", "show"]).json();
    for key in shown["settings"].as_object().unwrap().keys() {
        let (section, name) = key.split_once('.').unwrap();
        if section == "serve" {
            assert!(include_str!("serving.rs").contains(&format!("{name} = ")), "no test changes `{key}`");
            continue;
        }
        let set = source.contains(&format!("[{section}]\\n")) && source.contains(&format!("{name} = "));
        let tested = set || source.contains(key.as_str());
        assert!(tested, "no test changes `{key}`");
    }
}

#[test]
fn the_store_settings() {
    let sandbox = Sandbox::new();
    assert_eq!(tiny(&sandbox, "[store]\npath = \"here.db\"\n").code, 0);
    assert!(sandbox.path("here.db").exists());
    assert_eq!(tiny(&sandbox, "").code, 0);
    let would_go = |settings: &str| {
        let ran = with(&sandbox, settings, &["--json", "runs", "prune", "--dry-run"]);
        ran.json()["removed"].as_array().unwrap().len()
    };
    assert_eq!(would_go("[store]\nkeep_days = 0\n"), 0, "the newest stay");
    assert_eq!(would_go("[store]\nkeep_runs = 0\n"), 0, "the young stay");
    assert_eq!(would_go("[store]\nkeep_runs = 0\nkeep_days = 0\n"), 1);
}

#[test]
fn the_report_settings() {
    let sandbox = Sandbox::new();
    tiny(&sandbox, "[reports]\ndir = \"out\"\n");
    assert_eq!(std::fs::read_dir(sandbox.path("out")).unwrap().count(), 2);
    tiny(&sandbox, "[reports]\nformats = [\"csv\"]\n");
    assert_eq!((sandbox.reports("csv").len(), sandbox.reports("md").len()), (1, 0));
}

#[test]
fn the_run_settings() {
    let sandbox = Sandbox::new();
    let run = |settings: &str| with(&sandbox, settings, &["--json", "run", "s.rhai"]).json();
    let ran = run("[run]\nprofile = \"tiny\"\n");
    assert_eq!(ran["plan"]["profile"], "tiny");
    let ran = run("[run]\nrounds = 6\nretakes = 0\n");
    assert_eq!(ran["steps"][0]["metrics"][0]["estimate"]["rounds"], 6);
    let ran = tiny(&sandbox, "[run]\nmonitor_period = \"0 s\"\n");
    assert!(!ran.json().to_string().contains("system monitor took"));
    let ran = tiny(&sandbox, "[run]\nmonitor_period = \"1 ms\"\n");
    assert!(ran.json().to_string().contains("system monitor took"));
    sandbox.file("blocked", "a file where a folder should be");
    let ran = tiny(&sandbox, "[run]\nscratch = \"blocked/deep\"\n");
    assert_eq!(ran.code, 30);
    ran.says(&["run.scratch"]);
    sandbox.file("long.toml", "[run]\ntimeout = \"10 ms\"\n");
    let slow = "custom(\"slow\", || { let n = 0; while n < 1_000_000 { n += 1; } });";
    sandbox.expect(0, &["run", "-e", slow, "--profile", "tiny"]);
    let ran = sandbox.run(&["--config", "long.toml", "run", "-e", slow, "--profile", "tiny"]);
    assert_ne!(ran.code, 0, "{}", ran.out);
    // run.unsure: four rounds are never enough to judge.
    let few = "bench(#{ rounds: 3, expect: [\"time < 1 h\"] }, cpu::primes(#{ limit: 1000 }));";
    sandbox.file("few.rhai", few);
    for (word, code) in [("report", 12), ("pass", 0), ("fail", 10)] {
        sandbox.file("unsure.toml", format!("[run]\nunsure = \"{word}\"\n"));
        sandbox.expect(code, &["--config", "unsure.toml", "run", "few.rhai"]);
    }
    // run.retakes: with limits that everything breaks, a round is taken again as often as it says.
    let taken = |retakes: u32| -> usize {
        let settings = format!("[run]\nrounds = 9\nretakes = {retakes}\n[taint]\nclock_drift = \"0 %\"\n");
        let report = with(&sandbox, &settings, &["--json", "run", "s.rhai"]).json();
        let rounds = report["steps"][0]["metrics"][0]["rounds"].as_array().unwrap();
        // The first round may also be taken again because it warmed up.
        rounds.iter().filter(|round| round["round"] != 0 || round["attempt"] == 0).count()
    };
    assert_eq!(taken(0), 9);
    assert!(taken(1) > 9);
}

#[test]
fn the_hardware_settings_are_compared_with_what_is_found() {
    let sandbox = Sandbox::new();
    tiny(&sandbox, "[hardware]\ncpu_cores = 4096\n").says(&["warning: `hardware.cpu_cores` is 4096"]);
    tiny(&sandbox, "[hardware]\nmemory_gb = 0.001\n").says(&["warning: `hardware.memory_gb`"]);
    let kinds = ["nvme", "ssd", "hdd", "virtual"];
    let warned = kinds.iter().filter(|kind| {
        tiny(&sandbox, &format!("[hardware]\nstorage_type = \"{kind}\"\n")).err.contains("hardware.storage_type")
    });
    // On a machine whose device is unknown nothing is claimed; else all kinds but one differ.
    assert!([0, 3].contains(&warned.count()));
    assert!(!tiny(&sandbox, "").err.contains("warning: `hardware"));
    tiny(&sandbox, "[hardware]\nmachine = \"ryzen-7800x3d\"\n").says(&["machine profile ryzen-7800x3d (named)"]);
    let ran = tiny(&sandbox, "[hardware]\nmachine = \"ryzen-7800\"\n");
    assert_eq!(ran.code, 2);
    ran.says(&["`hardware.machine`: there is no machine profile `ryzen-7800`", "ryzen-7800x3d"]);
}

#[test]
fn the_thresholds_decide_the_health() {
    let sandbox = Sandbox::new();
    sandbox.file("spawn.rhai", "bench(tool::spawn());");
    let health = |settings: &str| {
        sandbox.file("set.toml", format!("[run]\nmonitor_period = \"5 ms\"\n{settings}"));
        let ran = sandbox.run(&["--config", "set.toml", "--json", "run", "spawn.rhai", "--profile", "tiny"]);
        ran.json()["health"].to_string()
    };
    assert!(health("[thresholds]\nlatency_warning_ms = 0\n").contains("warning"));
    assert!(health("[thresholds]\nmemory_usage_warning = 0\n").contains("warning"));
    assert!(health("[thresholds]\ncpu_usage_warning = 0\n").contains("0"), "the limit is shown");
    let generous = "[thresholds]\nlatency_warning_ms = 1000000\ncpu_usage_warning = 100\nmemory_usage_warning = 100\n";
    assert!(!health(generous).contains("\"warning\""));
}

#[test]
fn the_taint_limits_decide_what_is_disturbed() {
    // taint.steal taint.pressure_cpu taint.pressure_io taint.pressure_memory: read into the limits of the session,
    // which its own tests break one by one; here the one that can be forced on any machine.
    let sandbox = Sandbox::new();
    let tainted = |settings: &str| -> bool {
        let report = with(&sandbox, settings, &["--json", "run", "s.rhai"]).json();
        let rounds = report["steps"][0]["metrics"][0]["rounds"].as_array().unwrap().clone();
        rounds.iter().any(|round| round.to_string().contains("clock drift"))
    };
    assert!(tainted("[taint]\nclock_drift = \"0 %\"\n"));
    assert!(!tainted("[taint]\nclock_drift = \"1000000 %\"\n"));
}

#[test]
fn the_smallest_effect_decides_what_is_equivalent() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    sandbox.file("wide.toml", "[compare]\nmin_effect = \"100000 %\"\n");
    sandbox.expect(0, &["run", "s.rhai"]);
    let ran = sandbox.run(&["--config", "wide.toml", "--json", "compare", "@last", "@last"]);
    let text = ran.json().to_string();
    assert!(text.contains("equivalent"), "{text}");
    sandbox.file("none.toml", "[compare]\nmin_effect = \"0 %\"\n");
    let text = sandbox.run(&["--config", "none.toml", "--json", "compare", "@last", "@last"]).json().to_string();
    assert!(!text.contains("\"equivalent\""), "{text}");
}

#[test]
fn permissions_can_be_set() {
    let sandbox = Sandbox::new();
    let script = "bench(command([\"true\"]));";
    sandbox.expect(21, &["run", "-e", script, "--profile", "tiny"]);
    sandbox.file("run.toml", "[permissions]\nrun = [\"true\"]\n");
    sandbox.expect(0, &["--config", "run.toml", "run", "-e", script, "--profile", "tiny"]);
    sandbox.file("note.txt", "hello");
    let read = "custom(\"r\", || { let t = tool::read(\"note.txt\"); record(\"letters\", t.len()); });";
    sandbox.expect(21, &["run", "-e", read, "--profile", "tiny"]);
    sandbox.file("read.toml", "[permissions]\nread = [\".\"]\n");
    sandbox.expect(0, &["--config", "read.toml", "run", "-e", read, "--profile", "tiny"]);
    let env = "let h = env(\"HOME\"); bench(cpu::primes());";
    sandbox.expect(21, &["run", "-e", env, "--profile", "tiny"]);
    sandbox.file("env.toml", "[permissions]\nenv = [\"HOME\"]\n");
    sandbox.expect(0, &["--config", "env.toml", "run", "-e", env, "--profile", "tiny"]);
    // permissions.net permissions.write permissions.fault: nothing asks for them yet; they are read and kept.
    sandbox.file("rest.toml", "[permissions]\nnet = [\"h:1\"]\nwrite = [\"d\"]\nfault = [\"k\"]\n");
    assert!(sandbox.expect(0, &["--config", "rest.toml", "config", "show"]).out.contains("\"h:1\""));
}

#[test]
fn the_script_limits() {
    let sandbox = Sandbox::new();
    let run = |settings: &str, script: &str| {
        sandbox.file("set.toml", settings);
        sandbox.run(&["--config", "set.toml", "run", "-e", script, "--profile", "tiny"]).code
    };
    let busy = "custom(\"c\", || { let n = 0; while n < 10_000 { n += 1; } });";
    assert_eq!((run("", busy), run("[script]\noperations = 1000\n", busy)), (0, 21));
    let text = "custom(\"c\", || { let s = \"x\"; for i in 0..12 { s += s; } });";
    assert_eq!((run("", text), run("[script]\nstring_bytes = 1000\n", text)), (0, 21));
    let list = "custom(\"c\", || { let a = []; for i in 0..2000 { a.push(i); } });";
    assert_eq!((run("", list), run("[script]\narray_items = 1000\n", list)), (0, 21));
    let top = "let n = 0; while n < 3_000_000 { n += 1; }\nbench(cpu::primes());";
    assert_eq!(run("[script]\ntime = \"1 ms\"\n", top), 21);
    sandbox.file("lib/own.rhai", "fn limit() { 1000 }");
    let own = "import \"std/own\" as own; bench(cpu::primes(#{ limit: own::limit() }));";
    assert_eq!((run("", own), run("[script]\nstdlib = \"lib\"\n", own)), (3, 0));
}

#[test]
fn the_output_settings() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", ONE);
    for (word, escapes) in [("always", true), ("never", false), ("auto", false)] {
        sandbox.file("set.toml", format!("[output]\ncolor = \"{word}\"\n"));
        let ran = sandbox.expect(0, &["--config", "set.toml", "run", "s.rhai", "--profile", "tiny"]);
        assert_eq!(ran.out.contains('\u{1b}'), escapes, "{word}");
    }
    // output.color output.progress: without a terminal there is no progress to switch off; that it is read is seen here.
    sandbox.file("set.toml", "[output]\nprogress = false\n");
    assert!(sandbox.expect(0, &["--config", "set.toml", "config", "show"]).out.contains("output.progress = false"));
}

#[test]
fn a_value_tells_where_it_comes_from() {
    let sandbox = Sandbox::new();
    sandbox.file("config/engine.toml", "[run]\nrounds = 7\n");
    let ran = sandbox.command(&["--db", "x.db", "config", "show", "--origin"]).output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("run.rounds").contains("= 7") && line("run.rounds").contains("config/engine.toml"));
    assert!(line("store.path").contains("--db"));
    assert!(line("run.retakes").contains("# default"));
    let ran = sandbox.command(&["config", "show", "--origin"]).env("ENGINE_DB", "y.db").output().unwrap();
    assert!(String::from_utf8(ran.stdout).unwrap().contains("$ENGINE_DB"));
}

#[test]
fn json_is_converted() {
    let sandbox = Sandbox::new();
    sandbox.file("c.json", r#"{"run": {"rounds": 9}, "hardware": {"cpu_cores": 2}}"#);
    sandbox.expect(0, &["config", "import", "c.json", "-o", "c.toml"]);
    assert!(sandbox.expect(0, &["--config", "c.toml", "config", "show"]).out.contains("run.rounds = 9"));
    sandbox.expect(2, &["config", "import", "c.json", "-o", "c.toml"]).says(&["exists"]);
    sandbox.file("bad.json", r#"{"run": {"ronds": 9}}"#);
    sandbox.expect(3, &["config", "import", "bad.json"]).says(&["run.rounds"]);
}

#[test]
fn the_settings_of_advice() {
    let sandbox = Sandbox::new();
    let script = "bench(tool::ladder(#{ layer: \"spawn\" })); bench(\"b\", tool::ladder(#{ layer: \"stdio\" }));";
    sandbox.expect(0, &["run", "-e", script, "--profile", "tiny"]);
    let advise = |settings: &str| with(&sandbox, settings, &["--json", "advise", "@last", "--only", "tool.persistent"]);
    let quiet = advise("[advice]\nlimits = [\"tool.persistent.ratio = 1000000\"]\n").json();
    assert_eq!(quiet["quiet"][0], "tool.persistent", "{quiet}");
    let fires = "[advice]\nlimits = [\"tool.persistent.ratio = 0\"]\nshares = [\"tool.persistent = 30 %\"]\n";
    let found = advise(fires).json();
    assert_eq!(found["findings"][0]["rule"], "tool.persistent", "{found}");
    assert!(found["findings"][0]["gain"].to_string().contains("0.3"), "{found}");
    sandbox.file("mine/broken.rhai", "let a = ;");
    let broken = advise("[advice]\nrules = \"mine\"\n");
    assert!(broken.code == 3 && broken.err.contains("broken.rhai:1:9"), "{}", broken.err);
    let wrong = advise("[advice]\nlimits = [\"tool.persistant.ratio = 2\"]\n");
    assert!(wrong.code == 3 && wrong.err.contains("did you mean `tool.persistent.ratio`?"), "{}", wrong.err);
}
