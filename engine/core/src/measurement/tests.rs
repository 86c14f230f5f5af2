use super::*;
use crate::metric::MetricDef;

fn measurement(def: MetricDef, rounds: &[&[f64]]) -> Measurement {
    let rounds = rounds.iter().zip(0..).map(|(values, number)| Round {
        number,
        attempt: 0,
        at: 0.0,
        seconds: 1.0,
        taints: vec![],
        superseded: false,
        values: values.to_vec(),
        histogram: None,
    });
    Measurement { metric: def.metric(), labels: Labels::new(), rounds: rounds.collect() }
}

#[test]
fn a_capability_counts_with_its_best_and_a_cost_with_its_median() {
    let rounds: &[&[f64]] = &[&[1.0, 2.0, 9.0], &[2.0, 3.0, 4.0]];
    assert_eq!(measurement(MetricDef::rate("r", Unit::BytesPerSecond, ""), rounds).round_values(), [9.0, 4.0]);
    assert_eq!(measurement(MetricDef::floor("l", Unit::Seconds, ""), rounds).round_values(), [1.0, 2.0]);
    assert_eq!(measurement(MetricDef::cost("t", Unit::Seconds, ""), rounds).round_values(), [2.0, 3.0]);
}

#[test]
fn a_superseded_round_is_kept_and_does_not_count() {
    let mut m = measurement(MetricDef::cost("t", Unit::Seconds, ""), &[&[100.0], &[1.0], &[2.0], &[3.0]]);
    m.rounds[0].superseded = true;
    assert_eq!(m.estimate().map(|e| (e.value, e.rounds)), Some((2.0, 3)));
    assert_eq!(m.rounds.len(), 4);
}

#[test]
fn no_interval_below_five_rounds() {
    let four = measurement(MetricDef::cost("t", Unit::Seconds, ""), &[&[1.0], &[2.0], &[3.0], &[4.0]]);
    assert_eq!(four.estimate().and_then(|e| e.interval), None);
    let five = measurement(MetricDef::cost("t", Unit::Seconds, ""), &[&[1.0], &[2.0], &[3.0], &[4.0], &[5.0]]);
    let interval = five.estimate().and_then(|e| e.interval).unwrap();
    // With five, the ends lie a part of the outermost gap outside: the range itself covers less than 95 %.
    assert!(interval.low > 0.5 && interval.low < 3.0 && interval.high > 3.0 && interval.high < 5.5);
}

fn load(nanos: impl Iterator<Item = u64>, cut_off_at: &[u64]) -> Measurement {
    let mut histogram = crate::histogram::Histogram::new();
    nanos.for_each(|value| histogram.record(value));
    cut_off_at.iter().for_each(|age| histogram.record_censored(*age));
    let metric = MetricDef::cost("response", Unit::Seconds, "").metric();
    let record = Record::latencies(metric.clone(), Labels::new(), histogram.into());
    let round = Round { seconds: 1.0, values: record.values, histogram: record.histogram, ..Round::default() };
    Measurement { metric, labels: Labels::new(), rounds: vec![round] }
}

#[test]
fn statistics_of_a_load_come_from_its_histogram() {
    // 1 ms to 1,000 ms, one each: the histogram keeps 0.1 %.
    let all = load((1..=1000).map(|k| k * 1_000_000), &[]);
    let of = |stat| all.statistic(stat).unwrap();
    for (stat, want) in [
        (Stat::Median, 0.5),
        (Stat::Percentile(99.0), 0.99),
        (Stat::Percentile(99.9), 0.999),
        (Stat::Mean, 0.5005),
        (Stat::Min, 0.001),
        (Stat::Max, 1.0),
        (Stat::Count, 1000.0),
    ] {
        assert!((of(stat).value / want - 1.0).abs() < 1.1e-3, "{stat}: {}", of(stat).value);
        assert_eq!((of(stat).samples, of(stat).rounds, of(stat).above), (1000, 1, false));
    }
    // Ranks 990 -+ 1.96 sqrt(9.9) = 983 .. 998.
    let interval = of(Stat::Percentile(99.0)).interval.unwrap();
    assert!((interval.low - 0.983).abs() < 2e-3 && (interval.high - 0.998).abs() < 2e-3, "{interval:?}");
    assert_eq!(of(Stat::Percentile(99.9)).interval, None, "a rank beyond the last is needed");
    let middle = of(Stat::Mean).interval.unwrap();
    assert!((middle.high - middle.low - 2.0 * 1.96 * 0.2888 / 1000_f64.sqrt()).abs() < 1e-3, "{middle:?}");
}

#[test]
fn a_percentile_among_what_was_cut_off_is_a_bound() {
    let half = load((1..=50).map(|k| k * 1_000_000), &[2_000_000_000; 50]);
    let median = half.statistic(Stat::Percentile(40.0)).unwrap();
    assert!((median.value - 0.040).abs() < 1e-4 && !median.above);
    let high = half.statistic(Stat::Percentile(90.0)).unwrap();
    assert!((high.value - 2.0).abs() < 2e-3 && high.above && high.interval.is_none(), "{high:?}");
}

#[test]
fn the_interval_of_a_percentile_covers_it() {
    // 400 draws of an exponential distribution, 200 times: the interval holds ln 20 in at least 92 % of them.
    let mut stream = crate::stats::Stream::new(5, &[1]);
    let truth = 20_f64.ln();
    let mut held = 0;
    for _ in 0..200 {
        let draws: Vec<u64> = (0..400).map(|_| (stream.exponential() * 1e9) as u64).collect();
        let found = load(draws.into_iter(), &[]).statistic(Stat::Percentile(95.0)).unwrap().interval.unwrap();
        held += usize::from(found.low <= truth && truth <= found.high);
    }
    assert!((184..=200).contains(&held), "{held} of 200");
}

#[test]
fn statistics_are_read_and_written() {
    for text in ["median", "mean", "min", "max", "n", "spread", "last", "p50", "p99", "p99.9", "p99.99"] {
        assert_eq!(text.parse::<Stat>().unwrap().to_string(), text);
    }
    for bad in ["p", "p0", "p100", "pinf", "avg", ""] {
        assert!(bad.parse::<Stat>().is_err(), "{bad}");
    }
}
