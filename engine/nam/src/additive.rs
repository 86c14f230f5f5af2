//! A neural additive model (Agarwal et al., "Neural additive models: interpretable machine learning with neural nets", 2021):
//! `g(E[y]) = bias + sum_i f_i(x_i)`, where each `f_i` is a small network that sees one feature only. What it says about a
//! row is the sum of curves that can be drawn, so it shows which facts explain a value, and how.
//!
//! The first layer of a curve is of exp-centred units, `clip(e^w (x - c), 0, 1)`, which can make steep steps, or of
//! `max(0, w (x - c))`; then come dense layers. Features are scaled to -1..1 by the rows that are learned from. Several
//! models drawn from different seeds are averaged.

use crate::gradient::Backward;
use crate::map::ActivationMap;
use crate::network::{Network, NetworkError};
use crate::prepared::Prepared;
use crate::random::Random;
use crate::table::{DataError, Table};
use crate::train::{Descent, Optimizer};

/// The units of the first layer of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstUnits {
    /// `clip(e^w (x - c), 0, 1)`: for curves with jumps.
    ExpCentred,
    /// `max(0, w (x - c))`: for smooth curves.
    Relu,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A number.
    Regression,
    /// The probability of one of two classes; targets are 0 and 1.
    Classification,
}

/// How to make a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdditiveOptions {
    /// Units of the first layer.
    pub units: FirstUnits,
    /// How many of them.
    pub width: usize,
    /// Width of the second layer.
    pub hidden: usize,
    /// Passes over the rows.
    pub epochs: usize,
    /// Rows of a step.
    pub batch: usize,
    /// Size of a step of Adam.
    pub rate: f32,
    /// What the rate is multiplied by after each pass.
    pub anneal: f32,
    /// Share of first units that are silent in a step.
    pub dropout: f32,
    /// Weight of the mean square of the curves in the loss: keeps them from growing against each other.
    pub output_penalty: f32,
    /// Decay of the weights.
    pub decay: f32,
    /// Models that are averaged.
    pub members: usize,
    /// Seed of all that is random.
    pub seed: u64,
}

impl Default for AdditiveOptions {
    fn default() -> Self {
        Self {
            units: FirstUnits::Relu,
            width: 32,
            hidden: 16,
            epochs: 60,
            batch: 64,
            rate: 5e-3,
            anneal: 0.97,
            dropout: 0.1,
            output_penalty: 1e-2,
            decay: 1e-3,
            members: 1,
            seed: 0,
        }
    }
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdditiveError {
    /// The data does not fit.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A target is no finite number, or for classification neither 0 nor 1.
    #[error("row {row}: the target `{value}` must be {wanted}")]
    Target {
        /// Row, from 0.
        row: usize,
        /// The target.
        value: f32,
        /// What it must be.
        wanted: &'static str,
    },
    /// An option of zero, or out of range.
    #[error("widths, passes, batch and members must be at least 1, rates finite and not negative, dropout below 1")]
    Options,
    /// Only one of the two classes occurs.
    #[error("all targets are of one class: there is nothing to tell apart")]
    OneClass,
    /// The loss is no number any more.
    #[error("training diverged: choose a smaller rate")]
    Diverged,
}

/// The curve of one feature: what it adds to the prediction at each value.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The feature's column.
    pub feature: usize,
    /// Values of the feature, evenly spread over the range that was learned from.
    pub values: Vec<f32>,
    /// What each adds (to the logit, or in units of the target), less the feature's mean over the rows learned from.
    pub contributions: Vec<f32>,
}

/// Parameters of the first units, and the network behind them, of one feature.
#[derive(Debug, Clone)]
struct Curve {
    /// Steepness and centre of each unit.
    first: Vec<[f32; 2]>,
    rest: Network,
    /// Mean over the rows learned from.
    mean: f32,
}

/// A fitted model.
#[derive(Debug, Clone)]
pub struct Additive {
    task: Task,
    units: FirstUnits,
    /// For each member its curves.
    members: Vec<Vec<Curve>>,
    bias: f32,
    /// Least value and span of each feature; a span of zero for what never varied.
    ranges: Vec<(f32, f32)>,
    /// What targets were divided by.
    scale: f32,
    importance: Vec<f32>,
}

impl Additive {
    /// Fits a model to rows and a target for each.
    ///
    /// # Errors
    /// When targets do not fit, are no numbers, or an option is out of range.
    pub fn fit(rows: &Table, targets: &[f32], task: Task, options: &AdditiveOptions) -> Result<Self, AdditiveError> {
        check(rows, targets, task, options)?;
        let ranges: Vec<(f32, f32)> = (0..rows.columns())
            .map(|column| {
                let least = rows.column(column).fold(f32::INFINITY, f32::min);
                (least, rows.column(column).fold(f32::NEG_INFINITY, f32::max) - least)
            })
            .collect();
        let mean = targets.iter().map(|target| f64::from(*target)).sum::<f64>() / targets.len() as f64;
        let variance = targets.iter().map(|target| (f64::from(*target) - mean).powi(2)).sum::<f64>();
        let deviation = (variance / targets.len() as f64).sqrt() as f32;
        let (scale, bias) = match task {
            Task::Regression => (if deviation > 0.0 { deviation } else { 1.0 }, mean as f32),
            Task::Classification => (1.0, (mean / (1.0 - mean)).ln() as f32),
        };
        let scaled: Vec<f32> = match task {
            Task::Regression => targets.iter().map(|target| (target - bias) / scale).collect(),
            Task::Classification => targets.to_vec(),
        };
        let mut model =
            Self { task, units: options.units, members: Vec::new(), bias, ranges, scale, importance: Vec::new() };
        // Columns behind each other: a curve sees one of them.
        let columns: Vec<Vec<f32>> = (0..rows.columns())
            .map(|column| rows.column(column).map(|value| model.scaled(column, value)).collect())
            .collect();
        for member in 0..options.members {
            let start = if task == Task::Classification { bias } else { 0.0 };
            let options = AdditiveOptions { seed: options.seed.wrapping_add(member as u64 * 7919), ..*options };
            let curves = fit::member(&columns, &scaled, start, task, &options)?;
            model.members.push(curves.0);
            let shift = curves.1 - start;
            model.bias += shift * scale / options.members as f32;
        }
        model.centre(&columns);
        Ok(model)
    }

    /// Moves the mean of each curve into the bias, and takes the mean size of what is left for its importance.
    fn centre(&mut self, columns: &[Vec<f32>]) {
        let mut totals = vec![vec![0.0; columns[0].len()]; columns.len()];
        let share = self.scale / self.members.len() as f32;
        let units = self.units;
        for (feature, (column, totals)) in columns.iter().zip(&mut totals).enumerate() {
            for member in &mut self.members {
                let curve = &mut member[feature];
                let values = curve.evaluate(units, column);
                curve.mean = values.iter().sum::<f32>() / values.len() as f32;
                self.bias += curve.mean * share;
                for (total, value) in totals.iter_mut().zip(values) {
                    *total += (value - curve.mean) * share;
                }
            }
        }
        let mean_size = |values: &Vec<f32>| values.iter().map(|value| value.abs()).sum::<f32>() / values.len() as f32;
        let varied = |(totals, range): (&Vec<f32>, &(f32, f32))| if range.1 > 0.0 { mean_size(totals) } else { 0.0 };
        self.importance = totals.iter().zip(&self.ranges).map(varied).collect();
    }

    /// A feature's value on the scale of -1..1; beyond the range that was learned from, at its end.
    fn scaled(&self, feature: usize, value: f32) -> f32 {
        let (least, span) = self.ranges[feature];
        if span > 0.0 { (2.0 * (value - least) / span - 1.0).clamp(-1.0, 1.0) } else { 0.0 }
    }

    /// What a feature adds at given values.
    fn contributions_at(&self, feature: usize, values: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; values.len()];
        if self.ranges[feature].1 == 0.0 {
            return sums;
        }
        let scaled: Vec<f32> = values.iter().map(|value| self.scaled(feature, *value)).collect();
        let share = self.scale / self.members.len() as f32;
        for member in &self.members {
            let values = member[feature].evaluate(self.units, &scaled);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += (value - member[feature].mean) * share;
            }
        }
        sums
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.ranges.len()
    }

    /// What is predicted when every feature adds nothing: a logit, or a value of the target.
    #[must_use]
    pub const fn bias(&self) -> f32 {
        self.bias
    }

    /// Mean size of what each feature adds, over the rows learned from: which facts explain the target, and how much.
    #[must_use]
    pub fn importance(&self) -> &[f32] {
        &self.importance
    }

    /// What each feature of each row adds, row behind row. With [`Additive::bias`] the sum over a row is its logit or value.
    ///
    /// # Errors
    /// When rows have another number of columns.
    pub fn contributions(&self, rows: &Table) -> Result<Vec<f32>, DataError> {
        let features = self.features();
        if rows.columns() != features {
            return Err(DataError::Columns { expected: features, found: rows.columns() });
        }
        let mut all = vec![0.0; rows.values().len()];
        for feature in 0..features {
            let column: Vec<f32> = rows.column(feature).collect();
            for (row, value) in self.contributions_at(feature, &column).into_iter().enumerate() {
                all[row * features + feature] = value;
            }
        }
        Ok(all)
    }

    /// Predictions: values for a regression, probabilities of class 1 for a classification.
    ///
    /// # Errors
    /// When rows have another number of columns.
    pub fn predict(&self, rows: &Table) -> Result<Vec<f32>, DataError> {
        let contributions = self.contributions(rows)?;
        let sums = contributions.chunks_exact(self.features()).map(|row| self.bias + row.iter().sum::<f32>());
        Ok(match self.task {
            Task::Regression => sums.collect(),
            Task::Classification => sums.map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        })
    }

    /// The curve of a feature at `points` values (at least 2) over the range that was learned from.
    ///
    /// # Panics
    /// When there is no such feature.
    #[must_use]
    pub fn shape(&self, feature: usize, points: usize) -> Shape {
        let (least, span) = self.ranges[feature];
        let points = points.max(2);
        let values: Vec<f32> = (0..points).map(|at| least + span * at as f32 / (points - 1) as f32).collect();
        Shape { feature, contributions: self.contributions_at(feature, &values), values }
    }
}

impl Curve {
    fn new(options: &AdditiveOptions, random: &mut Random) -> Result<Self, NetworkError> {
        let unit = |_| match options.units {
            // As published: steepness around 4, centres around 0.
            FirstUnits::ExpCentred => [4.0 + 0.5 * random.normal(), 0.5 * random.normal()],
            FirstUnits::Relu => [2.0 * random.normal(), 2.0 * random.unit() - 1.0],
        };
        let first = (0..options.width).map(unit).collect();
        let rest = Network::dense(&[options.width, options.hidden, 1], random.bits())?;
        Ok(Self { first, rest, mean: 0.0 })
    }

    /// The first layer's outputs for scaled values, row behind row.
    fn units(&self, units: FirstUnits, values: &[f32], outputs: &mut Vec<f32>) {
        outputs.clear();
        for value in values {
            outputs.extend(self.first.iter().map(|[w, c]| match units {
                FirstUnits::ExpCentred => (w.exp() * (value - c)).clamp(0.0, 1.0),
                FirstUnits::Relu => (w * (value - c)).max(0.0),
            }));
        }
    }

    /// The curve at scaled values.
    fn evaluate(&self, units: FirstUnits, values: &[f32]) -> Vec<f32> {
        let (mut first, mut outputs) = (Vec::new(), vec![0.0; values.len()]);
        self.units(units, values, &mut first);
        Prepared::floats(&self.rest).forward(&first, &mut outputs).expect("a curve has one output");
        outputs
    }
}

fn check(rows: &Table, targets: &[f32], task: Task, options: &AdditiveOptions) -> Result<(), AdditiveError> {
    let o = options;
    let counts = [o.width, o.hidden, o.epochs, o.batch, o.members];
    let sizes = [o.rate, o.anneal, o.dropout, o.output_penalty, o.decay];
    let good = counts.iter().all(|count| *count > 0)
        && sizes.iter().all(|size| size.is_finite() && *size >= 0.0)
        && o.rate > 0.0
        && o.dropout < 1.0;
    if !good {
        return Err(AdditiveError::Options);
    }
    if targets.len() != rows.rows() {
        return Err(DataError::Count { rows: rows.rows(), targets: targets.len() }.into());
    }
    let (fits, wanted): (fn(f32) -> bool, _) = match task {
        Task::Regression => (f32::is_finite, "a finite number"),
        Task::Classification => (|value| value == 0.0 || value == 1.0, "0 or 1"),
    };
    if let Some(row) = targets.iter().position(|target| !fits(*target)) {
        return Err(AdditiveError::Target { row, value: targets[row], wanted });
    }
    let one_class = task == Task::Classification && targets.iter().all(|target| *target == targets[0]);
    if one_class { Err(AdditiveError::OneClass) } else { Ok(()) }
}

mod fit;
#[cfg(test)]
mod tests;
