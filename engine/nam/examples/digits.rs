//! Trains a small network on handwritten digits, maps its activations by class, and takes it down the precision ladder:
//!
//! ```text
//! cargo run --release -p engine-nam --example digits
//! ```
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::time::Instant;

use engine_nam::{ActivationMap, ClassMap, Network, Precision, Prepared, Training, data, prune, score, train};

fn main() -> Result<(), Box<dyn Error>> {
    let digits = data::digits()?;
    let mut network = Network::dense(&[64, 128, 64, 10], 0)?;
    let clock = Instant::now();
    let losses = train(&mut network, &digits.train, &Training::default())?;
    println!("trained in {:.2} s, loss {:.4}", clock.elapsed().as_secs_f64(), losses[losses.len() - 1]);

    let (rows, labels) = (digits.test.table().values(), digits.test.labels());
    let mut map = ActivationMap::new(&network, labels.len());
    Prepared::floats(&network).capture(rows, &mut map)?;
    let mut classes = ClassMap::new(&map, 10);
    classes.add(&map, labels)?;
    println!("\nclass  sparsity of layers 1, 2  top units of layer 2");
    for class in 0..10 {
        let top: Vec<usize> = classes.top_units(1, class, 4).iter().map(|(unit, _)| *unit).collect();
        println!("{class:5}  {:22.2} {:.2}  {top:?}", classes.sparsity(0, class), classes.sparsity(1, class));
    }

    println!("\nprecision  pruned  accuracy     bytes  microseconds/row (batch 450)");
    let calibration = digits.train.table().values();
    let ladder = Precision::ALL.into_iter().take(4).map(|precision| (precision, 0.0));
    for (precision, share) in ladder.chain([0.5, 0.7, 0.8, 0.9].map(|share| (Precision::Sparse, share))) {
        let mut prepared = Prepared::new(&prune(&network, share), precision, calibration)?;
        let mut outputs = vec![0.0; labels.len() * 10];
        prepared.forward(rows, &mut outputs)?;
        let accuracy = score::accuracy(&outputs, labels);
        let clock = Instant::now();
        for _ in 0..200 {
            prepared.forward(rows, &mut outputs)?;
        }
        let each = clock.elapsed().as_secs_f64() / 200.0 / labels.len() as f64;
        println!("{:9}  {share:6.2}  {accuracy:8.4}  {:8}  {:.3}", precision.name(), prepared.bytes(), each * 1e6);
    }
    Ok(())
}
