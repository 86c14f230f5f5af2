//! Series and samples from files: `trend`, `compare --file`, `anomaly`.

use std::fmt::Write as _;

use crate::sandbox::Sandbox;

/// A level with a small saw on it, and another from a point on.
fn stepped(n: usize, at: usize) -> Vec<f64> {
    (0..n).map(|t| if t < at { 100.0 } else { 110.0 } + [0.0, 0.7, -0.4, 0.3, -0.6][t * 7 % 5]).collect()
}

fn lines(values: &[f64]) -> String {
    values.iter().fold(String::new(), |mut text, value| {
        let _ = writeln!(text, "{value}");
        text
    })
}

#[test]
fn trend_finds_the_same_in_every_form() {
    let sandbox = Sandbox::new();
    let values = stepped(60, 40);
    sandbox.file("plain.csv", lines(&values));
    let table: String = values.iter().enumerate().fold("time,ms\n".into(), |text, (t, v)| text + &format!("{t},{v}\n"));
    sandbox.file("table.csv", &table);
    let list = serde_json::to_string(&values).unwrap();
    sandbox.file("list.json", &list);
    sandbox.file("form.json", format!("{{\"name\": \"form\", \"n_obs\": 60, \"series\": [{{\"raw\": {list}}}]}}"));
    let files = ["plain.csv", "table.csv", "list.json", "form.json"];
    let ran = sandbox.expect(0, &[&["trend", "--json", "--file"], files.as_slice()].concat());
    let found = ran.json();
    assert_eq!(found["schema_version"], 1);
    let series = found["series"].as_array().unwrap();
    let names: Vec<&str> = series.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["plain", "table", "list", "form"]);
    for one in series {
        assert_eq!((&one["n"], one["change_points"].as_array().unwrap().len()), (&60.into(), 1), "{one}");
        let point = &one["change_points"][0];
        assert_eq!(
            (&point["index"], &point["kind"], &point["tier"]),
            (&40.into(), &"step".into(), &"confirmed".into())
        );
        let size = |key: &str| point[key].as_f64().unwrap();
        assert!(size("size_low") < 0.1 && size("size_high") > 0.098 && (size("size") - 0.1).abs() < 0.01, "{point}");
        assert!(point["index_low"].as_u64() <= Some(40) && point["index_high"].as_u64() >= Some(40));
    }
    let piped = sandbox.command(&["trend", "--json", "--file", "-"]).write_stdin(list).output().unwrap();
    let piped: serde_json::Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(piped["series"][0]["change_points"], series[0]["change_points"]);
}

#[test]
fn trend_shows_a_chart_takes_acceptance_and_decides() {
    let sandbox = Sandbox::new();
    sandbox.file("s.csv", lines(&stepped(60, 40)));
    let ran = sandbox.expect(0, &["trend", "--file", "s.csv"]);
    assert!(ran.out.contains("step at point 40") && ran.out.contains("60 points"), "{}", ran.out);
    assert!(ran.out.lines().filter(|line| line.contains('•') || line.contains('*')).count() >= 4, "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100));
    sandbox.expect(11, &["trend", "--file", "s.csv", "--fail-on", "regression"]);
    let accepted =
        sandbox.expect(0, &["trend", "--file", "s.csv", "--accept", "40", "--json", "--fail-on", "regression"]);
    assert_eq!(accepted.json()["series"][0]["change_points"].as_array().unwrap().len(), 0);
    sandbox.file("late.csv", lines(&stepped(43, 40)));
    let ran = sandbox.expect(12, &["trend", "--file", "late.csv", "--json", "--fail-on", "inconclusive"]);
    assert_eq!(ran.json()["series"][0]["change_points"][0]["tier"], "suspect");
    for policy in ["otava", "asv", "perfherder", "t:0.9999"] {
        let ran = sandbox.expect(0, &["trend", "--file", "s.csv", "--json", "--policy", policy]);
        let points = ran.json()["series"][0]["change_points"].clone();
        assert!(points.as_array().unwrap().iter().any(|point| point["index"] == 40), "{policy}: {points}");
    }
}

#[test]
fn trend_says_what_is_wrong_with_a_file() {
    let sandbox = Sandbox::new();
    sandbox.expect(2, &["trend", "--file", "nowhere.csv"]).says(&["cannot read `nowhere.csv`"]);
    sandbox.file("words.csv", "v\n1\nx\n");
    sandbox.expect(2, &["trend", "--file", "words.csv"]).says(&["line 3: `x` is not a number"]);
    sandbox.file("empty.csv", "");
    sandbox.expect(2, &["trend", "--file", "empty.csv"]).says(&["there is no value in it"]);
    sandbox.file("gaps.csv", format!("t,v\n1,\n2,NaN\n{}", (3..70).map(|t| format!("{t},5\n")).collect::<String>()));
    let ran = sandbox.expect(0, &["trend", "--file", "gaps.csv"]);
    ran.says(&["2 of 69 values are missing"]);
    assert!(ran.out.contains("no change found") && ran.out.contains("2 missing"), "{}", ran.out);
    sandbox.file("two.csv", "1\n2\n");
    assert!(sandbox.expect(0, &["trend", "--file", "two.csv"]).out.contains("too few points"));
    sandbox.expect(2, &["trend", "--file", "two.csv", "--policy", "hunter"]).says(&["is no policy", "otava"]);
    sandbox.expect(2, &["trend"]).says(&["METRIC"]);
}

#[test]
fn samples_from_files_are_compared_by_process_run() {
    let sandbox = Sandbox::new();
    let side =
        |level: f64| (0..12).map(|t| level * (1.0 + 0.003 * [0.0, 1.0, -1.5, 0.5, -0.2][t % 5])).collect::<Vec<_>>();
    sandbox.file("a.txt", lines(&side(10.0)));
    sandbox.file("b.txt", lines(&side(10.5)));
    let found = sandbox.expect(0, &["compare", "--file", "a.txt", "b.txt", "--json"]).json();
    assert_eq!(found["verdict"], "worse");
    let number = |key: &str| found[key].as_f64().unwrap();
    assert!(
        (number("ratio") - 1.05).abs() < 0.005 && number("low") > 1.04 && number("high") < 1.06 && number("p") < 0.001
    );
    sandbox.expect(11, &["compare", "--file", "a.txt", "b.txt", "--fail-on", "regression"]);
    let found = sandbox.expect(0, &["compare", "--file", "a.txt", "b.txt", "--json", "--goal", "higher"]).json();
    assert_eq!(found["verdict"], "better");
    let found = sandbox.expect(0, &["compare", "--file", "a.txt", "a.txt", "--json"]).json();
    assert_eq!(found["verdict"], "equivalent");
    // A thousand iterations of two processes are two runs: too few to judge.
    let groups = |level: f64| {
        (0..1000).fold("process,value\n".to_owned(), |text, i| {
            text + &format!("{},{}\n", i % 2, level * (1.0 + 0.001 * f64::from(i % 7)))
        })
    };
    sandbox.file("a.csv", groups(1.0));
    sandbox.file("b.csv", groups(1.02));
    let ran = sandbox.expect(0, &["compare", "--file", "a.csv", "b.csv", "--json"]);
    assert_eq!((&ran.json()["verdict"], &ran.json()["rounds_needed"]), (&"inconclusive".into(), &5.into()));
    sandbox.expect(12, &["compare", "--file", "a.csv", "b.csv", "--fail-on", "inconclusive"]);
    sandbox.expect(2, &["compare", "--file", "a.csv", "b.csv", "--value", "ms"]).says(&["no column `ms`"]);
    sandbox.expect(2, &["compare", "a.csv", "b.csv", "--group", "process"]).says(&["--file"]);
}

#[test]
fn anomalies_are_scored_point_by_point() {
    let sandbox = Sandbox::new();
    let row = |t: usize| {
        let value = if t == 150 { 90.0 } else { 20.0 + [0.0, 0.7, -0.4, 0.3, -0.6][t * 7 % 5] };
        format!("2026-01-01 {:02}:{:02}:00,cpu,{value}\n", t / 60, t % 60)
    };
    sandbox.file("m.csv", format!("stamp,name,load\n{}", (0..200).map(row).collect::<String>()));
    let args = ["anomaly", "m.csv", "--time", "stamp", "--value", "load", "--detector", "robust"];
    let ran = sandbox.expect(0, &args);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("time,value,score,flag", 201));
    let flagged: Vec<&&str> = lines.iter().filter(|line| line.ends_with(",1")).collect();
    assert_eq!(flagged.len(), 1, "{flagged:?}");
    let score = flagged[0].strip_prefix("2026-01-01 02:30:00,90,").and_then(|rest| rest.strip_suffix(",1")).unwrap();
    assert!(score.parse::<f64>().unwrap() > 0.9, "{flagged:?}");
    let json = sandbox.expect(0, &[args.as_slice(), &["--json"]].concat()).json();
    assert_eq!(json["points"][150]["flag"], true);
    sandbox.expect(2, &["anomaly", "m.csv", "--value", "nothing"]).says(&["no column `nothing`"]);
}
