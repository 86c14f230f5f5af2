//! A network: layers one behind the other, and all their parameters in one vector.
//!
//! Values are `f32`. A batch is rows behind each other; an image is a row in the order height, width, channel. The weights of
//! a layer are a matrix `[inputs][outputs]` in row order (as numpy and scikit-learn keep them: `y = x W + b`), those of a
//! convolution `[kernel y][kernel x][channel][filter]`, followed by the biases.

use crate::random::Random;

/// What follows the sum of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(0, x)`.
    Relu,
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Every output sees every input.
    Dense {
        /// Values in.
        inputs: usize,
        /// Values out.
        outputs: usize,
        /// What follows the sum.
        activation: Activation,
    },
    /// Square filters at every place of an image; beyond its edge lies zero, so the size stays.
    Conv {
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
        /// Channels in.
        channels: usize,
        /// Channels out.
        filters: usize,
        /// Side of a filter, odd.
        kernel: usize,
        /// What follows the sum.
        activation: Activation,
    },
    /// The mean of each channel over the image (global average pooling).
    Mean {
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
        /// Channels.
        channels: usize,
    },
}

impl Layer {
    /// Values of a row that go in.
    #[must_use]
    pub const fn inputs(self) -> usize {
        match self {
            Self::Dense { inputs, .. } => inputs,
            Self::Conv { height, width, channels, .. } | Self::Mean { height, width, channels } => {
                height * width * channels
            }
        }
    }

    /// Values of a row that come out.
    #[must_use]
    pub const fn outputs(self) -> usize {
        match self {
            Self::Dense { outputs, .. } => outputs,
            Self::Conv { height, width, filters, .. } => height * width * filters,
            Self::Mean { channels, .. } => channels,
        }
    }

    /// Rows and columns of the weights; zero where there are none.
    #[must_use]
    pub const fn weights(self) -> (usize, usize) {
        match self {
            Self::Dense { inputs, outputs, .. } => (inputs, outputs),
            Self::Conv { channels, filters, kernel, .. } => (kernel * kernel * channels, filters),
            Self::Mean { .. } => (0, 0),
        }
    }

    /// Whether negative sums become zero.
    #[must_use]
    pub const fn is_relu(self) -> bool {
        matches!(
            self,
            Self::Dense { activation: Activation::Relu, .. } | Self::Conv { activation: Activation::Relu, .. }
        )
    }

    /// Number of weights and biases.
    #[must_use]
    pub const fn parameters(self) -> usize {
        let (k, n) = self.weights();
        (k + 1) * n
    }

    /// Multiplications and additions for one row.
    #[must_use]
    pub const fn flops(self) -> usize {
        match self {
            Self::Dense { inputs, outputs, .. } => 2 * inputs * outputs,
            Self::Conv { height, width, channels, filters, kernel, .. } => {
                2 * height * width * kernel * kernel * channels * filters
            }
            Self::Mean { height, width, channels } => height * width * channels,
        }
    }

    const fn valid(self) -> bool {
        match self {
            Self::Dense { inputs, outputs, .. } => inputs > 0 && outputs > 0,
            Self::Conv { height, width, channels, filters, kernel, .. } => {
                height > 0 && width > 0 && channels > 0 && filters > 0 && kernel % 2 == 1
            }
            Self::Mean { height, width, channels } => height > 0 && width > 0 && channels > 0,
        }
    }
}

/// Why layers make no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No layer.
    #[error("a network needs at least one layer")]
    Empty,
    /// A size of zero, or a filter with an even side.
    #[error("layer {layer} has a size of zero or a filter with an even side")]
    Size {
        /// The layer, from 0.
        layer: usize,
    },
    /// More weights than can be addressed here.
    #[error("layer {layer} is too large")]
    Large {
        /// The layer, from 0.
        layer: usize,
    },
    /// A layer does not take what the one before gives.
    #[error("layer {layer} takes {expected} values, the one before gives {found}")]
    Chain {
        /// The layer, from 0.
        layer: usize,
        /// What it takes.
        expected: usize,
        /// What it would get.
        found: usize,
    },
    /// Not as many parameters as the layers have.
    #[error("the layers have {expected} parameters, got {found}")]
    Parameters {
        /// Of the layers.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("parameter {at} is not a finite number")]
    NotFinite {
        /// Its place.
        at: usize,
    },
}

/// Layers with their parameters. To compute with one, make a [`crate::Prepared`] of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
    /// Where the parameters of each layer begin.
    offsets: Vec<usize>,
    parameters: Vec<f32>,
}

impl Network {
    /// The largest number of parameters of a layer.
    const LARGEST: usize = 1 << 28;

    /// Layers with weights drawn from a seed: normal with variance `2 / inputs` (He et al., 2015); biases are zero.
    ///
    /// # Errors
    /// When the layers do not fit each other.
    pub fn new(layers: Vec<Layer>, seed: u64) -> Result<Self, NetworkError> {
        let mut random = Random::new(seed);
        let mut parameters = Vec::new();
        check(&layers)?;
        for layer in &layers {
            let (k, n) = layer.weights();
            let deviation = (2.0 / k.max(1) as f32).sqrt();
            parameters.extend((0..k * n).map(|_| deviation * random.normal()));
            parameters.extend(std::iter::repeat_n(0.0, n));
        }
        Self::with_parameters(layers, parameters)
    }

    /// Layers with given parameters: for each layer its weights, then its biases.
    ///
    /// # Errors
    /// When the layers do not fit each other or the parameters, or a parameter is not finite.
    pub fn with_parameters(layers: Vec<Layer>, parameters: Vec<f32>) -> Result<Self, NetworkError> {
        check(&layers)?;
        let mut offsets = Vec::with_capacity(layers.len());
        let mut expected = 0;
        for layer in &layers {
            offsets.push(expected);
            expected += layer.parameters();
        }
        if parameters.len() != expected {
            return Err(NetworkError::Parameters { expected, found: parameters.len() });
        }
        match parameters.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(NetworkError::NotFinite { at }),
            None => Ok(Self { layers, offsets, parameters }),
        }
    }

    /// Dense layers of these widths, the first being that of the input; all but the last are followed by `max(0, x)`.
    ///
    /// # Errors
    /// When there are fewer than two widths, or a width is zero.
    pub fn dense(widths: &[usize], seed: u64) -> Result<Self, NetworkError> {
        let last = widths.len().saturating_sub(2);
        let layer = |(at, pair): (usize, &[usize])| Layer::Dense {
            inputs: pair[0],
            outputs: pair[1],
            activation: if at == last { Activation::Identity } else { Activation::Relu },
        };
        Self::new(widths.windows(2).enumerate().map(layer).collect(), seed)
    }

    /// Its layers, in order.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Values of an input row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Values of an output row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs()
    }

    /// All parameters: for each layer its weights, then its biases.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All parameters, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Weights and biases of a layer.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn of_layer(&self, layer: usize) -> (&[f32], &[f32]) {
        let (from, (k, n)) = (self.offsets[layer], self.layers[layer].weights());
        (&self.parameters[from..from + k * n], &self.parameters[from + k * n..from + (k + 1) * n])
    }

    /// Where the weights of a layer lie among the parameters.
    pub(crate) fn range(&self, layer: usize) -> std::ops::Range<usize> {
        self.offsets[layer]..self.offsets[layer] + self.layers[layer].parameters()
    }

    /// Multiplications and additions for one row.
    #[must_use]
    pub fn flops(&self) -> usize {
        self.layers.iter().map(|layer| layer.flops()).sum()
    }
}

fn check(layers: &[Layer]) -> Result<(), NetworkError> {
    if layers.is_empty() {
        return Err(NetworkError::Empty);
    }
    for (at, layer) in layers.iter().enumerate() {
        if !layer.valid() {
            return Err(NetworkError::Size { layer: at });
        }
        let sizes = match *layer {
            Layer::Dense { inputs, outputs, .. } => [inputs, outputs, 1, 1, 1],
            Layer::Conv { height, width, channels, filters, kernel, .. } => {
                // Also bounds the patches that a convolution writes.
                let Some(square) = kernel.checked_mul(kernel) else { return Err(NetworkError::Large { layer: at }) };
                [height, width, channels, filters, square]
            }
            Layer::Mean { height, width, channels } => [height, width, channels, 1, 1],
        };
        let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        if product.is_none_or(|product| product > Network::LARGEST) {
            return Err(NetworkError::Large { layer: at });
        }
        if at > 0 && layers[at - 1].outputs() != layer.inputs() {
            let (expected, found) = (layer.inputs(), layers[at - 1].outputs());
            return Err(NetworkError::Chain { layer: at, expected, found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_do_not_fit_are_named() {
        let dense = |inputs, outputs| Layer::Dense { inputs, outputs, activation: Activation::Relu };
        assert_eq!(Network::new(vec![], 0), Err(NetworkError::Empty));
        assert_eq!(Network::dense(&[4], 0), Err(NetworkError::Empty));
        assert_eq!(Network::new(vec![dense(3, 0)], 0), Err(NetworkError::Size { layer: 0 }));
        let error = Network::new(vec![dense(3, 4), dense(5, 2)], 0).unwrap_err();
        assert_eq!(error.to_string(), "layer 1 takes 5 values, the one before gives 4");
        assert_eq!(Network::new(vec![dense(1 << 40, 1 << 40)], 0), Err(NetworkError::Large { layer: 0 }));
        let even =
            Layer::Conv { height: 4, width: 4, channels: 1, filters: 2, kernel: 2, activation: Activation::Relu };
        assert_eq!(Network::new(vec![even], 0), Err(NetworkError::Size { layer: 0 }));
        let few = Network::with_parameters(vec![dense(3, 4)], vec![0.0; 15]);
        assert_eq!(few, Err(NetworkError::Parameters { expected: 16, found: 15 }));
        let bad = Network::with_parameters(vec![dense(1, 1)], vec![0.0, f32::NAN]);
        assert_eq!(bad, Err(NetworkError::NotFinite { at: 1 }));
    }

    #[test]
    fn a_seed_makes_a_network() {
        let network = Network::dense(&[64, 128, 64, 10], 3).unwrap();
        assert_eq!(network.parameters().len(), 64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10);
        assert_eq!(network, Network::dense(&[64, 128, 64, 10], 3).unwrap());
        assert_ne!(network, Network::dense(&[64, 128, 64, 10], 4).unwrap());
        assert_eq!((network.inputs(), network.outputs(), network.flops()), (64, 10, 34_048));
        let (weights, biases) = network.of_layer(1);
        let variance = weights.iter().map(|w| f64::from(w * w)).sum::<f64>() / weights.len() as f64;
        assert!((variance * 64.0 - 1.0).abs() < 0.1 && biases.iter().all(|bias| *bias == 0.0), "{variance}");
    }
}
