//! The forward pass once more, by nested loops in double precision: what the fast one is compared with.

use engine_nam::{Layer, Network};

/// The outputs of every layer for a batch.
pub(super) fn activations(network: &Network, input: &[f32]) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    for (at, layer) in network.layers().iter().enumerate() {
        let first: Vec<f64>;
        let source = match all.last() {
            Some(before) => before,
            None => {
                first = input.iter().map(|value| f64::from(*value)).collect();
                &first
            }
        };
        let (weights, bias) = network.of_layer(at);
        let mut outputs: Vec<f64> =
            source.chunks_exact(layer.inputs()).flat_map(|row| of_row(*layer, weights, bias, row)).collect();
        if layer.is_relu() {
            outputs.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        all.push(outputs);
    }
    all
}

fn of_row(layer: Layer, weights: &[f32], bias: &[f32], row: &[f64]) -> Vec<f64> {
    match layer {
        Layer::Dense { outputs, .. } => (0..outputs)
            .map(|j| {
                let products = row.iter().enumerate().map(|(i, value)| value * f64::from(weights[i * outputs + j]));
                products.sum::<f64>() + f64::from(bias[j])
            })
            .collect(),
        Layer::Conv { height, width, channels, filters, kernel, .. } => {
            let mut result = vec![0.0; height * width * filters];
            for (place, sums) in result.chunks_exact_mut(filters).enumerate() {
                let (y, x) = (place / width, place % width);
                for (f, sum) in sums.iter_mut().enumerate() {
                    *sum = f64::from(bias[f]);
                    for cell in 0..kernel * kernel {
                        let (from_y, from_x) = (y + cell / kernel, x + cell % kernel);
                        let half = kernel / 2;
                        if (half..height + half).contains(&from_y) && (half..width + half).contains(&from_x) {
                            let pixel = ((from_y - half) * width + from_x - half) * channels;
                            for c in 0..channels {
                                let weight = weights[(cell * channels + c) * filters + f];
                                *sum += row[pixel + c] * f64::from(weight);
                            }
                        }
                    }
                }
            }
            result
        }
        Layer::Mean { height, width, channels } => {
            let places = (height * width) as f64;
            (0..channels).map(|c| row.iter().skip(c).step_by(channels).sum::<f64>() / places).collect()
        }
    }
}
