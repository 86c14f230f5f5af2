//! Reads a JSON list of series, prints the confirmed changes of each and the seconds that a series took: for
//! `benches/peers/change_points`. With `--many N LENGTH` it analyses so many generated series on all threads instead, and
//! with `--append N` it times the appending of single points to a history.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use engine_analysis::change::{History, Kind, Tier, detect, detect_all};
use engine_core::stats::Stream;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--many", count, length] => many(count.parse()?, length.parse()?),
        ["--append", points] => append(points.parse()?),
        [path] => analyse(path)?,
        _ => return Err("usage: change_points FILE | --many N LENGTH | --append N".into()),
    }
    Ok(())
}

fn analyse(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let series: Vec<Vec<f64>> = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let start = Instant::now();
    let changes: Vec<_> = series.iter().map(|values| detect(values)).collect();
    let seconds = start.elapsed().as_secs_f64() / series.len().max(1) as f64;
    let stationary = |kind: Kind| !matches!(kind, Kind::Spike | Kind::Variance);
    let found: Vec<Vec<usize>> = changes
        .iter()
        .map(|changes| {
            let confirmed = changes.iter().filter(|change| change.tier == Tier::Confirmed && stationary(change.kind));
            confirmed.map(|change| change.index).collect()
        })
        .collect();
    println!("{}", serde_json::json!({ "found": found, "seconds": seconds }));
    Ok(())
}

/// Series of noise with a step in the middle.
fn generated(count: usize, length: usize) -> Vec<Vec<f64>> {
    let mut stream = Stream::new(1, &[]);
    let one = |stream: &mut Stream| {
        (0..length).map(|t| if t < length / 2 { 1.0 } else { 1.05 } + 0.01 * stream.normal()).collect()
    };
    (0..count).map(|_| one(&mut stream)).collect()
}

fn many(count: usize, length: usize) {
    let series = generated(count, length);
    let start = Instant::now();
    let found: usize = detect_all(&series).iter().map(Vec::len).sum();
    println!("{}", serde_json::json!({ "seconds": start.elapsed().as_secs_f64(), "found": found }));
}

fn append(points: usize) {
    let values = generated(1, points).remove(0);
    let mut history = History::new();
    let mut took: Vec<f64> = Vec::with_capacity(points);
    let mut found = 0;
    for value in values {
        let start = Instant::now();
        history.push(value);
        found += history.changes().len();
        took.push(start.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!("{}", serde_json::json!({ "median": at(0.5), "p99": at(0.99), "longest": at(1.0), "found": found }));
}
