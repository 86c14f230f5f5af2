//! Percentile bootstrap (Efron 1979).
use super::quantile::{median, quantile};
use super::rng::Stream;
use super::summary::Interval;

/// 95 % interval of the median; none below five values.
#[must_use]
pub fn median_of_sorted(values: &[f64]) -> Option<Interval> {
    (values.len() >= 5).then(|| interval(values, 0, median))
}

/// 95 % percentile interval of a statistic.
pub fn interval(values: &[f64], seed: u64, statistic: impl Fn(&[f64]) -> f64) -> Interval {
    let mut stream = Stream::new(seed, &[values.len() as u64]);
    let mut drawn = vec![0.0; values.len()];
    let mut results: Vec<f64> = (0..2000)
        .map(|_| {
            for slot in &mut drawn {
                *slot = values[stream.below(values.len() as u64) as usize];
            }
            statistic(&drawn)
        })
        .collect();
    results.sort_by(f64::total_cmp);
    Interval { low: quantile(&results, 0.025), high: quantile(&results, 0.975) }
}
