//! Steps near the end of a series, where a level has fewer points than the search for levels asks for.
//!
//! With three or four points of a new level the search puts its step too early, since a level has
//! [`super::SHORTEST`] points, and a ramp that climbs over a dozen points fits better than a step in the wrong place. So
//! a ramp that ends with the series, and a step whose level has just begun, are held against the best step at any place
//! near the end. Values are taken as they are, not clipped: the running median that clips knows only the old level
//! there. The loss is that of Huber (1964), so that one night that is far off neither makes a step nor moves one.

use engine_core::stats::quantile::median;

use super::SHORTEST;

/// Standard deviations beyond which the loss grows no longer with the square.
const FAR: f64 = 2.0;

/// Steps are tried so many points from the end at most.
const REACH: usize = 2 * SHORTEST;

/// And leave so many points at least.
const FEWEST: usize = 2;

/// The loss of a residual, `sigma` being the standard deviation of one point.
fn loss(residual: f64, sigma: f64) -> f64 {
    let (size, far) = (residual.abs(), FAR * sigma);
    if size <= far { size * size } else { far * (2.0 * size - far) }
}

/// The loss of all values about what is said of each.
pub(super) fn losses(values: &[f64], sigma: f64, said: impl Fn(usize) -> f64) -> f64 {
    values.iter().enumerate().map(|(t, value)| loss(value - said(t), sigma)).sum()
}

/// The first point after the best step near the end of `values`, and the loss with it.
pub(super) fn step(values: &[f64], sigma: f64) -> Option<(usize, f64)> {
    let n = values.len();
    let first = n.saturating_sub(REACH).max(SHORTEST);
    let with = |at: usize| {
        let (before, after) = (median(&values[..at]), median(&values[at..]));
        (at, losses(values, sigma, |t| if t < at { before } else { after }))
    };
    (first..=n.checked_sub(FEWEST)?).map(with).min_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_where_it_is_and_one_value_that_is_far_off_moves_it_not() {
        for after in FEWEST..=REACH {
            let at = 40 - after;
            let mut values: Vec<f64> =
                (0..40).map(|t| 0.3 * f64::from(t % 3 - 1) + if t as usize >= at { 5.0 } else { 0.0 }).collect();
            assert_eq!(step(&values, 0.3).map(|found| found.0), Some(at), "{after} points after it");
            values[at - 5] += 4.0;
            values[12] -= 9.0;
            assert_eq!(step(&values, 0.3).map(|found| found.0), Some(at), "{after} points after it");
        }
        assert_eq!(step(&[1.0], 0.3), None);
    }

    #[test]
    fn the_loss_is_continuous_and_grows_slower_far_out() {
        assert!((loss(2.0, 1.0) - loss(2.0 + 1e-9, 1.0)).abs() < 1e-7);
        assert!(loss(10.0, 1.0) < 40.0 && loss(1.0, 1.0) > 0.99);
    }
}
