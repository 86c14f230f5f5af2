//! `nam.map`: how fast a small network computes with all its activations captured, and what the capture costs.
//!
//! Method: rows of real digits go in batches through 64-128-64-10 (dense) or through two convolutions, their mean and a
//! dense layer, with weights packed before; once plain, once with every layer's outputs written into a map that was allocated
//! before. Plain and capturing passes take turns, and the overhead is that of each pair, so that what moves slower than a pair
//! hits both alike. Beside it: folding a map into means, variances and sparsity by class, and the Grad-CAM of one image.
//!
//! What would make the number wrong: a forward pass that skips work or a map that holds something else, so all activations
//! are compared with nested loops in double precision; a first pass, which pays for cold caches (it does not count); memory
//! obtained within the time; a batch whose map leaves the second-level cache, which is then what is measured (see `size`).

use std::hint::black_box;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_nam::{Activation, ActivationMap, Backward, ClassMap, Layer, Network, Prepared, data, grad_cam};

use super::{reference, stay};
use crate::harness::clock::Stopwatch;
use crate::harness::{calibrate, passes};
use crate::{Context, Probe, ProbeError};

const BATCH: ParamDef = ParamDef {
    name: "batch",
    kind: ParamKind::Count { min: 1, max: 100_000 },
    default: Some("64"),
    tiny: Some("16"),
    doc: "rows that go through the network at once",
};
const MODEL: ParamDef = ParamDef {
    name: "model",
    kind: ParamKind::Choice(&["dense", "conv"]),
    default: Some("dense"),
    tiny: None,
    doc: "64-128-64-10, or two 3 x 3 convolutions (16 and 32 filters), their mean, and 10 outputs",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "rows a second, all activations captured");
const PLAIN: MetricDef = MetricDef::rate("plain", Unit::PerSecond, "rows a second without capture");
const WORK: MetricDef = MetricDef::rate("work", Unit::FlopsPerSecond, "arithmetic of the capturing pass");
const OVERHEAD: MetricDef = MetricDef::cost("overhead", Unit::Ratio, "time that capture adds to the plain pass");
const DIFFERENCE: MetricDef = MetricDef::cost("difference", Unit::Count, "largest error of an activation");
const SIZE: MetricDef = MetricDef::fact("size", Unit::Bytes, "memory of the map for a row");
const FOLD: MetricDef = MetricDef::cost("fold", Unit::Seconds, "class statistics of a captured row");
const HEAT: MetricDef = MetricDef::cost("heat", Unit::Seconds, "Grad-CAM of a captured image (conv only)");

/// The largest difference from double precision that is rounding.
const BOUND: f64 = 1e-5;
/// Rows that are compared.
const COMPARED: usize = 64;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "nam.map",
        summary: "A small network's forward pass with all activations captured, and what the capture adds.",
        method: 1,
        about: "Sends rows of the digits data through 64-128-64-10 or a small convolutional network on one thread, plain \
                and capturing passes in turns; weights are packed and the map is allocated before the clock starts. \
                `overhead` is the median over pairs. All activations of up to 64 rows are compared with nested loops in \
                double precision: more than 1e-5 apart is a failure. The number is wrong when work is skipped, which the \
                comparison shows, and it is another one when the map of a batch leaves the second-level cache.",
        params: &[BATCH, MODEL],
        metrics: &[RATE, PLAIN, WORK, OVERHEAD, DIFFERENCE, SIZE, FOLD, HEAT],
        round_seconds: 0.8,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn network(model: &str) -> Result<Network, ProbeError> {
    if model == "dense" {
        return Ok(Network::dense(&[64, 128, 64, 10], 1)?);
    }
    let conv = |channels, filters| Layer::Conv {
        height: 8,
        width: 8,
        channels,
        filters,
        kernel: 3,
        activation: Activation::Relu,
    };
    let mean = Layer::Mean { height: 8, width: 8, channels: 32 };
    let dense = Layer::Dense { inputs: 32, outputs: 10, activation: Activation::Identity };
    Ok(Network::new(vec![conv(1, 16), conv(16, 32), mean, dense], 1)?)
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let rows = usize::try_from(args.whole(BATCH.name)).unwrap_or(1);
    let network = network(args.text(MODEL.name))?;
    stay(cx);
    let digits = data::digits_in_order()?;
    let width = digits.table().columns();
    let input: Vec<f32> = digits.table().values().iter().copied().cycle().take(rows * width).collect();
    let labels: Vec<usize> = digits.labels().iter().copied().cycle().take(rows).collect();
    let mut prepared = Prepared::floats(&network);
    let mut map = ActivationMap::new(&network, rows);
    let mut outputs = vec![0.0; rows * network.outputs()];

    prepared.capture(&input, &mut map)?;
    prepared.forward(&input, &mut outputs)?;
    let compared = rows.min(COMPARED);
    let worst = difference(&map, &reference::activations(&network, &input[..compared * width]));
    if worst.is_nan() || worst > BOUND || outputs != map.output() {
        return Err(ProbeError::verification(format!("activations differ from double precision by {worst:e}")));
    }

    let mut plain = |passes: u64| -> Result<Duration, ProbeError> {
        let clock = Stopwatch::start();
        for _ in 0..passes {
            prepared.forward(black_box(&input), black_box(&mut outputs))?;
        }
        Ok(clock.stop())
    };
    let size = calibrate(passes::target(cx.tiny), 1, &mut plain)?.iterations;
    let mut twin = Prepared::floats(&network);
    let mut capturing = |passes: u64| -> Result<Duration, ProbeError> {
        let clock = Stopwatch::start();
        for _ in 0..passes {
            twin.capture(black_box(&input), black_box(&mut map))?;
        }
        Ok(clock.stop())
    };
    capturing(size)?;
    let work = (size * rows as u64) as f64;
    for pair in 0..if cx.tiny { 3 } else { 2 * passes::COUNTED } {
        cx.check()?;
        // In turns which comes first.
        let (without, with) = if pair % 2 == 0 {
            let without = plain(size)?;
            (without, capturing(size)?)
        } else {
            let with = capturing(size)?;
            (plain(size)?, with)
        };
        let (without, with) = (without.as_secs_f64().max(1e-9), with.as_secs_f64().max(1e-9));
        cx.record(&RATE, work / with);
        cx.record(&PLAIN, work / without);
        cx.record(&WORK, work * network.flops() as f64 / with);
        cx.record(&OVERHEAD, with / without - 1.0);
    }
    cx.record(&DIFFERENCE, worst);
    cx.record(&SIZE, map.bytes_per_row() as f64);
    fold(cx, &map, &labels)?;
    if args.text(MODEL.name) == "conv" {
        heat(cx, &network, &input[..width])?;
    }
    Ok(())
}

/// The largest distance between the map's first rows and the reference; what is no number stays so.
fn difference(map: &ActivationMap, right: &[Vec<f64>]) -> f64 {
    let layers = right.iter().enumerate().flat_map(|(layer, right)| map.layer(layer).iter().zip(right));
    let distances = layers.map(|(ours, right)| (f64::from(*ours) - right).abs());
    distances.fold(0.0, |worst: f64, next| if worst.is_nan() || next <= worst { worst } else { next })
}

/// Times the folding of a map into class statistics.
fn fold(cx: &mut Context<'_>, map: &ActivationMap, labels: &[usize]) -> Result<(), ProbeError> {
    let mut classes = ClassMap::new(map, 10);
    for _ in 0..if cx.tiny { 2 } else { 9 } {
        cx.check()?;
        let clock = Stopwatch::start();
        classes.add(black_box(map), labels)?;
        let time = clock.stop();
        cx.record(&FOLD, time.as_secs_f64() / labels.len() as f64);
    }
    Ok(())
}

/// Times Grad-CAM at the second convolution, and checks it against the class activation map, which it must equal here.
fn heat(cx: &mut Context<'_>, network: &Network, image: &[f32]) -> Result<(), ProbeError> {
    let mut map = ActivationMap::new(network, 1);
    Prepared::floats(network).capture(image, &mut map)?;
    let mut backward = Backward::default();
    let right = engine_nam::cam(network, &map, 0, 3)?;
    for at in 0..if cx.tiny { 3 } else { 30 } {
        cx.check()?;
        let clock = Stopwatch::start();
        let heat = grad_cam(network, image, &map, 1, 3, &mut backward)?;
        let time = clock.stop();
        let places = right.values.len() as f32;
        if heat.values.iter().zip(&right.values).any(|(ours, cam)| (ours - cam.max(0.0) / places).abs() > 1e-5) {
            return Err(ProbeError::verification("Grad-CAM differs from the class activation map"));
        }
        if at > 0 {
            cx.record(&HEAT, time.as_secs_f64());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn both_models_are_measured_and_right() {
        for model in ["dense", "conv"] {
            let (records, notes) = round(&PROBE, &[("model", model), ("batch", "50")]).unwrap();
            assert!(notes.is_empty(), "{notes:?}");
            assert_eq!(values(&records, "rate").len(), 3);
            let worst = values(&records, "difference")[0];
            assert!(worst > 0.0 && worst <= BOUND, "{worst}");
            let (rate, work) = (values(&records, "rate")[0], values(&records, "work")[0]);
            assert!((work / rate - network(model).unwrap().flops() as f64).abs() < 1.0);
            assert_eq!(values(&records, "heat").is_empty(), model == "dense");
        }
    }

    #[test]
    fn a_wrong_activation_is_seen() {
        let network = network("dense").unwrap();
        let mut map = ActivationMap::new(&network, 1);
        Prepared::floats(&network).capture(&[0.5; 64], &mut map).unwrap();
        let mut right = reference::activations(&network, &[0.5; 64]);
        assert!(difference(&map, &right) < BOUND);
        right[1][7] += 1e-3;
        assert!(difference(&map, &right) > BOUND);
        right[1][7] = f64::NAN;
        assert!(difference(&map, &right).is_nan());
    }
}
