//! Knowing ourselves: `accuracy`, `simulate`, and a forecast that must beat "no change".

use crate::sandbox::Sandbox;
use crate::simulated::{Run, TIME};

#[test]
fn a_simulation_says_what_would_be_found() {
    let sandbox = Sandbox::new();
    sandbox.expect(4, &["simulate"]).says(&["nothing is stored yet"]);
    sandbox.stored((0..40).map(|day| Run::of(day, 1.0)));
    sandbox.stored((0..5).map(|day| Run { suite: "short", ..Run::of(day, 1.0) }));
    let found = sandbox.expect(0, &["simulate", "--inject", "8%", "--draws", "10", "--json"]).json();
    let of = |name: &str| found["series"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    let one = of("night/sort.time");
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or_else(|| panic!("{one}"));
    assert!((number(&one["noise"]) - 0.01).abs() < 0.006, "{one}");
    assert!(number(&one["suspected"]["share"]) >= 0.9 && number(&one["suspected"]["runs_median"]) <= 3.0, "{one}");
    assert!((0.005..0.08).contains(&number(&one["smallest"])), "{one}");
    assert!(number(&one["false_confirmed_per_100_runs"]) <= 0.5, "{one}");
    assert!(of("short/sort.time")["not_simulated"].as_str().unwrap().contains("too few"));
    let text = sandbox.expect(0, &["simulate", "night/*", "--draws", "5"]).out;
    assert!(text.contains("night/sort.time") && text.contains("If the next runs were 5.0 % worse"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    for bad in ["0%", "100%", "much", "-5%"] {
        sandbox.expect(2, &["simulate", &format!("--inject={bad}")]).says(&["--inject"]);
    }
    sandbox.expect(2, &["simulate", "tmie"]).says(&["did you mean `time`"]);
}

#[test]
fn accuracy_counts_what_people_said() {
    let sandbox = Sandbox::new();
    sandbox.expect(4, &["accuracy"]);
    sandbox.stored((0..50).map(|day| Run::of(day, if day < 30 { 1.0 } else { 1.1 })));
    assert!(sandbox.expect(4, &["accuracy"]).out.contains("engine alerts label"));
    let runs = sandbox.expect(0, &["runs", "list", "-n", "100", "--json"]).json();
    let run = |day: usize| runs["runs"][49 - day]["id"].as_str().unwrap().to_owned();
    sandbox.expect(0, &["alerts", "missed", "sort.time", "--run", &run(30), "--why", "seen by hand"]);
    sandbox.expect(2, &["alerts", "missed", "tmie", "--run", &run(30)]).says(&["did you mean"]);
    let found = sandbox.expect(0, &["accuracy", "--json", "--policy", "perfherder,static:..5"]).json();
    assert_eq!((&found["labelled"], &found["missed"]), (&0.into(), &1.into()));
    let of =
        |name: &str| found["policies"].as_array().unwrap().iter().find(|one| one["policy"] == name).unwrap().clone();
    let ours = of("change points");
    assert_eq!((&ours["recall"], &ours["replayed"], &ours["hits"]), (&1.0.into(), &true.into(), &1.into()));
    assert!(ours["delay_runs_median"].as_f64().unwrap() <= 3.0, "{ours}");
    assert!(of("perfherder")["delay_runs_median"].as_f64().unwrap() >= 8.0);
    assert_eq!(of("static:..5")["recall"], 0.0);
    let text = sandbox.expect(0, &["accuracy"]).out;
    assert!(text.contains("change points (replayed)") && text.contains("otava:0.001 (replayed)"), "{text}");
    sandbox.expect(2, &["accuracy", "--policy", "hunter"]).says(&["is no policy"]);
}

#[test]
fn a_forecast_is_told_where_it_beat_no_change() {
    let sandbox = Sandbox::new();
    let values = |level: f64, day: usize| {
        let saw = [0.0, 0.7, -0.4, 0.3, -0.6, 0.1, -0.2][day * 3 % 7];
        vec![("sort", TIME, vec![level + 0.005 * saw; 5])]
    };
    let suite = |suite, slope: f64| {
        (0..90).map(move |day| Run { suite, values: values(1.0 + slope * day as f64, day), ..Run::of(day, 0.0) })
    };
    sandbox.stored(suite("grows", 0.002));
    sandbox.stored(suite("stays", 0.0));
    let args = ["trend", "grows/*", "--forecast", "20d", "--threshold", "1.2 s"];
    let found = sandbox.expect(0, &[args.as_slice(), &["--json"]].concat()).json();
    let one = &found["series"][0]["forecast"];
    let number =
        |key: &str| one[key].as_f64().unwrap_or_else(|| panic!("{key} of {}", found["series"][0]["no_forecast"]));
    // Day 109 of a ramp of 2 ms a day.
    assert!((number("value") - 1.218).abs() < 0.01 && number("low") < 1.218 && number("high") > 1.218, "{one}");
    assert!(number("backtest_error") < number("no_change_error"), "{one}");
    assert!(one["threshold"]["at"].as_str().unwrap().starts_with("2026-01-1"), "{one}");
    let text = sandbox.expect(0, &args).out;
    assert!(text.contains("forecast for 2026-01-") && text.contains("1.200 s is reached on"), "{text}");
    let silent = sandbox.expect(0, &["trend", "stays/*", "--forecast", "20d"]).out;
    assert!(silent.contains("no forecast: ") && silent.contains("no change"), "{silent}");
    sandbox.expect(2, &["trend", "stays/*", "--forecast", "20d", "--threshold", "5 MB"]).says(&["measured in s"]);
    sandbox.expect(2, &["trend", "stays/*", "--threshold", "5 s"]).says(&["--forecast"]);
    sandbox.expect(2, &["trend", "stays/*", "--forecast", "soon"]).says(&["--forecast"]);
    let far = sandbox.expect(0, &["trend", "grows/*", "--forecast", "900d"]).out;
    assert!(far.contains("too short a past"), "{far}");
}

#[test]
fn patterns_with_planted_causes_are_found() {
    let sandbox = Sandbox::new();
    sandbox.expect(4, &["patterns"]).says(&["nothing is stored yet"]);
    let runs = (0..120).map(|at| {
        let mut random = engine_core::stats::Stream::new(77, &[at as u64]);
        let load = random.unit_f64();
        // Slower by day, and by load; both steps change on day 20.
        let busy = if at % 4 == 2 { 1.04 } else { 1.0 };
        let level = if at < 80 { 1.0 } else { 1.1 };
        let mut noisy = |value: f64| vec![value * (1.0 + 0.005 * random.normal()); 5];
        let values = vec![
            ("sort", TIME, noisy(level * busy)),
            ("parse", TIME, noisy(level)),
            ("write", TIME, noisy(1.0 + 0.08 * load)),
        ];
        Run { day: at as f64 * 0.25, load, values, ..Run::of(at, 1.0) }
    });
    sandbox.stored(runs);
    let found = sandbox.expect(0, &["patterns", "--json"]).json();
    assert_eq!(found["series"], 3);
    let cycles = found["cycles"].as_array().unwrap();
    assert_eq!(cycles.len(), 1, "{cycles:?}");
    assert_eq!((&cycles[0]["series"], &cycles[0]["period"]), (&"night/sort.time".into(), &"daily".into()));
    let shared = found["shared_changes"].as_array().unwrap();
    assert_eq!((shared.len(), shared[0]["series"].as_array().unwrap().len()), (1, 2), "{shared:?}");
    let explained = found["explained_by"].as_array().unwrap();
    let write: Vec<&str> = explained
        .iter()
        .filter(|one| one["series"] == "night/write.time")
        .map(|one| one["fact"].as_str().unwrap())
        .collect();
    assert_eq!(write, ["load.before.average_1"], "{explained:?}");
    let text = sandbox.expect(0, &["patterns"]).out;
    for word in ["Cycles", "night/sort.time: daily", "2 series changed between runs", "`load.before.average_1`"] {
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(word), "`{word}` is not in\n{text}");
    }
    sandbox.expect(2, &["patterns", "tmie"]).says(&["did you mean `time`"]);
}
