//! What the units of a network do for each class: mean, variance and sparsity of their outputs, and the units that answer
//! to one class more than to the others.

use crate::map::ActivationMap;
use crate::table::DataError;

/// What one unit did over the rows of one class.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UnitSummary {
    /// Mean output.
    pub mean: f64,
    /// Variance of the output over the rows.
    pub variance: f64,
    /// Share of rows for which the output was zero or less, 0..1.
    pub sparsity: f64,
}

/// Gathers activation maps by class. Means and variances are updated row by row (Welford, 1962), so that nothing is kept
/// and large means lose no digits.
#[derive(Debug, Clone)]
pub struct ClassMap {
    classes: usize,
    units: Vec<usize>,
    counts: Vec<u64>,
    /// For each layer `[class][unit]`: mean, sum of squared distances, rows at zero or below.
    layers: Vec<Vec<(f64, f64, u64)>>,
}

impl ClassMap {
    /// For maps like this one.
    #[must_use]
    pub fn new(map: &ActivationMap, classes: usize) -> Self {
        let units: Vec<usize> = (0..map.layers()).map(|layer| map.units(layer)).collect();
        let layers = units.iter().map(|units| vec![(0.0, 0.0, 0); units * classes]).collect();
        Self { classes, units, counts: vec![0; classes], layers }
    }

    /// Adds all rows of a map, whose classes are `labels`.
    ///
    /// # Errors
    /// When the map has other layers, there are not as many labels as rows, or a label is out of range; nothing is added then.
    pub fn add(&mut self, map: &ActivationMap, labels: &[usize]) -> Result<(), DataError> {
        let units = (0..map.layers()).map(|layer| map.units(layer));
        if !units.clone().eq(self.units.iter().copied()) {
            return Err(DataError::Columns { expected: self.units.iter().sum(), found: units.sum() });
        }
        if labels.len() != map.rows() {
            return Err(DataError::Count { rows: map.rows(), targets: labels.len() });
        }
        if let Some(row) = labels.iter().position(|label| *label >= self.classes) {
            return Err(DataError::Label { row, label: labels[row], classes: self.classes });
        }
        for (row, label) in labels.iter().enumerate() {
            self.counts[*label] += 1;
            let count = self.counts[*label] as f64;
            for (layer, (units, cells)) in self.units.iter().zip(&mut self.layers).enumerate() {
                let cells = &mut cells[label * units..(label + 1) * units];
                for ((mean, squares, silent), value) in cells.iter_mut().zip(map.row(layer, row)) {
                    let value = f64::from(*value);
                    let distance = value - *mean;
                    *mean += distance / count;
                    *squares += distance * (value - *mean);
                    *silent += u64::from(value <= 0.0);
                }
            }
        }
        Ok(())
    }

    /// Rows of a class so far.
    ///
    /// # Panics
    /// When there is no such class.
    #[must_use]
    pub fn rows(&self, class: usize) -> u64 {
        self.counts[class]
    }

    /// What a unit did over the rows of a class; zeros while there were none.
    ///
    /// # Panics
    /// When there is no such layer, class or unit.
    #[must_use]
    pub fn unit(&self, layer: usize, class: usize, unit: usize) -> UnitSummary {
        assert!(class < self.classes && unit < self.units[layer], "no such class or unit");
        let (mean, squares, silent) = self.layers[layer][class * self.units[layer] + unit];
        let count = self.counts[class].max(1) as f64;
        UnitSummary { mean, variance: squares / count, sparsity: silent as f64 / count }
    }

    /// Mean share of outputs that were zero or less over the units of a layer and the rows of a class, 0..1.
    ///
    /// # Panics
    /// When there is no such layer or class.
    #[must_use]
    pub fn sparsity(&self, layer: usize, class: usize) -> f64 {
        let units = self.units[layer];
        (0..units).map(|unit| self.unit(layer, class, unit).sparsity).sum::<f64>() / units as f64
    }

    /// The units that stand out for a class, best first, at most `count`: by the mean for the class less the mean of the
    /// means for the others, in standard deviations within the class groups. What a unit does for all classes alike makes it
    /// no top unit of any.
    ///
    /// # Panics
    /// When there is no such layer or class.
    #[must_use]
    pub fn top_units(&self, layer: usize, class: usize, count: usize) -> Vec<(usize, f64)> {
        let others: Vec<usize> = (0..self.classes).filter(|other| *other != class && self.counts[*other] > 0).collect();
        let mut ranked: Vec<(usize, f64)> = (0..self.units[layer])
            .map(|unit| {
                let own = self.unit(layer, class, unit);
                let rest: Vec<UnitSummary> = others.iter().map(|other| self.unit(layer, *other, unit)).collect();
                let groups = (rest.len() as f64).max(1.0);
                let mean = rest.iter().map(|summary| summary.mean).sum::<f64>() / groups;
                let variance =
                    (own.variance + rest.iter().map(|summary| summary.variance).sum::<f64>()) / (groups + 1.0);
                let lead = own.mean - mean;
                (unit, if variance > 0.0 { lead / variance.sqrt() } else { lead })
            })
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(count);
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::prepared::Prepared;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn summaries_equal_two_passes(values in prop::collection::vec(-5.0_f32..5.0, 8..60), offset in 0.0_f32..1e4) {
            // One unit that passes its input on.
            let mut network = Network::dense(&[1, 1], 0).unwrap();
            network.parameters_mut().copy_from_slice(&[1.0, offset]);
            let mut map = ActivationMap::new(&network, values.len());
            Prepared::floats(&network).capture(&values, &mut map).unwrap();
            let labels: Vec<usize> = (0..values.len()).map(|at| at % 2).collect();
            let mut classes = ClassMap::new(&map, 3);
            classes.add(&map, &labels).unwrap();
            for class in 0..2 {
                let own: Vec<f64> = map.output().iter().skip(class).step_by(2).map(|value| f64::from(*value)).collect();
                let mean = own.iter().sum::<f64>() / own.len() as f64;
                let variance = own.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / own.len() as f64;
                let unit = classes.unit(0, class, 0);
                prop_assert!((unit.mean - mean).abs() < 1e-9 * (1.0 + mean.abs()));
                prop_assert!((unit.variance - variance).abs() < 1e-6 * (1.0 + variance));
                let silent = own.iter().filter(|value| **value <= 0.0).count() as f64 / own.len() as f64;
                prop_assert!((unit.sparsity - silent).abs() < 1e-12);
            }
            prop_assert_eq!(classes.unit(0, 2, 0), UnitSummary::default());
        }
    }

    #[test]
    fn the_unit_of_a_class_is_found() {
        // Unit `c` answers to input `c` only; unit 3 answers to all alike.
        let mut network = Network::dense(&[3, 4], 0).unwrap();
        let weights = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        network.parameters_mut().copy_from_slice(&weights);
        let mut map = ActivationMap::new(&network, 6);
        let rows = [1.0, 0.0, 0.0, 0.0, 1.1, 0.0, 0.0, 0.0, 1.0, 1.2, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.1];
        Prepared::floats(&network).capture(&rows, &mut map).unwrap();
        let mut classes = ClassMap::new(&map, 3);
        classes.add(&map, &[0, 1, 2, 0, 1, 2]).unwrap();
        for class in 0..3 {
            let top = classes.top_units(0, class, 2);
            assert_eq!((top.len(), top[0].0, classes.rows(class)), (2, class, 2));
            assert!((classes.sparsity(0, class) - 0.5).abs() < 1e-12, "two of four units are silent");
        }
        assert!(matches!(classes.add(&map, &[0; 5]), Err(DataError::Count { rows: 6, targets: 5 })));
        assert!(matches!(classes.add(&map, &[0, 0, 0, 0, 0, 3]), Err(DataError::Label { row: 5, .. })));
        assert_eq!(classes.rows(0), 2, "nothing was added");
        let other = ActivationMap::new(&Network::dense(&[3, 5], 0).unwrap(), 6);
        assert_eq!(classes.add(&other, &[]), Err(DataError::Columns { expected: 4, found: 5 }));
    }
}
