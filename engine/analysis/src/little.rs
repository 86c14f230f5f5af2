//! Little's law as a cross-check of what a load run measured.
//!
//! In a steady state the mean number inside is what enters a second times how long each stays: `L = lambda W` (Little,
//! 1961). A user is inside all the time, in a response or in thought: `users = rate (response + think)`. The law holds
//! whatever the distributions are, so where it fails, something was not counted, was counted twice, or was not steady.

use serde::Serialize;

/// What was measured while steady.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Steady {
    /// Mean number of users, or of requests in flight.
    pub users: f64,
    /// Iterations (or requests) a second.
    pub rate: f64,
    /// Mean time of one, in seconds.
    pub response: f64,
    /// Mean pause of a user between two, in seconds; zero for requests in flight.
    pub think: f64,
}

/// How well it agrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Check {
    /// `rate (response + think)`.
    pub expected: f64,
    /// Measured users over expected ones.
    pub ratio: f64,
    /// Whether the ratio is within the tolerance of one.
    pub agrees: bool,
}

/// Checks a steady state; `tolerance` is a share, 0.05 by custom. `None` when a value is not a number above zero (think
/// time may be zero).
#[must_use]
pub fn check(steady: &Steady, tolerance: f64) -> Option<Check> {
    let Steady { users, rate, response, think } = *steady;
    let usable = [users, rate, response].iter().all(|v| v.is_finite() && *v > 0.0) && think.is_finite() && think >= 0.0;
    let expected = rate * (response + think);
    usable.then(|| Check { expected, ratio: users / expected, agrees: (users / expected - 1.0).abs() <= tolerance })
}

impl Check {
    /// The outcome in words.
    #[must_use]
    pub fn in_words(&self, users: f64) -> String {
        let expected = self.expected;
        if self.agrees {
            return format!("Little's law holds: {users:.1} inside, {expected:.1} by rate times time");
        }
        let cause = if self.ratio > 1.0 {
            "some of what was inside is missing from the times (time-outs, pauses, a ramp)"
        } else {
            "times hold more than the time inside, or rates more than what was inside (queueing before the start, retries)"
        };
        format!("Little's law fails: {users:.1} inside, {expected:.1} by rate times time; {cause}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // 50 users that think 4 s and wait 1 s complete 10 a second.
        let steady = Steady { users: 50.0, rate: 10.0, response: 1.0, think: 4.0 };
        let found = check(&steady, 0.05).expect("all given");
        assert_eq!((found.expected, found.ratio, found.agrees), (50.0, 1.0, true));
        let missing = check(&Steady { response: 0.5, ..steady }, 0.05).expect("all given");
        assert!(!missing.agrees && missing.in_words(50.0).contains("missing from the times"));
        assert!(check(&Steady { rate: 0.0, ..steady }, 0.05).is_none());
        assert!(check(&Steady { response: f64::NAN, ..steady }, 0.05).is_none());
    }
}
