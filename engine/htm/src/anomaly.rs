//! How surprising a step is: the raw anomaly, and how unlikely a run of raw anomalies is.

mod likelihood;
mod rarity;

pub use likelihood::{AnomalyLikelihood, LikelihoodParams, log_likelihood, tail};
pub use rarity::Rarity;

use crate::sdr::{Sdr, SdrError};

/// The share of active columns that were not predicted, 0 to 1; 0 when none is active.
///
/// # Errors
/// Representations of unlike sizes.
pub fn raw_anomaly(active: &Sdr, predicted: &Sdr) -> Result<f64, SdrError> {
    predicted.expect_size(active.size())?;
    let active_columns = active.on().len();
    if active_columns == 0 {
        return Ok(0.0);
    }
    Ok(1.0 - f64::from(active.overlap(predicted)) / active_columns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_what_was_not_predicted() {
        let active = Sdr::new(10, vec![1, 2, 3, 4]).expect("inside");
        let predicted = Sdr::new(10, vec![2, 4, 9]).expect("inside");
        assert_eq!(raw_anomaly(&active, &predicted), Ok(0.5));
        assert_eq!(raw_anomaly(&Sdr::empty(10), &predicted), Ok(0.0));
        assert_eq!(raw_anomaly(&active, &Sdr::empty(10)), Ok(1.0));
        assert!(raw_anomaly(&active, &Sdr::empty(11)).is_err());
    }
}
