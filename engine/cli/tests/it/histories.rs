//! `engine trend METRIC` over stored runs of known truth.

use engine_core::metric::{Goal, MetricDef};
use engine_core::plan::Profile;
use engine_core::run::{RunState, ValidityLevel};
use engine_core::unit::Unit;

use crate::sandbox::Sandbox;
use crate::simulated::{Run, TIME, commit, rounds};

fn level(day: usize) -> f64 {
    if day < 30 { 1.0 } else { 1.08 }
}

#[test]
fn a_step_is_found_with_its_commits_and_its_direction() {
    let sandbox = Sandbox::new();
    let ids = sandbox.stored((0..45).map(|day| Run::of(day, level(day))));
    let ran = sandbox.expect(0, &["trend", "night/sort.time", "--json"]);
    let found = ran.json();
    assert_eq!(found["schema_version"], 1);
    let series = &found["series"][0];
    assert_eq!((&series["name"], &series["n"]), (&"night/sort.time".into(), &45.into()));
    assert_eq!((&series["branch"], &series["machine"]), (&"main".into(), &"machine-one".into()));
    assert_eq!((&series["unit"], &series["goal"]), (&"s".into(), &"lower".into()));
    let points = series["change_points"].as_array().unwrap();
    assert_eq!(points.len(), 1, "{points:?}");
    let point = &points[0];
    let texts = ["kind", "tier", "direction"].map(|key| point[key].as_str().unwrap());
    assert_eq!((texts, &point["index"]), (["step", "confirmed", "worse"], &30.into()));
    let size = |key: &str| point[key].as_f64().unwrap();
    assert!((size("size") - 0.08).abs() < 0.01 && size("size_low") < 0.08 && size("size_high") > 0.08, "{point}");
    assert_eq!(point["last_old"]["run"], ids[29].as_str());
    assert_eq!(point["first_new"]["commit"], commit(30).as_str());
    assert!(point["index_low"].as_u64() <= Some(30) && point["index_high"].as_u64() >= Some(30));
    assert_eq!(series["runs"][44]["run"], ids[44].as_str());
    let text = sandbox.expect(0, &["trend", "sort.time"]).out;
    let short = |day: usize| commit(day)[..12].to_owned();
    for word in
        ["night/sort.time", "main on machine", "45 runs", "step, worse", &format!("{}..{}", short(29), short(30))]
    {
        assert!(text.contains(word), "`{word}` is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    sandbox.expect(11, &["trend", "time", "--fail-on", "regression"]);
    // Only what came after the step.
    let late = sandbox.expect(0, &["trend", "time", "--last", "14", "--json", "--fail-on", "regression"]).json();
    assert_eq!(
        (&late["series"][0]["n"], late["series"][0]["change_points"].as_array().unwrap().len()),
        (&14.into(), 0)
    );
    let otava = sandbox.expect(0, &["trend", "time", "--policy", "otava", "--json"]).json();
    assert!(
        otava["series"][0]["change_points"].as_array().unwrap().iter().any(|point| point["index"] == 30),
        "{otava}"
    );
}

#[test]
fn branches_and_machines_are_series_of_their_own() {
    let sandbox = Sandbox::new();
    let on = |branch, machine, level: f64| (0..12).map(move |day| Run { branch, machine, ..Run::of(day, level) });
    sandbox.stored(on(Some("main"), "machine-one", 1.0));
    sandbox.stored(on(Some("topic"), "machine-one", 1.3));
    sandbox.stored(on(None, "machine-two", 2.0));
    let all = |args: &[&str]| {
        let found = sandbox.expect(0, &[&["trend", "*", "--json"], args].concat()).json();
        let series = found["series"].as_array().unwrap().clone();
        assert!(series.iter().all(|one| one["n"] == 12 && one["change_points"] == serde_json::json!([])), "{series:?}");
        series.len()
    };
    assert_eq!(all(&[]), 3);
    assert_eq!(all(&["--branch", "main"]), 1);
    assert_eq!(all(&["--machine", "machine-o"]), 2);
    sandbox.expect(2, &["trend", "*", "--machine", "machine"]).says(&["could be", "say more of it"]);
    sandbox.expect(2, &["trend", "*", "--machine", "other"]).says(&["no stored run is of machine `other`"]);
    sandbox.expect(4, &["trend", "*", "--branch", "gone"]).says(&["stored, but not with `--branch gone`"]);
}

#[test]
fn what_was_measured_in_another_way_splits_the_series_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.stored((0..12).map(|day| Run::of(day, 1.0)));
    sandbox.stored((12..24).map(|day| Run { method: 2, ..Run::of(day, 1.5) }));
    sandbox.stored((24..36).map(|day| Run { method: 2, limit: "2000", ..Run::of(day, 3.0) }));
    let bytes = MetricDef::cost("time", Unit::Bytes, "");
    sandbox.stored(
        (36..48).map(|day| Run { values: vec![("sort", bytes, rounds(day as u64, 9.0))], ..Run::of(day, 0.0) }),
    );
    let turned = MetricDef { goal: Goal::Higher, ..TIME };
    sandbox.stored(
        (48..60).map(|day| Run { values: vec![("sort", turned, rounds(day as u64, 9.0))], ..Run::of(day, 0.0) }),
    );
    let found = sandbox.expect(0, &["trend", "time", "--json", "--fail-on", "regression"]).json();
    let series = found["series"].as_array().unwrap();
    assert_eq!(series.len(), 5);
    assert!(series.iter().all(|one| one["change_points"] == serde_json::json!([])), "{series:?}");
    let reasons: Vec<String> = series.iter().map(|one| one["apart"].to_string()).collect();
    for word in [
        "the probe's method was version 1 and is 2",
        "`limit` was `1000` and is `2000`",
        "in s before",
        "before, less was better",
    ] {
        assert!(reasons.iter().any(|reason| reason.contains(word)), "`{word}` is not in {reasons:?}");
    }
    assert!(sandbox.expect(0, &["trend", "time"]).out.contains("a series of its own: "));
}

#[test]
fn runs_that_do_not_count_are_left_out_and_counted() {
    let sandbox = Sandbox::new();
    sandbox.stored((0..15).map(|day| Run::of(day, 1.0)));
    let bad = |day| Run::of(day, 50.0);
    sandbox.stored([
        Run { profile: Profile::Tiny, ..bad(20) },
        Run { profile: Profile::Tiny, ..bad(21) },
        Run { state: RunState::Partial, ..bad(22) },
        Run { state: RunState::Crashed, ..bad(23) },
        Run { validity: ValidityLevel::Invalid, ..bad(24) },
    ]);
    sandbox.stored([Run { validity: ValidityLevel::Degraded, ..Run::of(25, 1.0) }]);
    let found = sandbox.expect(0, &["trend", "time", "--json"]).json();
    let series = &found["series"][0];
    assert_eq!((&series["n"], series["change_points"].as_array().unwrap().len()), (&16.into(), 0));
    assert_eq!(series["left_out"], serde_json::json!({ "tiny": 2, "unfinished": 2, "invalid": 1 }));
    let text = sandbox.expect(0, &["trend", "time"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("left out: 2 of the tiny profile, 2 not complete, 1 invalid"), "{text}");
}

#[test]
fn bad_input_has_clear_answers() {
    let sandbox = Sandbox::new();
    sandbox.expect(4, &["trend", "time"]).says(&["nothing is stored yet"]);
    sandbox.stored((0..2).map(|day| Run::of(day, 1.0)));
    assert!(sandbox.expect(0, &["trend", "time"]).out.contains("too few runs to say anything: 2 of 10"));
    sandbox.expect(2, &["trend", "tmie"]).says(&["did you mean `time`"]);
    sandbox.expect(2, &["trend", "nigt/sort.time"]).says(&["did you mean `night/sort.time`"]);
    sandbox.expect(2, &["trend", "time{a"]).says(&["labels stand in braces"]);
    sandbox.expect(2, &["trend", ""]).says(&["a selector names a metric"]);
    sandbox.expect(2, &["trend", "time", "--since", "soon"]).says(&["--since"]);
    sandbox.expect(2, &["trend", "time", "--last", "0"]).says(&["--last"]);
    sandbox.expect(2, &["trend", "time", "--file", "x.csv"]).says(&["cannot be used with"]);
    sandbox.expect(2, &["trend", "time", "--policy", "hunter"]).says(&["is no policy"]);
    // Constant values, zeros, and a metric that is sometimes no number.
    let odd =
        |value: f64| (0..30).map(move |day| Run { values: vec![("sort", TIME, vec![value; 5])], ..Run::of(day, 0.0) });
    for (suite, value) in [("constant", 5.0), ("zero", 0.0), ("none", f64::NAN)] {
        sandbox.stored(odd(value).map(|run| Run { suite, ..run }));
    }
    for (selector, n) in [("constant/*", 30), ("zero/*", 30)] {
        let found = sandbox.expect(0, &["trend", selector, "--json"]).json();
        let series = &found["series"][0];
        assert_eq!((&series["n"], series["change_points"].as_array().unwrap().len()), (&n.into(), 0), "{selector}");
    }
    sandbox.expect(4, &["trend", "none/*"]).says(&["no run has a value"]);
    // Two runs that began at the same moment, and a gap of a year.
    sandbox.stored((0..12).map(|day| Run {
        suite: "gap",
        machine: "a",
        ..Run::of(day % 6 + if day < 6 { 0 } else { 365 }, 1.0)
    }));
    let found = sandbox.expect(0, &["trend", "gap/*", "--json"]).json();
    assert_eq!(found["series"][0]["n"], 12);
    let hostile = "x\u{1b}[31m".to_owned();
    assert!(!sandbox.run(&["trend", &hostile]).err.contains('\u{1b}'));
}
