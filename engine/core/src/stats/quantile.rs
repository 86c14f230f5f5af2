//! Quantiles, the median and the median absolute deviation.
//!
//! Quantiles are of type 7 in the list of Hyndman and Fan (1996), the default of R and NumPy: linear between the
//! order statistics at `(n - 1) q`.

/// The quantile `q` (clamped to 0..=1) of values that are sorted in rising order; `NaN` when there are none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let share = place - below as f64;
    if share == 0.0 {
        return sorted[below];
    }
    sorted[below] + share * (sorted[below + 1] - sorted[below])
}

/// A sorted copy. The order is total, so that a stray `NaN` cannot make it depend on the input's order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The median; `NaN` when there are no values. Copies and selects: O(n).
pub fn median(values: &[f64]) -> f64 {
    median_mut(&mut values.to_vec())
}

/// The median of values whose order may be changed: no allocation, O(n); `NaN` when there are no values.
pub fn median_mut(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower + 0.5 * (upper - lower)
}

/// Median absolute deviation from the median, raw: multiply by 1.4826 to estimate the standard deviation of normal
/// data. `NaN` when there are no values.
pub fn mad(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    let centre = median_mut(&mut values);
    for value in &mut values {
        *value = (*value - centre).abs();
    }
    median_mut(&mut values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn type_seven_known_answers() {
        // NumPy: `np.quantile` of the same values.
        let values = sorted(&[12.1, 9.8, 10.4, 11.9, 35.0, 10.0, 10.2, 9.9, 10.1, 17.0]);
        for (q, want) in
            [(0.0, 9.8), (0.25, 10.025), (0.5, 10.3), (0.75, 12.05), (0.9, 18.8), (0.99, 33.38), (1.0, 35.0)]
        {
            assert!((quantile(&values, q) - want).abs() < 1e-12, "{q}");
        }
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[4.0], 0.7), 4.0);
        assert!((mad(&values) - 0.45).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn median_is_the_middle_quantile(values in prop::collection::vec(-1e9..1e9_f64, 1..60)) {
            let middle = quantile(&sorted(&values), 0.5);
            prop_assert!((median(&values) - middle).abs() <= 1e-9 * middle.abs().max(1.0));
        }

        #[test]
        fn quantiles_rise(values in prop::collection::vec(-1e9..1e9_f64, 1..60), a in 0.0..1.0, b in 0.0..1.0) {
            let sorted = sorted(&values);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(quantile(&sorted, low) <= quantile(&sorted, high));
        }
    }
}
