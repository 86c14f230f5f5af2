//! The latency histogram: fixed in size, merged exactly, honest about what it could not see.
//!
//! Values are whole nanoseconds from 1 ns to one hour, kept to three significant digits (each bucket is at most 0.1 %
//! wide) in a High Dynamic Range histogram (Tene) of about 270 KB, made with the first value. Count, smallest, largest and sum are exact. Nothing is kept per value, so a day costs no more than
//! a second, and merging two histograms gives precisely the histogram of both sets of values.
//!
//! Two kinds of value are known only from below: *censored* ones (the request was cut off at some age) and *saturated*
//! ones (longer than an hour). A percentile that depends on them is a bound and says so: [`Percentile::Above`].

use hdrhistogram::Histogram as Hdr;
use thiserror::Error;

mod packed;
mod wire;

pub use packed::Packed;

/// The largest value that is told apart: one hour, in nanoseconds.
pub const HIGHEST: u64 = 3_600_000_000_000;

const DIGITS: u8 = 3;

/// How far apart the bounds of a percentile may lie for it to count as known.
const KNOWN_WITHIN: f64 = 1.01;

/// A percentile, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Percentile {
    /// The value, to the histogram's resolution (to 1 % where a few censored values blur it).
    At(u64),
    /// The percentile lies in the censored mass: all that is known is that it exceeds this. Prints as `> x`.
    Above(u64),
}

impl Percentile {
    /// The number, whether it is the value or a bound from below.
    pub fn floor(self) -> u64 {
        match self {
            Self::At(value) | Self::Above(value) => value,
        }
    }
}

/// A bucket with values in it, for plots and for merging elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Smallest value that falls into it, in nanoseconds.
    pub low: u64,
    /// Largest value that falls into it, in nanoseconds.
    pub high: u64,
    /// Values recorded in it; censored ones do not count.
    pub count: u64,
}

/// Why a stored histogram cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistogramError {
    /// A bucket does not exist in this layout.
    #[error("no histogram bucket starts at {0} ns; the data is damaged or from another version")]
    UnknownBucket(u64),
    /// The parts contradict each other.
    #[error("the histogram's {0} does not fit its buckets; the data is damaged")]
    Inconsistent(&'static str),
}

/// A latency histogram; see the module.
#[derive(Debug, Clone)]
pub struct Histogram {
    /// Made on first use, as many series of a load have no times.
    observed: Option<Hdr<u64>>,
    /// Ages at which values were cut off. Made on first use: most series have none.
    censored: Option<Box<Hdr<u64>>>,
    saturated: u64,
    min: u64,
    max: u64,
    /// Exact sum of all values, censored ones at their age.
    sum: u128,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self { observed: None, censored: None, saturated: 0, min: u64::MAX, max: 0, sum: 0 }
    }

    /// Records one value in nanoseconds. Zero is allowed and has a bucket of its own. A value above [`HIGHEST`] goes
    /// into the last bucket and is counted as saturated.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        self.record_n(nanos, 1);
    }

    /// Records the same value `n` times.
    #[inline]
    pub fn record_n(&mut self, nanos: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.observed.get_or_insert_with(empty).saturating_record_n(nanos.min(HIGHEST), n);
        if nanos > HIGHEST {
            self.saturated += n;
        }
        self.note(nanos, n);
    }

    /// Records a value of which only is known that it exceeds `nanos`: a time-out, or a request cut off at that age.
    pub fn record_censored(&mut self, nanos: u64) {
        self.record_censored_n(nanos, 1);
    }

    /// Records `n` values of which only is known that they exceed `nanos`.
    pub fn record_censored_n(&mut self, nanos: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.censored.get_or_insert_with(|| Box::new(empty())).saturating_record_n(nanos.min(HIGHEST), n);
        self.note(nanos, n);
    }

    fn note(&mut self, nanos: u64, n: u64) {
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
        self.sum += u128::from(nanos) * u128::from(n);
    }

    /// Adds all values of `other`: exact, commutative and associative.
    pub fn merge(&mut self, other: &Self) {
        if let Some(observed) = &other.observed {
            add(self.observed.get_or_insert_with(empty), observed);
        }
        if let Some(censored) = &other.censored {
            add(self.censored.get_or_insert_with(|| Box::new(empty())), censored);
        }
        self.saturated += other.saturated;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    /// Forgets all values and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(observed) = self.observed.as_mut().filter(|observed| !observed.is_empty()) {
            observed.reset();
        }
        self.censored = None;
        (self.saturated, self.min, self.max, self.sum) = (0, u64::MAX, 0, 0);
    }

    /// All values, censored and saturated ones too.
    pub fn count(&self) -> u64 {
        self.observed_count() + self.censored_count()
    }

    fn observed_count(&self) -> u64 {
        self.observed.as_ref().map_or(0, |observed| observed.len())
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Values known only to exceed the age at which they were cut off.
    pub fn censored_count(&self) -> u64 {
        self.censored.as_ref().map_or(0, |c| c.len())
    }

    /// Values above [`HIGHEST`].
    pub fn saturated_count(&self) -> u64 {
        self.saturated
    }

    /// The smallest value, exact; of a censored one its age. `None` when empty.
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min)
    }

    /// The largest value, exact; of a censored one its age, so with any censored the true maximum may be larger.
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// The mean in nanoseconds, from the exact sum; with any censored it is a bound from below, as they enter at their
    /// age. `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count() as f64)
    }

    /// The value that a share `q` (0 to 1) of all values, censored ones included, does not exceed. `None` when empty.
    pub fn value_at_quantile(&self, q: f64) -> Option<Percentile> {
        self.quantile_bounds(q).map(percentile)
    }

    /// Bounds of the quantile `q`: with every censored value just at its age, and with all of them beyond everything.
    /// The upper bound is `None` when it depends on a censored or saturated value; without any, both are equal.
    pub fn quantile_bounds(&self, q: f64) -> Option<(u64, Option<u64>)> {
        let (count, known) = (self.count(), self.observed_count() - self.saturated);
        let censored = self.censored.as_deref().map(buckets);
        quantile_bounds(q, count, known, self.max, || self.buckets(), censored)
    }

    /// How many of the values are known to be at most `nanos`, to the histogram's resolution.
    pub fn count_at_most(&self, nanos: u64) -> u64 {
        let all = self.observed.as_ref().map_or(0, |observed| observed.count_between(0, nanos.min(HIGHEST)));
        if nanos >= HIGHEST { all - self.saturated } else { all }
    }

    /// The buckets that hold values, in rising order.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.observed.iter().flat_map(buckets)
    }

    /// The buckets of the ages at which values were cut off, in rising order.
    pub fn censored_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.censored.iter().flat_map(|c| buckets(c))
    }
}

/// Equal when the same counts lie in the same buckets, with equal extremes and sums.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        (self.saturated, self.min, self.max, self.sum) == (other.saturated, other.min, other.max, other.sum)
            && self.buckets().eq(other.buckets())
            && self.censored_buckets().eq(other.censored_buckets())
    }
}

fn empty() -> Hdr<u64> {
    Hdr::new_with_bounds(1, HIGHEST, DIGITS).expect("the bounds are constants that the crate accepts")
}

fn add(to: &mut Hdr<u64>, from: &Hdr<u64>) {
    to.add(from).expect("all histograms here have the same layout");
}

fn buckets(of: &Hdr<u64>) -> impl Iterator<Item = Bucket> + '_ {
    of.iter_recorded().map(move |step| {
        let value = step.value_iterated_to();
        Bucket { low: of.lowest_equivalent(value), high: of.highest_equivalent(value), count: step.count_at_value() }
    })
}

/// What bounds of a quantile say; see [`Histogram::value_at_quantile`].
fn percentile((low, high): (u64, Option<u64>)) -> Percentile {
    match high {
        Some(high) if high as f64 <= low as f64 * KNOWN_WITHIN => Percentile::At(high),
        _ => Percentile::Above(low),
    }
}

/// See [`Histogram::quantile_bounds`]; `known` of the `count` values are neither censored nor saturated.
fn quantile_bounds<A: Iterator<Item = Bucket>>(
    q: f64,
    count: u64,
    known: u64,
    max: u64,
    observed: impl Fn() -> A,
    censored: Option<impl Iterator<Item = Bucket>>,
) -> Option<(u64, Option<u64>)> {
    if count == 0 {
        return None;
    }
    let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count);
    let high = (rank <= known).then(|| at_rank(observed(), rank).min(max));
    let Some(censored) = censored else {
        return Some((high.unwrap_or(HIGHEST), high));
    };
    Some((merged_rank(observed(), censored, rank).min(max), high))
}

/// Upper end of the bucket that holds the value of this rank (from 1).
fn at_rank(mut of: impl Iterator<Item = Bucket>, rank: u64) -> u64 {
    let mut seen = 0;
    of.find(|bucket| {
        seen += bucket.count;
        seen >= rank
    })
    .map_or(HIGHEST, |bucket| bucket.high.min(HIGHEST))
}

/// A value that the one of this rank is surely not below, with the censored ones put at their ages.
fn merged_rank(observed: impl Iterator<Item = Bucket>, censored: impl Iterator<Item = Bucket>, rank: u64) -> u64 {
    let (mut known, mut cut) = (observed.peekable(), censored.peekable());
    let mut seen = 0;
    loop {
        // Within a bucket the known values come first: a censored one exceeds its age.
        let known_next = match (known.peek(), cut.peek()) {
            (Some(k), Some(c)) => k.low <= c.low,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let Some(bucket) = (if known_next { known.next() } else { cut.next() }) else { return HIGHEST };
        seen += bucket.count;
        if seen >= rank {
            return if known_next { bucket.high.min(HIGHEST) } else { bucket.low };
        }
    }
}

#[cfg(test)]
mod tests;
