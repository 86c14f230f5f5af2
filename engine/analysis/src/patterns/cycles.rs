//! Cycles of the day and the week.
//!
//! Of the daily cycle: each run less the mean of its day, so that what drifts over days does not count, by quarter of the
//! day. Of the weekly one: each day's mean less that of its week, by day of the week. What the quarters or weekdays
//! explain is held against the same with the hours dealt anew within each day, or the days within each week: a
//! permutation test that keeps everything but the cycle.
//!
//! What would make it wrong: a job that runs at the same hour and also changes what is measured, such as one that takes
//! another input by day; and fewer than some ten days or six weeks, of which nothing is said.

use std::collections::BTreeMap;

use engine_core::history::Timeline;
use engine_core::stats::Stream;

use super::FALSE_DISCOVERIES;
use crate::residuals::relative;
use crate::significance::adjusted;

/// How often a cycle comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// Each day.
    Day,
    /// Each week.
    Week,
}

impl Period {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Week => "weekly",
        }
    }

    /// What a part of it is called.
    #[must_use]
    pub const fn part(self, at: usize) -> &'static str {
        const QUARTERS: [&str; 4] = ["0 to 6 h", "6 to 12 h", "12 to 18 h", "18 to 24 h"];
        const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        match self {
            Self::Day => QUARTERS[at % 4],
            Self::Week => DAYS[at % 7],
        }
    }

    const fn parts(self) -> usize {
        match self {
            Self::Day => 4,
            Self::Week => 7,
        }
    }

    /// Fewest days or weeks from which anything is said.
    const fn least(self) -> usize {
        match self {
            Self::Day => 10,
            Self::Week => 6,
        }
    }
}

/// A cycle of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// Which of the timelines.
    pub timeline: usize,
    /// How often it comes back.
    pub period: Period,
    /// The part with the highest values, see [`Period::part`].
    pub high: usize,
    /// The one with the lowest.
    pub low: usize,
    /// How much higher the highest is than the lowest, relative to the level.
    pub swing: f64,
    /// Share of the variance within days or weeks that it explains.
    pub explains: f64,
    /// p-value, adjusted for all series and both periods.
    pub p: f64,
}

/// First tries, and tries in all where the first found nothing as large.
const TRIES: [usize; 2] = [999, 19_999];

/// The cycles of histories, the surest first. `offset` is the time zone: seconds east of UTC.
#[must_use]
pub fn cycles(timelines: &[Timeline], offset: i64) -> Vec<Cycle> {
    let mut tested = Vec::new();
    for (at, timeline) in timelines.iter().enumerate() {
        let changes: Vec<_> = timeline.changes.iter().map(|found| found.change).collect();
        let Some(residuals) = relative(&timeline.history.values(), &changes) else { continue };
        let hours = timeline.history.points.iter().map(|point| point.started.0.div_euclid(1_000_000) + offset);
        let runs: Vec<(i64, f64)> = hours.zip(residuals).collect();
        for period in [Period::Day, Period::Week] {
            tested.extend(test(at, period, &runs));
        }
    }
    let p: Vec<f64> = tested.iter().map(|cycle| cycle.p).collect();
    for (cycle, adjusted) in tested.iter_mut().zip(adjusted(&p)) {
        cycle.p = adjusted;
    }
    tested.retain(|cycle| cycle.p <= FALSE_DISCOVERIES);
    tested.sort_by(|a, b| a.p.total_cmp(&b.p).then(b.explains.total_cmp(&a.explains)));
    tested
}

/// Values by the day or week to which they belong, each with its part, less the mean of the day or week.
fn grouped(period: Period, runs: &[(i64, f64)]) -> Vec<Vec<(usize, f64)>> {
    const DAY: i64 = 86_400;
    let mut groups: BTreeMap<i64, BTreeMap<i64, Vec<(usize, f64)>>> = BTreeMap::new();
    for (second, value) in runs {
        let day = second.div_euclid(DAY);
        match period {
            Period::Day => {
                let quarter = usize::try_from(second.rem_euclid(DAY) / 21_600).unwrap_or(0);
                groups.entry(day).or_default().entry(*second).or_default().push((quarter, *value));
            }
            Period::Week => {
                // The first of January 1970 was a Thursday.
                let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
                groups.entry((day + 3).div_euclid(7)).or_default().entry(day).or_default().push((weekday, *value));
            }
        }
    }
    let mean = |values: &[(usize, f64)]| values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
    groups
        .into_values()
        .filter_map(|group| {
            // One value for each run, or for each day of a week.
            let each: Vec<(usize, f64)> = group.into_values().map(|values| (values[0].0, mean(&values))).collect();
            let parts: std::collections::BTreeSet<usize> = each.iter().map(|(part, _)| *part).collect();
            let level = mean(&each);
            (parts.len() >= 2).then(|| each.into_iter().map(|(part, value)| (part, value - level)).collect())
        })
        .collect()
}

fn test(timeline: usize, period: Period, runs: &[(i64, f64)]) -> Option<Cycle> {
    let mut groups = grouped(period, runs);
    if groups.len() < period.least() {
        return None;
    }
    let (seen, means) = explained(period, &groups);
    let total: f64 = groups.iter().flatten().map(|(_, value)| value * value).sum();
    if total <= 0.0 {
        return None;
    }
    let mut stream = Stream::new(17, &[timeline as u64, period as u64]);
    let (mut far, mut tries) = (0, 0);
    for most in TRIES {
        while tries < most {
            tries += 1;
            for group in &mut groups {
                let mut values: Vec<f64> = group.iter().map(|(_, value)| *value).collect();
                stream.shuffle(&mut values);
                group.iter_mut().zip(values).for_each(|(slot, value)| slot.1 = value);
            }
            far += usize::from(explained(period, &groups).0 >= seen * (1.0 - 1e-12));
        }
        if far > 0 {
            break;
        }
    }
    let known = || means.iter().enumerate().filter_map(|(part, mean)| Some((part, (*mean)?)));
    let high = known().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let low = known().min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Cycle {
        timeline,
        period,
        high: high.0,
        low: low.0,
        swing: high.1 - low.1,
        explains: seen / total,
        p: (far + 1) as f64 / (tries + 1) as f64,
    })
}

/// What the parts explain: the sum of squares between them; and the mean of each.
fn explained(period: Period, groups: &[Vec<(usize, f64)>]) -> (f64, Vec<Option<f64>>) {
    let mut sums = vec![(0.0, 0.0); period.parts()];
    for (part, value) in groups.iter().flatten() {
        sums[*part].0 += value;
        sums[*part].1 += 1.0;
    }
    let squares = sums.iter().filter(|(_, n)| *n > 0.0).map(|(sum, n)| sum * sum / n).sum();
    (squares, sums.iter().map(|(sum, n)| (*n > 0.0).then(|| sum / n)).collect())
}
