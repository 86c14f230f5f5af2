//! Functions of a scenario, called by the session.

use std::collections::BTreeMap;

use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::measurement::{Measurement, Round};
use engine_core::run::{RunHeader, RunId, RunRecord, Timestamp};
use engine_core::series::Labels;
use engine_core::step::FailureKind;
use engine_script::Scenario;
use engine_session::{ProbeError, Scripted};

use crate::fakes::{FakeSession, PRIMES, STREAM, good_custom, loaded, run_custom};

#[test]
fn timed_gives_the_result_and_records_the_time() {
    let session = good_custom(
        "custom(\"x\", || { let v = timed(\"work\", || { let s = 0; for i in 0..20_000 { s += i; } s }); record(\"v\", v); });",
    );
    assert_eq!(session.values("v"), [199_990_000.0]);
    let time = session.values("work")[0];
    assert!(time > 0.0 && time < 60.0, "{time}");
    assert!(!session.said().contains("`work` takes "), "{}", session.said());
    // Ten calls take microseconds; where another program had the processor in their middle they are tried again.
    let short = || good_custom("custom(\"x\", || timed(\"short\", #{ times: 10 }, || 1));").said();
    assert!((0..50).any(|_| short().contains("`short` takes ")), "{}", short());
}

#[test]
fn measure_gives_the_metrics_and_skips_are_skips() {
    let session = good_custom(
        "custom(\"x\", || { let m = measure(memory::stream()); record(\"a\", m.rate); record(\"b\", m[\"rate\"]); record(\"c\", m.get(\"none\", 7)); if m.has(\"rate\") { record(\"d\", 1); } });",
    );
    assert_eq!(
        (session.values("a"), session.values("b"), session.values("c"), session.values("d")),
        (vec![2e9], vec![2e9], vec![7.0], vec![1.0])
    );
    let (_, skipped) = run_custom("custom(\"x\", || { record(\"a\", 1); measure(storage::fsync()); });");
    assert!(matches!(skipped, Err(ProbeError::Skip(skip)) if skip.remedy == "plug one in"));
    let (_, failed) = run_custom("custom(\"x\", || { measure(tool::spawn()); });");
    assert!(matches!(failed, Err(ProbeError::Failed(failure)) if failure.kind == FailureKind::Probe));
    let caught = good_custom(
        "custom(\"x\", || { try { measure(storage::fsync()); } catch (e) { log(e.message); } record(\"a\", 1); });",
    );
    assert_eq!((caught.values("a"), caught.said()), (vec![1.0], "`storage.fsync`: there is no disk".to_owned()));
    let (_, unknown) = run_custom("custom(\"x\", || measure(memory::stream()).rat);");
    let Err(ProbeError::Failed(failure)) = unknown else { panic!() };
    assert!(failure.message.starts_with("`memory.stream` has no metric `rat`"), "{}", failure.message);
}

#[test]
fn a_script_error_carries_its_place() {
    let (_, result) =
        run_custom("fn inner(x) {\n    x.missing\n}\ncustom(\"x\", || {\n    inner(#{ missin: 1 });\n});");
    let Err(ProbeError::Failed(failure)) = result else { panic!("{result:?}") };
    assert_eq!(failure.kind, FailureKind::Script);
    assert!(
        failure.message.starts_with("there is no property `missing`, did you mean `missin`?"),
        "{}",
        failure.message
    );
    assert_eq!(failure.place.unwrap().line, 2);
}

#[test]
fn each_round_starts_from_the_captured_values() {
    let mut scenario = loaded(
        "let list = [1]; custom(\"x\", #{ sweep: #{ n: [10, 20] } }, |p| { list.push(p.n); record(\"len\", list.len()); record(\"v\", p.n); });",
    );
    let mut session = FakeSession::default();
    for value in ["10", "10", "20"] {
        scenario.custom(0, &Labels::new().with("n", value), &mut session).unwrap();
    }
    assert_eq!((session.values("len"), session.values("v")), (vec![2.0, 2.0, 2.0], vec![10.0, 10.0, 20.0]));
}

#[test]
fn random_is_the_same_for_a_seed() {
    let draw = || {
        good_custom("custom(\"x\", || { record(\"a\", random(1..=1000000)); record(\"b\", random()); record(\"c\", pick([1, 2, 3])); });").records
    };
    assert_eq!(draw(), draw());
    let mut scenario = loaded("custom(\"x\", || record(\"a\", random(0..1000000)));");
    let mut session = FakeSession::default();
    for seed in [1, 2, 1] {
        session.seed = seed;
        scenario.custom(0, &Labels::new(), &mut session).unwrap();
    }
    let drawn = session.values("a");
    assert_ne!(drawn[0], drawn[1], "each round has its own stream");
    assert_eq!(drawn[0], drawn[2], "and has it again when it is taken again");
}

#[test]
fn records_keep_one_unit_and_are_finite() {
    for (script, message) in [
        ("record(\"a\", 1.s); record(\"a\", 1.B);", "`a` was recorded in s before and is in B now"),
        ("record(\"a\", 0.0 / 0.0);", "`a` is not a finite number"),
        ("record(\"a\", \"5 ms\");", "`record` takes a number or a quantity, got `\"5 ms\"`"),
        ("record(\"a b\", 1);", "`a b` cannot name a metric"),
    ] {
        let name = if script.contains("a b") { "let n = \"a b\"; record(n, 1);" } else { script };
        let (_, result) = run_custom(&format!("custom(\"x\", || {{ {name} }});"));
        let Err(ProbeError::Failed(failure)) = result else { panic!("{script}: {result:?}") };
        assert!(failure.message.starts_with(message), "{}", failure.message);
    }
}

#[test]
fn setup_and_teardown_run_around() {
    let mut scenario =
        loaded("setup(|| log(\"one\")); setup(|| log(\"two\")); teardown(|| throw \"bad\"); bench(cpu::primes());");
    assert!(scenario.plan().setup && scenario.plan().teardown && !scenario.plan().finish);
    let mut session = FakeSession::default();
    scenario.setup(&mut session).unwrap();
    assert_eq!(session.said(), "one\ntwo");
    assert!(scenario.teardown(&mut session).is_err());
}

/// A run of the scenario in which every step of a probe has these values of its first metric.
fn run(scenario: &Scenario, values: &[(&str, f64)]) -> RunRecord {
    let header = RunHeader {
        id: RunId::new(Timestamp(1), 1),
        engine: String::new(),
        scenario: scenario.reference().clone(),
        started: Timestamp(1),
        code: CodeUnderTest::default(),
        machine: String::new(),
        tags: BTreeMap::new(),
        environment: Environment::default(),
        plan: scenario.plan().clone(),
        machine_profile: None,
    };
    let mut run = RunRecord::new(header);
    for (path, value) in values {
        let step = run.steps.iter_mut().find(|step| step.plan.path() == *path).unwrap();
        let metric = if path.starts_with("triad") { STREAM.metrics[0].metric() } else { PRIMES.metrics[0].metric() };
        let round = Round {
            number: 0,
            attempt: 0,
            at: 0.0,
            seconds: 1.0,
            taints: Vec::new(),
            superseded: false,
            values: vec![*value],
            histogram: None,
        };
        step.measurements.push(Measurement { metric, labels: Labels::new(), rounds: vec![round] });
    }
    run
}

#[test]
fn finish_sees_results_with_units() {
    let mut scenario = loaded(
        "bench(\"triad\", #{ sweep: #{ threads: [1, 2] } }, |p| memory::stream(#{ threads: p.threads }));\nbench(cpu::primes());\nbench(tool::spawn());
finish(|run| {
    log(\"bytes per prime second: \" + run[\"triad\"].rate * run[\"cpu.primes\"].time);
    log(`${run[\"triad{threads=1}\"].rate} ${run.has(\"tool.spawn\")}`);
    record(\"derived\", run[\"triad\"].rate / 2);
    run[\"triadd\"].rate
});",
    );
    let run = run(&scenario, &[("triad{threads=1}", 1e9), ("triad{threads=2}", 3e9), ("cpu.primes", 0.5)]);
    let mut session = FakeSession::default();
    let result = scenario.finish(&run, &mut session);
    assert_eq!(session.said(), "bytes per prime second: 1.397 GiB\n1 GB/s false");
    assert_eq!(session.values("derived"), [1.5e9]);
    let Err(ProbeError::Failed(failure)) = result else { panic!("{result:?}") };
    assert!(failure.message.starts_with("the run has no step `triadd`, did you mean `triad`?"), "{}", failure.message);
}

#[test]
fn an_interruption_ends_the_script() {
    let mut scenario = loaded("custom(\"x\", || { while true {} });");
    let mut session = FakeSession { cancelled: true, ..FakeSession::default() };
    assert!(matches!(scenario.custom(0, &Labels::new(), &mut session), Err(ProbeError::Cancelled)));
    // The next call runs again.
    session.cancelled = false;
    session.seconds = 0.1;
    assert!(matches!(scenario.custom(0, &Labels::new(), &mut session), Err(ProbeError::Failed(_))));
}
