//! A network made ready to compute: weights packed in one of five precisions, scratch memory allocated once.
//!
//! A batch goes through all layers in blocks of rows, so that a block's values stay in the first-level cache. With a map,
//! each layer writes into the map instead of into scratch memory: capture copies nothing.

use half::f16;

use crate::kernel::{
    Bits, Buffer, Finish, Float, IntegerPanels, Isa, Panels, Rows, SPARSE_LANES, SparseMatrix, Steps, multiply,
    multiply_integers, quantise,
};
use crate::map::{ActivationMap, ShapeError};
use crate::network::{Layer, Network};

/// How weights are kept and multiplied. Biases and outputs are `f32` always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats (IEEE half) in memory, multiplied as 32-bit floats.
    F16,
    /// 8-bit integers with a scale for each output; inputs of each layer as 7-bit integers; exact 32-bit sums.
    Int8,
    /// As [`Precision::Int8`] with 4-bit weights, two a byte.
    Int4,
    /// 32-bit floats, only those that are not zero: for a pruned network.
    Sparse,
}

impl Precision {
    /// All, widest first.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Int8, Self::Int4, Self::Sparse];

    /// The name in options and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
            Self::Sparse => "sparse",
        }
    }
}

/// Why a network cannot be made ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Integers need to know which values occur.
    #[error("`{0}` needs rows of typical inputs to find the range of each layer's values")]
    Calibration(&'static str),
    /// Sparse weights have 16-bit row numbers.
    #[error("layer {layer} has {inputs} inputs, sparse weights can have at most 65536")]
    Inputs {
        /// The layer, from 0.
        layer: usize,
        /// Its inputs.
        inputs: usize,
    },
    /// The calibration rows do not fit the network.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The machine lacks the instructions.
    #[error("this machine has no `{0}`")]
    Isa(Isa),
}

/// Weights of a layer, packed.
#[derive(Debug, Clone)]
enum Weights {
    F32(Panels<f32>),
    F16(Panels<f16>),
    Integer(IntegerPanels, Steps),
    Sparse(SparseMatrix),
    None,
}

/// Scratch memory of one block.
#[derive(Debug, Clone, Default)]
struct Scratch {
    bytes: Vec<u8>,
    patches: Vec<f32>,
    lanes: Vec<f32>,
}

/// A network ready to compute. It holds scratch memory, so each thread needs one of its own (`clone`).
#[derive(Debug, Clone)]
pub struct Prepared {
    isa: Isa,
    precision: Precision,
    stages: Vec<(Layer, Weights)>,
    scratch: Scratch,
    /// Outputs of the last layer but one and so on, for one block, in turns.
    turns: [Buffer; 2],
}

/// Rows that go through all layers at once: a multiple of every tile's height.
const BLOCK: usize = 48;

impl Prepared {
    /// Packs the network for the best instructions that the machine has. `calibration` are rows of typical inputs, one
    /// behind the other: [`Precision::Int8`] and [`Precision::Int4`] need them, the others ignore them.
    ///
    /// # Errors
    /// When calibration is needed and missing or of another width.
    pub fn new(network: &Network, precision: Precision, calibration: &[f32]) -> Result<Self, PrepareError> {
        Self::with_isa(network, precision, calibration, Isa::best())
    }

    /// In 32-bit floats.
    #[must_use]
    pub fn floats(network: &Network) -> Self {
        let stages = network.layers().iter().enumerate();
        Self::of(
            Isa::best(),
            Precision::F32,
            stages.map(|(at, layer)| (*layer, pack::<f32>(network, at).map_or(Weights::None, Weights::F32))).collect(),
        )
    }

    /// As [`Prepared::new`] with given instructions.
    ///
    /// # Errors
    /// As [`Prepared::new`], and when the machine lacks the instructions.
    pub fn with_isa(
        network: &Network,
        precision: Precision,
        calibration: &[f32],
        isa: Isa,
    ) -> Result<Self, PrepareError> {
        if !isa.is_available() {
            return Err(PrepareError::Isa(isa));
        }
        let steps = match precision {
            Precision::Int8 | Precision::Int4 => calibrate(network, precision, calibration)?,
            _ => vec![Steps { step: 1.0, zero: 0 }; network.layers().len()],
        };
        let mut stages = Vec::with_capacity(steps.len());
        for (at, (layer, steps)) in network.layers().iter().zip(steps).enumerate() {
            let ((k, n), (weights, bias)) = (layer.weights(), network.of_layer(at));
            let integers =
                |bits| Weights::Integer(IntegerPanels::of(bits, k, n, weights, bias, steps.step, steps.zero), steps);
            let packed = match precision {
                _ if n == 0 => Weights::None,
                Precision::F32 => Weights::F32(Panels::of(k, n, weights, bias)),
                Precision::F16 => Weights::F16(Panels::of(k, n, weights, bias)),
                Precision::Int8 => integers(Bits::Eight),
                Precision::Int4 => integers(Bits::Four),
                Precision::Sparse if k > 1 << 16 => return Err(PrepareError::Inputs { layer: at, inputs: k }),
                Precision::Sparse => Weights::Sparse(SparseMatrix::of(k, n, weights, bias)),
            };
            stages.push((*layer, packed));
        }
        Ok(Self::of(isa, precision, stages))
    }

    fn of(isa: Isa, precision: Precision, stages: Vec<(Layer, Weights)>) -> Self {
        let mut scratch = Scratch::default();
        let mut widest = 0;
        for (layer, weights) in &stages {
            widest = widest.max(layer.outputs());
            // The rows that one multiplication takes: a block, or the places of one image.
            let rows = match *layer {
                Layer::Conv { height, width, kernel, channels, .. } => {
                    let patches = height * width * kernel * kernel * channels;
                    scratch.patches.resize(scratch.patches.len().max(patches), 0.0);
                    height * width
                }
                _ => BLOCK,
            };
            match weights {
                Weights::Integer(panels, _) => {
                    scratch.bytes.resize(scratch.bytes.len().max(rows * panels.row_bytes()), 0);
                }
                Weights::Sparse(matrix) => {
                    let lanes = (matrix.k() + matrix.n()) * SPARSE_LANES;
                    scratch.lanes.resize(scratch.lanes.len().max(lanes), 0.0);
                }
                _ => {}
            }
        }
        Self { isa, precision, stages, scratch, turns: [Buffer::zeros(widest * BLOCK), Buffer::zeros(widest * BLOCK)] }
    }

    /// Takes over changed parameters of the same network. Allocates nothing. Only for floats.
    pub(crate) fn refresh(&mut self, network: &Network) {
        for (at, (_, weights)) in self.stages.iter_mut().enumerate() {
            if let Weights::F32(panels) = weights {
                let (values, bias) = network.of_layer(at);
                panels.fill(values, panels.n(), 1);
                panels.fill_bias(bias);
            }
        }
    }

    /// How the weights are kept.
    #[must_use]
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// The instructions in use.
    #[must_use]
    pub const fn isa(&self) -> Isa {
        self.isa
    }

    /// Values of an input row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.stages[0].0.inputs()
    }

    /// Values of an output row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.stages[self.stages.len() - 1].0.outputs()
    }

    /// Bytes of all weights, scales and biases, as they would be stored.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |weights: &Weights| match weights {
            Weights::F32(panels) => panels.bytes(),
            Weights::F16(panels) => panels.bytes(),
            Weights::Integer(panels, _) => panels.bytes(),
            Weights::Sparse(matrix) => matrix.bytes(),
            Weights::None => 0,
        };
        self.stages.iter().map(|(_, weights)| of(weights)).sum()
    }

    /// Computes the outputs of a batch; returns how many rows it had. Allocates nothing.
    ///
    /// # Errors
    /// When `input` is not whole rows or `output` has not as many.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32]) -> Result<usize, ShapeError> {
        let rows = self.rows(input)?;
        let (inputs, outputs) = (self.inputs(), self.outputs());
        if output.len() != rows * outputs {
            return Err(ShapeError { what: "output", expected: rows * outputs, found: output.len() });
        }
        let last = self.stages.len() - 1;
        for first in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - first);
            let output = &mut output[first * outputs..(first + count) * outputs];
            let [from, to] = &mut self.turns;
            let (mut from, mut to) = (from, to);
            for (at, (layer, weights)) in self.stages.iter().enumerate() {
                let input = if at == 0 {
                    &input[first * inputs..(first + count) * inputs]
                } else {
                    &from[..count * layer.inputs()]
                };
                let target = if at == last { &mut *output } else { &mut to[..count * layer.outputs()] };
                apply(self.isa, *layer, weights, input, count, target, &mut self.scratch);
                std::mem::swap(&mut from, &mut to);
            }
        }
        Ok(rows)
    }

    /// Computes a batch and captures the outputs of every layer in `map`, the network's among them; returns how many
    /// rows it had. Allocates nothing.
    ///
    /// # Errors
    /// When `input` is not whole rows, or the map is another network's or too small.
    pub fn capture(&mut self, input: &[f32], map: &mut ActivationMap) -> Result<usize, ShapeError> {
        let rows = self.rows(input)?;
        map.begin(self.stages.iter().map(|(layer, _)| layer.outputs()), rows)?;
        let inputs = self.inputs();
        for first in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - first);
            for (at, (layer, weights)) in self.stages.iter().enumerate() {
                let (before, target) = map.pair(at, first, count);
                let source = if at == 0 { &input[first * inputs..(first + count) * inputs] } else { before };
                apply(self.isa, *layer, weights, source, count, target, &mut self.scratch);
            }
        }
        Ok(rows)
    }

    fn rows(&self, input: &[f32]) -> Result<usize, ShapeError> {
        let inputs = self.inputs();
        if input.len().is_multiple_of(inputs) {
            return Ok(input.len() / inputs);
        }
        let expected = input.len().div_ceil(inputs) * inputs;
        Err(ShapeError { what: "input, in whole rows", expected, found: input.len() })
    }
}

fn pack<T: Float>(network: &Network, layer: usize) -> Option<Panels<T>> {
    let ((k, n), (weights, bias)) = (network.layers()[layer].weights(), network.of_layer(layer));
    (n > 0).then(|| Panels::of(k, n, weights, bias))
}

/// The steps of each layer's inputs: their range over the calibration rows, in floats.
fn calibrate(network: &Network, precision: Precision, rows: &[f32]) -> Result<Vec<Steps>, PrepareError> {
    if rows.is_empty() {
        return Err(PrepareError::Calibration(precision.name()));
    }
    let mut map = ActivationMap::new(network, rows.len().div_ceil(network.inputs()));
    Prepared::floats(network).capture(rows, &mut map)?;
    let steps = |values: &[f32]| {
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        Steps::covering(least, values.iter().copied().fold(f32::NEG_INFINITY, f32::max))
    };
    Ok((0..network.layers().len()).map(|at| steps(if at == 0 { rows } else { map.layer(at - 1) })).collect())
}

/// One layer for one block.
fn apply(
    isa: Isa,
    layer: Layer,
    weights: &Weights,
    input: &[f32],
    rows: usize,
    output: &mut [f32],
    scratch: &mut Scratch,
) {
    match layer {
        Layer::Dense { .. } => {
            let Scratch { bytes, lanes, .. } = scratch;
            product(isa, layer, weights, input, rows, output, bytes, lanes);
        }
        Layer::Conv { height, width, .. } => {
            let Scratch { bytes, patches, lanes } = scratch;
            let images = input.chunks_exact(layer.inputs()).zip(output.chunks_exact_mut(layer.outputs()));
            for (image, output) in images {
                let taken = patches_of(layer, image, patches);
                product(isa, layer, weights, &patches[..taken], height * width, output, bytes, lanes);
            }
        }
        Layer::Mean { height, width, channels } => {
            let share = 1.0 / (height * width) as f32;
            let images = input.chunks_exact(layer.inputs()).zip(output.chunks_exact_mut(channels));
            for (image, output) in images {
                output.fill(0.0);
                for place in image.chunks_exact(channels) {
                    for (sum, value) in output.iter_mut().zip(place) {
                        *sum += value;
                    }
                }
                output.iter_mut().for_each(|sum| *sum *= share);
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one place where all precisions meet")]
#[inline]
fn product(
    isa: Isa,
    layer: Layer,
    weights: &Weights,
    input: &[f32],
    rows: usize,
    output: &mut [f32],
    bytes: &mut [u8],
    lanes: &mut [f32],
) {
    let ((k, n), relu) = (layer.weights(), layer.is_relu());
    let finish = if relu { Finish::Relu } else { Finish::Store };
    match weights {
        Weights::F32(panels) => multiply(isa, Rows::packed(input, rows, k), panels, finish, output, n),
        Weights::F16(panels) => multiply(isa, Rows::packed(input, rows, k), panels, finish, output, n),
        Weights::Integer(panels, steps) => {
            let bytes = &mut bytes[..rows * panels.row_bytes()];
            quantise(isa, *steps, input, k, bytes, panels.row_bytes());
            multiply_integers(isa, bytes, rows, panels, relu, output, n);
        }
        Weights::Sparse(matrix) => matrix.multiply(isa, input, rows, relu, output, lanes),
        Weights::None => {}
    }
}

/// Writes the patch under the filter at every place of an image, one behind the other; returns how many values.
pub(crate) fn patches_of(layer: Layer, image: &[f32], patches: &mut [f32]) -> usize {
    let Layer::Conv { height, width, channels, kernel, .. } = layer else { return 0 };
    let half = kernel / 2;
    let mut at = 0;
    for y in 0..height {
        for x in 0..width {
            for dy in 0..kernel {
                for dx in 0..kernel {
                    let to = &mut patches[at..at + channels];
                    // Unsigned: what lies before the first row or column is far beyond the last.
                    let (row, column) = ((y + dy).wrapping_sub(half), (x + dx).wrapping_sub(half));
                    if row < height && column < width {
                        let from = (row * width + column) * channels;
                        to.copy_from_slice(&image[from..from + channels]);
                    } else {
                        to.fill(0.0);
                    }
                    at += channels;
                }
            }
        }
    }
    at
}
