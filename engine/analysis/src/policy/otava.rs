//! Otava (Hunter): E-divisive in sliding windows, Student's t at each candidate, and the merging of weak ones.
//!
//! As it is in version 0.8: the t-test follows a maximisation and takes standard deviations with `n` where it expects
//! `n - 1`, so its p-values are too small; after dropping one it does not test the one before again. Both are
//! reproduced, for comparison and for people who come from there.

use engine_core::stats::student_two_sided;

/// Its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Otava {
    /// Points of a window.
    pub window: usize,
    /// Largest p-value of a change.
    pub max_p: f64,
    /// Smallest relative change.
    pub min_magnitude: f64,
}

impl Default for Otava {
    fn default() -> Self {
        Self { window: 50, max_p: 0.001, min_magnitude: 0.0 }
    }
}

/// A candidate with its test on the stretches beside it.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    at: usize,
    p: f64,
    magnitude: f64,
}

/// The points at which a change begins.
#[must_use]
pub fn otava(values: &[f64], options: &Otava) -> Vec<usize> {
    let first_pass = match options.max_p {
        p if p < 0.05 => 10.0 * p,
        p if p < 0.5 => 2.0 * p,
        p => p,
    };
    let mut found = split(values, options.window, first_pass);
    found.sort_unstable();
    found.dedup();
    merge(values, &found, options)
}

/// The p-value of Otava's comparison of two samples.
#[must_use]
pub fn otava_p(left: &[f64], right: &[f64]) -> f64 {
    if left.len() + right.len() <= 2 {
        return 1.0;
    }
    let ((mean_a, variance_a), (mean_b, variance_b)) = (moments(left), moments(right));
    let (n, m) = (left.len() as f64, right.len() as f64);
    let freedom = n + m - 2.0;
    let pooled = ((n - 1.0) * variance_a + (m - 1.0) * variance_b) / freedom;
    let error = (pooled * (1.0 / n + 1.0 / m)).sqrt();
    let difference = mean_a - mean_b;
    if error > 0.0 {
        student_two_sided(difference / error, freedom)
    } else if difference == 0.0 {
        f64::NAN
    } else {
        0.0
    }
}

/// Mean, and variance with `n`.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n)
}

fn split(values: &[f64], window: usize, max_p: f64) -> Vec<usize> {
    let mut all = Vec::new();
    let mut start = 0;
    while start < values.len() {
        let part = &values[start..(start + window).min(values.len())];
        let found = divide(part, max_p);
        all.extend(found.iter().map(|at| start + at));
        start = found.last().map_or(0, |last| start + last).max(start + window / 2);
    }
    all
}

/// E-divisive on one window, as long as the best candidate is significant.
fn divide(values: &[f64], max_p: f64) -> Vec<usize> {
    let n = values.len();
    // below[j * (n + 1) + i]: the distances of value j to the first i values.
    let mut below = vec![0.0; n * (n + 1)];
    for j in 0..n {
        for i in 0..n {
            below[j * (n + 1) + i + 1] = below[j * (n + 1) + i] + (values[i] - values[j]).abs();
        }
    }
    let distance = |j: usize, from: usize, to: usize| below[j * (n + 1) + to] - below[j * (n + 1) + from];
    let mut bounds = vec![0, n];
    loop {
        let mut best: Option<(f64, usize)> = None;
        for segment in bounds.windows(2).filter(|segment| segment[1] - segment[0] > 1) {
            let found = candidate(&distance, segment[0], segment[1]);
            if best.is_none_or(|best| found.0 > best.0) {
                best = Some(found);
            }
        }
        let Some((_, at)) = best else { break };
        let place = bounds.partition_point(|bound| *bound < at);
        let p = otava_p(&values[bounds[place - 1]..at], &values[at..bounds[place]]);
        if !matches!(p.partial_cmp(&max_p), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
            break;
        }
        bounds.insert(place, at);
    }
    bounds[1..bounds.len() - 1].to_vec()
}

/// The division of a stretch, and of how much after it, that maximises the energy statistic.
fn candidate(distance: &impl Fn(usize, usize, usize) -> f64, start: usize, end: usize) -> (f64, usize) {
    let mut best = (f64::NEG_INFINITY, start + 1);
    let mut within_left = 0.0;
    for at in start + 1..end {
        within_left += distance(at - 1, start, at - 1);
        let (mut across, mut within_right) = (0.0, 0.0);
        let left = (at - start) as f64;
        for last in at..end {
            across += distance(last, start, at);
            within_right += distance(last, at, last);
            let right = (last + 1 - at) as f64;
            let total = left + right;
            let own = |sum: f64, n: f64, m: f64| if n > 1.0 { 2.0 * m / (total * (n - 1.0)) * sum } else { 0.0 };
            let q = 2.0 / total * across - own(within_left, left, right) - own(within_right, right, left);
            if q > best.0 {
                best = (q, at);
            }
        }
    }
    best
}

/// Drops the weakest until all that are left are significant and large enough.
fn merge(values: &[f64], found: &[usize], options: &Otava) -> Vec<usize> {
    let tested = |points: &[usize], i: usize| {
        let from = if i == 0 { 0 } else { points[i - 1] };
        let to = points.get(i + 1).copied().unwrap_or(values.len());
        let (left, right) = (&values[from..points[i]], &values[points[i]..to]);
        let (a, b) = (moments(left).0, moments(right).0);
        let relative = |from: f64, to: f64| if from == 0.0 { 0.0 } else { (to / from - 1.0).abs() };
        Candidate { at: points[i], p: otava_p(left, right), magnitude: relative(a, b).max(relative(b, a)) }
    };
    let mut points = found.to_vec();
    let mut candidates: Vec<Candidate> = (0..points.len()).map(|i| tested(&points, i)).collect();
    while !candidates.is_empty() {
        let first_of = |better: &dyn Fn(&Candidate, &Candidate) -> bool| {
            (1..candidates.len()).fold(0, |best, i| if better(&candidates[i], &candidates[best]) { i } else { best })
        };
        let mut weakest = first_of(&|a, b| a.p > b.p);
        if candidates[weakest].p < options.max_p {
            weakest = first_of(&|a, b| a.magnitude < b.magnitude);
            if candidates[weakest].magnitude > options.min_magnitude {
                break;
            }
        }
        points.remove(weakest);
        candidates.remove(weakest);
        // Otava tests the two that follow again, and not the one before.
        for neighbour in [weakest, weakest + 1] {
            if neighbour < points.len() {
                candidates[neighbour] = tested(&points, neighbour);
            }
        }
    }
    candidates.iter().map(|candidate| candidate.at).collect()
}
