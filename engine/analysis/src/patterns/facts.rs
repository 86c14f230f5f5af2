//! Which facts of the environment explain a metric: a neural additive model of the facts foretells runs that it has not
//! seen, and a fact matters by how much worse that gets when its values are dealt anew among those runs (permutation
//! importance; Breiman, 2001; Fisher, Rudin and Dominici, 2019).
//!
//! The order of the runs is a feature too, and values are dealt anew among neighbouring runs only, so that a fact which
//! merely grows, such as the free space of a disk, is not taken for the cause of what else grew meanwhile. Runs are held
//! out in blocks of neighbours, and the differences of the squared errors are tested over blocks; nothing is named where
//! the model as a whole foretells no better than a constant, and of all facts of all series at once only what stands out.
//!
//! What would make it wrong: facts that go together cannot be told apart, and are named as one; a fact that changed once
//! changed with everything else that changed then, and is not named at all: change points say that the environment changed.

use std::collections::BTreeMap;

use engine_core::history::Timeline;
use engine_core::run::RunId;
use engine_core::stats::quantile::{median, quantile, sorted};
use engine_core::stats::{Stream, student_two_sided};
use engine_nam::{Additive, AdditiveOptions, Table, Task};
use rayon::prelude::*;

use super::FALSE_DISCOVERIES;
use super::together::pearson;
use crate::significance::adjusted;

/// One fact of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// What is known of the environment of each run: path of the fact, and its value.
pub type RunFacts = BTreeMap<RunId, BTreeMap<String, Fact>>;

/// A fact that explains a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Explains {
    /// Which of the timelines.
    pub timeline: usize,
    /// Path of the fact, such as `load.before.average_1`.
    pub fact: String,
    /// Facts that always changed with it, and cannot be told from it.
    pub twins: Vec<String>,
    /// Share of the variance of runs not seen that goes with it.
    pub importance: f64,
    /// How the metric goes with it, in words.
    pub effect: String,
    /// p-value, adjusted for all facts of all series.
    pub p: f64,
}

/// Fewest runs with facts.
const LEAST: usize = 40;

/// Parts of the runs, each of which is held out once.
const FOLDS: usize = 4;

/// Neighbouring runs that are held out together.
const BLOCK: usize = 4;

/// Held-out runs among which values are dealt anew.
const NEIGHBOURS: usize = 2 * BLOCK;

/// Facts whose ranks go together so closely are one.
const TWINS: f64 = 0.9;

/// How often the values of a fact are dealt anew.
const DEALS: usize = 10;

/// Most features that a model has.
const MOST: usize = 32;

/// Most values of a text that are told apart.
const LEVELS: usize = 6;

/// A fact that explains less is not told.
const LEAST_IMPORTANCE: f64 = 0.03;

/// A fact as columns of the model: one for a number, one a value for a text.
struct Feature {
    name: String,
    twins: Vec<String>,
    columns: Vec<Vec<f32>>,
    /// Values of a text, in the order of the columns.
    levels: Vec<String>,
}

/// The facts that explain each history, the most important first.
#[must_use]
pub fn explaining(timelines: &[Timeline], facts: &RunFacts) -> Vec<Explains> {
    let mut all: Vec<Explains> =
        timelines.par_iter().enumerate().flat_map(|(at, timeline)| of_one(at, timeline, facts)).collect();
    let p: Vec<f64> = all.iter().map(|found| found.p).collect();
    for (found, adjusted) in all.iter_mut().zip(adjusted(&p)) {
        found.p = adjusted;
    }
    all.retain(|found| found.p <= FALSE_DISCOVERIES && found.importance >= LEAST_IMPORTANCE);
    all.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    all
}

fn of_one(timeline: usize, history: &Timeline, facts: &RunFacts) -> Vec<Explains> {
    let points = &history.history.points;
    let known: Vec<(&BTreeMap<String, Fact>, f64)> = points
        .iter()
        .filter_map(|point| Some((facts.get(&point.run)?, point.value())))
        .filter(|(_, value)| value.is_finite() && *value > 0.0)
        .collect();
    if known.len() < LEAST {
        return Vec::new();
    }
    let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let level = median(&values);
    let targets: Vec<f32> = values.iter().map(|value| (value / level).ln() as f32).collect();
    let rows: Vec<&BTreeMap<String, Fact>> = known.iter().map(|(facts, _)| *facts).collect();
    let features = features(&rows);
    if features.is_empty() {
        return Vec::new();
    }
    let Some((importance, effects)) = importance(timeline, &features, &targets) else { return Vec::new() };
    features
        .iter()
        .zip(importance)
        .zip(effects)
        .map(|((feature, (importance, p)), effect)| Explains {
            timeline,
            fact: feature.name.clone(),
            twins: feature.twins.clone(),
            importance,
            effect,
            p,
        })
        .collect()
}

/// The facts that vary, as columns; those that always change together as one.
fn features(rows: &[&BTreeMap<String, Fact>]) -> Vec<Feature> {
    let names: std::collections::BTreeSet<&String> = rows.iter().flat_map(|facts| facts.keys()).collect();
    let mut found: Vec<Feature> = Vec::new();
    for name in names {
        let values: Vec<Option<&Fact>> = rows.iter().map(|facts| facts.get(name)).collect();
        // A fact that is often unknown says little.
        if values.iter().flatten().count() * 10 < rows.len() * 9 {
            continue;
        }
        let (columns, levels) = if values.iter().flatten().all(|fact| matches!(fact, Fact::Number(_))) {
            (numbers(&values).into_iter().collect(), Vec::new())
        } else {
            texts(&values)
        };
        if columns.is_empty() {
            continue;
        }
        let twin = found.iter_mut().find(|other| same(&other.columns, &columns));
        match twin {
            Some(other) => other.twins.push(name.clone()),
            None => found.push(Feature { name: name.clone(), twins: Vec::new(), columns, levels }),
        }
    }
    // Those with most different values first: there is more to be learned from them.
    let different = |feature: &Feature| {
        let bits: std::collections::BTreeSet<Vec<u32>> =
            (0..rows.len()).map(|row| feature.columns.iter().map(|column| column[row].to_bits()).collect()).collect();
        std::cmp::Reverse(bits.len())
    };
    found.sort_by_cached_key(different);
    let mut columns = 0;
    found.retain(|feature| {
        columns += feature.columns.len();
        columns <= MOST
    });
    found
}

/// Ranks of a number, scaled to 0..1, so that single large values do no harm; none when it does not vary.
fn numbers(values: &[Option<&Fact>]) -> Option<Vec<f32>> {
    let number = |fact: &Option<&Fact>| match fact {
        Some(Fact::Number(value)) if value.is_finite() => Some(*value),
        _ => None,
    };
    let known: Vec<f64> = sorted(&values.iter().filter_map(number).collect::<Vec<_>>());
    let middle = quantile(&known, 0.5);
    let rank = |value: f64| {
        let below = known.partition_point(|other| *other < value);
        let up_to = known.partition_point(|other| *other <= value);
        (0.5 * (below + up_to) as f64 / known.len() as f64) as f32
    };
    let ranks: Vec<f32> = values.iter().map(|fact| rank(number(fact).unwrap_or(middle))).collect();
    let varied = ranks.iter().filter(|rank| (**rank - ranks[0]).abs() > f32::EPSILON).count();
    // What differs in one or two runs cannot be learned from.
    (varied >= 4 && ranks.len() - varied >= 1 && rare(&ranks) >= 4).then_some(ranks)
}

/// How many rows do not have the commonest value.
fn rare(values: &[f32]) -> usize {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(value.to_bits()).or_default() += 1);
    values.len() - counts.values().copied().max().unwrap_or(0)
}

/// One column for each value of a text that occurs often enough; none when it has too many values or does not vary.
fn texts(values: &[Option<&Fact>]) -> (Vec<Vec<f32>>, Vec<String>) {
    let text = |fact: &Option<&Fact>| match fact {
        Some(Fact::Text(text)) => text.clone(),
        Some(Fact::Number(number)) => number.to_string(),
        None => "unknown".to_owned(),
    };
    let all: Vec<String> = values.iter().map(text).collect();
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    all.iter().for_each(|value| *counts.entry(value).or_default() += 1);
    if counts.len() > LEVELS || counts.len() < 2 {
        return (Vec::new(), Vec::new());
    }
    let most = counts.values().copied().max().unwrap_or(0);
    if all.len() - most < 4 {
        return (Vec::new(), Vec::new());
    }
    let levels: Vec<String> = counts.into_keys().cloned().collect();
    // Of two values one column tells both.
    let shown = if levels.len() == 2 { &levels[1..] } else { &levels[..] };
    let columns =
        shown.iter().map(|level| all.iter().map(|value| f32::from(u8::from(value == level))).collect()).collect();
    (columns, levels)
}

/// Whether two features divide the runs nearly alike; a number that goes up as the other goes down does.
fn same(one: &[Vec<f32>], other: &[Vec<f32>]) -> bool {
    let wide = |column: &Vec<f32>| column.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
    let alike = |a: &Vec<f32>, b: &Vec<f32>| pearson(&wide(a), &wide(b)).is_some_and(|r| r.abs() >= TWINS);
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| alike(a, b))
}

/// Importance and p-value of each feature, and its effect in words; none where no model can be fitted.
type Importance = (Vec<(f64, f64)>, Vec<String>);

fn importance(key: usize, features: &[Feature], targets: &[f32]) -> Option<Importance> {
    let n = targets.len();
    // The order of the runs is the last column.
    let order: Vec<f32> = (0..n).map(|row| row as f32 / n as f32).collect();
    let columns: Vec<&[f32]> =
        features.iter().flat_map(|feature| &feature.columns).map(Vec::as_slice).chain([order.as_slice()]).collect();
    let table = |rows: &[usize]| {
        let values = rows.iter().flat_map(|row| columns.iter().map(|column| column[*row])).collect();
        Table::new(values, columns.len()).ok()
    };
    let options = AdditiveOptions {
        width: 12,
        hidden: 6,
        epochs: 150,
        batch: 32,
        rate: 1e-2,
        anneal: 0.985,
        dropout: 0.05,
        output_penalty: 3e-3,
        decay: 1e-3,
        seed: 5 + key as u64,
        ..AdditiveOptions::default()
    };
    let mean = targets.iter().sum::<f32>() / n as f32;
    let variance = targets.iter().map(|target| f64::from(target - mean).powi(2)).sum::<f64>() / n as f64;
    if variance <= 0.0 {
        return None;
    }
    let mut stream = Stream::new(29, &[key as u64]);
    let fold = |row: usize| (row / BLOCK) % FOLDS;
    // Of each feature, what each block of held-out runs loses.
    let mut losses: Vec<BTreeMap<usize, (f64, f64)>> = vec![BTreeMap::new(); features.len()];
    // What a constant loses against the model.
    let mut gains: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for held in 0..FOLDS {
        let (out, seen): (Vec<usize>, Vec<usize>) = (0..n).partition(|row| fold(*row) == held);
        let learned: Vec<f32> = seen.iter().map(|row| targets[*row]).collect();
        let model = Additive::fit(&table(&seen)?, &learned, Task::Regression, &options).ok()?;
        let rows = table(&out)?;
        let told = model.predict(&rows).ok()?;
        let parts = model.contributions(&rows).ok()?;
        let constant = learned.iter().sum::<f32>() / learned.len() as f32;
        for (place, row) in out.iter().enumerate() {
            let gain = f64::from(targets[*row] - constant).powi(2) - f64::from(targets[*row] - told[place]).powi(2);
            let block = gains.entry(row / BLOCK).or_insert((0.0, 0.0));
            block.0 += gain;
            block.1 += 1.0;
        }
        let mut start = 0;
        for (feature, losses) in features.iter().zip(&mut losses) {
            let own = start..start + feature.columns.len();
            start = own.end;
            // What the feature adds to each held-out run: the sum over its columns.
            let adds: Vec<f32> = (0..out.len())
                .map(|row| own.clone().map(|column| parts[row * columns.len() + column]).sum::<f32>())
                .collect();
            for _ in 0..DEALS {
                let mut dealt = adds.clone();
                dealt.chunks_mut(NEIGHBOURS).for_each(|near| stream.shuffle(near));
                for (place, row) in out.iter().enumerate() {
                    let error = f64::from(targets[*row] - told[place]);
                    let moved = f64::from(targets[*row] - told[place] - dealt[place] + adds[place]);
                    let block = losses.entry(row / BLOCK).or_insert((0.0, 0.0));
                    block.0 += moved.powi(2) - error.powi(2);
                    block.1 += 1.0;
                }
            }
        }
    }
    if above_zero(&gains).1 > FALSE_DISCOVERIES {
        return None;
    }
    let scores: Vec<(f64, f64)> = losses
        .iter()
        .map(|blocks| {
            let (mean, p) = above_zero(blocks);
            // Dealing anew doubles what goes with a feature.
            (0.5 * mean / variance, p)
        })
        .collect();
    let effects = features.iter().map(|feature| effect(feature, targets)).collect();
    Some((scores, effects))
}

/// The mean over blocks, and the one-sided p-value of "it is not above zero".
fn above_zero(blocks: &BTreeMap<usize, (f64, f64)>) -> (f64, f64) {
    let each: Vec<f64> = blocks.values().map(|(sum, n)| sum / n).collect();
    let n = each.len() as f64;
    let mean = each.iter().sum::<f64>() / n;
    let deviation = (each.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let t = mean / (deviation / n.sqrt());
    (mean, if t.is_finite() && t > 0.0 { 0.5 * student_two_sided(t, n - 1.0) } else { 1.0 })
}

/// How the metric goes with a fact, in words: its median over the lower and the upper third of the fact, or by value.
fn effect(feature: &Feature, targets: &[f32]) -> String {
    let level = |keep: &dyn Fn(usize) -> bool| {
        let own: Vec<f64> = (0..targets.len()).filter(|row| keep(*row)).map(|row| f64::from(targets[row])).collect();
        (!own.is_empty()).then(|| median(&own))
    };
    let percent = |log: f64| format!("{:+.1} %", log.exp_m1() * 100.0);
    if feature.levels.is_empty() {
        let column = &feature.columns[0];
        let (low, high) = (level(&|row| column[row] <= 0.34), level(&|row| column[row] >= 0.66));
        return match (low, high) {
            (Some(low), Some(high)) => format!("{} when it is high, against low", percent(high - low)),
            _ => "goes with it".to_owned(),
        };
    }
    let has = |at: usize, row: usize| match feature.levels.len() {
        2 => (feature.columns[0][row] > 0.5) == (at == 1),
        _ => feature.columns[at][row] > 0.5,
    };
    let parts: Vec<String> = feature
        .levels
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some(format!("{name}: {}", percent(level(&|row| has(at, row))?))))
        .collect();
    parts.join(", ")
}
