//! The knee of a scaling curve: from where on another user brings less than half of what the first ones brought.
//!
//! Kneedle (Satopää et al., 2011) is not used: it stretches the measured range to a unit square, so that the knee moves
//! when the sweep goes on to larger loads. Half of the first slope is a property of the target alone: for `min(N / R, C)`
//! it is the corner `C R` of the asymptotic bounds (Denning and Buzen, 1978), and for a law with contention only it is
//! where the square of the efficiency is one half.

use serde::Serialize;

/// The share of the first slope below which another user is not worth it.
const WORTH: f64 = 0.5;

/// Where the curve bends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Knee {
    /// The level.
    pub at: f64,
    /// The last level that was worth it, and the next.
    pub between: (f64, f64),
    /// The throughput there, by straight lines between the levels.
    pub throughput: f64,
}

/// The knee of `(level, throughput)` pairs, several at one level where it was measured several times (their median
/// counts). `None` with fewer than three levels, or where the slope stays above half of the first as far as measured.
///
/// The slope of a pair of levels counts only if throughput does not return to the first line later, so one level that was
/// disturbed makes no knee.
#[must_use]
pub fn knee(points: &[(f64, f64)]) -> Option<Knee> {
    let mut points: Vec<(f64, f64)> = points.iter().copied().filter(|(n, x)| n.is_finite() && x.is_finite()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let curve: Vec<(f64, f64)> = points
        .chunk_by(|a, b| a.0 == b.0)
        .map(|level| {
            let values: Vec<f64> = level.iter().map(|(_, x)| *x).collect();
            (level[0].0, engine_core::stats::quantile::median(&values))
        })
        .collect();
    let &[(n0, x0), (n1, x1), ..] = curve.as_slice() else { return None };
    if curve.len() < 3 {
        return None;
    }
    // One level may be level 0, where the line through the origin says nothing.
    let first = if n0 > 0.0 { (x0 / n0).max((x1 - x0) / (n1 - n0)) } else { (x1 - x0) / (n1 - n0) };
    let worth = WORTH * first;
    // The first level after which throughput gains less than half of the line, up to every later level.
    let bend = (0..curve.len() - 1).find(|i| {
        let (n, x) = curve[*i];
        curve[i + 1..].iter().all(|(later, reached)| reached - x < worth * (later - n))
    })?;
    let (n, next) = (curve[bend].0, curve[bend + 1].0);
    let slope = |i: usize| (curve[i + 1].1 - curve[i].1) / (curve[i + 1].0 - curve[i].0);
    let middle = |i: usize| 0.5 * (curve[i].0 + curve[i + 1].0);
    // Slopes belong to the middles of their pairs of levels; between the last that was worth it and the first that was
    // not, they are taken as falling in a straight line.
    let at = match bend.checked_sub(1).map(|before| (before, slope(before), slope(bend))) {
        Some((before, rise, beyond)) if rise > worth => {
            let share = (rise - worth) / (rise - beyond);
            middle(before) + share * (middle(bend) - middle(before))
        }
        _ => n,
    };
    let near = curve.partition_point(|(level, _)| *level <= at).clamp(1, curve.len() - 1) - 1;
    Some(Knee { at, between: (n, next), throughput: curve[near].1 + slope(near) * (at - curve[near].0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(levels: &[f64], of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        levels.iter().map(|n| (*n, of(*n))).collect()
    }

    #[test]
    fn the_corner_of_the_asymptotic_bounds_is_found() {
        let found = knee(&curve(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], |n| (n / 0.1_f64).min(110.0))).expect("it bends");
        assert!((found.at - 11.0).abs() < 0.3, "{found:?}");
        assert!(found.between == (8.0, 16.0) && (found.throughput - 90.0).abs() < 5.0, "{found:?}");
    }

    #[test]
    fn it_does_not_move_when_the_sweep_goes_on() {
        let of = |n: f64| 100.0 * n / (1.0 + 0.05 * (n - 1.0));
        let short = knee(&curve(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], of)).expect("it bends");
        let long = knee(&curve(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0], of)).expect("it bends");
        assert_eq!(short.between, long.between);
        // X' = gamma (1 - alpha) / D^2 is half of gamma where D is 1.38: N = 8.6.
        assert!((short.at / 8.6 - 1.0).abs() < 0.1, "{short:?}");
    }

    #[test]
    fn a_line_has_none_and_one_disturbed_level_makes_none() {
        assert_eq!(knee(&curve(&[1.0, 2.0, 4.0, 8.0], |n| 5.0 * n)), None);
        assert_eq!(knee(&[(1.0, 5.0), (2.0, 10.0), (4.0, 11.0), (8.0, 40.0)]), None);
        assert_eq!(knee(&[(1.0, 5.0), (2.0, 10.0)]), None);
        assert_eq!(knee(&[]), None);
    }

    #[test]
    fn beyond_the_peak_it_lies_before_the_peak() {
        let of = |n: f64| n / (1.0 + 0.02 * (n - 1.0) + 0.0005 * n * (n - 1.0));
        let found = knee(&curve(&[1.0, 4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0], of)).expect("it bends");
        assert!(found.at > 10.0 && found.at < 44.0, "{found:?}");
    }
}
