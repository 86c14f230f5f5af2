//! `import` and `include`: what they find, and what they must not reach.

use std::path::Path;

use engine_core::series::Labels;
use engine_script::{Checked, Options, Source, check, load};
use engine_session::Scripted;

use crate::fakes::{FakeSession, args, options, trusted};

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn look(dir: &Path, options: &Options) -> Checked {
    check(&Source::File(dir.join("main.rhai")), options)
}

fn first(dir: &Path) -> engine_script::Diagnostic {
    let mut checked = look(dir, &trusted());
    assert!(checked.plan.is_none());
    checked.diagnostics.remove(0)
}

#[test]
fn modules_are_found_from_the_importing_file() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            (
                "main.rhai",
                "import \"lib/a\" as a;\nimport \"std/sweep\" as sweep;\nbench(\"x\", #{ sweep: #{ n: sweep::powers(1, 6) } }, |p| cpu::primes(#{ limit: a::twice(p.n) }));",
            ),
            ("lib/a.rhai", "import \"b\" as b;\nfn twice(n) { b::add(n, n) }"),
            ("lib/b.rhai", "fn add(a, b) { a + b }"),
        ],
    );
    let plan = look(dir.path(), &options()).plan.expect("good");
    let limits: Vec<u64> = (0..4).map(|step| args(&plan, step).whole("limit")).collect();
    assert_eq!(limits, [2, 4, 8, 12]);
    assert_eq!(plan.suite, "main");
}

#[test]
fn nothing_outside_the_folder_is_reached() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("in");
    write(top.path(), &[("secret.rhai", "fn f() {}"), ("in/lib/a.rhai", "fn f() {}")]);
    std::os::unix::fs::symlink(top.path().join("secret.rhai"), dir.join("link.rhai")).unwrap();
    let absolute = top.path().join("secret").display().to_string();
    for verb in ["import \"{}\" as x;", "include(\"{}\");"] {
        for (path, why) in [
            ("../secret", "it lies outside the scenario's folder"),
            ("../../etc/x", "it lies outside the scenario's folder"),
            ("lib/../../secret", "it lies outside the scenario's folder"),
            ("link", "it lies outside the scenario's folder"),
            (absolute.as_str(), "the path is absolute"),
        ] {
            write(&dir, &[("main.rhai", &format!("{}\nbench(cpu::primes());", verb.replace("{}", path)))]);
            let error = first(&dir);
            assert!(error.message.contains(path) && error.message.ends_with(why), "{}", error.message);
            assert_eq!((error.class.exit_code(), error.place.line), (3, 1));
        }
    }
}

#[test]
fn circles_are_shown_whole() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("main.rhai", "import \"main\" as m;\nbench(cpu::primes());")]);
    assert!(first(dir.path()).message.ends_with("main.rhai` imports itself"), "{}", first(dir.path()).message);
    write(dir.path(), &[("main.rhai", "include(\"main\");")]);
    assert!(first(dir.path()).message.ends_with("main.rhai` includes itself"), "{}", first(dir.path()).message);
    write(
        dir.path(),
        &[
            ("main.rhai", "import \"a\" as a;\nbench(cpu::primes());"),
            ("a.rhai", "import \"b\" as b;"),
            ("b.rhai", "import \"a\" as a;"),
        ],
    );
    let error = first(dir.path());
    let message = error.message.replace(&format!("{}/", dir.path().display()), "");
    assert_eq!(message, "`a.rhai` imports itself: a.rhai -> b.rhai -> a.rhai");
}

#[test]
fn what_is_missing_is_named_with_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("main.rhai", "import \"lib/shpo\" as s;\nbench(cpu::primes());"), ("lib/shop.rhai", "")]);
    let error = first(dir.path());
    assert_eq!((error.place.line, error.place.column), (1, 8));
    assert_eq!(error.help.as_deref(), Some("did you mean `lib/shop`?"));
    write(dir.path(), &[("main.rhai", "bench(cpu::primes());\nfn f() { import \"std/slaa\" as s; }")]);
    let error = first(dir.path());
    assert_eq!((error.place.line, error.help.as_deref()), (2, Some("did you mean `std/sla`?")));
}

#[test]
fn errors_in_modules_name_the_module_and_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[("main.rhai", "import \"a\" as a;\nbench(cpu::primes());"), ("a.rhai", "fn f() {\n    nothing_here()\n}")],
    );
    let error = first(dir.path());
    assert!(error.place.file.ends_with("a.rhai"));
    assert_eq!(
        (error.place.line, error.place.column, error.message.as_str()),
        (2, 5, "there is no function `nothing_here`")
    );
    write(dir.path(), &[("a.rhai", "fn f( {}")]);
    let error = first(dir.path());
    assert!(error.place.file.ends_with("a.rhai"));
    assert_eq!((error.chain[0].how.as_str(), error.chain[0].place.line), ("imported from", 1));
}

#[test]
fn a_folder_of_modules_comes_before_the_embedded_ones() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("main.rhai", "import \"std/sla\" as s;\nbench(cpu::primes(#{ limit: s::mine() }));"),
            ("std/sla.rhai", "fn mine() { 77 }"),
        ],
    );
    let options = Options { stdlib_dir: Some(dir.path().join("std")), ..options() };
    assert_eq!(args(&look(dir.path(), &options).plan.unwrap(), 0).whole("limit"), 77);
}

#[test]
fn an_included_scenario_declares_under_its_suites_name() {
    let dir = tempfile::tempdir().unwrap();
    let hardware = "suite(\"hw\", #{ rounds: 7, budget: \"1 s\" });\nlet size = param(\"size\", \"4 MiB\");\nfn again() { param(\"size\") }\nbench(\"triad\", memory::stream(#{ size: size }));\nbench(\"other\", cpu::primes());\ncustom(\"script\", || log(again()));";
    write(
        dir.path(),
        &[
            (
                "main.rhai",
                "suite(\"full\", #{ rounds: 3, budget: \"9 min\" });\ninclude(\"sub/hardware\", #{ only: [\"tri*\", \"script\"], params: #{ size: \"8 MiB\" } });\ninclude(\"quick\");\nbench(\"mine\", tool::spawn());",
            ),
            ("sub/hardware.rhai", hardware),
        ],
    );
    let mut options = Options { embedded: &[("quick", "bench(cpu::primes());")], ..options() };
    let source = Source::File(dir.path().join("main.rhai"));
    let mut scenario = load(&source, options.clone()).unwrap_or_else(|e| panic!("{}", e[0].render(false)));
    let plan = scenario.plan();
    let names: Vec<_> = plan.steps.iter().map(|step| (step.name.as_str(), step.rounds.most())).collect();
    assert_eq!(names, [("hw/triad", 7), ("hw/script", 7), ("quick/cpu.primes", 20), ("mine", 3)]);
    assert_eq!((plan.suite.as_str(), plan.budget, args(plan, 0).whole("size")), ("full", Some(540.0), 8 << 20));
    assert_eq!(plan.params.get("hw/size"), Some("8 MiB"));
    let mut session = FakeSession::default();
    scenario.custom(0, &Labels::new(), &mut session).unwrap();
    assert_eq!(session.said(), "8 MiB");
    options.params.insert("hw/size".into(), "16 MiB".into());
    assert_eq!(args(check(&source, &options).plan.as_ref().unwrap(), 0).whole("size"), 16 << 20);
    // An error inside names the inclusion.
    write(dir.path(), &[("sub/hardware.rhai", "bench(memory::stream(#{ sise: 1 }));")]);
    let error = check(&source, &options).diagnostics.remove(0);
    assert!(error.place.file.ends_with("sub/hardware.rhai"), "{error:?}");
    assert_eq!(error.message, "`memory.stream` has no option `sise`, did you mean `size`?");
    assert!(error.chain.iter().any(|link| link.how == "included from" && link.place.line == 2), "{error:?}");
}

#[test]
fn the_hash_covers_what_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("main.rhai", "import \"a\" as a;\nbench(cpu::primes());"), ("a.rhai", "fn f() { 1 }")]);
    let hash = || load(&Source::File(dir.path().join("main.rhai")), options()).unwrap().hash().to_owned();
    let before = hash();
    assert_eq!((before.len(), before.clone()), (64, hash()));
    write(dir.path(), &[("a.rhai", "fn f() { 2 }")]);
    assert_ne!(before, hash());
}

#[test]
fn the_standard_modules_do_what_they_say() {
    let script = r#"import "std/sweep" as sweep;
import "std/sla" as sla;
bench("x", #{ sweep: #{ size: sweep::sizes(4, 12, "MiB") }, expect: sla::machine() + ["rate > 1 B/s"] }, |p| memory::stream(#{ size: p.size }));"#;
    let plan = crate::fakes::plan(script);
    let sizes: Vec<_> = plan.steps.iter().map(|step| step.labels.get("size").unwrap()).collect();
    assert_eq!(sizes, ["4 MiB", "8 MiB", "12 MiB"]);
    assert_eq!(plan.declarations[0].expect.len(), 3);
}

#[test]
fn an_included_scenario_with_a_budget_is_a_part() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            (
                "main.rhai",
                "bench(\"own\", #{ rounds: 3 }, cpu::primes());\ninclude(\"slow\", #{ budget: \"2 min\" });\n\
                 include(\"none\", #{ budget: \"1 min\", only: [\"x\"] });",
            ),
            ("slow.rhai", "suite(\"calm\", #{ rounds: 4 });\nbench(\"a\", cpu::primes());"),
            ("none.rhai", "bench(\"b\", cpu::primes());"),
        ],
    );
    let plan = look(dir.path(), &options()).plan.expect("good");
    let parts: Vec<(&str, f64)> = plan.parts.iter().map(|part| (part.name.as_str(), part.budget)).collect();
    assert_eq!(parts, [("calm", 120.0)], "a part without steps is none");
    assert_eq!(plan.steps[0].rounds.most(), 3, "a step of none keeps its rounds");
    assert!(plan.spends && plan.steps[1].rounds.most() >= 100, "{:?}", plan.steps[1]);
    let mut tiny = options();
    tiny.profile = engine_core::plan::Profile::Tiny;
    let plan = look(dir.path(), &tiny).plan.expect("good");
    assert_eq!((plan.steps[1].rounds.most(), plan.spends), (1, false));
    write(dir.path(), &[("main.rhai", "include(\"slow\", #{ budget: \"soon\" });")]);
    assert!(first(dir.path()).message.contains("`budget` must be a time"));
}

#[test]
fn a_scenario_can_be_included_once_for_each_case() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            (
                "main.rhai",
                "include(\"one\", #{ case: \"A\", reference: \"A\", params: #{ n: 10 } });\n\
                 include(\"one\", #{ case: \"B\", reference: \"A\", params: #{ n: 20 } });",
            ),
            (
                "one.rhai",
                "let n = param(\"n\", 1);\nbench(\"x\", #{ sweep: #{ f: [1, 2] } }, |p| cpu::primes(#{ limit: n * p.f }));",
            ),
        ],
    );
    let checked = look(dir.path(), &options());
    assert!(checked.is_good(), "{:?}", checked.diagnostics);
    let plan = checked.plan.unwrap();
    let steps: Vec<(String, u64)> =
        (0..4).map(|step| (plan.steps[step].path(), args(&plan, step).whole("limit"))).collect();
    let wanted = [("x{case=A,f=1}", 10), ("x{case=A,f=2}", 20), ("x{case=B,f=1}", 20), ("x{case=B,f=2}", 40)];
    assert_eq!(steps, wanted.map(|(path, limit)| (path.to_owned(), limit)));
    assert_eq!((plan.declarations.len(), plan.declarations[0].reference.as_deref()), (1, Some("A")));
    let names: Vec<&str> = checked.sources.iter().map(|source| source.name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["main.rhai", "one.rhai"]);
    // What has cases of its own cannot be one.
    let own = "bench(\"x\", #{ cases: [#{ name: \"a\" }] }, |c| cpu::primes());";
    write(dir.path(), &[("main.rhai", "include(\"one\", #{ case: \"A\" });"), ("one.rhai", own)]);
    assert!(first(dir.path()).message.contains("cannot have cases of its own"));
}
