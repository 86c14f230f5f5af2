//! Golden vectors: what the tools themselves give for the same data.

use engine_core::stats::{Stream, welch};
use proptest::prelude::*;

use super::distribution::student_quantile;
use super::*;

const H: [f64; 10] = [100.0, 102.0, 98.0, 101.0, 99.0, 103.0, 97.0, 100.0, 104.0, 96.0];

#[track_caller]
fn close(got: Option<f64>, want: f64) {
    let got = got.expect("a limit");
    assert!((got - want).abs() < 5e-7 * want.abs().max(1.0), "got {got}, want {want}");
}

#[test]
fn limits_match_the_golden_vectors() {
    let limits = t_prediction(&H, 0.99).expect("ten points");
    close(limits.lower, 92.359_510);
    close(limits.upper, 107.640_490);
    close(z(&H, 0.99).expect("ten points").upper, 106.006_604);
    close(iqr(&H, 2.0).expect("ten points").upper, 107.0);
    close(delta_iqr(&H, 2.0).expect("ten points").upper, 101.958_359);
    let mut skewed = vec![100.0; 24];
    skewed.push(200.0);
    let limits = log_normal(&skewed, 0.977).expect("25 points");
    close(limits.upper, 135.573_825);
    // The quantile of the distribution, not the upper one mirrored (70.048941).
    close(limits.lower, 77.966_233);
    let limits = percentage(&H, 0.1).expect("ten points");
    close(limits.lower, 90.0);
    close(limits.upper, 110.0);
    assert!(Limits { lower: Some(1.0), upper: None }.broken_by(0.9));
    assert!(!Limits { lower: Some(1.0), upper: None }.broken_by(9e9));
}

/// 25 values with mean 100 and standard deviation 10, one-sided 0.977: as the documentation of Bencher has them.
#[test]
fn limits_match_the_documented_ones() {
    let away = 10.0 * (24.0_f64 / 2.0).sqrt();
    let mut values = vec![100.0; 23];
    values.extend([100.0 - away, 100.0 + away]);
    let t = t_prediction(&values, 0.977).expect("25 points");
    assert!((t.lower.expect("a limit") - 78.54).abs() < 0.005 && (t.upper.expect("a limit") - 121.46).abs() < 0.005);
    let z = z(&values, 0.977).expect("25 points");
    assert!((z.lower.expect("a limit") - 80.05).abs() < 0.005 && (z.upper.expect("a limit") - 119.95).abs() < 0.005);
    assert!((student_quantile(0.975, 10.0) - 2.228_138_851_964_938_5).abs() < 1e-9);
}

#[test]
fn too_few_points_have_no_limits() {
    for policy in ["z", "t", "log-normal", "iqr", "delta-iqr"] {
        let policy: Policy = policy.parse().expect("a name");
        assert_eq!(policy.limits(&[1.0]), Err(TooFew));
        assert_eq!(policy.limits(&[1.0; 9]), Err(TooFew), "nothing varies");
        assert_eq!(policy.alerts(&[1.0, 2.0]), [0_usize; 0]);
    }
    assert_eq!(log_normal(&[1.0, -1.0, 2.0], 0.99), Err(TooFew));
    assert_eq!(delta_iqr(&[0.0, 1.0, 2.0], 0.99), Err(TooFew));
}

#[test]
fn samples_match_the_golden_vectors() {
    let p = otava_p(&[100.0, 101.0, 99.0], &[103.0, 104.0, 102.0]);
    assert!((p - 0.010_822_6).abs() < 5e-7, "{p}");
    let right = welch::test(&[100.0, 101.0, 99.0], &[103.0, 104.0, 102.0]).expect("they vary").p;
    assert!((right - 0.021_311_6).abs() < 5e-7, "{right}");
}

/// The series and the expected places of Otava's own conformance test.
#[test]
fn otava_matches_its_conformance_vectors() {
    let text = include_str!("tigerbeetle.csv");
    let values: Vec<f64> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.parse().expect("a number")).collect();
    assert_eq!(values.len(), 365);
    let found = |max_p: f64, min_magnitude: f64| otava(&values, &Otava { window: 30, max_p, min_magnitude });
    assert_eq!(found(0.01, 0.05), [15, 71]);
    assert_eq!(found(0.001, 0.0), [15, 61, 71, 95, 117, 131, 142, 148, 192, 212, 260]);
    assert_eq!(found(1e-4, 0.0), [71, 95, 117, 131, 142, 148, 192, 212]);
    assert_eq!(found(1e-5, 0.0), [71, 95, 131, 192, 212]);
}

#[test]
fn steps_are_those_that_cost_least() {
    // Every division of twelve values, tried one by one.
    let mut s = Stream::new(8, &[]);
    for _ in 0..20 {
        let values: Vec<f64> = (0..12).map(|t| if t < 5 { 1.0 } else { 2.0 } + 0.6 * s.normal()).collect();
        let price = 0.3 + s.unit_f64();
        let cost = |mask: u32| {
            let mut starts: Vec<usize> = std::iter::once(0).chain((1..12).filter(|t| mask >> t & 1 == 1)).collect();
            starts.push(12);
            let pieces = starts.windows(2).map(|piece| {
                let part = &values[piece[0]..piece[1]];
                let middle = engine_core::stats::quantile::median(part);
                price + part.iter().map(|value| (value - middle).abs()).sum::<f64>()
            });
            pieces.sum::<f64>()
        };
        let least = (0..1_u32 << 12).filter(|mask| mask & 1 == 0).map(cost).fold(f64::INFINITY, f64::min);
        let found = potts(&values, price);
        let mask = found.iter().skip(1).fold(0, |mask, step| mask | 1 << step.start);
        assert!((cost(mask) - least).abs() < 1e-9, "{found:?}");
    }
    assert_eq!(potts(&[], 1.0), []);
    assert_eq!(asv_steps(&[3.0; 20]).len(), 1);
}

#[test]
fn each_finds_a_plain_step() {
    let mut s = Stream::new(9, &[]);
    let values: Vec<f64> = (0..80).map(|t| if t < 40 { 100.0 } else { 110.0 } + s.normal()).collect();
    let found = |name: &str| name.parse::<Policy>().expect("a name").alerts(&values);
    assert_eq!(found("asv"), [40]);
    assert_eq!(found("perfherder"), [40]);
    assert!(found("otava").contains(&40) && found("rustc").contains(&40));
    for name in ["z:0.9999", "t:0.9999", "log-normal:0.9999", "iqr:4", "static:..105", "percent:0.08"] {
        assert_eq!(found(name).first(), Some(&40), "{name}");
    }
}

#[test]
fn the_fence_is_that_of_thirty_commits() {
    let values: Vec<f64> = (0..30).map(|t| 100.0 + f64::from(t % 2)).collect();
    // 29 changes of 1 % or 1/101: quartiles 1/101 and 1/100.
    let want = 0.01 + 3.0 * (0.01 - 1.0 / 101.0);
    assert!((fence_threshold(&values) - want).abs() < 1e-12);
    assert_eq!(fence_threshold(&values[..29]), 0.002);
}

#[test]
fn names_are_read() {
    for name in Policy::NAMES.iter().skip(1) {
        assert!(name.parse::<Policy>().is_ok(), "{name}");
    }
    assert_eq!("static:..5".parse(), Ok(Policy::Static(Limits { lower: None, upper: Some(5.0) })));
    assert!("hunter".parse::<Policy>().expect_err("unknown").contains("otava"));
    assert!("t:2".parse::<Policy>().expect_err("a level").contains("between 0.5 and 1"));
}

proptest! {
    #[test]
    fn none_of_them_panics(values in prop::collection::vec(-1e3..1e3_f64, 0..90), name in 1..11_usize) {
        let policy: Policy = Policy::NAMES[name].parse().expect("a name");
        let alerts = policy.alerts(&values);
        prop_assert!(alerts.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(alerts.iter().all(|at| *at > 0 && *at < values.len()));
    }
}
