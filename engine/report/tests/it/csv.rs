//! CSV, read back.

use engine_report::{Report, csv};

use crate::fixture;

#[test]
fn every_round_of_every_series_is_a_row() {
    let record = fixture::run();
    let text = csv::rounds(&Report::of(&record));
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), csv::COLUMNS.as_slice());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let rounds: usize = record.steps.iter().flat_map(|step| &step.measurements).map(|m| m.rounds.len()).sum();
    assert_eq!(rows.len(), rounds);
    let column = |name: &str| csv::COLUMNS.iter().position(|column| *column == name).unwrap();
    let fsync: Vec<_> = rows.iter().filter(|row| &row[column("step")] == "storage.fsync").collect();
    let replaced = fsync.iter().find(|row| &row[column("counted")] == "false").unwrap();
    assert_eq!((&replaced[column("round")], &replaced[column("attempt")]), ("2", "0"));
    assert_eq!(&replaced[column("taints")], "steal; preemption");
    assert_eq!(
        replaced[column("value")].parse::<f64>().unwrap(),
        7.2e-3 * 0.998,
        "a latency floor counts with its best"
    );
    let point = rows.iter().find(|row| row[column("labels")].contains("size=64 KiB")).unwrap();
    assert_eq!((&point[column("metric")], &point[column("unit")], &point[column("goal")]), ("latency", "s", "lower"));
    assert!(text.lines().count() == rows.len() + 1 && text.contains("\r\n"));
}
