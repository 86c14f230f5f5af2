//! Series in tables: CSV with or without a header, or one value a line.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Columns, Error, Series, number};

/// Names of columns that hold times, not values.
const TIMES: &[&str] = &["time", "timestamp", "date", "datetime", "when", "t", "at", "commit", "run", "index"];

/// Names of columns that say which process run a value belongs to.
const GROUPS: &[&str] = &["group", "process", "run", "round", "fork", "pid", "trial"];

struct Table {
    names: Vec<String>,
    /// Cells by column.
    columns: Vec<Vec<String>>,
    /// Line of the first row of values.
    first: u64,
}

impl Table {
    fn parse(text: &str) -> Result<Self, Error> {
        let separator = [b',', b';', b'\t'].into_iter().max_by_key(|separator| {
            let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
            (line.bytes().filter(|byte| byte == separator).count(), *separator == b',')
        });
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(separator.unwrap_or(b','))
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut rows = reader.records();
        let fail = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            let reason = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("{len} columns, where the lines before have {expected_len}")
                }
                _ => error.to_string(),
            };
            Error::Row { line, reason }
        };
        let Some(head) = rows.next().transpose().map_err(fail)? else { return Err(Error::Empty) };
        let line = head.position().map_or(1, csv::Position::line);
        // A header names its columns: no cell of it is a number.
        let header = head.iter().all(|cell| !cell.is_empty() && number(cell).is_none());
        let names: Vec<String> = if header {
            head.iter().map(str::to_owned).collect()
        } else {
            (1..=head.len()).map(|number| number.to_string()).collect()
        };
        let mut columns: Vec<Vec<String>> = vec![Vec::new(); head.len()];
        let mut push = |record: &csv::StringRecord| {
            for (column, cell) in columns.iter_mut().zip(record) {
                column.push(cell.to_owned());
            }
        };
        if !header {
            push(&head);
        }
        for row in rows {
            push(&row.map_err(fail)?);
        }
        Ok(Self { names, columns, first: line + u64::from(header) })
    }

    fn find(&self, name: &str) -> Result<usize, Error> {
        let by_name = self.names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let by_number = || name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        by_name
            .or_else(by_number)
            .filter(|column| *column < self.columns.len())
            .ok_or_else(|| Error::Column { name: name.to_owned(), known: self.names.join(", ") })
    }

    fn numbers(&self, column: usize) -> Result<Vec<f64>, Error> {
        let cells = self.columns[column].iter().zip(self.first..);
        cells
            .map(|(cell, line)| {
                number(cell).ok_or_else(|| Error::Row { line, reason: format!("`{cell}` is not a number") })
            })
            .collect()
    }

    fn named(&self, known: &[&str]) -> Option<usize> {
        (self.columns.len() > 1)
            .then(|| self.names.iter().position(|name| known.iter().any(|known| name.eq_ignore_ascii_case(known))))
            .flatten()
    }

    /// Whether a column's first values are numbers.
    fn is_numeric(&self, column: usize) -> bool {
        self.columns[column].iter().take(100).all(|cell| number(cell).is_some())
    }
}

/// Reads each column of numbers as a series.
pub(super) fn read(name: &str, text: &str, columns: Columns<'_>) -> Result<Vec<Series>, Error> {
    let table = Table::parse(text)?;
    let time = match columns.time {
        Some(asked) => Some(table.find(asked)?),
        None => table
            .named(TIMES)
            .or_else(|| (table.columns.len() > 1).then(|| (0..table.columns.len()).find(|c| !table.is_numeric(*c)))?)
            // Two columns of numbers without names: the first rises, so it counts.
            .or_else(|| {
                let rises = |cells: &[String]| {
                    let numbers: Vec<f64> = cells.iter().filter_map(|cell| number(cell)).collect();
                    numbers.len() == cells.len() && numbers.windows(2).all(|pair| pair[0] < pair[1])
                };
                (table.columns.len() == 2 && rises(&table.columns[0]) && table.columns[0].len() > 2).then_some(0)
            }),
    };
    let values: Vec<usize> = match columns.value {
        Some(asked) => vec![table.find(asked)?],
        None => {
            let all: Vec<usize> =
                (0..table.columns.len()).filter(|column| Some(*column) != time && table.is_numeric(*column)).collect();
            // Nothing but words: the first of them says what is wrong.
            if all.is_empty() {
                (0..table.columns.len()).filter(|column| Some(*column) != time).take(1).collect()
            } else {
                all
            }
        }
    };
    let order = time.map(|time| order(&table.columns[time]));
    let several = values.len() > 1;
    let mut all = Vec::with_capacity(values.len());
    for column in values {
        let mut values = table.numbers(column)?;
        let mut notes = Vec::new();
        let mut times = time.map(|time| table.columns[time].clone());
        if let (Some(order), Some(times)) = (&order, &mut times) {
            if order.moved {
                *times = order.rows.iter().map(|row| times[*row].clone()).collect();
                values = order.rows.iter().map(|row| values[*row]).collect();
                notes.push("the points were not in the order of their times and have been sorted".to_owned());
            }
            if order.equal > 0 {
                notes.push(format!(
                    "{} points have the time of the one before and keep the order of the file",
                    order.equal
                ));
            }
        }
        let name = if several { format!("{name}.{}", table.names[column]) } else { name.to_owned() };
        all.push(Series { name, times, values, notes });
    }
    Ok(all)
}

/// The order of rows by time.
struct Order {
    rows: Vec<usize>,
    moved: bool,
    equal: usize,
}

/// Numbers are ordered as numbers, dates of one form as text; anything else (commits) stays as it is.
fn order(times: &[String]) -> Order {
    let mut rows: Vec<usize> = (0..times.len()).collect();
    let numbers: Vec<f64> = times.iter().map(|time| time.parse().unwrap_or(f64::NAN)).collect();
    let dated = |time: &String| {
        let bytes = time.as_bytes();
        bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit)
    };
    let compare: Box<dyn Fn(usize, usize) -> Ordering> = if numbers.iter().all(|number| number.is_finite()) {
        Box::new(|a, b| numbers[a].total_cmp(&numbers[b]))
    } else if times.iter().all(dated) {
        Box::new(|a, b| times[a].cmp(&times[b]))
    } else {
        return Order { rows, moved: false, equal: 0 };
    };
    let moved = rows.windows(2).any(|pair| compare(pair[0], pair[1]) == Ordering::Greater);
    rows.sort_by(|a, b| compare(*a, *b));
    let equal = rows.windows(2).filter(|pair| compare(pair[0], pair[1]) == Ordering::Equal).count();
    Order { rows, moved, equal }
}

/// The finite values of each group, groups in the order in which they first appear; none when the table has no column of
/// groups.
pub(super) fn groups(text: &str, columns: Columns<'_>) -> Result<Option<Vec<Vec<f64>>>, Error> {
    let table = Table::parse(text)?;
    let group = match columns.group {
        Some(asked) => Some(table.find(asked)?),
        None => table.named(GROUPS),
    };
    let Some(group) = group else { return Ok(None) };
    let value = match columns.value {
        Some(asked) => table.find(asked)?,
        None => (0..table.columns.len())
            .rev()
            .find(|column| *column != group && table.is_numeric(*column))
            .ok_or(Error::Empty)?,
    };
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<f64>> = Vec::new();
    for (name, value) in table.columns[group].iter().zip(table.numbers(value)?) {
        let place = *places.entry(name).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if value.is_finite() {
            groups[place].push(value);
        }
    }
    groups.retain(|group| !group.is_empty());
    if groups.is_empty() { Err(Error::Empty) } else { Ok(Some(groups)) }
}
