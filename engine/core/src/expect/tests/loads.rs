//! Judging loads: sums, phases, endpoints, windows, slopes and the planned rate.

use super::super::*;
use crate::histogram::{Histogram, Packed};
use crate::judgement::{Judged, Judgement};
use crate::load::{LoadShape, LoadWindow, METRICS, WARM_UP, WindowRow, metric_of};
use crate::measurement::{Measurement, Record, Round};
use crate::plan::{Declaration, PlannedStep, Profile, Rounds, Warmup, Work};
use crate::run::StepRecord;
use crate::series::Labels;
use crate::step::Outcome;

/// `count` latencies, evenly from 1 ms to `most` ms.
fn latencies(count: u64, most: u64) -> Packed {
    let mut all = Histogram::new();
    (0..count).for_each(|k| all.record(1_000_000 + k * (most - 1) * 1_000_000 / count.max(2)));
    all.into()
}

fn labels(of: &[(&str, &str)]) -> Labels {
    of.iter().copied().collect::<Labels>().with("driver", "epoll")
}

fn of(record: Record) -> Measurement {
    let round = Round { seconds: 60.0, values: record.values, histogram: record.histogram, ..Round::default() };
    Measurement { metric: record.metric, labels: record.labels, rounds: vec![round] }
}

fn response(of_labels: &[(&str, &str)], histogram: Packed) -> Measurement {
    of(Record::latencies(METRICS[0].metric(), labels(of_labels), histogram))
}

fn number(id: &str, of_labels: &[(&str, &str)], value: f64) -> Measurement {
    of(Record::value(metric_of(id).unwrap().metric(), labels(of_labels), value))
}

/// A window of `ok` and `failed` requests that took `millis`.
fn window(at: u32, phase: &str, millis: u64, ok: u64, failed: u64) -> LoadWindow {
    let mut response = Histogram::new();
    response.record_n(millis * 1_000_000, ok + failed);
    let row = |labels: Labels| WindowRow {
        labels,
        started: ok + failed,
        ok,
        failed,
        response: (ok + failed > 0).then(|| Packed::from(&response)),
        ..WindowRow::default()
    };
    let rows = vec![row(Labels::new()), row(Labels::new().with("name", "GET /a"))];
    LoadWindow { step: 0, round: 0, at: f64::from(at), seconds: 1.0, rows, users: 3, phase: phase.into() }
}

fn load(measurements: Vec<Measurement>, windows: Vec<LoadWindow>) -> StepRecord {
    let plan = PlannedStep {
        name: "shop".into(),
        labels: Labels::new(),
        work: Work::Load { index: 0, shape: LoadShape::default() },
        rounds: Rounds::Exact(1),
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 100.0,
        budget: None,
        method: 0,
        estimate: 60.0,
    };
    StepRecord { plan, outcome: Some(Outcome::Measured), stop: None, measurements, windows }
}

fn judged(text: &str, step: &StepRecord) -> Judged {
    let declaration = Declaration { name: "shop".into(), expect: vec![], reference: None, tags: vec![], place: None };
    let context = Context {
        declaration: &declaration,
        profile: Profile::Default,
        baseline: None,
        expected: None,
        host: &[],
        place: None,
    };
    judge(&Expectation::parse(text).unwrap(), &[step], &context)
}

#[track_caller]
fn expects(step: &StepRecord, cases: &[(&str, Judgement)]) {
    for (text, want) in cases {
        let found = judged(text, step);
        assert_eq!(found.judgement, *want, "{text}: {}", found.reason);
    }
}

use Judgement::{Fail, Pass, Unsure};

#[test]
fn the_total_is_meant_unless_a_part_is_named() {
    let step = load(
        vec![
            response(&[], latencies(20_000, 100)),
            response(&[("phase", "steady")], latencies(20_000, 50)),
            response(&[("phase", "spike")], latencies(20_000, 400)),
            response(&[("name", "POST /orders")], latencies(20_000, 900)),
            response(&[("name", "POST /orders"), ("phase", "spike")], latencies(20_000, 2000)),
            number("rate", &[], 99.5),
            number("rate", &[("phase", "steady")], 120.0),
            number("errors", &[], 0.0005),
        ],
        vec![],
    );
    expects(
        &step,
        &[
            ("response.p99 < 110 ms", Pass),
            ("response.p99 < 90 ms", Fail),
            ("response{phase=steady}.p99 < 60 ms", Pass),
            ("response{phase=spike}.p95 < 300 ms", Fail),
            ("response{name=POST /orders}.p95 < 300 ms", Fail),
            ("response{name=POST /orders}.p95 < 1 s", Pass),
            ("response{name=POST /orders,phase=spike}.p95 < 1 s", Fail),
            ("p99 < 110 ms", Pass),
            ("response.max <= 100 ms", Pass),
            ("rate >= 99/s", Pass),
            ("rate{phase=steady} > 110/s", Pass),
            ("errors < 0.1 %", Pass),
            ("errors < 0.01 %", Fail),
            ("response{name=GET /none}.p99 < 1 s", Fail),
            ("tls.p99 < 1 s", Fail),
            ("response.p99[5 s] < 1 s", Fail), // It kept no window.
        ],
    );
    let unknown = judged("response{name=GET /none}.p99 < 1 s", &step);
    assert!(unknown.reason.contains("`name` is one of `POST /orders`"), "{}", unknown.reason);
}

#[test]
fn few_requests_are_judged_on_what_they_prove() {
    let few = load(vec![response(&[], latencies(1000, 1000)), number("errors", &[], 0.0)], vec![]);
    expects(
        &few,
        &[
            ("response.p99 < 1 s", Pass),
            ("response.p99 < 992 ms", Unsure),
            ("response.p99 < 900 ms", Fail),
            ("response.p99.9 < 1001 ms", Unsure), // The upper rank is beyond the last of them.
            ("response.p99.9 < 900 ms", Fail),
            ("response.mean < 600 ms", Pass),
            ("response.mean < 500 ms", Unsure),
            // None of 1,000 failed: up to 0.38 % might.
            ("errors < 1 %", Pass),
            ("errors < 0.1 %", Unsure),
            ("errors == 0 %", Pass),
        ],
    );
    let reason = judged("response.p99.9 < 1001 ms", &few).reason;
    assert!(reason.contains("1000 requests are too few for an upper bound"), "{reason}");
}

#[test]
fn what_was_cut_off_passes_nothing_and_fails_what_it_exceeds() {
    let mut all = Histogram::new();
    all.record_n(1_000_000, 18_000);
    all.record_censored_n(2_000_000_000, 2000);
    let step = load(vec![response(&[], all.into())], vec![]);
    expects(
        &step,
        &[
            ("response.p50 < 2 ms", Pass),
            ("response.p99 < 1 s", Fail),
            ("response.p99 < 3 s", Unsure),
            ("response.p99 > 1 s", Pass),
        ],
    );
    assert!(judged("response.p99 < 3 s", &step).reason.contains("> 2 s"), "{:?}", judged("response.p99 < 3 s", &step));
}

#[test]
fn windows_count_in_a_row_and_the_warm_up_does_not() {
    let millis = |at: u32| match at {
        0..=2 => 9000,
        13..=16 => 3000,
        24 => 2500,
        _ => 100,
    };
    let phase = |at: u32| {
        if at < 3 {
            WARM_UP
        } else if at < 20 {
            "a"
        } else {
            "b"
        }
    };
    let windows: Vec<LoadWindow> = (0..30).map(|at| window(at, phase(at), millis(at), 10, 0)).collect();
    let step = load(vec![response(&[], latencies(300, 100))], windows);
    expects(
        &step,
        &[
            ("response.p99[1 s] < 2 s", Fail),
            ("response.p99[1 s] < 2 s for 4 windows", Fail),
            ("response.p99[1 s] < 2 s for 5 windows", Pass),
            ("response.p99[1 s] < 4 s", Pass),
            ("response.p50[9 s] < 2 s", Pass), // 4 of 9 seconds are slow at most.
            ("response.p95[9 s] < 2 s", Fail),
            ("response{phase=b}.p99[1 s] < 2 s", Fail),
            ("response{phase=b}.p99[1 s] < 2 s for 2 windows", Pass),
            ("response{name=GET /a}.p99[1 s] < 4 s", Pass),
            ("response{name=GET /b}.p99[1 s] < 4 s", Fail),
            ("rate[5 s] >= 10/s", Pass),
            ("rate[5 s] > 10/s", Fail),
            ("errors[5 s] < 1 %", Pass),
            ("availability[10 s] >= 99 %", Pass),
            ("tls.p99[5 s] < 1 s", Fail),
        ],
    );
    let reason = judged("response.p99[1 s] < 2 s for 4 windows", &step).reason;
    assert!(reason.contains("4 windows in a row, known 17 s after the start; worst 3 s at 13 s"), "{reason}");
}

#[test]
fn a_window_in_which_nothing_ended_while_users_wait_breaks_it() {
    let windows = (0..10).map(|at| window(at, "a", 10, if (4..7).contains(&at) { 0 } else { 5 }, 0)).collect();
    let step = load(vec![response(&[], latencies(30, 10))], windows);
    expects(&step, &[("response.p99[1 s] < 1 s for 3 windows", Fail), ("response.p99[1 s] < 1 s for 4 windows", Pass)]);
}

#[test]
fn a_load_that_runs_is_judged_on_whole_windows_only() {
    let mut step = load(vec![], (0..7).map(|at| window(at, "a", if at >= 5 { 3000 } else { 10 }, 5, 0)).collect());
    step.outcome = None;
    expects(&step, &[("response.p99[5 s] < 1 s", Pass)]);
    step.windows.extend((7..10).map(|at| window(at, "a", 10, 5, 0)));
    expects(&step, &[("response.p99[5 s] < 1 s", Fail)]);
}

#[test]
fn a_slope_is_a_change_per_time_with_its_interval() {
    // 1 s, and 10 ms more each minute: 600 ms in an hour.
    let windows = |per_minute: f64| -> Vec<LoadWindow> {
        let millis = |at: u32| 1000 + ((at as f64 / 60.0) * per_minute) as u64 + u64::from(at % 3);
        (0..600).map(|at| window(at, "a", millis(at), 5, 0)).collect()
    };
    let rising = load(vec![response(&[], latencies(30, 10))], windows(10.0));
    expects(
        &rising,
        &[
            ("response.p50.slope < 900 ms/h", Pass),
            ("response.p50.slope < 300 ms/h", Fail),
            ("response.p50.slope < 602 ms/h", Unsure),
            ("response.p50.slope[10 s] < 900 ms/h", Pass),
        ],
    );
    let flat = load(vec![response(&[], latencies(30, 10))], windows(0.0));
    expects(&flat, &[("response.p50.slope < 5 ms/h", Pass)]);
    let short = load(vec![response(&[], latencies(30, 10))], windows(0.0)[..3].to_vec());
    expects(&short, &[("response.p50.slope < 5 ms/h", Unsure)]);
    // What is sampled once a second: the memory of a process.
    let mut memory = number("users", &[], 0.0);
    memory.metric.id = "shop.rss".into();
    memory.metric.unit = crate::unit::Unit::Bytes;
    memory.rounds[0].values = (0..60).map(|k| 1e6 + 1000.0 * f64::from(k) + f64::from(k % 2)).collect();
    let leaking = load(vec![response(&[], latencies(30, 10)), memory], vec![window(0, "a", 1, 1, 0)]);
    expects(&leaking, &[("shop.rss.slope < 1 MiB/h", Fail), ("shop.rss.slope < 5 MiB/h", Pass)]);
}

#[test]
fn target_is_the_rate_that_the_schedule_asks_for() {
    let step = load(
        vec![
            response(&[], latencies(20_000, 10)),
            number("rate", &[], 197.0),
            number("requests", &[], 200.0),
            number("iterations", &[], 100.0),
            number("intended", &[], 100.0),
            number("rate", &[("phase", "spike")], 500.0),
            number("requests", &[("phase", "spike")], 600.0),
            number("iterations", &[("phase", "spike")], 300.0),
            number("intended", &[("phase", "spike")], 400.0),
        ],
        vec![],
    );
    expects(
        &step,
        &[
            ("rate >= 0.98 * target", Pass),
            ("rate >= 0.99 * target", Fail),
            ("iterations >= 0.99 * target", Pass),
            ("iterations{phase=spike} >= 0.99 * target", Fail),
            ("rate{phase=spike} >= 0.60 * target", Pass),
            ("errors <= target", Fail), // It saw none.
            ("response <= target", Unsure),
        ],
    );
    let closed = load(vec![response(&[], latencies(20_000, 10)), number("rate", &[], 197.0)], vec![]);
    assert!(judged("rate >= 0.99 * target", &closed).reason.contains("closed model"));
}

#[test]
fn the_machine_is_judged_over_the_loads_own_time() {
    let mut cpu = number("host.cpu", &[], 0.0);
    cpu.rounds[0].values = vec![0.5, 0.6, 0.7];
    let step = load(vec![response(&[], latencies(20_000, 10)), cpu], vec![]);
    expects(&step, &[("host.cpu < 80 %", Pass), ("host.cpu.max < 65 %", Fail), ("host.cpu < 55 %", Fail)]);
}

/// What a follower says of the windows, one after the other: the number of those after which it said first that it is broken.
fn followed(text: &str, step: &StepRecord) -> Option<usize> {
    let mut running = step.clone();
    running.outcome = None;
    let mut follower = Follower::new(&Expectation::parse(text).unwrap(), &running, 0)?;
    step.windows.iter().position(|window| {
        follower.take(window);
        follower.broken(&running).is_some()
    })
}

#[test]
fn a_follower_says_after_each_window_what_all_windows_together_say() {
    let slow = |at: u32| if (5..12).contains(&at) || at == 17 { 3000 } else { 10 };
    let phase = |at: u32| ["a", "b"][usize::from(at >= 9)];
    let windows: Vec<LoadWindow> = (0..20)
        .map(|at| window(at, if at < 2 { WARM_UP } else { phase(at) }, slow(at), 40, u64::from(at == 15)))
        .collect();
    let step = load(vec![], windows);
    for text in [
        "response.p99[1 s] < 1 s",
        "response.p99[1 s] < 1 s for 4 windows",
        "response.p99[1 s] < 1 s for 9 windows",
        "response.p50[5 s] < 1 s",
        "response{phase=b}.p99[2 s] < 1 s for 2 windows",
        "response{name=GET /a}.p99[3 s] < 1 s",
        "rate[4 s] > 39.9/s",
        "errors[1 s] < 1 %",
        "availability[5 s] > 99 %",
        "users[1 s] < 3",
        "response{name=GET /b}.p99[1 s] < 1 s",
    ] {
        let together = (1..=step.windows.len()).find(|count| {
            let so_far = StepRecord { outcome: None, windows: step.windows[..*count].to_vec(), ..step.clone() };
            let judged = judged(text, &so_far);
            judged.judgement == Fail && judged.limit.is_some()
        });
        assert_eq!(followed(text, &step).map(|at| at + 1), together, "{text}");
    }
    // The first of them, in words.
    let mut follower = Follower::new(&Expectation::parse("response.p99[1 s] < 1 s").unwrap(), &step, 0).unwrap();
    step.windows[..7].iter().for_each(|window| follower.take(window));
    let broken = follower.broken(&step).unwrap();
    assert!(broken.starts_with("response.p99[1 s] < 1 s: broken in a window, known 6 s after the start"), "{broken}");
    // Of sums it says nothing, nor of what windows do not hold.
    for text in ["response.p99 < 1 s", "tls.p99[5 s] < 1 s", "service{name=GET /a}.p99[1 s] < 1 s"] {
        assert!(Follower::new(&Expectation::parse(text).unwrap(), &step, 0).is_none(), "{text}");
    }
}
