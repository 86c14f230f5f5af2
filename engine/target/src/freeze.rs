//! When the target is frozen, and when work that is interrupted by that is done. All times in nanoseconds since the start.

use engine_core::load::Stall;

/// More stalls in a row than any sensible setting has; ends the search where several cover all of time.
const MOST: usize = 100_000;

/// The stalls and when their clock began.
#[derive(Debug, Clone)]
pub(crate) struct Freeze {
    windows: Vec<Window>,
    /// The first request; nothing is frozen before it.
    began: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    at: u64,
    lasts: u64,
    every: Option<u64>,
}

/// Seconds as nanoseconds.
pub(crate) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

impl Freeze {
    pub(crate) fn new(stalls: &[Stall]) -> Self {
        let window = |stall: &Stall| Window {
            at: nanos(stall.at),
            lasts: nanos(stall.lasts),
            every: stall.every.map(|every| nanos(every).max(1)),
        };
        Self { windows: stalls.iter().filter(|stall| stall.lasts > 0.0).map(window).collect(), began: None }
    }

    /// Starts the clock of the stalls, if it does not run.
    pub(crate) fn begin(&mut self, now: u64) {
        self.began.get_or_insert(now);
    }

    /// Stops that clock; the next request starts it anew.
    pub(crate) fn reset(&mut self) {
        self.began = None;
    }

    /// The first time from `time` on at which it is not frozen.
    pub(crate) fn thawed(&self, mut time: u64) -> u64 {
        let Some(began) = self.began else { return time };
        for _ in 0..MOST {
            let end = self.windows.iter().filter_map(|window| window.end(time.saturating_sub(began))).max();
            match end {
                Some(left) => time = time.saturating_add(left),
                None => break,
            }
        }
        time
    }

    /// When work of so many nanoseconds is done that goes on whenever it is not frozen.
    pub(crate) fn after(&self, time: u64, mut work: u64) -> u64 {
        let mut time = self.thawed(time);
        for _ in 0..MOST {
            let Some(next) = self.next(time).filter(|next| *next < time.saturating_add(work)) else { break };
            work -= next - time;
            time = self.thawed(next);
        }
        time.saturating_add(work)
    }

    /// When the next stall begins, after `time`.
    fn next(&self, time: u64) -> Option<u64> {
        let began = self.began?;
        let wait = self.windows.iter().filter_map(|window| window.begin(time.saturating_sub(began))).min();
        wait.map(|wait| time.saturating_add(wait))
    }
}

impl Window {
    /// How far into the window, or its period, a time is.
    fn phase(self, time: u64) -> Option<u64> {
        let since = time.checked_sub(self.at)?;
        Some(self.every.map_or(since, |every| since % every))
    }

    /// From a time within the window to its end.
    fn end(self, time: u64) -> Option<u64> {
        self.lasts.checked_sub(self.phase(time)?).filter(|left| *left > 0)
    }

    /// From a time to the next beginning, more than zero.
    fn begin(self, time: u64) -> Option<u64> {
        match self.phase(time) {
            None => Some(self.at - time),
            Some(phase) => self.every.map(|every| every - phase),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freeze(stalls: &[(f64, f64, Option<f64>)]) -> Freeze {
        let stalls: Vec<Stall> =
            stalls.iter().map(|(at, lasts, every)| Stall { at: *at, lasts: *lasts, every: *every }).collect();
        let mut freeze = Freeze::new(&stalls);
        freeze.begin(nanos(100.0));
        freeze
    }

    #[test]
    fn a_stall_holds_up_what_it_meets() {
        let freeze = freeze(&[(2.0, 3.0, None)]);
        let thawed = |t: f64| freeze.thawed(nanos(t)) as f64 / 1e9;
        assert_eq!([101.9, 102.0, 104.0, 105.0, 200.0].map(thawed), [101.9, 105.0, 105.0, 105.0, 200.0]);
        let after = |t: f64, work: f64| freeze.after(nanos(t), nanos(work)) as f64 / 1e9;
        assert_eq!(after(101.0, 0.5), 101.5);
        assert_eq!(after(101.0, 1.0), 102.0, "done just when the stall begins");
        assert_eq!(after(101.0, 2.0), 106.0, "one second before and one after");
        assert_eq!(after(103.0, 0.25), 105.25, "it came while frozen");
    }

    #[test]
    fn a_stall_comes_again() {
        let freeze = freeze(&[(1.0, 1.0, Some(4.0))]);
        let after = |t: f64, work: f64| freeze.after(nanos(t), nanos(work)) as f64 / 1e9;
        // Free from 0 to 1, 2 to 5, 6 to 9, ..: seven seconds of work need two stalls more.
        assert_eq!(after(100.0, 7.5), 110.5);
        assert_eq!(after(105.5, 1.0), 107.0);
    }

    #[test]
    fn overlapping_stalls_are_one_and_endless_ones_end_the_search() {
        let both = freeze(&[(1.0, 2.0, None), (2.0, 3.0, None)]);
        assert_eq!(both.thawed(nanos(101.5)), nanos(105.0));
        let always = freeze(&[(0.0, 1.0, Some(2.0)), (1.0, 1.0, Some(2.0))]);
        assert!(always.thawed(nanos(100.0)) > nanos(10_000.0));
    }

    #[test]
    fn nothing_is_frozen_before_the_first_request() {
        let mut freeze = Freeze::new(&[Stall { at: 0.0, lasts: 5.0, every: None }]);
        assert_eq!(freeze.thawed(7), 7);
        freeze.begin(10);
        assert_eq!(freeze.thawed(11), nanos(5.0) + 10);
        freeze.reset();
        assert_eq!(freeze.thawed(11), 11);
    }
}
