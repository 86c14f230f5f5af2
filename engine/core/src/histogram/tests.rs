use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn of(values: &[u64]) -> Histogram {
    let mut h = Histogram::new();
    values.iter().for_each(|v| h.record(*v));
    h
}

fn close(got: u64, want: u64) -> bool {
    got.abs_diff(want) as f64 <= 0.001 * want as f64
}

#[test]
fn known_percentiles_of_one_to_ten_thousand() {
    let h = of(&(1..=10_000).map(|i| i * 1000).collect::<Vec<_>>());
    for (q, want) in [(0.0, 1000), (0.5, 5_000_000), (0.99, 9_900_000), (0.999, 9_990_000), (1.0, 10_000_000)] {
        let Some(Percentile::At(got)) = h.value_at_quantile(q) else { panic!("{q}") };
        assert!(close(got, want), "q {q}: got {got}, want {want}");
    }
    assert_eq!((h.count(), h.min(), h.max(), h.mean()), (10_000, Some(1000), Some(10_000_000), Some(5_000_500.0)));
    assert!((4_990..=5_010).contains(&h.count_at_most(5_000_000)));
}

#[test]
fn empty_and_cleared_say_nothing() {
    let mut h = Histogram::new();
    h.record_n(5, 0);
    h.record_censored_n(5, 0);
    assert!(h.is_empty());
    assert_eq!((h.min(), h.max(), h.mean(), h.value_at_quantile(0.5)), (None, None, None, None));
    h.record(7);
    h.record_censored(9);
    h.record(u64::MAX);
    assert_eq!(h.count(), 3);
    h.clear();
    assert_eq!(h, Histogram::new());
    assert_eq!(h.value_at_quantile(0.5), None);
}

#[test]
fn range_is_one_nanosecond_to_one_hour() {
    let h = of(&[0, 1, 2, HIGHEST]);
    assert_eq!(h.saturated_count(), 0);
    assert_eq!(h.value_at_quantile(0.25), Some(Percentile::At(0)));
    assert_eq!(h.value_at_quantile(0.5), Some(Percentile::At(1)));
    assert_eq!(h.value_at_quantile(1.0), Some(Percentile::At(HIGHEST)));
}

#[test]
fn beyond_an_hour_is_counted_and_never_passes_for_a_value() {
    let h = of(&[MS, MS, 2 * HIGHEST, u64::MAX]);
    assert_eq!((h.count(), h.saturated_count(), h.max()), (4, 2, Some(u64::MAX)));
    assert!(matches!(h.value_at_quantile(0.5), Some(Percentile::At(v)) if close(v, MS)));
    assert_eq!(h.value_at_quantile(0.75), Some(Percentile::Above(HIGHEST)));
    assert_eq!(h.count_at_most(u64::MAX), 2);
    // With censored values beside them too.
    let mut mixed = h;
    mixed.record_censored(2 * MS);
    assert_eq!(mixed.value_at_quantile(1.0), Some(Percentile::Above(HIGHEST)));
}

#[test]
fn a_percentile_in_the_censored_mass_is_a_bound() {
    // 90 answers of 1 ms, 10 time-outs at 2 s.
    let mut h = Histogram::new();
    h.record_n(MS, 90);
    h.record_censored_n(2000 * MS, 10);
    assert!(matches!(h.value_at_quantile(0.9), Some(Percentile::At(v)) if close(v, MS)));
    let Some(Percentile::Above(bound)) = h.value_at_quantile(0.91) else { panic!() };
    assert!(close(bound, 2000 * MS) && bound <= 2000 * MS);
    assert_eq!((h.count(), h.censored_count()), (100, 10));
    assert!((h.mean().unwrap() - (90.0 * 1e6 + 10.0 * 2e9) / 100.0).abs() < 1e-3);
}

#[test]
fn a_frozen_server_cannot_hide_behind_early_answers() {
    // 1,000/s for 10 s; frozen from half-time, cut off at the end: ages 0 .. 5 s, evenly. The median must not print 1 ms.
    let mut h = Histogram::new();
    h.record_n(MS, 5000);
    (0..5000).for_each(|i| h.record_censored(i * MS));
    assert!(matches!(h.value_at_quantile(0.5), Some(Percentile::Above(v) | Percentile::At(v)) if v <= MS + MS / 500));
    for (q, want) in [(0.6, 1000), (0.75, 2500), (0.99, 4900)] {
        let Some(Percentile::Above(bound)) = h.value_at_quantile(q) else { panic!("{q}") };
        assert!(close(bound, want * MS) || bound.abs_diff(want * MS) <= 2 * MS, "q {q}: > {bound}");
    }
}

#[test]
fn a_few_cut_off_early_do_not_blur_everything() {
    // A hundred thousand answers from 10 to 20 ms, and ten requests cut off right after they were sent.
    let mut h = of(&(0..100_000).map(|i| 10 * MS + i * 100).collect::<Vec<_>>());
    h.record_censored_n(MS, 10);
    assert!(matches!(h.value_at_quantile(0.5), Some(Percentile::At(v)) if v.abs_diff(15 * MS) < MS / 50));
    assert!(matches!(h.value_at_quantile(1.0), Some(Percentile::Above(v)) if v.abs_diff(20 * MS) < MS / 50));
    let (low, high) = h.quantile_bounds(0.999).unwrap();
    assert!(low <= high.unwrap());
}

#[test]
fn between_the_bounds_nothing_is_claimed() {
    // 900 of 1 ms and 50 of 1 s; 50 cut off at 2 ms may be anywhere beyond. Rank 920 is one of those or of the slow ones.
    let mut h = Histogram::new();
    h.record_n(MS, 900);
    h.record_n(1000 * MS, 50);
    h.record_censored_n(2 * MS, 50);
    assert!(matches!(h.value_at_quantile(0.92), Some(Percentile::Above(v)) if close(v, 2 * MS)));
    assert!(matches!(h.quantile_bounds(0.92), Some((_, Some(high))) if close(high, 1000 * MS)));
    // In one bucket the values that are known come first, as a censored one exceeds its age.
    let mut tied = of(&[5 * MS; 5]);
    tied.record_censored_n(5 * MS, 5);
    let (low, high) = tied.quantile_bounds(0.5).unwrap();
    assert_eq!(Some(low), high);
    assert!(matches!(tied.value_at_quantile(0.6), Some(Percentile::Above(_))));
}

#[test]
fn stored_form_is_small_and_frozen() {
    let mut h = of(&[0, 1000, 1000, 5 * MS]);
    h.record_censored(7 * MS);
    let text = serde_json::to_string(&h).unwrap();
    assert_eq!(
        text,
        r#"{"min":0,"max":7000000,"sum":"12002000","buckets":[[0,1],[1000,2],[4997120,1]],"censored":[[6995968,1]]}"#
    );
    assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), h);
    let blank = serde_json::to_string(&Histogram::new()).unwrap();
    assert_eq!(serde_json::from_str::<Histogram>(&blank).unwrap(), Histogram::new());
}

#[test]
fn damaged_data_are_refused() {
    for (text, part) in [
        (r#"{"min":1,"max":1,"sum":"1","buckets":[[9999999,1]]}"#, "no histogram bucket starts at 9999999 ns"),
        (r#"{"min":1,"max":1,"sum":"1","buckets":[[18446744073709551615,1]]}"#, "no histogram bucket"),
        (r#"{"min":1,"max":1,"sum":"1","buckets":[[1,0]]}"#, "list of buckets"),
        (r#"{"min":1,"max":2,"sum":"3","buckets":[[2,1],[1,1]]}"#, "list of buckets"),
        (r#"{"min":1,"max":3,"sum":"3","buckets":[[1,1],[2,1]]}"#, "smallest and largest"),
        (r#"{"min":null,"max":null,"sum":"3","buckets":[[1,1],[2,1]]}"#, "smallest and largest"),
        (r#"{"min":null,"max":null,"sum":"3","buckets":[]}"#, "smallest and largest"),
        (r#"{"min":1,"max":2,"sum":"9","buckets":[[1,1],[2,1]]}"#, "sum"),
        (r#"{"min":1,"max":2,"sum":"-1","buckets":[[1,1],[2,1]]}"#, "sum"),
        (r#"{"min":1,"max":2,"sum":"3","saturated":1,"buckets":[[1,1],[2,1]]}"#, "saturated"),
        (r#"{"min":1,"max":2,"sum":"3","buckets":[[1,18446744073709551615],[2,1]]}"#, "count"),
        (r#"{"min":1,"max":2,"sum":"3","buckets":[[1,1],[2,1]],"spare":0}"#, "unknown field"),
    ] {
        let error = serde_json::from_str::<Histogram>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

/// Something recorded: (value, times, censored).
fn entries() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let value = prop_oneof![0..5000_u64, 1000..10_000_000_000_u64, HIGHEST - 10..HIGHEST + 10, Just(u64::MAX)];
    prop::collection::vec((value, 1..1000_u64, prop::bool::weighted(0.2)), 0..40)
}

fn filled(entries: &[(u64, u64, bool)]) -> Histogram {
    let mut h = Histogram::new();
    for &(value, n, censored) in entries {
        if censored { h.record_censored_n(value, n) } else { h.record_n(value, n) }
    }
    h
}

fn merged(one: &Histogram, other: &Histogram) -> Histogram {
    let mut all = one.clone();
    all.merge(other);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merging_is_the_union_in_any_order(a in entries(), b in entries(), c in entries()) {
        let (x, y, z) = (filled(&a), filled(&b), filled(&c));
        prop_assert_eq!(&merged(&x, &y), &filled(&[a.clone(), b.clone()].concat()));
        prop_assert_eq!(&merged(&x, &y), &merged(&y, &x));
        prop_assert_eq!(&merged(&merged(&x, &y), &z), &merged(&x, &merged(&y, &z)));
    }

    #[test]
    fn the_stored_form_is_lossless(a in entries()) {
        let h = filled(&a);
        let text = serde_json::to_string(&h).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Histogram>(&text).unwrap(), &h);
        // Also through a `Value`, as the store does.
        prop_assert_eq!(serde_json::from_value::<Histogram>(serde_json::to_value(&h).unwrap()).unwrap(), h);
    }

    #[test]
    fn percentiles_match_sorting(mut values in prop::collection::vec(1..10_000_000_000_u64, 1..200), q in 0.0..=1.0_f64) {
        let h = of(&values);
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).max(1);
        let Some(Percentile::At(got)) = h.value_at_quantile(q) else { return Err(TestCaseError::fail("censored")) };
        let want = values[rank - 1];
        prop_assert!(got >= want && got as f64 <= want as f64 * 1.001 + 1.0, "{} {}", got, want);
    }

    #[test]
    fn bounds_hold_whatever_the_censored_values_were(a in entries(), more in 0..10_000_000_u64, q in 0.0..=1.0_f64) {
        // Reveal every censored value as its age and something: the true percentile lies within the bounds.
        let h = filled(&a);
        let mut truth: Vec<u64> = vec![];
        for &(value, n, censored) in &a {
            let value = if censored { value.saturating_add(more) } else { value };
            truth.extend(std::iter::repeat_n(value, n as usize));
        }
        truth.sort_unstable();
        if let Some((low, high)) = h.quantile_bounds(q) {
            let rank = ((q * truth.len() as f64).ceil() as usize).max(1);
            let value = truth[rank - 1];
            prop_assert!(low as f64 <= value as f64 * 1.001 + 1.0, "{} > {}", low, value);
            if let Some(high) = high {
                prop_assert!(high as f64 * 1.001 + 1.0 >= value as f64, "{} < {}", high, value);
            }
        }
    }
}
