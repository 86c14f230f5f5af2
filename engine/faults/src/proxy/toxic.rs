//! What can be wrong with a network.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the target.
    Up,
    /// From the target to the client.
    Down,
}

/// A toxic with its direction and probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Toxic {
    /// What it does.
    pub kind: Kind,
    /// Which way; a reset and a time-out end both.
    pub direction: Direction,
    /// How likely it hits, 0 to 1: each message (latency, slicer) or each connection (all others).
    pub probability: f64,
}

/// What a toxic does. Times in seconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Holds a message back for a time, give or take the jitter (evenly spread). A message is what flows one way after
    /// something flowed the other way: a request, or a response.
    Latency {
        /// How long.
        delay: f64,
        /// By how much it varies.
        jitter: f64,
    },
    /// Lets so many bytes a second through.
    Bandwidth {
        /// Bytes a second.
        rate: f64,
    },
    /// Holds the end of a connection back.
    SlowClose {
        /// How long.
        delay: f64,
    },
    /// Lets nothing through any more, and closes after a time; never when that is 0.
    Timeout {
        /// When it closes.
        after: f64,
    },
    /// Resets the connection after a time.
    Reset {
        /// When.
        after: f64,
    },
    /// Cuts a message into pieces with pauses between them.
    Slicer {
        /// Size of a piece.
        size: usize,
        /// Pause between two.
        delay: f64,
    },
    /// Closes when so many bytes have gone through.
    Limit {
        /// How many.
        bytes: u64,
    },
}

/// Why a toxic makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ToxicError {
    /// A probability outside 0 to 1.
    #[error("a probability of {0}: it must be between 0 and 1")]
    Probability(f64),
    /// A time that is negative, endless or longer than ten minutes.
    #[error("a time of {0} s: it must be between 0 and 600 s")]
    Time(f64),
    /// A jitter larger than what it varies.
    #[error("a jitter of {0} s around {1} s would go back in time")]
    Jitter(f64, f64),
    /// No rate.
    #[error("a bandwidth of {0} B/s: it must be more than 0")]
    Rate(f64),
    /// Pieces of nothing.
    #[error("pieces of 0 bytes")]
    Piece,
}

impl Toxic {
    /// One that hits everything one way.
    #[must_use]
    pub const fn new(kind: Kind, direction: Direction) -> Self {
        Self { kind, direction, probability: 1.0 }
    }

    /// With a probability.
    #[must_use]
    pub const fn with(self, probability: f64) -> Self {
        Self { probability, ..self }
    }

    /// Checks it.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn check(&self) -> Result<(), ToxicError> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(ToxicError::Probability(self.probability));
        }
        let time = |seconds: f64| match seconds {
            seconds if (0.0..=600.0).contains(&seconds) => Ok(()),
            seconds => Err(ToxicError::Time(seconds)),
        };
        match self.kind {
            Kind::Latency { delay, jitter } => {
                time(delay)?;
                time(jitter)?;
                if jitter > delay { Err(ToxicError::Jitter(jitter, delay)) } else { Ok(()) }
            }
            Kind::Bandwidth { rate } if !(rate > 0.0 && rate.is_finite()) => Err(ToxicError::Rate(rate)),
            Kind::SlowClose { delay } => time(delay),
            Kind::Timeout { after } | Kind::Reset { after } => time(after),
            Kind::Slicer { size: 0, .. } => Err(ToxicError::Piece),
            Kind::Slicer { delay, .. } => time(delay),
            Kind::Bandwidth { .. } | Kind::Limit { .. } => Ok(()),
        }
    }

    /// Whether it is decided for each message anew; else once for each connection.
    pub(super) const fn per_message(&self) -> bool {
        matches!(self.kind, Kind::Latency { .. } | Kind::Slicer { .. })
    }
}

/// Seconds as a duration; checked values are never negative.
pub(super) fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let up = |kind| Toxic::new(kind, Direction::Up).check();
        assert!(up(Kind::Latency { delay: -1.0, jitter: 0.0 }).is_err());
        assert!(up(Kind::Latency { delay: f64::INFINITY, jitter: 0.0 }).is_err());
        assert!(up(Kind::Latency { delay: 0.1, jitter: 0.2 }).is_err());
        assert!(up(Kind::Bandwidth { rate: 0.0 }).is_err());
        assert!(up(Kind::Bandwidth { rate: f64::NAN }).is_err());
        assert!(up(Kind::Slicer { size: 0, delay: 0.0 }).is_err());
        assert!(up(Kind::Reset { after: 601.0 }).is_err());
        assert!(Toxic::new(Kind::Limit { bytes: 1 }, Direction::Down).with(1.1).check().is_err());
        assert!(up(Kind::Limit { bytes: 0 }).is_ok());
    }
}
