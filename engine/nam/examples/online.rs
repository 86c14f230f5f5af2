//! Learns digits row by row; at half, every class takes another's name, and the detector has to see it:
//!
//! ```text
//! cargo run --release -p engine-nam --example online
//! ```
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::time::Instant;

use engine_nam::online::{Adwin, LogisticRegression, OnlineNetwork, Reaction, permuted_at_half, prequential};
use engine_nam::{Optimizer, data};

fn main() -> Result<(), Box<dyn Error>> {
    let pages = data::phishing()?;
    let clock = Instant::now();
    let outcome = prequential(&mut LogisticRegression::new(9, 0.01), &pages, None)?;
    let rate = outcome.rows as f64 / clock.elapsed().as_secs_f64();
    println!("phishing: {:.2} % right before learning, {rate:.0} rows/s", 100.0 * outcome.accuracy);

    let stream = permuted_at_half(&data::digits_in_order()?, 6, 1)?;
    let half = stream.labels().len() / 2;
    for (name, optimizer) in
        [("sgd", Optimizer::Sgd { rate: 0.05, momentum: 0.0 }), ("adam", Optimizer::Adam { rate: 2e-3 })]
    {
        for reaction in [Reaction::None, Reaction::Relearn] {
            let mut network = OnlineNetwork::new(&[64, 64, 10], optimizer, reaction, 1)?;
            let clock = Instant::now();
            let outcome = prequential(&mut network, &stream, Some(&mut Adwin::default()))?;
            let rate = outcome.rows as f64 / clock.elapsed().as_secs_f64();
            println!(
                "digits, {name}, {reaction:?}: {:.2} % right, {rate:.0} rows/s, 90 % after {:?} rows, change at {half} seen at \
                 {:?}, 90 % again after {:?} rows",
                100.0 * outcome.accuracy,
                outcome.rows_until(0, 100, 0.9),
                outcome.drifts,
                outcome.rows_until(half, 100, 0.9),
            );
        }
    }
    Ok(())
}
