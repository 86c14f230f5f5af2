//! A word that two CPUs hand to each other: one stores the next number, the other waits until it sees it, and back.
//!
//! As multichase's `pingpong -u` and Chips and Cheese: plain stores and loads, or `compare_exchange`. Waiting is a bare
//! loop of loads: a `pause` would add up to half of what is measured. It gives up after very many turns, so that two
//! sides that cannot run at once end in an error.

use std::sync::atomic::{AtomicU64, Ordering};

/// How the word is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The waiter loads, then stores.
    Store,
    /// The waiter tries to exchange, which asks for the line for writing at once.
    Exchange,
}

/// The word, alone on its lines. It counts hand-overs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Ball(AtomicU64);

/// The other side did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hand-over {0} was not answered: the two threads do not run at the same time")]
pub struct Stalled(u64);

/// Loads without an answer after which a side gives up: about a second, many turns of a busy scheduler.
const PATIENCE: u32 = 1 << 31;

impl Ball {
    /// Hand-overs until now.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// The side that begins: hands over and waits for the answer, `trips` times. `from` is [`Ball::count`] before
    /// either side began.
    ///
    /// # Errors
    /// When the other side does not answer.
    pub fn serve(&self, method: Method, from: u64, trips: u64) -> Result<(), Stalled> {
        for trip in 0..trips {
            let at = from + 2 * trip;
            self.hand(method, at)?;
        }
        self.wait(from + 2 * trips)
    }

    /// The side that answers, `trips` times.
    ///
    /// # Errors
    /// When the other side does not begin.
    pub fn answer(&self, method: Method, from: u64, trips: u64) -> Result<(), Stalled> {
        for trip in 0..trips {
            self.hand(method, from + 2 * trip + 1)?;
        }
        Ok(())
    }

    /// Waits until the word is `at`, and makes it one more.
    #[inline(always)]
    fn hand(&self, method: Method, at: u64) -> Result<(), Stalled> {
        match method {
            Method::Store => {
                self.wait(at)?;
                self.0.store(at + 1, Ordering::Release);
            }
            Method::Exchange => {
                let mut turns = 0u32;
                while self.0.compare_exchange_weak(at, at + 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                    turns += 1;
                    if turns == PATIENCE {
                        return Err(Stalled(at));
                    }
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn wait(&self, at: u64) -> Result<(), Stalled> {
        let mut turns = 0u32;
        while self.0.load(Ordering::Acquire) != at {
            turns += 1;
            if turns == PATIENCE {
                return Err(Stalled(at));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hand_over_is_counted() {
        for method in [Method::Store, Method::Exchange] {
            let ball = Ball::default();
            std::thread::scope(|scope| {
                let answer = scope.spawn(|| ball.answer(method, 0, 20));
                ball.serve(method, 0, 20).unwrap();
                answer.join().unwrap().unwrap();
            });
            assert_eq!(ball.count(), 40);
        }
    }

    #[test]
    fn a_side_without_a_partner_gives_up() {
        let ball = Ball::default();
        assert_eq!(ball.serve(Method::Store, 0, 1), Err(Stalled(2)));
    }
}
