//! The server as its clients see it, over real connections.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod answers;
mod api;
mod attacks;
mod client;
mod fixture;
mod live;
mod openapi;
mod schedules;
#[cfg(feature = "tier2")]
mod slow;
