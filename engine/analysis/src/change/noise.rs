//! The noise of a series, told apart from its changes: how wide it is and how much of it each point inherits from the
//! one before.
//!
//! Both come from differences of neighbours first, which a step touches once and a trend hardly at all. A process with
//! autocorrelation `r` has long runs on one side of its level that look like steps; the variance of its means is
//! `(1 + r) / (1 - r)` times what independent points would give, and every test here pays that factor.

/// Turns a median absolute deviation of normal data into a standard deviation.
pub(crate) const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// Autocorrelation is not believed beyond this: with more, nothing could ever be told from so few points.
const MOST_CORRELATION: f64 = 0.95;

/// A robust standard deviation of values around zero: the larger of what their median and their 90th percentile say
/// of the absolute values. The second sees a minor mode that the first overlooks, and neither sees a few spikes.
pub(crate) fn spread_about_zero(values: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    if sizes.is_empty() {
        return 0.0;
    }
    // Only two ranks are wanted, each with its neighbour above: no need to sort.
    let mut at = |share: f64| {
        let place = share * (sizes.len() - 1) as f64;
        let below = place.floor() as usize;
        let (_, &mut lower, rest) = sizes.select_nth_unstable_by(below, f64::total_cmp);
        let upper = rest.iter().copied().fold(f64::INFINITY, f64::min);
        if upper.is_finite() { lower + (place - below as f64) * (upper - lower) } else { lower }
    };
    let (middle, wide) = (MAD_TO_SD * at(0.5), at(0.9) / 1.644_853_626_951_472_7);
    middle.max(wide)
}

/// The standard deviation of one point, from differences of neighbours.
pub(crate) fn spread_of_differences(values: &[f64]) -> f64 {
    let differences: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    spread_about_zero(&differences) * std::f64::consts::FRAC_1_SQRT_2
}

/// The least standard deviation that values with this resolution can be said to show: a part of the smallest step
/// between two that differ. Zero when all are equal.
pub(crate) fn resolution(sorted: &[f64]) -> f64 {
    let scale = sorted.first().map_or(0.0, |low| low.abs()).max(sorted.last().map_or(0.0, |high| high.abs()));
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 1e-12 * scale);
    let least = gaps.fold(f64::INFINITY, f64::min);
    if least.is_finite() { 0.15 * least } else { 0.0 }
}

/// The most that the lag-one autocorrelation can be, from differences alone: those over two points have `1 + r` times
/// the variance of those over one. Steps and trends hardly touch it, while residuals about a trend cut into levels look
/// far more correlated than the noise is. Allows twice the error of the estimate.
pub(crate) fn correlation_of_differences(values: &[f64]) -> f64 {
    let squares = |lag: usize| {
        let mut squares: Vec<f64> = values.iter().zip(values.iter().skip(lag)).map(|(a, b)| (b - a).powi(2)).collect();
        let kept = squares.len() - squares.len() / 20;
        if kept == 0 {
            return 0.0;
        }
        squares.select_nth_unstable_by(kept - 1, f64::total_cmp);
        squares[..kept].iter().sum::<f64>() / kept as f64
    };
    let (one, two) = (squares(1), squares(2));
    if one <= 0.0 {
        return MOST_CORRELATION;
    }
    let allowed = 0.1 + 2.0 / (values.len() as f64).sqrt();
    (two / one - 1.0 + allowed).clamp(0.0, MOST_CORRELATION)
}

/// Lag-one autocorrelation of residuals within segments, corrected for the downward bias that comes from estimating
/// each segment's level (Kendall, 1954): `bounds` are the first points of the segments and the length.
pub(crate) fn correlation(residuals: &[f64], bounds: &[usize]) -> f64 {
    let (mut products, mut squares, mut pairs, mut segments) = (0.0, 0.0, 0.0, 0.0);
    for segment in bounds.windows(2) {
        let part = &residuals[segment[0]..segment[1]];
        if part.len() < 4 {
            continue;
        }
        for pair in part.windows(2) {
            products += pair[0] * pair[1];
            pairs += 1.0;
        }
        squares += part.iter().map(|value| value * value).sum::<f64>() * (part.len() - 1) as f64 / part.len() as f64;
        segments += 1.0;
    }
    if squares <= 0.0 || pairs < 8.0 {
        return 0.0;
    }
    let raw = products / squares;
    (raw + (1.0 + 3.0 * raw) * segments / pairs).clamp(0.0, MOST_CORRELATION)
}

/// By how much the variance of a mean exceeds that of independent points.
pub(crate) fn inflation(correlation: f64) -> f64 {
    (1.0 + correlation) / (1.0 - correlation)
}
