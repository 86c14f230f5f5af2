//! The activation map: every layer's outputs for every row of a batch, in memory that is allocated once.

use crate::kernel::Buffer;
use crate::network::Network;

/// Values of the wrong shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected} values, got {found}")]
pub struct ShapeError {
    /// What has the wrong shape.
    pub what: &'static str,
    /// Values that there should be.
    pub expected: usize,
    /// Values that there are.
    pub found: usize,
}

/// Room for the outputs of all layers, for a batch of up to so many rows.
#[derive(Debug, Clone)]
pub struct ActivationMap {
    units: Vec<usize>,
    capacity: usize,
    rows: usize,
    layers: Vec<Buffer>,
}

impl ActivationMap {
    /// Room for batches of up to `capacity` rows through the network.
    #[must_use]
    pub fn new(network: &Network, capacity: usize) -> Self {
        let units: Vec<usize> = network.layers().iter().map(|layer| layer.outputs()).collect();
        let layers = units.iter().map(|units| Buffer::zeros(units * capacity)).collect();
        Self { units, capacity, rows: 0, layers }
    }

    /// The most rows of a batch.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Rows of the batch that was captured last.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of layers; the last one's outputs are the network's.
    #[must_use]
    pub const fn layers(&self) -> usize {
        self.units.len()
    }

    /// Units of a layer.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn units(&self, layer: usize) -> usize {
        self.units[layer]
    }

    /// The outputs of a layer, row behind row.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn layer(&self, layer: usize) -> &[f32] {
        &self.layers[layer][..self.rows * self.units[layer]]
    }

    /// The outputs of a layer for one row.
    ///
    /// # Panics
    /// When there is no such layer or row.
    #[must_use]
    pub fn row(&self, layer: usize, row: usize) -> &[f32] {
        &self.layer(layer)[row * self.units[layer]..(row + 1) * self.units[layer]]
    }

    /// The network's outputs, row behind row.
    #[must_use]
    pub fn output(&self) -> &[f32] {
        self.layer(self.units.len() - 1)
    }

    /// Bytes that one row takes.
    #[must_use]
    pub fn bytes_per_row(&self) -> usize {
        self.units.iter().sum::<usize>() * size_of::<f32>()
    }

    /// Makes it the map of `rows` rows through layers of these widths.
    pub(crate) fn begin(&mut self, units: impl Iterator<Item = usize> + Clone, rows: usize) -> Result<(), ShapeError> {
        if !units.clone().eq(self.units.iter().copied()) {
            let (expected, found) = (units.sum(), self.units.iter().sum());
            return Err(ShapeError {
                what: "units of the activation map, which is another network's",
                expected,
                found,
            });
        }
        if rows > self.capacity {
            return Err(ShapeError { what: "rows of the activation map", expected: self.capacity, found: rows });
        }
        self.rows = rows;
        Ok(())
    }

    /// The outputs of the layer before `layer` and room for those of `layer`, for some rows.
    pub(crate) fn pair(&mut self, layer: usize, first: usize, rows: usize) -> (&[f32], &mut [f32]) {
        let (before, after) = self.layers.split_at_mut(layer);
        let source = match (before.last(), layer.checked_sub(1)) {
            (Some(values), Some(at)) => &values[first * self.units[at]..(first + rows) * self.units[at]],
            _ => &[],
        };
        (source, &mut after[0][first * self.units[layer]..(first + rows) * self.units[layer]])
    }
}
