//! Closed models: how many users there are over time, and so from when to when each of them is active.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A stretch of time in which the number of users goes in a straight line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPhase {
    /// What rows and expectations call it.
    pub name: String,
    /// Users at its start.
    pub from: f64,
    /// Users at its end.
    pub to: f64,
    /// Length in seconds; may be infinite for the last one, where iterations end the load.
    pub duration: f64,
}

/// Why phases are impossible.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UserPhaseError {
    /// No phase.
    #[error("a load needs at least one phase")]
    NoPhase,
    /// A number of users that is none.
    #[error("phase `{0}`: users must be from 0 to 1,000,000, got `{1}`")]
    Users(String, f64),
    /// A duration that is none.
    #[error("phase `{0}` must last a positive number of seconds, got `{1}`")]
    Duration(String, f64),
}

/// A time in which a user is active, in seconds since the load's start: `[from, to)`.
pub type Active = (f64, f64);

impl UserPhase {
    /// Checks all phases of a load.
    ///
    /// # Errors
    /// If there is none, or one is impossible.
    pub fn check(phases: &[Self]) -> Result<(), UserPhaseError> {
        if phases.is_empty() {
            return Err(UserPhaseError::NoPhase);
        }
        for (at, phase) in phases.iter().enumerate() {
            for users in [phase.from, phase.to] {
                if !(0.0..=1e6).contains(&users) {
                    return Err(UserPhaseError::Users(phase.name.clone(), users));
                }
            }
            let level = phase.from.to_bits() == phase.to.to_bits();
            let endless = phase.duration == f64::INFINITY && at + 1 == phases.len() && level;
            if !(endless || (phase.duration.is_finite() && phase.duration > 0.0)) {
                return Err(UserPhaseError::Duration(phase.name.clone(), phase.duration));
            }
        }
        Ok(())
    }
}

/// The most users at any time.
pub fn most_users(phases: &[UserPhase]) -> usize {
    phases.iter().map(|phase| phase.from.max(phase.to).ceil() as usize).max().unwrap_or(0)
}

/// The length of all phases.
pub fn total_seconds(phases: &[UserPhase]) -> f64 {
    phases.iter().map(|phase| phase.duration).sum()
}

/// Makes the first `seconds` phases of their own, called `name`, with the users that they have anyway.
pub fn set_apart(phases: &mut Vec<UserPhase>, seconds: f64, name: &str) {
    let mut left = seconds;
    let mut split = Vec::with_capacity(phases.len() + 1);
    for mut phase in phases.drain(..) {
        if left >= phase.duration {
            left -= phase.duration;
            split.push(UserPhase { name: name.to_owned(), ..phase });
        } else if left > 0.0 {
            // A phase without end is level, and so is its front.
            let share = if phase.duration.is_finite() { left / phase.duration } else { 0.0 };
            let between = phase.from + (phase.to - phase.from) * share;
            split.push(UserPhase { name: name.to_owned(), from: phase.from, to: between, duration: left });
            (phase.from, phase.duration) = (between, phase.duration - left);
            left = 0.0;
            split.push(phase);
        } else {
            split.push(phase);
        }
    }
    *phases = split;
}

/// When user `number` (from 0) is active: while more than `number` users are meant. A pure function, so it does not
/// matter which thread has the user.
pub fn activity(phases: &[UserPhase], number: usize) -> Vec<Active> {
    let level = number as f64;
    let mut all: Vec<Active> = Vec::new();
    let mut start = 0.0;
    for phase in phases {
        let UserPhase { from, to, duration, .. } = *phase;
        let crossing = if from.to_bits() == to.to_bits() { 0.0 } else { (level - from) / (to - from) * duration };
        let span = match (from > level, to > level) {
            (true, true) => Some((0.0, duration)),
            (true, false) => Some((0.0, crossing.min(duration))),
            (false, true) => Some((crossing.max(0.0), duration)),
            (false, false) => None,
        };
        if let Some((on, off)) = span.filter(|(on, off)| off > on) {
            match all.last_mut() {
                Some(last) if last.1 >= start + on => last.1 = start + off,
                _ => all.push((start + on, start + off)),
            }
        }
        start += duration;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phase(from: f64, to: f64, duration: f64) -> UserPhase {
        UserPhase { name: "p".into(), from, to, duration }
    }

    #[test]
    fn ramps_steps_and_spikes() {
        let phases = [phase(0.0, 10.0, 10.0), phase(10.0, 10.0, 5.0), phase(2.0, 2.0, 5.0), phase(10.0, 0.0, 10.0)];
        UserPhase::check(&phases).unwrap();
        assert_eq!(most_users(&phases), 10);
        assert_eq!(activity(&phases, 0), [(0.0, 30.0)]);
        assert_eq!(activity(&phases, 4), [(4.0, 15.0), (20.0, 26.0)]);
        assert_eq!(activity(&phases, 10), []);
        let endless = [phase(3.0, 3.0, f64::INFINITY)];
        UserPhase::check(&endless).unwrap();
        assert_eq!(activity(&endless, 2), [(0.0, f64::INFINITY)]);
        for bad in
            [phase(-1.0, 1.0, 1.0), phase(0.0, f64::NAN, 1.0), phase(0.0, 1.0, 0.0), phase(0.0, 1.0, f64::INFINITY)]
        {
            assert!(UserPhase::check(&[bad]).is_err());
        }
    }

    #[test]
    fn a_warm_up_is_a_phase_with_the_same_users() {
        let plain = vec![phase(0.0, 10.0, 10.0), phase(10.0, 10.0, f64::INFINITY)];
        for (seconds, names) in [(0.0, "p p"), (4.0, "w p p"), (10.0, "w p"), (15.0, "w w p")] {
            let mut phases = plain.clone();
            set_apart(&mut phases, seconds, "w");
            UserPhase::check(&phases).unwrap();
            assert_eq!(phases.iter().map(|phase| phase.name.as_str()).collect::<Vec<_>>().join(" "), names);
            for number in 0..10 {
                assert_eq!(activity(&phases, number), activity(&plain, number), "{seconds} s, user {number}");
            }
        }
    }

    proptest! {
        #[test]
        fn as_many_are_active_as_are_meant(
            shape in prop::collection::vec((0_u8..12, 0_u8..12, 1_u8..9), 1..5), at in 0.001..0.999_f64
        ) {
            let phases: Vec<_> = shape.iter().map(|(a, b, d)| phase(f64::from(*a), f64::from(*b), f64::from(*d))).collect();
            let total = total_seconds(&phases);
            let time = at * total;
            let mut start = 0.0;
            let mut meant = 0.0;
            for phase in &phases {
                if time >= start {
                    meant = phase.from + (phase.to - phase.from) * ((time - start) / phase.duration).min(1.0);
                }
                start += phase.duration;
            }
            let active = (0..12).filter(|n| activity(&phases, *n).iter().any(|(on, off)| (*on..*off).contains(&time))).count();
            prop_assert!((active as f64 - meant.ceil()).abs() < 1e-9 || (meant - meant.round()).abs() < 1e-9,
                "{} active of {}", active, meant);
        }
    }
}
