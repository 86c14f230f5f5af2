//! Simulates how often the verdicts are wrong, and prints the shares as JSON: for `benches/claims/statistics`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use engine_analysis::change::{ChangePoint, History, Kind, Tier, detect};
use engine_analysis::{Criteria, compare_samples};
use engine_core::judgement::Verdict;
use engine_core::metric::Goal;
use engine_core::stats::Stream;
use serde_json::{Map, Value, json};

/// Noise within a process run; the second argument is the value before.
type Noise = fn(&mut Stream, f64) -> f64;

const KINDS: [(&str, Noise); 5] = [
    ("normal", |s, _| 0.01 * s.normal()),
    ("log-normal", |s, _| 0.03 * (0.5 * s.normal()).exp()),
    ("two modes", |s, _| 0.006 * s.normal() + if s.unit_f64() < 0.3 { 0.03 } else { 0.0 }),
    ("autoregressive", |s, before| 0.5 * before + 0.01 * s.normal()),
    ("heavy tails", |s, _| 0.008 * s.normal() / (s.gamma(1.5) / 1.5).sqrt()),
];

fn draw(s: &mut Stream, noise: Noise, n: usize) -> Vec<f64> {
    let mut before = 0.0;
    let all = (0..n + 30).map(|_| {
        before = noise(s, before);
        before
    });
    all.skip(30).collect()
}

/// Process runs, each with an effect of its own.
fn side(s: &mut Stream, noise: Noise, runs: usize, level: f64) -> Vec<Vec<f64>> {
    (0..runs)
        .map(|_| {
            let own = level * (1.0 + 0.02 * s.normal());
            draw(s, noise, 20).into_iter().map(|noise| own * (1.0 + noise)).collect()
        })
        .collect()
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(7);
    let mut out = Map::new();
    for (name, noise) in KINDS {
        let mut s = Stream::new(seed, &[Stream::key_of(name)]);
        comparisons(&mut out, &mut s, name, noise);
        out.insert(format!("alerts, {name}"), json!(alerts(&mut s, noise)));
    }
    let mut s = Stream::new(seed, &[1]);
    out.insert("suspected".into(), json!(suspected(&mut s)));
    kinds(&mut out, &mut s);
    println!("{}", Value::Object(out));
}

/// Shares of 400 pairs called changed without a change and with one of 5 %, and the distance of 2,000 p-values from the
/// uniform distribution, relative to what has a probability of 1 %.
fn comparisons(out: &mut Map<String, Value>, s: &mut Stream, name: &str, noise: Noise) {
    let criteria = Criteria::default();
    let share = |s: &mut Stream, level: f64| {
        let called = (0..400).filter(|_| {
            let (old, new) = (side(s, noise, 10, 1.0), side(s, noise, 10, level));
            let verdict = compare_samples(&old, &new, Goal::Lower, false, &criteria).verdict;
            matches!(verdict, Verdict::Better | Verdict::Worse)
        });
        called.count() as f64 / 400.0
    };
    out.insert(format!("false, {name}"), json!(share(s, 1.0)));
    out.insert(format!("found, {name}"), json!(share(s, 1.05)));
    let mut p_values: Vec<f64> = (0..2000)
        .filter_map(|_| {
            let (old, new) = (side(s, noise, 10, 1.0), side(s, noise, 10, 1.0));
            compare_samples(&old, &new, Goal::Lower, false, &criteria).p
        })
        .collect();
    p_values.sort_by(f64::total_cmp);
    let n = p_values.len() as f64;
    let away = |(at, p): (usize, &f64)| (p - at as f64 / n).abs().max((p - (at + 1) as f64 / n).abs());
    let distance = p_values.iter().enumerate().map(away).fold(0.0, f64::max);
    out.insert(format!("uniform, {name}"), json!(distance / (1.628 / n.sqrt())));
}

/// Share of 1,000 series of 200 points without a change with any confirmed alert.
fn alerts(s: &mut Stream, noise: Noise) -> f64 {
    let alarmed = (0..1000).filter(|_| {
        let values: Vec<f64> = draw(s, noise, 200).iter().map(|noise| 50.0 * (1.0 + noise)).collect();
        detect(&values).iter().any(|change| change.tier == Tier::Confirmed)
    });
    alarmed.count() as f64 / 1000.0
}

/// Share of 1,000 steps of 5 % at 1 % noise that are told within three points.
fn suspected(s: &mut Stream) -> f64 {
    let told = (0..1000).filter(|_| {
        let before = 20 + s.below(150) as usize;
        let mut history = History::new();
        (0..before).for_each(|_| history.push(10.0 + 0.1 * s.normal()));
        (0..3).any(|run| {
            history.push(10.5 + 0.1 * s.normal());
            history.changes().iter().any(|change| change.index.abs_diff(before) <= run.max(1))
        })
    });
    told.count() as f64 / 1000.0
}

/// Shares of 200 series of 160 points of which exactly what was planted is told.
fn kinds(out: &mut Map<String, Value>, s: &mut Stream) {
    type Planted = fn(&mut Stream, usize) -> f64;
    let planted: [(&str, &[Kind], Planted); 5] = [
        ("step", &[Kind::Step], |s, t| if t < 80 { 1.0 } else { 1.1 } + 0.01 * s.normal()),
        ("trend", &[Kind::Trend], |s, t| 1.0 + 0.15 * ((t as f64 - 60.0) / 50.0).clamp(0.0, 1.0) + 0.01 * s.normal()),
        ("spike", &[Kind::Spike], |s, t| if t == 70 { 1.3 } else { 1.0 } + 0.01 * s.normal()),
        ("variance", &[Kind::Variance], |s, t| 1.0 + if t < 80 { 0.01 } else { 0.04 } * s.normal()),
        (
            "return",
            &[Kind::Step, Kind::Return],
            |s, t| if (60..90).contains(&t) { 1.08 } else { 1.0 } + 0.01 * s.normal(),
        ),
    ];
    for (name, wanted, make) in planted {
        let right = (0..200).filter(|_| {
            let values: Vec<f64> = (0..160).map(|t| 20.0 * make(s, t)).collect();
            let changes: Vec<ChangePoint> = detect(&values);
            changes.iter().map(|change| change.kind).eq(wanted.iter().copied())
        });
        out.insert(format!("told apart, {name}"), json!(right.count() as f64 / 200.0));
    }
}
