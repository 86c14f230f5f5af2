//! Expectations are read and checked where they are declared.

use crate::fakes::{check_error, look, plan};

#[test]
fn a_metric_must_exist() {
    check_error(
        "bench(#{ expect: [\"tim < 5 ms\"] }, cpu::primes());",
        1,
        20,
        "in expectation `tim < 5 ms`: unknown metric `tim`, did you mean `time`?",
    );
    check_error(
        "bench(#{ expect: [\"median < 50 ms\",\n  \"l4_size > 1 MiB\"] }, cache::latency());",
        2,
        4,
        "in expectation `l4_size > 1 MiB`: unknown metric `l4_size`, did you mean `l1_size`?",
    );
    check_error(
        "custom(\"x\", #{ expect: [\"decod.p95 < 2 ms\"] }, || timed(\"decode\", || 1));",
        1,
        26,
        "in expectation `decod.p95 < 2 ms`: unknown metric `decod`, did you mean `decode`?",
    );
    // What a script records under a computed name is not known beforehand.
    assert!(
        look("custom(\"x\", #{ expect: [\"decode < 2 ms\"] }, || { let n = \"decode\"; timed(n, || 1); });").is_good()
    );
    assert!(look("fn inner() { record(\"deep\", 1); } custom(\"x\", #{ expect: [\"deep < 2\"] }, || [1].for_each(|| inner()));").is_good());
}

#[test]
fn units_must_go_together() {
    check_error(
        "bench(#{ expect: [\"time < 5 MiB\"] }, cpu::primes());",
        1,
        27,
        "in expectation `time < 5 MiB`: `time` is a time and `5 MiB` is a size: they cannot be compared",
    );
    check_error(
        "bench(#{ expect: [\"median < 50\"] }, cpu::primes());",
        1,
        29,
        "in expectation `median < 50`: `median` is a time and `50` has no unit: write `50 ms` or `50 s`",
    );
    let checked = look("bench(#{ expect: [\"time < 5 mss\"] }, cpu::primes());");
    assert!(checked.diagnostics[0].message.contains("did you mean `ms`?"), "{:?}", checked.diagnostics[0]);
}

#[test]
fn the_grammar_is_checked_in_the_text_even_where_nothing_runs() {
    let checked = look("bench(cpu::primes());\nfn never() { bench(\"x\", #{ expect: [\"time <\"] }, cpu::primes()) }");
    assert_eq!((checked.diagnostics[0].place.line, checked.diagnostics[0].code), (2, "expectation"));
    assert_eq!(checked.diagnostics.len(), 1);
}

#[test]
fn a_reference_needs_cases() {
    check_error(
        "bench(#{ expect: [\"time <= 1.02 * reference\"] }, cpu::primes());",
        1,
        19,
        "in expectation `time <= 1.02 * reference`: `reference` needs a case to compare with",
    );
}

#[test]
fn a_plan_keeps_them_with_their_places() {
    let plan = plan("bench(#{ expect: [\"median < 50 ms\", \"host.cpu < 80 % @warn\"] }, cpu::primes());");
    let kept: Vec<_> =
        plan.declarations[0].expect.iter().map(|e| (e.text.as_str(), e.place.as_ref().unwrap().column)).collect();
    assert_eq!(kept, [("median < 50 ms", 19), ("host.cpu < 80 % @warn", 37)]);
}

#[test]
fn a_step_has_only_its_own_metrics() {
    check_error(
        "custom(\"a\", || timed(\"parse\", || 1));\ncustom(\"b\", #{ expect: [\"parse < 1 s\"] }, || timed(\"print\", || 1));",
        2,
        26,
        "in expectation `parse < 1 s`: unknown metric `parse`: the step records `print`",
    );
}
