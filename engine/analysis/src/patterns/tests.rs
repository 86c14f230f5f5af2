use std::collections::BTreeMap;

use engine_core::history::Timeline;
use engine_core::stats::Stream;

use super::*;
use crate::simulated_history::at_hours;

fn timeline(points: &[(f64, f64)], step: &str) -> Timeline {
    let mut history = at_hours(points);
    history.key.series.step = step.to_owned();
    crate::timelines(vec![history], &|_| Vec::new()).remove(0)
}

/// Runs every six hours for so many days, from the first of January 2026, a Thursday; what a value is by hour, day and run.
fn runs(days: usize, value: impl Fn(usize, usize, &mut Stream) -> f64, seed: u64) -> Vec<(f64, f64)> {
    let mut random = Stream::new(seed, &[]);
    let start = 20_454.0 * 24.0;
    (0..days * 4)
        .map(|at| {
            let (day, hour) = (at / 4, at % 4 * 6 + 1);
            (start + 24.0 * day as f64 + hour as f64, value(day, hour, &mut random))
        })
        .collect()
}

#[test]
fn a_planted_daily_cycle_is_found_with_its_hours() {
    let busy = |_: usize, hour: usize, s: &mut Stream| {
        10.0 * (1.0 + 0.01 * s.normal() + if (12..18).contains(&hour) { 0.03 } else { 0.0 })
    };
    let found = cycles(&[timeline(&runs(30, busy, 1), "a")], 0);
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    assert_eq!((one.period, one.period.part(one.high)), (Period::Day, "12 to 18 h"));
    assert!((one.swing - 0.03).abs() < 0.012 && one.explains > 0.4 && one.p < 0.01, "{one:?}");
    // In another time zone the same hours have another name.
    let east = cycles(&[timeline(&runs(30, busy, 1), "a")], 6 * 3600);
    assert_eq!(east[0].period.part(east[0].high), "18 to 24 h");
}

#[test]
fn a_planted_weekly_cycle_is_found_with_its_day() {
    // Day 4 after a Thursday is a Monday.
    let monday =
        |day: usize, _: usize, s: &mut Stream| 10.0 * (1.0 + 0.01 * s.normal() + if day % 7 == 4 { 0.04 } else { 0.0 });
    let found = cycles(&[timeline(&runs(84, monday, 2), "a")], 0);
    assert_eq!(found.iter().map(|one| one.period).collect::<Vec<_>>(), [Period::Week], "{found:?}");
    assert_eq!(found[0].period.part(found[0].high), "Monday");
}

#[test]
fn histories_without_a_cycle_have_none() {
    let mut wrong = 0;
    for seed in 0..40 {
        let mut level = 0.0;
        let mut walk = Stream::new(900 + seed, &[]);
        // Noise in which each run resembles the one before.
        let values: Vec<f64> = (0..84 * 4)
            .map(|_| {
                level = 0.5 * level + 0.01 * walk.normal();
                10.0 * (1.0 + level)
            })
            .collect();
        let at = std::cell::Cell::new(0);
        let next = |_: usize, _: usize, _: &mut Stream| {
            at.set(at.get() + 1);
            values[at.get() - 1]
        };
        wrong += cycles(&[timeline(&runs(84, next, 0), "a")], 0).len();
    }
    assert!(wrong <= 4, "{wrong} cycles in 40 histories without");
    // One run a day has no hours to compare; few days are too few.
    let daily: Vec<(f64, f64)> = (0..30).map(|day| (24.0 * f64::from(day), 10.0 + f64::from(day % 3))).collect();
    assert!(cycles(&[timeline(&daily, "a")], 0).is_empty());
    assert!(cycles(&[timeline(&[], "a"), timeline(&[(0.0, 1.0)], "b")], 0).is_empty());
}

fn stepped(seed: u64, at: usize) -> Vec<(f64, f64)> {
    let mut random = Stream::new(seed, &[]);
    (0..80).map(|day| (24.0 * day as f64, if day < at { 1.0 } else { 1.1 } * (1.0 + 0.01 * random.normal()))).collect()
}

#[test]
fn series_that_change_at_one_place_share_it() {
    let mut all: Vec<Timeline> = (0..5).map(|seed| timeline(&stepped(seed, 40), &format!("s{seed}"))).collect();
    all.push(timeline(&stepped(9, 20), "alone"));
    let found = shared_changes(&all);
    assert_eq!(found.len(), 1, "{found:?}");
    let mut members: Vec<usize> = found[0].members.iter().map(|(timeline, _)| *timeline).collect();
    members.sort_unstable();
    assert_eq!(members, [0, 1, 2, 3, 4]);
    let place =
        |run: &engine_core::run::RunId| all[0].history.points.iter().position(|point| point.run == *run).unwrap();
    assert!(place(&found[0].last_old) <= 39 && place(&found[0].first_new) >= 40 && found[0].p < 0.01, "{found:?}");
    // On other machines it is another change.
    all[0].history.key.machine = "m2".to_owned();
    assert_eq!(shared_changes(&all)[0].members.len(), 4);
    let apart: Vec<Timeline> = (0..4).map(|n| timeline(&stepped(n, 15 + 15 * n as usize), &format!("s{n}"))).collect();
    assert!(shared_changes(&apart).is_empty());
    assert!(shared_changes(&[]).is_empty());
    assert!(shared_changes(&[timeline(&stepped(1, 40), "a"), timeline(&stepped(2, 40), "a")]).is_empty(), "one step");
}

#[test]
fn series_that_go_together_are_paired_and_others_are_not() {
    let mut random = Stream::new(31, &[]);
    let common: Vec<f64> = (0..80).map(|_| random.normal()).collect();
    let mut series = |share: f64| -> Vec<(f64, f64)> {
        common
            .iter()
            .enumerate()
            .map(|(at, common)| (24.0 * at as f64, 10.0 * (1.0 + 0.01 * (share * common + random.normal()))))
            .collect()
    };
    let (a, b, c, d) = (series(3.0), series(3.0), series(-3.0), series(0.0));
    let all = [timeline(&a, "a"), timeline(&b, "b"), timeline(&c, "c"), timeline(&d, "d")];
    let found = correlated(&all);
    let pairs: std::collections::BTreeSet<(usize, usize)> = found.iter().map(|one| one.pair).collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (1, 2)].into_iter().collect(), "{found:?}");
    assert!(found.iter().all(|one| (one.correlation > 0.0) == (one.pair == (0, 1))), "{found:?}");
    assert_eq!(clusters(&found).len(), 1);
    let mut signs = clusters(&found).remove(0);
    signs.sort_unstable();
    let first = signs[0].1;
    assert_eq!(signs, [(0, first), (1, first), (2, !first)]);
    // Metrics of one step say the same in other words.
    assert!(correlated(&[timeline(&a, "a"), timeline(&b, "a")]).is_empty());
    let mut wrong = 0;
    for seed in 0..20 {
        let mut random = Stream::new(500 + seed, &[]);
        let mut one = |step: &str| {
            let points: Vec<(f64, f64)> = (0..60).map(|at| (f64::from(at), 10.0 + 0.1 * random.normal())).collect();
            timeline(&points, step)
        };
        wrong += correlated(&[one("a"), one("b"), one("c"), one("d")]).len();
    }
    assert!(wrong <= 3, "{wrong} pairs in 20 sets without");
}

/// Histories whose runs have facts: a load, a governor, and some that mean nothing; the metric is what `value` makes of
/// load and governor.
fn with_facts(seed: u64, n: usize, value: impl Fn(f64, bool, &mut Stream) -> f64) -> (Timeline, RunFacts) {
    let mut random = Stream::new(seed, &[]);
    let mut facts = RunFacts::new();
    let mut points = Vec::new();
    for at in 0..n {
        let (load, saves) = (random.unit_f64(), random.below(4) == 0);
        points.push((24.0 * at as f64, value(load, saves, &mut random)));
        let number = |value: f64| Fact::Number(value);
        let governor = if saves { "powersave" } else { "performance" };
        let own: BTreeMap<String, Fact> = [
            ("load.average".to_owned(), number(load)),
            ("cpu.governor".to_owned(), Fact::Text(governor.to_owned())),
            ("cpu.limit".to_owned(), Fact::Text(if saves { "low" } else { "high" }.to_owned())),
            ("memory.available".to_owned(), number(random.normal())),
            ("disk.free".to_owned(), number(1e9 - at as f64 * 1e6)),
            ("kernel".to_owned(), Fact::Text(if at < n / 2 { "6.1" } else { "6.2" }.to_owned())),
            ("temperature".to_owned(), number(40.0 + random.normal())),
            ("constant".to_owned(), number(5.0)),
        ]
        .into_iter()
        .collect();
        facts.insert(engine_core::run::RunId(format!("run{at:05}")), own);
    }
    (timeline(&points, "a"), facts)
}

#[test]
fn planted_causes_are_found_and_nothing_else() {
    let (mut load, mut governor, mut other) = (0, 0, 0);
    for seed in 0..6 {
        let (history, facts) = with_facts(40 + seed, 120, |load, saves, s| {
            10.0 * (1.0 + 0.06 * load * load + if saves { 0.05 } else { 0.0 } + 0.01 * s.normal())
        });
        for found in explaining(&[history], &facts) {
            match found.fact.as_str() {
                "load.average" => load += 1,
                "cpu.governor" => {
                    governor += 1;
                    assert_eq!(found.twins, ["cpu.limit"], "what always changed with it cannot be told from it");
                    assert!(found.effect.contains("powersave: +"), "{}", found.effect);
                }
                _ => other += 1,
            }
            assert!(found.importance > 0.03 && found.importance < 1.0, "{found:?}");
        }
    }
    assert!(load >= 5 && governor >= 5 && other <= 1, "load {load}, governor {governor}, others {other}, of 6");
}

#[test]
fn where_no_fact_matters_none_is_named() {
    let mut named = 0;
    for seed in 0..8 {
        let (history, facts) = with_facts(70 + seed, 100, |_, _, s| 10.0 * (1.0 + 0.02 * s.normal()));
        named += explaining(&[history], &facts).len();
    }
    assert!(named <= 1, "{named} facts in 8 histories that none explains");
    // A metric that merely grows is not explained by what else grows.
    let at = std::cell::Cell::new(0.0);
    let (history, facts) = with_facts(90, 120, |_, _, s| {
        at.set(at.get() + 1.0);
        10.0 * (1.0 + 0.001 * at.get() + 0.01 * s.normal())
    });
    let found = explaining(&[history], &facts);
    assert!(found.iter().all(|one| one.importance < 0.5), "{found:?}");
    assert!(explaining(&[timeline(&[(0.0, 1.0); 50], "a")], &RunFacts::new()).is_empty());
}
