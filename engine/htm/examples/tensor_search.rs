//! Searches a tensor store for the ten nearest, on request: the side of ours in the comparison with another library.
//!
//! ```text
//! cargo run --release -p engine-htm --example tensor_search -- FILE [K [LEAST]]
//! ```
//!
//! The file holds, as little-endian numbers of four bytes: numbers of an embedding, embeddings, queries; then all of them as
//! `f32`. LEAST is the least cosine, by default -1, which rules nothing out. For each line on the standard input all
//! queries are searched once, and one line of JSON says what each took, in seconds, and the numbers and cosines it found.
//! The first line of output says what building the store took and how many bytes it has.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use engine_htm::tensor::{Tensor, TensorStore};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let path = words.next().ok_or("name a file of embeddings and queries")?;
    let k = words.next().map_or(Ok(10), |word| word.parse())?;
    let least = words.next().map_or(Ok(-1.0), |word| word.parse())?;
    let bytes = std::fs::read(path)?;
    let mut numbers = bytes.as_chunks().0.iter().copied();
    let mut next = || numbers.next().map(u32::from_le_bytes).ok_or("the file ends too early");
    let (width, embeddings, queries) = (next()?, next()?, next()?);
    let mut read = || (0..width).map(|_| next().map(f32::from_bits)).collect::<Result<Vec<f32>, _>>();

    let store = TensorStore::in_memory(width)?;
    let start = Instant::now();
    for _ in 0..embeddings {
        store.write(&Tensor::new(read()?, Vec::new(), Vec::new()))?;
    }
    println!(r#"{{"built": {}, "bytes": {}}}"#, start.elapsed().as_secs_f64(), store.memory());
    let queries = (0..queries).map(|_| read()).collect::<Result<Vec<Vec<f32>>, _>>()?;
    drop(bytes);

    for line in std::io::stdin().lock().lines() {
        line?;
        let (mut seconds, mut ids, mut cosines) = (Vec::new(), Vec::new(), Vec::new());
        for query in &queries {
            let start = Instant::now();
            let found = store.search_from(query, k, least)?;
            seconds.push(start.elapsed().as_secs_f64());
            ids.push(found.iter().map(|near| near.id).collect::<Vec<_>>());
            cosines.push(found.iter().map(|near| near.cosine).collect::<Vec<_>>());
        }
        println!(r#"{{"seconds": {seconds:?}, "ids": {ids:?}, "cosines": {cosines:?}}}"#);
    }
    Ok(())
}
