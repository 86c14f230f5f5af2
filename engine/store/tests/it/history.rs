//! One metric over runs.

use engine_core::plan::Profile;
use engine_core::run::{RunId, RunRecord};
use engine_core::selector::Selector;
use engine_core::series::Labels;
use engine_store::{Filter, HistoryFilter};

use crate::fixture::{Folder, events, fold, header, run};

fn selecting(selector: &str) -> HistoryFilter {
    HistoryFilter { selector: selector.parse::<Selector>().unwrap(), ..HistoryFilter::default() }
}

#[test]
fn a_metric_over_runs_is_in_order_of_time_without_the_tiny_ones() {
    let folder = Folder::new();
    let mut store = folder.store();
    // Stored in another order than run.
    for n in [3, 1, 2] {
        store.apply(&run(&header("quick", n), &[n as f64, n as f64 + 0.5])).unwrap();
    }
    let mut tiny = header("quick", 4);
    tiny.plan.profile = Profile::Tiny;
    store.apply(&run(&tiny, &[99.0])).unwrap();
    let filter = selecting("time");
    let found = store.history(&filter).unwrap();
    assert_eq!((found.len(), found[0].left_out.tiny), (1, 1));
    assert_eq!(found[0].key.selector(), "quick/fsync.time");
    let values: Vec<_> = found[0].points.iter().map(|point| point.values.clone()).collect();
    assert_eq!(values, [[1.0, 1.5], [2.0, 2.5], [3.0, 3.5]]);
    let newest = HistoryFilter { runs: Filter { limit: Some(2), ..Filter::default() }, ..filter.clone() };
    assert_eq!(store.history(&newest).unwrap()[0].points.len(), 2);
    assert!(store.history(&selecting("triad.time")).unwrap().is_empty());
    assert_eq!(store.series_names(&Selector::all()).unwrap(), ["quick/fsync.time"]);
}

/// The values of a series in a record, by its own means.
fn values(record: &RunRecord, step: &str, metric: &engine_core::metric::Metric, labels: &Labels) -> Vec<Vec<f64>> {
    let mut found = Vec::new();
    for step in record.steps.iter().filter(|found| found.plan.name == step) {
        for measurement in &step.measurements {
            if measurement.metric == *metric && step.plan.labels.joined(&measurement.labels) == *labels {
                found.push(measurement.round_values());
            }
        }
    }
    found
}

#[test]
fn values_are_those_of_the_record_whatever_was_superseded() {
    let folder = Folder::new();
    let mut store = folder.store();
    let runs: Vec<_> = (0..6).map(|n| events(&header("quick", n), n + 40, 120)).collect();
    for events in &runs {
        store.apply(events).unwrap();
    }
    let record = |id: &RunId| fold(runs.iter().find(|events| events[0].run == *id).unwrap());
    let (mut points, mut superseded) = (0, 0);
    for metric in ["rate", "latency", "work"] {
        for history in store.history(&selecting(metric)).unwrap() {
            for point in &history.points {
                let record = record(&point.run);
                let expected = values(&record, &history.key.series.step, &history.metric, &history.key.series.labels);
                // Two measurements can have the same labels once joined; then the series holds both.
                let mut expected: Vec<f64> = expected.into_iter().flatten().collect();
                let mut found = point.values.clone();
                expected.sort_by(f64::total_cmp);
                found.sort_by(f64::total_cmp);
                assert_eq!(found, expected, "{}", history.key.series);
                points += 1;
            }
        }
    }
    for events in &runs {
        let record = fold(events);
        let rounds = record.steps.iter().flat_map(|step| &step.measurements).flat_map(|found| &found.rounds);
        superseded += rounds.filter(|round| round.superseded).count();
    }
    assert!(points > 50 && superseded > 20, "{points} points, {superseded} superseded: too few to prove anything");
}

#[test]
fn runs_that_began_at_one_moment_are_two_points() {
    let folder = Folder::new();
    let mut store = folder.store();
    for (n, value) in [(1, 1.0), (2, 2.0)] {
        let mut header = header("quick", n);
        header.started = engine_core::run::Timestamp(crate::fixture::EPOCH);
        store.apply(&run(&header, &[value])).unwrap();
    }
    let found = store.history(&selecting("time")).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].values(), [1.0, 2.0], "in the order of their ids");
}

#[test]
fn identities_are_histories_of_their_own() {
    let folder = Folder::new();
    let mut store = folder.store();
    let change: [fn(&mut engine_core::run::RunHeader); 5] = [
        |_| {},
        |header| header.machine = "m2".to_owned(),
        |header| header.code.branch = engine_core::fact::Fact::Known("topic".to_owned()),
        |header| header.code.branch = engine_core::fact::Fact::unknown("none"),
        |header| header.plan.steps.iter_mut().for_each(|step| step.method = 2),
    ];
    for (n, change) in (0..).zip(change) {
        let mut header = header("quick", n);
        change(&mut header);
        store.apply(&run(&header, &[1.0])).unwrap();
    }
    let found = store.history(&selecting("time")).unwrap();
    let mut names: Vec<String> = found
        .iter()
        .map(|one| format!("{} {} {}", one.key.machine, one.key.branch.as_deref().unwrap_or("-"), one.method))
        .collect();
    names.sort();
    assert_eq!(names, ["m1 - 1", "m1 main 1", "m1 main 2", "m1 topic 1", "m2 main 1"]);
    assert!(found.iter().all(|one| one.points.len() == 1));
}

#[test]
fn labels_choose_series() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.apply(&events(&header("quick", 1), 7, 300)).unwrap();
    let all = store.history(&selecting("rate")).unwrap();
    let eight = store.history(&selecting("rate{threads=8}")).unwrap();
    assert!(!eight.is_empty() && eight.len() < all.len());
    assert!(eight.iter().all(|history| history.key.series.labels.get("threads") == Some("8")));
}

#[test]
fn quantiles_of_latencies_are_histories_of_their_own() {
    use engine_core::event::Event;
    use engine_core::histogram::{Histogram, Packed};

    let folder = Folder::new();
    let mut store = folder.store();
    for n in 0..3 {
        let mut latencies = Histogram::new();
        for request in 0..2000 {
            latencies.record(if request < 40 { (n + 1) * 10_000_000 } else { 1_000_000 });
        }
        let mut all = run(&header("quick", n), &[0.001]);
        for envelope in &mut all {
            if let Event::Sampled(sampled) = &mut envelope.event {
                sampled.records[0].histogram = Some(Packed::from(&latencies));
            }
        }
        store.apply(&all).unwrap();
    }
    let values = |selector: &str| {
        let mut found = store.history(&selecting(selector)).unwrap();
        assert_eq!(found.len(), 1, "{selector}");
        let history = found.remove(0);
        (history.key.selector(), history.values().iter().map(|value| (value * 1e3).round() as u64).collect::<Vec<_>>())
    };
    assert_eq!(values("time"), ("quick/fsync.time".to_owned(), vec![1, 1, 1]));
    assert_eq!(values("fsync.time.p99"), ("quick/fsync.time.p99".to_owned(), vec![10, 20, 30]));
    assert_eq!(values("time.p97"), ("quick/fsync.time.p97".to_owned(), vec![1, 1, 1]), "any that is asked for");
    // Two of 2,000 are too few to be called the slowest thousandth.
    assert!(store.history(&selecting("time.p99.9")).unwrap().is_empty());
    assert_eq!(
        store.series_names(&Selector::all()).unwrap(),
        ["quick/fsync.time", "quick/fsync.time.p95", "quick/fsync.time.p99", "quick/fsync.time.p99.9"]
    );
}
