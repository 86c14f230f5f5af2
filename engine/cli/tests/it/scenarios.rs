//! Every scenario, example and standard module runs, with the tiny profile.

use crate::sandbox::{Sandbox, root};

/// Skips that this project accepts: parts of the machine that a virtual machine or a container does not have.
const ACCEPTED: &[&str] = &["hardware"];

fn runs(path: &str, flags: &[&str]) {
    let sandbox = Sandbox::new();
    let file = if path.contains('/') { root().join(path).to_string_lossy().into_owned() } else { path.to_owned() };
    let mut args = vec!["--json", "run", file.as_str(), "--profile", "tiny"];
    args.extend(flags);
    let ran = sandbox.expect(0, &args);
    let report = ran.json();
    assert_eq!(report["run"]["state"], "complete", "{path}");
    for step in report["steps"].as_array().unwrap() {
        if step["outcome"]["status"] == "skipped" {
            let class = step["outcome"]["class"].as_str().unwrap_or_default();
            assert!(ACCEPTED.contains(&class), "{path}: {step}");
        }
    }
    assert_eq!(sandbox.reports("json").len(), 1);
    assert_eq!(sandbox.reports("md").len(), 1);
}

#[test]
fn every_scenario_runs_tiny() {
    for name in ["quick", "hardware", "code", "load", "stress", "optimization"] {
        runs(name, &[]);
        runs(&format!("scenarios/{name}.rhai"), &[]);
    }
    // All of them once more, as parts of one run; from its file it is only checked, which is the same file.
    runs("full", &[]);
}

#[test]
fn every_example_runs_tiny() {
    let mut names: Vec<String> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".rhai"))
        .collect();
    names.sort();
    assert!(names.len() >= 6);
    for name in names {
        let text = std::fs::read_to_string(root().join("examples").join(&name)).unwrap();
        assert!(text.lines().count() <= 30, "{name}: one idea in at most 30 lines");
        let flags: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with("--allow-")).collect();
        runs(&format!("examples/{name}"), &flags);
    }
}

/// The programs that they run are built and run by `benches/claims/planted`; here each is read and checked.
#[test]
fn the_planted_faults_have_valid_scenarios() {
    let sandbox = Sandbox::new();
    let programs = ["target/release/planted", "target/debug/planted", "python3"];
    let allow: Vec<String> = programs.iter().map(|program| format!("--allow-run={program}")).collect();
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("examples/planted")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "rhai") {
            let file = path.to_string_lossy();
            for variant in ["variant=faulty", "variant=fixed"] {
                let mut words = vec!["check", &*file, "-p", variant];
                words.extend(allow.iter().map(String::as_str));
                assert!(sandbox.expect(0, &words).out.contains("ok"), "{file}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 16);
}

/// The storage scenario that the API was designed with.
const STORAGE: &str = r#"//! NVMe: queue-depth sweep against what the data sheet promises.
suite("nvme", #{ rounds: 3 });
let file = param("file", "bench.dat");
let size = param("size", "4 GiB", #{ tiny: "16 MiB", help: "size of the test file" });
bench("nvme.randread", #{
    sweep:  #{ depth: [1, 8, 32, 128], block: ["4 KiB", "16 KiB"] },
    expect: ["latency{depth=1,block=4 KiB}.p99 < 250 us", "iops{depth=32,block=4 KiB} >= 400_000/s",
             "iops{depth=128} >= 1.0 * iops{depth=32}", "cpu_per_io.median < 8 us @warn"],
}, |p| storage::randread(#{ file: file, size: size, depth: p.depth, block: p.block }));
bench("nvme.seqread", #{ expect: ["rate >= 6.5 GB/s"] }, storage::seqread(#{ file: file, size: size, block: "1 MiB", depth: 8 }));
"#;

#[test]
fn the_storage_scenario_is_accepted_and_runs_tiny() {
    let sandbox = Sandbox::new();
    sandbox.file("nvme.rhai", STORAGE);
    sandbox.expect(0, &["check", "nvme.rhai"]);
    let report = sandbox.expect(0, &["--json", "run", "nvme.rhai", "--profile", "tiny"]).json();
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.len() == 9 && steps.iter().all(|step| step["outcome"]["status"] == "measured"), "{report}");
    assert!(!sandbox.path("bench.dat").exists(), "the test file is gone");
}

/// The search that the API was designed with.
const CAPACITY: &str = r#"//! How much can it take, and is that enough for Friday?
fn search(user) { user.get("/search?q=" + user.pick(["red", "blue"]), #{ name: "search", status: 200 }); }
for kib in [1, 64] {
    capacity(`search.${kib}k`, #{ target: demo_target(#{ body: `${kib} KiB` }), journey: search,
        slo: ["response.p99 < 200 ms", "errors < 0.1 %", "lag.p99 < 5 ms"],
        from: "50/s", to: "5000/s", step: "20 s", precision: "2 %", expect: ["capacity >= " + param("need", "1500/s")] });
}
"#;

#[test]
fn the_search_for_a_capacity_is_accepted_and_runs_tiny() {
    let sandbox = Sandbox::new();
    sandbox.file("capacity.rhai", CAPACITY);
    sandbox.expect(0, &["check", "capacity.rhai"]);
    let report = sandbox.expect(0, &["--json", "run", "capacity.rhai", "--profile", "tiny"]).json();
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.len() == 2 && steps.iter().all(|step| step["outcome"]["status"] == "measured"), "{report}");
    for step in steps {
        let metrics = step["metrics"].as_array().unwrap();
        let trials = metrics.iter().find(|metric| metric["metric"] == "trials").unwrap();
        assert!(trials["estimate"]["value"].as_f64().unwrap() <= 3.0, "{trials}");
    }
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["run", &root().join("examples/14_scale.rhai").to_string_lossy(), "--profile", "tiny"]);
    // Too short to be steady, and so without a law: told, and no answer.
    let ran = sandbox.run(&["plan", "@last", "--rate", "1500/s"]);
    assert!(matches!(ran.code, 4 | 12), "{}: {} {}", ran.code, ran.out, ran.err);
    sandbox.expect(4, &["plan", "@last", "--rate", "1/s", "--step", "no"]).says(&["sweep"]);
}

#[test]
fn the_guides_name_every_probe() {
    let read = |name: &str| std::fs::read_to_string(root().join("docs/guides").join(name)).unwrap();
    let (hardware, code) = (read("hardware.md"), read("code.md"));
    for probe in engine_probes::registry::registry() {
        let id = probe.info.id;
        let (name, guide) = match probe.info.area() {
            "build" | "ffi" | "htm" | "nam" | "anam" | "tool" => ("code.md", &code),
            _ => ("hardware.md", &hardware),
        };
        assert!(guide.contains(&format!("`{id}`")), "docs/guides/{name} says nothing of `{id}`");
    }
}

#[test]
fn scenarios_are_checked_without_running() {
    let sandbox = Sandbox::new();
    for name in ["quick", "hardware", "code", "load", "stress", "optimization", "full"] {
        let ran = sandbox.expect(0, &["check", name]);
        assert!(ran.out.contains("ok"), "{}", ran.out);
    }
    assert!(!sandbox.path(".local/share/engine/performance.db").exists(), "checking stores nothing");
}
