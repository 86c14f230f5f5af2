//! Outliers are classified and counted, never removed: what is odd about a machine is often the finding.

use serde::{Deserialize, Serialize};

use super::quantile;

/// How many values lie outside Tukey's fences (1977).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tukey {
    /// Beyond 1.5 but within 3 interquartile ranges of the nearer quartile.
    pub mild: u64,
    /// Beyond 3 interquartile ranges of the nearer quartile.
    pub severe: u64,
}

/// Above this modified z-score, Iglewicz and Hoaglin (1993) call a value an outlier.
pub const MODIFIED_Z_LIMIT: f64 = 3.5;

/// Counts the values outside Tukey's fences; quartiles of type 7. `sorted` rises.
pub fn tukey(sorted: &[f64]) -> Tukey {
    let (q1, q3) = (quantile::quantile(sorted, 0.25), quantile::quantile(sorted, 0.75));
    let range = q3 - q1;
    let beyond = |fence: f64| sorted.iter().filter(|v| **v < q1 - fence * range || **v > q3 + fence * range).count();
    let severe = beyond(3.0) as u64;
    Tukey { mild: beyond(1.5) as u64 - severe, severe }
}

/// Modified z-score `0.6745 (x - median) / MAD`: how many robust standard deviations `x` lies from the centre.
///
/// When more than half of the values are equal the MAD is zero: the score is then 0 for that value and infinite, with
/// its sign, for every other.
pub fn modified_z(x: f64, median: f64, mad: f64) -> f64 {
    let distance = x - median;
    if distance == 0.0 { 0.0 } else { 0.6745 * distance / mad }
}

/// Counts the values whose modified z-score is beyond [`MODIFIED_Z_LIMIT`] on either side.
pub fn beyond_modified_z(values: &[f64], median: f64, mad: f64) -> u64 {
    values.iter().filter(|x| modified_z(**x, median, mad).abs() > MODIFIED_Z_LIMIT).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_tell_mild_from_severe() {
        // Quartiles 3.25 and 7.75, range 4.5: fences at -3.5 / 14.5 and -10.25 / 21.25.
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 14.6, 21.3];
        assert_eq!(tukey(&values), Tukey { mild: 1, severe: 1 });
        assert_eq!(tukey(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 14.4, 14.5]), Tukey::default());
        assert_eq!(tukey(&[]), Tukey::default());
    }

    #[test]
    fn modified_z_known_answers() {
        let values = [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3];
        // Iglewicz and Hoaglin's own example, median 2.45 and MAD 0.2: both large values are outliers.
        assert!((modified_z(8.2, 2.45, 0.2) - 19.391_875).abs() < 1e-9);
        let (median, mad) = (quantile::median(&values), quantile::mad(&values));
        assert!((median - 2.45).abs() < 1e-12 && (mad - 0.15).abs() < 0.051);
        assert_eq!(beyond_modified_z(&values, median, mad), 2);
        assert_eq!(modified_z(1.0, 1.0, 0.0), 0.0);
        assert_eq!(modified_z(0.5, 1.0, 0.0), f64::NEG_INFINITY);
    }
}
