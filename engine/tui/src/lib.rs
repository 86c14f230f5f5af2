//! The live view in a terminal: what a run does while it does it, and what the machine does.
//!
//! [`Live`] takes events and keeps what is shown, never more than a few hundred numbers; [`Screen`] owns the terminal and a
//! thread that draws it at most four times a second and reads the keys. A run never waits for either: the sink updates
//! `Live` under a lock that is held for microseconds, and drawing works on a copy.

#![forbid(unsafe_code)]

mod draw;
mod keys;
mod live;
mod ring;
mod screen;

pub use keys::Wish;
pub use live::{HostView, Line, Live, LoadView, Mark, StepLine};
pub use ring::Ring;
pub use screen::{Screen, ScreenError, Updater, possible};
