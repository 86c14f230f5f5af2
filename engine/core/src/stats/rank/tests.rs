use super::*;
use crate::stats::Stream;

const A: [f64; 6] = [10.1, 10.3, 9.9, 10.2, 10.0, 10.4];
const B: [f64; 6] = [10.6, 10.9, 10.5, 10.8, 10.7, 11.0];
const C: [f64; 6] = [10.1, 10.3, 9.9, 10.2, 10.8, 10.4];
const D: [f64; 6] = [10.6, 10.2, 10.5, 10.8, 10.7, 11.0];

fn close(got: f64, want: f64) {
    assert!((got - want).abs() < 1e-10, "got {got}, want {want}");
}

#[test]
fn golden_vectors() {
    // SciPy 1.17: `mannwhitneyu`; exact with ties by enumeration of all 924 divisions.
    let ab = mann_whitney(&A, &B).unwrap();
    assert_eq!((ab.u, ab.superiority, ab.method), (0.0, 0.0, Method::Exact));
    close(ab.p, 0.002_164_502_164_502_164_5);
    close(mann_whitney_normal(&A, &B).unwrap().p, 0.005_074_868_097_940_253);
    let cd = mann_whitney(&C, &D).unwrap();
    assert_eq!(cd.u, 7.0);
    close(cd.p, 0.086_580_086_580_086_58);
    close(mann_whitney_normal(&C, &D).unwrap().p, 0.091_554_241_455_832_5);
    let tied = mann_whitney(&[1.0, 1.0, 2.0, 2.0, 3.0], &[2.0, 3.0, 3.0, 4.0, 4.0, 5.0]).unwrap();
    assert_eq!(tied.u, 3.0);
    close(tied.p, 0.043_290_043_290_043_29);
}

#[test]
fn large_samples_use_the_normal_approximation() {
    // SciPy with the same ranks: a = 0, 3, .., 117 and b = 1, 3, .., 99 (with ties).
    let a: Vec<f64> = (0..40).map(|i| f64::from(3 * i)).collect();
    let b: Vec<f64> = (0..50).map(|i| f64::from(2 * i + 1)).collect();
    let m = mann_whitney(&a, &b).unwrap();
    assert_eq!(m.method, Method::Normal);
    close(m.u, GOLDEN_U);
    close(m.p, GOLDEN_P);
}
const GOLDEN_U: f64 = 1141.5;
const GOLDEN_P: f64 = 0.252_210_311_073_433_3;

#[test]
fn exact_and_normal_agree_at_the_border() {
    let mut stream = Stream::new(1, &[]);
    let a: Vec<f64> = (0..30).map(|_| stream.normal()).collect();
    let b: Vec<f64> = (0..30).map(|_| stream.normal() + 0.5).collect();
    let (exact, normal) = (mann_whitney(&a, &b).unwrap(), mann_whitney_normal(&a, &b).unwrap());
    assert_eq!((exact.method, normal.method), (Method::Exact, Method::Normal));
    assert!((exact.p - normal.p).abs() < 0.003, "{exact:?} {normal:?}");
}

#[test]
fn p_is_calibrated_and_symmetric() {
    // Under no difference at most 5 % of exact p-values fall to 0.05 or below; here 6 v 6, attainable level 4.1 %.
    let mut hits = 0;
    for seed in 0..2000 {
        let mut stream = Stream::new(seed, &[6]);
        let a: Vec<f64> = (0..6).map(|_| stream.exponential()).collect();
        let b: Vec<f64> = (0..6).map(|_| stream.exponential()).collect();
        let (ab, ba) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
        assert!((ab.p - ba.p).abs() < 1e-12 && (ab.superiority + ba.superiority - 1.0).abs() < 1e-12);
        hits += u32::from(ab.p <= 0.05);
    }
    assert!((55..=110).contains(&hits), "{hits} of 2000");
}

#[test]
fn smallest_attainable_p() {
    for (n, want) in [(4, 0.028_571_428_571_428_57), (5, 0.007_936_507_936_507_936)] {
        let a: Vec<f64> = (0..n).map(f64::from).collect();
        let b: Vec<f64> = (0..n).map(|i| f64::from(i) + 100.0).collect();
        close(mann_whitney(&a, &b).unwrap().p, want);
    }
}

#[test]
fn degenerate_samples() {
    assert_eq!(mann_whitney(&[], &A), None);
    assert_eq!(hodges_lehmann(&A, &[]), None);
    assert_eq!(mann_whitney(&[1.0; 5], &[1.0; 5]).unwrap().p, 1.0);
    assert_eq!(mann_whitney_normal(&[1.0; 5], &[1.0; 5]).unwrap().p, 1.0);
}

#[test]
fn shift_known_answers() {
    close(hodges_lehmann(&A, &B).unwrap(), 0.6);
    close(hodges_lehmann(&B, &A).unwrap(), -0.6);
    assert_eq!(hodges_lehmann(&[1.0, 5.0], &[2.0, 4.0]), Some(0.0));
}
