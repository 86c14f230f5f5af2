//! Searches a pattern store for the ten best, on request: the side of ours in the comparison with another library.
//!
//! ```text
//! cargo run --release -p engine-htm --example store_search -- FILE [K]
//! ```
//!
//! The file holds, as little-endian numbers of four bytes: bits of a pattern, patterns, queries; then for each pattern and
//! each query the number of its on bits and these. For each line on the standard input all queries are searched once, and
//! one line of JSON says what each took, in seconds, and the overlaps it found. The first line of output says what
//! building the store took and how many bytes it has.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use engine_htm::Sdr;
use engine_htm::store::PatternStore;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let path = words.next().ok_or("name a file of patterns and queries")?;
    let k = words.next().map_or(Ok(10), |word| word.parse())?;
    let bytes = std::fs::read(path)?;
    let mut numbers = bytes.as_chunks().0.iter().map(|four| u32::from_le_bytes(*four));
    let mut next = || numbers.next().ok_or("the file ends too early");
    let (size, patterns, queries) = (next()?, next()?, next()?);
    let mut read = || -> Result<Sdr, Box<dyn Error>> {
        let on = (0..next()?).map(|_| next()).collect::<Result<_, _>>()?;
        Ok(Sdr::new(size, on)?)
    };

    let mut store = PatternStore::in_memory(size)?;
    let start = Instant::now();
    for key in 0..patterns {
        store.put(u64::from(key), &read()?, &[])?;
    }
    println!(r#"{{"built": {}, "bytes": {}}}"#, start.elapsed().as_secs_f64(), store.memory().total());
    let queries = (0..queries).map(|_| read()).collect::<Result<Vec<Sdr>, _>>()?;

    for line in std::io::stdin().lock().lines() {
        line?;
        let (mut seconds, mut overlaps) = (Vec::new(), Vec::new());
        for query in &queries {
            let start = Instant::now();
            let found = store.nearest(query, k)?;
            seconds.push(start.elapsed().as_secs_f64());
            overlaps.push(found.iter().map(|found| found.overlap).collect::<Vec<_>>());
        }
        println!(r#"{{"seconds": {seconds:?}, "overlaps": {overlaps:?}}}"#);
    }
    Ok(())
}
