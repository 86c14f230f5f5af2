//! The course of a load: windows come once a second and are stored as they come, in the same bounded number as in memory.

use engine_core::histogram::Packed;
use engine_core::load::{LoadWindow, MOST_WINDOWS, WindowRow, keep};
use engine_core::run::RunRecord;
use rusqlite::{Connection, Row, params};

use crate::error::Error;
use crate::json;
use crate::record::Fault;
use crate::rows::Rows;

/// A round begins: what an earlier try at it left goes.
pub(crate) fn begin(rows: Rows<'_>, run: i64, step: usize, round: u32) -> Result<(), Error> {
    let step = rows.integer(step as u64)?;
    rows.run("DELETE FROM windows WHERE run = ?1 AND step = ?2 AND round = ?3", params![run, step, round])
}

/// Takes a window of a live run. When there are too many, all are joined as in memory and stored anew.
pub(crate) fn take(rows: Rows<'_>, run: i64, window: &LoadWindow) -> Result<(), Error> {
    let step = rows.integer(window.step as u64)?;
    insert(rows, run, step, window)?;
    let count = rows.count(
        "SELECT count(*) FROM windows WHERE run = ?1 AND step = ?2 AND round = ?3",
        params![run, step, window.round],
    )?;
    if usize::try_from(count).unwrap_or(0) <= MOST_WINDOWS {
        return Ok(());
    }
    let stored = of_step(rows.connection, run, step).map_err(|fault| match fault {
        Fault::Sqlite(error) => Error::of(rows.path, &error),
        Fault::Content(detail) => rows.unstorable("the windows of a load", detail),
    })?;
    let mut kept = Vec::with_capacity(stored.len());
    for window in stored {
        keep(&mut kept, window);
    }
    rows.run("DELETE FROM windows WHERE run = ?1 AND step = ?2", params![run, step])?;
    kept.iter().try_for_each(|window| insert(rows, run, step, window))
}

/// Stores a window.
pub(crate) fn insert(rows: Rows<'_>, run: i64, step: i64, window: &LoadWindow) -> Result<(), Error> {
    rows.run(
        "INSERT INTO windows (run, step, round, at, seconds, users, phase) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![run, step, window.round, window.at, window.seconds, rows.integer(window.users)?, window.phase],
    )?;
    let key = rows.connection.last_insert_rowid();
    for (row, position) in window.rows.iter().zip(0_i64..) {
        let labels = rows.text("labels", &row.labels)?;
        let errors = if row.errors.is_empty() { None } else { Some(rows.text("errors", &row.errors)?) };
        let bytes = |histogram: &Option<Packed>| histogram.as_ref().map(|packed| packed.bytes().to_vec());
        rows.run(
            "INSERT INTO window_rows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                key,
                position,
                labels,
                counts(row),
                bytes(&row.response),
                bytes(&row.service),
                bytes(&row.lag),
                errors
            ],
        )?;
    }
    Ok(())
}

fn counts(row: &WindowRow) -> Vec<u8> {
    [row.started, row.ok, row.failed, row.timed_out, row.cut_off, row.bytes_in, row.bytes_out]
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// Reads all windows of a run into its record.
pub(crate) fn read_all(connection: &Connection, run: i64, record: &mut RunRecord) -> Result<(), Fault> {
    for (step, index) in record.steps.iter_mut().zip(0_i64..) {
        step.windows = of_step(connection, run, index)?;
    }
    Ok(())
}

/// The windows of one step, in the order in which they were stored.
fn of_step(connection: &Connection, run: i64, step: i64) -> Result<Vec<LoadWindow>, Fault> {
    of_step_after(connection, run, step, None)
}

/// The windows of one step that begin at the end of one that was seen, or in a later round, in the order in which they were
/// stored. Windows that were joined meanwhile are those that were seen.
pub(crate) fn of_step_after(
    connection: &Connection,
    run: i64,
    step: i64,
    seen: Option<(u32, f64)>,
) -> Result<Vec<LoadWindow>, Fault> {
    // A thousandth of a second: ends are sums.
    let (round, end) = seen.map_or((-1, 0.0), |(round, end)| (i64::from(round), end - 1e-3));
    let mut statement = connection.prepare_cached(
        "SELECT w.window, w.round, w.at, w.seconds, w.users, w.phase,
                r.labels, r.counts, r.response, r.service, r.lag, r.errors
         FROM windows w LEFT JOIN window_rows r USING (window) WHERE w.run = ?1 AND w.step = ?2
           AND (w.round > ?3 OR (w.round = ?3 AND w.at >= ?4)) ORDER BY w.window, r.position",
    )?;
    let mut rows = statement.query(params![run, step, round, end])?;
    let mut windows: Vec<LoadWindow> = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        if last != Some(key) {
            last = Some(key);
            windows.push(LoadWindow {
                step: usize::try_from(step).unwrap_or(usize::MAX),
                round: row.get(1)?,
                at: row.get(2)?,
                seconds: row.get(3)?,
                users: row.get::<_, i64>(4)?.unsigned_abs(),
                phase: row.get(5)?,
                rows: Vec::new(),
            });
        }
        if let (Some(window), Some(found)) = (windows.last_mut(), row_of(row)?) {
            window.rows.push(found);
        }
    }
    Ok(windows)
}

/// A row of a window; none where the window has no row.
fn row_of(row: &Row<'_>) -> Result<Option<WindowRow>, Fault> {
    let Some(labels) = row.get::<_, Option<String>>(6)? else { return Ok(None) };
    let histogram = |column: usize| -> Result<Option<Packed>, Fault> {
        let bytes = row.get_ref(column)?.as_blob_or_null().map_err(|error| error.to_string())?;
        Ok(bytes.map(|bytes| Packed::read(bytes).map_err(|error| error.to_string())).transpose()?)
    };
    let counts = row.get_ref(7)?.as_blob().map_err(|error| error.to_string())?;
    let (numbers, rest) = counts.as_chunks::<8>();
    let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let ([started, ok, failed, timed_out, cut_off, bytes_in, bytes_out], []) = (numbers.as_slice(), rest) else {
        return Err(Fault::Content(format!("{} bytes are no counts of a window", counts.len())));
    };
    Ok(Some(WindowRow {
        labels: json::read(&labels)?,
        started: *started,
        ok: *ok,
        failed: *failed,
        timed_out: *timed_out,
        cut_off: *cut_off,
        bytes_in: *bytes_in,
        bytes_out: *bytes_out,
        response: histogram(8)?,
        service: histogram(9)?,
        lag: histogram(10)?,
        errors: row.get::<_, Option<String>>(11)?.map(|text| json::read(&text)).transpose()?.unwrap_or_default(),
    }))
}
