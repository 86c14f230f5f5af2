//! Rank statistics: the Mann-Whitney U test and the Hodges-Lehmann shift. Neither assumes a distribution.

use serde::{Deserialize, Serialize};

use super::quantile::median_mut;
use super::special::normal_cdf;

/// How a p-value was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From all ways to divide the observed values, ties included, between the two sides.
    Exact,
    /// From the normal approximation, corrected for ties and continuity.
    Normal,
}

/// Outcome of the Mann-Whitney U test (Wilcoxon rank sum) of `a` against `b`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MannWhitney {
    /// The statistic: pairs in which the value of `a` is larger; ties count one half.
    pub u: f64,
    /// Share of such pairs, 0 to 1: the probability that a value of `a` exceeds one of `b`. 0.5 means no difference.
    pub superiority: f64,
    /// Two-sided p-value. With 4 against 4 values it cannot fall below 0.0286, with 5 below 0.0079.
    pub p: f64,
    /// Where the p-value comes from.
    pub method: Method,
}

/// Up to this many values in all the exact distribution is computed: a few milliseconds at most.
const EXACT_LIMIT: usize = 60;

/// The two-sided test: exact up to 60 values in all, also with ties; beyond, the normal approximation.
/// `None` if a side is empty.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<MannWhitney> {
    let ranks = Ranks::of(a, b)?;
    let exact = a.len() + b.len() <= EXACT_LIMIT;
    let (p, method) = if exact { (ranks.exact_p(), Method::Exact) } else { (ranks.normal_p(), Method::Normal) };
    Some(ranks.outcome(p, method))
}

/// The two-sided test by the normal approximation whatever the sizes: what other tools report when there are ties.
pub fn mann_whitney_normal(a: &[f64], b: &[f64]) -> Option<MannWhitney> {
    let ranks = Ranks::of(a, b)?;
    Some(ranks.outcome(ranks.normal_p(), Method::Normal))
}

/// Hodges-Lehmann estimate of the shift from `a` to `b`: the median of all differences `b[j] - a[i]`, in the samples'
/// unit. `None` if a side is empty. Takes `8 |a| |b|` bytes.
pub fn hodges_lehmann(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut differences: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| b - a)).collect();
    Some(median_mut(&mut differences))
}

/// Midranks of both samples together, doubled so that they are whole numbers.
struct Ranks {
    size_a: usize,
    size_b: usize,
    /// Doubled midrank of each value, in rising order of the values.
    doubled: Vec<usize>,
    /// Sum of the doubled ranks of `a`.
    sum_a: usize,
    /// Sum of `t^3 - t` over groups of `t` equal values.
    ties: f64,
}

impl Ranks {
    fn of(a: &[f64], b: &[f64]) -> Option<Self> {
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let mut all: Vec<(f64, bool)> = a.iter().map(|v| (*v, true)).chain(b.iter().map(|v| (*v, false))).collect();
        all.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
        let mut ranks = Self { size_a: a.len(), size_b: b.len(), doubled: vec![], sum_a: 0, ties: 0.0 };
        for group in all.chunk_by(|x, y| x.0 == y.0) {
            let before = ranks.doubled.len();
            // The mean of the ranks before+1 ..= before+t, doubled.
            let rank = 2 * before + group.len() + 1;
            ranks.doubled.extend(group.iter().map(|_| rank));
            ranks.sum_a += rank * group.iter().filter(|(_, in_a)| *in_a).count();
            let t = group.len() as f64;
            ranks.ties += t * t * t - t;
        }
        Some(ranks)
    }

    fn u(&self) -> f64 {
        0.5 * (self.sum_a - self.size_a * (self.size_a + 1)) as f64
    }

    fn pairs(&self) -> f64 {
        self.size_a as f64 * self.size_b as f64
    }

    fn outcome(&self, p: f64, method: Method) -> MannWhitney {
        MannWhitney { u: self.u(), superiority: self.u() / self.pairs(), p, method }
    }

    /// Twice the smaller tail of the permutation distribution of the rank sum, at most 1.
    fn exact_p(&self) -> f64 {
        let largest: usize = self.doubled.iter().rev().take(self.size_a).sum();
        // ways[k][s]: ways to choose k of the values seen so far with rank sum s. Doubles hold 60 over 30 well enough.
        let mut ways = vec![vec![0.0_f64; largest + 1]; self.size_a + 1];
        ways[0][0] = 1.0;
        for &rank in &self.doubled {
            for k in (0..self.size_a).rev() {
                let (fewer, more) = ways.split_at_mut(k + 1);
                for (from, to) in fewer[k].iter().zip(more[0].iter_mut().skip(rank)) {
                    *to += from;
                }
            }
        }
        let all = &ways[self.size_a];
        let total: f64 = all.iter().sum();
        let low: f64 = all[..=self.sum_a].iter().sum();
        let high: f64 = all[self.sum_a..].iter().sum();
        (2.0 * low.min(high) / total).min(1.0)
    }

    fn normal_p(&self) -> f64 {
        let n = (self.size_a + self.size_b) as f64;
        let variance = self.pairs() / 12.0 * ((n + 1.0) - self.ties / (n * (n - 1.0)));
        if variance <= 0.0 {
            return 1.0; // All values are equal.
        }
        let distance = ((self.u() - 0.5 * self.pairs()).abs() - 0.5).max(0.0);
        (2.0 * normal_cdf(-distance / variance.sqrt())).min(1.0)
    }
}

#[cfg(test)]
mod tests;
