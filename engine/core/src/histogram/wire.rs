//! How a histogram is stored: the buckets that hold values as `[lowest value, count]` pairs, and the exact figures.
//!
//! A bucket is named by its lowest value, not by an index, so stored data explain themselves and do not hang on the
//! inner layout. The sum is text: it may exceed what JSON readers keep exactly.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Bucket, HIGHEST, Hdr, Histogram, HistogramError, empty};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    min: Option<u64>,
    max: Option<u64>,
    sum: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    saturated: u64,
    buckets: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    censored: Vec<(u64, u64)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |bucket: Bucket| (bucket.low, bucket.count);
        Wire {
            min: self.min(),
            max: self.max(),
            sum: self.sum.to_string(),
            saturated: self.saturated,
            buckets: self.buckets().map(pair).collect(),
            censored: self.censored_buckets().map(pair).collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Wire::deserialize(deserializer)?.read().map_err(de::Error::custom)
    }
}

impl Wire {
    /// From what [`super::Packed`] holds.
    pub(super) fn of_parts(
        min: u64,
        max: u64,
        sum: u128,
        saturated: u64,
        [buckets, censored]: [&[(u64, u64)]; 2],
    ) -> Self {
        let any = !(buckets.is_empty() && censored.is_empty());
        // Without values there are no extremes, and what stands in their place must be nothing.
        let extreme = |value: u64| (any || value > 0).then_some(value);
        Self {
            min: extreme(min),
            max: extreme(max),
            sum: sum.to_string(),
            saturated,
            buckets: buckets.to_vec(),
            censored: censored.to_vec(),
        }
    }

    /// Rebuilds the histogram; everything that could contradict is checked, since the data may come from anywhere.
    pub(super) fn read(self) -> Result<Histogram, HistogramError> {
        let (observed, censored) = (fill(&self.buckets)?, fill(&self.censored)?.map(Box::new));
        let sum = self.sum.parse().map_err(|_| HistogramError::Inconsistent("sum"))?;
        let (min, max) = (self.min.unwrap_or(u64::MAX), self.max.unwrap_or(0));
        let histogram = Histogram { observed, censored, saturated: self.saturated, min, max, sum };
        histogram.check(self.min.is_some() && self.max.is_some())?;
        Ok(histogram)
    }
}

/// None where there is no pair.
fn fill(pairs: &[(u64, u64)]) -> Result<Option<Hdr<u64>>, HistogramError> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let mut hdr = empty();
    let mut total = 0_u64;
    let mut last = None;
    for &(low, count) in pairs {
        if low > HIGHEST || hdr.lowest_equivalent(low) != low {
            return Err(HistogramError::UnknownBucket(low));
        }
        if count == 0 || last.is_some_and(|last| low <= last) {
            return Err(HistogramError::Inconsistent("list of buckets"));
        }
        last = Some(low);
        total = total.checked_add(count).ok_or(HistogramError::Inconsistent("count"))?;
        hdr.saturating_record_n(low, count);
    }
    Ok(Some(hdr))
}

impl Histogram {
    fn check(&self, has_extremes: bool) -> Result<(), HistogramError> {
        let first = self.buckets().chain(self.censored_buckets()).map(|b| b.low).min();
        let last = self.buckets().chain(self.censored_buckets()).map(|b| b.low).max();
        let (Some(first), Some(last)) = (first, last) else {
            let blank = !has_extremes && self.sum == 0 && self.saturated == 0;
            return if blank { Ok(()) } else { Err(HistogramError::Inconsistent("smallest and largest value")) };
        };
        // There is a value, so there is one of the two.
        let layout = self.observed.as_ref().or(self.censored.as_deref());
        let bucket_of = |value: u64| layout.map_or(0, |layout| layout.lowest_equivalent(value.min(HIGHEST)));
        if !has_extremes || bucket_of(self.min) != first || bucket_of(self.max) != last {
            return Err(HistogramError::Inconsistent("smallest and largest value"));
        }
        let all =
            self.observed_count().checked_add(self.censored_count()).ok_or(HistogramError::Inconsistent("count"))?;
        let bound = |value: u64| u128::from(value) * u128::from(all);
        if self.sum < bound(self.min) || self.sum > bound(self.max) {
            return Err(HistogramError::Inconsistent("sum"));
        }
        let top = self.buckets().last().filter(|b| b.low == bucket_of(HIGHEST)).map_or(0, |b| b.count);
        if self.saturated > top || (self.saturated > 0 && self.max <= HIGHEST) {
            return Err(HistogramError::Inconsistent("saturated count"));
        }
        Ok(())
    }
}
