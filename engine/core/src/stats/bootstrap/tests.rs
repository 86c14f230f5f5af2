use super::*;
use crate::stats::normal_cdf;

/// A distribution to draw from, with its true median.
struct Law {
    name: &'static str,
    median: f64,
    draw: fn(&mut Stream) -> f64,
}

const SPREAD: f64 = 10.0;

/// 60 % around 0 and 40 % around ten standard deviations.
fn bimodal(stream: &mut Stream) -> f64 {
    let centre = if stream.unit_f64() < 0.6 { 0.0 } else { SPREAD };
    centre + stream.normal()
}

/// Its median, by bisection of the mixture's distribution function.
fn bimodal_median() -> f64 {
    let (mut low, mut high) = (-5.0, 5.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if 0.6 * normal_cdf(middle) + 0.4 * normal_cdf(middle - SPREAD) < 0.5 { low = middle } else { high = middle }
    }
    low
}

fn laws() -> [Law; 3] {
    [
        Law { name: "normal", median: 100.0, draw: |s| 100.0 + 3.0 * s.normal() },
        Law { name: "log-normal", median: 1.0, draw: |s| s.normal().exp() },
        Law { name: "bimodal", median: bimodal_median(), draw: bimodal },
    ]
}

fn draw(law: &Law, stream: &mut Stream, n: usize) -> Vec<f64> {
    (0..n).map(|_| (law.draw)(stream)).collect()
}

/// Share of `trials` in which `hit` is true; each trial has a stream of its own.
fn coverage(trials: u64, key: &[u64], mut hit: impl FnMut(&mut Stream) -> bool) -> f64 {
    let hits = (0..trials).filter(|&trial| hit(&mut Stream::new(trial, key))).count();
    hits as f64 / trials as f64
}

#[test]
fn median_covers_93_to_97_percent_of_2000_samples() {
    for law in &laws() {
        for n in [5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50] {
            let share = coverage(2000, &[n, Stream::key_of(law.name)], |stream| {
                median(&draw(law, stream, n as usize)).unwrap().contains(law.median)
            });
            println!("median of {n} {}: {:.2} %", law.name, 100.0 * share);
            assert!((0.93..=0.97).contains(&share), "{} n={n}: {share}", law.name);
        }
    }
}

#[test]
fn median_covers_truly_at_every_small_size() {
    // 20,000 samples each: the coverage itself to 0.3 %, so that no lucky seed can hide a bad size.
    for law in &laws() {
        for n in 5..=24 {
            let rank = lower_rank(n);
            let share = coverage(20_000, &[n as u64, 77], |stream| {
                let sample = quantile::sorted(&draw(law, stream, n));
                at_rank(&sample, rank) <= law.median && law.median <= at_rank(&sample, (n + 1) as f64 - rank)
            });
            assert!((0.938..=0.967).contains(&share), "{} n={n}: {share}", law.name);
        }
    }
}

#[test]
fn ranks_are_those_of_the_published_rules() {
    // SciPy: 2.5 % point of Beta(5.5, 5.5) times 11, and the rule of Hettmansperger and Sheather for n = 10 and 20.
    assert!((percentile_rank(10) - 2.458_815_373).abs() < 1e-8);
    assert!((calibrated_rank(10) - 2.658).abs() < 6e-4);
    assert!((calibrated_rank(20) - 6.235).abs() < 6e-4);
    // Solved by hand: with n = 5, 0.2 of the outermost gap.
    assert!((calibrated_rank(5) - 0.8).abs() < 1e-12);
    // For large samples both are n/2 - 1.96 sqrt(n)/2.
    for n in [10_000, 1_000_000] {
        let size = n as f64;
        let normal = 0.5 * (size + 1.0) - 0.979_982 * size.sqrt();
        assert!((lower_rank(n) - normal).abs() < 1e-3 * size.sqrt(), "{n}");
    }
}

#[test]
fn hand_computed_interval() {
    // n = 6 has the fixed rank 1.15.
    let ci = median(&[6.0, 1.0, 2.0, 3.0, 4.0, 16.0]).unwrap();
    assert!((ci.low - 1.15).abs() < 1e-12 && (ci.high - 14.5).abs() < 1e-12, "{ci:?}");
}

#[test]
fn degenerate_samples() {
    assert_eq!(median(&[1.0; 4]), None);
    assert_eq!(median(&[1.0, 2.0, f64::NAN, 3.0, 4.0]), None);
    assert_eq!(median(&[7.0; 9]), Some(Interval { low: 7.0, high: 7.0 }));
    // Times stay positive although the outermost gap is wide.
    let ci = median(&[1.0, 100.0, 101.0, 102.0, 103.0]).unwrap();
    assert_eq!(ci.low, 0.5);
    assert!(ci.high > 103.0);
    assert_eq!(median(&[-1.0, -100.0, -101.0, -102.0, -103.0]).unwrap().high, -0.5);
}

#[test]
fn ratio_of_medians_covers() {
    type Draw = fn(&mut Stream) -> f64;
    let narrow: (Draw, f64) = (|s| (0.1 * s.normal()).exp(), 1.0);
    let wide: (Draw, f64) = (|s| (0.3 * s.normal()).exp(), 1.0);
    let modes: (Draw, f64) = (|s| 100.0 + bimodal(s), 100.0 + bimodal_median());
    let mut shares = vec![];
    for (name, a, b) in [("equal", wide, wide), ("unequal", narrow, wide), ("bimodal", modes, modes)] {
        for (n, m) in [(5, 5), (10, 10), (5, 20), (30, 30)] {
            let share = coverage(2000, &[n, m, 1], |stream| {
                let top: Vec<f64> = (0..n).map(|_| 1.05 * a.0(stream)).collect();
                let bottom: Vec<f64> = (0..m).map(|_| b.0(stream)).collect();
                ratio_of_medians(&top, &bottom).unwrap().ci95.contains(1.05 * a.1 / b.1)
            });
            println!("ratio of medians {n} over {m} {name}: {:.2} %", 100.0 * share);
            shares.push(share);
        }
    }
    assert!(shares.iter().all(|share| (0.93..=0.975).contains(share)), "{shares:?}");
}

#[test]
fn paired_ratio_covers_and_cancels_common_noise() {
    let mut widths = [0.0, 0.0];
    for n in [5, 10, 20] {
        let share = coverage(2000, &[n, 2], |stream| {
            let (mut a, mut b) = (vec![], vec![]);
            for _ in 0..n {
                let round = (0.5 * stream.normal()).exp();
                a.push(1.05 * round * (0.02 * stream.normal()).exp());
                b.push(round * (0.02 * stream.normal()).exp());
            }
            let paired = ratio_paired(&a, &b).unwrap().ci95;
            if n == 20 {
                widths[0] += paired.width();
                widths[1] += ratio_of_medians(&a, &b).unwrap().ci95.width();
            }
            paired.contains(1.05)
        });
        println!("paired ratio of {n}: {:.2} %", 100.0 * share);
        assert!((0.93..=0.97).contains(&share), "{n}: {share}");
    }
    assert!(10.0 * widths[0] < widths[1], "paired {} unpaired {}", widths[0], widths[1]);
}

#[test]
fn ratios_refuse_what_they_cannot_divide() {
    let five = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(ratio_of_medians(&five, &[0.0, 1.0, 2.0, 3.0, 4.0]), None);
    assert_eq!(ratio_of_medians(&five, &five[..4]), None);
    assert_eq!(ratio_paired(&five, &five[..4]), None);
    assert_eq!(ratio_paired(&five, &[0.0; 5]), None);
    let same = ratio_paired(&five, &five).unwrap();
    assert_eq!((same.estimate, same.ci95), (1.0, Interval { low: 1.0, high: 1.0 }));
    // Against a constant the ratio's interval is the median's own, but for the tail fitted to two noisy sides.
    let ratio = ratio_of_medians(&five, &[2.0; 5]).unwrap();
    let own = median(&five).unwrap();
    assert_eq!(ratio.estimate, 1.5);
    let scaled = Interval { low: 2.0 * ratio.ci95.low, high: 2.0 * ratio.ci95.high };
    assert!(
        own.low <= scaled.low && scaled.high <= own.high && scaled.width() > 0.8 * own.width(),
        "{scaled:?} {own:?}"
    );
}

#[test]
fn bca_of_a_mean_covers_as_documented() {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    for (n, name, truth, draw) in [
        (20, "normal", 0.0, (|s: &mut Stream| s.normal()) as fn(&mut Stream) -> f64),
        (50, "normal", 0.0, |s| s.normal()),
        (50, "exponential", 1.0, |s| s.exponential()),
    ] {
        let share = coverage(2000, &[n, 3], |stream| {
            let sample: Vec<f64> = (0..n).map(|_| draw(stream)).collect();
            bca(&sample, 1, 1000, mean).unwrap().contains(truth)
        });
        println!("BCa of the mean of {n} {name}: {:.2} %", 100.0 * share);
        assert!((0.91..=0.97).contains(&share), "{name} n={n}: {share}");
    }
}

#[test]
fn resampling_is_reproducible_and_agrees_with_theory() {
    let mut stream = Stream::new(4, &[]);
    let sample: Vec<f64> = (0..200).map(|_| 10.0 + stream.normal()).collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (one, other) = (interval(&sample, 1, mean).unwrap(), interval(&sample, 2, mean).unwrap());
    assert_eq!(interval(&sample, 1, mean), Some(one));
    assert_ne!(one, other);
    // The normal theory: 2 x 1.96 s / sqrt(n).
    let centre = mean(&sample);
    let sd = (sample.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 200.0).sqrt();
    let want = 2.0 * 1.959_964 * sd / 200.0_f64.sqrt();
    for ci in [one, other, percentile_interval(&sample, 1, mean).unwrap()] {
        assert!((ci.width() / want - 1.0).abs() < 0.05, "{} {want}", ci.width());
    }
    assert_eq!(interval(&sample[..4], 1, mean), None);
    assert_eq!(interval(&sample, 1, |_| f64::NAN), None);
    assert_eq!(interval(&[5.0; 8], 1, mean), Some(Interval { low: 5.0, high: 5.0 }));
    assert!(interval(&sample, 1, median_statistic).unwrap().contains(10.0));
}
