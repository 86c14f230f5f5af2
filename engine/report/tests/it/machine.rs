//! What was measured against what the machine should reach, in every format.

use engine_core::expected::{ChosenProfile, Figure, FigureKind};
use engine_core::run::RunRecord;
use engine_report::text::{Style, summary};
use engine_report::{Report, json, markdown};
use serde_json::Value;

use crate::fixture;

/// A run whose profile knows of memory and of one thing that was measured beyond its ceiling.
fn run() -> RunRecord {
    let figure = |subject: &str, value: &str, kind, source: &str| Figure {
        subject: subject.parse().unwrap(),
        value: value.parse().unwrap(),
        kind,
        source: source.into(),
    };
    let mut record = fixture::run();
    record.header.machine_profile = Some(ChosenProfile {
        name: "desk".into(),
        named: false,
        figures: vec![
            figure("memory.stream.rate", "25 GB/s", FigureKind::Ceiling, "2 x 1600 MT/s x 8 B"),
            figure("storage.fsync.latency", "8 ms", FigureKind::Ceiling, "one turn | of the platter"),
        ],
        remarks: vec!["figures about the GPU are left out: the GPU is none".into()],
    });
    record
}

#[test]
fn the_terminal_shows_measured_expected_and_share() {
    let record = run();
    let text = summary(&Report::of(&record), Style::new(120, false, true));
    let section: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Machine")).take(7).collect();
    assert_eq!(
        section,
        [
            "Machine  profile desk, recognised",
            "  series                                  measured    expected    share  by",
            "  memory.stream.rate{threads=1}  10.34 GB/s ±1.3 %  25.00 GB/s   41.4 %  ceiling, desk",
            "  memory.stream.rate{threads=2}  19.88 GB/s ±1.3 %  25.00 GB/s   79.5 %  ceiling, desk",
            "  storage.fsync.latency            7.186 ms ±1.3 %    8.000 ms  111.3 %  ceiling, desk",
            "  figures about the GPU are left out: the GPU is none",
            "",
        ]
    );
    assert!(text.contains("is beyond what the machine can reach, 8.000 ms (one turn | of the platter)"), "{text}");
    let narrow = summary(&Report::of(&record), Style::new(80, false, true));
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    let none = fixture::run();
    assert!(!summary(&Report::of(&none), Style::plain()).contains("\nMachine"));
}

#[test]
fn markdown_and_json_show_the_source_as_well() {
    let record = run();
    let text = markdown::report(&Report::of(&record));
    assert!(text.contains("## Machine: profile desk, recognised\n"), "{text}");
    assert!(text.contains("| 41.4 % | ceiling, desk | 2 x 1600 MT/s x 8 B |"), "{text}");
    assert!(text.contains("✗ beyond | ceiling, desk | one turn \\| of the platter |"), "{text}");
    let document: Value = serde_json::from_str(&json::report(&Report::of(&record))).unwrap();
    assert_eq!(crate::json::errors(&document), Vec::<String>::new());
    assert_eq!(document["machine_profile"]["name"], "desk");
    let steps = document["steps"].as_array().unwrap();
    let metric = |name: &str| &steps.iter().find(|step| step["name"] == name).unwrap()["metrics"][0];
    let expected = &metric("memory.stream")["expected"];
    assert_eq!(
        (&expected["value"], &expected["kind"], &expected["profile"]),
        (&25e9.into(), &"ceiling".into(), &"desk".into())
    );
    assert!((expected["share_ratio"].as_f64().unwrap() - 0.4135).abs() < 0.001, "{expected}");
    assert_eq!(metric("storage.fsync")["expected"]["beyond"], true);
    assert!(metric("cpu.primes")["expected"].is_null());
    let monitor = &document["monitor"];
    assert_eq!((&monitor["clock_median_hertz"], &monitor["power_max_watts"]), (&3.5e9.into(), &119.0.into()));
}
