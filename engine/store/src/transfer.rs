//! Runs in files of their own, to be carried to another machine or kept beside a report.
//!
//! The file is JSON: `{"format": "engine-run", "version": 1, "record": .., "annotations": [..]}`. It may come from
//! anywhere, so nothing in it is trusted.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use engine_core::load::MOST_WINDOWS;
use engine_core::run::{RunId, RunRecord};
use rusqlite::{TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::annotate::Annotation;
use crate::error::{At, Error};
use crate::rows::Rows;
use crate::{Store, json};

const FORMAT: &str = "engine-run";
const FORMAT_VERSION: u32 = 1;

/// No exported run is this long: bytes.
pub(crate) const LONGEST: u64 = 1 << 30;

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Imported {
    /// The run is stored now.
    New(RunId),
    /// A run of this id was stored before; nothing was changed.
    AlreadyThere(RunId),
}

/// What is looked at before anything else.
#[derive(Deserialize)]
pub(crate) struct Preamble {
    pub(crate) format: Option<String>,
    pub(crate) version: Option<u32>,
}

/// A run as a file, or a line of a file, holds it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Exported {
    format: String,
    version: u32,
    pub(crate) record: RunRecord,
    #[serde(default)]
    pub(crate) annotations: Vec<Annotation>,
}

impl Exported {
    pub(crate) fn new(record: RunRecord, annotations: Vec<Annotation>) -> Self {
        Self { format: FORMAT.to_owned(), version: FORMAT_VERSION, record, annotations }
    }
}

impl Store {
    /// Writes a run to a file of its own, in place of what is there; the file is whole or not there.
    ///
    /// # Errors
    /// Those of [`Store::run`] and of writing.
    pub fn export(&self, run: &RunId, to: &Path) -> Result<(), Error> {
        let record = self.run(run)?;
        let annotations = self.annotations(run)?;
        let exported = Exported::new(record, annotations);
        let what = || format!("run `{run}`");
        let unstorable = |detail| Error::Unstorable { path: to.to_owned(), what: what(), detail };
        let text = json::write(&exported).map_err(unstorable)?;
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = to.with_file_name(name);
        let written = File::create(&part)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&part, to))
            .at(to);
        if written.is_err() {
            // It may not even exist.
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    /// Stores an exported run. One that is already here stays as it is.
    ///
    /// # Errors
    /// [`Error::Import`] for a file that is not a whole and consistent export; those of writing, after which nothing of
    /// it is stored.
    pub fn import(&mut self, from: &Path) -> Result<Imported, Error> {
        let exported = read(from)?;
        self.keep(&exported.record, &exported.annotations)
    }

    /// Stores an exported run that was sent as text.
    ///
    /// # Errors
    /// As [`Store::import`].
    pub fn import_text(&mut self, text: &[u8]) -> Result<Imported, Error> {
        let refuse = |reason: String| Error::Import { path: self.path.clone(), reason };
        let exported = parse(text).map_err(refuse)?;
        consistent(&exported.record).map_err(refuse)?;
        self.keep(&exported.record, &exported.annotations)
    }

    /// Stores a run that was made from what another tool measured. One of this id stays as it is.
    ///
    /// # Errors
    /// Those of writing, after which nothing of it is stored.
    pub fn insert(&mut self, record: &RunRecord) -> Result<Imported, Error> {
        self.keep(record, &[])
    }

    pub(crate) fn keep(&mut self, record: &RunRecord, annotations: &[Annotation]) -> Result<Imported, Error> {
        let id = record.header.id.clone();
        let path = &self.path;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
        let sql = "SELECT count(*) FROM runs WHERE id = ?1";
        if transaction.query_row(sql, [&id.0], |row| row.get::<_, i64>(0)).at(path)? > 0 {
            return Ok(Imported::AlreadyThere(id));
        }
        let run = Rows { connection: &transaction, path }.insert(record)?;
        for annotation in annotations {
            let sql = "INSERT INTO annotations (run, at, text) VALUES (?1, ?2, ?3)";
            transaction.execute(sql, params![run, annotation.at.0, annotation.text]).at(path)?;
        }
        transaction.commit().at(path)?;
        Ok(Imported::New(id))
    }
}

/// Reads an exported run without storing it.
///
/// # Errors
/// [`Error::Import`] for a file that is not a whole and consistent export; those of reading.
pub fn read_export(path: &Path) -> Result<RunRecord, Error> {
    read(path).map(|exported| exported.record)
}

fn read(path: &Path) -> Result<Exported, Error> {
    let refuse = |reason: String| Error::Import { path: path.to_owned(), reason };
    let file = File::open(path).at(path)?;
    let about = file.metadata().at(path)?;
    if !about.is_file() {
        return Err(refuse("it is not a file".to_owned()));
    }
    if about.len() > LONGEST {
        return Err(refuse(format!("it is longer than {LONGEST} bytes")));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).at(path)?;
    let exported = parse(&bytes).map_err(refuse)?;
    consistent(&exported.record).map_err(refuse)?;
    Ok(exported)
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Exported, String> {
    let preamble: Preamble = serde_json::from_slice(bytes).map_err(|error| {
        // A number that is cut off is a wrong number to the parser.
        let cut = bytes.starts_with(b"{") && !bytes.trim_ascii_end().ends_with(b"}");
        if error.is_eof() || cut {
            "it ends too early".to_owned()
        } else {
            format!("it is not the right JSON ({error})")
        }
    })?;
    match (preamble.format.as_deref(), preamble.version) {
        (Some(FORMAT), Some(FORMAT_VERSION)) => {}
        (Some(FORMAT), Some(version)) => {
            return Err(format!("its version is {version}, this engine reads {FORMAT_VERSION}"));
        }
        _ => return Err(format!("it does not say that its format is `{FORMAT}`")),
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it does not hold a run ({error})"))
}

/// What reading as JSON does not prove.
pub(crate) fn consistent(record: &RunRecord) -> Result<(), String> {
    let id = &record.header.id.0;
    if id.len() != 26 || !id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
        return Err("its run has no proper id".to_owned());
    }
    let plan = &record.header.plan.steps;
    if plan.len() != record.steps.len() || plan.iter().zip(&record.steps).any(|(plan, step)| *plan != step.plan) {
        return Err("its steps are not those of its plan".to_owned());
    }
    for (number, step) in record.steps.iter().enumerate() {
        if step.windows.iter().any(|window| window.step != number) {
            return Err(format!("`{}` has a window of another step", step.plan.path()));
        }
        if step.windows.len() > step.plan.rounds.most() as usize * MOST_WINDOWS {
            return Err(format!("`{}` has too many windows", step.plan.path()));
        }
        for (index, measurement) in step.measurements.iter().enumerate() {
            if measurement.rounds.is_empty() {
                return Err(format!("`{}` has a measurement without a round", step.plan.path()));
            }
            let same = |other: &&_| {
                let other: &engine_core::measurement::Measurement = other;
                other.metric == measurement.metric && other.labels == measurement.labels
            };
            if step.measurements[..index].iter().any(|other| same(&other)) {
                return Err(format!("`{}` has two measurements of `{}`", step.plan.path(), measurement.metric.id));
            }
        }
    }
    if record.sequence > i64::MAX.unsigned_abs() {
        return Err("its events have an impossible number".to_owned());
    }
    Ok(())
}
