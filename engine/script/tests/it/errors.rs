//! What is wrong with a scenario: each with its message at its place. Nothing here runs anything.

use engine_script::{ErrorClass, Severity};

use crate::fakes::{check_error, look, only_error};

#[test]
fn unknown_functions_are_found_wherever_they_stand() {
    check_error("bench(cpu::primess());", 1, 12, "there is no function `cpu::primess`, did you mean `primes`?");
    check_error("bench(cpuu::primes());", 1, 7, "there is no module `cpuu`, did you mean `cpu`?");
    check_error("bnech(cpu::primes());", 1, 1, "there is no function `bnech`, did you mean `bench`?");
    // In functions that nothing calls, in closures, in dead branches, in texts.
    for (script, line, column) in [
        ("bench(cpu::primes());\nfn never() {\n    nothing_here(1);\n}", 3, 5),
        ("bench(cpu::primes());\ncustom(\"x\", || {\n  nothing_here(1) });", 3, 3),
        ("bench(cpu::primes());\nif false { nothing_here(1); }", 2, 12),
        ("custom(\"x\", || log(`${nothing_here(1)}`));", 1, 23),
        ("let m = #{ f: || nothing_here(1) };\nbench(cpu::primes());", 1, 18),
        ("bench(cpu::primes());\nswitch 3 { 1 => nothing_here(1), _ => () }", 2, 17),
    ] {
        check_error(script, line, column, "there is no function `nothing_here`");
    }
    check_error("let x = 1;\nx.nothing_here();\nbench(cpu::primes());", 2, 3, "there is no function `nothing_here`");
}

#[test]
fn wrong_arity_is_found_wherever_it_stands() {
    check_error("bench(cpu::primes());\nfn f(a) { a }\nfn g() { f(1, 2) }", 3, 10, "`f` takes 1 value, got 2");
    check_error("bench(cpu::primes());\nif false { suite(); }", 2, 12, "`suite` takes 1 or 2 values, got 0");
    check_error(
        "bench(cpu::primes());\nfn g() { memory::stream(1, 2) }",
        2,
        18,
        "`memory::stream` takes 0 or 1 values, got 2",
    );
    check_error("bench(cpu::primes());\nfn g() { \"a\".trim(1) }", 2, 14, "`trim` takes 0 values, got 1");
}

#[test]
fn wrong_options_point_at_their_key() {
    check_error(
        "bench(memory::stream(#{ kernel: \"triad\", sise: \"1 MiB\" }));",
        1,
        42,
        "`memory.stream` has no option `sise`, did you mean `size`?",
    );
    check_error(
        "bench(#{ expct: [] }, cpu::primes());",
        1,
        10,
        "`bench` has no option `expct`, did you mean `expect`?",
    );
    check_error(
        "bench(#{ rounds: \"x\" }, cpu::primes());",
        1,
        10,
        "`rounds` must be a whole number above 0 or `[fewest, most]`, got `\"x\"`",
    );
    check_error("bench(#{ tags: [\"a\", 1] }, cpu::primes());", 1, 22, "`tags` must be a list of texts, got `1` in it");
    check_error(
        "bench(memory::stream(#{ threads: \"some\" }));",
        1,
        25,
        "`threads`: `some` is not a quantity: expected a number and a unit, such as `256 MiB`, `500 ms` or `1000/s`",
    );
    check_error(
        "suite(\"s\", #{ budget: \"5 MiB\" });\nbench(cpu::primes());",
        1,
        15,
        "`budget` must be a time above zero such as `\"5 min\"`, got `\"5 MiB\"`",
    );
    check_error(
        "bench(memory::stream(\"triad\"));",
        1,
        22,
        "`memory.stream` takes its options as a map, got `\"triad\"`",
    );
    // Where nothing calls it.
    check_error(
        "bench(cpu::primes());\nfn never() { memory::stream(#{ kernal: \"add\" }) }",
        2,
        32,
        "`memory.stream` has no option `kernal`, did you mean `kernel`?",
    );
    check_error(
        "bench(cpu::primes());\nfn never() { memory::stream(#{ kernel: \"ad\" }) }",
        2,
        32,
        "`kernel` must be `\"copy\"` or `\"scale\"` or `\"add\"` or `\"triad\"`, got `ad`, did you mean `add`?",
    );
    check_error(
        "bench(cpu::primes());\nfn never() { timed(\"x\", #{ tims: 4 }, || 1) }",
        2,
        28,
        "`timed` has no option `tims`, did you mean `times`?",
    );
    // Each point of a sweep is checked.
    check_error(
        "bench(\"x\", #{ sweep: #{ k: [\"add\", \"sub\"] } }, |p| memory::stream(#{ kernel: p.k }));",
        1,
        70,
        "`kernel` must be `\"copy\"` or `\"scale\"` or `\"add\"` or `\"triad\"`, got `sub`",
    );
}

#[test]
fn impossible_sizes_and_counts_are_refused() {
    for (size, message) in [
        ("\"-4 MiB\"", "`size` must be at least 64 KiB, got `-4 MiB`"),
        ("\"0 B\"", "`size` must be at least 64 KiB, got `0 B`"),
        (
            "\"NaN MiB\"",
            "`size`: `NaN MiB` is not a quantity: expected a number and a unit, such as `256 MiB`, `500 ms` or `1000/s`",
        ),
        ("\"1e30 GiB\"", "`size` must be at most 931.3 GiB, got `1e30 GiB`"),
        ("\"4 furlong\"", "`size`: unknown unit `furlong` in `4 furlong`"),
        ("\"4 gib\"", "`size`: unknown unit `gib` in `4 gib`, did you mean `GiB`?"),
        ("4096", "`size` must be size, got `4096`: write a unit, such as \"4096 B\""),
        ("0.0 / 0.0", "`size` must be size, got `NaN`: write a unit, such as \"NaN B\""),
    ] {
        check_error(&format!("bench(memory::stream(#{{ size: {size} }}));"), 1, 25, message);
    }
    check_error(
        "bench(#{ rounds: 0 }, cpu::primes());",
        1,
        10,
        "`rounds` must be a whole number above 0 or `[fewest, most]`, got `0`",
    );
    check_error(
        "bench(#{ rounds: -3 }, cpu::primes());",
        1,
        10,
        "`rounds` must be a whole number above 0 or `[fewest, most]`, got `-3`",
    );
    check_error(
        "bench(#{ timeout: \"0 s\" }, cpu::primes());",
        1,
        10,
        "`timeout` must be a time above zero such as `\"5 min\"`, got `\"0 s\"`",
    );
}

#[test]
fn names_are_plain_and_unique() {
    check_error(
        "bench(\"a\", cpu::primes());\nbench(\"a\", tool::spawn());",
        2,
        7,
        "two steps are called `a`, first at a.rhai:1:1",
    );
    check_error(
        "bench(cpu::primes());\nbench(cpu::primes(#{ limit: 5 }));",
        2,
        1,
        "two steps are called `cpu.primes`, first at a.rhai:1:1",
    );
    check_error(
        "bench(\"a b\", cpu::primes());",
        1,
        7,
        "`a b` cannot name a step: names are made of letters, digits, `_`, `.` and `-`",
    );
    check_error(
        "bench(\"x\", #{ sweep: #{ n: [1, 1] } }, |p| cpu::primes());",
        1,
        15,
        "the point `{n=1}` is there twice",
    );
    check_error("suite(\"a\");\nsuite(\"b\");\nbench(cpu::primes());", 2, 1, "`suite` stands here for the second time");
    check_error(
        "bench(cpu::primes());\nsuite(\"b\");",
        2,
        1,
        "`suite` comes before the first step: it sets what steps start from",
    );
    check_error(
        "custom(\"x\", || record(\"vvv\", 1)); custom(\"y\", #{ metrics: [\"median\"] }, || 1);",
        1,
        60,
        "`median` cannot name a metric: an expectation would read it as a statistic",
    );
}

#[test]
fn verbs_that_run_say_where_to_stand() {
    check_error("measure(cpu::primes());", 1, 1, "`measure` cannot stand at the top level, which only declares");
    check_error("timed(\"x\", || 1);", 1, 1, "`timed` cannot stand at the top level, which only declares");
    check_error(
        "bench(\"x\", || { measure(cpu::primes()); cpu::primes() });",
        1,
        17,
        "`measure` cannot stand in a function that returns a spec",
    );
    check_error(
        "bench(\"x\", || { bench(cpu::primes()); cpu::primes() });",
        1,
        17,
        "`bench` cannot stand in a function that returns a spec",
    );
    check_error(
        "bench(cpu::primes(), #{ rounds: 3 });",
        1,
        7,
        "`bench` takes a name, options and what it runs, in this order; got a spec",
    );
    check_error("bench(\"x\", || 1);", 1, 12, "the function of `bench` must return a spec, got `1`");
    check_error("custom(\"x\", cpu::primes());", 1, 13, "`custom` runs a function, got a spec");
    let error = only_error("custom(|| 1);");
    assert_eq!(error.message, "`custom` needs a name: it has no probe to be called after");
}

#[test]
fn references_name_a_case() {
    let cases = "cases: [#{ name: \"old\" }, #{ name: \"new\" }]";
    check_error(
        &format!("bench(\"x\", #{{ {cases}, reference: \"odl\" }}, |c| cpu::primes());"),
        1,
        60,
        "no case is called `odl`, did you mean `old`?",
    );
    check_error(
        "bench(#{ reference: \"old\" }, cpu::primes());",
        1,
        10,
        "`reference` is `old`, and there are no `cases`",
    );
    check_error(
        "bench(\"x\", #{ cases: [#{ nam: \"old\" }] }, |c| cpu::primes());",
        1,
        23,
        "`cases` needs a `name` in each case: `#{ name: \"old\" }`",
    );
    check_error(
        "bench(\"x\", #{ sweep: #{ n: [1, 2] } }, cpu::primes());",
        1,
        15,
        "`sweep` needs a function from the point to a spec",
    );
}

#[test]
fn syntax_errors_have_their_place() {
    check_error("bench(cpu::primes());\nlet x = ;", 2, 9, "unexpected `;`");
    let error = only_error("bench(cpu::primes()");
    assert_eq!((error.place.line, error.place.column, error.class), (1, 20, ErrorClass::Invalid));
    check_error("let x = 1;\nbench(cpu::primes(#{ limit: y }));", 2, 29, "there is no variable `y` here");
    check_error(
        "let limit = 1;\nbench(cpu::primes(#{ limit: limt }));",
        2,
        29,
        "there is no variable `limt` here, did you mean `limit`?",
    );
}

#[test]
fn all_errors_of_the_text_are_told_at_once() {
    let checked = look("foo();\nbench(memory::stream(#{ sise: 1 }));\nfn f() { bar() }");
    let places: Vec<_> = checked.diagnostics.iter().map(|d| (d.place.line, d.place.column)).collect();
    assert_eq!(places, [(1, 1), (2, 25), (3, 10)]);
    assert!(checked.diagnostics.iter().all(|d| d.severity == Severity::Error));
}

#[test]
fn an_error_of_the_script_itself_is_a_runtime_error() {
    for script in ["throw \"no\";", "let x = [1]; x[5];", "1 / 0;"] {
        let error = only_error(script);
        assert_eq!((error.class, error.class.exit_code(), error.place.line), (ErrorClass::Runtime, 20, 1), "{script}");
    }
    assert_eq!(only_error("throw \"no\";").message, "no");
    assert!(
        look("try { cpu::primes(#{ limit: 0 * random(1..2) }); } catch (e) { log(e.message); }\nbench(cpu::primes());")
            .is_good()
    );
}

#[test]
fn the_step_of_finish_has_its_name_to_itself() {
    check_error(
        "bench(\"finish\", cpu::primes());",
        1,
        7,
        "`finish` is the step of what `finish(..)` records: take another name",
    );
}
