//! How much service times and arrivals vary: the squares of their coefficients of variation, which Kingman's formula for the
//! wait of G/G/1 asks for (Kingman, "The single server queue in heavy traffic", 1961; for several servers Allen and Cunneen:
//! the wait of M/M/c, times half the sum of both).
//!
//! What would make it wrong: few requests of which one in hundreds is long (the interval then says so); arrivals that depend
//! on each other over more than a second, which count more than their variation from second to second.

use engine_core::finding::Range;
use engine_core::histogram::Packed;

use super::{Facts, Load, Missing};
use crate::queueing::Queue;

/// Fewer values than these say little about their variation.
const FEWEST: u64 = 100;
/// Seconds of a load that tell how its arrivals vary.
const SECONDS: usize = 10;
/// Two-sided 95 % of the normal distribution.
const NORMAL_95: f64 = 1.96;

/// A squared coefficient of variation, and how many values it is from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variation {
    /// With the interval of the sampling.
    pub(crate) range: Range,
    /// Values.
    pub(crate) samples: u64,
}

impl Variation {
    /// Of the responses of a load where nobody waits.
    ///
    /// # Errors
    /// When the run has too few of them.
    pub(crate) fn of_service(load: &Load<'_>, facts: &Facts<'_>) -> Result<Self, Missing> {
        let few = || Missing(format!("fewer than {FEWEST} responses without waiting, for `{}`", load.path()));
        load.unloaded_responses(facts).and_then(|responses| squared(&responses)).ok_or_else(few)
    }
}

/// The squared coefficient of variation of a histogram; its interval by the fourth moment.
fn squared(values: &Packed) -> Option<Variation> {
    let (n, mean) = (values.count() as f64, values.mean()?);
    if values.count() < FEWEST || values.censored_count() > 0 || mean <= 0.0 {
        return None;
    }
    let moment = |power: i32| {
        let part = |low: u64, high: u64| (0.5 * (low as f64 + high as f64) / mean - 1.0).powi(power);
        values.buckets().map(|bucket| bucket.count as f64 * part(bucket.low, bucket.high)).sum::<f64>() / n
    };
    let (second, fourth) = (moment(2), moment(4));
    let half = NORMAL_95 * ((fourth - second * second).max(0.0) / n).sqrt();
    let range = Range::new(second, (second - half).max(0.0), second + half);
    Some(Variation { range, samples: values.count() })
}

/// Of the arrivals of a load: the index of dispersion of the requests that begin in each second, which is one for random
/// arrivals, none for even ones, and in the long run the squared variation of the gaps.
///
/// # Errors
/// When the load has too few seconds.
pub(crate) fn arrivals(load: &Load<'_>) -> Result<Variation, Missing> {
    let whole = |seconds: f64| (0.9..=1.1).contains(&seconds);
    let windows = load.step.windows.iter().filter(|window| window.counts() && whole(window.seconds));
    let counts: Vec<f64> = windows.filter_map(|window| Some(window.total()?.started as f64)).collect();
    // The last second may be cut.
    let counts = &counts[..counts.len().saturating_sub(1)];
    let (n, mean) = (counts.len() as f64, counts.iter().sum::<f64>() / (counts.len() as f64).max(1.0));
    if counts.len() < SECONDS || mean <= 0.0 {
        return Err(Missing(format!("`{}` has fewer than {SECONDS} seconds of arrivals", load.path())));
    }
    let value = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (n - 1.0) / mean;
    // The variance of normal counts, by its own standard error.
    let half = NORMAL_95 * value * (2.0 / (n - 1.0)).sqrt();
    Ok(Variation { range: Range::new(value, (value - half).max(0.0), value + half), samples: counts.len() as u64 })
}

/// The number of workers with which Kingman's formula comes nearest to a wait that was measured, and its wait: `arrivals` a
/// second of `service` seconds each, `variation` the sum of both squared variations. None where no number keeps up.
pub(crate) fn wait(arrivals: f64, service: f64, variation: f64, measured: f64) -> Option<(u32, f64)> {
    let wait = |workers| Queue::new(workers, arrivals, service).map(|queue| 0.5 * variation * queue.mean_wait());
    let off = |wait: f64| (wait.max(1e-12) / measured.max(1e-12)).ln().abs();
    let all = (1..=1024).filter_map(|workers| Some((workers, wait(workers)?)));
    all.min_by(|a, b| off(a.1).total_cmp(&off(b.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::histogram::Histogram;
    use engine_core::stats::Stream;

    fn packed(values: impl Iterator<Item = f64>) -> Packed {
        let mut histogram = Histogram::new();
        values.for_each(|seconds| histogram.record((seconds * 1e9) as u64));
        histogram.into()
    }

    #[test]
    fn known_variations() {
        let mut draws = Stream::new(7, &[1]);
        let exponential = squared(&packed((0..50_000).map(|_| 0.01 * draws.exponential()))).expect("many");
        assert!((exponential.range.value - 1.0).abs() < 0.05, "{exponential:?}");
        assert!(exponential.range.low < 1.0 && 1.0 < exponential.range.high, "{exponential:?}");
        // Sixteen of 5 ms and one of 90 ms: mean 10 ms, variance 400 ms^2.
        let two = squared(&packed((0..1700).map(|at| if at % 17 == 0 { 0.09 } else { 0.005 }))).expect("many");
        assert!((two.range.value - 4.0).abs() < 0.03, "{two:?}");
        assert!(squared(&packed((0..500).map(|_| 0.01))).expect("many").range.value < 1e-4);
        assert_eq!(squared(&packed((0..50).map(|_| 0.01))), None, "too few");
    }

    #[test]
    fn one_worker_has_the_wait_of_pollaczek_and_khinchine() {
        // rho = 0.8, service 10 ms of squared variation 4: W = 0.8 / 0.2 x (1 + 4) / 2 x 10 ms = 100 ms.
        let (workers, wait) = wait(80.0, 0.01, 5.0, 0.09).expect("it keeps up");
        assert_eq!(workers, 1);
        assert!((wait - 0.1).abs() < 1e-12);
    }

    #[test]
    fn the_number_of_workers_is_found_from_the_wait() {
        let truth = Queue::new(6, 500.0, 0.01).expect("it keeps up").mean_wait() * 1.5;
        assert_eq!(wait(500.0, 0.01, 3.0, truth).expect("it keeps up").0, 6);
    }

    #[test]
    fn a_simulated_queue_waits_as_long_as_the_formula_says() {
        // G/G/1 near saturation, where the formula is exact in the limit: arrivals by pairs of phases, service of two lengths.
        let mut draws = Stream::new(11, &[2]);
        let (mut now, mut free, mut waited) = (0.0_f64, 0.0_f64, 0.0_f64);
        let n = 2_000_000;
        for at in 0..n {
            // Erlang of two phases: squared variation one half.
            now += 0.5 * (draws.exponential() + draws.exponential()) / 0.95;
            waited += (free - now).max(0.0);
            // Mean 1, squared variation 4, in an order that is random.
            free = free.max(now) + if draws.exponential() < (17.0_f64 / 16.0).ln() { 9.0 } else { 0.5 };
            let _ = at;
        }
        let (_, formula) = wait(0.95, 1.0, 4.5, waited / f64::from(n)).expect("it keeps up");
        let off = waited / f64::from(n) / formula;
        assert!((0.85..1.1).contains(&off), "{off}");
    }
}
