//! Series whose truth is known, drawn from families of noise that real histories have.

use engine_core::stats::Stream;
use proptest::prelude::*;

use super::*;

const FAMILIES: [&str; 7] = ["normal", "wide", "log-normal", "spikes", "two modes", "autoregressive", "heavy tails"];

/// Relative noise of `n` points.
fn noise(s: &mut Stream, family: &str, n: usize) -> Vec<f64> {
    let mut before = 0.0;
    let (share, gap) = (0.15 + 0.3 * s.unit_f64(), 0.02 + 0.015 * s.unit_f64());
    let mut one = || match family {
        "normal" => 0.01 * s.normal(),
        "wide" => 0.014 * s.normal(),
        "log-normal" => 0.02 * (0.45 * s.normal()).exp(),
        "spikes" => {
            let usual = (0.014 * s.normal()).exp_m1();
            if s.unit_f64() < 0.025 { usual + 0.1 + 0.4 * s.unit_f64() } else { usual }
        }
        "two modes" => 0.006 * s.normal() + if s.unit_f64() < share { gap } else { 0.0 },
        "autoregressive" => {
            before = 0.5 * before + 0.009 * s.normal();
            before
        }
        _ => 0.008 * s.normal() / ((0..3).map(|_| s.normal().powi(2)).sum::<f64>() / 3.0).sqrt(),
    };
    (0..n + 30).map(|_| one()).skip(30).collect()
}

/// A level with noise and so many steps of 3 to 20 %, at least 15 points apart; and where they are.
fn stepped(s: &mut Stream, family: &str, n: usize, changes: usize) -> (Vec<f64>, Vec<usize>) {
    let noise = noise(s, family, n);
    let places = loop {
        let mut places: Vec<usize> = (0..changes).map(|_| 15 + s.below(n as u64 - 30) as usize).collect();
        places.sort_unstable();
        if places.windows(2).all(|pair| pair[1] - pair[0] >= 15) {
            break places;
        }
    };
    let mut level = (6.0 * s.unit_f64()).exp();
    let mut values = Vec::with_capacity(n);
    for (t, noise) in noise.into_iter().enumerate() {
        if places.contains(&t) {
            let size = 1.03 + 0.17 * s.unit_f64().powi(2);
            level *= if s.unit_f64() < 0.5 { size } else { 1.0 / size };
        }
        values.push(level * (1.0 + noise));
    }
    (values, places)
}

fn confirmed(values: &[f64]) -> Vec<ChangePoint> {
    detect(values).into_iter().filter(|point| point.tier == Tier::Confirmed).collect()
}

/// Changes found within three points, found and not there, and missed.
fn tally(truth: &[usize], found: &[usize]) -> [usize; 3] {
    let mut left = found.to_vec();
    let mut hits = 0;
    for place in truth {
        if let Some(nearest) = (0..left.len()).min_by_key(|i| left[*i].abs_diff(*place))
            && left[nearest].abs_diff(*place) <= 3
        {
            left.swap_remove(nearest);
            hits += 1;
        }
    }
    [hits, left.len(), truth.len() - hits]
}

fn f1([hits, wrong, missed]: [usize; 3]) -> f64 {
    2.0 * hits as f64 / (2 * hits + wrong + missed) as f64
}

#[test]
fn steps_are_found_where_they_are() {
    let mut total = [0; 3];
    for family in FAMILIES {
        let mut s = Stream::new(31, &[Stream::key_of(family)]);
        let mut own = [0; 3];
        for i in 0..150 {
            let (values, truth) = stepped(&mut s, family, 200, i % 4);
            let levels = confirmed(&values).into_iter().filter(|point| point.kind != Kind::Spike);
            let found: Vec<usize> = levels.map(|point| point.index).collect();
            for (sum, one) in own.iter_mut().zip(tally(&truth, &found)) {
                *sum += one;
            }
        }
        assert!(f1(own) >= 0.9, "{family}: {own:?}");
        total = [0, 1, 2].map(|i| total[i] + own[i]);
    }
    assert!(f1(total) >= 0.95, "{total:?}");
}

#[test]
fn what_does_not_change_raises_no_alert() {
    for family in FAMILIES {
        let mut s = Stream::new(32, &[Stream::key_of(family)]);
        let alerts = (0..500).filter(|_| {
            let values: Vec<f64> = noise(&mut s, family, 200).iter().map(|noise| 50.0 * (1.0 + noise)).collect();
            // Where spikes are usual a series with a single one has a spike.
            confirmed(&values).iter().any(|point| family != "spikes" || point.kind != Kind::Spike)
        });
        let alerts = alerts.count();
        let most = if family == "autoregressive" { 10 } else { 5 };
        assert!(alerts <= most, "{family}: {alerts} of 500");
    }
}

#[test]
fn a_step_of_five_percent_is_suspected_within_three_runs() {
    let mut s = Stream::new(33, &[]);
    let mut seen = [0; 3];
    let mut early = 0;
    for _ in 0..400 {
        let before = 20 + s.below(80) as usize;
        let mut history = History::new();
        (0..before).for_each(|_| history.push(10.0 + 0.1 * s.normal()));
        early += usize::from(!history.changes().is_empty());
        let mut found = false;
        for (run, seen) in seen.iter_mut().enumerate() {
            history.push(10.5 + 0.1 * s.normal());
            found |= history.changes().iter().any(|point| point.index.abs_diff(before) <= run.max(1));
            *seen += usize::from(found);
        }
    }
    assert!(seen[2] >= 380, "{seen:?} of 400 within 1, 2, 3 runs");
    assert!(early <= 8, "{early} of 400 before it");
}

/// How many of 100 series satisfy a check of what was found.
fn of_100(seed: u64, make: impl Fn(&mut Stream, usize) -> f64, right: impl Fn(&[ChangePoint]) -> bool) -> usize {
    let mut s = Stream::new(seed, &[]);
    (0..100)
        .filter(|_| {
            let values: Vec<f64> = (0..160).map(|t| make(&mut s, t)).collect();
            right(&confirmed(&values))
        })
        .count()
}

#[test]
fn kinds_are_told_apart() {
    let near = |place: usize, expected: usize, reach: usize| place.abs_diff(expected) <= reach;
    let only = |points: &[ChangePoint], kind: Kind, at: usize, reach: usize| {
        points.len() == 1 && points[0].kind == kind && near(points[0].index, at, reach)
    };
    let ramp = |t: usize| ((t as f64 - 60.0) / 50.0).clamp(0.0, 1.0);
    let trend = of_100(41, |s, t| 20.0 * (1.0 + 0.15 * ramp(t) + 0.01 * s.normal()), |p| only(p, Kind::Trend, 60, 12));
    assert!(trend >= 90, "a trend: {trend}");
    let drift = of_100(42, |s, t| 20.0 * (1.0 + 0.001 * t as f64 + 0.01 * s.normal()), |p| only(p, Kind::Trend, 0, 40));
    assert!(drift >= 90, "a drift all along: {drift}");
    let spike = |t: usize| if t == 70 { 0.3 } else { 0.0 };
    let found = of_100(43, |s, t| 20.0 * (1.0 + spike(t) + 0.01 * s.normal()), |p| only(p, Kind::Spike, 70, 0));
    assert!(found >= 95, "a spike: {found}");
    let wide = |t: usize| if t < 80 { 0.01 } else { 0.04 };
    let found = of_100(44, |s, t| 20.0 * (1.0 + wide(t) * s.normal()), |p| only(p, Kind::Variance, 80, 12));
    assert!(found >= 90, "a change of spread: {found}");
    let bump = |t: usize| if (60..90).contains(&t) { 0.08 } else { 0.0 };
    let found = of_100(
        45,
        |s, t| 20.0 * (1.0 + bump(t) + 0.01 * s.normal()),
        |p| {
            p.len() == 2
                && (p[0].kind, p[1].kind) == (Kind::Step, Kind::Return)
                && near(p[0].index, 60, 2)
                && near(p[1].index, 90, 2)
        },
    );
    assert!(found >= 95, "a bump: {found}");
    let found =
        of_100(46, |s, t| 20.0 * (if t < 80 { 1.0 } else { 1.1 } + 0.01 * s.normal()), |p| only(p, Kind::Step, 80, 1));
    assert!(found >= 97, "a step: {found}");
}

#[test]
fn intervals_cover() {
    let mut s = Stream::new(51, &[]);
    let (mut places, mut sizes, mut all) = (0, 0, 0);
    for _ in 0..300 {
        let values: Vec<f64> =
            (0..120).map(|t| 5.0 * if t < 70 { 1.0 } else { 1.03 } * (1.0 + 0.015 * s.normal())).collect();
        for point in
            confirmed(&values).iter().filter(|point| point.kind == Kind::Step && point.index.abs_diff(70) <= 15)
        {
            all += 1;
            places += usize::from((point.low..=point.high).contains(&70));
            sizes += usize::from((point.size_low..=point.size_high).contains(&0.03));
            assert!(point.low <= point.index && point.index <= point.high && point.high < 120);
            assert!(point.size_low <= point.size && point.size <= point.size_high);
        }
    }
    assert!(all >= 270, "{all} found");
    assert!(places * 100 >= all * 91, "{places} of {all} places in their intervals");
    assert!(sizes * 100 >= all * 90, "{sizes} of {all} sizes in their intervals");
}

#[test]
fn after_acceptance_the_new_level_is_the_normal_one() {
    let mut s = Stream::new(61, &[]);
    let mut history = History::new();
    (0..60).for_each(|_| history.push(10.0 + 0.1 * s.normal()));
    (0..4).for_each(|_| history.push(12.0 + 0.1 * s.normal()));
    assert!(history.changes().iter().any(|point| point.index == 60));
    history.accept(60);
    assert!(history.changes().iter().all(|point| point.tier == Tier::Suspect && point.index == 60));
    (0..40).for_each(|_| history.push(12.0 + 0.1 * s.normal()));
    let after: Vec<usize> = history.changes().iter().map(|point| point.index).filter(|index| *index > 60).collect();
    assert_eq!(after, [0_usize; 0]);
    (0..10).for_each(|_| history.push(13.0 + 0.1 * s.normal()));
    assert!(history.changes().iter().any(|point| point.index.abs_diff(104) <= 1 && point.kind == Kind::Step));
}

#[test]
fn bad_input_has_clear_answers() {
    assert_eq!(detect(&[]), []);
    assert_eq!(detect(&[1.0, 2.0]), []);
    assert_eq!(detect(&[5.0; 300]), []);
    assert_eq!(detect(&[0.0; 300]), []);
    assert_eq!(detect(&[f64::NAN; 50]), []);
    let mut gaps: Vec<f64> = (0..80).map(|t| if t < 50 { 1.0 } else { 2.0 } + 0.01 * f64::from(t % 3)).collect();
    gaps[10] = f64::NAN;
    gaps[20] = f64::INFINITY;
    gaps[30] = f64::NEG_INFINITY;
    let found = detect(&gaps);
    assert_eq!(found.iter().map(|point| (point.index, point.kind)).collect::<Vec<_>>(), [(50, Kind::Step)]);
    // A constant that jumps, zero that stops being zero, and extreme magnitudes.
    let jump = |from: f64, to: f64| (0..60).map(|t| if t < 30 { from } else { to }).collect::<Vec<_>>();
    for (from, to) in [(1.0, 1.05), (0.0, 1.0), (-3.0, 2.0), (1e300, 1.1e300), (1e-300, 1.1e-300), (-1.0, 0.0)] {
        let found = detect(&jump(from, to));
        assert_eq!(found.iter().map(|p| (p.index, p.kind)).collect::<Vec<_>>(), [(30, Kind::Step)], "{from} {to}");
        assert_eq!(found[0].size.is_finite(), from != 0.0);
    }
}

#[test]
fn long_histories_keep_what_they_found() {
    let mut s = Stream::new(71, &[]);
    let truth = [300, 700, 1500, 3100];
    let values: Vec<f64> = (0..4000)
        .map(|t| 10.0 * 1.05_f64.powi(truth.iter().filter(|at| t >= **at).count() as i32) * (1.0 + 0.01 * s.normal()))
        .collect();
    let found: Vec<usize> = confirmed(&values).iter().map(|point| point.index).collect();
    assert_eq!(tally(&truth, &found), [4, 0, 0], "{found:?}");
    // A drift over many windows is one trend, not one a window.
    let drift: Vec<f64> = (0..3000).map(|t| 10.0 * (1.0 + 0.0003 * f64::from(t) + 0.01 * s.normal())).collect();
    let found = confirmed(&drift);
    assert!(!found.is_empty() && found.len() <= 2 && found[0].kind == Kind::Trend, "{found:?}");
}

#[test]
fn a_step_that_has_just_come_is_no_ramp() {
    let mut s = Stream::new(77, &[]);
    for after in 3..=6 {
        let near = (0..100).filter(|_| {
            let value = |t: usize| {
                let odd = if s.unit_f64() < 0.02 { 0.04 } else { 0.0 };
                (if t >= 120 { 1.05 } else { 1.0 }) * (0.01 * s.normal() + odd).exp()
            };
            let found = detect(&(0..120 + after).map(value).collect::<Vec<_>>());
            found.iter().any(|one| one.kind != Kind::Trend && one.index.abs_diff(120) <= 2)
        });
        let near = near.count();
        assert!(near >= 97, "{after} points after it: {near} of 100");
    }
}

/// A history of pieces, each with its own level and noise, and gaps.
fn pieces() -> impl Strategy<Value = Vec<f64>> {
    let piece = (0.5..2.0_f64, 0.0..0.05_f64, 1..400_usize, any::<u64>());
    prop::collection::vec(piece, 1..7).prop_map(|pieces| {
        let mut values = Vec::new();
        for (level, noise, length, seed) in pieces {
            let mut s = Stream::new(seed, &[]);
            values.extend(
                (0..length).map(|_| if s.unit_f64() < 0.01 { f64::NAN } else { level * (1.0 + noise * s.normal()) }),
            );
        }
        values
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn adding_points_one_by_one_is_the_same_as_all_at_once(values in pieces(), every in 1..60_usize) {
        let mut history = History::new();
        for (t, value) in values.iter().enumerate() {
            history.push(*value);
            // Looking, and going on with a copy, changes nothing.
            if t % every == 0 {
                let _ = history.changes();
                history = history.clone();
            }
        }
        let same = |a: &ChangePoint, b: &ChangePoint| {
            let bits = |p: &ChangePoint| [p.size.to_bits(), p.size_low.to_bits(), p.size_high.to_bits()];
            (a.index, a.low, a.high, a.kind, a.tier) == (b.index, b.low, b.high, b.kind, b.tier) && bits(a) == bits(b)
        };
        let (once, often) = (detect(&values), history.changes());
        prop_assert_eq!(once.len(), often.len());
        prop_assert!(once.iter().zip(&often).all(|(a, b)| same(a, b)));
        prop_assert!(once.windows(2).all(|pair| pair[0].index <= pair[1].index));
        prop_assert!(once.iter().all(|point| point.index < values.len() && point.low <= point.index && point.index <= point.high));
    }

    #[test]
    fn the_unit_does_not_matter(values in pieces(), power in -30..30_i32) {
        let scaled: Vec<f64> = values.iter().map(|value| value * 2.0_f64.powi(power)).collect();
        let places = |values: &[f64]| detect(values).iter().map(|p| (p.index, p.kind, p.tier)).collect::<Vec<_>>();
        prop_assert_eq!(places(&values), places(&scaled));
    }
}
