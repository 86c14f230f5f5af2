//! A histogram that is done with: a few bytes for each bucket in use, for records, for windows of a second and for the store.
//!
//! The live [`Histogram`] has a counter for every bucket that there is; a window of one second fills perhaps a hundred. Here
//! only those are kept, as variable-length whole numbers (LEB128): the distance from the bucket before, and the count. Nothing is
//! lost: unpacking gives the same histogram, and merging packed ones gives what merging the live ones gives.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bucket, Histogram, HistogramError, Percentile, percentile, quantile_bounds};

/// Version of the layout, its first byte.
const LAYOUT: u8 = 1;

/// Width of a bucket from its lowest value: one below 2,048, and from there on so that a bucket is at most 0.1 % wide.
const fn width(low: u64) -> u64 {
    1 << (64 - low.leading_zeros()).saturating_sub(11)
}

/// See the module. Clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed {
    count: u64,
    censored: u64,
    saturated: u64,
    min: u64,
    max: u64,
    sum: u128,
    /// Where the pairs of the known values, and of the censored ones, begin.
    starts: (usize, usize),
    bytes: Arc<[u8]>,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed")
            .field("count", &self.count())
            .field("min", &self.min())
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

impl Default for Packed {
    fn default() -> Self {
        Self::from(&Histogram::new())
    }
}

impl From<&Histogram> for Packed {
    fn from(from: &Histogram) -> Self {
        let mut bytes = vec![LAYOUT];
        let min = from.min().unwrap_or(0);
        for value in [from.saturated.into(), min.into(), from.max.into(), from.sum] {
            put(&mut bytes, value);
        }
        let observed = list(&mut bytes, from.buckets());
        let censored = list(&mut bytes, from.censored_buckets());
        Self {
            count: observed.1,
            censored: censored.1,
            saturated: from.saturated,
            min,
            max: from.max,
            sum: from.sum,
            starts: (observed.0, censored.0),
            bytes: bytes.into(),
        }
    }
}

/// Appends how many buckets there are, and each as its distance from the one before and its count; gives where the list begins
/// and the sum of the counts. The buckets themselves are never put together: that would be ten times what is kept.
fn list(bytes: &mut Vec<u8>, buckets: impl Iterator<Item = Bucket>) -> (usize, u64) {
    let (mut pairs, mut many, mut last, mut sum) = (Vec::new(), 0, 0, 0);
    for bucket in buckets {
        put(&mut pairs, u128::from(bucket.low - last));
        put(&mut pairs, u128::from(bucket.count));
        last = bucket.low;
        sum += bucket.count;
        many += 1;
    }
    let start = bytes.len();
    put(bytes, many);
    bytes.append(&mut pairs);
    (start, sum)
}

impl From<Histogram> for Packed {
    fn from(from: Histogram) -> Self {
        Self::from(&from)
    }
}

impl Packed {
    /// Reads what [`Self::bytes`] gave. Everything that could contradict is checked, since the data may come from anywhere.
    ///
    /// # Errors
    /// If the bytes are of another layout, end too early, or contradict each other.
    pub fn read(bytes: &[u8]) -> Result<Self, HistogramError> {
        let broken = HistogramError::Inconsistent("bytes");
        let mut at = bytes;
        if bytes.first() != Some(&LAYOUT) {
            return Err(broken);
        }
        at = &at[1..];
        let mut next = || number(&mut at).ok_or(HistogramError::Inconsistent("bytes"));
        let (saturated, min, max, sum) = (next()?, next()?, next()?, next()?);
        let (saturated, min, max) = (narrow(saturated)?, narrow(min)?, narrow(max)?);
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            let mut low = 0_u64;
            for nth in 0..next()? {
                let step = narrow(next()?)?;
                if nth > 0 && step == 0 {
                    return Err(HistogramError::Inconsistent("list of buckets"));
                }
                low = low.checked_add(step).ok_or(HistogramError::UnknownBucket(step))?;
                list.push((low, narrow(next()?)?));
            }
        }
        if !at.is_empty() {
            return Err(broken);
        }
        // The live histogram's own checks find the rest.
        let wire = super::wire::Wire::of_parts(min, max, sum, saturated, [&lists[0], &lists[1]]);
        wire.read().map(Self::from)
    }

    /// The bytes, to be stored: [`Self::read`] gives the same histogram back.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The live form.
    #[must_use]
    pub fn unpack(&self) -> Histogram {
        let mut histogram = Histogram::new();
        self.add_to(&mut histogram);
        histogram
    }

    /// Adds all values to `into`: exact.
    pub fn add_to(&self, into: &mut Histogram) {
        if self.is_empty() {
            return;
        }
        let mut part = Histogram::new();
        self.buckets().for_each(|bucket| part.record_n(bucket.low, bucket.count));
        self.censored_buckets().for_each(|bucket| part.record_censored_n(bucket.low, bucket.count));
        (part.saturated, part.min, part.max, part.sum) = (self.saturated, self.min, self.max, self.sum);
        into.merge(&part);
    }

    /// All of these together: exact, in whatever order.
    #[must_use]
    pub fn merged<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = all.into_iter().filter(|packed| !packed.is_empty());
        let Some(first) = all.next() else { return Self::default() };
        let Some(second) = all.next() else { return first.clone() };
        let mut sum = first.unpack();
        second.add_to(&mut sum);
        all.for_each(|packed| packed.add_to(&mut sum));
        Self::from(sum)
    }

    /// All values, censored and saturated ones too.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count + self.censored
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Values known only to exceed the age at which they were cut off.
    #[must_use]
    pub const fn censored_count(&self) -> u64 {
        self.censored
    }

    /// See [`Histogram::min`].
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min)
    }

    /// See [`Histogram::max`].
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// See [`Histogram::mean`].
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count() as f64)
    }

    /// See [`Histogram::value_at_quantile`].
    #[must_use]
    pub fn value_at_quantile(&self, q: f64) -> Option<Percentile> {
        self.quantile_bounds(q).map(percentile)
    }

    /// See [`Histogram::quantile_bounds`].
    #[must_use]
    pub fn quantile_bounds(&self, q: f64) -> Option<(u64, Option<u64>)> {
        let censored = (self.censored > 0).then(|| self.censored_buckets());
        quantile_bounds(q, self.count(), self.count - self.saturated, self.max, || self.buckets(), censored)
    }

    /// See [`Histogram::buckets`].
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        pairs(&self.bytes[self.starts.0..])
    }

    /// See [`Histogram::censored_buckets`].
    pub fn censored_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        pairs(&self.bytes[self.starts.1..])
    }
}

/// As the live form: buckets that explain themselves.
impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unpack().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Histogram::deserialize(deserializer).map(Self::from)
    }
}

/// The pairs of a list that begins with its length, as buckets. The bytes were checked when they came in.
fn pairs(mut at: &[u8]) -> impl Iterator<Item = Bucket> + '_ {
    let left = number(&mut at).unwrap_or(0);
    let mut low = 0;
    (0..left).map_while(move |_| {
        low += u64::try_from(number(&mut at)?).ok()?;
        let count = u64::try_from(number(&mut at)?).ok()?;
        Some(Bucket { low, high: low + (width(low) - 1), count })
    })
}

/// Appends a whole number, seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a whole number off the front; none where the bytes end or the number is too large.
fn number(bytes: &mut &[u8]) -> Option<u128> {
    let mut value = 0_u128;
    for shift in (0..128).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn narrow(value: u128) -> Result<u64, HistogramError> {
    u64::try_from(value).map_err(|_| HistogramError::Inconsistent("bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::HIGHEST;
    use proptest::prelude::*;

    fn live(values: &[(u64, u8, bool)]) -> Histogram {
        let mut histogram = Histogram::new();
        for (value, times, censored) in values {
            if *censored {
                histogram.record_censored_n(*value, u64::from(*times));
            } else {
                histogram.record_n(*value, u64::from(*times));
            }
        }
        histogram
    }

    fn some() -> impl Strategy<Value = Vec<(u64, u8, bool)>> {
        let value = prop_oneof![0..5000_u64, 0..4_000_000_000_u64, 0..2 * HIGHEST];
        prop::collection::vec((value, 0..9_u8, prop::bool::weighted(0.2)), 0..80)
    }

    proptest! {
        #[test]
        fn nothing_is_lost(values in some(), q in 0.0..1.0_f64) {
            let live = live(&values);
            let packed = Packed::from(&live);
            prop_assert_eq!(&packed.unpack(), &live);
            prop_assert_eq!(&Packed::read(packed.bytes()).unwrap(), &packed);
            prop_assert_eq!(serde_json::to_string(&packed).unwrap(), serde_json::to_string(&live).unwrap());
            prop_assert!(packed.buckets().eq(live.buckets()));
            prop_assert!(packed.censored_buckets().eq(live.censored_buckets()));
            prop_assert_eq!(packed.quantile_bounds(q), live.quantile_bounds(q));
            prop_assert_eq!((packed.count(), packed.censored_count()), (live.count(), live.censored_count()));
            prop_assert_eq!((packed.min(), packed.max(), packed.mean()), (live.min(), live.max(), live.mean()));
        }

        #[test]
        fn merging_packed_ones_is_merging_live_ones(a in some(), b in some(), c in some()) {
            let all = [live(&a), live(&b), live(&c)];
            let packed: Vec<Packed> = all.iter().map(Packed::from).collect();
            let mut sum = Histogram::new();
            all.iter().for_each(|one| sum.merge(one));
            prop_assert_eq!(Packed::merged(&packed), Packed::from(&sum));
            prop_assert_eq!(Packed::merged(packed.iter().rev()), Packed::from(&sum));
        }

        #[test]
        fn damaged_bytes_are_refused_and_never_believed(values in some(), at in 0..400_usize, bit in 0..8_u8) {
            let packed = Packed::from(live(&values));
            let mut bytes = packed.bytes().to_vec();
            let at = at % bytes.len();
            prop_assert!(Packed::read(&bytes[..at]).is_err());
            bytes[at] ^= 1 << bit;
            if let Ok(other) = Packed::read(&bytes) {
                prop_assert_eq!(other.unpack().count(), other.count());
            }
        }
    }

    #[test]
    fn a_second_of_a_load_takes_a_few_hundred_bytes() {
        let mut histogram = Histogram::new();
        for k in 0..1000_u64 {
            histogram.record(200_000 + k * k % 90_000);
        }
        let packed = Packed::from(&histogram);
        let buckets = packed.buckets().count();
        assert!(packed.bytes().len() < 4 * buckets + 32, "{} bytes for {buckets} buckets", packed.bytes().len());
    }
}
