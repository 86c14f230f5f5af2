//! Breaks things on purpose, within limits, and puts them back: stressors, faults on a victim that the run started, a TCP
//! proxy with toxics, and what makes all that safe: the undo journal ([`journal`]), the janitor and the caps.
//!
//! The order is always the same: what will undo a change is on the disk before the change is made; a janitor process of
//! its own session undoes it at the deadline or when its owner is gone; and the next start sweeps what was left.
#![expect(unsafe_code, reason = "mounts, namespaces, limits and signals ask for it; each block says why it is sound")]

pub mod caps;
pub mod child;
pub mod clock;
pub mod disk;
pub mod fault;
pub mod journal;
pub mod launcher;
pub mod mechanism;
pub mod process;
pub mod proxy;
pub mod room;
pub mod service;
pub mod stress;
pub mod victim;

pub use caps::Caps;
pub use journal::{Entry, Journal, JournalError};
pub use launcher::Launcher;
pub use mechanism::Mechanism;
