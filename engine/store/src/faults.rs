//! Repetitions of faults: one row each, stored when it is over.

use engine_core::fault::FaultRecord;
use engine_core::run::RunRecord;
use rusqlite::{Connection, params};

use crate::error::Error;
use crate::json;
use crate::record::Fault;
use crate::rows::Rows;

/// A round begins: what an earlier try at it left goes.
pub(crate) fn begin(rows: Rows<'_>, run: i64, step: usize, round: u32) -> Result<(), Error> {
    let step = rows.integer(step as u64)?;
    rows.run("DELETE FROM faults WHERE run = ?1 AND step = ?2 AND round = ?3", params![run, step, round])
}

/// Stores a repetition.
pub(crate) fn insert(rows: Rows<'_>, run: i64, fault: &FaultRecord) -> Result<(), Error> {
    let (step, data) = (rows.integer(fault.step as u64)?, rows.text("a fault", fault)?);
    let row = params![run, step, fault.round, json::name(&fault.verdict()), data];
    rows.run("INSERT OR REPLACE INTO faults VALUES (?1, ?2, ?3, ?4, ?5)", row)
}

/// Reads all repetitions of a run into its record.
pub(crate) fn read_all(connection: &Connection, run: i64, record: &mut RunRecord) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached("SELECT data FROM faults WHERE run = ?1 ORDER BY round, step")?;
    let mut rows = statement.query([run])?;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(|error| error.to_string())?;
        record.faults.push(json::read(text)?);
    }
    Ok(())
}
