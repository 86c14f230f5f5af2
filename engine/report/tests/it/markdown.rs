//! Markdown.

use engine_report::{Report, markdown};
use insta::assert_snapshot;

use crate::fixture;

#[test]
fn a_run_is_told_in_full() {
    let record = fixture::run();
    let (cases, health, exit) = (fixture::cases(), fixture::health(), fixture::exit());
    let report = Report { cases: &cases, health: Some(&health), exit: Some(&exit), ..Report::of(&record) };
    let text = markdown::report(&report);
    // The environment has its own tests; here it is only in the way.
    let (head, rest) = text.split_once("<details>").unwrap();
    let (folded, tail) = rest.split_once("</details>").unwrap();
    assert!(folded.contains("| `cpu.model` | AMD EPYC 7R13 Processor |"), "{folded}");
    assert!(folded.contains("| `cpu.governor` | unknown (no `/sys/devices/system/cpu/cpufreq`) |"), "{folded}");
    assert!(folded.lines().filter(|line| line.starts_with("| `")).count() >= 40);
    assert_snapshot!(format!("{head}<details>..</details>{tail}"));
}

#[test]
fn every_table_row_has_as_many_cells_as_its_head() {
    let record = fixture::run();
    let cases = fixture::cases();
    let text = markdown::report(&Report { cases: &cases, ..Report::of(&record) });
    assert_tables(&text);
    assert_tables(&markdown::comparison(&fixture::comparison(), &engine_report::TimeZone::UTC));
}

/// Fails on a row whose number of cells is not that of the table's first row. An escaped bar is no border.
pub(crate) fn assert_tables(text: &str) {
    let mut head = None;
    for line in text.lines() {
        if !line.starts_with('|') {
            head = None;
            continue;
        }
        let cells = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert_eq!(cells, *head.get_or_insert(cells), "{line}");
    }
}

#[test]
fn a_partial_run_opens_with_its_banner() {
    let record = fixture::partial();
    let text = markdown::report(&Report::of(&record));
    assert!(
        text.starts_with("# quick: benchmark report\n\n> **partial: the run ended early; 2 of 15 steps ended"),
        "{text}"
    );
}

#[test]
fn the_page_of_a_job_fits_and_leaves_the_environment_out() {
    let mut record = fixture::run();
    let text = markdown::step_summary(&Report::of(&record));
    assert!(text.contains("## Expectations") && text.contains("## Diagnostics") && !text.contains("<details>"));
    let note = record.notes[0].clone();
    let said = |message: String| engine_core::event::Note { message, ..note.clone() };
    record.notes = vec![said("as before".to_owned()); 5000];
    let text = markdown::step_summary(&Report::of(&record));
    assert_eq!((text.matches("as before (5000 times)").count(), text.matches("as before").count()), (1, 1));
    record.notes = (0..5000).map(|at| said(format!("{at}{}", "x".repeat(600)))).collect();
    let text = markdown::step_summary(&Report::of(&record));
    assert!(text.len() < 1_048_576 && text.ends_with("see the report file.\n"));
}
