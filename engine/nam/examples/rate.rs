//! Rows a second of the forward pass of 64-128-64-10 with and without capture, by batch:
//!
//! ```text
//! cargo run --release -p engine-nam --example rate
//! ```
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use engine_nam::{ActivationMap, Network, Prepared, data};

fn main() -> Result<(), Box<dyn Error>> {
    let network = Network::dense(&[64, 128, 64, 10], 1)?;
    let digits = data::digits_in_order()?;
    for batch in [1_usize, 8, 64, 449, 1797] {
        let mut prepared = Prepared::floats(&network);
        let rows = &digits.table().values()[..batch * 64];
        let (mut outputs, mut map) = (vec![0.0; batch * 10], ActivationMap::new(&network, batch));
        let passes = 20_000 / batch + 1;
        let mut best = [f64::INFINITY; 2];
        for _ in 0..30 {
            let clock = Instant::now();
            for _ in 0..passes {
                prepared.forward(black_box(rows), black_box(&mut outputs))?;
            }
            best[0] = best[0].min(clock.elapsed().as_secs_f64());
            let clock = Instant::now();
            for _ in 0..passes {
                prepared.capture(black_box(rows), black_box(&mut map))?;
            }
            best[1] = best[1].min(clock.elapsed().as_secs_f64());
        }
        let count = (passes * batch) as f64;
        let [plain, capture] = best.map(|seconds| seconds / count * 1e9);
        let work = network.flops() as f64 / capture;
        println!("batch {batch:4}: plain {plain:7.1} ns a row, with capture {capture:7.1} ns, {work:.0} GFLOP/s");
    }
    Ok(())
}
