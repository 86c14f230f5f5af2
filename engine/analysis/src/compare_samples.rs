//! Two sets of values from outside, compared as two runs are.

use engine_core::comparison::ShapeChange;
use engine_core::judgement::{Change, Verdict};
use engine_core::measurement::{Measurement, Round};
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::series::Labels;
use engine_core::stats::quantile::median;
use engine_core::unit::Unit;

use crate::verdict::{Criteria, decide};

/// What the comparison of two sets of values came to.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// New over old with its interval, where it exists.
    pub change: Option<Change>,
    /// Two-sided p-value of "nothing changed", where there is a test.
    pub p: Option<f64>,
    /// One sentence: why.
    pub reason: String,
    /// Values a side that would decide it, when inconclusive and it can be told.
    pub rounds_needed: Option<u32>,
    /// What changed in the distribution beside its middle.
    pub shape: Vec<ShapeChange>,
}

/// Compares values by process run. Each inner list is one run: the sampling unit, however many values it holds. With
/// `paired`, the runs of one place were taken side by side.
#[must_use]
pub fn compare_samples(
    old: &[Vec<f64>],
    new: &[Vec<f64>],
    goal: Goal,
    paired: bool,
    criteria: &Criteria,
) -> SampleVerdict {
    let (old, new) = (measurement(old, goal), measurement(new, goal));
    let decided = decide(&old, &new, paired, criteria);
    SampleVerdict {
        verdict: decided.verdict,
        change: decided.change,
        p: decided.p,
        reason: decided.reason,
        rounds_needed: decided.rounds_needed,
        shape: crate::shape::changes(&old, &new),
    }
}

/// One value a process run: the median of its values.
#[must_use]
pub fn median_by_group(groups: &[Vec<f64>]) -> Vec<f64> {
    groups.iter().filter(|group| !group.is_empty()).map(|group| median(group)).collect()
}

fn measurement(groups: &[Vec<f64>], goal: Goal) -> Measurement {
    let metric = Metric { id: "value".to_owned(), unit: Unit::Count, goal, nature: Nature::Cost };
    let rounds = groups.iter().zip(0..).map(|(values, number)| Round {
        number,
        attempt: 0,
        at: f64::from(number),
        seconds: 0.0,
        taints: vec![],
        superseded: false,
        values: values.clone(),
        histogram: None,
    });
    Measurement { metric, labels: Labels::new(), rounds: rounds.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::stats::Stream;

    /// Noise within a process run, and its spread.
    type Within = fn(&mut Stream, &mut f64) -> f64;

    const WITHIN: [(&str, Within); 4] = [
        ("normal", |s, _| 0.03 * s.normal()),
        ("log-normal", |s, _| (0.3 * s.normal()).exp() * 0.1),
        ("two modes", |s, _| 0.01 * s.normal() + if s.unit_f64() < 0.3 { 0.06 } else { 0.0 }),
        ("autoregressive", |s, before| {
            *before = 0.6 * *before + 0.02 * s.normal();
            *before
        }),
    ];

    /// Process runs with an effect of each of its own, and `each` values within.
    fn side(s: &mut Stream, within: Within, runs: usize, each: usize, level: f64, between: f64) -> Vec<Vec<f64>> {
        (0..runs)
            .map(|_| {
                let own = level * (1.0 + between * s.normal());
                let mut before = 0.0;
                (0..each).map(|_| own * (1.0 + within(s, &mut before))).collect()
            })
            .collect()
    }

    fn compared(old: &[Vec<f64>], new: &[Vec<f64>]) -> SampleVerdict {
        compare_samples(old, new, Goal::Lower, false, &Criteria::default())
    }

    #[test]
    fn the_same_code_twice_is_called_changed_in_at_most_two_of_a_hundred() {
        for (name, within) in WITHIN {
            let mut s = Stream::new(81, &[Stream::key_of(name)]);
            let wrong = (0..400).filter(|pair| {
                let runs = 6 + pair % 10;
                let (old, new) = (side(&mut s, within, runs, 30, 1.0, 0.02), side(&mut s, within, runs, 30, 1.0, 0.02));
                matches!(compared(&old, &new).verdict, Verdict::Better | Verdict::Worse)
            });
            let wrong = wrong.count();
            assert!(wrong <= 8, "{name}: {wrong} of 400");
        }
    }

    /// Values of one process after the other, without a column that says so: each resembles the one before.
    #[test]
    fn values_that_depend_on_each_other_are_taken_for_fewer() {
        let mut s = Stream::new(82, &[]);
        let mut draw = |n: usize| {
            let mut before = 0.0;
            let values = (0..n + 20).map(|_| {
                before = 0.6 * before + 0.02 * s.normal();
                vec![1.0 + before]
            });
            values.skip(20).collect::<Vec<_>>()
        };
        let wrong = (0..400).filter(|pair| {
            let n = 30 + 2 * pair % 100;
            let (old, new) = (draw(n), draw(n));
            matches!(compared(&old, &new).verdict, Verdict::Better | Verdict::Worse)
        });
        let wrong = wrong.count();
        assert!(wrong <= 8, "{wrong} of 400");
    }

    #[test]
    fn p_values_are_uniform_when_nothing_changed() {
        for (name, within) in WITHIN {
            let mut s = Stream::new(83, &[Stream::key_of(name)]);
            let mut all: Vec<f64> = (0..2000)
                .map(|_| {
                    let (old, new) = (side(&mut s, within, 6, 1, 1.0, 0.02), side(&mut s, within, 6, 1, 1.0, 0.02));
                    compared(&old, &new).p.expect("they vary")
                })
                .collect();
            all.sort_unstable_by(f64::total_cmp);
            let n = all.len() as f64;
            let distance = all.iter().enumerate().fold(0.0_f64, |most, (at, p)| {
                most.max((p - at as f64 / n).abs()).max((p - (at + 1) as f64 / n).abs())
            });
            // Kolmogorov's distribution at 0.01: 1.628 over the root of the number.
            assert!(distance < 1.628 / n.sqrt(), "{name}: {distance}");
        }
    }

    #[test]
    fn a_shift_of_five_percent_is_found() {
        let mut s = Stream::new(84, &[]);
        let within: Within = |s, _| 0.02 * s.normal();
        let found = (0..400).filter(|_| {
            let (old, new) = (side(&mut s, within, 10, 20, 1.0, 0.02), side(&mut s, within, 10, 20, 1.05, 0.02));
            compared(&old, &new).verdict == Verdict::Worse
        });
        let found = found.count();
        assert!(found >= 380, "{found} of 400");
    }

    #[test]
    fn few_constant_and_equal_values_have_clear_answers() {
        let each = |values: &[f64]| values.iter().map(|value| vec![*value]).collect::<Vec<_>>();
        let few = compared(&each(&[1.0, 2.0]), &each(&[1.0, 2.0]));
        assert_eq!((few.verdict, few.rounds_needed), (Verdict::Inconclusive, Some(5)));
        assert_eq!(compared(&each(&[1.0; 9]), &each(&[1.0; 9])).verdict, Verdict::Equivalent);
        assert_eq!(compared(&each(&[1.0; 9]), &each(&[2.0; 9])).verdict, Verdict::Worse);
        let up = compare_samples(&each(&[1.0; 9]), &each(&[2.0; 9]), Goal::Higher, false, &Criteria::default());
        assert_eq!(up.verdict, Verdict::Better);
        assert_eq!(compared(&[], &[]).verdict, Verdict::Inconclusive);
        assert_eq!(median_by_group(&[vec![3.0, 1.0, 2.0], vec![], vec![5.0]]), [2.0, 5.0]);
    }
}
