//! The whole history of a store: into JSON lines and back, and out of the store of another machine.
//!
//! Each line is a document of its own that says its format: a run with its remarks, as [`Store::export`] writes it, a
//! baseline, or a level accepted as normal. A run keeps its id and its machine, so the histories of several machines lie
//! side by side in one store, and nothing is carried twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use engine_core::run::{RunId, RunState};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, is_name};
use crate::error::{At, Error};
use crate::normal::Acceptance;
use crate::transfer::{Exported, Imported, LONGEST, consistent};
use crate::{Store, json};

/// What was carried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Runs that were not there before; of an export, all.
    pub runs: u64,
    /// Runs that were there already; they stay as they are.
    pub known: u64,
    /// Runs that are still going, which are left for another time.
    pub running: u64,
    /// Baselines that were not there before.
    pub baselines: u64,
    /// Accepted levels that were not there before.
    pub acceptances: u64,
    /// The runs of `runs` and `known` by machine.
    pub machines: BTreeMap<String, u64>,
}

const BASELINE: &str = "engine-baseline";
const ACCEPTANCE: &str = "engine-acceptance";

/// A line that is no run.
#[derive(Serialize, Deserialize)]
struct Other {
    format: String,
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    baseline: Option<Baseline>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acceptance: Option<Acceptance>,
}

/// A line, read.
enum Line {
    Run(Box<Exported>),
    Baseline(Baseline),
    Acceptance(Acceptance),
}

impl Store {
    /// Writes every run that has ended, every baseline and every accepted level as JSON lines, in place of what is there;
    /// the file is whole or not there.
    ///
    /// # Errors
    /// Those of reading and of writing.
    pub fn export_all(&self, to: &Path) -> Result<Carried, Error> {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = to.with_file_name(name);
        let written = self.export_lines(&part).and_then(|carried| {
            std::fs::rename(&part, to).at(to)?;
            Ok(carried)
        });
        if written.is_err() {
            // It may not even exist.
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    fn export_lines(&self, part: &Path) -> Result<Carried, Error> {
        let mut carried = Carried::default();
        let mut out = BufWriter::new(File::create(part).at(part)?);
        for id in self.ids()? {
            let record = self.run(&id)?;
            if record.state == RunState::Running {
                carried.running += 1;
                continue;
            }
            carried.count(&record.header.machine, true);
            let annotations = self.annotations(&id)?;
            self.line(&mut out, part, &Exported::new(record, annotations))?;
        }
        let other = |format: &str| Other { format: format.to_owned(), version: 1, baseline: None, acceptance: None };
        for baseline in self.baselines()? {
            carried.baselines += 1;
            self.line(&mut out, part, &Other { baseline: Some(baseline), ..other(BASELINE) })?;
        }
        for acceptance in self.acceptances()? {
            carried.acceptances += 1;
            self.line(&mut out, part, &Other { acceptance: Some(acceptance), ..other(ACCEPTANCE) })?;
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all()).at(part)?;
        Ok(carried)
    }

    fn line<T>(&self, out: &mut impl Write, path: &Path, what: &T) -> Result<(), Error>
    where
        T: Serialize + serde::de::DeserializeOwned,
    {
        let unstorable =
            |detail| Error::Unstorable { path: path.to_owned(), what: "a line of the history".to_owned(), detail };
        let text = json::write(what).map_err(unstorable)?;
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).at(path)
    }

    /// Stores what a file of JSON lines holds and is not here yet. The whole file is read before anything is stored.
    ///
    /// # Errors
    /// [`Error::Import`] with the number of the line that is wrong; those of writing: what was stored by then stays, and
    /// the same import goes on from there.
    pub fn import_all(&mut self, from: &Path) -> Result<Carried, Error> {
        lines(from, &mut |_| Ok(()))?;
        let mut carried = Carried::default();
        lines(from, &mut |line| {
            match line {
                Line::Run(exported) => self.take(*exported, &mut carried)?,
                Line::Baseline(baseline) => carried.baselines += u64::from(self.keep_baseline(&baseline)?),
                Line::Acceptance(acceptance) => carried.acceptances += u64::from(self.keep_acceptance(&acceptance)?),
            }
            Ok(())
        })?;
        Ok(carried)
    }

    /// Stores what another store has and this one has not: its runs with their remarks, its baselines, its accepted levels.
    ///
    /// # Errors
    /// [`Error::Import`] for this store itself; those of reading the other, which must be of this version; those of
    /// writing: what was stored by then stays, and the same merge goes on from there.
    pub fn merge(&mut self, from: &Path) -> Result<Carried, Error> {
        let same = |path: &Path| std::fs::canonicalize(path).ok();
        if same(from).is_some() && same(from) == same(&self.path) {
            return Err(Error::Import { path: from.to_owned(), reason: "it is this store itself".to_owned() });
        }
        let other = Self::open_readonly(from)?;
        let mut carried = Carried::default();
        for id in other.ids()? {
            let record = other.run(&id)?;
            if record.state == RunState::Running {
                carried.running += 1;
                continue;
            }
            let annotations = other.annotations(&id)?;
            self.take(Exported::new(record, annotations), &mut carried)?;
        }
        for baseline in other.baselines()? {
            carried.baselines += u64::from(self.keep_baseline(&baseline)?);
        }
        for acceptance in other.acceptances()? {
            carried.acceptances += u64::from(self.keep_acceptance(&acceptance)?);
        }
        Ok(carried)
    }

    fn take(&mut self, exported: Exported, carried: &mut Carried) -> Result<(), Error> {
        let imported = self.keep(&exported.record, &exported.annotations)?;
        carried.count(&exported.record.header.machine, matches!(imported, Imported::New(_)));
        Ok(())
    }

    /// All ids, oldest first.
    fn ids(&self) -> Result<Vec<RunId>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM runs ORDER BY started, id").at(&self.path)?;
        statement.query_map([], |row| row.get(0).map(RunId)).and_then(Iterator::collect).at(&self.path)
    }

    /// Stores a baseline as it was set elsewhere, unless there is one of its name, scenario, machine and branch.
    fn keep_baseline(&mut self, baseline: &Baseline) -> Result<bool, Error> {
        let path = self.path.clone();
        let branch = baseline.branch.clone().unwrap_or_default();
        let transaction = self.connection.transaction().at(&path)?;
        let values = params![
            baseline.name,
            baseline.suite,
            baseline.machine,
            branch,
            baseline.created.0,
            baseline.who,
            baseline.why,
            baseline.protected,
            baseline.expires.map(|end| end.0),
        ];
        let sql =
            "INSERT OR IGNORE INTO baselines (name, suite, machine, branch, created, who, why, protected, expires)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        if transaction.execute(sql, values).at(&path)? == 0 {
            return Ok(false);
        }
        let key = transaction.last_insert_rowid();
        let mut runs = 0;
        for id in &baseline.runs {
            let sql = "INSERT INTO baseline_runs (baseline, run)
                       SELECT ?1, run FROM runs WHERE id = ?2 AND suite = ?3 AND machine = ?4";
            runs += transaction.execute(sql, params![key, id.0, baseline.suite, baseline.machine]).at(&path)?;
        }
        if runs == 0 {
            // Its runs did not come with it: dropped with the transaction.
            return Ok(false);
        }
        transaction.commit().at(&path)?;
        Ok(true)
    }

    fn keep_acceptance(&mut self, one: &Acceptance) -> Result<bool, Error> {
        let sql = "INSERT INTO acceptances (suite, machine, branch, series, run, started, at, who, why)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
                   WHERE NOT EXISTS (SELECT 1 FROM acceptances WHERE suite = ?1 AND machine = ?2 AND branch = ?3
                                     AND series = ?4 AND run = ?5 AND at = ?7)";
        let branch = one.branch.clone().unwrap_or_default();
        let values =
            params![one.suite, one.machine, branch, one.series, one.run.0, one.started.0, one.at.0, one.who, one.why];
        Ok(self.connection.execute(sql, values).at(&self.path)? > 0)
    }
}

impl Carried {
    fn count(&mut self, machine: &str, is_new: bool) {
        *if is_new { &mut self.runs } else { &mut self.known } += 1;
        *self.machines.entry(machine.to_owned()).or_default() += 1;
    }
}

/// Reads a file line by line.
fn lines(from: &Path, each: &mut dyn FnMut(Line) -> Result<(), Error>) -> Result<(), Error> {
    let mut reader = BufReader::new(File::open(from).at(from)?);
    let mut number = 0_u64;
    let mut bytes = Vec::new();
    loop {
        number += 1;
        bytes.clear();
        let read = reader.by_ref().take(LONGEST + 1).read_until(b'\n', &mut bytes).at(from)?;
        if read == 0 {
            return Ok(());
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let refuse =
            |reason: String| Error::Import { path: from.to_owned(), reason: format!("line {number}: {reason}") };
        if bytes.len() as u64 > LONGEST {
            return Err(refuse(format!("it is longer than {LONGEST} bytes")));
        }
        each(line(text).map_err(refuse)?)?;
    }
}

fn line(text: &[u8]) -> Result<Line, String> {
    let wrong = |error: serde_json::Error| format!("it is not the right JSON ({error})");
    let head: crate::transfer::Preamble = serde_json::from_slice(text).map_err(wrong)?;
    match (head.format.as_deref(), head.version) {
        (Some(BASELINE | ACCEPTANCE), Some(1)) => {
            let other: Other = serde_json::from_slice(text).map_err(wrong)?;
            match (other.baseline, other.acceptance) {
                (Some(baseline), None) if is_name(&baseline.name) => Ok(Line::Baseline(baseline)),
                (Some(_), None) => Err("its baseline has no proper name".to_owned()),
                (None, Some(acceptance)) => Ok(Line::Acceptance(acceptance)),
                _ => Err("it holds neither a baseline nor an accepted level".to_owned()),
            }
        }
        _ => {
            let exported = crate::transfer::parse(text)?;
            consistent(&exported.record)?;
            Ok(Line::Run(Box::new(exported)))
        }
    }
}
