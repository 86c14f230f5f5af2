//! Standard scaling as the rows come: each feature less its mean so far, over its standard deviation so far.

/// Running means and variances (Welford, 1962), one pair a feature. A feature that never varied becomes zero.
#[derive(Debug, Clone)]
pub struct StandardScaler {
    rows: f64,
    means: Vec<f64>,
    variances: Vec<f64>,
}

impl StandardScaler {
    /// For rows of so many features.
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self { rows: 0.0, means: vec![0.0; features], variances: vec![0.0; features] }
    }

    /// Takes a row into account.
    pub fn learn(&mut self, row: &[f32]) {
        self.rows += 1.0;
        let share = 1.0 / self.rows;
        for ((mean, variance), value) in self.means.iter_mut().zip(&mut self.variances).zip(row) {
            let value = f64::from(*value);
            let before = value - *mean;
            *mean += before * share;
            *variance += (before * (value - *mean) - *variance) * share;
        }
    }

    /// Scales a row into `scaled`.
    pub fn scale(&self, row: &[f32], scaled: &mut [f64]) {
        for (((to, value), mean), variance) in scaled.iter_mut().zip(row).zip(&self.means).zip(&self.variances) {
            *to = if *variance > 0.0 { (f64::from(*value) - mean) / variance.sqrt() } else { 0.0 };
        }
    }

    /// Means of the features so far.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Variances of the features so far (of the rows seen, not of a population).
    #[must_use]
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }
}
