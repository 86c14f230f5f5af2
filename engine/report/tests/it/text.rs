//! The terminal's text.

use engine_report::text::{Style, baselines, result_line, runs, summary};
use engine_report::{BaselineRow, Report, RunRow, TimeZone};
use insta::assert_snapshot;

use crate::fixture::{self, STARTED};

fn full(style: Style) -> String {
    let record = fixture::run();
    let (cases, health, exit) = (fixture::cases(), fixture::health(), fixture::exit());
    let written = vec!["reports/quick_benchmark_results_20261123T054501Z.json".to_owned()];
    let report =
        Report { cases: &cases, health: Some(&health), exit: Some(&exit), written: &written, ..Report::of(&record) };
    summary(&report, style)
}

#[test]
fn a_run_is_summed_up_at_80_columns() {
    assert_snapshot!(full(Style::new(80, false, true)));
}

#[test]
fn a_run_is_summed_up_at_120_columns() {
    assert_snapshot!(full(Style::new(120, false, true)));
}

#[test]
fn each_step_has_a_line_as_it_ends() {
    let record = fixture::run();
    let lines: Vec<String> = record.steps.iter().map(|step| result_line(step, Style::new(100, false, true))).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_partial_and_a_tiny_run_say_so_first() {
    let mut record = fixture::partial();
    record.header.plan.profile = engine_core::plan::Profile::Tiny;
    let text = summary(&Report::of(&record), Style::plain());
    let head: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(
        head,
        [
            "! partial: the run ended early; 2 of 15 steps ended, what they had is here",
            "! tiny profile: not judged, kept out of history",
            "quick: Is this machine healthy? Five minutes, safe on a busy laptop.",
        ]
    );
    assert!(text.contains("2 steps measured, 13 not finished"), "{text}");
}

#[test]
fn an_empty_record_is_a_report_too() {
    let mut record = fixture::partial();
    record.steps.clear();
    let text = summary(&Report::of(&record), Style::plain());
    assert!(text.contains("no round was taken") && text.contains("did not run"), "{text}");
}

#[test]
fn without_colours_there_is_no_escape_and_without_unicode_only_ascii() {
    let plain = full(Style::new(80, false, false));
    assert!(plain.is_ascii());
    assert!(plain.chars().all(|c| c == '\n' || !c.is_ascii_control()));
    let coloured = full(Style::new(80, true, true));
    assert!(coloured.contains("\x1b[32m✓\x1b[0m"));
    let mut stripped = coloured;
    for code in [0, 1, 2, 31, 32, 33] {
        stripped = stripped.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(stripped, full(Style::new(80, false, true)), "colours change nothing but colours");
}

#[test]
fn times_are_shown_in_the_zone_of_the_reader() {
    let record = fixture::run();
    let zone = TimeZone::posix("CET-1").unwrap();
    let text = summary(&Report { zone, ..Report::of(&record) }, Style::plain());
    assert!(text.contains("2026-11-23 06:45:01 CET"), "{text}");
}

#[test]
fn lists_are_aligned() {
    let row = |id: &str, state, validity, expectations, branch: Option<&str>| RunRow {
        id: id.into(),
        scenario: "quick".into(),
        started: STARTED,
        duration: 192.4,
        state,
        validity,
        profile: engine_core::plan::Profile::Default,
        expectations,
        code: branch.map(|_| "1a2b3c4d5e6f+".into()),
        branch: branch.map(Into::into),
        tags: vec!["runner=ci-3".into()],
    };
    use engine_core::run::{RunState, ValidityLevel};
    let rows = [
        row("01k9x8y7z6abcd", RunState::Complete, ValidityLevel::Valid, [5, 0, 0], Some("main")),
        row("01k9x8y7z6abce", RunState::Complete, ValidityLevel::Degraded, [4, 1, 2], Some("feature/longer-name")),
        row("01k9x8y7z6abcf", RunState::Partial, ValidityLevel::Valid, [0, 0, 0], None),
    ];
    let list = runs(&rows, &TimeZone::UTC, Style::new(120, false, true));
    let baseline = BaselineRow {
        name: "main".into(),
        run: "01k9x8y7z6abcd".into(),
        runs: 3,
        scenario: "quick".into(),
        branch: Some("main".into()),
        started: STARTED,
        set: STARTED,
        expires: None,
        is_expired: false,
        code: None,
        machine: "m-5f2c9a81".into(),
    };
    let json: serde_json::Value = serde_json::from_str(&engine_report::json::runs(&rows)).unwrap();
    assert_eq!(
        (&json["runs"][1]["validity"], &json["runs"][1]["expectations"]["unsure"]),
        (&"degraded".into(), &2.into())
    );
    let json: serde_json::Value =
        serde_json::from_str(&engine_report::json::baselines(std::slice::from_ref(&baseline))).unwrap();
    assert_eq!(json["baselines"][0]["name"], "main");
    let list = format!("{list}\n{}", baselines(&[baseline], &TimeZone::UTC, Style::new(80, false, true)));
    assert_snapshot!(list);
    assert_eq!(runs(&[], &TimeZone::UTC, Style::plain()), "no runs\n");
    for columns in [80, 100] {
        let list = runs(&rows, &TimeZone::UTC, Style::new(columns, false, true));
        assert!(list.lines().all(|line| line.chars().count() <= columns), "{list}");
    }
}
