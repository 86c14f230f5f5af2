use super::*;
use crate::data;
use crate::table::{Labelled, Table};
use crate::train::Optimizer;

/// Numbers from 0 to 1 that any language makes alike: the congruence of "Numerical Recipes".
fn uniform(count: usize) -> Vec<f64> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / 4_294_967_296.0
    };
    (0..count).map(|_| next()).collect()
}

/// Zeros and ones whose share of ones changes twice.
fn coins() -> Vec<f64> {
    let share = |at: usize| [0.1, 0.3, 0.25][at / 2000];
    uniform(6000).iter().enumerate().map(|(at, u)| f64::from(u8::from(*u < share(at)))).collect()
}

/// Reals whose mean changes twice.
fn levels() -> Vec<f64> {
    let level = |at: usize| {
        if at < 1500 {
            0.0
        } else if at < 3000 {
            0.2
        } else {
            -0.5
        }
    };
    uniform(6000).iter().enumerate().map(|(at, u)| u + level(at)).collect()
}

/// ADWIN without sums that are kept up: the window as lists of its values, everything computed anew at each check.
fn plain_adwin(stream: &[f64]) -> Vec<(usize, usize)> {
    let mut rows: Vec<Vec<Vec<f64>>> = vec![Vec::new()];
    let mut seen = Vec::new();
    for (at, value) in stream.iter().enumerate() {
        rows[0].push(vec![*value]);
        for row in 0.. {
            if rows[row].len() <= 5 {
                break;
            }
            let merged: Vec<f64> = rows[row].drain(..2).flatten().collect();
            if rows.len() == row + 1 {
                rows.push(Vec::new());
            }
            rows[row + 1].push(merged);
        }
        let mut changed = false;
        if (at + 1) % 32 != 0 {
            continue;
        }
        loop {
            let buckets: Vec<&Vec<f64>> = rows.iter().rev().flatten().collect();
            let all: Vec<f64> = buckets.iter().copied().flatten().copied().collect();
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let n = all.len() as f64;
            if n <= 10.0 {
                break;
            }
            let variance = all.iter().map(|value| (value - mean(&all)).powi(2)).sum::<f64>() / n;
            let confidence = (2.0 * n.ln() / 0.002).ln();
            let mut cut = 0;
            let differs = buckets.iter().any(|bucket| {
                cut += bucket.len();
                let (old, new) = all.split_at(cut);
                if old.len() < 5 || new.len() < 5 {
                    return false;
                }
                let share = 1.0 / (old.len() as f64 - 4.0) + 1.0 / (new.len() as f64 - 4.0);
                let bound = (2.0 * share * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * share;
                (mean(old) - mean(new)).abs() > bound
            });
            if !differs {
                break;
            }
            changed = true;
            let oldest = rows.iter().rposition(|row| !row.is_empty()).unwrap();
            rows[oldest].remove(0);
        }
        if changed {
            seen.push((at + 1, rows.iter().flatten().map(Vec::len).sum()));
        }
    }
    seen
}

#[test]
fn adwin_equals_the_plain_algorithm_and_is_no_later_than_the_reference() {
    for (stream, reference) in [(coins(), 2080), (levels(), 1664)] {
        let mut adwin = Adwin::default();
        let mut seen = Vec::new();
        for (at, value) in stream.iter().enumerate() {
            if adwin.add(*value) {
                seen.push((at + 1, adwin.width() as usize));
            }
        }
        assert_eq!(seen, plain_adwin(&stream));
        // Where river 0.26.1, `drift.ADWIN()`, sees the first change of the same stream.
        assert!((reference - 64..=reference).contains(&seen[0].0), "{seen:?}");
        let kept = &stream[stream.len() - adwin.width() as usize..];
        assert!((adwin.mean() - kept.iter().sum::<f64>() / kept.len() as f64).abs() < 1e-9);
    }
}

#[test]
fn page_hinkley_sees_what_the_reference_sees() {
    let run = |stream: &[f64]| -> Vec<usize> {
        let mut test = PageHinkley::default();
        stream.iter().enumerate().filter_map(|(at, value)| test.add(*value).then_some(at + 1)).collect()
    };
    assert_eq!((run(&coins()), run(&levels())), (vec![2231, 5395], vec![1818, 3068]));
}

#[test]
fn a_stream_that_does_not_change_gives_no_alarm() {
    let mut adwin = Adwin::default();
    assert!(uniform(20_000).iter().all(|value| !adwin.add(*value)));
    assert!((adwin.width() - 20_000.0).abs() < 1e-9 && (adwin.mean() - 0.5).abs() < 0.01);
    assert!((Adwin::default().mean()).abs() < 1e-12);
}

#[test]
fn phishing_gives_the_published_accuracy_and_the_reference_weights() {
    let mut model = LogisticRegression::new(9, 0.01);
    let outcome = prequential(&mut model, &data::phishing().unwrap(), None).unwrap();
    // 89.28 % is published in river's README; weights by river 0.26.1.
    assert_eq!(outcome.right.iter().filter(|right| **right).count(), 1116);
    assert!((outcome.accuracy - 0.8928).abs() < 1e-12);
    for (weight, right) in model.weights().iter().zip([
        -1.148_229_655_309_868_5,
        -0.953_875_675_383_414_8,
        -0.842_370_161_506_594_4,
        -0.306_160_284_702_707_4,
        -0.165_332_211_855_199_92,
        0.182_453_140_946_369_7,
        -0.259_002_020_195_948_3,
        -0.194_227_913_681_554_8,
        0.045_929_611_066_791_72,
    ]) {
        assert!((weight - right).abs() < 1e-9, "{weight} {right}");
    }
    assert!(outcome.losses[9] < outcome.losses[0] && outcome.drifts.is_empty());
}

#[test]
fn the_scaler_equals_two_passes() {
    let rows = Table::new(uniform(300).iter().map(|value| *value as f32 * 7.0 + 1e3).collect(), 3).unwrap();
    let mut scaler = StandardScaler::new(3);
    (0..100).for_each(|row| scaler.learn(rows.row(row)));
    for column in 0..3 {
        let values: Vec<f64> = rows.column(column).map(f64::from).collect();
        let mean = values.iter().sum::<f64>() / 100.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 100.0;
        assert!((scaler.means()[column] - mean).abs() < 1e-9);
        assert!((scaler.variances()[column] - variance).abs() < 1e-9);
    }
    let mut constant = StandardScaler::new(1);
    constant.learn(&[5.0]);
    let mut scaled = [9.0];
    constant.scale(&[7.0], &mut scaled);
    assert!(scaled[0].abs() < 1e-12, "a feature that never varied is zero");
}

#[test]
fn a_network_learns_digits_row_by_row_and_again_after_a_drift() {
    let stream = permuted_at_half(&data::digits_in_order().unwrap(), 4, 3).unwrap();
    let half = stream.labels().len() / 2;
    for optimizer in [Optimizer::Sgd { rate: 0.05, momentum: 0.0 }, Optimizer::Adam { rate: 2e-3 }] {
        let mut network = OnlineNetwork::new(&[64, 64, 10], optimizer, Reaction::Relearn, 1).unwrap();
        let outcome = prequential(&mut network, &stream, Some(&mut Adwin::default())).unwrap();
        let first = outcome.rows_until(0, 100, 0.9).expect("it learns");
        let second = outcome.rows_until(half, 100, 0.9).expect("it learns anew");
        assert!(first < half && second < half, "{first} {second}");
        assert!(outcome.drifts.iter().any(|at| (half..half + 200).contains(at)), "{:?}", outcome.drifts);
        // The step that is taken at once and the one by way of a gradient are the same.
        if let Optimizer::Sgd { rate, .. } = optimizer {
            let slow = Optimizer::Sgd { rate, momentum: f32::MIN_POSITIVE };
            let mut other = OnlineNetwork::new(&[64, 64, 10], slow, Reaction::Relearn, 1).unwrap();
            for row in 0..50 {
                other.learn(stream.table().row(row), stream.labels()[row]).unwrap();
            }
            let mut again = OnlineNetwork::new(&[64, 64, 10], optimizer, Reaction::Relearn, 1).unwrap();
            for row in 0..50 {
                again.learn(stream.table().row(row), stream.labels()[row]).unwrap();
            }
            let pairs = other.network().parameters().iter().zip(again.network().parameters());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}

#[test]
fn no_class_keeps_its_name_after_the_half() {
    let stream = data::digits_in_order().unwrap();
    let changed = permuted_at_half(&stream, 2, 9).unwrap();
    assert_eq!(changed.labels().len(), 2 * 1797);
    let count =
        |labels: &[usize]| (0..10).map(|class| labels.iter().filter(|label| **label == class).count()).collect();
    let mut before: Vec<usize> = count(&changed.labels()[..1797]);
    let mut after: Vec<usize> = count(&changed.labels()[1797..]);
    assert_eq!(before, count(stream.labels()));
    assert_ne!(before, after);
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after);
    assert!(permuted_at_half(&stream, 0, 9).is_err());
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let mut model = LogisticRegression::new(2, 0.01);
    assert_eq!(model.learn(&[1.0], 0), Err(OnlineError::Features { expected: 2, found: 1 }));
    assert_eq!(model.learn(&[1.0, f32::NAN], 0), Err(OnlineError::NotFinite(1)));
    assert_eq!(model.learn(&[1.0, 2.0], 2), Err(OnlineError::Label { label: 2, classes: 2 }));
    assert!((model.probability(&[1.0, 2.0]) - 0.5).abs() < 1e-12, "nothing was learned");
    let three = Labelled::new(Table::new(vec![1.0, 2.0], 2).unwrap(), vec![2], 3).unwrap();
    assert!(prequential(&mut model, &three, None).is_err());
    let sgd = Optimizer::Sgd { rate: 0.1, momentum: 0.0 };
    let mut network = OnlineNetwork::new(&[2, 3], sgd, Reaction::None, 0).unwrap();
    assert_eq!(network.learn(&[f32::INFINITY, 0.0], 0), Err(OnlineError::NotFinite(0)));
    assert_eq!(network.predict(&[1.0; 5]), 0);
}
