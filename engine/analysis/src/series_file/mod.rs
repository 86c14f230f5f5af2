//! Series from files that other tools wrote: CSV with an optional column of times, a JSON array, or the form
//! `{"name": .., "series": [{"raw": [..]}]}` of public collections of change points.
//!
//! A cell that is empty, `null`, `NaN` or infinite is a missing value: it keeps its place and is told. Points come in the
//! order of their times; equal times stay in the order of the file, and both are told too.

mod json;
mod table;

use thiserror::Error;

/// One series of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What the file or its column is called.
    pub name: String,
    /// The times as written, where the file has them.
    pub times: Option<Vec<String>>,
    /// The values; missing ones are `NaN`.
    pub values: Vec<f64>,
    /// What a reader should know: missing values, points out of order.
    pub notes: Vec<String>,
}

/// Which columns of a CSV file are read; by name, or by number from 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    /// The times. By default a column whose name says so, or the first of several that holds no numbers.
    pub time: Option<&'a str>,
    /// The values. By default every column of numbers, each a series of its own.
    pub value: Option<&'a str>,
    /// The process run that a value belongs to.
    pub group: Option<&'a str>,
}

/// Why a file gives no series.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// There is no value in it.
    #[error("there is no value in it")]
    Empty,
    /// It is no JSON that is known here.
    #[error("{0}; expected an array of numbers, or an object with `series[0].raw`")]
    Json(String),
    /// A row of a table cannot be read.
    #[error("line {line}: {reason}")]
    Row {
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such column.
    #[error("there is no column `{name}`; the columns are: {known}")]
    Column {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// Reads the series of a file with the given content. `name` is what they are called unless the file says.
///
/// # Errors
/// When the content is neither, when a named column is missing, or when there is no value at all.
pub fn read(name: &str, text: &str, columns: Columns<'_>) -> Result<Vec<Series>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let series = match text.trim_start().as_bytes().first() {
        None => return Err(Error::Empty),
        Some(b'[' | b'{') => json::read(name, text)?,
        Some(_) => table::read(name, text, columns)?,
    };
    if series.iter().all(|series| series.values.is_empty()) {
        return Err(Error::Empty);
    }
    Ok(series.into_iter().map(told).collect())
}

/// Values of a file by process run: one value a line, each a run of its own; or with a column of groups all values of
/// each run.
///
/// # Errors
/// As [`read`].
pub fn grouped(name: &str, text: &str, columns: Columns<'_>) -> Result<Vec<Vec<f64>>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let json = matches!(text.trim_start().as_bytes().first(), Some(b'[' | b'{'));
    if !json && let Some(groups) = table::groups(text, columns)? {
        return Ok(groups);
    }
    let series = read(name, text, columns)?;
    let first = series.into_iter().next().ok_or(Error::Empty)?;
    Ok(first.values.into_iter().filter(|value| value.is_finite()).map(|value| vec![value]).collect())
}

/// A number as files write it; missing ones are `NaN`, `None` is no number.
fn number(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    if cell.is_empty() || ["na", "n/a", "null", "none", "-"].iter().any(|word| cell.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    cell.parse().ok()
}

fn told(mut series: Series) -> Series {
    let missing = series.values.iter().filter(|value| !value.is_finite()).count();
    if missing > 0 {
        series.notes.push(format!("{missing} of {} values are missing or not finite", series.values.len()));
    }
    series
}

#[cfg(test)]
mod tests;
