//! Where runs are kept: one SQLite file.
//!
//! [`Store::open`] makes, checks and migrates the file; [`Writer`] journals the events of a live run, so that a
//! process killed at any moment loses at most its last second; readers rebuild a [`engine_core::run::RunRecord`] equal
//! to the one that folding the same events gives. Nothing outside this crate knows that there is one database.
//!
//! While a run is live, do not open its file with another build of SQLite: versions before 3.51.3 can lose writes of a
//! write-ahead log that two connections share.
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as engine_store;

mod alerts;
mod annotate;
mod answers;
mod apply;
mod baseline;
mod carry;
mod collector;
mod environments;
mod error;
mod experiments;
mod faults;
mod flusher;
mod follow;
mod history;
mod hosts;
mod journal;
mod json;
mod list;
mod normal;
mod open;
mod outbox;
mod owner;
mod place;
mod record;
mod remove;
mod resolve;
mod rows;
mod schedules;
mod schema;
mod spool;
mod told;
mod transfer;
mod upkeep;
mod verdicts;
mod windows;
mod writer;

pub use alerts::{AlertFilter, Deed, Miss};
pub use annotate::Annotation;
pub use baseline::{Baseline, NewBaseline};
pub use carry::Carried;
pub use error::Error;
pub use follow::Follower;
pub use history::HistoryFilter;
pub use list::{Filter, RunRow, StepCounts};
pub use normal::{Acceptance, Place};
pub use open::Store;
pub use outbox::{Enqueued, Load, New};
pub use owner::REASON as ABANDONED;
pub use remove::Removal;
pub use schedules::{Claim, Followed};
pub use schema::VERSION;
pub use told::{Told, ToldState, Untold};
pub use transfer::{Imported, read_export};
pub use upkeep::{Health, PrunePolicy};
pub use verdicts::StoredVerdict;
pub use writer::{EventSender, Writer};

#[cfg(test)]
#[path = "../tests/it/fixture.rs"]
mod fixture;
