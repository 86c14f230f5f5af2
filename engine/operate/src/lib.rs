//! What works while nobody watches: schedules, the notices that alerts become, and the channels by which they reach people.
//!
//! A [`Scheduler`] follows the stored schedules by a clock that tests can simulate, and starts runs through a
//! [`Starter`]. [`gather`] turns what people have not been told yet into notices in the store's outbox; [`deliver`] sends
//! what waits there, at least once. Nothing here reads arguments, the environment or the configuration: whoever starts it
//! says where secrets come from.
#![forbid(unsafe_code)]

mod advice;
pub mod channel;
pub mod child;
pub mod conditions;
pub mod cron;
pub mod deliver;
mod environment;
pub mod gather;
pub mod install;
pub mod lock;
#[cfg(test)]
mod message;
pub mod observe;
pub mod scheduler;
pub mod secret;
pub mod settings;
pub mod step;
pub mod write;

pub use channel::{Channel, SendError};
pub use conditions::Machine;
pub use cron::{Cron, CronError};
pub use deliver::deliver;
pub use gather::gather;
pub use lock::Lock;
pub use observe::observe;
pub use scheduler::{Finished, Scheduler, Starter};
pub use secret::{Secret, Secrets};
pub use settings::Settings;
