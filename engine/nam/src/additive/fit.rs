//! The training of one member of an additive model.

use super::{
    ActivationMap, AdditiveError, AdditiveOptions, Backward, Curve, Descent, FirstUnits, Optimizer, Prepared, Random,
    Task,
};

/// A curve with all that its training needs.
struct Trained {
    curve: Curve,
    prepared: Prepared,
    map: ActivationMap,
    gradient: Vec<f32>,
    first_gradient: Vec<f32>,
    descent: Descent,
    first_descent: Descent,
    /// Scaled values and first outputs of the batch; which units are silent in it.
    values: Vec<f32>,
    first: Vec<f32>,
    mask: Vec<f32>,
}

/// Fits the curves of all columns together; returns them with the bias.
pub(super) fn member(
    columns: &[Vec<f32>],
    targets: &[f32],
    start: f32,
    task: Task,
    options: &AdditiveOptions,
) -> Result<(Vec<Curve>, f32), AdditiveError> {
    let mut random = Random::new(options.seed);
    let batch = options.batch.min(targets.len());
    let mut curves = Vec::with_capacity(columns.len());
    for _ in columns {
        // The widths were checked, so this is out of reach but for absurd ones.
        let curve = Curve::new(options, &mut random).map_err(|_| AdditiveError::Options)?;
        let adam = Optimizer::Adam { rate: options.rate };
        curves.push(Trained {
            prepared: Prepared::floats(&curve.rest),
            map: ActivationMap::new(&curve.rest, batch),
            gradient: vec![0.0; curve.rest.parameters().len()],
            first_gradient: vec![0.0; 2 * options.width],
            descent: Descent::new(adam, options.decay, curve.rest.parameters().len()),
            first_descent: Descent::new(adam, 0.0, 2 * options.width),
            values: Vec::new(),
            first: Vec::new(),
            mask: Vec::new(),
            curve,
        });
    }
    let (mut bias, mut bias_descent) = ([start], Descent::new(Optimizer::Adam { rate: options.rate }, 0.0, 1));
    let mut backward = Backward::default();
    let mut order: Vec<usize> = (0..targets.len()).collect();
    let (mut sums, mut slopes, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let mut scale = 1.0;
    for _ in 0..options.epochs {
        random.shuffle(&mut order);
        for members in order.chunks(batch) {
            let count = members.len() as f32;
            sums.clear();
            sums.resize(members.len(), bias[0]);
            for (trained, column) in curves.iter_mut().zip(columns) {
                trained.values.clear();
                trained.values.extend(members.iter().map(|row| column[*row]));
                trained.forward(options, &mut random);
                for (sum, value) in sums.iter_mut().zip(trained.map.output()) {
                    *sum += value;
                }
            }
            // The slope of the cross entropy by the logit, or of half the square by the value.
            slopes.clear();
            slopes.extend(sums.iter().zip(members).map(|(sum, row)| {
                let prediction = match task {
                    Task::Regression => *sum,
                    Task::Classification => 1.0 / (1.0 + (-sum).exp()),
                };
                (prediction - targets[*row]) / count
            }));
            let penalty = 2.0 * options.output_penalty / (count * columns.len() as f32);
            for trained in &mut curves {
                own.clear();
                own.extend(slopes.iter().zip(trained.map.output()).map(|(slope, value)| slope + penalty * value));
                trained.backward(options.units, &mut backward, &own, scale);
            }
            bias_descent.step(&mut bias, &[slopes.iter().sum()], scale);
        }
        if !bias[0].is_finite() || sums.iter().any(|sum| !sum.is_finite()) {
            return Err(AdditiveError::Diverged);
        }
        scale *= options.anneal;
    }
    Ok((curves.into_iter().map(|trained| trained.curve).collect(), bias[0]))
}

impl Trained {
    fn forward(&mut self, options: &AdditiveOptions, random: &mut Random) {
        self.curve.units(options.units, &self.values, &mut self.first);
        if options.dropout > 0.0 {
            let kept = 1.0 / (1.0 - options.dropout);
            self.mask.clear();
            self.mask.extend((0..self.first.len()).map(|_| if random.unit() < options.dropout { 0.0 } else { kept }));
            self.first.iter_mut().zip(&self.mask).for_each(|(value, mask)| *value *= mask);
        }
        self.prepared.capture(&self.first, &mut self.map).expect("the map was made for a batch of this curve");
    }

    fn backward(&mut self, units: FirstUnits, backward: &mut Backward, slope: &[f32], scale: f32) {
        let (rest, map) = (&self.curve.rest, &self.map);
        let inner = backward.run(rest, &self.first, map, slope, &mut self.gradient, Some(0));
        let inner = inner.expect("the map was made for a batch of this curve");
        self.first_gradient.fill(0.0);
        let width = self.curve.first.len();
        for (row, (value, inner)) in self.values.iter().zip(inner.chunks_exact(width)).enumerate() {
            for (at, ([w, c], slope)) in self.curve.first.iter().zip(inner).enumerate() {
                let mask = self.mask.get(row * width + at).copied().unwrap_or(1.0);
                let slope = slope * mask;
                let (by_w, by_c) = match units {
                    FirstUnits::ExpCentred => {
                        let steep = w.exp();
                        let sum = steep * (value - c);
                        if sum > 0.0 && sum < 1.0 { (sum, -steep) } else { (0.0, 0.0) }
                    }
                    FirstUnits::Relu if w * (value - c) > 0.0 => (value - c, -w),
                    FirstUnits::Relu => (0.0, 0.0),
                };
                self.first_gradient[2 * at] += slope * by_w;
                self.first_gradient[2 * at + 1] += slope * by_c;
            }
        }
        let first = self.curve.first.as_flattened_mut();
        self.first_descent.step(first, &self.first_gradient, scale);
        self.descent.step(self.curve.rest.parameters_mut(), &self.gradient, scale);
        self.prepared.refresh(&self.curve.rest);
    }
}
