//! ADWIN: a window that shrinks when the mean within it has changed (Bifet and Gavalda, "Learning from time-changing data
//! with adaptive windowing", 2007; here ADWIN2 with an exponential histogram).

use std::collections::VecDeque;

/// Buckets of a size that are kept before the two oldest become one of twice the size.
const BUCKETS: usize = 5;
/// Values between two checks.
const CLOCK: u64 = 32;
/// The shortest part of the window that is compared.
const LEAST: f64 = 5.0;
/// Values before the first check.
const GRACE: f64 = 10.0;

/// So many values as one: their sum, and the sum of their squared distances from their mean.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    count: f64,
    total: f64,
    squares: f64,
}

/// Detects that the mean of a stream has changed, and keeps a window of what came since. Memory and time of a value grow
/// with the logarithm of the window.
#[derive(Debug, Clone)]
pub struct Adwin {
    delta: f64,
    seen: u64,
    /// Rows of buckets, row `i` with buckets of `2^i` values, oldest first.
    rows: Vec<VecDeque<Bucket>>,
    window: Bucket,
}

impl Default for Adwin {
    /// With a confidence of 0.002.
    fn default() -> Self {
        Self::new(0.002)
    }
}

impl Adwin {
    /// `delta` bounds the share of false alarms, 0..1.
    #[must_use]
    pub fn new(delta: f64) -> Self {
        Self { delta, seen: 0, rows: vec![VecDeque::with_capacity(BUCKETS + 2)], window: Bucket::default() }
    }

    /// Values in the window.
    #[must_use]
    pub const fn width(&self) -> f64 {
        self.window.count
    }

    /// Mean of the window; 0 when it is empty.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.window.count > 0.0 { self.window.total / self.window.count } else { 0.0 }
    }

    /// Takes a value; true when older values were dropped because the mean has changed. Looks at every 32nd value.
    pub fn add(&mut self, value: f64) -> bool {
        self.seen += 1;
        let one = Bucket { count: 1.0, total: value, squares: 0.0 };
        if self.window.count > 0.0 {
            self.window.squares += spread(self.window, one);
        }
        self.window.count += 1.0;
        self.window.total += value;
        self.rows[0].push_back(one);
        self.merge();
        let mut changed = false;
        if self.seen.is_multiple_of(CLOCK) && self.window.count > GRACE {
            while self.differs() {
                changed = true;
                self.drop_oldest();
                if self.window.count <= GRACE {
                    break;
                }
            }
        }
        changed
    }

    /// Merges the two oldest buckets of every row that has too many.
    fn merge(&mut self) {
        let mut row = 0;
        while self.rows[row].len() > BUCKETS {
            let (Some(one), Some(two)) = (self.rows[row].pop_front(), self.rows[row].pop_front()) else { return };
            if row + 1 == self.rows.len() {
                self.rows.push(VecDeque::with_capacity(BUCKETS + 2));
            }
            let squares = one.squares + two.squares + spread(one, two);
            self.rows[row + 1].push_back(Bucket {
                count: one.count + two.count,
                total: one.total + two.total,
                squares,
            });
            row += 1;
        }
    }

    /// Whether some cut of the window leaves two parts with different means.
    fn differs(&self) -> bool {
        let n = self.window.count;
        let confidence = (2.0 * n.ln() / self.delta).ln();
        let variance = self.window.squares / n;
        let mut old = Bucket::default();
        for bucket in self.rows.iter().rev().flatten() {
            old.count += bucket.count;
            old.total += bucket.total;
            let (count, total) = (n - old.count, self.window.total - old.total);
            if count < LEAST {
                return false;
            }
            if old.count >= LEAST {
                let share = 1.0 / (old.count - LEAST + 1.0) + 1.0 / (count - LEAST + 1.0);
                let bound = (2.0 * share * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * share;
                if (old.total / old.count - total / count).abs() > bound {
                    return true;
                }
            }
        }
        false
    }

    /// Drops the oldest bucket from the window.
    fn drop_oldest(&mut self) {
        let Some(bucket) = self.rows.last_mut().and_then(VecDeque::pop_front) else { return };
        self.window.count -= bucket.count;
        self.window.total -= bucket.total;
        let lost = bucket.squares + spread(self.window, bucket);
        self.window.squares = (self.window.squares - lost).max(0.0);
        while self.rows.len() > 1 && self.rows.last().is_some_and(VecDeque::is_empty) {
            self.rows.pop();
        }
    }
}

/// By how much the squared distances of two parts grow when they become one (Chan, Golub and LeVeque, 1979).
fn spread(one: Bucket, two: Bucket) -> f64 {
    if one.count == 0.0 || two.count == 0.0 {
        return 0.0;
    }
    let distance = one.total / one.count - two.total / two.count;
    one.count * two.count / (one.count + two.count) * distance * distance
}
