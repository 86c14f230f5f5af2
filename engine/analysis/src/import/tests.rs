use super::*;
use engine_core::run::Timestamp;

/// Name, where it was, text, what must be read.
macro_rules! sample {
    ($format:expr, $name:literal, $path:literal) => {
        (
            $format,
            $path,
            include_str!(concat!("samples/", $name)),
            include_str!(concat!("samples/", $name, ".expected")),
        )
    };
}

const SAMPLES: [(Format, &str, &str, &str); 13] = [
    sample!(Format::Hyperfine, "hyperfine.json", "x.json"),
    sample!(Format::Pytest, "pytest.json", "x.json"),
    sample!(Format::Fio, "fio.json", "x.json"),
    sample!(Format::Go, "go.txt", "x.txt"),
    sample!(Format::Libtest, "libtest.txt", "x.txt"),
    sample!(Format::Criterion, "criterion.txt", "x.txt"),
    sample!(Format::Criterion, "criterion_sample.json", "t/criterion/copy/vector/4096/new/sample.json"),
    sample!(Format::Criterion, "criterion_lines.json", "x.json"),
    sample!(Format::Google, "google.json", "x.json"),
    sample!(Format::Jmh, "jmh.json", "x.json"),
    sample!(Format::K6, "k6.json", "x.json"),
    sample!(Format::K6, "k6_handle_summary.json", "x.json"),
    sample!(Format::Bmf, "bmf.json", "x.json"),
];

fn shown(labels: &Labels) -> String {
    labels.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

#[test]
fn every_sample_is_recognised_and_read_value_by_value() {
    for (format, path, text, expected) in SAMPLES {
        assert_eq!(detect(text), Ok(format), "{path}");
        let run = read(format, text, path).unwrap_or_else(|error| panic!("{format}: {error}"));
        let read: Vec<(&Bench, &Series)> =
            run.benches.iter().flat_map(|bench| bench.series.iter().map(move |series| (bench, series))).collect();
        let wanted: Vec<&str> = expected.lines().collect();
        let found: Vec<String> =
            read.iter().map(|(bench, series)| format!("{} {}", bench.name, series.metric.id)).collect();
        assert_eq!(read.len(), wanted.len(), "{format}: {found:#?}");
        for line in wanted {
            let parts: Vec<&str> = line.split(" | ").collect();
            let &[name, labels, id, own, unit, goal, rounds] = parts.as_slice() else { panic!("{line}") };
            let (_, series) = read
                .iter()
                .find(|(bench, series)| {
                    bench.name == name
                        && shown(&bench.labels) == labels
                        && series.metric.id == id
                        && shown(&series.labels) == own
                })
                .unwrap_or_else(|| panic!("{format}: `{line}` was not read: {read:#?}"));
            assert_eq!(series.metric.unit.to_string(), unit, "{line}");
            assert_eq!(format!("{:?}", series.metric.goal).to_lowercase(), goal, "{line}");
            let rounds: Vec<Vec<f64>> = rounds
                .split("; ")
                .map(|round| round.split(' ').map(|value| value.parse().unwrap()).collect())
                .collect();
            assert_eq!(series.rounds.len(), rounds.len(), "{line}");
            for (got, want) in series.rounds.iter().flatten().zip(rounds.iter().flatten()) {
                assert!((got - want).abs() <= 1e-12 * want.abs(), "{line}: {got}");
            }
            let lengths = |rounds: &[Vec<f64>]| rounds.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(lengths(&series.rounds), lengths(&rounds), "{line}");
        }
    }
}

#[test]
fn what_the_files_say_of_themselves_is_kept() {
    let of = |format, at: usize| read(format, SAMPLES[at].2, "x").unwrap();
    let google = of(Format::Google, 8);
    assert_eq!((google.started, google.host.as_deref()), (time::micros("2026-11-26T17:09:05Z"), Some("vm")));
    assert!(google.remarks[0].contains("debugging"), "{:?}", google.remarks);
    let pytest = of(Format::Pytest, 1);
    assert_eq!((pytest.version.as_deref(), pytest.commit, pytest.branch), (Some("5.3.1"), None, None));
    let known = SAMPLES[1].2.replace("\"unknown\"", "\"0123abcd\"").replace("(unknown)", "main");
    let known = read(Format::Pytest, &known, "x").unwrap();
    assert_eq!((known.commit.as_deref(), known.branch.as_deref()), (Some("0123abcd"), Some("main")));
    assert_eq!(known.dirty, Some(false));
    assert_eq!(of(Format::Fio, 2).version.as_deref(), Some("3.33"));
    assert_eq!(of(Format::Jmh, 9).version.as_deref(), Some("1.37"));
}

#[test]
fn blocks_of_go_are_processes() {
    let block = "goos: linux\npkg: p\nBenchmarkA-2 100 4 ns/op\nBenchmarkA-2 100 2 ns/op\nPASS\n";
    let run = read(Format::Go, &block.repeat(2), "x").unwrap();
    assert_eq!(run.benches[0].series[0].rounds, [vec![4e-9, 2e-9], vec![4e-9, 2e-9]]);
    let own = read(Format::Go, "BenchmarkB 10 7 ns/op 3 widgets 2.5 req/s 4 polls/op\n", "x").unwrap();
    let read: Vec<(&str, Unit, Goal)> =
        own.benches[0].series.iter().map(|s| (s.metric.id.as_str(), s.metric.unit, s.metric.goal)).collect();
    assert_eq!(
        read,
        [
            ("time", Unit::Seconds, Goal::Lower),
            ("widgets", Unit::Count, Goal::Neutral),
            ("req", Unit::PerSecond, Goal::Higher),
            ("polls", Unit::Count, Goal::Lower)
        ]
    );
    let json = "{\"Action\":\"output\",\"Output\":\"BenchmarkA\\t\"}\n{\"Action\":\"output\",\"Output\":\"100\\t5 ns/op\\n\"}\n";
    assert_eq!(detect(json), Ok(Format::Go));
    assert_eq!(super::read(Format::Go, json, "x").unwrap().benches[0].name, "A");
}

#[test]
fn oddities_of_the_formats() {
    // Thousands, other units, ignored ones.
    let text = "test a::b ... ignored\ntest a::c ... bench:       3,161 ns/iter (+/- 975)\ntest d ... bench: 22 ms/iter (+/- 1)\n\
                test e ... bench: 1 \u{3bc}s/iter (+/- 1)\n";
    let run = read(Format::Libtest, text, "x").unwrap();
    let times: Vec<(&str, f64)> = run.benches.iter().map(|b| (b.name.as_str(), b.series[0].rounds[0][0])).collect();
    assert_eq!(times, [("a::c", 3161.0 * 1e-9), ("d", 22.0 * 1e-3), ("e", 1e-6)]);
    // A long name stands on a line of its own; changes are no results; ignored tests of the harness are none either.
    let text = "test x ... ignored\na/very/long/name\n                        time:   [1.0 \u{b5}s 2.0 \u{b5}s 3.0 \u{b5}s]\n\
                        \x20       change: [-2.0% -0.2% +1.6%] (p = 0.79 > 0.05)\n                        time:   [-2.0% +0.1% +1.6%]\n";
    assert_eq!(detect(text), Ok(Format::Criterion));
    let run = read(Format::Criterion, text, "x").unwrap();
    assert_eq!((run.benches.len(), run.benches[0].name.as_str()), (1, "a/very/long/name"));
    assert_eq!(run.benches[0].series[0].rounds, [[2e-6]]);
    // Samples that were cut out leave the statistics.
    let cut = r#"{"machine_info": {}, "benchmarks": [{"name": "t", "stats": {"median": 2.0, "mean": 3.0, "data": [1.0, "... omitted"]}}]}"#;
    let run = read(Format::Pytest, cut, "x").unwrap();
    assert_eq!(run.benches[0].series.len(), 2);
    assert!(run.remarks[0].contains("benchmarks[0].stats.data[1]"), "{:?}", run.remarks);
    // What fio warns of before its JSON.
    assert_eq!(detect(&format!("fio: a warning\n{}", SAMPLES[2].2)), Ok(Format::Fio));
    // Only aggregates.
    let only = r#"{"context": {}, "benchmarks": [{"name": "b_median", "run_name": "b", "run_type": "aggregate", "aggregate_name": "median", "real_time": 3.0, "cpu_time": 2.0, "time_unit": "ms"}]}"#;
    let run = read(Format::Google, only, "x").unwrap();
    assert_eq!(run.benches[0].series[0].labels.get("stat"), Some("median"));
    assert_eq!(run.benches[0].series[0].rounds, [[3e-3]]);
    let swept = r#"{"context": {}, "benchmarks": [{"name": "b/threads:1", "run_name": "b/threads:1", "run_type": "iteration", "threads": 1, "real_time": 3.0, "time_unit": "ns"},
        {"name": "b/threads:2", "run_name": "b/threads:2", "run_type": "iteration", "threads": 2, "real_time": 4.0, "time_unit": "ns"}]}"#;
    let run = read(Format::Google, swept, "x").unwrap();
    assert!(run.benches.iter().all(|bench| bench.name == "b") && run.benches.len() == 2);
    assert_eq!(shown(&run.benches[0].labels), "threads=1");
    // A run that failed, and one without samples.
    let failed =
        r#"{"results": [{"command": "a b", "median": 2.0, "exit_codes": [0, null, 3], "parameters": {"n": "4"}}]}"#;
    let run = read(Format::Hyperfine, failed, "x").unwrap();
    assert!(run.remarks[0].starts_with("2 runs of `a b`"), "{:?}", run.remarks);
    assert_eq!(shown(&run.benches[0].labels), "n=4");
}

#[test]
fn errors_name_the_place() {
    let fails = |format, text: &str| read(format, text, "x").expect_err("it is wrong").to_string();
    assert_eq!(fails(Format::Hyperfine, "{"), "line 1, column 1: the file ends too early");
    assert_eq!(fails(Format::Hyperfine, "{}"), "`the file`: `results` is missing");
    let odd = r#"{"results": [{"command": "a", "times": [1.0, null]}]}"#;
    assert_eq!(fails(Format::Hyperfine, odd), "`results[0].times[1]`: a number is expected, not null");
    assert_eq!(fails(Format::Hyperfine, r#"{"results": []}"#), "it holds no measurement of hyperfine");
    assert_eq!(fails(Format::Libtest, "test a ... bench: x ns/iter"), "line 1: there is no number before `/iter`");
    assert_eq!(fails(Format::Libtest, "\ntest a ... bench: 1 eons/iter"), "line 2: `eons` is no unit of time");
    assert_eq!(fails(Format::Go, "BenchmarkA 1 5 ns/op 6\n"), "line 1: `6` has no unit");
    let uneven = r#"{"iters": [1, 2], "times": [1]}"#;
    assert_eq!(fails(Format::Criterion, uneven), "`times`: 1 times for 2 counts");
    assert!(fails(Format::Bmf, r#"{"a": {"latency": {}}}"#).starts_with("`a.latency`: `value` is missing"));
    for (text, say) in [
        ("", "it is empty"),
        ("hello\n", "`hello`"),
        ("{\"a\": 1}", "the keys a"),
        ("[1]", "array"),
        ("{\"a\": ", "none"),
    ] {
        let error = detect(text).expect_err("none of ours").to_string();
        assert!(error.contains(say), "{error}");
    }
    let error = "hyperfin".parse::<Format>().expect_err("a slip").to_string();
    assert!(error.contains("did you mean `hyperfine`?"), "{error}");
}

#[test]
fn a_run_is_made_that_is_like_any_other() {
    let origin = Origin {
        scenario: "bench".into(),
        source: "x.json".into(),
        hash: "00ff00ff00ff00ff11".into(),
        started: Timestamp(1_700_000_000_000_000),
        commit: Some("abc".into()),
        branch: None,
        tags: [("pr".to_owned(), "5".to_owned())].into(),
        engine: "0.1.0".into(),
    };
    for (format, path, text, _) in SAMPLES {
        let imported = read(format, text, path).unwrap();
        let run = record(&imported, &origin);
        assert_eq!(run.header.plan.steps.len(), run.steps.len());
        let paths: std::collections::BTreeSet<String> = run.steps.iter().map(|step| step.plan.path()).collect();
        assert_eq!(paths.len(), run.steps.len(), "{format}: steps of one name are told apart");
        for step in &run.steps {
            let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            assert!(step.plan.name.chars().all(good), "{}", step.plan.name);
            assert!(step.measurements.iter().all(|measurement| measurement.estimate().is_some()), "{format}");
        }
        assert_eq!(run.header.code.commit.known().map(String::as_str), Some("abc"));
        assert_eq!(run, record(&imported, &origin), "the same file gives the same run");
    }
    // Five rounds of processes of their own are enough for an interval; one round is not.
    let hyperfine = record(&read(Format::Hyperfine, SAMPLES[0].2, "x").unwrap(), &origin);
    assert!(hyperfine.steps[0].measurements[0].estimate().unwrap().interval.is_some());
    let once = read(Format::Google, SAMPLES[8].2, "x").unwrap();
    assert!(record(&once, &origin).steps[0].measurements[0].estimate().unwrap().interval.is_none());
    // Files of five processes are five rounds.
    let joined = (0..4).fold(once.clone(), |all, _| all.joined(once.clone()));
    assert_eq!(joined.benches[0].series[0].rounds.len(), 5);
    assert!(record(&joined, &origin).steps[0].measurements[0].estimate().unwrap().interval.is_some());
}

#[test]
fn names_become_names() {
    for (name, want) in [
        ("tests::a", "tests.a"),
        ("Copy/64", "Copy.64"),
        ("sleep 0.1", "sleep.0.1"),
        ("\u{b7}gc", "gc"),
        ("::", "unnamed"),
    ] {
        assert_eq!(record::slug(name), want);
    }
}
