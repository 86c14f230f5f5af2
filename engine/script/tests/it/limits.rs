//! Bad input: each ends with a message that names the place and the remedy, and none ends the process.

use engine_script::{ErrorClass, Options, Source, check};

use crate::fakes::{look, only_error, options, text, trusted};

#[test]
fn a_file_that_is_no_text_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.rhai");
    std::fs::write(&file, b"// fine\nlet x = \"\xff\xfe\";").unwrap();
    let error = check(&Source::File(file.clone()), &options()).diagnostics.remove(0);
    assert_eq!((error.code, error.class.exit_code(), error.place.line, error.place.column), ("not-utf8", 3, 2, 10));
    std::fs::write(&file, "// x\n".repeat(2_000_000)).unwrap();
    let error = check(&Source::File(file.clone()), &options()).diagnostics.remove(0);
    assert_eq!((error.code, error.class.exit_code()), ("too-long", 21));
    for (nothing, message) in
        [("", "the scenario is empty"), (" \n\t\n", "the scenario is empty"), ("// x", "the scenario declares no step")]
    {
        std::fs::write(&file, nothing).unwrap();
        let error = check(&Source::File(file.clone()), &options()).diagnostics.remove(0);
        assert_eq!((error.message.as_str(), error.class.exit_code()), (message, 4));
    }
    let error = check(&Source::File(dir.path().join("none.rhai")), &options()).diagnostics.remove(0);
    assert_eq!((error.code, error.class.exit_code()), ("missing-file", 3));
    assert!(error.message.starts_with("cannot read `"));
}

#[test]
fn an_embedded_scenario_is_found_by_name() {
    let options = Options { embedded: &[("quick", "bench(cpu::primes());")], ..options() };
    let good = check(&Source::Embedded("quick".into()), &options);
    assert_eq!(good.plan.unwrap().suite, "quick");
    let bad = check(&Source::Embedded("quik".into()), &options).diagnostics.remove(0);
    assert_eq!(bad.message, "there is no scenario `quik`, did you mean `quick`?");
}

#[test]
fn allocation_without_end_is_ended() {
    for script in [
        "let s = \"x\"; loop { s += s; }",
        "let a = []; loop { a.push(\"0123456789012345678901234567890123456789\"); }",
        "let m = #{}; let i = 0; loop { m[`${i}`] = i; i += 1; }",
        "let a = [1]; loop { a = [a, a]; }",
        "let s = \"x\"; loop { s = s.pad(2 * s.len(), \"y\"); s += s; }",
        "let a = []; a.pad(100000000, 1);",
        "let b = blob(1000000000, 0);",
        "for i in 0..1000000000 { let x = i; }",
        "bench(\"x\", #{ sweep: #{ a: [1,2,3,4,5,6,7,8,9,10], b: [1,2,3,4,5,6,7,8,9,10], c: [1,2,3,4,5,6,7,8,9,10], d: [1,2,3,4,5,6,7,8,9,10], e: [1, 2] } }, |p| cpu::primes());",
    ] {
        let mut options = trusted();
        options.limits.plan_operations = 200_000;
        let checked = check(&text(script), &options);
        assert_eq!(checked.class(), Some(ErrorClass::Limit), "{script}: {:?}", checked.diagnostics);
    }
}

#[test]
fn functions_cannot_grow_without_end() {
    // `f = f.curry(f)` doubles at every turn, and no limit of the language counts it: closures do what currying does.
    let error = only_error("let f = || 1;\nf.curry(f);\nbench(cpu::primes());");
    assert_eq!((error.class, error.place.line), (ErrorClass::Invalid, 2));
    // Twenty closures that each hold the last one twice are a million copies.
    let script = "let f = || 1; for i in 0..40 { let g = f; let h = f; f = || [g, h]; }\ncustom(\"x\", || f.call());";
    assert_eq!(only_error(script).class, ErrorClass::Limit);
}

#[test]
fn eval_is_off() {
    let error = only_error("eval(\"1\");\nbench(cpu::primes());");
    assert_eq!((error.class, error.place.line), (ErrorClass::Invalid, 1));
}

#[test]
fn deeply_nested_json_is_an_error() {
    let script = format!("custom(\"x\", || parse_json(\"{}{}\"));", "[".repeat(100_000), "]".repeat(100_000));
    let (_, result) = crate::fakes::run_custom(&script);
    let engine_session::ProbeError::Failed(failure) = result.unwrap_err() else { panic!() };
    assert!(failure.message.contains("nested deeper than 128 levels"), "{}", failure.message);
}

#[test]
fn random_text_never_panics() {
    // Pieces of real scripts in random order: most do not compile, some do.
    const PIECES: [&str; 40] = [
        "bench(",
        "cpu::primes(",
        "#{",
        "}",
        ")",
        ";",
        "let x = ",
        "1",
        "\"a\"",
        "|p|",
        "||",
        "p.n",
        ",",
        "limit:",
        "sweep:",
        "[",
        "]",
        "custom(",
        "timed(",
        "fn f(",
        "{",
        "if ",
        "else",
        "while true ",
        "5.ms",
        " + ",
        " < ",
        "import \"std/sla\" as s;",
        "s::machine()",
        "f(1)",
        "x",
        "'",
        "`${x}`",
        "const C = ",
        "C.a = 2",
        "throw ",
        "try {",
        "catch",
        "return",
        "\u{0}é",
    ];
    let mut stream = engine_core::stats::Stream::new(7, &[]);
    for _ in 0..300 {
        let script: String =
            (0..stream.below(30)).map(|_| PIECES[usize::try_from(stream.below(40)).unwrap()]).collect();
        let mut options = trusted();
        options.limits.plan_operations = 20_000;
        let checked = check(&text(&script), &options);
        assert!(checked.class() != Some(ErrorClass::Internal), "{script}: {:?}", checked.diagnostics);
        for diagnostic in &checked.diagnostics {
            let _ = diagnostic.render(true);
        }
    }
    assert!(look("bench(cpu::primes());").is_good());
}

#[test]
fn values_cannot_be_nested_without_end() {
    // Dropping such a value recurses through it: without the limit each of these overflows the stack.
    for script in [
        "let f = || 1; loop { let g = f; f = || g.call(); }",
        "fn wrap(g) { || g.call() } let f = || 1; loop { f = wrap(f); }",
        "let a = []; loop { a = [a]; }",
    ] {
        let checked = look(script);
        let first = &checked.diagnostics[0];
        assert_eq!((first.class, first.code), (ErrorClass::Limit, "too-deep"), "{script}: {}", first.message);
    }
}
