//! The scenarios that the API was designed with: accepted as they stand, without the lines whose probes come later.

use engine_core::plan::{Profile, Rounds, Work};
use engine_core::series::Labels;
use engine_script::{Options, check, load};
use engine_session::Scripted;

use crate::fakes::{FakeSession, args, options, plan_with, text, trusted};

const QUICK: &str = r#"//! Is this machine healthy? Five minutes, safe on a busy laptop.
suite("quick-hw", #{ budget: "5 min", rounds: 5, tags: ["ci"] });
bench("triad", #{ sweep: #{ threads: [1, host::cores()] } }, |p| memory::stream(#{ kernel: "triad", threads: p.threads }));
bench(#{ expect: ["l3_size > 1 MiB"] }, cache::latency());            // no name: the step is called cache.latency
bench(#{ expect: ["median < 50 ms"] }, cpu::primes(#{ limit: 2_000_000 }));
bench(#{ expect: ["latency.p99 < 5 ms @warn"] }, storage::fsync());
bench(tool::spawn());
finish(|run| log("bytes per prime second: " + run["triad"].rate * run["cpu.primes"].time));
"#;

const GATE: &str = r#"//! The new `grep` must not be slower or bigger than the old one (interleaved, paired).
let ab = [#{ name: "old", bin: param("old", "./grep-main") }, #{ name: "new", bin: param("new", "./grep-branch") }];
bench("grep.count", #{ cases: ab, reference: "old", rounds: 20,
    expect: ["wall <= 1.02 * reference", "peak_memory <= 1.05 * reference", "exit == 0"],
}, |c| command([c.bin, "-c", "needle", "corpus.txt"]));
bench("grep.start", #{ cases: ab, reference: "old", expect: ["wall <= 1.05 * reference"] }, |c| command([c.bin, "--version"]));
"#;

const CUSTOM: &str = r#"//! Native probes and timed script sections in one step.
custom("pipeline", #{ rounds: 10, metrics: ["bytes_per_step"], expect: ["decode.p95 < 2 ms", "bytes_per_step.median < 10 MiB"] }, || {
    let doc  = tool::read("data/big.json");                          // not timed
    let tree = timed("decode", || parse_json(doc));                  // its time is the metric pipeline.decode
    let bw   = measure(memory::stream(#{ kernel: "triad", threads: "all" }));
    let step = measure(htm::sp_step(#{ columns: 2048 }));
    record("bytes_per_step", bw["rate"] * step["latency"]);          // B/s * s = B: units are computed
    if step["latency"] > "5 ms" { log("slow step: " + step["latency"] + ", " + tree.n.len() + " numbers"); }
});
"#;

#[test]
fn the_quick_scenario_is_accepted_without_any_flag() {
    let plan = plan_with(QUICK, &options());
    assert_eq!((plan.suite.as_str(), plan.budget, plan.finish), ("quick-hw", Some(300.0), true));
    assert_eq!(plan.title, "Is this machine healthy? Five minutes, safe on a busy laptop.");
    let paths: Vec<String> = plan.steps.iter().map(engine_core::plan::PlannedStep::path).collect();
    assert_eq!(
        paths,
        ["triad{threads=1}", "triad{threads=2}", "cache.latency", "cpu.primes", "storage.fsync", "tool.spawn"]
    );
    assert!(plan.permissions.is_empty());
    let tiny = plan_with(QUICK, &Options { profile: Profile::Tiny, ..options() });
    assert!(tiny.steps.iter().all(|step| step.rounds == Rounds::Exact(1)));
    assert_eq!(args(&tiny, 3).whole("limit"), 10_000);
}

#[test]
fn the_gate_needs_its_two_programs_and_takes_parameters() {
    let missing = check(&text(GATE), &options());
    let flags: Vec<_> = missing.diagnostics.iter().filter_map(|d| d.help.as_deref()).collect();
    assert_eq!(flags, ["allow it with `--allow-run=./grep-main`", "allow it with `--allow-run=./grep-branch`"]);
    let mut options = options();
    options.permissions.run = vec!["./grep-main".into(), "./g".into()];
    options.params.insert("new".into(), "./g".into());
    let plan = plan_with(GATE, &options);
    assert_eq!(plan.steps.len(), 4);
    assert_eq!(args(&plan, 1).list("command"), ["./g", "-c", "needle", "corpus.txt"]);
    assert_eq!(plan.steps[0].rounds, Rounds::Exact(20));
    assert_eq!(plan.declarations[0].expect.len(), 3);
    assert_eq!(plan.params.get("new"), Some("./g"));
}

#[test]
fn the_custom_scenario_runs_with_computed_units() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data/big.json"), "{\"n\": [1, 2, 3]}").unwrap();
    let source = engine_script::Source::Text { name: "a.rhai".into(), text: CUSTOM.into(), base: dir.path().into() };
    let mut scenario = load(&source, trusted()).unwrap_or_else(|e| panic!("{}", e[0].render(false)));
    let Work::Custom { metrics, .. } = &scenario.plan().steps[0].work else { panic!() };
    assert_eq!(metrics, &["bytes_per_step", "decode"]);
    let mut session = FakeSession::default();
    scenario.custom(0, &Labels::new(), &mut session).unwrap();
    assert_eq!(session.values("bytes_per_step"), [2e6]);
    assert_eq!(session.values("decode").len(), 1);
    let record = session.records.iter().find(|r| r.metric.id == "bytes_per_step").unwrap();
    assert_eq!(record.metric.unit, engine_core::unit::Unit::Bytes);
    assert_eq!(session.measured[0].1.text("threads"), "all");
}
