//! What declarations become in the plan.

use engine_core::plan::{Profile, Rounds, Warmup, Work};

use crate::fakes::{args, look, options, plan, plan_with, trusted};

#[test]
fn a_bench_is_called_after_its_probe() {
    let plan = plan(
        "//! A title.\nsuite(\"s\", #{ budget: \"5 min\", rounds: 5, tags: [\"ci\"] });\nbench(cpu::primes(#{ limit: 2_000 }));",
    );
    assert_eq!((plan.suite.as_str(), plan.title.as_str(), plan.budget), ("s", "A title.", Some(300.0)));
    assert_eq!(plan.tags, ["ci"]);
    assert_eq!(plan.steps[0].name, "cpu.primes");
    assert_eq!(plan.steps[0].rounds, Rounds::Exact(5));
    assert_eq!(args(&plan, 0).whole("limit"), 2000);
    let place = plan.declarations[0].place.as_ref().unwrap();
    assert_eq!((place.line, place.column), (3, 1));
}

#[test]
fn a_sweep_is_the_cross_product_in_alphabetical_order() {
    let script = r#"bench("t", #{ sweep: #{ threads: [1, host::cores()], size: ["4 MiB", "1 GiB"] } },
        |p| memory::stream(#{ threads: p.threads, size: p.size }));"#;
    let plan = plan(script);
    let labels: Vec<String> = plan.steps.iter().map(|step| step.labels.to_string()).collect();
    assert_eq!(
        labels,
        ["{size=4 MiB,threads=1}", "{size=4 MiB,threads=2}", "{size=1 GiB,threads=1}", "{size=1 GiB,threads=2}"]
    );
    assert_eq!(args(&plan, 3).whole("size"), 1 << 30);
    assert_eq!(args(&plan, 3).whole("threads"), 2);
    assert_eq!(plan.declarations.len(), 1);
}

#[test]
fn cases_with_a_reference_are_isolated_unless_the_probe_is_fresh_anyway() {
    let cases = r#"#{ cases: [#{ name: "old", k: "copy" }, #{ name: "new", k: "add" }], reference: "old" }"#;
    let stream = plan(&format!(r#"bench("x", {cases}, |c| memory::stream(#{{ kernel: c.k }}));"#));
    assert!(stream.steps.iter().all(|step| step.isolate));
    assert_eq!(stream.steps[1].labels.get("case"), Some("new"));
    assert_eq!(stream.declarations[0].reference.as_deref(), Some("old"));
    let command = plan(&format!(r#"bench("x", {cases}, |c| command([c.k]));"#));
    assert!(command.steps.iter().all(|step| !step.isolate));
}

#[test]
fn rounds_are_exact_or_adaptive_and_profiles_scale_them() {
    let script = r#"bench("a", #{ rounds: 20 }, cpu::primes()); bench("b", #{ rounds: [5, 30], until: "1 %" }, cpu::primes());
        bench("c", #{ warmup: 2 }, cpu::primes());"#;
    let under = |profile| {
        let plan = plan_with(script, &engine_script::Options { profile, ..trusted() });
        plan.steps.iter().map(|step| (step.rounds, step.warmup)).collect::<Vec<_>>()
    };
    let adaptive = |min, max, until| Rounds::Adaptive { min, max, until };
    let default = under(Profile::Default);
    assert_eq!(default[0], (Rounds::Exact(20), Warmup::Detect));
    assert_eq!(default[1].0, adaptive(5, 30, 0.01));
    assert_eq!(default[2].1, Warmup::Rounds(2));
    assert!(under(Profile::Tiny).iter().all(|step| *step == (Rounds::Exact(1), Warmup::Rounds(0))));
    assert_eq!(under(Profile::Short)[0].0, Rounds::Exact(10));
    assert_eq!(under(Profile::Long)[1].0, adaptive(5, 60, 0.01));
}

#[test]
fn each_profile_takes_its_own_values_and_the_tiny_one_caps_sizes() {
    let script = r#"let limit = param("limit", 2_000_000, #{ tiny: 10_000, short: 500_000, thorough: 9_000_000, help: "primes below this" });
        bench("p", cpu::primes(#{ limit: limit })); bench("m", memory::stream());"#;
    let tiny = plan_with(script, &engine_script::Options { profile: Profile::Tiny, ..trusted() });
    assert_eq!((args(&tiny, 0).whole("limit"), args(&tiny, 1).whole("size")), (10_000, 16 << 20));
    let long = plan_with(script, &engine_script::Options { profile: Profile::Long, ..trusted() });
    assert_eq!(args(&long, 0).whole("limit"), 9_000_000);
    let short = plan_with(script, &engine_script::Options { profile: Profile::Short, ..trusted() });
    assert_eq!(args(&short, 0).whole("limit"), 500_000);
    assert_eq!(args(&plan_with(script, &trusted()), 0).whole("limit"), 2_000_000);
}

#[test]
fn parameters_take_their_kind_from_the_default() {
    let script = r#"let n = param("n", 5, #{ help: "how many" }); let t = param("t", "5 ms"); let k = param("kernel", "copy", #{ one_of: ["copy", "add"] });
        fn limit() { param("n") }
        bench("a", cpu::primes(#{ limit: limit() })); bench("b", memory::stream(#{ kernel: k }));"#;
    let given = |pairs: &[(&str, &str)]| {
        let mut options = options();
        options.params = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        engine_script::check(&crate::fakes::text(script), &options)
    };
    let good = given(&[("n", "1_000"), ("kernel", "add")]);
    let plan = good.plan.expect("good");
    assert_eq!(args(&plan, 0).whole("limit"), 1000);
    assert_eq!(plan.params.get("kernel"), Some("add"));
    assert_eq!(
        (good.params[0].kind.as_str(), good.params[0].help.as_str(), good.params[1].kind.as_str()),
        ("whole number", "how many", "time")
    );
    for (name, value, message) in [
        ("n", "many", "parameter `n` must be a whole number, got `many`"),
        ("t", "5 MiB", "parameter `t` must be a time, got `5 MiB`"),
        ("kernel", "coppy", "parameter `kernel` must be one of `copy`, `add`, got `coppy`, did you mean `copy`?"),
        ("kernle", "copy", "the scenario has no parameter `kernle`, did you mean `kernel`?"),
    ] {
        let bad = given(&[(name, value)]);
        assert_eq!(bad.diagnostics[0].message, message);
        assert_eq!(bad.class().map(engine_script::ErrorClass::exit_code), Some(2));
    }
}

#[test]
fn custom_steps_know_the_metrics_in_their_text() {
    let script = r#"fn inner() { record("inner", 1); } custom("c", #{ rounds: 3, metrics: ["late"] }, || { timed("decode", || inner()); record("x", 2.MiB); });"#;
    let plan = plan(script);
    let Work::Custom { index, metrics } = &plan.steps[0].work else { panic!() };
    assert_eq!((*index, metrics.as_slice()), (0, ["late", "inner", "decode", "x"].map(str::to_owned).as_slice()));
    assert!(!plan.steps[0].isolate);
}

#[test]
fn only_and_skip_leave_steps_out() {
    let script = r#"bench("a.one", cpu::primes()); custom("a.two", || {}); bench("b", cpu::primes());"#;
    let names = |only: &[&str], skip: &[&str]| {
        let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect();
        let options = engine_script::Options { only: owned(only), skip: owned(skip), ..options() };
        let checked = engine_script::check(&crate::fakes::text(script), &options);
        match checked.plan {
            Some(plan) => plan.steps.iter().map(|s| s.name.clone()).collect::<Vec<_>>(),
            None => vec![checked.diagnostics[0].message.clone()],
        }
    };
    assert_eq!(names(&["a.*"], &[]), ["a.one", "a.two"]);
    assert_eq!(names(&[], &["a.*"]), ["b"]);
    assert_eq!(names(&["zzz"], &[]), ["none of the scenario's 3 steps is left by `zzz`"]);
}

#[test]
fn the_seed_decides_what_random_gives() {
    let script = "let n = random(1..=1_000_000); bench(\"x\", cpu::primes(#{ limit: n }));";
    let with = |seed| args(&plan_with(script, &engine_script::Options { seed, ..options() }), 0).whole("limit");
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    assert!((1..=1_000_000).contains(&with(3)));
}

#[test]
fn the_top_level_may_log() {
    let checked = look("log(\"hello \" + 3.MiB); print(\"there\"); bench(cpu::primes());");
    let said: Vec<&str> = checked.notes.iter().map(|note| note.message.as_str()).collect();
    assert_eq!(said, ["hello 3 MiB", "there"]);
}
