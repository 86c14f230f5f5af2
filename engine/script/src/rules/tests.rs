use super::*;

const GOOD: &str = r#"//! A rule of our own.
rule("tool.slow_start", #{
    title: "The tool starts slowly",
    looks_at: "`tool.mcp.startup` at least `start`",
    needs: "`tool.mcp`: `engine run code`",
    model: "overhead share of a start in a session of ten seconds",
    effort: "hours",
    wrong_when: "sessions last for hours",
    limits: #{ start: "1 s" },
    check: |facts, limits| {
        let startup = facts.seen("tool.mcp", "startup");
        if startup.value < limits.start { return; }
        #{
            resource: "boundary", evidence: [startup], against: "start",
            cause: `a start takes ${startup}`,
            action: "start it before it is needed",
            gain: overhead("a session of ten seconds", startup.value / 10.0),
            fit: 0.6,
        }
    },
    tests: [
        #{ name: "two seconds", steps: [#{ probe: "tool.mcp", metrics: #{ startup: "2 s" } }], fires: true, says: ["2 s"] },
        #{ name: "nearly one", steps: [#{ probe: "tool.mcp", metrics: #{ startup: "990 ms" } }], fires: false },
        #{ name: "nothing", steps: [] },
    ],
});
"#;

fn load(text: &str) -> Result<UserRules, Vec<Diagnostic>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.rhai"), text).unwrap();
    UserRules::load(&[folder.path().join("missing"), folder.path().to_owned()])
}

fn wrong(text: &str) -> (usize, usize, String) {
    let Err(errors) = load(text) else { panic!("it is accepted: {text}") };
    let error = &errors[0];
    (error.place.line, error.place.column, error.message.clone())
}

#[test]
fn a_rule_has_the_same_fields_and_is_asked_like_a_built_in_one() {
    let rules = load(GOOD).unwrap();
    let about = rules.rules()[0].about();
    assert_eq!((about.id, about.effort, about.limits[0].default), ("tool.slow_start", Effort::Hours, 1.0));
    for result in rules.test() {
        assert!(result.passed, "{result:?}");
    }
    assert_eq!(rules.test().len(), 3);
}

#[test]
fn a_test_that_is_wrong_fails_and_says_why() {
    let failing = |from: &str, to: &str| {
        let results = load(&GOOD.replace(from, to)).unwrap().test();
        let failed: Vec<String> = results.into_iter().filter(|one| !one.passed).map(|one| one.why).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        failed.into_iter().next().unwrap()
    };
    assert_eq!(failing("startup: \"2 s\"", "startup: \"0.5 s\""), "it does not fire");
    assert!(failing("says: [\"2 s\"]", "says: [\"3 s\"]").contains("`3 s` is not in"));
    assert!(failing("startup: \"990 ms\"", "startup: \"1.1 s\"").starts_with("it fires"));
    assert!(
        failing("\"nearly one\"", "\"twice\", fires: true, says: [], steps: [] }, #{ name: \"x\"")
            .contains("not assessed")
    );
    // An error within the check is told with its place, and is no missing number.
    let broken = failing("start it before", "start it\", nonsense: 1, more: \"");
    assert!(broken.contains("there is no field `"), "{broken}");
}

#[test]
fn a_rule_without_both_cases_is_not_tested() {
    let start = GOOD.find("    tests: [").unwrap();
    let untested = format!("{}}});\n", &GOOD[..start]);
    let results = load(&untested).unwrap().test();
    assert_eq!(results.iter().filter(|one| !one.passed).count(), 2, "{results:?}");
}

#[test]
fn errors_have_line_and_column() {
    assert_eq!(wrong("rule(\"tool.x\", #{ title: \"a\" "), (1, 30, wrong("rule(\"tool.x\", #{ title: \"a\" ").2));
    let (line, column, message) = wrong("//! x\n  rule(\"tool.x\", #{ titel: \"a\" });");
    assert_eq!((line, column), (2, 3));
    assert!(message.contains("there is no field `titel`, did you mean `title`?"), "{message}");
    let (line, column, message) = wrong("let a = 1;\nlet b = nothing + 1;");
    assert_eq!((line, column), (2, 9), "{message}");
    for (from, to, says) in [
        ("tool.slow_start", "tols.slow", "an id is `family.name`"),
        ("\"hours\"", "\"weeks\"", "minutes, hours or days"),
        ("\"1 s\"", "\"1 furlong\"", "furlong"),
        ("check: |facts, limits|", "chek: |facts, limits|", "did you mean `check`?"),
        ("fires: true", "fires: 1", "`fires` is true or false"),
        ("tool.slow_start", "tool.persistent", "there is a rule `tool.persistent` already"),
    ] {
        let (_, _, message) = wrong(&GOOD.replace(from, to));
        assert!(message.contains(says), "{message}");
    }
    assert!(wrong("let a = 1;").2.contains("declares no rule"));
}

#[test]
fn a_rule_can_neither_read_files_nor_run_on() {
    assert!(wrong("import \"std/users\" as u;").2.len() > 3);
    assert!(wrong("eval(\"1\");").2.len() > 3);
    assert!(wrong("loop { }").2.contains("operations"));
}

#[test]
fn no_folder_means_no_rules() {
    assert!(UserRules::load(&[PathBuf::from("/nonexistent")]).unwrap().is_empty());
}

#[test]
fn the_rule_of_the_guide_is_a_rule_and_passes_its_tests() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/advice.md");
    let text = std::fs::read_to_string(guide).unwrap();
    let mut blocks = text.split("```rhai\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.contains("\nrule(")).unwrap();
    let results = load(block).unwrap().test();
    assert!(results.len() == 3 && results.iter().all(|result| result.passed), "{results:?}");
}
