//! A dense network that learns from one row at a time.

use super::prequential::{Learner, OnlineError};
use crate::kernel::{Isa, backward_row, forward_row};
use crate::network::{Activation, Layer, Network, NetworkError};
use crate::score::{largest, softmax};
use crate::train::{Descent, Optimizer};

/// What a network does when it is told that the world has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Goes on as before.
    None,
    /// Forgets the last layer and what the optimiser gathered: the features stay, what they mean is learned anew.
    Relearn,
}

/// A dense classifier that takes a step of descent after each row, by the cross entropy of its softmax.
#[derive(Debug, Clone)]
pub struct OnlineNetwork {
    isa: Isa,
    network: Network,
    fresh: Network,
    descent: Descent,
    /// With plain descent a step is applied while the gradient is worked out.
    rate: Option<f32>,
    reaction: Reaction,
    /// Outputs of the input and of each layer.
    values: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    gradient: Vec<f32>,
    /// The row that `values` were last worked out for is this one, with the parameters of now.
    current: bool,
}

impl OnlineNetwork {
    /// A network of dense layers of these widths, drawn from a seed.
    ///
    /// # Errors
    /// As [`Network::dense`].
    pub fn new(widths: &[usize], optimizer: Optimizer, reaction: Reaction, seed: u64) -> Result<Self, NetworkError> {
        let network = Network::dense(widths, seed)?;
        let rate = match optimizer {
            Optimizer::Sgd { rate, momentum: 0.0 } => Some(rate),
            _ => None,
        };
        Ok(Self {
            isa: Isa::best(),
            fresh: Network::dense(widths, seed.wrapping_add(1))?,
            descent: Descent::new(optimizer, 0.0, network.parameters().len()),
            gradient: vec![0.0; if rate.is_some() { 0 } else { network.parameters().len() }],
            network,
            rate,
            reaction,
            values: widths.iter().map(|width| vec![0.0; *width]).collect(),
            slopes: widths.iter().map(|width| vec![0.0; *width]).collect(),
            current: false,
        })
    }

    /// The network as it is now.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    fn forward(&mut self, row: &[f32]) {
        if self.current && self.values[0] == row {
            return;
        }
        self.values[0].copy_from_slice(row);
        for at in 0..self.network.layers().len() {
            let (weights, bias) = self.network.of_layer(at);
            let (before, after) = self.values.split_at_mut(at + 1);
            let relu = self.network.layers()[at].is_relu();
            forward_row(self.isa, weights, bias, &before[at], relu, &mut after[0]);
        }
        self.current = true;
    }
}

impl Learner for OnlineNetwork {
    fn predict(&mut self, row: &[f32]) -> usize {
        if row.len() != self.network.inputs() {
            return 0;
        }
        self.forward(row);
        self.values.last().map_or(0, |outputs| largest(outputs))
    }

    fn learn(&mut self, row: &[f32], label: usize) -> Result<f64, OnlineError> {
        OnlineError::check(row, self.network.inputs(), label, self.network.outputs())?;
        self.forward(row);
        let last = self.values.len() - 1;
        let slope = &mut self.slopes[last];
        slope.copy_from_slice(&self.values[last]);
        softmax(slope);
        let loss = -f64::from(slope[label].max(f32::MIN_POSITIVE).ln());
        slope[label] -= 1.0;
        for at in (0..last).rev() {
            let (inner, outer) = self.slopes.split_at_mut(at + 1);
            let range = self.network.range(at);
            // With plain descent the parameters are changed at once, else the gradient is kept.
            let inputs = &self.values[at];
            if let Some(rate) = self.rate {
                backward_row(
                    self.isa,
                    &mut self.network.parameters_mut()[range],
                    None,
                    inputs,
                    &outer[0],
                    rate,
                    &mut inner[at],
                );
            } else {
                let gradient = Some(&mut self.gradient[range.clone()]);
                backward_row(
                    self.isa,
                    &mut self.network.parameters_mut()[range],
                    gradient,
                    inputs,
                    &outer[0],
                    0.0,
                    &mut inner[at],
                );
            }
            if at > 0 && matches!(self.network.layers()[at - 1], Layer::Dense { activation: Activation::Relu, .. }) {
                for (slope, value) in inner[at].iter_mut().zip(&self.values[at]) {
                    *slope = if *value > 0.0 { *slope } else { 0.0 };
                }
            }
        }
        if self.rate.is_none() {
            self.descent.step(self.network.parameters_mut(), &self.gradient, 1.0);
        }
        self.current = false;
        Ok(loss)
    }

    fn drifted(&mut self) {
        if self.reaction == Reaction::Relearn {
            let last = self.network.range(self.network.layers().len() - 1);
            self.network.parameters_mut()[last.clone()].copy_from_slice(&self.fresh.parameters()[last]);
            self.descent.reset();
            self.current = false;
        }
    }
}
