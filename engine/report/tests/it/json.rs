//! The results file and its published schema.

use engine_report::{Report, json};
use insta::assert_snapshot;
use serde_json::Value;

use crate::fixture;

fn document() -> Value {
    let record = fixture::run();
    let (cases, health, exit) = (fixture::cases(), fixture::health(), fixture::exit());
    let report = Report { cases: &cases, health: Some(&health), exit: Some(&exit), ..Report::of(&record) };
    serde_json::from_str(&json::report(&report)).unwrap()
}

pub(crate) fn errors(document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(&json::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}

#[test]
fn the_results_of_a_run_follow_the_schema() {
    assert_eq!(errors(&document()), Vec::<String>::new());
    let record = fixture::partial();
    let partial = serde_json::from_str(&json::report(&Report::of(&record))).unwrap();
    assert_eq!(errors(&partial), Vec::<String>::new());
}

#[test]
fn the_schema_refuses_what_is_not_such_a_file() {
    let broken = |change: fn(&mut Value)| {
        let mut document = document();
        change(&mut document);
        errors(&document).len()
    };
    assert_eq!(broken(|d| d["steps"][0]["metrics"][0]["unit"] = Value::Null), 1);
    assert_eq!(broken(|d| d["run"]["state"] = "finished".into()), 1);
    assert_eq!(broken(|d| drop(d.as_object_mut().unwrap().remove("schema_version"))), 1);
}

/// The schema is published beside the documents; set `UPDATE_SCHEMA=1` to write it anew after a change.
#[test]
fn the_published_schema_is_the_one_of_this_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, json::schema()).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == json::schema(),
        "docs/report.schema.json is out of date: run the tests of engine-report with UPDATE_SCHEMA=1"
    );
}

#[test]
fn numbers_carry_their_unit_and_rounds_their_history() {
    let document = document();
    assert_eq!(document["schema_version"], 1);
    let step = document["steps"].as_array().unwrap().iter().find(|step| step["name"] == "storage.fsync").unwrap();
    assert_snapshot!(serde_json::to_string_pretty(step).unwrap());
    assert_eq!(document["exit"]["causes"][1]["code"], 12);
    assert_eq!(document["environment"]["cpu.model"], "AMD EPYC 7R13 Processor");
    assert_eq!(document["run"]["started"], "2026-11-23T05:45:01.250000Z");
    assert_eq!(document["monitor"]["samples"], 60);
}

#[test]
fn a_number_that_json_cannot_hold_is_null() {
    let mut record = fixture::run();
    record.duration = f64::INFINITY;
    record.steps[0].measurements[0].rounds[0].values[0] = f64::NAN;
    let document: Value = serde_json::from_str(&json::report(&Report::of(&record))).unwrap();
    assert!(document["run"]["duration_seconds"].is_null());
    assert_eq!(errors(&document), Vec::<String>::new());
}
