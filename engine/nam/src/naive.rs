//! An independent second implementation for tests: nested loops in double precision, straight from the definitions.

use crate::network::Layer;

/// The outputs of every layer for a batch. `parameters` lie as [`crate::Network::parameters`] says.
pub(crate) fn forward(layers: &[Layer], parameters: &[f64], input: &[f64]) -> Vec<Vec<f64>> {
    let mut outputs: Vec<Vec<f64>> = Vec::new();
    let mut offset = 0;
    for layer in layers {
        let source = outputs.last().map_or(input, Vec::as_slice);
        let mut result = Vec::new();
        for row in source.chunks_exact(layer.inputs()) {
            match *layer {
                Layer::Dense { inputs, outputs, .. } => {
                    for j in 0..outputs {
                        let mut sum = parameters[offset + inputs * outputs + j];
                        for i in 0..inputs {
                            sum += row[i] * parameters[offset + i * outputs + j];
                        }
                        result.push(sum);
                    }
                }
                Layer::Conv { height, width, channels, filters, kernel, .. } => {
                    let half = (kernel / 2) as isize;
                    for y in 0..height as isize {
                        for x in 0..width as isize {
                            for f in 0..filters {
                                let mut sum = parameters[offset + kernel * kernel * channels * filters + f];
                                for ky in 0..kernel {
                                    for kx in 0..kernel {
                                        let (at_y, at_x) = (y + ky as isize - half, x + kx as isize - half);
                                        let inside =
                                            (0..height as isize).contains(&at_y) && (0..width as isize).contains(&at_x);
                                        for c in 0..channels * usize::from(inside) {
                                            let place = (at_y * width as isize + at_x) as usize;
                                            let weight = ((ky * kernel + kx) * channels + c) * filters + f;
                                            sum += row[place * channels + c] * parameters[offset + weight];
                                        }
                                    }
                                }
                                result.push(sum);
                            }
                        }
                    }
                }
                Layer::Mean { height, width, channels } => {
                    for c in 0..channels {
                        let sum: f64 = (0..height * width).map(|place| row[place * channels + c]).sum();
                        result.push(sum / (height * width) as f64);
                    }
                }
            }
        }
        if layer.is_relu() {
            result.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        offset += layer.parameters();
        outputs.push(result);
    }
    outputs
}
