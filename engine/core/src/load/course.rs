//! The course of a load: its windows, and what a metric was in each.

use super::{LoadWindow, WindowRow};
use crate::histogram::Packed;
use crate::series::Labels;

/// Windows that are kept of one round. When there are more, neighbours of one phase are joined, so that a load of a day
/// takes no more room than one of an hour; the shortest first, so that early hours are kept as finely as late ones.
pub const MOST_WINDOWS: usize = 2400;

/// Adds a window to those of a step; see [`MOST_WINDOWS`]. Gives whether earlier ones were joined.
pub fn keep(windows: &mut Vec<LoadWindow>, window: LoadWindow) -> bool {
    let round = window.round;
    let of_round = |windows: &[LoadWindow]| windows.iter().filter(|known| known.round == round).count();
    windows.push(window);
    if of_round(windows) <= MOST_WINDOWS {
        return false;
    }
    // New windows grow to what the old ones have become before those grow again. A quarter is made free at a time: else
    // a long load would join, and store anew, with every window or two.
    let lengths = windows.iter().filter(|known| known.round == round).map(|known| known.seconds);
    let mut longest = lengths.fold(1.0, f64::max);
    loop {
        let before = windows.len();
        *windows = joined(std::mem::take(windows), round, longest);
        // Where every neighbour is of another phase there is nothing to join, however long windows may be.
        let whole = longest > windows.last().map_or(0.0, LoadWindow::end) || longest.is_infinite();
        let all_apart = windows.len() == before && whole;
        if of_round(windows) <= MOST_WINDOWS / 4 * 3 || all_apart {
            return true;
        }
        longest *= 2.0;
    }
}

/// The windows, those of `round` joined with their neighbours of the same phase up to a length of `longest` seconds.
fn joined(windows: Vec<LoadWindow>, round: u32, longest: f64) -> Vec<LoadWindow> {
    let mut joined: Vec<LoadWindow> = Vec::with_capacity(windows.len());
    for window in windows {
        // A hundredth more: windows end when a clock was read, not on the second.
        let fits = |last: &&mut LoadWindow| {
            let same = window.round == round && last.round == round && last.phase == window.phase;
            same && window.end() - last.at <= 1.01 * longest
        };
        match joined.last_mut().filter(fits) {
            Some(last) => last.join(&window),
            None => joined.push(window),
        }
    }
    joined
}

/// Rows of consecutive stretches of a load, each as long as a window of an expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Each stretch: start and length in seconds, users at its end, and what ended in it.
    pub stretches: Vec<Stretch>,
}

/// One stretch.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Start, in seconds since the load's start.
    pub at: f64,
    /// Length in seconds, as far as there are windows.
    pub seconds: f64,
    /// Most users at the end of a window.
    pub users: u64,
    /// Windows in it in which something ended, and at most 5 % not well.
    pub available: usize,
    /// Windows in it.
    pub windows: usize,
    /// What ended in it.
    pub row: WindowRow,
}

/// A second counts as available when something ended in it and at most this share did not end well.
const BAD: f64 = 0.05;

impl WindowRow {
    /// Whether the target was there: something ended, and at most 5 % of it not well.
    #[must_use]
    pub fn is_available(&self) -> bool {
        let ended = self.ended();
        ended > 0 && (ended - self.ok) as f64 <= BAD * ended as f64
    }
}

/// Makes stretches of windows, one window after the other: nothing of a window is kept but its part of the stretch that is
/// under way.
#[derive(Debug, Clone)]
pub struct Stretches {
    round: u32,
    wanted: Labels,
    phase: Option<String>,
    length: f64,
    origin: Option<f64>,
    any: bool,
    open: Option<(i64, Stretch)>,
}

impl Stretches {
    /// Stretches of `length` seconds of one round: of the rows that `labels` names (the row of everything where it names none
    /// of `name`, `group`, `journey`), within one phase where it names `phase`. Windows of the warm-up are left out.
    #[must_use]
    pub fn new(round: u32, labels: &Labels, length: f64) -> Self {
        let mut wanted = labels.clone();
        let phase = wanted.0.remove("phase");
        Self { round, wanted, phase, length, origin: None, any: false, open: None }
    }

    /// Takes the next window; gives the stretch that is over with it.
    pub fn take(&mut self, window: &LoadWindow) -> Option<Stretch> {
        let phase = self.phase.as_ref().is_none_or(|phase| *phase == window.phase);
        if window.round != self.round || !window.counts() || !phase {
            return None;
        }
        // Stretches are counted from where it begins to count: the end of the warm-up, or the phase's start.
        let origin = *self.origin.get_or_insert(window.at);
        // Ends of windows are late by microseconds.
        let number = ((window.at - origin + 0.5 * window.seconds.min(self.length)) / self.length).floor() as i64;
        let whole = self.wanted.is_empty();
        let fits = |row: &&WindowRow| if whole { row.labels.is_empty() } else { row.labels.matches(&self.wanted) };
        let mut row = WindowRow::default();
        for found in window.rows.iter().filter(fits) {
            self.any = true;
            row.merge(found);
        }
        let available = usize::from(row.is_available());
        if let Some((_, stretch)) = self.open.as_mut().filter(|(known, _)| *known == number) {
            stretch.seconds = window.end() - stretch.at;
            stretch.users = stretch.users.max(window.users);
            stretch.available += available;
            stretch.windows += 1;
            stretch.row.merge(&row);
            return None;
        }
        let begun = Stretch { at: window.at, seconds: window.seconds, users: window.users, available, windows: 1, row };
        self.open.replace((number, begun)).map(|(_, stretch)| stretch)
    }

    /// The stretch that is under way.
    #[must_use]
    pub fn under_way(&self) -> Option<&Stretch> {
        self.open.as_ref().map(|(_, stretch)| stretch)
    }

    /// Whether some window had a row of those that are wanted.
    #[must_use]
    pub const fn found_any(&self) -> bool {
        self.any
    }
}

impl Course {
    /// All of [`Stretches`], without a last one that is not even half as long. `None` where no window has such a row.
    #[must_use]
    pub fn of(windows: &[LoadWindow], round: u32, labels: &Labels, length: f64) -> Option<Self> {
        let mut making = Stretches::new(round, labels, length);
        let mut stretches: Vec<Stretch> = windows.iter().filter_map(|window| making.take(window)).collect();
        let last = making.under_way().filter(|last| stretches.is_empty() || last.seconds >= 0.5 * length);
        stretches.extend(last.cloned());
        (making.found_any() && !stretches.is_empty()).then_some(Self { stretches })
    }
}

impl Stretch {
    /// A histogram of latencies by the metric's name.
    #[must_use]
    pub fn histogram(&self, metric: &str) -> Option<&Packed> {
        match metric {
            "response" => self.row.response.as_ref(),
            "service" => self.row.service.as_ref(),
            "lag" => self.row.lag.as_ref(),
            _ => None,
        }
    }

    /// A number by the metric's name, in its unit.
    #[must_use]
    pub fn value(&self, metric: &str) -> Option<f64> {
        let row = &self.row;
        let ended = row.ended();
        let per_second = |count: u64| (self.seconds > 0.0).then(|| count as f64 / self.seconds);
        match metric {
            "rate" => per_second(row.ok),
            "requests" => per_second(row.started),
            "received" => per_second(row.bytes_in),
            "sent" => per_second(row.bytes_out),
            "errors" => (ended > 0).then(|| (ended - row.ok) as f64 / ended as f64),
            "availability" => (self.windows > 0).then(|| self.available as f64 / self.windows as f64),
            "users" => Some(self.users as f64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;
    use crate::load::WARM_UP;

    fn window(at: u32, phase: &str, nanos: u64, ok: u64, failed: u64) -> LoadWindow {
        let mut response = Histogram::new();
        response.record_n(nanos, ok + failed);
        let row =
            WindowRow { started: ok + failed, ok, failed, response: Some(response.into()), ..WindowRow::default() };
        let named = WindowRow { labels: Labels::new().with("name", "GET /"), ..row.clone() };
        LoadWindow {
            step: 0,
            round: 0,
            at: f64::from(at),
            seconds: 1.0,
            rows: vec![row, named],
            users: u64::from(at),
            phase: phase.into(),
        }
    }

    #[test]
    fn stretches_are_whole_and_leave_the_warm_up_out() {
        let phase = |at| {
            if at < 3 {
                WARM_UP
            } else if at < 8 {
                "a"
            } else {
                "b"
            }
        };
        let windows: Vec<LoadWindow> = (0..14).map(|at| window(at, phase(at), u64::from(at) + 1, 9, 1)).collect();
        let all = Course::of(&windows, 0, &Labels::new(), 5.0).unwrap().stretches;
        // From 3 on: 3..8, 8..13, and a single second, which is too short.
        assert_eq!(
            all.iter().map(|s| (s.at, s.seconds, s.row.ok)).collect::<Vec<_>>(),
            [(3.0, 5.0, 45), (8.0, 5.0, 45)]
        );
        assert_eq!(all[0].histogram("response").unwrap().max(), Some(8));
        assert_eq!(
            (all[0].value("rate"), all[0].value("errors"), all[0].value("users")),
            (Some(9.0), Some(0.1), Some(7.0))
        );
        assert_eq!(all[0].value("availability"), Some(0.0), "a tenth failed in each second");
        let b = Course::of(&windows, 0, &Labels::new().with("phase", "b"), 3.0).unwrap().stretches;
        assert_eq!(b.iter().map(|s| s.at).collect::<Vec<_>>(), [8.0, 11.0]);
        assert!(Course::of(&windows, 0, &Labels::new().with("name", "GET /"), 3.0).is_some());
        assert_eq!(Course::of(&windows, 0, &Labels::new().with("name", "GET /x"), 3.0), None);
        assert_eq!(Course::of(&windows, 1, &Labels::new(), 3.0), None);
    }

    #[test]
    fn a_long_load_keeps_a_bounded_number_of_windows_and_loses_no_request() {
        let mut windows = Vec::new();
        for at in 0..10_000 {
            keep(&mut windows, window(at, if at < 5000 { "a" } else { "b" }, 5, 2, 1));
        }
        assert!((MOST_WINDOWS / 2..=MOST_WINDOWS).contains(&windows.len()), "{}", windows.len());
        assert_eq!(windows.iter().map(|w| w.total().unwrap().ended()).sum::<u64>(), 30_000);
        assert_eq!(windows.iter().map(|w| w.total().unwrap().response.as_ref().unwrap().count()).sum::<u64>(), 30_000);
        assert!(windows.windows(2).all(|two| (two[0].end() - two[1].at).abs() < 1e-9), "no gap and no overlap");
        let longest = windows.iter().map(|w| w.seconds).fold(0.0, f64::max);
        assert!(longest <= 8.0, "early hours are not coarser than they need be: {longest} s");
    }

    #[test]
    fn windows_of_which_each_is_a_phase_are_all_kept() {
        let mut windows = Vec::new();
        for at in 0..3000 {
            keep(&mut windows, window(at, ["a", "b"][usize::from(at % 2 == 0)], 5, 2, 1));
        }
        assert_eq!(windows.len(), 3000);
    }
}
