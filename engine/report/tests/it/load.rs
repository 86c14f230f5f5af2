//! Loads in every format, and what is said of them.

use engine_core::event::{Note, NoteLevel, StopReason};
use engine_core::histogram::{Histogram, Packed};
use engine_core::judgement::{Judged, Judgement, Severity};
use engine_core::load::{LoadShape, LoadWindow, METRICS, PhaseShape, WindowRow, metric_of};
use engine_core::measurement::{Measurement, Record, Round};
use engine_core::plan::{Rounds, Warmup, Work};
use engine_core::run::{RunRecord, RunState, StepRecord, ValidityLevel};
use engine_core::series::Labels;
use engine_core::step::{Failure, FailureKind, Outcome};
use engine_core::unit::Unit;
use engine_report::text::{self, Style};
use engine_report::{Report, csv, json, markdown};
use insta::assert_snapshot;

use crate::fixture;

/// Latencies evenly from `from` to `to` milliseconds, and some that were cut off at `to`.
fn latencies(count: u64, from: u64, to: u64, cut_off: u64) -> Packed {
    let mut all = Histogram::new();
    (0..count).for_each(|k| all.record(from * 1_000_000 + k * (to - from) * 1_000_000 / count.max(1)));
    all.record_censored_n(to * 1_000_000, cut_off);
    all.into()
}

fn of(record: Record) -> Measurement {
    let round =
        Round { at: 1.0, seconds: 60.0, values: record.values, histogram: record.histogram, ..Round::default() };
    Measurement { metric: record.metric, labels: record.labels.with("driver", "io_uring"), rounds: vec![round] }
}

fn labels(of: &[(&str, &str)]) -> Labels {
    of.iter().copied().collect()
}

/// What one scope of a load has: response times, rates, errors.
fn part(
    of_labels: &[(&str, &str)],
    response: Packed,
    rate: f64,
    errors: f64,
    arrivals: Option<(f64, f64)>,
) -> Vec<Measurement> {
    let number = |id: &str, value: f64| of(Record::value(metric_of(id).unwrap().metric(), labels(of_labels), value));
    let mut all = vec![of(Record::latencies(METRICS[0].metric(), labels(of_labels), response))];
    all.extend([number("rate", rate), number("errors", errors)]);
    if let Some((intended, came)) = arrivals {
        all.extend([number("intended", intended), number("iterations", came), number("requests", came * 2.0)]);
    }
    all
}

/// Twenty seconds: 100/s, then 200/s asked for of which 130/s come, ever slower.
fn windows() -> Vec<LoadWindow> {
    (0..20)
        .map(|at: u32| {
            let slow = u64::from(at.saturating_sub(9));
            let (ok, failed) = if at < 10 { (200, 0) } else { (252, 8) };
            let row = WindowRow {
                labels: Labels::new(),
                started: ok + failed,
                ok,
                failed,
                response: Some(latencies(ok + failed, 2, 12 + slow * 90, 0)),
                lag: Some(latencies(ok + failed, 0, 1, 0)),
                bytes_in: 50_000,
                bytes_out: 20_000,
                errors: if failed > 0 { vec![("status 503".into(), failed)] } else { vec![] },
                ..WindowRow::default()
            };
            LoadWindow {
                step: 0,
                round: 0,
                at: f64::from(at),
                seconds: 1.0,
                rows: vec![row],
                users: 3 + slow * 9,
                phase: if at < 10 { "steady".into() } else { "spike".into() },
            }
        })
        .collect()
}

pub(crate) fn load() -> RunRecord {
    let mut record = fixture::run();
    let mut plan = fixture::planned("shop", &[], "none");
    let phase = |name: &str, start: f64, rate: f64| PhaseShape {
        name: name.into(),
        start,
        end: start + 10.0,
        rate: Some(rate),
        users: None,
    };
    plan.work = Work::Load {
        index: 0,
        shape: LoadShape {
            target: "http://127.0.0.1:8080".into(),
            model: "arrivals, even, 100/s then 200/s".into(),
            journeys: vec!["buyer".into()],
            phases: vec![phase("steady", 0.0, 100.0), phase("spike", 10.0, 200.0)],
        },
    };
    (plan.rounds, plan.warmup, plan.timeout) = (Rounds::Exact(1), Warmup::Rounds(0), 110.0);
    let mut measurements = part(&[], latencies(4600, 2, 912, 6), 226.0, 0.0174, Some((150.0, 115.0)));
    measurements.push(of(Record::value(metric_of("dropped").unwrap().metric(), Labels::new(), 0.2333)));
    measurements.extend(part(&[("phase", "steady")], latencies(2000, 2, 12, 0), 200.0, 0.0, Some((100.0, 100.0))));
    measurements.extend(part(&[("phase", "spike")], latencies(2600, 3, 912, 6), 252.0, 0.0308, Some((200.0, 130.0))));
    for (name, most) in [("GET /", 40), ("GET /products", 60), ("POST /orders", 912)] {
        measurements.extend(part(&[("name", name)], latencies(1500, 2, most, 0), 75.0, 0.0, None));
    }
    let mut memory = of(Record::value(metric_of("users").unwrap().metric(), Labels::new(), 0.0));
    (memory.metric.id, memory.metric.unit) = ("shop.rss".into(), Unit::Bytes);
    memory.rounds[0].values = (0..20).map(|k| 5e7 + 1e6 * f64::from(k)).collect();
    measurements.push(memory);
    record.steps = vec![StepRecord {
        plan: plan.clone(),
        outcome: Some(Outcome::Measured),
        stop: Some(StopReason::Done),
        measurements,
        windows: windows(),
    }];
    record.header.plan.steps = vec![plan];
    record.header.scenario.name = "load".into();
    record.header.machine_profile = None;
    (record.state, record.validity) = (RunState::Complete, engine_core::run::Validity::default());
    let note = |message: &str| Note {
        level: NoteLevel::Info,
        step: Some("shop".into()),
        message: message.into(),
        place: None,
        at: None,
    };
    record.notes = vec![
        note("driver io_uring, 1 thread, sleeping, catch-up burst"),
        note(
            "3000 arrivals due = 2300 came + 700 dropped + 0 not started; 2300 iterations; 4600 requests = 4520 ok + 80 failed",
        ),
        note("errors: status 503, 80 times, such as: POST /orders answered 503 | busy"),
    ];
    record.judged = vec![
        judged("response.p95 < 300 ms", Judgement::Fail, 0.3, "814 ms, wanted < 300 ms"),
        judged("errors < 5 %", Judgement::Pass, 0.05, "1.74 % < 5 %"),
    ];
    record
}

fn judged(text: &str, judgement: Judgement, limit: f64, reason: &str) -> Judged {
    Judged {
        step: "shop".into(),
        text: text.into(),
        severity: Severity::Fail,
        judgement,
        series: "shop.response{driver=io_uring}".into(),
        observed: None,
        limit: Some(limit),
        unit: Unit::Seconds,
        reason: reason.into(),
        place: None,
    }
}

/// The section of a load, without what surrounds it.
fn section(text: &str, from: &str, to: &[&str]) -> String {
    let start = text.find(from).unwrap_or_else(|| panic!("no `{from}` in:\n{text}"));
    let rest = &text[start..];
    let end = to.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    rest[..end].trim_end().to_owned()
}

#[test]
fn a_load_is_summed_up_on_the_terminal() {
    let record = load();
    for columns in [80, 120] {
        let shown = text::summary(&Report::of(&record), Style::new(columns, false, true));
        assert!(shown.lines().all(|line| line.chars().count() <= columns), "{shown}");
        assert!(!shown.contains("Results"), "a load has no other table: {shown}");
        assert_eq!(shown.contains("p99.9"), columns == 120, "{shown}");
    }
    let shown = text::summary(&Report::of(&record), Style::new(80, false, true));
    assert_snapshot!("a_load_is_summed_up_at_80_columns", section(&shown, "Load shop", &["Health", "Diagnostics"]));
    let line = text::result_line(&record.steps[0], Style::new(100, false, true));
    assert!(line.contains("shop") && line.contains("226/s, p50") && line.contains("errors 1.740 %"), "{line}");
}

#[test]
fn a_load_is_told_in_markdown() {
    let record = load();
    let shown = markdown::report(&Report::of(&record));
    assert!(!shown.contains("## Results"));
    assert_snapshot!(section(&shown, "## Load: ", &["## Environment"]));
}

#[test]
fn a_load_is_data_that_follows_the_schema() {
    let record = load();
    let document: serde_json::Value = serde_json::from_str(&json::report(&Report::of(&record))).unwrap();
    assert_eq!(crate::json::errors(&document), Vec::<String>::new());
    let load = &document["steps"][0]["load"];
    assert_eq!(load["windows"].as_array().unwrap().len(), 20);
    assert_eq!(load["total"]["intended_per_second"], 150.0);
    assert_eq!(load["errors"][0]["class"], "status 503");
    assert_eq!(load["errors"][0]["count"], 80);
    assert_eq!(load["errors"][0]["example"], "POST /orders answered 503 | busy");
    let p99 = &load["phases"][1]["response"][3];
    assert_eq!((p99["statistic"].as_str(), p99["above"].as_bool()), (Some("p99"), Some(false)));
    assert_eq!(load["phases"][1]["response"][5]["above"], true, "some were cut off: the largest is not known");
    assert_eq!(document["steps"][0]["metrics"][0]["samples"]["n"], 4606);
}

#[test]
fn latencies_are_rows_with_percentiles() {
    let record = load();
    let table = csv::rounds(&Report::of(&record));
    let mut reader = ::csv::Reader::from_reader(table.as_bytes());
    let row = reader.records().map(Result::unwrap).find(|row| &row[6] == "response").unwrap();
    assert_eq!(&row[18], "4606");
    let number = |column: usize| row[column].parse::<f64>().unwrap();
    assert!(number(15) < number(20) && number(20) < number(22) && number(22) <= number(23), "{row:?}");
}

fn analysis(record: &RunRecord) -> String {
    let document: serde_json::Value = serde_json::from_str(&json::report(&Report::of(record))).unwrap();
    let said = document["steps"][0]["load"]["analysis"].as_array().unwrap();
    said.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_analysis_names_what_limited_and_what_to_do() {
    let said = analysis(&load());
    for part in [
        "23.33 % of the arrivals found no user free",
        "From `steady` to `spike` more was asked for and hardly more came",
        "a second broke it first 13 s after the start in `spike`, when 260/s ended",
        "The most frequent error is `status 503`, 80 times",
        "`POST /orders` stands out",
        "Next: look into the target",
    ] {
        assert!(said.contains(part), "`{part}` in:\n{said}");
    }
}

#[test]
fn the_analysis_blames_the_generator_where_it_was_the_bottleneck() {
    let mut record = load();
    record.validity.lower(ValidityLevel::Invalid, "shop: generator out of ports, 12 times");
    let said = analysis(&record);
    assert!(said.contains("say nothing about the target: generator out of ports"), "{said}");
    assert!(said.contains("Next: give the generator more room"), "{said}");
}

#[test]
fn the_analysis_of_a_load_that_held_looks_for_more() {
    let mut record = load();
    record.judged.retain(|judged| judged.judgement == Judgement::Pass);
    let step = &mut record.steps[0];
    step.windows.truncate(10);
    step.measurements = part(&[], latencies(2000, 2, 12, 0), 200.0, 0.0, Some((100.0, 100.0)));
    record.notes.clear();
    let said = analysis(&record);
    assert!(said.contains("everything asked for was served") && !said.contains("does not hold"), "{said}");
}

#[test]
fn the_analysis_of_a_load_that_failed_says_what_to_correct() {
    let mut record = load();
    let failure = Failure::new(FailureKind::Unreachable, "http://x was never reached: connection refused");
    record.steps[0].outcome = Some(Outcome::Failed(failure));
    let said = analysis(&record);
    assert!(said.contains("never reached") && said.contains("start the target"), "{said}");
}

#[test]
fn a_second_of_a_load_is_a_line() {
    let record = load();
    let line = text::window(&record.steps[0], &record.steps[0].windows[12]);
    assert_eq!(line, "shop spike 13 s: 252/s, 30 users, p50 141 ms, p99 278.9 ms, 8 errors, lag p99 988.7 us");
}

#[test]
fn hostile_names_and_examples_reach_no_terminal() {
    let mut record = load();
    let evil = "\u{1b}[2J<script>|`\n## x";
    record.notes[2].message = format!("errors: {evil}, 3 times, such as: {evil}");
    record.steps[0].windows[15].rows[0].errors = vec![(evil.into(), 3)];
    for measurement in &mut record.steps[0].measurements {
        if measurement.labels.get("name").is_some() {
            measurement.labels = measurement.labels.clone().with("name", evil);
        }
    }
    let Work::Load { shape, .. } = &mut record.steps[0].plan.work else { unreachable!() };
    (shape.target, shape.model) = (evil.into(), evil.into());
    let shown = text::summary(&Report::of(&record), Style::new(100, false, true));
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let shown = markdown::report(&Report::of(&record));
    assert!(!shown.contains('\u{1b}') && !shown.contains("<script>") && !shown.contains("\n## x"), "{shown}");
}

#[test]
fn a_load_that_was_killed_is_told_from_its_seconds() {
    let mut record = load();
    record.steps[0].measurements.clear();
    (record.steps[0].outcome, record.steps[0].stop) = (None, None);
    record.state = RunState::Partial;
    record.judged.clear();
    let document: serde_json::Value = serde_json::from_str(&json::report(&Report::of(&record))).unwrap();
    let total = &document["steps"][0]["load"]["total"];
    assert_eq!((total["requests"].as_u64(), total["rate_per_second"].as_f64()), (Some(4600), Some(226.0)));
    assert!(analysis(&record).contains("comes from the seconds that were stored"));
}
