//! The blast radius: how much of the machine may be taken, and for how long. What goes beyond is refused with the reason,
//! before anything is changed. The figures are those of `docs`: a quarter of the available memory for a victim's limit,
//! half of it for stress; a twentieth of the disk and 2 GiB stay free; one processor stays free; ten minutes at most.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::room;

/// The limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caps {
    /// Largest share of the available memory that may be taken.
    pub memory_share: f64,
    /// Bytes of available memory that are left in any case.
    pub memory_left: u64,
    /// Share of a file system that stays free.
    pub disk_share_left: f64,
    /// Bytes of a file system that stay free in any case.
    pub disk_left: u64,
    /// Processors that get no stressor, where there is more than one.
    pub processors_left: usize,
    /// The most that a lone processor may be loaded with, in percent.
    pub lone_utilisation: u64,
    /// Processes, connections and descriptors at once.
    pub count: u64,
    /// Longest duration, in seconds.
    pub longest: f64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            memory_share: 0.5,
            memory_left: 512 << 20,
            disk_share_left: 0.05,
            disk_left: 2 << 30,
            processors_left: 1,
            lone_utilisation: 80,
            count: 4096,
            longest: 600.0,
        }
    }
}

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// Too much memory.
    #[error(
        "{wanted} MiB of memory: at most {allowed} MiB may be taken ({share:.0} % of the {available} MiB available, and {left} MiB stay free)"
    )]
    Memory {
        /// What is wanted, MiB.
        wanted: u64,
        /// What is allowed, MiB.
        allowed: u64,
        /// The share in percent.
        share: f64,
        /// What is available, MiB.
        available: u64,
        /// What stays free, MiB.
        left: u64,
    },
    /// Too much of a file system.
    #[error(
        "{wanted} MiB of disk: at most {allowed} MiB may be written there ({free} MiB are free, {left} MiB stay free)"
    )]
    Disk {
        /// What is wanted, MiB.
        wanted: u64,
        /// What is allowed, MiB.
        allowed: u64,
        /// What is free, MiB.
        free: u64,
        /// What stays free, MiB.
        left: u64,
    },
    /// The file system cannot be asked.
    #[error("the room of the file system of `{0}` is unknown")]
    Unknown(String),
    /// Every processor would be taken.
    #[error("{wanted} loaded processors: at most {allowed} of {all}, so that one stays free for the engine")]
    Processors {
        /// How many are wanted.
        wanted: usize,
        /// How many are allowed.
        allowed: usize,
        /// How many there are.
        all: usize,
    },
    /// The only processor would be taken whole.
    #[error("{wanted} % of the only processor: at most {allowed} %")]
    Lone {
        /// What is wanted.
        wanted: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// Too many of something.
    #[error("{wanted} {what}: at most {allowed}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many are wanted.
        wanted: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// No duration, or too long.
    #[error("a duration of {wanted} s: it must be more than 0 s and at most {allowed} s")]
    Duration {
        /// Seconds wanted.
        wanted: f64,
        /// Seconds allowed.
        allowed: f64,
    },
}

impl Caps {
    /// Bytes of memory that may be taken, of so many available.
    #[must_use]
    pub fn memory_allowed(&self, available: u64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a size in bytes is a size in bytes"
        )]
        let share = (available as f64 * self.memory_share.clamp(0.0, 1.0)) as u64;
        share.min(available.saturating_sub(self.memory_left))
    }

    /// Checks an amount of memory against what is available now.
    ///
    /// # Errors
    /// When it is too much.
    pub fn memory(&self, wanted: u64) -> Result<(), Refused> {
        let available = room::memory_available();
        let allowed = self.memory_allowed(available);
        if wanted <= allowed {
            return Ok(());
        }
        Err(Refused::Memory {
            wanted: wanted >> 20,
            allowed: allowed >> 20,
            share: self.memory_share * 100.0,
            available: available >> 20,
            left: self.memory_left >> 20,
        })
    }

    /// Bytes that may be written to a file system with this room.
    #[must_use]
    pub fn disk_allowed(&self, room: room::Disk) -> u64 {
        room.free.saturating_sub(self.disk_kept(room))
    }

    fn disk_kept(&self, room: room::Disk) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a size in bytes is a size in bytes"
        )]
        let share = (room.total as f64 * self.disk_share_left.clamp(0.0, 1.0)) as u64;
        share.max(self.disk_left)
    }

    /// Checks an amount of disk against what is free now where a path lies.
    ///
    /// # Errors
    /// When it is too much, or the file system cannot be asked.
    pub fn disk(&self, path: &Path, wanted: u64) -> Result<(), Refused> {
        let room = room::disk(path).ok_or_else(|| Refused::Unknown(path.display().to_string()))?;
        let allowed = self.disk_allowed(room);
        if wanted <= allowed {
            return Ok(());
        }
        Err(Refused::Disk {
            wanted: wanted >> 20,
            allowed: allowed >> 20,
            free: room.free >> 20,
            left: self.disk_kept(room) >> 20,
        })
    }

    /// How many of so many processors may be loaded.
    #[must_use]
    pub fn processors_allowed(&self, all: usize) -> usize {
        all.saturating_sub(self.processors_left).max(1)
    }

    /// Checks a number of loaded processors, each for so many percent of the time.
    ///
    /// # Errors
    /// When none stays free.
    pub fn processors(&self, wanted: usize, percent: u64, all: usize) -> Result<(), Refused> {
        let allowed = self.processors_allowed(all);
        if wanted > allowed {
            return Err(Refused::Processors { wanted, allowed, all });
        }
        if all <= self.processors_left && percent > self.lone_utilisation {
            return Err(Refused::Lone { wanted: percent, allowed: self.lone_utilisation });
        }
        Ok(())
    }

    /// Checks a number of processes, connections or descriptors.
    ///
    /// # Errors
    /// When it is too many.
    pub const fn count(&self, what: &'static str, wanted: u64) -> Result<(), Refused> {
        if wanted <= self.count { Ok(()) } else { Err(Refused::Count { what, wanted, allowed: self.count }) }
    }

    /// Checks a duration in seconds.
    ///
    /// # Errors
    /// When it is negative, nothing, endless or too long.
    pub fn duration(&self, seconds: f64) -> Result<Duration, Refused> {
        if seconds > 0.0 && seconds <= self.longest {
            return Ok(Duration::from_secs_f64(seconds));
        }
        Err(Refused::Duration { wanted: seconds, allowed: self.longest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_goes_too_far_is_refused_with_the_reason() {
        let caps = Caps::default();
        let text = |result: Result<(), Refused>| result.unwrap_err().to_string();
        assert!(text(caps.memory(u64::MAX)).contains("MiB of memory: at most"));
        assert!(text(caps.disk(Path::new("/"), u64::MAX)).contains("stay free"));
        assert!(text(caps.disk(Path::new("/nowhere/at/all"), 1)).contains("unknown"));
        assert!(text(caps.processors(4, 50, 4)).contains("one stays free"));
        assert!(text(caps.processors(1, 90, 1)).contains("only processor"));
        assert!(text(caps.count("connections", 5000)).contains("5000 connections: at most 4096"));
        for seconds in [-1.0, 0.0, f64::NAN, f64::INFINITY, 601.0] {
            assert!(caps.duration(seconds).is_err(), "{seconds}");
        }
    }

    #[test]
    fn what_is_modest_is_allowed() {
        let caps = Caps::default();
        assert!(caps.processors(1, 100, 2).is_ok() && caps.processors(1, 80, 1).is_ok());
        assert!(caps.count("processes", 4096).is_ok());
        assert_eq!(caps.duration(600.0).unwrap(), Duration::from_secs(600));
    }

    proptest! {
        #[test]
        fn something_is_always_left(available in 0_u64..1 << 44, free in 0_u64..1 << 50, used in 0_u64..1 << 50) {
            let caps = Caps::default();
            let taken = caps.memory_allowed(available);
            prop_assert!(taken == 0 || available - taken >= caps.memory_left.max(available / 2 - 1));
            let room = room::Disk { free, total: free + used };
            let written = caps.disk_allowed(room);
            prop_assert!(written == 0 || free - written >= caps.disk_left.max(room.total / 20));
        }
    }
}
