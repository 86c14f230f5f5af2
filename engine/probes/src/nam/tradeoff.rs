//! `nam.tradeoff`: accuracy, time and memory of one trained network in several precisions, and pruned.
//!
//! Method: 64-128-64-10 is trained on 1,347 of the digits (seed fixed, so that every round has the same network) and judged on
//! the other 450. The same parameters are then kept as 32-bit and 16-bit floats, as 8-bit and 4-bit integers with a scale
//! for each output (inputs as 7-bit integers, ranges from the training rows), and with 50, 70, 80 and 90 % of each layer's
//! smallest weights removed, without training after it. Each is timed on the 450 rows.
//!
//! What would make the number wrong: a network that was never trained (with 20 passes or more it must reach 97 %); integers that
//! lose more than half a point then, which is a failure; times of a batch other than the one of interest; sparse
//! weights that compute something else than the dense ones, so all outputs are compared.

use std::hint::black_box;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use engine_nam::data::Split;
use engine_nam::{Network, Precision, Prepared, Training, data, prune, score, train};

use super::stay;
use crate::harness::clock::Stopwatch;
use crate::harness::short;
use crate::{Context, Probe, ProbeError};

const EPOCHS: ParamDef = ParamDef {
    name: "epochs",
    kind: ParamKind::Count { min: 1, max: 1_000 },
    default: Some("40"),
    tiny: Some("3"),
    doc: "passes over the training rows",
};
const BATCH: ParamDef = ParamDef {
    name: "batch",
    kind: ParamKind::Count { min: 1, max: 450 },
    default: Some("450"),
    tiny: None,
    doc: "rows that are timed at once",
};

const TIME: MetricDef = MetricDef::floor("time", Unit::Seconds, "one row through the network");
const ACCURACY: MetricDef = MetricDef::rate("accuracy", Unit::Ratio, "share of the 450 test rows told right");
const SIZE: MetricDef = MetricDef::cost("size", Unit::Bytes, "weights, scales and biases");

/// Passes from which on the promises on accuracy are checked.
const TRAINED: usize = 20;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "nam.tradeoff",
        summary: "One trained network as f32, f16, int8, int4 and pruned: accuracy, time a row, bytes.",
        method: 1,
        about: "Trains 64-128-64-10 on 1,347 digits and judges it on 450 others; then keeps the same parameters in each \
                precision and at each share of pruned weights (labels `precision` and `pruned`), and times each on one \
                thread. From 20 passes on, f32 must tell at least 97 % right and int8 lose at most half a point, else the \
                round fails. The numbers are wrong when the network is not trained, which the accuracy shows.",
        params: &[EPOCHS, BATCH],
        metrics: &[TIME, ACCURACY, SIZE],
        round_seconds: 1.0,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let epochs = usize::try_from(args.whole(EPOCHS.name)).unwrap_or(1);
    let batch = usize::try_from(args.whole(BATCH.name)).unwrap_or(1);
    stay(cx);
    let digits = data::digits()?;
    let mut network = Network::dense(&[64, 128, 64, 10], 0)?;
    train(&mut network, &digits.train, &Training { epochs, ..Training::default() })?;
    cx.check()?;

    let mut floats = 0.0;
    for precision in [Precision::F32, Precision::F16, Precision::Int8, Precision::Int4] {
        let (accuracy, _) = measure(cx, &digits, &network, precision, "0 %", batch)?;
        match precision {
            Precision::F32 => floats = accuracy,
            Precision::Int8 if epochs >= TRAINED => verify(floats, accuracy)?,
            _ => {}
        }
    }
    for (share, name) in [(0.5, "50 %"), (0.7, "70 %"), (0.8, "80 %"), (0.9, "90 %")] {
        let pruned = prune(&network, share);
        let (_, outputs) = measure(cx, &digits, &pruned, Precision::Sparse, name, batch)?;
        let mut dense = vec![0.0; outputs.len()];
        Prepared::floats(&pruned).forward(digits.test.table().values(), &mut dense)?;
        let apart = |(dense, sparse): (&f32, &f32)| {
            let off = (dense - sparse).abs() / (1.0 + dense.abs());
            off.is_nan() || off > 1e-3
        };
        if dense.iter().zip(&outputs).any(apart) {
            return Err(ProbeError::verification(format!(
                "without {name} of its weights the network gives other outputs"
            )));
        }
    }
    Ok(())
}

/// Accuracy, time and size of the network in one precision; returns the accuracy and the outputs of all test rows.
fn measure(
    cx: &mut Context<'_>,
    digits: &Split,
    network: &Network,
    precision: Precision,
    pruned: &str,
    batch: usize,
) -> Result<(f64, Vec<f32>), ProbeError> {
    let mut prepared = Prepared::new(network, precision, digits.train.table().values())?;
    let (rows, labels) = (digits.test.table().values(), digits.test.labels());
    let mut outputs = vec![0.0; labels.len() * network.outputs()];
    prepared.forward(rows, &mut outputs)?;
    let accuracy = score::accuracy(&outputs, labels);

    let input = &rows[..batch * network.inputs()];
    let mut timed = vec![0.0; batch * network.outputs()];
    let taken = short::take(cx, 1, |iterations| {
        let clock = Stopwatch::start();
        for _ in 0..iterations {
            prepared.forward(black_box(input), black_box(&mut timed))?;
        }
        Ok::<Duration, ProbeError>(clock.stop())
    })?;
    let at = Labels::new().with("precision", precision.name()).with("pruned", pruned);
    let times: Vec<f64> = taken.each().iter().map(|seconds| seconds / batch as f64).collect();
    cx.record_with(TIME.metric(), at.clone(), &times);
    cx.record_at(&ACCURACY, at.clone(), accuracy);
    cx.record_at(&SIZE, at, prepared.bytes() as f64);
    Ok((accuracy, outputs))
}

fn verify(floats: f64, integers: f64) -> Result<(), ProbeError> {
    if floats < 0.97 {
        return Err(ProbeError::verification(format!("the network tells only {floats:.4} of the digits right")));
    }
    if integers < floats - 0.005 {
        return Err(ProbeError::verification(format!("int8 tells {integers:.4} right, f32 {floats:.4}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_rung_is_measured() {
        let (records, _) = round_within(&PROBE, &[("batch", "64")], &[("time", 1e-9..1e-2)]).unwrap();
        let sizes = values(&records, "size");
        assert_eq!(sizes.len(), 8);
        assert!(sizes[..4].is_sorted_by(|more, less| more > less), "{sizes:?}");
        assert!(sizes[4..].is_sorted_by(|more, less| more > less), "{sizes:?}");
        assert!(values(&records, "time").iter().all(|time| (1e-9..1e-2).contains(time)));
        assert!(values(&records, "accuracy")[0] > 0.7, "even three passes teach something");
    }

    #[test]
    fn a_bad_network_and_bad_integers_are_failures() {
        assert!(verify(0.98, 0.976).is_ok());
        assert!(verify(0.98, 0.97).unwrap_err().to_string().contains("int8 tells 0.9700"));
        assert!(verify(0.5, 0.5).unwrap_err().to_string().contains("only 0.5"));
    }
}
