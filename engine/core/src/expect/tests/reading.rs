//! The grammar, its errors, and what `engine check` asks.

use proptest::prelude::*;

use super::super::*;
use crate::judgement::Severity;
use crate::measurement::Stat;
use crate::series::Labels;
use crate::unit::Unit;

/// Every expectation that the shipped scenarios and the documents hold.
const WRITTEN: [&str; 43] = [
    "l3_size > 1 MiB",
    "median < 50 ms",
    "latency.p99 < 5 ms @warn",
    "latency{depth=1,block=4 KiB}.p99 < 250 us",
    "iops{depth=32,block=4 KiB} >= 400_000/s",
    "iops{depth=128} >= 1.0 * iops{depth=32}",
    "cpu_per_io.median < 8 us @warn",
    "rate >= 6.5 GB/s",
    "wall <= 1.02 * reference",
    "wall <= 1.05 * reference",
    "peak_memory <= 1.05 * reference",
    "exit == 0",
    "response.p99 < 1 s",
    "rate >= 0.99 * target",
    "errors < 1 %",
    "response{name=POST /orders}.p95 < 300 ms",
    "response{name=POST /orders,phase=steady}.p99 < 1 s",
    "response{name=product}.p95 < 300 ms",
    "response.p99.9[10 s] < 2 s for 2 windows @abort",
    "response.p99[10 s] < 2 s for 2 windows @abort",
    "response.p99[1 min] < 500 ms for 3 windows @abort",
    "errors[1 min] < 0.5 %",
    "response.p95.slope < 5 ms/h",
    "shop.rss.slope < 1 MiB/h",
    "shop.fds.slope < 1/h",
    "response.p99 < 200 ms",
    "errors < 0.1 %",
    "lag.p99 < 5 ms",
    "capacity >= 1500/s",
    "capacity >= 1500 1/s",
    "response.p95 <= 1.10 * baseline within 20 s",
    "recover < 15 s",
    "errors < 20 %",
    "lost == 0",
    "decode.p95 < 2 ms",
    "bytes_per_step.median < 10 MiB",
    "response.p95 < 500 ms",
    "host.cpu < 80 %",
    "host.memory < 75 %",
    "checks == 100 %",
    "list.time.max<800ms@warn",
    "p99.99 <= 2 * baseline",
    "latency{name=\"GET /a,b}\"}.spread != 5 %",
];

fn claim(text: &str) -> Claim {
    Expectation::parse(text).unwrap_or_else(|error| panic!("{error}")).claim().clone()
}

#[test]
fn everything_that_is_written_somewhere_is_read_and_written_back() {
    for text in WRITTEN {
        let read = claim(text);
        assert_eq!(claim(&read.to_string()), read, "{text} -> {read}");
        assert_eq!(claim(&read.to_string()).to_string(), read.to_string(), "{text}");
    }
}

#[test]
fn parts_are_told_apart() {
    let read = claim(
        "response{name=POST /orders,phase=steady}.p99.9.slope[10 s] <= 1.05 * reference for 2 windows within 20 s @warn",
    );
    assert_eq!(read.left.metric.as_deref(), Some("response"));
    assert_eq!(read.left.labels, Labels::new().with("name", "POST /orders").with("phase", "steady"));
    assert_eq!((read.left.stat, read.left.slope), (Some(Stat::Percentile(99.9)), true));
    assert_eq!(read.left.window.map(|window| window.quantity.value), Some(10.0));
    assert_eq!((read.op, read.right.len(), &read.right[1]), (Op::AtMost, 2, &Value::Reference));
    assert_eq!((read.windows, read.within.map(|time| time.quantity.value)), (Some(2), Some(20.0)));
    assert_eq!(read.severity, Severity::Warn);
}

#[test]
fn the_statistic_is_the_longest_tail() {
    let table: [(&str, Option<&str>, Option<Stat>, bool); 9] = [
        ("decode.p95", Some("decode"), Some(Stat::Percentile(95.0)), false),
        ("shop.rss.slope", Some("shop.rss"), None, true),
        ("response.p99.9", Some("response"), Some(Stat::Percentile(99.9)), false),
        ("p99.9", None, Some(Stat::Percentile(99.9)), false),
        ("median", None, Some(Stat::Median), false),
        ("median.slope", None, Some(Stat::Median), true),
        ("host.cpu", Some("host.cpu"), None, false),
        ("a.b.n", Some("a.b"), Some(Stat::Count), false),
        ("slope_of.medians", Some("slope_of.medians"), None, false),
    ];
    for (text, metric, stat, slope) in table {
        let left = claim(&format!("{text} < 1")).left;
        assert_eq!((left.metric.as_deref(), left.stat, left.slope), (metric, stat, slope), "{text}");
        assert_eq!(is_reserved_metric(text), stat.is_some() || slope, "{text}");
    }
    assert!(is_reserved_metric("baseline"));
}

#[test]
fn what_is_wrong_is_named_with_its_column() {
    let table = [
        ("", 1, "expected a metric or a statistic, found the end"),
        ("< 5 ms", 1, "found `<`"),
        ("wall =< 5 ms", 6, "found `=<`, did you mean `<=`?"),
        ("wall = 5 ms", 6, "did you mean `==`?"),
        ("wall 5 ms", 6, "expected a comparison (`<`, `<=`, `>`, `>=`, `==`, `!=`), found `5`"),
        ("wall <", 7, "expected a number, `baseline`, `reference`, `expected`, `target` or a metric, found the end"),
        ("wall < 5 mss", 8, "unknown unit `mss` in `5 mss`, did you mean `ms`?"),
        ("wall < 5 gib", 8, "did you mean `GiB`?"),
        ("wall < 5 ms @wrn", 14, "found `wrn`, did you mean `warn`?"),
        ("wall < 5 ms witin 3 s", 13, "found `witin`, did you mean `within`?"),
        ("wall < 5 ms within 3 MiB", 20, "`within` must be a time above zero, got `3 MiB`"),
        ("wall[10 s] < 5 ms for 0 windows", 23, "expected a number of windows from 1, found `0`"),
        ("wall[10 s] < 5 ms for 2 widnows", 25, "found `widnows`, did you mean `windows`?"),
        ("wall < 5 ms for 2 windows", 13, "`for` counts windows, and `wall` has none: write `wall[10 s] ..`"),
        ("wall[10 MiB] < 5 ms", 6, "a window must be a time above zero, got `10 MiB`"),
        ("wall[10 s < 5 ms", 17, "expected `]` behind the window, found the end"),
        ("wall{depth} < 5 ms", 11, "expected `=` behind the label `depth`"),
        ("wall{a=1,a=2} < 5 ms", 10, "label `a` is named twice"),
        ("wall{a=1} p99 < 5 ms", 11, "expected a comparison"),
        ("wall{a=1}.p9x < 5 ms", 11, "expected a statistic"),
        ("wall.p99{a=1} < 5 ms", 9, "the labels before the statistic (`wall{..}.p99`)"),
        ("wall..p99 < 5 ms", 1, "without an empty part between dots"),
        ("wall <= 1.02 * reference.p99", 16, "`reference` alone"),
        ("wall < 5 ms 6 ms", 13, "expected `*`, `for N windows`"),
        ("wall < 5 ms @warn @abort", 19, "`@` stands here for the second time"),
        ("µ < 5", 1, "found `µ`"),
        ("wall{a=é} = 5", 11, "did you mean `==`?"),
    ];
    for (text, column, message) in table {
        let error = Expectation::parse(text).unwrap_err();
        assert_eq!(error.column, column, "{error}");
        assert!(error.to_string().contains(message), "{error}\nshould hold: {message}");
        assert!(text.is_char_boundary(error.offset));
    }
}

#[test]
fn unknown_metrics_are_named_with_the_nearest() {
    let check = |text: &str, known: &[&str]| Expectation::parse(text).unwrap().check_metrics(known);
    assert_eq!(check("wall <= 1.02 * reference", &["wall"]), Ok(()));
    assert_eq!(check("host.cpu < 80 %", &[]), Ok(()));
    assert_eq!(check("median < 5 ms", &[]), Ok(()), "the primary metric");
    let error = check("latncy.p99 < 5 ms", &["latency", "iops"]).unwrap_err();
    assert_eq!(error.problem.to_string(), "unknown metric `latncy`, did you mean `latency`?");
    let error = check("iops >= 2 * ipos{depth=1}", &["latency", "iops"]).unwrap_err();
    assert_eq!((error.column, error.problem.to_string().as_str()), (13, "unknown metric `ipos`, did you mean `iops`?"));
    let error = check("wall <= 1.02 * refrence", &["wall"]).unwrap_err();
    assert_eq!(error.problem.to_string(), "unknown metric `refrence`, did you mean `reference`?");
    let error = check("zzz < 5", &["latency", "iops"]).unwrap_err();
    assert_eq!(error.problem.to_string(), "unknown metric `zzz`: the step records `latency`, `iops`");
}

#[test]
fn units_of_both_sides_must_agree() {
    let check = |text: &str| {
        let unit_of = |metric: Option<&str>| match metric {
            None | Some("latency" | "wall") => Some(Unit::Seconds),
            Some("iops") => Some(Unit::PerSecond),
            Some("rate") => Some(Unit::BytesPerSecond),
            Some("size") => Some(Unit::Bytes),
            Some("exit") => Some(Unit::Count),
            Some("errors") => Some(Unit::Ratio),
            _ => None,
        };
        Expectation::parse(text).unwrap().check_units(unit_of).map_err(|error| error.problem.to_string())
    };
    for right in [
        "latency.p99 < 5 ms",
        "median < 5 ms",
        "n > 100",
        "latency.spread < 5 %",
        "latency.slope < 5 ms/h",
        "size.slope < 1 MiB/h",
        "wall <= 1.02 * reference",
        "iops >= 400_000/s",
        "size <= 3 s * rate",
        "iops >= 2 * iops{depth=1}",
        "exit == 0",
        "errors < 0.1 %",
        "errors < 0.01",
        "errors == 0",
        "host.cpu < 80 %",
        "unheard_of < 5 ms",
        "iops >= 0.99 * target",
        "wall <= 105 % * baseline",
    ] {
        assert_eq!(check(right), Ok(()), "{right}");
    }
    for (wrong, message) in [
        ("latency.p99 < 5 MiB", "`latency.p99` is a time and `5 MiB` is a size: they cannot be compared"),
        ("median < 50", "`median` is a time and `50` has no unit: write `50 ms` or `50 s`"),
        ("iops >= 400000", "`iops` is a rate and `400000` has no unit: write `400000/s`"),
        ("size < 5", "`size` is a size and `5` has no unit: write `5 MiB` or `5 MB`"),
        ("exit == 5 %", "`exit` is a plain number and `5 %` is a share: they cannot be compared"),
        ("exit == 5 ms", "`exit` is a plain number and `5 ms` is a time: they cannot be compared"),
        ("errors < 5", "`errors` is a share and `5` has no unit: write `5 %`"),
        ("latency.slope < 5 ms", "`latency.slope` is a plain number and `5 ms` is a time: they cannot be compared"),
        (
            "wall <= 5 ms * reference",
            "`wall` is a time and `5 ms * reference` is a quantity in s^2: they cannot be compared",
        ),
        ("latency < 2 * iops", "`latency` is a time and `2 * iops` is a rate: they cannot be compared"),
    ] {
        assert_eq!(check(wrong), Err(message.to_owned()), "{wrong}");
    }
}

fn amounts(units: &'static [&'static str]) -> impl Strategy<Value = String> {
    (prop_oneof![0.0..1e6f64, Just(1e21), Just(0.1)], prop::sample::select(units))
        .prop_map(|(number, unit)| format!("{number} {unit}"))
}

fn selectors() -> impl Strategy<Value = Selector> {
    let name = "[a-z_][a-z0-9_-]{0,6}(\\.[a-z_][a-z0-9_-]{0,5}){0,2}"
        .prop_filter("reads as a statistic or a word", |name| !is_reserved_metric(name));
    let labels = prop::collection::btree_map("[a-z_]{1,6}", "[ -~é]{0,8}", 0..3).prop_map(Labels);
    let stat = prop::option::of(prop_oneof![
        Just(Stat::Median),
        Just(Stat::Count),
        Just(Stat::Last),
        (1u32..9999).prop_map(|p| Stat::Percentile(f64::from(p) / 100.0)),
    ]);
    (prop::option::of(name), labels, stat, any::<bool>()).prop_map(|(metric, labels, stat, slope)| Selector {
        labels: if metric.is_some() { labels } else { Labels::new() },
        stat: if metric.is_none() { stat.or(Some(Stat::Mean)) } else { stat },
        metric,
        slope,
        window: None,
    })
}

fn read_amount(text: &str) -> Amount {
    match &claim(&format!("x < {text}")).right[0] {
        Value::Amount(amount) => amount.clone(),
        other => panic!("{other}"),
    }
}

fn claims() -> impl Strategy<Value = Claim> {
    let value = prop_oneof![
        amounts(&["", "ms", "MiB", "GB/s", "/s", "%", "µs", "1/s"]).prop_map(|text| Value::Amount(read_amount(&text))),
        Just(Value::Baseline),
        Just(Value::Reference),
        Just(Value::Target),
        Just(Value::Expected),
        selectors().prop_map(Value::Selector),
    ];
    let time = || prop::option::of(amounts(&["s", "min"]).prop_filter("zero", |text| !text.starts_with("0 ")));
    let op = prop::sample::select(vec![Op::Less, Op::AtMost, Op::Greater, Op::AtLeast, Op::Equal, Op::Unequal]);
    let severity = prop::sample::select(vec![Severity::Fail, Severity::Warn, Severity::Abort]);
    (selectors(), op, prop::collection::vec(value, 1..4), time(), prop::option::of(1u32..9), time(), severity).prop_map(
        |(left, op, right, window, windows, within, severity)| {
            let window = window.map(|text| read_amount(&text));
            let windows = windows.filter(|_| window.is_some());
            let within = within.map(|text| read_amount(&text));
            Claim { left: Selector { window, ..left }, op, right, windows, within, severity }
        },
    )
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,40}") {
        if let Err(error) = Expectation::parse(&text) {
            prop_assert!(text.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn reading_what_looks_right_never_panics(text in "[a-z]{0,5}[{.]?[a-z0-9=]{0,4}[}]?[\\[0-9 s\\]]{0,6} ?[<>=!]{0,2} ?[0-9.e+-]{0,5} ?[a-zA-Z%/*@]{0,8}") {
        let _ = Expectation::parse(&text);
    }

    #[test]
    fn the_canonical_text_reads_back_as_the_same(written in claims()) {
        let text = written.to_string();
        let read = Expectation::parse(&text);
        prop_assert!(read.is_ok(), "{}: {:?}", text, read);
        let read = read.unwrap();
        prop_assert_eq!(read.claim(), &written, "{}", text);
    }
}
