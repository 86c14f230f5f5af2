//! Virtual users, arrival processes, HTTP client and true latencies.
//!
//! A [`Load`] says what is run; [`Runner`] runs it on threads of its own and gives an [`Outcome`]. Each thread has its own
//! sockets ([`driver`]), users and programs; a user is data plus a [`Journey`]'s function on a small stack of its own
//! ([`coroutine`]), so it waits as if it were alone. Latency is taken from the intended start, which follows from the
//! schedule ([`model`]); what the target took and what the generator took are recorded apart ([`record`]).
//!
//! Nothing here prints or stores: results and one-second [`record::Interval`]s leave as plain data.
#![expect(unsafe_code, reason = "sockets, stacks and coroutines ask for it; each block says why it is sound")]

pub mod clock;
pub mod coroutine;
mod dns;
pub mod driver;
pub mod error;
pub mod health;
pub mod http;
pub mod journey;
pub mod json;
pub mod model;
pub mod outcome;
pub mod record;
pub mod run;
pub mod spec;
pub mod stack;
pub mod tls;
pub mod user;
pub mod websocket;
mod worker;

pub use error::{ErrorClass, Failure};
pub use journey::{Journey, Native, Script};
pub use outcome::Outcome;
pub use run::{Runner, Stopper};
pub use spec::{Load, LoadError, Workload};
pub use user::User;
