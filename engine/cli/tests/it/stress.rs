//! Stress from outside: what is measured beside it, what is refused, what a wrong result does, and that nothing is left.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use engine_core::run::{RunHeader, RunRecord};
use engine_core::step::{FailureKind, Outcome, SkipKind};
use engine_core::taint::Limits;
use engine_faults::{Caps, Launcher};
use engine_script::{Options, Source};
use engine_session::Settings;
use engine_session::stress::Ground;

use crate::sandbox::Sandbox;

const NOISE: &str = r#"
stress("noise", #{ background: [stress::cpu(), stress::cache(#{ size: "8 MiB" })], intensity: [50, 100], rounds: 5,
    measure: cpu::primes(#{ limit: 10_000 }), expect: ["slowdown < 1000", "slowdown{background=cpu} > 1000 @warn"] });
"#;

/// Nothing of ours runs, and nothing of ours lies about.
fn nothing_is_left(sandbox: &Sandbox) {
    let status = sandbox.expect(0, &["--json", "faults", "status"]).json();
    assert_eq!(status["faults"]["active"].as_array().unwrap().len(), 0, "{status}");
    for record in status["faults"]["ended"].as_array().unwrap() {
        let mark = record["id"].as_str().unwrap();
        assert!(engine_faults::process::marked(mark).is_empty(), "{record}");
    }
}

#[test]
fn what_is_measured_stands_beside_each_background_in_every_report() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", NOISE);
    let plan = sandbox.expect(0, &["check", "s.rhai"]).out;
    assert!(plan.contains("time of cpu.primes beside cpu (50, 100 %), cache (50, 100 %)"), "{plan}");
    assert!(plan.contains("7 measurements a round, up to 5 rounds"), "{plan}");
    let ran = sandbox.run(&["--json", "run", "s.rhai"]);
    assert!(matches!(ran.code, 0 | 12), "{} {}", ran.code, ran.err);
    let report = ran.json();
    let step = &report["steps"][0];
    assert_eq!(step["outcome"]["status"], "measured", "{step}");
    let table = &step["interference"];
    let rows = table["rows"].as_array().unwrap();
    let names: Vec<String> = rows.iter().map(|row| format!("{}@{}", row["background"], row["intensity"])).collect();
    assert_eq!(names, ["\"cpu\"@\"50\"", "\"cpu\"@\"100\"", "\"cache\"@\"50\"", "\"cache\"@\"100\""]);
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key}: {row}"));
        assert!(number("low") <= number("slowdown") && number("slowdown") <= number("high"), "{row}");
        assert!(row["stressors"][0]["checked"].as_f64().unwrap() > 0.0, "{row}");
    }
    assert!(table["quiet"][0]["value"].as_f64().unwrap() > 0.0 && table["control"][0]["value"].is_f64(), "{table}");
    let expectations = report["expectations"].as_array().unwrap();
    assert_eq!(expectations.len(), 2);
    assert!(expectations[0]["judgement"] == "pass", "{expectations:?}");
    let markdown = std::fs::read_to_string(&sandbox.reports("md")[0]).unwrap();
    assert!(markdown.contains("## Interference: `noise`") && markdown.contains("| `cache` | `50` % |"), "{markdown}");
    let stored = sandbox.expect(0, &["runs", "show", "@last"]).out;
    assert!(stored.contains("Interference noise"), "{stored}");
    nothing_is_left(&sandbox);
}

#[test]
fn what_is_refused_costs_its_row_and_the_others_nothing() {
    let sandbox = Sandbox::new();
    let some =
        "stress(\"x\", #{ hold: \"10 ms\", background: [stress::timers(), stress::cpu(#{ threads: 60_000 })] });";
    sandbox.file("some.rhai", some);
    let report = sandbox.expect(0, &["--json", "run", "some.rhai", "--profile", "tiny"]).json();
    let rows = report["steps"][0]["interference"]["rows"].as_array().unwrap();
    assert!(rows[0]["missing"].is_null() && !rows[0]["stressors"].as_array().unwrap().is_empty(), "{rows:?}");
    assert!(rows[1]["missing"].as_str().unwrap().contains("refused: 60000 loaded processors: at most"), "{rows:?}");
    let all = "stress(\"x\", #{ hold: \"10 ms\", background: [stress::network(#{ mode: \"idle\", connections: 100_000 })] });\n\
               bench(cpu::primes());";
    sandbox.file("all.rhai", all);
    // Under the tiny profile the number would be a small one.
    let report = sandbox.expect(0, &["--json", "run", "all.rhai", "--only", "x", "--profile", "short"]);
    let outcome = &report.json()["steps"][0]["outcome"];
    assert!(outcome["status"] == "skipped" && outcome["class"] == "resource", "{outcome}");
    assert!(outcome["reason"].as_str().unwrap().contains("at most 4096"), "{outcome}");
    nothing_is_left(&sandbox);
}

#[test]
fn a_service_is_measured_beside_stress() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "s.rhai",
        "fn buyer(user) { user.get(\"/products/1\"); }\n\
         stress(\"web\", #{ background: [[stress::cpu(), stress::switches()]], expect: [\"errors < 50 %\"],\n\
         measure: #{ target: demo_target(), arrivals: \"50/s\", duration: \"20 s\", journey: buyer } });",
    );
    let report = sandbox.expect(0, &["--json", "run", "s.rhai", "--profile", "tiny"]).json();
    let row = &report["steps"][0]["interference"]["rows"][0];
    assert!(row["slowdown"].as_f64().unwrap() > 0.0 && row["background"] == "cpu+switches", "{report}");
    assert_eq!(report["steps"][0]["interference"]["figure"], "response.p95");
    nothing_is_left(&sandbox);
}

/// Runs a scenario with the session itself, on a ground that the test makes.
fn session(script: &str, change: impl FnOnce(&mut Ground)) -> (Sandbox, RunRecord) {
    let sandbox = Sandbox::new();
    let registry: Vec<_> = engine_probes::registry::registry().iter().map(|probe| probe.info).collect();
    let source = Source::Text { name: "s.rhai".into(), text: script.into(), base: sandbox.path("") };
    let mut scenario = engine_script::load(&source, Options::new(registry)).unwrap();
    let program = assert_cmd::cargo::cargo_bin("engine").to_string_lossy().into_owned();
    let mut ground =
        Ground::new(sandbox.path(".local/state/engine/faults"), Launcher::new(program.clone(), &["__faults"]));
    // Tests shall run on a lone processor and a full disk, too.
    ground.caps = Caps { lone_utilisation: 100, disk_left: 0, disk_share_left: 0.0, ..Caps::default() };
    std::fs::create_dir_all(sandbox.path(".local/state/engine")).unwrap();
    std::fs::create_dir_all(sandbox.path("scratch")).unwrap();
    change(&mut ground);
    let settings = Settings {
        registry: engine_probes::registry::registry(),
        scratch: sandbox.path("scratch"),
        cores: 1,
        interrupt: Arc::new(AtomicBool::new(false)),
        limits: Limits::default(),
        retakes: 0,
        isolate: Some(vec![program, "__round".to_owned()]),
        monitor: None,
        watch: None,
        after: &|| None,
        stress: Some(ground),
        scaling: &|_| engine_core::load::Fitted::default(),
        judge: &|_| vec![],
    };
    let header = RunHeader {
        id: engine_core::run::RunId::new(engine_core::run::Timestamp(1), 1),
        engine: "test".into(),
        scenario: scenario.reference().clone(),
        started: engine_core::run::Timestamp(1),
        code: engine_core::code::CodeUnderTest::default(),
        machine: "test".into(),
        tags: std::collections::BTreeMap::new(),
        environment: engine_core::environment::Environment::default(),
        plan: scenario.plan().clone(),
        machine_profile: None,
    };
    let record = engine_session::run(header, settings, Some(&mut scenario), vec![]);
    (sandbox, record)
}

#[test]
fn an_error_planted_in_any_stressor_fails_the_step() {
    // Those whose errors a machine can make: all others are planted by the tests of their own crate.
    for stressor in [
        "cpu()",
        "memory(#{ size: \"1 MiB\", share: 0 })",
        "memory(#{ size: \"1 MiB\", share: 0, pattern: \"walking\" })",
        "cache(#{ size: \"1 MiB\" })",
        "io(#{ size: \"1 MiB\" })",
    ] {
        let script = format!("stress(\"x\", #{{ background: [stress::{stressor}], hold: \"300 ms\", rounds: 2 }});");
        let (sandbox, record) = session(&script, |ground| ground.plant = Some(1));
        match &record.steps[0].outcome {
            Some(Outcome::Failed(failure)) => {
                assert_eq!(failure.kind, FailureKind::Verification, "{failure:?}");
                assert!(failure.message.contains("1 of its") && failure.message.contains(':'), "{failure:?}");
            }
            other => panic!("{stressor}: nobody saw the error: {other:?}"),
        }
        nothing_is_left(&sandbox);
    }
}

#[test]
fn rounds_are_resumed_and_pair_with_the_quiet_around_them() {
    let (_sandbox, record) = session(
        "stress(\"x\", #{ background: [stress::timers()], rounds: 3, measure: cpu::primes(#{ limit: 10_000 }), settle: \"1 ms\" });",
        |_| {},
    );
    assert_eq!(record.steps[0].outcome, Some(Outcome::Measured), "{record:?}");
    let step = &record.steps[0];
    let of = |id: &str| step.measurements.iter().filter(|m| m.metric.id == id).collect::<Vec<_>>();
    assert_eq!(step.primary().unwrap().metric.id, "slowdown");
    assert_eq!(of("slowdown")[0].labels.to_string(), "{background=timers,intensity=100}");
    assert_eq!((of("slowdown")[0].counted().count(), of("time").len()), (3, 2), "quiet and stressed");
    for round in 0..3 {
        let value = |labels: &str| {
            let of_label = of("time").into_iter().find(|m| m.labels.get("background") == Some(labels)).unwrap();
            of_label.counted().nth(round).unwrap().values.clone()
        };
        let (quiet, stressed) = (value("quiet"), value("timers"));
        let middle = (quiet[0] * quiet[1]).sqrt();
        let slowdown = of("slowdown")[0].counted().nth(round).unwrap().values[0];
        assert!(
            quiet.len() == 2 && (slowdown - stressed[0] / middle).abs() < 1e-9,
            "{quiet:?} {stressed:?} {slowdown}"
        );
    }
}

#[test]
fn without_a_place_for_the_undo_journal_it_is_skipped() {
    let (_sandbox, record) =
        session("stress(\"x\", #{ background: [stress::timers()], hold: \"10 ms\" });", |ground| {
            ground.folder = "/proc/nowhere".into();
        });
    match &record.steps[0].outcome {
        Some(Outcome::Skipped(skip)) => assert_eq!(skip.kind, SkipKind::Permission),
        other => panic!("{other:?}"),
    }
}
