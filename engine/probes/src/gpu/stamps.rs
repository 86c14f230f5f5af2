//! Judges the device's clock against the wall clock.
//!
//! Each pair is two passes, of the same work once and twice. What both clocks give as the difference is free of what
//! every pass costs (submission, wake-up), so the two must agree. Stamps that are missing, equal, backwards or out of
//! order, or longer than the wall time around them, are not used at all.

use std::fmt;

/// The stamps at both ends of a pass, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// A pass: seconds by the wall clock, and its stamps where the device has any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pass {
    pub(super) wall: f64,
    pub(super) stamp: Option<Stamp>,
}

/// Passes of one and of twice the work, one after the other.
pub(super) type Pair = [Pass; 2];

/// Which clock a result was taken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Timestamps,
    Wall,
}

impl Clock {
    /// The value of the mark `clock`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Timestamps => "timestamps",
            Self::Wall => "wall",
        }
    }
}

/// Why stamps are not used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// The device has none.
    None,
    /// A stamp was never written.
    Missing,
    /// A pass ended when it began.
    Equal,
    /// A pass ended before it began.
    Backwards,
    /// A pass began before the one before it had ended.
    Unordered,
    /// A pass took longer on the device than by the wall clock around it.
    Longer,
    /// The wall clock was too disturbed to judge them.
    Disturbed,
    /// The two clocks disagree: time by stamps over time by the wall clock.
    Disagree(f64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the device has no timestamps"),
            Self::Missing => f.write_str("a timestamp was never written"),
            Self::Equal => f.write_str("a pass has equal timestamps at both ends"),
            Self::Backwards => f.write_str("timestamps run backwards"),
            Self::Unordered => f.write_str("timestamps of consecutive passes overlap"),
            Self::Longer => f.write_str("timestamps show more time than the wall clock around them"),
            Self::Disturbed => f.write_str("the wall clock was too disturbed to check the timestamps"),
            Self::Disagree(ratio) => write!(f, "timestamps show {ratio:.3} of the time by the wall clock"),
        }
    }
}

/// How far the clocks may be apart.
pub(super) const TOLERANCE: f64 = 0.05;

/// What a series of pairs comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settled {
    pub(super) clock: Clock,
    /// Why it is the wall clock, where it is.
    pub(super) fault: Option<Fault>,
    /// Time by stamps over time by the wall clock, where both are there.
    pub(super) agreement: Option<f64>,
    /// Seconds of one unit of work, for each pair.
    pub(super) seconds: Vec<f64>,
    /// Seconds that every pass takes beside its work.
    pub(super) fixed: f64,
}

/// Chooses the clock and takes the times. A pair's first pass did `units` of work; a tick is `period` seconds.
pub(super) fn settle(pairs: &[Pair], units: u64, period: f64) -> Settled {
    let (agreement, fault) = judge(pairs, period);
    let clock = if fault.is_none() { Clock::Timestamps } else { Clock::Wall };
    let times: Vec<[f64; 2]> = pairs
        .iter()
        .map(|pair| pair.map(|pass| if clock == Clock::Wall { pass.wall } else { span(pass.stamp, period) }))
        .collect();
    let least = |at: usize| times.iter().map(|pair| pair[at]).fold(f64::INFINITY, f64::min);
    // Two equal straight lines through the best times: what is left at no work. Never more than half of a pass.
    let fixed = if times.is_empty() { 0.0 } else { (2.0 * least(0) - least(1)).clamp(0.0, least(0) / 2.0) };
    // The longer pass only: a difference of two disturbed passes may come out too short, this can only be too long.
    let seconds = times.iter().map(|pair| ((pair[1] - fixed) / (2 * units) as f64).max(1e-12)).collect();
    Settled { clock, fault, agreement, seconds, fixed }
}

/// Whether the stamps may be used.
fn judge(pairs: &[Pair], period: f64) -> (Option<f64>, Option<Fault>) {
    let passes: Vec<Pass> = pairs.iter().flatten().copied().collect();
    let stamps: Vec<Stamp> = passes.iter().filter_map(|pass| pass.stamp).collect();
    if stamps.len() < passes.len() || stamps.is_empty() {
        return (None, Some(Fault::None));
    }
    for stamp in &stamps {
        let fault = match stamp {
            Stamp { begin: 0, .. } | Stamp { end: 0, .. } => Fault::Missing,
            Stamp { begin, end } if end == begin => Fault::Equal,
            Stamp { begin, end } if end < begin => Fault::Backwards,
            _ => continue,
        };
        return (None, Some(fault));
    }
    if stamps.windows(2).any(|two| two[1].begin < two[0].end) {
        return (None, Some(Fault::Unordered));
    }
    // A clock's tick and a little of the two oscillators' difference are forgiven.
    if passes.iter().any(|pass| span(pass.stamp, period) > pass.wall * 1.01 + 2e-5) {
        return (None, Some(Fault::Longer));
    }
    let mut ratios: Vec<f64> = pairs
        .iter()
        .map(|[once, twice]| (span(twice.stamp, period) - span(once.stamp, period)) / (twice.wall - once.wall))
        .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
        .collect();
    if 2 * ratios.len() <= pairs.len() {
        return (None, Some(Fault::Disturbed));
    }
    ratios.sort_by(f64::total_cmp);
    // The mean of the two in the middle, which are one where their number is odd.
    let median = f64::midpoint(ratios[(ratios.len() - 1) / 2], ratios[ratios.len() / 2]);
    let fault = ((median - 1.0).abs() > TOLERANCE).then_some(Fault::Disagree(median));
    (Some(median), fault)
}

fn span(stamp: Option<Stamp>, period: f64) -> f64 {
    stamp.map_or(0.0, |stamp| stamp.end.saturating_sub(stamp.begin) as f64 * period)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of 10 and 20 ms, a tick of 1 ns, and 100 us around each pass by the wall clock.
    fn clean() -> Vec<Pair> {
        let mut now = 1_000_000;
        let mut pass = |ms: u64| {
            let begin = now;
            now += ms * 1_000_000 + 300_000;
            Pass { wall: ms as f64 * 1e-3 + 1e-4, stamp: Some(Stamp { begin, end: begin + ms * 1_000_000 }) }
        };
        (0..5).map(|_| [pass(10), pass(20)]).collect()
    }

    fn planted(plant: impl Fn(&mut Vec<Pair>)) -> Settled {
        let mut pairs = clean();
        plant(&mut pairs);
        settle(&pairs, 4, 1e-9)
    }

    fn stamp(pairs: &mut [Pair], at: usize, side: usize) -> &mut Stamp {
        pairs[at][side].stamp.as_mut().unwrap()
    }

    #[test]
    fn clean_stamps_are_used_and_agree() {
        let settled = planted(|_| {});
        assert_eq!((settled.clock, settled.fault), (Clock::Timestamps, None));
        assert!((settled.agreement.unwrap() - 1.0).abs() < 1e-9 && settled.fixed.abs() < 1e-9);
        assert!(settled.seconds.iter().all(|seconds| (seconds - 2.5e-3).abs() < 1e-9));
    }

    #[test]
    fn the_wall_clock_is_freed_of_what_every_pass_costs() {
        let settled = planted(|pairs| pairs.iter_mut().flatten().for_each(|pass| pass.stamp = None));
        assert_eq!((settled.clock, settled.fault), (Clock::Wall, Some(Fault::None)));
        assert!((settled.fixed - 1e-4).abs() < 1e-9, "{settled:?}");
        assert!(settled.seconds.iter().all(|seconds| (seconds - 2.5e-3).abs() < 1e-9));
    }

    #[test]
    fn a_disturbed_pass_is_slow_and_never_fast() {
        let settled = planted(|pairs| {
            pairs.iter_mut().flatten().for_each(|pass| pass.stamp = None);
            pairs[1][0].wall += 9e-3;
            pairs[2][1].wall += 5e-3;
        });
        assert!(settled.seconds.iter().all(|seconds| *seconds > 2.5e-3 - 1e-9), "{settled:?}");
        assert!(settled.seconds[2] > 3e-3);
    }

    #[test]
    fn every_planted_fault_of_the_stamps_is_seen_and_the_wall_clock_taken() {
        let reordered = planted(|pairs| {
            let Stamp { begin, end } = *stamp(pairs, 2, 1);
            *stamp(pairs, 2, 1) = Stamp { begin: end, end: begin };
        });
        let swapped = planted(|pairs| {
            let (one, two) = (pairs[1][0].stamp, pairs[1][1].stamp);
            (pairs[1][0].stamp, pairs[1][1].stamp) = (two, one);
        });
        let zero = planted(|pairs| stamp(pairs, 3, 0).end = 0);
        let equal = planted(|pairs| stamp(pairs, 3, 0).end = stamp(pairs, 3, 0).begin);
        let longer = planted(|pairs| pairs[4][1].wall = 0.015);
        let faults = [&reordered, &swapped, &zero, &equal, &longer].map(|settled| settled.fault);
        let expected = [Fault::Backwards, Fault::Unordered, Fault::Missing, Fault::Equal, Fault::Longer];
        assert_eq!(faults, expected.map(Some));
        for settled in [reordered, swapped, zero, equal] {
            assert_eq!(settled.clock, Clock::Wall);
            assert!(settled.seconds.iter().all(|seconds| (seconds - 2.5e-3).abs() < 1e-9), "{settled:?}");
        }
    }

    #[test]
    fn a_wrong_tick_is_seen_by_the_slopes() {
        let slow = settle(&clean(), 4, 0.9e-9);
        assert!(matches!(slow.fault, Some(Fault::Disagree(ratio)) if (ratio - 0.9).abs() < 1e-9), "{slow:?}");
        assert_eq!(slow.clock, Clock::Wall);
        assert_eq!(settle(&clean(), 4, 1.2e-9).fault, Some(Fault::Longer));
        assert_eq!(settle(&clean(), 4, 0.96e-9).fault, None, "within the tolerance");
    }

    #[test]
    fn a_wall_clock_that_tells_nothing_is_no_judge() {
        let noisy = planted(|pairs| pairs.iter_mut().for_each(|pair| pair[0].wall = 0.5));
        assert_eq!(noisy.fault, Some(Fault::Disturbed));
        assert!(settle(&[], 1, 1e-9).seconds.is_empty());
    }
}
