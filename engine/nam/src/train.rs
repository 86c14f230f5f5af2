//! Training in batches: stochastic gradient descent with momentum, and Adam with decoupled decay.

use crate::gradient::Backward;
use crate::kernel::{Isa, adam, descend};
use crate::map::ActivationMap;
use crate::network::Network;
use crate::prepared::Prepared;
use crate::random::Random;
use crate::score::softmax;
use crate::table::{DataError, Labelled};

/// How parameters follow the gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent: `v = momentum v + g`, `w -= rate v`.
    Sgd {
        /// Size of a step.
        rate: f32,
        /// Share of the last step that is kept; 0 for none.
        momentum: f32,
    },
    /// Adam (Kingma and Ba, 2015) with the usual 0.9, 0.999 and 1e-8.
    Adam {
        /// Size of a step.
        rate: f32,
    },
}

/// An optimiser with its state for one vector of parameters.
#[derive(Debug, Clone)]
pub struct Descent {
    isa: Isa,
    optimizer: Optimizer,
    decay: f32,
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Descent {
    /// For so many parameters; `decay` is the share by which weights shrink in a step of size one (AdamW's decoupled decay;
    /// for SGD it is added to the gradient).
    #[must_use]
    pub fn new(optimizer: Optimizer, decay: f32, parameters: usize) -> Self {
        let second = if matches!(optimizer, Optimizer::Adam { .. }) { parameters } else { 0 };
        let (first, second) = (vec![0.0; parameters], vec![0.0; second]);
        Self { isa: Isa::best(), optimizer, decay, first, second, steps: 0 }
    }

    /// One step of the size `scale` times the rate.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], scale: f32) {
        self.steps = self.steps.saturating_add(1);
        match self.optimizer {
            Optimizer::Sgd { rate, momentum } => {
                descend(self.isa, parameters, gradient, &mut self.first, rate * scale, momentum, self.decay);
            }
            Optimizer::Adam { rate } => {
                let corrected = rate * scale / (1.0 - 0.9_f32.powi(self.steps));
                let root = (1.0 - 0.999_f32.powi(self.steps)).sqrt().recip();
                let shrink = 1.0 - rate * scale * self.decay;
                let (first, second) = (&mut self.first, &mut self.second);
                adam(self.isa, parameters, gradient, first, second, [corrected, root, shrink]);
            }
        }
    }

    /// Forgets all that was gathered.
    pub fn reset(&mut self) {
        self.first.fill(0.0);
        self.second.fill(0.0);
        self.steps = 0;
    }
}

/// How to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Passes over the rows, at least one.
    pub epochs: usize,
    /// Rows of a step, at least one.
    pub batch: usize,
    /// How parameters follow the gradient.
    pub optimizer: Optimizer,
    /// Decay of the weights, see [`Descent::new`].
    pub decay: f32,
    /// What the rate is multiplied by after each pass.
    pub anneal: f32,
    /// Seed of the rows' order.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self { epochs: 40, batch: 32, optimizer: Optimizer::Adam { rate: 2e-3 }, decay: 1e-2, anneal: 0.95, seed: 0 }
    }
}

/// Why training gave no network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The data does not fit.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Passes or batch of zero, or a rate that is no positive number.
    #[error("passes and batch must be at least 1, the rate and the rest finite and not negative")]
    Options,
    /// The loss is no number any more: the rate is too large.
    #[error("training diverged in pass {epoch}: choose a smaller rate")]
    Diverged {
        /// Pass, from 0.
        epoch: usize,
    },
}

impl Training {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`TrainError::Options`].
    pub fn check(&self) -> Result<(), TrainError> {
        let (rate, momentum) = match self.optimizer {
            Optimizer::Sgd { rate, momentum } => (rate, momentum),
            Optimizer::Adam { rate } => (rate, 0.0),
        };
        let good = self.epochs > 0
            && self.batch > 0
            && [rate, momentum, self.decay, self.anneal].iter().all(|value| value.is_finite() && *value >= 0.0);
        if good && rate > 0.0 { Ok(()) } else { Err(TrainError::Options) }
    }
}

/// Trains a classifier whose outputs are logits, by the cross entropy of their softmax; returns the mean loss of each pass.
/// The same seed and machine give the same network.
///
/// # Errors
/// When the data does not fit the network, an option is out of range, or the loss diverges; the network is then left as
/// it was.
pub fn train(network: &mut Network, data: &Labelled, options: &Training) -> Result<Vec<f32>, TrainError> {
    options.check()?;
    let (inputs, outputs) = (network.inputs(), network.outputs());
    if data.table().columns() != inputs {
        return Err(DataError::Columns { expected: inputs, found: data.table().columns() }.into());
    }
    if data.classes() != outputs {
        return Err(DataError::Classes { expected: outputs, found: data.classes() }.into());
    }
    let rows = data.labels().len();
    let batch = options.batch.min(rows);
    let before = network.parameters().to_vec();
    let mut prepared = Prepared::floats(network);
    let mut map = ActivationMap::new(network, batch);
    let mut backward = Backward::default();
    let mut descent = Descent::new(options.optimizer, options.decay, network.parameters().len());
    let mut gradient = vec![0.0; network.parameters().len()];
    let mut random = Random::new(options.seed);
    let mut order: Vec<usize> = (0..rows).collect();
    let (mut input, mut slope) = (Vec::new(), Vec::new());
    let mut losses = Vec::with_capacity(options.epochs);
    let mut scale = 1.0;
    for epoch in 0..options.epochs {
        random.shuffle(&mut order);
        let mut loss = 0.0_f64;
        for members in order.chunks(batch) {
            input.clear();
            input.extend(members.iter().flat_map(|row| data.table().row(*row)));
            let shapes = "the batch was made for this network";
            prepared.capture(&input, &mut map).expect(shapes);
            slope.clear();
            slope.extend_from_slice(map.output());
            for (logits, row) in slope.chunks_exact_mut(outputs).zip(members) {
                softmax(logits);
                let label = data.labels()[*row];
                loss -= f64::from(logits[label].max(f32::MIN_POSITIVE).ln());
                logits[label] -= 1.0;
                logits.iter_mut().for_each(|slope| *slope /= members.len() as f32);
            }
            backward.run(network, &input, &map, &slope, &mut gradient, None).expect(shapes);
            descent.step(network.parameters_mut(), &gradient, scale);
            prepared.refresh(network);
        }
        let mean = (loss / rows as f64) as f32;
        if !mean.is_finite() || network.parameters().iter().any(|value| !value.is_finite()) {
            network.parameters_mut().copy_from_slice(&before);
            return Err(TrainError::Diverged { epoch });
        }
        losses.push(mean);
        scale *= options.anneal;
    }
    Ok(losses)
}

#[cfg(test)]
mod tests;
