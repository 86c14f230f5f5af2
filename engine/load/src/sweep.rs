//! A sweep over users or rates: each level is held until it has been steady long enough, or as long as it may take.
//!
//! What a level is and how it is measured is the caller's [`Stage`]; this says how long each goes on, which of its windows
//! count, and when the sweep ends. Nothing is fitted here: the points go to whoever fits a scaling law.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::steady::{FEWEST, all_steady};

/// Into so many parts the steady windows of a level are cut, each a repetition of its own for a fit.
const PARTS: usize = 5;

/// What a window of a level showed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its length, in seconds.
    pub seconds: f64,
    /// Requests (or iterations) that ended well, per second.
    pub rate: f64,
    /// Mean response time, in seconds; `NaN` where none ended.
    pub response: f64,
    /// Mean number of users or requests inside.
    pub inside: f64,
}

/// What is swept.
pub trait Stage {
    /// Goes to `level` (or stays there) and holds it for `seconds`; its windows, all of one length.
    ///
    /// # Errors
    /// A sentence that ends the sweep: interrupted, or the target is gone.
    fn hold(&mut self, level: f64, seconds: f64) -> Result<Vec<Window>, String>;

    /// Waits until the target is at rest, before the next level.
    ///
    /// # Errors
    /// A sentence, when it does not come to rest.
    fn drain(&mut self) -> Result<(), String>;
}

/// Which levels, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The levels, in the order in which they are held.
    pub levels: Vec<f64>,
    /// Seconds that a level is held at once, and before it is looked at again.
    pub hold: f64,
    /// Longest time of one level, in seconds.
    pub most: f64,
}

/// One level with its steady part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Users, or the rate asked for.
    pub level: f64,
    /// Whether it became steady. If not, all its windows are kept and the numbers are of the second half.
    pub steady: bool,
    /// Seconds at its start that do not count.
    pub warmup: f64,
    /// Mean rate of the windows that count, per second.
    pub rate: f64,
    /// Mean response time, weighted by how many ended, in seconds.
    pub response: f64,
    /// Mean number inside.
    pub inside: f64,
    /// Rates of equal parts of what counts, in order: repetitions for a fit.
    pub parts: Vec<f64>,
    /// All windows, in order.
    pub windows: Vec<Window>,
}

/// What a sweep gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swept {
    /// The levels that were held.
    pub levels: Vec<Level>,
    /// Why it ended before its last level.
    pub ended: Option<String>,
}

impl Swept {
    /// Pairs of level and rate for a scaling law: the parts of each steady level.
    #[must_use]
    pub fn points(&self) -> Vec<(f64, f64)> {
        let steady = self.levels.iter().filter(|level| level.steady);
        steady.flat_map(|level| level.parts.iter().map(|rate| (level.level, *rate))).collect()
    }
}

/// Sweeps.
pub fn sweep(sweep: &Sweep, stage: &mut impl Stage) -> Swept {
    let mut levels: Vec<Level> = Vec::new();
    for level in &sweep.levels {
        if !levels.is_empty()
            && let Err(reason) = stage.drain()
        {
            return Swept { levels, ended: Some(reason) };
        }
        let mut windows = Vec::new();
        let mut held = 0.0;
        let ended = loop {
            let time = sweep.hold.min(sweep.most - held);
            match stage.hold(*level, time) {
                Ok(more) => windows.extend(more),
                Err(reason) => break Some(reason),
            }
            held += time;
            if held >= sweep.most * (1.0 - 1e-9) || time <= 0.0 || is_enough(&windows) {
                break None;
            }
        };
        if !windows.is_empty() {
            levels.push(summed(*level, windows));
        }
        if ended.is_some() {
            return Swept { levels, ended };
        }
    }
    Swept { levels, ended: None }
}

/// The series that must be steady, of windows in which something ended.
fn judged(windows: &[Window]) -> (usize, bool) {
    let rates: Vec<f64> = windows.iter().map(|window| window.rate).collect();
    let insides: Vec<f64> = windows.iter().map(|window| window.inside).collect();
    let responses: Vec<f64> = windows.iter().map(|window| window.response).collect();
    let found = if responses.iter().all(|response| response.is_finite()) {
        all_steady(&[&rates, &responses, &insides])
    } else {
        all_steady(&[&rates, &insides])
    };
    (found.dropped, found.steady)
}

/// Whether a level has been steady for long enough: as long as its warm-up, and for [`FEWEST`] windows.
fn is_enough(windows: &[Window]) -> bool {
    let (dropped, steady) = judged(windows);
    let left = windows.len() - dropped;
    steady && left >= FEWEST.max(dropped)
}

fn summed(level: f64, windows: Vec<Window>) -> Level {
    let (dropped, steady) = judged(&windows);
    let dropped = if steady { dropped } else { windows.len() / 2 };
    let kept = &windows[dropped..];
    let time: f64 = kept.iter().map(|window| window.seconds).sum();
    let over = |of: fn(&Window) -> f64| kept.iter().map(|window| of(window) * window.seconds).sum::<f64>() / time;
    let ended: f64 = kept.iter().map(|window| window.rate * window.seconds).sum();
    let waited = kept.iter().filter(|window| window.response.is_finite());
    let response = waited.map(|window| window.response * window.rate * window.seconds).sum::<f64>() / ended;
    let size = (kept.len() / PARTS).max(1);
    // What does not fill a part goes to the last.
    let parts = (0..PARTS.min(kept.len())).map(|part| {
        let end = if part + 1 == PARTS { kept.len() } else { (part + 1) * size };
        let part = &kept[part * size..end];
        let seconds: f64 = part.iter().map(|window| window.seconds).sum();
        part.iter().map(|window| window.rate * window.seconds).sum::<f64>() / seconds
    });
    Level {
        level,
        steady,
        warmup: windows[..dropped].iter().map(|window| window.seconds).sum(),
        rate: over(|window| window.rate),
        response,
        inside: over(|window| window.inside),
        parts: parts.collect(),
        windows,
    }
}
