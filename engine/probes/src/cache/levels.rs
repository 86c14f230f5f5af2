//! Which knee of a latency curve ends which level of cache. Pure: numbers in, numbers out.
//!
//! Where the knees lie is measured alone; what the system declares only gives them their names, and says where a knee
//! is missing. Without a declaration they are named in order.

use crate::kernel::knee::Knee;

/// Levels that are looked for.
pub(super) const LEVELS: usize = 3;
/// How far the effective capacity may lie above the declared one: sizes that share pages and colours luckily.
const ABOVE: f64 = 1.4;

/// The knee of each level from 1, where there is one.
///
/// Three knees are three levels. Fewer go each to the first level, behind that of the knee before, that is declared
/// large enough for it: a cache may be smaller than declared (neighbours take their share), but hardly larger.
pub(super) fn assign(knees: &[Knee], declared: &[u64]) -> [Option<Knee>; LEVELS] {
    let mut levels = [None; LEVELS];
    let mut next = 0;
    for (index, knee) in knees.iter().take(LEVELS).enumerate() {
        let left = knees.len().min(LEVELS) - index;
        let fits = |level: &usize| declared.get(*level).is_none_or(|size| knee.bytes <= ABOVE * *size as f64);
        // As many levels must stay as there are knees to come.
        let last = LEVELS - left;
        let level = (next..=last).find(fits).unwrap_or(last);
        levels[level] = Some(*knee);
        next = level + 1;
    }
    levels
}

/// Latency of a level in the curve's unit: at half of its capacity where that is well beyond the level below (so that
/// this level answers nearly all loads), else where its plateau ends.
pub(super) fn latency(curve: &[(f64, f64)], level: &Knee, below: Option<&Knee>) -> f64 {
    let half = level.bytes / 2.0;
    if below.is_some_and(|below| half < 1.5 * below.bytes) {
        return level.before;
    }
    let near = curve.iter().min_by(|one, two| (one.0 / half).ln().abs().total_cmp(&(two.0 / half).ln().abs()));
    near.map_or(level.before, |point| point.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knee(bytes: f64) -> Knee {
        Knee { bytes, low: bytes, high: bytes, before: bytes.log2(), after: 0.0 }
    }

    fn names(knees: &[f64], declared: &[u64]) -> Vec<(usize, f64)> {
        let knees: Vec<Knee> = knees.iter().map(|bytes| knee(*bytes)).collect();
        let levels = assign(&knees, declared);
        levels.iter().enumerate().filter_map(|(level, knee)| Some((level + 1, knee.as_ref()?.bytes))).collect()
    }

    const K: f64 = 1024.0;
    const M: f64 = 1024.0 * 1024.0;
    const ZEN: [u64; 3] = [32 << 10, 1 << 20, 32 << 20];

    #[test]
    fn knees_get_the_names_of_their_levels() {
        assert_eq!(names(&[32.0 * K, M, 2.6 * M], &ZEN), [(1, 32.0 * K), (2, M), (3, 2.6 * M)]);
        // The second level's end was too soft to be seen.
        assert_eq!(names(&[32.0 * K, 2.6 * M], &ZEN), [(1, 32.0 * K), (3, 2.6 * M)]);
        assert_eq!(names(&[32.0 * K, 0.9 * M], &ZEN), [(1, 32.0 * K), (2, 0.9 * M)]);
        assert_eq!(names(&[30.0 * M], &ZEN), [(3, 30.0 * M)]);
        // A larger third level than declared is still the third.
        assert_eq!(names(&[64.0 * M], &ZEN), [(3, 64.0 * M)]);
        assert_eq!(names(&[32.0 * K, M], &[]), [(1, 32.0 * K), (2, M)]);
        assert_eq!(names(&[], &ZEN), []);
    }

    #[test]
    fn a_level_answers_at_half_of_its_capacity() {
        let curve: Vec<(f64, f64)> = (1..200).map(|i| (f64::from(i) * 16.0 * K, f64::from(i))).collect();
        assert!((latency(&curve, &knee(M), Some(&knee(32.0 * K))) - 32.0).abs() < 1e-9);
        let close = knee(2.0 * M);
        assert!((latency(&curve, &close, Some(&knee(M))) - close.before).abs() < 1e-9);
    }
}
