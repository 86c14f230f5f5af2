//! Verdicts on data whose truth is known.

use engine_core::metric::Goal;
use engine_core::stats::Stream;
use engine_core::unit::Unit;
use proptest::prelude::*;

use super::*;
use crate::simulated::{measured, rounds};

const DEFAULT: Criteria = Criteria { min_effect: 0.01, confidence: 0.95 };

fn verdict(old: &[f64], new: &[f64]) -> Verdict {
    decide(&measured("wall", old), &measured("wall", new), false, &DEFAULT).verdict
}

/// How often each verdict comes, in 2,000 comparisons of 10 + 10 rounds with 2 % noise between rounds.
fn shares(seed: u64, shift: f64) -> [f64; 4] {
    let mut stream = Stream::new(seed, &[9]);
    let mut counts = [0u32; 4];
    for _ in 0..2000 {
        let (old, new) = (rounds(&mut stream, 10, 1.0, 0.02), rounds(&mut stream, 10, shift, 0.02));
        let slot = match verdict(&old, &new) {
            Verdict::Better => 0,
            Verdict::Worse => 1,
            Verdict::Equivalent => 2,
            Verdict::Inconclusive => 3,
        };
        counts[slot] += 1;
    }
    counts.map(|count| f64::from(count) / 2000.0)
}

#[test]
fn the_same_code_twice_is_hardly_ever_called_better_or_worse() {
    let [better, worse, ..] = shares(1, 1.0);
    assert!(better + worse <= 0.02, "better {better}, worse {worse}");
}

#[test]
fn a_shift_of_five_percent_is_found() {
    let [better, worse, ..] = shares(2, 1.05);
    assert!(worse >= 0.95 && better == 0.0, "worse {worse}, better {better}");
    let [better, worse, ..] = shares(3, 1.0 / 1.05);
    assert!(better >= 0.95 && worse == 0.0, "worse {worse}, better {better}");
}

#[test]
fn narrow_rounds_are_equivalent_and_wide_ones_say_how_many_it_takes() {
    let mut stream = Stream::new(4, &[1]);
    let narrow = [rounds(&mut stream, 20, 1.0, 0.002), rounds(&mut stream, 20, 1.001, 0.002)];
    assert_eq!(verdict(&narrow[0], &narrow[1]), Verdict::Equivalent);
    let wide = [rounds(&mut stream, 10, 1.0, 0.05), rounds(&mut stream, 10, 1.06, 0.05)];
    let decided = decide(&measured("wall", &wide[0]), &measured("wall", &wide[1]), false, &DEFAULT);
    assert_eq!(decided.verdict, Verdict::Inconclusive);
    let needed = decided.rounds_needed.unwrap();
    assert!(needed > 10 && decided.reason.contains(&format!("about {needed} rounds")), "{}", decided.reason);
}

/// The promise of `rounds_needed`: with so many rounds, most repetitions are decided.
#[test]
fn the_rounds_asked_for_mostly_decide() {
    let mut stream = Stream::new(6, &[1]);
    // A true change of 3 % with 3 % noise: the expected interval decides from about this many rounds on.
    let half = |n: f64| 1.96 * 1.0233 * 0.03 * (2.0 / n).sqrt();
    let needed =
        rounds_needed(10, 1.03_f64.ln(), 1.03_f64.ln() - half(10.0), 1.03_f64.ln() + half(10.0), 0.01_f64.ln_1p())
            .unwrap();
    let decided = (0..300)
        .filter(|_| {
            let n = needed as usize;
            let (old, new) = (rounds(&mut stream, n, 1.0, 0.03), rounds(&mut stream, n, 1.03, 0.03));
            verdict(&old, &new) == Verdict::Worse
        })
        .count();
    // At the expected width itself it is a coin's toss.
    assert!((100..=230).contains(&decided), "{needed} rounds decided {decided} of 300");
}

#[test]
fn fewer_than_five_rounds_decide_nothing() {
    let decided = decide(&measured("wall", &[1.0; 4]), &measured("wall", &[9.0; 10]), false, &DEFAULT);
    assert_eq!((decided.verdict, decided.rounds_needed), (Verdict::Inconclusive, Some(5)));
    assert_eq!(decided.change, Some(Change { ratio: 9.0, interval: None }));
    assert_eq!(verdict(&[1.0; 5], &[9.0; 5]), Verdict::Worse);
}

#[test]
fn the_goal_decides_which_way_is_better() {
    let with = |goal, from: f64, to: f64| {
        let (mut old, mut new) = (measured("x", &[from; 6]), measured("x", &[to; 6]));
        (old.metric.goal, new.metric.goal) = (goal, goal);
        (old.metric.unit, new.metric.unit) = (Unit::Count, Unit::Count);
        let decided = decide(&old, &new, false, &DEFAULT);
        (decided.verdict, decided.change.map(|change| change.ratio))
    };
    assert_eq!(with(Goal::Lower, 1.0, 2.0), (Verdict::Worse, Some(2.0)));
    assert_eq!(with(Goal::Higher, 1.0, 2.0), (Verdict::Better, Some(2.0)));
    assert_eq!(with(Goal::Neutral, 1.0, 2.0), (Verdict::Inconclusive, Some(2.0)));
    assert_eq!(with(Goal::Neutral, 1.0, 1.0), (Verdict::Equivalent, Some(1.0)));
    // Zero has no ratio: exit codes, lost orders.
    assert_eq!(with(Goal::Lower, 0.0, 0.0), (Verdict::Equivalent, Some(1.0)));
    assert_eq!(with(Goal::Lower, 0.0, 1.0), (Verdict::Worse, None));
    assert_eq!(with(Goal::Lower, 1.0, 0.0).0, Verdict::Better);
    assert_eq!(with(Goal::Higher, 0.0, 1.0), (Verdict::Better, None));
    assert_eq!(with(Goal::Neutral, 0.0, 1.0), (Verdict::Inconclusive, None));
    assert_eq!(verdict(&[0.0, 1.0, 0.0, 1.0, 0.0], &[1.0; 5]), Verdict::Inconclusive);
}

#[test]
fn a_higher_level_widens_the_interval() {
    let mut stream = Stream::new(8, &[1]);
    let (old, new) =
        (measured("w", &rounds(&mut stream, 10, 1.0, 0.02)), measured("w", &rounds(&mut stream, 10, 1.0, 0.02)));
    let width = |confidence| {
        let decided = decide(&old, &new, false, &Criteria { confidence, ..DEFAULT });
        decided.change.and_then(|change| change.interval).unwrap().width()
    };
    assert!(width(0.9) < width(0.95) && width(0.95) < width(0.99));
}

proptest! {
    #[test]
    fn exchanging_the_sides_exchanges_better_and_worse(
        old in prop::collection::vec(0.5..2.0f64, 5..14),
        new in prop::collection::vec(0.5..2.0f64, 5..14),
    ) {
        let mirrored = match verdict(&new, &old) {
            Verdict::Better => Verdict::Worse,
            Verdict::Worse => Verdict::Better,
            other => other,
        };
        prop_assert_eq!(verdict(&old, &new), mirrored);
    }

    #[test]
    fn the_scale_of_the_unit_does_not_matter(
        old in prop::collection::vec(0.5..2.0f64, 5..14),
        new in prop::collection::vec(0.5..2.0f64, 5..14),
        power in -30i32..30,
    ) {
        let scale = 2.0_f64.powi(power);
        let scaled = |values: &[f64]| values.iter().map(|value| value * scale).collect::<Vec<_>>();
        prop_assert_eq!(verdict(&old, &new), verdict(&scaled(&old), &scaled(&new)));
    }

    #[test]
    fn a_ratio_lies_in_its_interval(
        old in prop::collection::vec(0.5..2.0f64, 5..14),
        new in prop::collection::vec(0.5..2.0f64, 5..14),
    ) {
        let decided = decide(&measured("w", &old), &measured("w", &new), false, &DEFAULT);
        let change = decided.change.unwrap();
        prop_assert!(change.interval.unwrap().contains(change.ratio));
    }
}

/// Shares of false and of right alarms among 1,000 pairs of runs whose level each lies 3 % apart, with rounds that lie 0.5 %
/// apart, when 30 other runs are known or nothing is; `shift` is the true change.
fn among_runs(shift: f64, known: bool) -> f64 {
    let mut stream = Stream::new(21, &[shift.to_bits(), u64::from(known)]);
    let alarms = (0..1000).filter(|_| {
        let level = |stream: &mut Stream| (0.03 * stream.normal()).exp();
        let others: Vec<f64> = (0..30).map(|_| level(&mut stream).ln()).collect();
        let apart = RunsApart { runs: 30, deviation: crate::policy::moments(&others).1 };
        let (before, after) = (level(&mut stream), shift * level(&mut stream));
        let (old, new) = (rounds(&mut stream, 10, before, 0.005), rounds(&mut stream, 10, after, 0.005));
        let decided = decide_among(&measured("wall", &old), &measured("wall", &new), known.then_some(apart), &DEFAULT);
        matches!(decided.verdict, Verdict::Better | Verdict::Worse)
    });
    alarms.count() as f64 / 1000.0
}

#[test]
fn what_shifts_a_whole_run_is_no_change_where_other_runs_are_known() {
    let (alone, known, found) = (among_runs(1.0, false), among_runs(1.0, true), among_runs(1.2, true));
    assert!(alone > 0.5, "rounds take the run for the code: {alone}");
    assert!(known <= 0.04, "false alarms: {known}");
    assert!(found >= 0.95, "a change of 20 %: {found}");
}

#[test]
fn a_verdict_among_runs_says_what_it_rests_on() {
    let mut stream = Stream::new(22, &[1]);
    let (old, new) = (rounds(&mut stream, 10, 1.0, 0.005), rounds(&mut stream, 10, 1.05, 0.005));
    let (old, new) = (measured("wall", &old), measured("wall", &new));
    let with = |deviation| decide_among(&old, &new, Some(RunsApart { runs: 12, deviation }), &DEFAULT);
    let decided = with(0.03);
    assert_eq!((decided.verdict, decided.rounds_needed), (Verdict::Inconclusive, None));
    assert!(decided.reason.contains("more runs on both sides"), "{}", decided.reason);
    assert!(decided.reason.contains("12 other runs lie 3.05 % apart"), "{}", decided.reason);
    // Runs that lie nearer than the rounds change nothing.
    assert_eq!(with(1e-6), decide(&old, &new, false, &DEFAULT));
}
