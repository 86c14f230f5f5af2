//! The steps of asv: the piecewise constant function with least absolute error and a price for each piece, the price
//! found by an information criterion that allows for correlated noise.
//!
//! asv approximates the search for the pieces on long series; here it is exact, which finds steps that cost no more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine_core::stats::quantile::median;

/// A piece of constant level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// First point.
    pub start: usize,
    /// First point after it.
    pub end: usize,
    /// Its level: the median.
    pub level: f64,
}

/// Longest series that is looked at as a whole; of a longer one, its last points.
const LONGEST: usize = 2000;

/// A finite number that orders as its value does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The absolute error of every stretch about its median.
struct Errors {
    n: usize,
    /// By first point, then by length.
    rows: Vec<Vec<f64>>,
}

impl Errors {
    fn of(values: &[f64]) -> Self {
        let rows = (0..values.len()).map(|from| Self::row(&values[from..])).collect();
        Self { n: values.len(), rows }
    }

    /// The errors of the first one, two, three .. values: both halves in heaps, with their sums.
    fn row(values: &[f64]) -> Vec<f64> {
        let (mut low, mut high) = (BinaryHeap::new(), BinaryHeap::new());
        let (mut low_sum, mut high_sum) = (0.0, 0.0);
        let one = |value: &f64| {
            if low.peek().is_none_or(|Ordered(top)| value <= top) {
                low.push(Ordered(*value));
                low_sum += value;
            } else {
                high.push(Reverse(Ordered(*value)));
                high_sum += value;
            }
            if low.len() > high.len() + 1 {
                if let Some(Ordered(moved)) = low.pop() {
                    low_sum -= moved;
                    high_sum += moved;
                    high.push(Reverse(Ordered(moved)));
                }
            } else if high.len() > low.len()
                && let Some(Reverse(Ordered(moved))) = high.pop()
            {
                high_sum -= moved;
                low_sum += moved;
                low.push(Ordered(moved));
            }
            let middle = if low.len() > high.len() { low.peek().map_or(0.0, |top| top.0) } else { 0.0 };
            (high_sum - low_sum + middle).max(0.0)
        };
        values.iter().map(one).collect()
    }

    fn get(&self, from: usize, to: usize) -> f64 {
        self.rows[from][to - from - 1]
    }

    /// First points of the pieces that cost least when each costs `price`.
    fn best(&self, price: f64) -> Vec<usize> {
        let mut least = vec![-price; self.n + 1];
        let mut last = vec![0; self.n + 1];
        for end in 1..=self.n {
            let mut best = (f64::INFINITY, 0);
            for (start, before) in least[..end].iter().enumerate() {
                let cost = before + price + self.get(start, end);
                if cost <= best.0 {
                    best = (cost, start);
                }
            }
            (least[end], last[end]) = best;
        }
        let mut starts = Vec::new();
        let mut end = self.n;
        while end > 0 {
            end = last[end];
            starts.push(end);
        }
        starts.reverse();
        starts
    }
}

fn pieces(values: &[f64], starts: &[usize]) -> Vec<Step> {
    let ends = starts.iter().skip(1).copied().chain(std::iter::once(values.len()));
    let piece = |(start, end): (&usize, usize)| Step { start: *start, end, level: median(&values[*start..end]) };
    starts.iter().zip(ends).map(piece).collect()
}

/// The pieces that cost least for a given price of a piece: exact.
#[must_use]
pub fn potts(values: &[f64], price: f64) -> Vec<Step> {
    if values.is_empty() { Vec::new() } else { pieces(values, &Errors::of(values).best(price)) }
}

/// The pieces at the price that the criterion finds best. Values are finite.
#[must_use]
pub fn asv_steps(values: &[f64]) -> Vec<Step> {
    let skipped = values.len().saturating_sub(LONGEST);
    let values = &values[skipped..];
    if values.is_empty() {
        return Vec::new();
    }
    let n = values.len() as f64;
    let errors = Errors::of(values);
    let whole = errors.get(0, values.len());
    let unit = if whole == 0.0 { 1.0 } else { whole };
    let mut best = (f64::INFINITY, Vec::new());
    let lowest = (0.1 / n).ln();
    golden(lowest, 0.0, 0.1 * lowest.abs(), 0.0, |logarithm| {
        let steps = pieces(values, &errors.best(unit * logarithm.exp()));
        let score = criterion(values, &steps);
        if score < best.0 {
            best = (score, steps);
        }
        score
    });
    for step in &mut best.1 {
        step.start += skipped;
        step.end += skipped;
    }
    best.1
}

/// Price of the pieces and logarithm of the error about them, after as much of each residual as the next inherits.
fn criterion(values: &[f64], steps: &[Step]) -> f64 {
    let levels = steps.iter().flat_map(|step| std::iter::repeat_n(step.level, step.end - step.start));
    let residuals: Vec<f64> = values.iter().zip(levels).map(|(value, level)| value - level).collect();
    let error =
        |rho: f64| residuals[0].abs() + residuals.windows(2).map(|pair| (pair[1] - rho * pair[0]).abs()).sum::<f64>();
    let rho = golden(-1.0, 1.0, 0.05, 1e-8, error);
    let floor = if steps.len() > 2 {
        let differences = steps.windows(2).map(|pair| (pair[1].level - pair[0].level).abs());
        0.1 * differences.fold(f64::INFINITY, f64::min)
    } else {
        0.001 * steps.iter().map(|step| step.level.abs()).fold(f64::INFINITY, f64::min)
    };
    let n = values.len() as f64;
    4.0 * n.ln() / n * steps.len() as f64 + (floor.max(1e-300) + error(rho)).ln()
}

/// Golden section search whose first two places are `a` and `b` themselves.
fn golden(a: f64, b: f64, near: f64, flat: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    let ratio = 2.0 / (1.0 + 5.0_f64.sqrt());
    let rest = 1.0 - ratio;
    let mut from = (ratio * a - rest * b) / (2.0 * ratio - 1.0);
    let mut to = (ratio * b - rest * a) / (2.0 * ratio - 1.0);
    let (mut left, mut right) = (a, b);
    let (mut at_left, mut at_right) = (f(left), f(right));
    let scale = at_left.abs().max(at_right.abs());
    while (to - from).abs() >= near && (at_left - at_right).abs() >= flat * scale {
        if at_right < at_left {
            (from, left) = (left, right);
            right = ratio * right + rest * to;
            (at_left, at_right) = (at_right, f(right));
        } else {
            (to, right) = (right, left);
            left = ratio * left + rest * from;
            (at_right, at_left) = (at_left, f(left));
        }
    }
    if at_right < at_left { right } else { left }
}
