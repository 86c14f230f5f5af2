//! A histogram of millions of latencies as the few samples that a round may keep.

use engine_core::histogram::Histogram;

/// Samples of a round with more values than that: enough that the percentiles up to p99.9 are those of the histogram.
pub(crate) const SAMPLES: u64 = 1001;

/// The distribution in seconds, as at most [`SAMPLES`] values in rising order: every value when there are no more, else
/// the quantiles 0, 0.001 .. 0.999. A percentile of these samples is that percentile of the histogram, since the k-th
/// of 1001 samples *is* the quantile k/1000 wherever percentiles are taken between order statistics. The last stands
/// for the last half of a thousandth (the quantile 0.9995) and not for the slowest of all, which would drag the mean.
pub(crate) fn samples(histogram: &Histogram) -> Vec<f64> {
    let count = histogram.count();
    let at = |q: f64| histogram.value_at_quantile(q).map(|value| value.floor() as f64 * 1e-9);
    if count <= SAMPLES {
        return (1..=count).filter_map(|rank| at((rank as f64 - 0.5) / count as f64)).collect();
    }
    let last = SAMPLES - 1;
    (0..SAMPLES).filter_map(|k| at(if k == last { 1.0 - 0.5 / last as f64 } else { k as f64 / last as f64 })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::stats::{Stream, Summary};

    #[test]
    fn few_values_are_all_kept() {
        let mut histogram = Histogram::new();
        for nanos in [7_000, 5_000, 900_000] {
            histogram.record(nanos);
        }
        let kept = samples(&histogram);
        assert_eq!(kept.len(), 3);
        assert!((kept[0] / 5e-6 - 1.0).abs() < 2e-3 && (kept[2] / 9e-4 - 1.0).abs() < 2e-3, "{kept:?}");
        assert!(samples(&Histogram::new()).is_empty());
    }

    #[test]
    fn percentiles_and_mean_of_the_samples_are_those_of_all_values() {
        // A long tail: exponential around 100 us, one in two hundred a millisecond later.
        let mut random = Stream::new(3, &[]);
        let mut histogram = Histogram::new();
        let mut all: Vec<f64> = (0..200_000)
            .map(|_| {
                let late = if random.below(200) == 0 { 1e-3 } else { 0.0 };
                20e-6 + late + 80e-6 * random.exponential()
            })
            .collect();
        all.iter().for_each(|value| histogram.record((value * 1e9) as u64));
        let kept = samples(&histogram);
        assert_eq!(kept.len() as u64, SAMPLES);
        all.sort_by(f64::total_cmp);
        let (of_all, of_kept) = (Summary::of(&all).unwrap(), Summary::of(&kept).unwrap());
        for (one, other, within) in [
            (of_all.median, of_kept.median, 3e-3),
            (of_all.p90, of_kept.p90, 3e-3),
            (of_all.p99, of_kept.p99, 3e-3),
            (of_all.mean, of_kept.mean, 5e-3),
            (of_all.min, of_kept.min, 3e-3),
        ] {
            assert!((other / one - 1.0).abs() < within, "{one} {other}");
        }
    }
}
