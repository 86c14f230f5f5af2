//! The test of Page (1954) and Hinkley (1971) for a change of the mean, with forgetting.

/// Detects that the mean of a stream has risen or fallen.
#[derive(Debug, Clone)]
pub struct PageHinkley {
    least: u64,
    delta: f64,
    threshold: f64,
    keep: f64,
    seen: u64,
    mean: f64,
    rise: f64,
    fall: f64,
    lowest: f64,
    highest: f64,
}

impl Default for PageHinkley {
    /// 30 values at least, tolerance 0.005, threshold 50, forgetting 0.9999.
    fn default() -> Self {
        Self::new(30, 0.005, 50.0, 1e-4)
    }
}

impl PageHinkley {
    /// Speaks after `least` values at the earliest, when the sum of distances from the mean beyond `delta` exceeds
    /// `threshold`; of the sum, the share `forget` is lost at each value.
    #[must_use]
    pub const fn new(least: u64, delta: f64, threshold: f64, forget: f64) -> Self {
        Self {
            least,
            delta,
            threshold,
            keep: 1.0 - forget,
            seen: 0,
            mean: 0.0,
            rise: 0.0,
            fall: 0.0,
            lowest: f64::INFINITY,
            highest: -1.0,
        }
    }

    /// Takes a value; true when the mean has changed. The test then begins anew.
    pub fn add(&mut self, value: f64) -> bool {
        self.seen += 1;
        self.mean += (value - self.mean) / self.seen as f64;
        let distance = value - self.mean;
        self.rise = self.keep * self.rise + distance - self.delta;
        self.fall = self.keep * self.fall + distance + self.delta;
        self.lowest = self.lowest.min(self.rise);
        self.highest = self.highest.max(self.fall);
        let changed = self.seen >= self.least
            && (self.rise - self.lowest > self.threshold || self.highest - self.fall > self.threshold);
        if changed {
            *self = Self::new(self.least, self.delta, self.threshold, 1.0 - self.keep);
        }
        changed
    }
}
