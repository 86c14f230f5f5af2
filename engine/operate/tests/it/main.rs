//! Schedules over a simulated year, alerts over simulated nights, and the outbox under channels that fail.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod confirm;
mod held;
mod nightly;
mod nights;
mod outbox;
mod year;
