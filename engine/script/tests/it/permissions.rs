//! Nothing is allowed by default, and each error names the flag that allows it.

use engine_core::step::FailureKind;
use engine_script::{ErrorClass, Options, Permissions, Source, check};
use engine_session::{ProbeError, Scripted};

use crate::fakes::{FakeSession, options, text, trusted};

fn told(script: &str, permissions: Permissions) -> Vec<(String, String)> {
    let checked = check(&text(script), &Options { permissions, ..options() });
    checked.diagnostics.into_iter().map(|d| (d.message, d.help.unwrap_or_default())).collect()
}

#[test]
fn all_missing_permissions_are_told_at_once() {
    let script = "bench(\"a\", command([\"./old\", \"-c\"]));\nlet home = env(\"HOME\");\nlet rows = data(\"./rows/f.csv\");\nlet t = secret(\"TOKEN\");\ncustom(\"b\", || { let x = tool::read(\"big.json\"); measure(command([\"grep\"])); });\nfn never() { env(\"OTHER\") }";
    let flags: Vec<String> = told(script, Permissions::default()).into_iter().map(|(_, help)| help).collect();
    let want = [
        "--allow-run=./old",
        "--allow-env=HOME",
        "--allow-read=rows",
        "--allow-env=TOKEN",
        "--allow-read=.",
        "--allow-run=grep",
        "--allow-env=OTHER",
    ];
    assert_eq!(flags.len(), want.len(), "{flags:?}");
    for flag in want {
        assert!(flags.iter().any(|help| *help == format!("allow it with `{flag}`")), "{flag} in {flags:?}");
    }
    let checked = check(&text(script), &options());
    assert_eq!(checked.class(), Some(ErrorClass::Permission));
    assert_eq!(checked.diagnostics.iter().map(|d| d.class.exit_code()).max(), Some(21));
}

#[test]
fn granting_them_is_enough_and_the_plan_lists_them() {
    let granted = Permissions { run: vec!["./a".into()], env: vec!["HOME".into()], ..Permissions::default() };
    let script = "let home = env(\"HOME\", \"none\");\nbench(\"a\", command([\"./a\", home]));";
    assert_eq!(told(script, granted.clone()), []);
    let plan = check(&text(script), &Options { permissions: granted.clone(), ..options() }).plan.unwrap();
    assert_eq!(plan.permissions, ["--allow-env=HOME", "--allow-run=./a"]);
    let other = told("bench(\"a\", command([\"./b\"]));", granted);
    assert_eq!(other[0].0, "may not run `./b`");
}

#[test]
fn building_somebodys_crate_is_running_it() {
    // `debug` is a word of the language; behind `::` it is a name.
    let script = "bench(\"a\", build::debug());\nbench(\"b\", build::debug(#{ manifest: \"./mine/Cargo.toml\" }));";
    let refused = told(script, Permissions::default());
    let [(message, help)] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(message, "may not build `./mine/Cargo.toml`, which runs its code");
    assert_eq!(help, "allow it with `--allow-run=./mine/Cargo.toml`");
    let granted = Permissions { run: vec!["mine/Cargo.toml".into()], ..Permissions::default() };
    assert_eq!(told(script, granted), []);
    let built = "let path = \"./mi\" + \"ne\"; bench(\"b\", build::debug(#{ manifest: path }));";
    assert_eq!(told(built, Permissions::default())[0].1, "allow it with `--allow-run=./mine`");
}

#[test]
fn what_only_the_run_tells_is_refused_then() {
    let script = "custom(\"x\", || { let name = \"gr\" + \"ep\"; measure(command([name])); });";
    let mut scenario = engine_script::load(&text(script), options()).unwrap();
    let result = scenario.custom(0, &engine_core::series::Labels::new(), &mut FakeSession::default());
    let Err(ProbeError::Failed(failure)) = result else { panic!("{result:?}") };
    assert_eq!(failure.kind, FailureKind::Permission);
    assert!(failure.message.contains("`--allow-run=grep`"), "{}", failure.message);
}

#[test]
fn secrets_are_never_shown() {
    let mut options = trusted();
    options.env = std::sync::Arc::new(|name| (name == "TOKEN").then(|| "hunter2".to_owned()));
    let script = "let t = secret(\"TOKEN\"); log(t); log(\"Bearer \" + t); log(`${t}`);\ncustom(\"x\", || { log(env(\"TOKEN\")); let h = \"a\" + t; throw env(\"TOKEN\"); });";
    let mut scenario = engine_script::load(&text(script), options.clone()).unwrap();
    let mut session = FakeSession::default();
    let result = scenario.custom(0, &engine_core::series::Labels::new(), &mut session);
    let said = format!("{:?} {} {result:?} {:?}", scenario.notes(), session.said(), scenario.plan());
    assert!(!said.contains("hunter2"), "{said}");
    assert!(said.contains("[secret TOKEN]"));
    let stored = check(&text("bench(command([\"x\", secret(\"TOKEN\")]));"), &options);
    assert!(
        stored.diagnostics[0].message.ends_with("a secret would be stored with the plan"),
        "{:?}",
        stored.diagnostics[0]
    );
    let missing = check(&text("let t = secret(\"NOPE\"); bench(cpu::primes());"), &options);
    assert_eq!(missing.diagnostics[0].message, "the environment has no variable `NOPE`");
}

#[test]
fn files_are_read_under_the_granted_folder_only() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f.csv"), "name,n\nann,1\nbob,2\ncid,3\n").unwrap();
    std::fs::write(dir.path().join("f.json"), "[{\"a\": {\"b\": [1, 2.5, null]}}]").unwrap();
    let script = "let rows = data(\"f.csv\"); let shuffled = rows.shuffled(); let j = data(\"f.json\");\ncustom(\"x\", || { let all = \"\"; for row in shuffled { all += row.name; } record(\"rows\", rows.len()); record(\"letters\", all.len()); log(rows[1].name); record(\"b\", j[0].a.b[1]); });";
    let source = Source::Text { name: "a.rhai".into(), text: script.into(), base: dir.path().to_owned() };
    let granted = Permissions { read: vec![dir.path().display().to_string()], ..Permissions::default() };
    let mut scenario = engine_script::load(&source, Options { permissions: granted, ..options() })
        .unwrap_or_else(|e| panic!("{}", e[0].render(false)));
    let mut session = FakeSession::default();
    scenario.custom(0, &engine_core::series::Labels::new(), &mut session).unwrap();
    assert_eq!(
        (session.values("rows"), session.values("letters"), session.values("b"), session.said()),
        (vec![3.0], vec![9.0], vec![2.5], "bob".to_owned())
    );
    let refused = check(&source, &options());
    assert!(refused.diagnostics.iter().all(|d| d.class == ErrorClass::Permission), "{:?}", refused.diagnostics);
}
