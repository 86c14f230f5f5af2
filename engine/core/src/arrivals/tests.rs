use super::*;
use proptest::prelude::*;

fn constant(rate: f64) -> Schedule {
    Arrivals::Constant { rate }.schedule(0).unwrap()
}

fn poisson(rate: f64, seed: u64) -> Schedule {
    Arrivals::Poisson { rate }.schedule(seed).unwrap()
}

fn phases(lines: &[(f64, f64, f64)], spacing: Spacing, seed: u64) -> Schedule {
    let phases = lines.iter().map(|&(from, to, duration)| Phase { from, to, duration, spacing }).collect();
    Arrivals::Phases(phases).schedule(seed).unwrap()
}

fn ramp(from: f64, to: f64, duration: f64) -> Schedule {
    Arrivals::Ramp { from, to, duration, spacing: Spacing::Even }.schedule(0).unwrap()
}

/// Asymptotic p-value of the Kolmogorov-Smirnov distance between values in (0, 1) and the uniform law.
fn ks_p(mut uniform: Vec<f64>) -> f64 {
    uniform.sort_unstable_by(f64::total_cmp);
    let n = uniform.len() as f64;
    let distance =
        uniform.iter().enumerate().fold(0.0_f64, |d, (i, u)| d.max(u - i as f64 / n).max((i + 1) as f64 / n - u));
    let scaled = distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let terms = (1..100).map(f64::from).map(|k| {
        let sign = if k % 2.0 == 1.0 { 2.0 } else { -2.0 };
        sign * (-2.0 * k * k * scaled * scaled).exp()
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

#[test]
fn constant_is_a_metronome() {
    let s = constant(1000.0);
    for i in [0_u64, 1, 999, 86_400_000] {
        assert_eq!(s.time_of(i), Some(i as f64 / 1000.0));
    }
    assert_eq!((s.count_until(0.0), s.count_until(0.0005), s.count_until(10.0)), (0, 1, 10_000));
    assert_eq!((s.total(), s.duration(), s.rate_at(3.0)), (None, None, 1000.0));
    let never = constant(0.0);
    assert_eq!((never.time_of(0), never.count_until(1e9), never.cursor().next()), (None, 0, None));
}

#[test]
fn ramp_follows_the_integral() {
    // 0 to 100/s in 10 s: L(t) = 5 t^2, so arrival i is at sqrt(i / 5) and there are 500.
    let s = ramp(0.0, 100.0, 10.0);
    for i in [0_u64, 5, 20, 125, 499] {
        assert!((s.time_of(i).unwrap() - (i as f64 / 5.0).sqrt()).abs() < 1e-12, "{i}");
    }
    assert_eq!((s.time_of(500), s.total(), s.count_until(5.0)), (None, Some(500), 125));
    assert_eq!((s.rate_at(5.0), s.rate_at(10.0), s.rate_at(-1.0)), (50.0, 0.0, 0.0));
    // Downwards, the mirror image: L(t) = 100 t - 5 t^2.
    let down = ramp(100.0, 0.0, 10.0);
    assert!((down.time_of(375).unwrap() - 5.0).abs() < 1e-12);
    assert_eq!(down.total(), Some(500));
    // A slope too small to matter must not lose digits.
    let flat = ramp(1000.0, 1_000.000_000_001, 100.0);
    assert!((flat.time_of(50_000).unwrap() - 50.0).abs() < 1e-9);
}

#[test]
fn a_rate_of_zero_pauses_and_does_not_end() {
    let s = phases(&[(10.0, 10.0, 1.0), (0.0, 0.0, 5.0), (10.0, 0.0, 2.0), (0.0, 10.0, 2.0)], Spacing::Even, 0);
    assert_eq!(s.total(), Some(30));
    // Arrival 10 is due when the integral passes 10: after the pause, not at its start.
    assert!((s.time_of(9).unwrap() - 0.9).abs() < 1e-12);
    assert!((s.time_of(10).unwrap() - 6.0).abs() < 1e-12);
    assert!((s.time_of(20).unwrap() - 8.0).abs() < 1e-12);
    assert_eq!((s.count_until(1.0), s.count_until(5.9), s.count_until(6.01)), (10, 10, 11));
    let late = phases(&[(0.0, 0.0, 5.0), (1.0, 1.0, 1.0)], Spacing::Even, 0);
    assert_eq!((late.time_of(0), late.total()), (Some(5.0), Some(1)));
}

#[test]
fn impossible_models_are_refused() {
    for rate in [-1.0, f64::NAN, f64::INFINITY, 2e9] {
        assert!(matches!(Arrivals::Constant { rate }.schedule(0), Err(ArrivalsError::Rate(_))), "{rate}");
    }
    for duration in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let ramp = Arrivals::Ramp { from: 1.0, to: 2.0, duration, spacing: Spacing::Even };
        assert!(matches!(ramp.schedule(0), Err(ArrivalsError::Duration(_))), "{duration}");
    }
    assert_eq!(Arrivals::Phases(vec![]).schedule(0), Err(ArrivalsError::NoPhase));
    let phase = |spacing| Phase { from: 1.0, to: 1.0, duration: 1.0, spacing };
    let mixed = Arrivals::Phases(vec![phase(Spacing::Even), phase(Spacing::Poisson)]);
    assert_eq!(mixed.schedule(0), Err(ArrivalsError::MixedSpacing));
}

#[test]
fn a_model_survives_json() {
    let text = r#"{"phases":[{"from":0.0,"to":200.0,"duration":30.0},{"from":200.0,"to":200.0,"duration":60.0}]}"#;
    let model: Arrivals = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::from_str::<Arrivals>(&serde_json::to_string(&model).unwrap()).unwrap(), model);
    assert_eq!(model.schedule(0).unwrap().total(), Some(15_000));
}

#[test]
fn poisson_gaps_are_exponential_and_independent() {
    for seed in 0..5 {
        let times: Vec<f64> = poisson(50.0, seed).cursor().take(20_000).map(|(_, t)| t).collect();
        let gaps: Vec<f64> = std::iter::once(times[0]).chain(times.windows(2).map(|w| w[1] - w[0])).collect();
        let p = ks_p(gaps.iter().map(|gap| 1.0 - (-50.0 * gap).exp()).collect());
        assert!(p > 0.01, "seed {seed}: KS p {p}");
        // Neighbouring gaps do not correlate, also across blocks: |r| below 3.3 / sqrt(n).
        let centred: Vec<f64> = gaps.iter().map(|gap| 50.0 * gap - 1.0).collect();
        let r = centred.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / 20_000.0;
        assert!(r.abs() < 0.0234, "seed {seed}: r {r}");
    }
}

#[test]
fn poisson_blocks_have_the_right_totals() {
    // Between blocks, in all the tree: block totals are Gamma(256), so mean 256 and variance 256, uncorrelated.
    let s = poisson(1.0, 9);
    let edge = |block: u64| s.time_of(block * 256 + 255).unwrap();
    let totals: Vec<f64> = (0..2000).map(|b| (edge(b + 1) - edge(b) - 256.0) / 16.0).collect();
    let mean = totals.iter().sum::<f64>() / 2000.0;
    let variance = totals.iter().map(|v| v * v).sum::<f64>() / 2000.0;
    let r = totals.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / 2000.0;
    assert!(mean.abs() < 0.075 && (variance - 1.0).abs() < 0.11 && r.abs() < 0.075, "{mean} {variance} {r}");
    // Counts in windows have variance equal to their mean.
    let counts: Vec<f64> = (0..1000_u64)
        .map(|w| {
            let at = |k: u64| s.count_until(100.0 * k as f64) as f64;
            at(w + 1) - at(w) - 100.0
        })
        .collect();
    let dispersion = counts.iter().map(|c| c * c).sum::<f64>() / 1000.0 / 100.0;
    assert!((dispersion - 1.0).abs() < 0.15, "{dispersion}");
}

#[test]
fn far_points_cost_no_walk_and_keep_the_mean_rate() {
    let s = poisson(1e6, 3);
    for exponent in [20, 30, 40] {
        let i = 1_u64 << exponent;
        let expected = i as f64 / 1e6;
        let error = (s.time_of(i).unwrap() - expected) * 1e6 / (i as f64).sqrt();
        assert!(error.abs() < 4.0, "2^{exponent}: {error} standard errors");
        assert_eq!(s.count_until(s.time_of(i).unwrap()), i);
    }
}

#[test]
fn a_poisson_ramp_is_exact() {
    // 0 to 1000/s in 20 s: 10,000 on average, and given their number the times follow (t / 20)^2.
    let model = Arrivals::Ramp { from: 0.0, to: 1000.0, duration: 20.0, spacing: Spacing::Poisson };
    for seed in 0..3 {
        let times: Vec<f64> = model.schedule(seed).unwrap().cursor().map(|(_, t)| t).collect();
        assert!((times.len() as f64 - 10_000.0).abs() < 400.0, "{}", times.len());
        let p = ks_p(times.iter().map(|t| (t / 20.0).powi(2)).collect());
        assert!(p > 0.01, "seed {seed}: KS p {p}");
    }
}

#[test]
fn a_seed_replays_for_ever() {
    // Frozen: a change here breaks the replay of stored runs. Rounded, as logarithms may differ in the last bit.
    let times: Vec<i64> =
        [0, 1, 1000, 1_000_000].iter().map(|i| (poisson(1.0, 42).time_of(*i).unwrap() * 1e6).round() as i64).collect();
    assert_eq!(times, FROZEN);
    assert_ne!(poisson(1.0, 43).time_of(0), poisson(1.0, 42).time_of(0));
}
const FROZEN: [i64; 4] = [2_577_296, 3_646_234, 935_240_545, 999_650_703_468];

fn models() -> impl Strategy<Value = Schedule> {
    let rate = prop_oneof![Just(0.0), 0.1..2000.0_f64];
    let line = (rate.clone(), rate, 0.01..20.0_f64);
    let spacing = prop_oneof![Just(Spacing::Even), Just(Spacing::Poisson)];
    (prop::collection::vec(line, 1..5), spacing, any::<u64>()).prop_map(|(l, spacing, seed)| phases(&l, spacing, seed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cursor_is_the_function_and_rises(s in models()) {
        let mut last = 0.0;
        for (n, (i, t)) in s.cursor().take(3000).enumerate() {
            prop_assert_eq!(n as u64, i);
            prop_assert!(t >= last && t <= s.duration().unwrap());
            if n % 97 == 0 {
                prop_assert_eq!(s.time_of(i), Some(t));
            }
            last = t;
        }
    }

    #[test]
    fn stripes_are_the_schedule(s in models(), sources in 1..7_u64) {
        let mut all: Vec<(u64, f64)> = (0..sources).flat_map(|k| s.striped(k, sources).take(400)).collect();
        all.sort_unstable_by_key(|(i, _)| *i);
        let complete = (400 * sources) as usize;
        let whole: Vec<(u64, f64)> = s.cursor().take(complete).collect();
        prop_assert_eq!(all, whole);
    }

    #[test]
    fn count_and_time_agree(s in models(), share in 0.0..1.0_f64) {
        let at = share * s.duration().unwrap();
        let count = s.count_until(at);
        prop_assert!(count == 0 || s.time_of(count - 1).unwrap() < at);
        prop_assert!(s.time_of(count).is_none_or(|t| t >= at));
        let total = s.total().unwrap();
        prop_assert!(count <= total && s.time_of(total).is_none());
        prop_assert_eq!(s.cursor().nth(total as usize), None);
    }

    #[test]
    fn even_counts_equal_the_integral(from in 0.0..1000.0_f64, to in 0.0..1000.0_f64, duration in 0.1..50.0_f64, share in 0.0..1.0_f64) {
        let t = share * duration;
        let integral = from * t + 0.5 * (to - from) / duration * t * t;
        let count = ramp(from, to, duration).count_until(t) as f64;
        prop_assert!((count - integral.ceil()).abs() <= f64::from(u8::from((integral - integral.round()).abs() < 1e-6)), "{} {}", count, integral);
    }
}
