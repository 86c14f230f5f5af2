//! Who wins: inhibition among all columns, or among neighbours.

use std::ops::Range;

/// The winners of all columns, ascending: the `count` with the most overlap; of equal ones the higher index. Those below
/// `least` (at least 1) do not win.
pub(super) fn global(overlaps: &[u16], count: usize, least: u16, winners: &mut Vec<u32>, tally: &mut Vec<u32>) {
    winners.clear();
    // How many columns have each overlap; from the top, until there are enough.
    tally.clear();
    tally.resize(overlaps.iter().copied().max().map_or(1, |most| usize::from(most) + 1), 0);
    for &overlap in overlaps {
        tally[usize::from(overlap)] += 1;
    }
    let least = usize::from(least);
    let (mut limit, mut take, mut left) = (usize::MAX, 0, count);
    for level in (least..tally.len()).rev() {
        if left == 0 {
            break;
        }
        (limit, take) = (level, left.min(tally[level] as usize));
        left -= take;
    }
    // Of those at the limit, the last ones.
    let mut skip = tally.get(limit).map_or(0, |&equal| equal as usize - take);
    for (column, &overlap) in (0_u32..).zip(overlaps) {
        let overlap = usize::from(overlap);
        if overlap > limit {
            winners.push(column);
        } else if overlap == limit {
            if skip == 0 {
                winners.push(column);
            } else {
                skip -= 1;
            }
        }
    }
}

/// The same for overlaps that are no whole numbers.
pub(super) fn global_boosted(overlaps: &[f32], count: usize, least: f32, winners: &mut Vec<u32>) {
    winners.clear();
    // Numbers of at least 0 are ordered as their bits are.
    let key = |column: usize| u64::from(overlaps[column].to_bits()) << 32 | column as u64;
    let mut keys: Vec<u64> = (0..overlaps.len()).filter(|&column| overlaps[column] >= least).map(key).collect();
    if count == 0 {
        return;
    }
    if keys.len() > count {
        let at = keys.len() - count;
        keys.select_nth_unstable(at);
        keys.drain(..at);
    }
    winners.extend(keys.iter().map(|key| *key as u32));
    winners.sort_unstable();
}

/// The winners among neighbours, ascending. Column by column: it wins when fewer of its neighbours than their share
/// `density` are ahead of it; of equal ones, those that have won already are ahead.
pub(super) fn local(overlaps: &[f32], areas: &Areas, density: f64, least: f32, winners: &mut Vec<u32>) {
    winners.clear();
    // Ordered as the overlaps are; a winner moves one up, so that its equals see it ahead.
    let mut keys: Vec<i32> = overlaps.iter().map(|overlap| overlap.to_bits() as i32).collect();
    for column in 0..overlaps.len() {
        if overlaps[column] < least {
            continue;
        }
        let own = keys[column];
        let (mut size, mut ahead) = (0, 0);
        for run in areas.of(column) {
            size += run.len();
            ahead += count_above(&keys[run.start as usize..run.end as usize], own);
        }
        if f64::from(ahead) < (0.5 + density * size as f64).floor() {
            winners.push(column as u32);
            keys[column] += 1;
        }
    }
}

/// How many keys are above a limit.
fn count_above(keys: &[i32], limit: i32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { count_above_avx2(keys, limit) };
    }
    count_above_plain(keys, limit)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_above_avx2(keys: &[i32], limit: i32) -> u32 {
    count_above_plain(keys, limit)
}

#[inline(always)]
fn count_above_plain(keys: &[i32], limit: i32) -> u32 {
    keys.iter().map(|&key| u32::from(key > limit)).sum()
}

/// The neighbourhood of every column, as runs of columns; the column itself is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Areas {
    runs: Vec<Range<u32>>,
    first: Vec<u32>,
}

impl Areas {
    /// From each column's runs.
    pub(super) fn new(all: impl Iterator<Item = Vec<Range<u32>>>) -> Self {
        let mut areas = Self { runs: Vec::new(), first: vec![0] };
        for runs in all {
            areas.runs.extend(runs);
            areas.first.push(areas.runs.len() as u32);
        }
        areas
    }

    /// The runs of a column.
    pub(super) fn of(&self, column: usize) -> &[Range<u32>] {
        &self.runs[self.first[column] as usize..self.first[column + 1] as usize]
    }

    pub(super) fn bytes(&self) -> usize {
        self.runs.capacity() * 8 + self.first.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// By sorting.
    fn sorted(overlaps: &[u16], count: usize, least: u16) -> Vec<u32> {
        let mut all: Vec<u32> = (0..overlaps.len() as u32).collect();
        all.sort_by_key(|&column| std::cmp::Reverse((overlaps[column as usize], column)));
        let mut best: Vec<u32> =
            all.into_iter().take(count).filter(|&column| overlaps[column as usize] >= least).collect();
        best.sort_unstable();
        best
    }

    #[test]
    fn the_global_winners_are_those_of_a_sort() {
        let mut random = Random::new(5);
        let (mut winners, mut tally) = (Vec::new(), Vec::new());
        for round in 0..2_000 {
            let highest = 1 + random.below(if round % 2 == 0 { 4 } else { 60 });
            let overlaps: Vec<u16> = (0..1 + random.below(200)).map(|_| random.below(highest) as u16).collect();
            let (count, least) = (random.below(60) as usize, 1 + random.below(5) as u16);
            global(&overlaps, count, least, &mut winners, &mut tally);
            assert_eq!(winners, sorted(&overlaps, count, least), "{overlaps:?} {count} {least}");
            let real: Vec<f32> = overlaps.iter().map(|&overlap| f32::from(overlap)).collect();
            global_boosted(&real, count, f32::from(least), &mut winners);
            assert_eq!(winners, sorted(&overlaps, count, least), "boosted");
        }
    }
}
