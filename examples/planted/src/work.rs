//! Work of a fixed amount: a chain of multiplications, of which no step can begin before the last has ended.

use std::iter::StepBy;
use std::ops::Range;

/// So many steps, from a seed; a step is 1.5 to 2 ns.
pub fn mix(seed: u64, steps: u64) -> u64 {
    let mut state = seed | 1;
    for step in 0..steps {
        state = (state ^ step).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }
    state
}

/// Shares items among so many threads: each takes one, leaves those of the others out, and takes the next.
pub fn share(items: usize, threads: usize, work: impl Fn(StepBy<Range<usize>>) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || work((thread..items).step_by(threads)));
        }
    });
}

/// Numbers that follow from a seed, 0 to 1.
pub struct Draws(pub u64);

impl Draws {
    /// The next, evenly spread.
    pub fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (mix(self.0, 4) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next, exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.even()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_done_once() {
        let done = std::sync::Mutex::new(Vec::new());
        share(10, 3, |items| done.lock().expect("nobody panics").extend(items));
        let mut done = done.into_inner().expect("nobody panics");
        done.sort_unstable();
        assert_eq!(done, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn draws_have_their_mean_and_follow_from_the_seed() {
        let sum = |seed| {
            let mut draws = Draws(seed);
            (0..20_000).map(|_| draws.exponential(2.0)).sum::<f64>() / 20_000.0
        };
        assert!((sum(1) - 2.0).abs() < 0.1, "{}", sum(1));
        assert_eq!(sum(1), sum(1));
        assert_ne!(mix(1, 10), mix(3, 10));
    }
}
