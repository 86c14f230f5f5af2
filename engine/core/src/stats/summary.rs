//! What a set of samples says: centre, spread, tails, an interval for the median, outliers.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bootstrap;
use super::outlier::{self, Tukey};
use super::quantile::{mad, quantile, sorted};

/// A closed range of values, in the unit of the samples it was computed from; `low <= high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The range between two ends, given in either order.
    pub fn new(one: f64, other: f64) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// Distance between the ends.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// Whether `value` lies inside; both ends belong to it.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether the two ranges share a point.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// Why samples cannot be summarised.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SampleError {
    /// There are none.
    #[error("no samples to summarise")]
    Empty,
    /// A sample is `NaN` or infinite: a defect of whatever recorded it, so it is named and not dropped.
    #[error("sample {index} is `{value}`; only finite values can be summarised")]
    NotFinite {
        /// Its place in the input, from 0.
        index: usize,
        /// The offending value.
        value: f64,
    },
}

/// Summary of a set of samples, in their unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of samples.
    pub n: u64,
    /// Smallest sample: with the largest, what capability metrics quote.
    pub min: f64,
    /// The median, between the two middle samples when `n` is even.
    pub median: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// 90th percentile, type 7.
    pub p90: f64,
    /// 99th percentile, type 7. With fewer than 100 samples it lies between the two largest.
    pub p99: f64,
    /// Largest sample.
    pub max: f64,
    /// Median absolute deviation, raw (not scaled to a standard deviation).
    pub mad: f64,
    /// 95 % bootstrap interval of the median, see [`bootstrap::median`]; `None` below five samples, where none exists.
    pub ci95: Option<Interval>,
    /// Samples outside Tukey's fences.
    pub outliers_tukey: Tukey,
    /// Samples with a modified z-score beyond 3.5.
    pub outliers_modified_z: u64,
}

impl Summary {
    /// Summarises `samples`; `None` if there are none, or if one is `NaN` or infinite.
    pub fn of(samples: &[f64]) -> Option<Self> {
        Self::checked(samples).ok()
    }

    /// Summarises `samples`, or says why it cannot.
    ///
    /// # Errors
    /// [`SampleError::Empty`] without samples, [`SampleError::NotFinite`] for the first `NaN` or infinity. Such values
    /// are refused, not filtered: a summary never stands on fewer samples than it was given.
    pub fn checked(samples: &[f64]) -> Result<Self, SampleError> {
        if let Some((index, &value)) = samples.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(SampleError::NotFinite { index, value });
        }
        let values = sorted(samples);
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return Err(SampleError::Empty) };
        let median = quantile(&values, 0.5);
        let mad = mad(&values);
        Ok(Self {
            n: values.len() as u64,
            min,
            median,
            mean: mean(&values, min, max),
            p90: quantile(&values, 0.90),
            p99: quantile(&values, 0.99),
            max,
            mad,
            ci95: bootstrap::median_of_sorted(&values),
            outliers_tukey: outlier::tukey(&values),
            outliers_modified_z: outlier::beyond_modified_z(&values, median, mad),
        })
    }

    /// The range of the samples. It is not a confidence interval, but all that two to four samples can give: it holds
    /// the true median with probability `1 - 2^(1 - n)`, which is 50, 75 and 87.5 % for 2, 3 and 4 samples.
    pub fn range(&self) -> Interval {
        Interval { low: self.min, high: self.max }
    }

    /// Width of the median's interval divided by the median's size; `None` without an interval or around zero.
    pub fn relative_width(&self) -> Option<f64> {
        self.ci95.filter(|_| self.median != 0.0).map(|ci| ci.width() / self.median.abs())
    }
}

/// The mean, summed as distances from the minimum so that it neither overflows nor leaves the range.
fn mean(values: &[f64], min: f64, max: f64) -> f64 {
    let n = values.len() as f64;
    values.iter().map(|v| v / n - min / n).sum::<f64>().mul_add(1.0, min).clamp(min, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: [f64; 10] = [12.1, 9.8, 10.4, 11.9, 35.0, 10.0, 10.2, 9.9, 10.1, 17.0];

    #[test]
    fn known_answers() {
        // NumPy and SciPy give the same for the same ten values.
        let s = Summary::of(&VALUES).unwrap();
        let want = [9.8, 10.3, 13.64, 18.8, 33.38, 35.0, 0.45];
        for (got, want) in [s.min, s.median, s.mean, s.p90, s.p99, s.max, s.mad].into_iter().zip(want) {
            assert!((got - want).abs() < 1e-9, "got {got}, want {want}");
        }
        // Fences of the quartiles 10.025 and 12.05: 15.0875 and 18.125. Modified z of 12.1 is 2.7, of 17 it is 10.
        assert_eq!((s.n, s.outliers_tukey, s.outliers_modified_z), (10, Tukey { mild: 1, severe: 1 }, 2));
        let ci = s.ci95.unwrap();
        assert!(ci.contains(10.3) && ci.low > 9.8 && ci.high < 17.0, "{ci:?}");
    }

    #[test]
    fn too_few_samples_have_no_interval() {
        for n in 1..5 {
            let s = Summary::of(&VALUES[..n]).unwrap();
            assert_eq!((s.n, s.ci95, s.relative_width()), (n as u64, None, None));
        }
        assert!(Summary::of(&VALUES[..5]).unwrap().ci95.is_some());
        assert_eq!(Summary::of(&[3.0]).unwrap().range(), Interval { low: 3.0, high: 3.0 });
    }

    #[test]
    fn bad_samples_are_refused_by_name() {
        assert_eq!(Summary::checked(&[]), Err(SampleError::Empty));
        assert_eq!(
            Summary::checked(&[1.0, f64::INFINITY]),
            Err(SampleError::NotFinite { index: 1, value: f64::INFINITY })
        );
        let nan = Summary::checked(&[f64::NAN]).unwrap_err();
        assert_eq!(nan.to_string(), "sample 0 is `NaN`; only finite values can be summarised");
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn it_survives_json() {
        for n in [1, 10] {
            let s = Summary::of(&VALUES[..n]).unwrap();
            let text = serde_json::to_string(&s).unwrap();
            assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), s);
        }
    }

    proptest! {
        #[test]
        fn parts_are_in_order(values in prop::collection::vec(-1e300..1e300_f64, 1..80)) {
            let s = Summary::of(&values).unwrap();
            prop_assert!(s.min <= s.median && s.median <= s.p90 && s.p90 <= s.p99 && s.p99 <= s.max);
            prop_assert!(s.min <= s.mean && s.mean <= s.max);
            if let Some(ci) = s.ci95 {
                prop_assert!(ci.contains(s.median));
            }
        }

        #[test]
        fn order_does_not_matter(mut values in prop::collection::vec(-1e3..1e3_f64, 1..40)) {
            let one = Summary::of(&values);
            values.reverse();
            prop_assert_eq!(one, Summary::of(&values));
        }
    }
}
