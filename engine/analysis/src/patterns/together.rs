//! Metrics that change together: at the same place, or from run to run.
//!
//! Changes of several steps whose places overlap are one change, named by the runs between which all of them can lie. Metrics
//! of one step say the same in other words, and are not held against each other.
//! How large a group chance alone would make is found by putting every change of every series at a random place of its
//! history and looking again. From run to run, two series are held against each other by the rank correlation of what is
//! left when their own changes are taken out, with as many independent runs as their dependence leaves (Bartlett, 1935).

use std::collections::BTreeSet;

use engine_core::change::{Kind, Tier};
use engine_core::history::Timeline;
use engine_core::run::RunId;
use engine_core::stats::quantile::median;
use engine_core::stats::{Stream, normal_cdf};

use super::FALSE_DISCOVERIES;
use crate::change::noise::correlation;
use crate::residuals::relative;
use crate::significance::adjusted;

/// Several series that changed at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedChange {
    /// Which timelines, and which of their changes.
    pub members: Vec<(usize, usize)>,
    /// The last run before all of them can have changed.
    pub last_old: RunId,
    /// The first run by which all of them have.
    pub first_new: RunId,
    /// How often chance makes a group as large.
    pub p: f64,
}

/// A change as a span of time.
#[derive(Debug, Clone, Copy)]
struct Span {
    timeline: usize,
    change: usize,
    from: i64,
    to: i64,
}

/// Whether two histories are of one step of one scenario.
fn same_step(one: &Timeline, other: &Timeline) -> bool {
    let (a, b) = (&one.history.key, &other.history.key);
    a.suite == b.suite && a.series.step == b.series.step && a.series.labels == b.series.labels
}

/// How often changes are put at random places.
const SHUFFLES: usize = 500;

/// Groups of series that changed together, the largest first. Only confirmed changes of a level count, and only histories
/// of one machine and one branch can share one.
#[must_use]
pub fn shared_changes(timelines: &[Timeline]) -> Vec<SharedChange> {
    let place = |timeline: &Timeline| (timeline.history.key.machine.clone(), timeline.history.key.branch.clone());
    let places: BTreeSet<_> = timelines.iter().map(place).collect();
    let mut all = Vec::new();
    for one in places {
        let own: Vec<usize> = (0..timelines.len()).filter(|at| place(&timelines[*at]) == one).collect();
        all.extend(shared_within(timelines, &own));
    }
    all.retain(|shared| shared.p <= FALSE_DISCOVERIES);
    all.sort_by_key(|shared| std::cmp::Reverse(shared.members.len()));
    all
}

fn shared_within(timelines: &[Timeline], own: &[usize]) -> Vec<SharedChange> {
    let mut spans = Vec::new();
    for timeline in own {
        for (change, found) in timelines[*timeline].changes.iter().enumerate() {
            let level = matches!(found.change.kind, Kind::Step | Kind::Trend | Kind::Return);
            if level && found.change.tier == Tier::Confirmed {
                spans.push(span(timelines, *timeline, change, found.widest));
            }
        }
    }
    let groups = groups(timelines, &spans);
    if groups.is_empty() {
        return Vec::new();
    }
    // The largest group in each shuffle.
    let mut stream = Stream::new(23, &[spans.len() as u64]);
    let largest: Vec<usize> = (0..SHUFFLES)
        .map(|_| {
            let moved: Vec<Span> = spans
                .iter()
                .map(|one| {
                    let found = &timelines[one.timeline].changes[one.change];
                    let width = found.widest.1 - found.widest.0;
                    let room = timelines[one.timeline].history.points.len().saturating_sub(width).max(1) as u64;
                    let start = stream.below(room) as usize;
                    span(timelines, one.timeline, one.change, (start, start + width))
                })
                .collect();
            self::groups(timelines, &moved).iter().map(Vec::len).max().unwrap_or(0)
        })
        .collect();
    groups
        .into_iter()
        .map(|group| {
            let as_large = largest.iter().filter(|size| **size >= group.len()).count();
            let from = group.iter().map(|at| spans[*at].from).max().unwrap_or(0);
            let to = group.iter().map(|at| spans[*at].to).min().unwrap_or(0);
            let any = &timelines[spans[group[0]].timeline].history.points;
            let run = |moment: i64| {
                let nearest = any.iter().min_by_key(|point| point.started.0.abs_diff(moment));
                nearest.map_or_else(|| RunId(String::new()), |point| point.run.clone())
            };
            SharedChange {
                members: group.iter().map(|at| (spans[*at].timeline, spans[*at].change)).collect(),
                last_old: run(from),
                first_new: run(to),
                p: (as_large + 1) as f64 / (SHUFFLES + 1) as f64,
            }
        })
        .collect()
}

/// From the last run that is certainly old to the first that is certainly new.
fn span(timelines: &[Timeline], timeline: usize, change: usize, (low, high): (usize, usize)) -> Span {
    let points = &timelines[timeline].history.points;
    let at = |place: usize| points[place.min(points.len() - 1)].started.0;
    Span { timeline, change, from: at(low), to: at(high.max(low + 1)) }
}

/// Groups of two or more spans, of different steps, that all overlap; each span in one group at most.
fn groups(timelines: &[Timeline], spans: &[Span]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|at| (spans[*at].from, spans[*at].to));
    let mut all = Vec::new();
    let mut taken = vec![false; spans.len()];
    for (place, first) in order.iter().enumerate() {
        if taken[*first] {
            continue;
        }
        let mut group = vec![*first];
        let mut to = spans[*first].to;
        for next in &order[place + 1..] {
            let one = &spans[*next];
            if one.from >= to {
                break;
            }
            if taken[*next]
                || group.iter().any(|member| same_step(&timelines[spans[*member].timeline], &timelines[one.timeline]))
            {
                continue;
            }
            group.push(*next);
            to = to.min(one.to);
        }
        if group.len() > 1 {
            group.iter().for_each(|member| taken[*member] = true);
            all.push(group);
        }
    }
    all
}

/// Series that hang together by pairs, each with whether it goes with (`true`) or against the first.
#[must_use]
pub fn clusters(pairs: &[Correlated]) -> Vec<Vec<(usize, bool)>> {
    let mut all: Vec<Vec<(usize, bool)>> = Vec::new();
    for pair in pairs {
        let ((a, b), along) = (pair.pair, pair.correlation > 0.0);
        let place = |all: &[Vec<(usize, bool)>], series: usize| {
            let found =
                |cluster: &Vec<(usize, bool)>| cluster.iter().find(|(own, _)| *own == series).map(|(_, sign)| *sign);
            all.iter().enumerate().find_map(|(at, cluster)| Some((at, found(cluster)?)))
        };
        match (place(&all, a), place(&all, b)) {
            (None, None) => all.push(vec![(a, true), (b, along)]),
            (Some((at, sign)), None) => all[at].push((b, sign == along)),
            (None, Some((at, sign))) => all[at].push((a, sign == along)),
            (Some((one, _)), Some((other, _))) if one == other => {}
            (Some((one, of_a)), Some((other, of_b))) => {
                let turn = (of_a == of_b) != along;
                let moved: Vec<(usize, bool)> =
                    all[other].iter().map(|(series, sign)| (*series, *sign != turn)).collect();
                all[one].extend(moved);
                all.remove(other);
            }
        }
    }
    all
}

/// Two series that go up and down together from run to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlated {
    /// Which timelines.
    pub pair: (usize, usize),
    /// Rank correlation, -1 to 1.
    pub correlation: f64,
    /// Runs that both have.
    pub runs: usize,
    /// p-value, adjusted for all pairs.
    pub p: f64,
}

/// Fewest runs that two series must share.
const SHARED: usize = 20;

/// A weaker correlation is not told, however sure it is.
const WEAKEST: f64 = 0.4;

/// Most series that are held against each other: pairs grow with the square.
const MOST: usize = 300;

/// Pairs of series that go together from run to run, the strongest first.
#[must_use]
pub fn correlated(timelines: &[Timeline]) -> Vec<Correlated> {
    let noise: Vec<Option<Vec<(&RunId, f64)>>> = timelines
        .iter()
        .take(MOST)
        .map(|timeline| {
            let changes: Vec<_> = timeline.changes.iter().map(|found| found.change).collect();
            let residuals = relative(&timeline.history.values(), &changes)?;
            Some(timeline.history.points.iter().map(|point| &point.run).zip(residuals).collect())
        })
        .collect();
    let mut all = Vec::new();
    for (a, one) in noise.iter().enumerate() {
        for (b, other) in noise.iter().enumerate().skip(a + 1) {
            let (Some(one), Some(other)) = (one, other) else { continue };
            if same_step(&timelines[a], &timelines[b]) {
                continue;
            }
            all.extend(pair((a, b), one, other));
        }
    }
    let p: Vec<f64> = all.iter().map(|pair| pair.p).collect();
    for (pair, adjusted) in all.iter_mut().zip(adjusted(&p)) {
        pair.p = adjusted;
    }
    all.retain(|pair| pair.p <= FALSE_DISCOVERIES && pair.correlation.abs() >= WEAKEST);
    all.sort_by(|a, b| b.correlation.abs().total_cmp(&a.correlation.abs()));
    all
}

fn pair(pair: (usize, usize), one: &[(&RunId, f64)], other: &[(&RunId, f64)]) -> Option<Correlated> {
    let known: std::collections::HashMap<&RunId, f64> = other.iter().copied().collect();
    let (a, b): (Vec<f64>, Vec<f64>) = one.iter().filter_map(|(run, value)| Some((*value, *known.get(run)?))).unzip();
    if a.len() < SHARED {
        return None;
    }
    let (ranks_a, ranks_b) = (ranks(&a), ranks(&b));
    let correlation = pearson(&ranks_a, &ranks_b)?;
    let own = |values: &[f64]| {
        let middle = median(values);
        let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
        self::correlation(&centred, &[0, values.len()])
    };
    let dependence = own(&ranks_a) * own(&ranks_b);
    let independent = (a.len() as f64 * (1.0 - dependence) / (1.0 + dependence)).max(4.0);
    let z = correlation.abs() * (independent - 1.0).sqrt();
    Some(Correlated { pair, correlation, runs: a.len(), p: 2.0 * normal_cdf(-z) })
}

/// Ranks, the mean of them for equal values.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]].total_cmp(&values[order[start]]).is_eq() {
            end += 1;
        }
        for at in &order[start..end] {
            ranks[*at] = 0.5 * (start + end - 1) as f64;
        }
        start = end;
    }
    ranks
}

/// Pearson's correlation; none where a side does not vary.
pub(super) fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        both += (x - mean_a) * (y - mean_b);
        of_a += (x - mean_a).powi(2);
        of_b += (y - mean_b).powi(2);
    }
    (of_a > 0.0 && of_b > 0.0).then(|| both / (of_a * of_b).sqrt())
}
