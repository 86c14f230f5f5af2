//! Prequential evaluation (Dawid, 1984; Gama et al., 2013): every row first tests, then trains.

use std::collections::VecDeque;

use super::adwin::Adwin;
use crate::random::Random;
use crate::table::Labelled;

/// Why a learner refuses a row.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum OnlineError {
    /// A row of another width.
    #[error("rows must have {expected} features, got {found}")]
    Features {
        /// Of the learner.
        expected: usize,
        /// Of the row.
        found: usize,
    },
    /// A feature is NaN or infinite.
    #[error("feature {0} is not a finite number")]
    NotFinite(usize),
    /// A label that names no class.
    #[error("the label {label} is out of range, there are {classes} classes")]
    Label {
        /// The label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
}

impl OnlineError {
    /// Refuses a row of the wrong width or with what is no number, and a label out of range.
    pub(crate) fn check(row: &[f32], features: usize, label: usize, classes: usize) -> Result<(), Self> {
        if row.len() != features {
            return Err(Self::Features { expected: features, found: row.len() });
        }
        if label >= classes {
            return Err(Self::Label { label, classes });
        }
        match row.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Self::NotFinite(at)),
            None => Ok(()),
        }
    }
}

/// What predicts a class and learns from one row at a time.
pub trait Learner {
    /// The class of a row.
    fn predict(&mut self, row: &[f32]) -> usize;
    /// Learns the class of a row; returns the loss before it.
    ///
    /// # Errors
    /// When the row does not fit; nothing was learned then.
    fn learn(&mut self, row: &[f32], label: usize) -> Result<f64, OnlineError>;
    /// Told that what it learned no longer holds.
    fn drifted(&mut self);
}

/// What a learner did on a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Prequential {
    /// Rows.
    pub rows: usize,
    /// Share of rows that were predicted right before they were learned, 0..1.
    pub accuracy: f64,
    /// Mean loss by tenths of the stream.
    pub losses: Vec<f64>,
    /// For each row, whether it was predicted right.
    pub right: Vec<bool>,
    /// Rows after which a drift was seen.
    pub drifts: Vec<usize>,
}

/// Parts of the stream whose mean losses are kept.
const TENTHS: usize = 10;

impl Prequential {
    /// Room for so many rows.
    #[must_use]
    pub fn with_room(rows: usize) -> Self {
        let (losses, right, drifts) = (Vec::with_capacity(TENTHS), Vec::with_capacity(rows), Vec::with_capacity(64));
        Self { rows: 0, accuracy: 0.0, losses, right, drifts }
    }

    /// Runs a learner over a stream: each row is predicted, then learned. Its errors go through `detector`, where there is one;
    /// what that sees is told to the learner. What was here before is replaced; with room for all rows and no detector
    /// nothing is allocated.
    ///
    /// # Errors
    /// When the learner refuses a row.
    pub fn run(
        &mut self,
        learner: &mut dyn Learner,
        stream: &Labelled,
        mut detector: Option<&mut Adwin>,
    ) -> Result<(), OnlineError> {
        let rows = stream.labels().len();
        self.right.clear();
        self.drifts.clear();
        self.losses.clear();
        self.losses.resize(TENTHS.min(rows), 0.0);
        let mut counts = [0.0; TENTHS];
        for (at, label) in stream.labels().iter().enumerate() {
            let row = stream.table().row(at);
            let is_right = learner.predict(row) == *label;
            self.right.push(is_right);
            let loss = learner.learn(row, *label)?;
            let tenth = at * self.losses.len() / rows;
            self.losses[tenth] += loss;
            counts[tenth] += 1.0;
            if let Some(detector) = detector.as_deref_mut() {
                let before = detector.mean();
                // A window that shrinks because errors became fewer is progress, no drift.
                if detector.add(f64::from(u8::from(!is_right))) && detector.mean() > before {
                    self.drifts.push(at + 1);
                    learner.drifted();
                }
            }
        }
        self.losses.iter_mut().zip(counts).for_each(|(sum, count)| *sum /= count);
        self.rows = rows;
        self.accuracy = self.right.iter().filter(|right| **right).count() as f64 / rows as f64;
        Ok(())
    }

    /// The first row, counted from `from`, at which the share of right ones among the last `window` reached `share`: how
    /// many rows it took. `None` when it never did.
    #[must_use]
    pub fn rows_until(&self, from: usize, window: usize, share: f64) -> Option<usize> {
        let mut kept = VecDeque::with_capacity(window);
        let mut right = 0_usize;
        for (at, was) in self.right.iter().enumerate().skip(from) {
            right += usize::from(*was);
            kept.push_back(*was);
            if kept.len() > window {
                right -= usize::from(kept.pop_front().unwrap_or_default());
            }
            if kept.len() == window && right as f64 >= share * window as f64 {
                return Some(at + 1 - from);
            }
        }
        None
    }
}

/// Runs a learner over a stream, see [`Prequential::run`].
///
/// # Errors
/// When the learner refuses a row.
pub fn prequential(
    learner: &mut dyn Learner,
    stream: &Labelled,
    detector: Option<&mut Adwin>,
) -> Result<Prequential, OnlineError> {
    let mut outcome = Prequential::with_room(stream.labels().len());
    outcome.run(learner, stream, detector)?;
    Ok(outcome)
}

/// The stream `passes` times over, each time in an order of its own; in the second half every label is another: the classes
/// are permuted so that none keeps its name. What was learned in the first half is wrong in the second.
///
/// # Errors
/// When `passes` is zero.
pub fn permuted_at_half(stream: &Labelled, passes: usize, seed: u64) -> Result<Labelled, crate::DataError> {
    let mut random = Random::new(seed);
    let mut order: Vec<usize> = Vec::new();
    for _ in 0..passes {
        let mut pass: Vec<usize> = (0..stream.labels().len()).collect();
        random.shuffle(&mut pass);
        order.extend(pass);
    }
    // A cycle through the classes in random order: no class stays where it was.
    let mut cycle: Vec<usize> = (0..stream.classes()).collect();
    random.shuffle(&mut cycle);
    let mut renamed = vec![0; cycle.len()];
    for (at, class) in cycle.iter().enumerate() {
        renamed[*class] = cycle[(at + 1) % cycle.len()];
    }
    let half = order.len() / 2;
    let rows = stream.select(&order)?;
    let labels = rows.labels().iter().enumerate();
    let labels = labels.map(|(at, label)| if at < half { *label } else { renamed[*label] }).collect();
    Labelled::new(rows.table().clone(), labels, stream.classes())
}
