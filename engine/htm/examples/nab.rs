//! Scores a series of the Numenta Anomaly Benchmark, or any CSV file with `timestamp,value`: writes timestamp, value and
//! score of each record as CSV to the standard output, and the speed to the standard error.
//!
//!     cargo run --release -p engine-htm --example nab -- FILE.csv
#![expect(clippy::print_stderr, reason = "the speed goes beside the result")]

use std::io::{BufWriter, Write};
use std::time::Instant;

use engine_htm::detect::{Detector, DetectorParams};

/// Seconds since 1970 of `2014-04-01 00:05:00`, or `None`.
fn seconds(text: &str) -> Option<i64> {
    let mut parts = text.trim().split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<i64>().ok());
    let mut next = || parts.next().flatten();
    let (year, month, day) = (next()?, next()?, next()?);
    let time = next().unwrap_or(0) * 3_600 + next().unwrap_or(0) * 60 + next().unwrap_or(0);
    // Days from civil date, with years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468;
    Some(days * 86_400 + time)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: nab FILE.csv")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let rows: Vec<&str> = text.lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
    // The benchmark's own rule for how long a detector may only learn.
    let probation = (rows.len() * 15 / 100).min(750);
    let mut detector = Detector::new(DetectorParams { probation, ..DetectorParams::default() });
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "timestamp,value,score")?;
    let start = Instant::now();
    for (at, row) in rows.iter().enumerate() {
        let wrong = || format!("{path}, line {}: `{row}` is no `timestamp,value`", at + 2);
        let (time, value) = row.split_once(',').ok_or_else(wrong)?;
        let number: f64 = value.split(',').next().unwrap_or("").trim().parse().map_err(|_| wrong())?;
        let score = detector.update(seconds(time), number)?;
        writeln!(out, "{time},{number},{score:.6}")?;
    }
    out.flush()?;
    let taken = start.elapsed().as_secs_f64();
    eprintln!("{} records, {:.0} records/s", rows.len(), rows.len() as f64 / taken.max(1e-9));
    Ok(())
}
