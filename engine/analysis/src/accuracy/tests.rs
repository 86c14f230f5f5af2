use engine_core::alert::AlertState;
use engine_core::run::Timestamp;
use engine_core::stats::Stream;

use super::*;
use crate::simulated_history::history;

/// A history with a step of 10 % at `at`, 1 % noise.
fn stepped(n: usize, at: usize) -> History {
    let mut random = Stream::new(3, &[]);
    let values: Vec<f64> =
        (0..n).map(|run| if run < at { 1.0 } else { 1.1 } * (1.0 + 0.01 * random.normal())).collect();
    history(&values)
}

fn alert(rule: Rule, history: &History, first: usize, began: Option<usize>, label: Option<Label>) -> Alert {
    let run = |at: usize| history.points[at].run.clone();
    Alert {
        id: "a".to_owned(),
        rule,
        subject: history.key.series.to_string(),
        suite: history.key.suite.clone(),
        machine: history.key.machine.clone(),
        branch: history.key.branch.clone(),
        state: AlertState::Resolved,
        summary: String::new(),
        verdict: None,
        first_run: run(first),
        last_run: run(first),
        began: began.map(run),
        raised: Timestamp(0),
        updated: Timestamp(0),
        times: 1,
        until: None,
        label,
        steps: Vec::new(),
    }
}

fn score<'a>(scores: &'a [Score], name: &str) -> &'a Score {
    scores.iter().find(|score| score.name == name).unwrap_or_else(|| panic!("no score of {name}"))
}

#[test]
fn precision_recall_and_delay_are_what_the_labels_say() {
    let history = stepped(80, 40);
    let alerts = [
        alert(Rule::ChangePoint, &history, 42, Some(40), Some(Label::True)),
        alert(Rule::ChangePoint, &history, 15, Some(12), Some(Label::False)),
        alert(Rule::ChangePoint, &history, 60, Some(58), None),
        // The same change, told at once by the gate.
        alert(Rule::Verdict, &history, 40, None, Some(Label::True)),
        alert(Rule::Health, &history, 20, None, Some(Label::False)),
        alert(Rule::Health, &history, 21, None, Some(Label::Ignored)),
    ];
    let missed = [Missed { key: history.key.clone(), began: history.points[70].run.clone() }];
    let scores = accuracy(&alerts, &missed, &[history], &[]);
    let points = score(&scores, "change-point");
    assert_eq!((points.right, points.wrong, points.unlabelled, points.hits, points.events), (1, 1, 1, 1, 2));
    assert_eq!((points.precision(), points.recall(), points.delay()), (Some(0.5), Some(0.5), Some(2.0)));
    let verdict = score(&scores, "verdict");
    assert_eq!((verdict.precision(), verdict.recall(), verdict.delay()), (Some(1.0), Some(0.5), Some(0.0)));
    assert!((verdict.f1().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    let health = score(&scores, "health");
    assert_eq!((health.precision(), health.recall(), health.unlabelled), (Some(0.0), None, 1));
    assert!(scores.iter().all(|score| score.name != "failure"), "a rule that told nothing has no score");
}

#[test]
fn rules_of_other_tools_are_replayed_run_by_run() {
    let history = stepped(80, 40);
    let alerts = [
        alert(Rule::ChangePoint, &history, 42, Some(40), Some(Label::True)),
        alert(Rule::Verdict, &history, 20, None, Some(Label::False)),
    ];
    let policy = |name: &str| (name.to_owned(), name.parse::<Policy>().expect("a policy"));
    let policies = ["perfherder", "t:0.999", "static:..1.0", "static:..5"].map(policy);
    let scores = accuracy(&alerts, &[], &[history], &policies);
    let ours = score(&scores, "change points");
    assert!(ours.replayed && ours.recall() == Some(1.0) && ours.precision() == Some(1.0), "{ours:?}");
    assert!(ours.delay().is_some_and(|runs| runs <= 3.0), "{ours:?}");
    let slow = score(&scores, "perfherder");
    assert_eq!(slow.recall(), Some(1.0));
    assert!(slow.delay().is_some_and(|runs| runs >= 8.0), "it waits for twelve points: {slow:?}");
    assert_eq!(score(&scores, "t:0.999").delay(), Some(0.0), "it judges the point itself");
    let noisy = score(&scores, "static:..1.0");
    assert!(noisy.precision() == Some(0.5) && noisy.unlabelled > 0, "it tells of half of all runs: {noisy:?}");
    assert_eq!(score(&scores, "static:..5").recall(), Some(0.0));
}

#[test]
fn without_labels_there_is_nothing_to_say() {
    let history = stepped(30, 20);
    assert!(accuracy(&[], &[], std::slice::from_ref(&history), &[]).is_empty());
    // A label on a series that is stored no more.
    let mut other = history.clone();
    other.key.suite = "gone".to_owned();
    let gone = alert(Rule::ChangePoint, &other, 5, None, Some(Label::True));
    let scores = accuracy(&[gone], &[], &[history], &[]);
    assert_eq!((scores.len(), scores[0].precision(), scores[0].recall()), (1, Some(1.0), None));
}
