//! One test for each of the language's traps, in their order. They also hold the language's pinned version: where one
//! fails after an upgrade, the way around it has to be found anew.

use engine_core::step::FailureKind;
use engine_script::{ErrorClass, Options, Source, check};
use engine_session::{ProbeError, Scripted};

use crate::fakes::{FakeSession, args, check_error, good_custom, loaded, look, only_error, plan, run_custom, trusted};

#[test]
fn trap_01_closures_of_a_loop_see_their_own_values() {
    let mut scenario = loaded(
        "let rate = 100; for d in [1, 8, 32] { custom(\"x\" + d, || record(\"d\", d)); }
         let m = #{ inner: [1] }; custom(\"rate\", || { record(\"r\", rate); record(\"i\", m.inner[0]); }); rate = 200; m.inner[0] = 9;",
    );
    let mut session = FakeSession::default();
    let points: Vec<_> = scenario.plan().steps.iter().map(|step| step.labels.clone()).collect();
    for (index, point) in points.iter().enumerate() {
        scenario.custom(index, point, &mut session).unwrap();
    }
    assert_eq!(session.values("d"), [1.0, 8.0, 32.0]);
    assert_eq!((session.values("r"), session.values("i")), (vec![100.0], vec![1.0]));
    // What such a function assigns to a capture is lost, so it is refused.
    check_error(
        "let n = 0;\ncustom(\"x\", || {\n    n += 1;\n});",
        3,
        5,
        "`n` belongs to the scenario: what this function assigns to it is lost",
    );
    check_error(
        "let m = #{ a: 1 };\ncustom(\"x\", || [1].map(|v| { m.a = v; }));",
        2,
        30,
        "`m` belongs to the scenario: what this function assigns to it is lost",
    );
    assert!(look("custom(\"x\", || { let n = 0; [1, 2].for_each(|| n += this); record(\"sum\", n); });").is_good());
}

#[test]
fn trap_02_functions_are_called_long_after_the_script() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lib")).unwrap();
    std::fs::write(
        dir.path().join("lib/shop.rhai"),
        "const PRICE = 7;\nfn price() { global::PRICE }\nfn declare(name) { let tax = 2; custom(name, || record(\"v\", price() + tax)); }\nfn fail() {\n    throw \"sold out\";\n}\n",
    )
    .unwrap();
    std::fs::write(
        dir.path().join("s.rhai"),
        "import \"lib/shop\" as shop;\nconst BASE = 5;\nfn base() { global::BASE }\ncustom(\"own\", || record(\"v\", base() + shop::price()));\nshop::declare(\"theirs\");\ncustom(\"fails\", || shop::fail());\n",
    )
    .unwrap();
    let mut scenario = engine_script::load(&Source::File(dir.path().join("s.rhai")), trusted()).unwrap();
    let mut session = FakeSession::default();
    let point = engine_core::series::Labels::new();
    scenario.custom(0, &point, &mut session).unwrap();
    scenario.custom(1, &point, &mut session).unwrap();
    assert_eq!(session.values("v"), [12.0, 9.0]);
    let Err(ProbeError::Failed(failure)) = scenario.custom(2, &point, &mut session) else { panic!() };
    assert!(failure.message.starts_with("sold out (in `fail`, called from "), "{}", failure.message);
    let place = failure.place.unwrap();
    assert!(place.file.ends_with("lib/shop.rhai"), "{place}");
    assert_eq!((failure.kind, place.line, place.column), (FailureKind::Script, 5, 5));
}

#[test]
fn trap_03_an_early_return_or_no_semicolon_loses_nothing() {
    assert_eq!(plan("bench(cpu::primes());\nif true { return; }\nbench(tool::spawn());").steps.len(), 1);
    assert_eq!(plan("bench(cpu::primes())").steps.len(), 1);
    let error = only_error("return;\nbench(cpu::primes());");
    assert_eq!((error.class, error.class.exit_code()), (ErrorClass::NothingDeclared, 4));
}

#[test]
fn trap_04_a_data_race_is_told_in_words() {
    let (_, result) = run_custom("custom(\"x\", || { let a = [1]; a.map(|v| { a.push(v); v }); });");
    let Err(ProbeError::Failed(failure)) = result else { panic!("{result:?}") };
    assert!(failure.message.contains("a method cannot take a closure that uses the object"), "{}", failure.message);
}

#[test]
fn trap_05_recursion_never_kills_the_process() {
    let deep = "fn f(n) { 1 + f(n + 1) }\nf(0);";
    for (name, script) in [
        ("calls", deep.to_owned()),
        ("closures", "let f = |g, n| g.call(g, n + 1) + 1; f.call(f, 0);".to_owned()),
        ("methods", "fn m() { this.m() + 1 } let x = 1; x.m();".to_owned()),
        ("lists", format!("let x = {}1{};", "[".repeat(5000), "]".repeat(5000))),
        ("sums", format!("let x = {}1{};", "(1 + ".repeat(5000), ")".repeat(5000))),
        ("blocks", format!("{}{}", "{".repeat(20_000), "}".repeat(20_000))),
        ("ifs", format!("{}{}", "if true {".repeat(5000), "}".repeat(5000))),
    ] {
        for stack in [16 << 20, 1 << 20] {
            let mut options = trusted();
            options.limits.stack = stack;
            // The caller's own stack is small: the script's does not depend on it.
            let source = crate::fakes::text(&script);
            let checked = std::thread::Builder::new()
                .stack_size(128 << 10)
                .spawn(move || check(&source, &options))
                .unwrap()
                .join()
                .unwrap();
            assert_eq!(
                checked.class().map(ErrorClass::exit_code),
                Some(21),
                "{name} {stack}: {:?}",
                checked.diagnostics
            );
        }
    }
    // Where the limit on calls is no help, the guard compares the stack pointer.
    for script in
        [deep, "let f = |g, n| g.call(g, n + 1) + 1; f.call(f, 0);", "fn m() { this.m() + 1 } let x = 1; x.m();"]
    {
        let mut options = trusted();
        (options.limits.stack, options.limits.call_levels) = (2 << 20, 1_000_000);
        let checked = check(&crate::fakes::text(script), &options);
        assert_eq!(checked.diagnostics[0].message, "the script is nested too deeply: its stack is used up", "{script}");
    }
    let error = only_error(deep);
    // The language places it at the call that the recursion began with.
    assert_eq!((error.code, error.place.line), ("too-deep", 2));
}

#[test]
fn trap_06_reserved_words_are_names() {
    let plan = plan(
        "bench(tool::spawn()); let m = #{ default: 1, new: 2 }; custom(\"x\", || { record(\"v\", m.default + m.new); [1].for_each(|case| case); });",
    );
    assert_eq!(plan.steps[0].name, "tool.spawn");
    assert!(look("let case = 1; bench(cpu::primes(#{ limit: case }));").is_good());
    assert_eq!(only_error("let x = null;").help.as_deref(), Some("nothing is written `()`"));
}

#[test]
fn trap_07_a_missing_property_is_an_error() {
    check_error(
        "bench(\"x\", #{ sweep: #{ depth: [1] } }, |p| cpu::primes(#{ limit: p.dpeth }));",
        1,
        69,
        "there is no property `dpeth`, did you mean `depth`?",
    );
    let plan = plan("let m = #{ a: 1 }; bench(cpu::primes(#{ limit: m.get(\"b\", 5) + m.get(\"a\", 9) }));");
    assert_eq!(args(&plan, 0).whole("limit"), 6);
}

#[test]
fn trap_08_a_fn_does_not_see_the_scenarios_variables() {
    let error = only_error("let base = \"/x\";\nfn j() { base }\nbench(cpu::primes());");
    assert_eq!(
        (error.place.line, error.place.column, error.message.as_str()),
        (2, 10, "there is no variable `base` here")
    );
    assert!(error.help.unwrap().starts_with("a fn does not see the scenario's variables: use a closure, `param(..)`"));
}

#[test]
fn trap_09_functions_of_modules_are_values() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("lib.rhai"),
        "const N = 40;\nfn helper() { global::N + 2 }\nfn journey() { record(\"v\", helper()); }\nfn mix() { let k = 3; || record(\"v\", helper() + k) }\nfn spec(p) { cpu::primes(#{ limit: p.n }) }\n",
    )
    .unwrap();
    let script = "import \"lib\" as lib;\ncustom(\"a\", lib::journey);\ncustom(\"b\", lib::mix());\nbench(\"c\", #{ sweep: #{ n: [7] } }, lib::spec);";
    let source = Source::Text { name: "a.rhai".into(), text: script.into(), base: dir.path().to_owned() };
    let mut scenario = engine_script::load(&source, trusted()).unwrap_or_else(|e| panic!("{}", e[0].render(false)));
    let mut session = FakeSession::default();
    for index in [0, 1] {
        scenario.custom(index, &engine_core::series::Labels::new(), &mut session).unwrap();
    }
    assert_eq!(session.values("v"), [42.0, 45.0]);
    assert_eq!(args(scenario.plan(), 2).whole("limit"), 7);
}

#[test]
fn trap_10_quantities_compare_in_every_pairing() {
    let session = good_custom(
        r#"custom("x", || {
            let q = 5.ms; let n = qty("3"); let yes = 0;
            for t in [q < "1 s", "1 s" > q, q == "5 ms", "5 ms" == q, q != "6 ms", q <= 5.ms, q >= 5000.us, q != 6.ms,
                      n == 3, 3 == n, n < 4.5, 4.5 > n, n != 4, n >= 3.0, 2 <= n] { if t { yes += 1; } }
            record("yes", yes);
            record("bytes", 2 * (q * qty("1 GB/s")) / 2);
            record("sum", q + "1 s" - 5.ms + 1.s);
            record("kib", 64.KiB.to("B"));
            log("it took " + q + ", " + 1.5.GiB);
        });"#,
    );
    assert_eq!(session.values("yes"), [15.0]);
    assert_eq!(session.values("bytes"), [5e6]);
    assert_eq!(session.values("sum"), [2.0]);
    assert_eq!(session.values("kib"), [65536.0]);
    assert_eq!(session.said(), "it took 5 ms, 1.500 GiB");
    for (bad, message) in [
        ("5.ms < 5", "cannot compare a time and a plain number"),
        ("5.ms == \"5 MiB\"", "cannot compare a time and a size"),
        ("5.ms + 5", "cannot add a time and a plain number"),
        ("5.ms < \"5 mss\"", "unknown unit `mss` in `5 mss`, did you mean `ms`?"),
    ] {
        let (_, result) = run_custom(&format!("custom(\"x\", || {{ {bad}; }});"));
        let Err(ProbeError::Failed(failure)) = result else { panic!("{bad}: {result:?}") };
        assert!(failure.message.starts_with(message), "{bad}: {}", failure.message);
    }
}

#[test]
fn trap_11_changing_a_constant_map_does_not_panic() {
    let error = only_error("const C = #{a: 1};\nC.a = 2;\nbench(cpu::primes());");
    assert_eq!((error.class, error.place.line), (ErrorClass::Invalid, 2));
    assert_eq!(error.message, "`C` is a constant and cannot be changed");
}

#[test]
fn trap_12_keys_of_literal_maps_keep_their_places() {
    check_error(
        "bench(memory::stream(#{\n  thraeds: 4 }));",
        2,
        3,
        "`memory.stream` has no option `thraeds`, did you mean `threads`?",
    );
    check_error(
        "let o = #{\n  rouns: 4 };\nbench(o, cpu::primes());",
        2,
        3,
        "`bench` has no option `rouns`, did you mean `rounds`?",
    );
}

#[test]
fn trap_13_errors_in_functions_of_modules_have_a_place() {
    check_error("let n = 0;\nbench(\n  cpu::primes(#{ limit: n }));", 3, 18, "`limit` must be at least 1, got `0`");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("m.rhai"), "fn make(n) {\n    cpu::primes(#{ limit: n })\n}\n").unwrap();
    let text = "import \"m\" as m;\nbench(m::make(0));".to_owned();
    let source = Source::Text { name: "a.rhai".into(), text, base: dir.path().to_owned() };
    let checked = check(&source, &trusted());
    let error = &checked.diagnostics[0];
    assert_eq!((error.place.file.as_str(), error.place.line, error.place.column), ("m.rhai", 2, 20));
    assert_eq!((error.chain[0].how.as_str(), error.chain[0].place.line), ("in `make`, called from", 2));
    assert!(
        error.render(false).contains("2 |     cpu::primes(#{ limit: n })\n  |                    ^^^^^"),
        "{}",
        error.render(false)
    );
}

#[test]
fn trap_14_sleep_and_exit_are_ours() {
    check_error("sleep(5);", 1, 1, "`sleep` cannot stand at the top level, which only declares");
    for exit in ["exit()", "exit(3)"] {
        check_error(&format!("{exit};\nbench(cpu::primes());"), 1, 1, "a scenario cannot end the engine");
    }
    let mut scenario = loaded("custom(\"x\", || { sleep(60); sleep(1.5); });");
    let mut session = FakeSession { cancelled: true, ..FakeSession::default() };
    let result = scenario.custom(0, &engine_core::series::Labels::new(), &mut session);
    assert!(matches!(result, Err(ProbeError::Cancelled) | Ok(())), "an interruption ends the sleep: {result:?}");
}

#[test]
fn trap_15_comments_with_three_slashes_stand_anywhere() {
    assert!(look("//! Title.\n/// About the next step.\nbench(cpu::primes());\n/// At the end.").is_good());
}

#[test]
fn trap_16_a_function_of_the_engine_cannot_be_replaced() {
    check_error(
        "bench(cpu::primes());\nfn measure(x) { x }",
        2,
        4,
        "`measure` is a function of the engine: another one would silently take its place",
    );
    assert!(look("fn decode(x) { x }\nbench(cpu::primes());").is_good());
}

#[test]
fn trap_17_a_wrong_number_of_parameters_is_named() {
    check_error(
        "custom(\"x\", |a, b| 1);",
        1,
        13,
        "`custom` calls its function without values, or with the point of its sweep, this closure takes 2",
    );
    check_error(
        "fn pair(a, b) {}\ncustom(\"x\", pair);",
        2,
        13,
        "`custom` calls its function without values, or with the point of its sweep, `pair` takes 2",
    );
    check_error("finish(|| 1);", 1, 8, "`finish` calls its function with one value, this closure takes 0");
    let captured = "let a = 1; custom(\"x\", || record(\"a\", a)); custom(\"y\", #{ sweep: #{ n: [2] } }, |p| record(\"sum\", p.n + a));";
    assert!(look(captured).is_good());
}

#[test]
fn trap_18_texts_return_what_they_become() {
    let session = good_custom(
        r#"custom("x", || { let s = "  a-b "; let t = s.trim(); log(t + "|" + t.replace("-", "+") + "|" + "ab".make_upper() + "|" + "abc".crop(1) + "|" + "7".pad(3, "0") + "|" + s); });"#,
    );
    assert_eq!(session.said(), "a-b|a+b|AB|bc|700|a-b");
}

#[test]
fn trap_19_long_chains_are_not_too_complex() {
    let ifs: String = (0..40).map(|n| format!("else if n == {n} {{ {n} }} ")).collect();
    let script = format!(
        "let n = 39; let v = if n < 0 {{ -1 }} {ifs} else {{ 99 }}; custom(\"x\", || [1].map(|a| [a].map(|b| #{{ c: [b].map(|d| #{{ e: d }}) }}))); bench(cpu::primes(#{{ limit: v }}));"
    );
    assert_eq!(args(&plan(&script), 1).whole("limit"), 39);
}

#[test]
fn trap_20_habits_of_other_languages_get_a_hint() {
    assert!(look("\u{feff}#!/usr/bin/env engine\nbench(cpu::primes());").is_good());
    for (script, help) in [
        ("let i = 0; i++;", "`i += 1`"),
        ("let a = true; let b = a ? 1 : 2;", "`if a { b } else { c }`"),
        ("let t = 'text';", "double quotes"),
        ("let x = try { 1 } catch { 2 };", "`try` gives no value"),
        ("let file = 1; let m = #{ file, size: 2 };", "each key of a map needs its value"),
        ("var x = 1;", "`let`"),
        ("if 1 === 1 { }", "`==`"),
        ("let m = { a: 1 };", "`#` before the brace"),
        ("function f() { }", "`fn name(x) { .. }`"),
        ("let f = |x| x; f(1);", "`f.call(..)`"),
        ("println(\"x\");", "`log(\"text\")`"),
    ] {
        let checked = look(script);
        let first = &checked.diagnostics[0];
        let told = first.help.clone().unwrap_or_default();
        assert!(told.contains(help), "{script}: {}", first.render(false));
    }
}

#[test]
fn trap_21_a_loop_without_end_is_ended() {
    let mut options = Options { ..trusted() };
    options.limits.plan_operations = 100_000;
    let checked = check(&crate::fakes::text("while true { try { loop { } } catch { } }"), &options);
    assert_eq!(checked.diagnostics[0].message, "the script took more than 100000 operations");
    let mut scenario = loaded("custom(\"x\", || { while true {} });");
    let mut session = FakeSession { seconds: 0.2, ..FakeSession::default() };
    let result = scenario.custom(0, &engine_core::series::Labels::new(), &mut session);
    let Err(ProbeError::Failed(failure)) = result else { panic!("{result:?}") };
    assert_eq!(failure.kind, FailureKind::Timeout);
    // A comparator's error is swallowed by the language's sort; the end of the time is not.
    let mut scenario = loaded("custom(\"x\", || { [3, 1, 2].sort(|a, b| { while true {} }); });");
    let result = scenario.custom(0, &engine_core::series::Labels::new(), &mut session);
    assert!(matches!(result, Err(ProbeError::Failed(failure)) if failure.kind == FailureKind::Timeout));
}
