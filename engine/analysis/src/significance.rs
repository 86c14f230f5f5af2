//! How surprising a difference would be if nothing had changed: p-values by permutation, and their correction for many
//! metrics at once.
//!
//! When nothing changed, which side a round is on is as good as drawn: the statistic of the sides as they are is one of
//! those of all divisions, and its rank among them is the p-value, uniform whatever the rounds look like. The statistic
//! is Welch's, of logarithms where all values are above zero, so that unlike spreads do no harm (Janssen, 1997).

use engine_core::stats::{Stream, student_two_sided};

/// All divisions are tried when there are no more than this, else so many that are drawn.
const DIVISIONS: usize = 4999;

/// Beyond so many values Student's distribution is as good, and at once there.
const MANY: usize = 400;

/// Values on the scale on which a change is a shift.
pub(crate) fn scaled(old: &[f64], new: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let positive = old.iter().chain(new).all(|value| *value > 0.0);
    let scale = |values: &[f64]| values.iter().map(|value| if positive { value.ln() } else { *value }).collect();
    (scale(old), scale(new))
}

/// The two-sided p-value of "nothing changed" for two independent samples; none with fewer than two values on a side, or
/// when no value differs from another.
pub(crate) fn p_value(old: &[f64], new: &[f64]) -> Option<f64> {
    let (n, m) = (old.len(), new.len());
    if n < 2 || m < 2 {
        return None;
    }
    let (old, new) = scaled(old, new);
    let mut all: Vec<f64> = old.iter().chain(&new).copied().collect();
    let centre = all.iter().sum::<f64>() / all.len() as f64;
    all.iter_mut().for_each(|value| *value -= centre);
    let (sum, squares) = (all.iter().sum::<f64>(), all.iter().map(|value| value * value).sum::<f64>());
    if squares <= 0.0 {
        return None;
    }
    let welch = |part: f64, part_squares: f64| {
        let (n, m) = (n as f64, m as f64);
        let variance = |sum: f64, squares: f64, n: f64| ((squares - sum * sum / n) / (n - 1.0)).max(0.0) / n;
        let (own, other) = (variance(part, part_squares, n), variance(sum - part, squares - part_squares, m));
        let error = own + other;
        let difference = part / n - (sum - part) / m;
        let t = difference.abs() / error.sqrt().max(f64::MIN_POSITIVE);
        (t, error.powi(2) / (own.powi(2) / (n - 1.0) + other.powi(2) / (m - 1.0)).max(f64::MIN_POSITIVE))
    };
    let sums = |values: &[f64]| values.iter().fold((0.0, 0.0), |(sum, squares), v| (sum + v, squares + v * v));
    let (part, part_squares) = sums(&all[..n]);
    let (seen, freedom) = welch(part, part_squares);
    if n + m > MANY {
        return Some(student_two_sided(seen, freedom));
    }
    let as_far = |t: f64| t >= seen * (1.0 - 1e-9);
    if let Some(count) = divisions(n + m, n).filter(|count| *count <= DIVISIONS) {
        let far = every_division(n + m, n, |chosen| {
            let (part, part_squares) = chosen.iter().fold((0.0, 0.0), |(s, q), i| (s + all[*i], q + all[*i] * all[*i]));
            as_far(welch(part, part_squares).0)
        });
        return Some(far as f64 / count as f64);
    }
    let mut stream = Stream::new(0, &[n as u64, m as u64]);
    let mut far = 1;
    for _ in 0..DIVISIONS {
        for place in 0..n.min(m) {
            let other = place + stream.below((n + m - place) as u64) as usize;
            all.swap(place, other);
        }
        let (mut part, mut part_squares) = sums(&all[..n.min(m)]);
        if m < n {
            (part, part_squares) = (sum - part, squares - part_squares);
        }
        far += usize::from(as_far(welch(part, part_squares).0));
    }
    Some(far as f64 / (DIVISIONS + 1) as f64)
}

/// The two-sided p-value of "nothing changed" for paired rounds, from the logarithms of their ratios: without a change,
/// each might as well have the other sign.
pub(crate) fn p_value_paired(logs: &[f64]) -> Option<f64> {
    let n = logs.len();
    if n < 2 || logs.iter().all(|log| *log == 0.0) || logs.iter().any(|log| !log.is_finite()) {
        return None;
    }
    let seen = logs.iter().sum::<f64>().abs() * (1.0 - 1e-9);
    if n <= 12 {
        let far = (0..1_usize << n)
            .filter(|signs| {
                let sum: f64 =
                    logs.iter().enumerate().map(|(i, log)| if signs >> i & 1 == 1 { -log } else { *log }).sum();
                sum.abs() >= seen
            })
            .count();
        return Some(far as f64 / (1_usize << n) as f64);
    }
    let mut stream = Stream::new(1, &[n as u64]);
    let far = (0..DIVISIONS).filter(|_| {
        let mut bits = 0;
        let sum: f64 = logs
            .iter()
            .enumerate()
            .map(|(i, log)| {
                if i % 64 == 0 {
                    bits = stream.next_u64();
                }
                if bits >> (i % 64) & 1 == 1 { -log } else { *log }
            })
            .sum();
        sum.abs() >= seen
    });
    Some((far.count() + 1) as f64 / (DIVISIONS + 1) as f64)
}

/// In how many ways `k` of `n` can be chosen, as far as it fits.
fn divisions(n: usize, k: usize) -> Option<usize> {
    (0..k.min(n - k)).try_fold(1_usize, |ways, i| ways.checked_mul(n - i).map(|ways| ways / (i + 1)))
}

/// How many choices of `k` of `n` satisfy a condition.
fn every_division(n: usize, k: usize, condition: impl Fn(&[usize]) -> bool) -> usize {
    let mut chosen: Vec<usize> = (0..k).collect();
    let mut count = 0;
    loop {
        count += usize::from(condition(&chosen));
        let Some(place) = (0..k).rev().find(|place| chosen[*place] < n - k + place) else { return count };
        chosen[place] += 1;
        for next in place + 1..k {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
}

/// P-values adjusted so that, of all that fall below a limit, at most that share is false (Benjamini and Hochberg, 1995).
#[must_use]
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (position, at) in order.into_iter().enumerate() {
        let rank = p_values.len() - position;
        least = least.min(p_values[at] * p_values.len() as f64 / rank as f64);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // 3 against 3, wholly apart: 2 of 20 divisions.
        assert_eq!(p_value(&[100.0, 101.0, 99.0], &[103.0, 104.0, 102.0]), Some(0.1));
        assert_eq!(p_value(&[1.0, 1.0], &[1.0, 1.0]), None);
        assert_eq!(p_value(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(p_value_paired(&[0.1, 0.2, 0.3, 0.1, 0.2]), Some(2.0 / 32.0));
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.2), "BH").
        let got = adjusted(&[0.01, 0.04, 0.03, 0.2]);
        let want = [0.04, 0.16 / 3.0, 0.16 / 3.0, 0.2];
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{got:?}");
        assert_eq!(adjusted(&[]), [0.0_f64; 0]);
        assert_eq!((divisions(20, 10), divisions(4, 2), divisions(200, 100)), (Some(184_756), Some(6), None));
    }

    #[test]
    fn drawn_divisions_agree_with_students_distribution() {
        let mut s = Stream::new(3, &[]);
        for shift in [0.0, 0.3, 0.8] {
            let old: Vec<f64> = (0..40).map(|_| 10.0 + s.normal()).collect();
            let new: Vec<f64> = (0..30).map(|_| 10.0 + shift + s.normal()).collect();
            let (a, b) = scaled(&old, &new);
            let t = engine_core::stats::welch::test(&a, &b).expect("they vary");
            let p = p_value(&old, &new).expect("enough values");
            assert!((p - t.p).abs() < 0.02, "{p} {}", t.p);
        }
    }
}
