//! Welch's t-test: are two means equal, when the spreads may differ?

use serde::{Deserialize, Serialize};

use super::special::student_two_sided;

/// Outcome of Welch's test of `a` against `b`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Welch {
    /// The statistic: difference of the means, `a - b`, in standard errors.
    pub t: f64,
    /// Degrees of freedom after Welch and Satterthwaite.
    pub df: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// Welch's test; `None` with fewer than two samples on a side, or when neither side varies at all (no test exists).
pub fn test(a: &[f64], b: &[f64]) -> Option<Welch> {
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a)?, moments(b)?);
    let error = error_a + error_b;
    if error <= 0.0 {
        return None;
    }
    let t = (mean_a - mean_b) / error.sqrt();
    let freedom = |e: f64, n: usize| (e / error).powi(2) / (n - 1) as f64;
    let df = 1.0 / (freedom(error_a, a.len()) + freedom(error_b, b.len()));
    Some(Welch { t, df, p: student_two_sided(t, df) })
}

/// Mean, and squared standard error of the mean.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((mean, squares / (n - 1.0) / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_vectors() {
        // SciPy 1.17, `ttest_ind(.., equal_var=False)`.
        let a = [10.1, 10.3, 9.9, 10.2, 10.0, 10.4];
        let b = [10.6, 10.9, 10.5, 10.8, 10.7, 11.0];
        let w = test(&a, &b).unwrap();
        assert!((w.t + 5.554_920_598_635_301).abs() < 1e-10 && (w.df - 10.0).abs() < 1e-9);
        assert!((w.p - 2.424_308_244e-4).abs() < 1e-12);
        let c = [10.1, 10.3, 9.9, 10.2, 10.8, 10.4];
        let d = [10.6, 10.2, 10.5, 10.8, 10.7, 11.0];
        let w = test(&c, &d).unwrap();
        assert!((w.t + 2.089_578_099).abs() < 1e-8 && (w.df - 9.874_203_365).abs() < 1e-8);
        assert!((w.p - 0.063_523_370_84).abs() < 1e-9);
        let mirrored = test(&d, &c).unwrap();
        assert!((mirrored.p - w.p).abs() < 1e-15 && mirrored.t == -w.t);
    }

    #[test]
    fn no_test_without_variation() {
        assert_eq!(test(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(test(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert!(test(&[1.0, 1.0], &[2.0, 2.1]).is_some());
    }
}
