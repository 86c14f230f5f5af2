//! Back-propagation (Rumelhart, Hinton and Williams, 1986): from the derivative of a loss with respect to a network's
//! outputs to that with respect to its parameters, and to any layer's inputs.

use crate::kernel::{Finish, Isa, Panels, Rows, multiply};
use crate::map::{ActivationMap, ShapeError};
use crate::network::{Layer, Network};
use crate::prepared::patches_of;

/// Works out gradients; holds the memory for it.
#[derive(Debug, Clone)]
pub struct Backward {
    isa: Isa,
    panels: Panels<f32>,
    /// Derivatives with respect to a layer's outputs, and to its inputs.
    outer: Vec<f32>,
    inner: Vec<f32>,
    patches: Vec<f32>,
    slopes: Vec<f32>,
}

impl Default for Backward {
    fn default() -> Self {
        Self {
            isa: Isa::best(),
            panels: Panels::zeros(0, 0),
            outer: Vec::new(),
            inner: Vec::new(),
            patches: Vec::new(),
            slopes: Vec::new(),
        }
    }
}

impl Backward {
    /// From `slope`, the derivative of a loss with respect to each output of the batch in `map`, to that with respect to
    /// each parameter, summed over the batch and written into `gradient`, and to that with respect to the inputs of layer
    /// `until`, which is returned (rows behind each other). Layers before `until` keep what `gradient` held. With
    /// `until = None` all parameters are done and nothing is returned.
    ///
    /// # Errors
    /// When a slice or the map does not fit the network.
    ///
    /// # Panics
    /// When there is no layer `until`.
    pub fn run(
        &mut self,
        network: &Network,
        input: &[f32],
        map: &ActivationMap,
        slope: &[f32],
        gradient: &mut [f32],
        until: Option<usize>,
    ) -> Result<&[f32], ShapeError> {
        let rows = map.rows();
        let fits = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(ShapeError { what, expected, found }) }
        };
        fits("layers of the activation map", network.layers().len(), map.layers())?;
        fits("input of the batch", rows * network.inputs(), input.len())?;
        fits("slope of the outputs", rows * network.outputs(), slope.len())?;
        fits("gradient", network.parameters().len(), gradient.len())?;
        self.outer.clear();
        self.outer.extend_from_slice(slope);
        let stop = until.unwrap_or(0);
        for at in (stop..network.layers().len()).rev() {
            let layer = network.layers()[at];
            let source = if at == 0 { input } else { map.layer(at - 1) };
            fits("units of the activation map", layer.outputs(), map.units(at))?;
            if layer.is_relu() {
                for (slope, output) in self.outer.iter_mut().zip(map.layer(at)) {
                    if *output <= 0.0 {
                        *slope = 0.0;
                    }
                }
            }
            let further = at > stop || until.is_some();
            if further {
                self.inner.clear();
                self.inner.resize(rows * layer.inputs(), 0.0);
            }
            self.layer(network, at, source, rows, &mut gradient[network.range(at)], further);
            if further {
                std::mem::swap(&mut self.outer, &mut self.inner);
            }
        }
        Ok(if until.is_some() { &self.outer } else { &[] })
    }

    /// One layer: its gradient, and the slope of its inputs when asked for.
    fn layer(
        &mut self,
        network: &Network,
        at: usize,
        source: &[f32],
        rows: usize,
        gradient: &mut [f32],
        further: bool,
    ) {
        let layer = network.layers()[at];
        let (k, n) = layer.weights();
        let (weights, bias) = gradient.split_at_mut(k * n);
        match layer {
            Layer::Dense { .. } => {
                self.panels.reshape(rows, n);
                self.panels.fill(&self.outer, n, 1);
                let transposed = Rows { values: source, count: k, stride: 1, step: k };
                multiply(self.isa, transposed, &self.panels, Finish::Store, weights, n);
                sum_rows(&self.outer, bias);
                if further {
                    self.panels.reshape(n, k);
                    self.panels.fill(network.of_layer(at).0, 1, n);
                    let rows = Rows::packed(&self.outer, rows, n);
                    multiply(self.isa, rows, &self.panels, Finish::Store, &mut self.inner, k);
                }
            }
            Layer::Conv { height, width, .. } => {
                let places = height * width;
                self.patches.resize(places * k, 0.0);
                self.slopes.resize(places * k, 0.0);
                weights.fill(0.0);
                sum_rows(&self.outer, bias);
                let images = source.chunks_exact(layer.inputs()).zip(self.outer.chunks_exact(layer.outputs()));
                for (image, slope) in images {
                    patches_of(layer, image, &mut self.patches);
                    self.panels.reshape(places, n);
                    self.panels.fill(slope, n, 1);
                    let transposed = Rows { values: &self.patches, count: k, stride: 1, step: k };
                    multiply(self.isa, transposed, &self.panels, Finish::Add, weights, n);
                }
                if further {
                    self.panels.reshape(n, k);
                    self.panels.fill(network.of_layer(at).0, 1, n);
                    let images = self.outer.chunks_exact(layer.outputs());
                    for (slope, inner) in images.zip(self.inner.chunks_exact_mut(layer.inputs())) {
                        let rows = Rows::packed(slope, places, n);
                        multiply(self.isa, rows, &self.panels, Finish::Store, &mut self.slopes, k);
                        gather(layer, &self.slopes, inner);
                    }
                }
            }
            Layer::Mean { height, width, channels } => {
                if further {
                    let share = 1.0 / (height * width) as f32;
                    let images = self.outer.chunks_exact(channels).zip(self.inner.chunks_exact_mut(layer.inputs()));
                    for (slope, inner) in images {
                        for place in inner.chunks_exact_mut(channels) {
                            for (to, slope) in place.iter_mut().zip(slope) {
                                *to = share * slope;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Sums rows of the length of `sum`.
fn sum_rows(rows: &[f32], sum: &mut [f32]) {
    sum.fill(0.0);
    for row in rows.chunks_exact(sum.len().max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// Adds the slopes of all patches to the places of the image that they were taken from.
fn gather(layer: Layer, slopes: &[f32], image: &mut [f32]) {
    let Layer::Conv { height, width, channels, kernel, .. } = layer else { return };
    let half = kernel / 2;
    let mut pieces = slopes.chunks_exact(channels);
    for y in 0..height {
        for x in 0..width {
            for dy in 0..kernel {
                for dx in 0..kernel {
                    let Some(piece) = pieces.next() else { return };
                    let (row, column) = ((y + dy).wrapping_sub(half), (x + dx).wrapping_sub(half));
                    if row < height && column < width {
                        let to = (row * width + column) * channels;
                        for (to, slope) in image[to..to + channels].iter_mut().zip(piece) {
                            *to += slope;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
